"""Whatever a tool returns or raises becomes a text that can be sent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

import attrs
import numpy as np
import pydantic
import pytest

from realtime_sync.events import parse_event
from realtime_sync.tools.outputs import (
    MAX_OUTPUT_CHARS,
    error_text,
    exception_text,
    output_text,
)


class Odd:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class OddProperties:
    @property
    def tolist(self) -> Any:
        raise RuntimeError("not now")

    def __str__(self) -> str:
        return "odd properties"


class Unit(Enum):
    CELSIUS = "celsius"


class Text(str):
    __slots__ = ()


@dataclass
class Place:
    name: str
    unit: Unit


@attrs.frozen
class Span:
    first: int


class Person(pydantic.BaseModel):
    born: date


class Lazy(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter("a")

    def __len__(self) -> int:
        return 1


def circle() -> dict[str, Any]:
    found: dict[str, Any] = {"a": 1}
    found["again"] = [found]
    return found


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


TWICE = [1]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ("hello", "hello"),
        ("", ""),
        (Text("hello"), "hello"),
        ("caf\u00e9 \U0001f600", "caf\u00e9 \U0001f600"),
        ("half \ud83d", "half \ufffd"),
        ("two \ud83d\ude00", "two \U0001f600"),
        ({"a": "\udce9"}, '{"a": "\ufffd"}'),
        (None, "null"),
        (True, "true"),
        (1.5, "1.5"),
        (float("nan"), '"nan"'),
        ({"x": float("-inf")}, '{"x": "-inf"}'),
        (b"caf\xc3\xa9", "caf\u00e9"),
        (b"\xff", "\ufffd"),
        ([b"a"], '["a"]'),
        ({"city": "K\u00f6ln"}, '{"city": "K\u00f6ln"}'),
        ({(1, 2): 3, None: 4, 5: 6, True: 7}, '{"[1, 2]": 3, "null": 4, "5": 6, "true": 7}'),
        ((1, "a"), '[1, "a"]'),
        ({1}, "[1]"),
        ([TWICE, TWICE], "[[1], [1]]"),
        (circle(), '{"a": 1, "again": ["…"]}'),
        (Odd(), '"<Odd>"'),
        ([Odd()], '["<Odd>"]'),
        (OddProperties(), '"odd properties"'),
        (date(2024, 1, 2), '"2024-01-02"'),
        (int, "\"<class 'int'>\""),
        (Unit.CELSIUS, '"celsius"'),
        (Place("here", Unit.CELSIUS), '{"name": "here", "unit": "celsius"}'),
        (Span(1), '{"first": 1}'),
        (Person(born=date(2024, 1, 2)), '{"born": "2024-01-02"}'),
        (Lazy(), '{"a": 1}'),
        (np.float32(1.5), "1.5"),
        (np.float64("nan"), '"nan"'),
        (np.int64(3), "3"),
        (np.array([[1, 2]]), "[[1, 2]]"),
        ({"x": np.bool_(True)}, '{"x": true}'),
        (10**5000, "<int>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_results(result: object, expected: str) -> None:
    assert output_text(result) == expected
    output_text(result).encode()


def test_an_event_of_the_servers() -> None:
    text = '{"type": "session.closed", "event_id": "event_1"}'
    assert json.loads(output_text(parse_event(text))) == json.loads(text)


def test_what_is_nested_deeply_is_cut() -> None:
    assert output_text(nested(49)) == "[" * 50 + "]" * 50
    assert output_text(nested(100_000)) == "[" * 50 + '"…"' + "]" * 50


def test_a_long_text_is_cut() -> None:
    longest = "x" * MAX_OUTPUT_CHARS
    assert output_text(longest) == longest
    cut = output_text(longest + "y")
    assert cut == f"{longest}… (cut here: the output has {MAX_OUTPUT_CHARS + 1} characters)"


def test_errors() -> None:
    assert error_text("caf\udce9") == '{"error": "caf\ufffd"}'
    assert exception_text(ValueError("no")) == "ValueError: no"
    assert exception_text(KeyError()) == "KeyError"

    class OddError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert exception_text(OddError()) == "OddError: <OddError>"
