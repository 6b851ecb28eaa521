"""The replies of a script: text with ``{name}`` and ``{function:name}`` in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from string import Formatter
from typing import Any

__all__ = ["BUILT_INS", "FUNCTIONS", "names_in", "number_in", "render", "texts_in"]

_ONES = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen"),
    *("fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = {
    name: value
    for value, name in zip(
        range(20, 100, 10),
        ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"),
        strict=True,
    )
}
_WORTH = {**{name: value for value, name in enumerate(_ONES)}, **_TENS}
_HUNDRED = "hundred"
_COUNT_MAX = 100
_MOST_DIGITS = 15  # what a JSON number holds exactly wherever it is read


def _clock(now: datetime) -> str:
    return f"{now.hour % 12 or 12}:{now.minute:02} {'AM' if now.hour < 12 else 'PM'}"


def _date(now: datetime) -> str:
    return f"{now:%B} {now.day}"


BUILT_INS: Mapping[str, Callable[[datetime], str]] = {
    "date": _date,
    "time": _clock,
    "weekday": lambda now: f"{now:%A}",
}


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."


def _count(text: str) -> str:
    return ", ".join(_number_name(n) for n in range(1, _number(text) + 1))


def _number(text: str) -> int:
    """Return the number in ``text`` (``"25"`` or ``"twenty five"``), within 1 to 100."""
    return min(max(_worth(re.findall(r"\w+", text.lower())), 1), _COUNT_MAX)


def number_in(text: str) -> int | None:
    """Return the number that ``text`` is, as digits or as English words; None if it is none."""
    words = text.lower().split()
    known = all(word.isdecimal() or word in _WORTH or word == _HUNDRED for word in words)
    return _worth(words) if words and known else None


def _worth(words: Iterable[str]) -> int:
    """Return the number that ``words`` make; those that belong to no number count nothing."""
    total = 0
    for word in words:
        if word.isdecimal():
            total = int(word[:_MOST_DIGITS])
        elif word == _HUNDRED:
            total = max(total, 1) * 100
        else:
            total += _WORTH.get(word, 0)
    return total


def _number_name(number: int) -> str:
    if number < len(_ONES):
        return _ONES[number]
    if number == _COUNT_MAX:
        return "one hundred"
    tens = next(word for word, value in _TENS.items() if value == number // 10 * 10)
    return f"{tens} {_ONES[number % 10]}" if number % 10 else tens


FUNCTIONS: Mapping[str, Callable[[str], str]] = {
    "count": _count,
    "sentence": _sentence,
    "title": str.title,
}


def names_in(template: str) -> list[tuple[str, str | None]]:
    """Return ``(name, function or None)`` of every placeholder.

    Raises:
        ValueError: a brace without its partner, or something else than names in braces.
    """
    names: list[tuple[str, str | None]] = []
    for _, field, spec, conversion in Formatter().parse(template):
        if field is None:
            continue
        pair = (spec, field) if spec else (field, None)
        if conversion or not pair[0].isidentifier():
            raise ValueError(f"{{{field}}} is not a placeholder; write {{name}}")
        if pair[1] is not None and pair[1] not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise ValueError(f"{{{field}:{spec}}} names no function; choose from {known}")
        names.append(pair)
    return names


def texts_in(value: Any) -> Iterator[str]:
    """Yield the texts in ``value``, a JSON value, at any depth; names of fields are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from texts_in(part)
    elif isinstance(value, (list, tuple)):  # YAML's !!omap brings tuples
        for part in value:
            yield from texts_in(part)


def render(template: str, values: Mapping[str, str], now: datetime) -> str | None:
    """Fill ``template``, or return None when ``values`` lacks one of its names."""
    text = ""
    for literal, field, spec, _ in Formatter().parse(template):
        text += literal
        if field is None:
            continue
        value = values.get(spec or field)
        if value is None and field in BUILT_INS:
            value = BUILT_INS[field](now)
        if value is None:
            return None
        text += FUNCTIONS[field](value) if spec else value
    return text
