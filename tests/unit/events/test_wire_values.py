"""Values of any type, read as what is expected or as nothing."""

from __future__ import annotations

import pytest

from realtime_sync.events.wire_values import as_number, as_object, as_text


@pytest.mark.parametrize("value", [None, 5, True, [], ["x"], {}, b"x"])
def test_what_is_no_text_is_none(value: object) -> None:
    assert as_text(value) is None
    assert as_text("x") == "x"


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
