"""Values of any type, read as what is expected or as nothing."""

from __future__ import annotations

import pytest

from realtime_sync.events.wire_values import as_code, as_id, as_index, as_number, as_object, as_text


@pytest.mark.parametrize("value", [None, 5, True, [], ["x"], {}, b"x"])
def test_what_is_no_text_is_none(value: object) -> None:
    assert as_text(value) is None
    assert as_text("x") == "x"


@pytest.mark.parametrize(
    ("value", "code"),
    [("x", "x"), (429, "429"), (True, None), (1.5, None), (None, None), ([], None)],
)
def test_a_code_may_be_a_number(value: object, code: str | None) -> None:
    assert as_code(value) == code


@pytest.mark.parametrize("value", [None, 5, [], "", "half \ud83d"])
def test_what_can_not_be_sent_back_is_no_id(value: object) -> None:
    assert as_id(value) is None
    assert as_id("item_ü") == "item_ü"


@pytest.mark.parametrize(
    ("value", "index"), [(0, 0), (3, 3), (2.0, 2), (-1, 0), (None, 0), ("1", 0), (10**400, 0)]
)
def test_an_index_is_a_place(value: object, index: int) -> None:
    assert as_index(value) == index


@pytest.mark.parametrize("value", [None, 5, "x", [], ["x"]])
def test_what_is_no_object_is_an_empty_one(value: object) -> None:
    assert as_object(value) == {}
    assert as_object({"a": None}) == {"a": None}


@pytest.mark.parametrize(
    "value",
    [None, "5", True, [], float("nan"), float("inf"), float("-inf"), 10**400, -(10**400), 1.1e15],
)
def test_what_is_no_number_is_none(value: object) -> None:
    assert as_number(value) is None


@pytest.mark.parametrize("value", [0, -3, 2.5, 10**15, -(10**15)])
def test_a_number_is_a_float(value: float) -> None:
    assert as_number(value) == value
    assert isinstance(as_number(value), float)
