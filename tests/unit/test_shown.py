"""What errors show of values: short, and never an error of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from realtime_sync._shown import shown


@pytest.mark.parametrize("value", [None, 7, "x", b"x", [7], {"a": 1}, "a\nb", "\ud800", 1.5])
def test_what_is_short_is_its_repr(value: object) -> None:
    assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "value", ["x" * 1_000_000, bytes(1_000_000), [7] * 1_000, 10**4_000, {"a": "x" * 300}]
)
def test_what_is_long_is_cut(value: object) -> None:
    text = shown(value)
    assert len(text) == 150
    assert text[:-1] == repr(value)[:149]
    assert text[-1] == "…"


def test_a_text_of_the_very_length_is_whole() -> None:
    assert shown("x" * 148) == repr("x" * 148)
    assert shown("x" * 149) == repr("x" * 149)[:149] + "…"


def test_what_has_no_repr_is_named_by_its_type() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]

    class Odd:
        def __repr__(self) -> str:
            raise KeyError

    assert [shown(deep), shown(10**5_000), shown(Odd())] == ["<list>", "<int>", "<Odd>"]
    while deep:
        deep = deep.pop()  # piece by piece: some Pythons free it recursively


def test_it_is_one_line() -> None:
    assert "\n" not in shown(np.zeros((2, 2)))
