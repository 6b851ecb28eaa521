from __future__ import annotations

import inspect
import os
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from realtime_sync._required import (
    is_absent,
    is_async,
    is_number,
    is_whole,
    require,
    require_count,
    require_flag,
    require_function,
    require_length,
    require_name,
    require_object,
    require_parameters,
    require_path,
    require_text,
    require_text_values,
    require_texts,
    returned,
)
from realtime_sync.errors import ConfigError

Check = Callable[..., None]


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (require_text, ""),
        (require_text, "Grüße 🎈"),
        (require_name, "a"),
        (require_texts, []),
        (require_texts, ("a", "b")),
        (require_text_values, {}),
        (require_text_values, {"a": "b"}),
        (require_object, {}),
        (require_count, 0),
        (require_count, 7),
        (require_length, 0),
        (require_length, 7.5),
        (require_flag, False),
        (require_function, print),
        (require_path, Path("a.wav")),
        (require_path, os.fsdecode(b"caf\xe9.wav")),
    ],
)
def test_what_fits_passes(check: Check, value: object) -> None:
    check(value, "it", error=ConfigError)


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        (require_text, b"a", "it must be a text, not b'a'"),
        (require_text, "\ud800", "it must be a text, not "),
        (require_name, "", "it must be a text with something in it, not ''"),
        (require_name, " ", "it must be a text with something in it, not ' '"),
        (require_name, 5, "it must be a text with something in it, not 5"),
        (require_texts, "ab", "it must be a list of texts, not 'ab'"),
        (require_texts, ["a", 7], "it must be a list of texts, not "),
        (require_text_values, {"a": 7}, "it must be a dictionary of texts, not "),
        (require_text_values, {7: "a"}, "it must be a dictionary of texts, not "),
        (require_object, [], "it must be a dictionary, not "),
        (require_count, -1, "it must be a whole number, 0 or more, not -1"),
        (require_count, True, "it must be a whole number, 0 or more, not True"),
        (require_count, 1.0, "it must be a whole number, 0 or more, not 1.0"),
        (require_length, -0.5, "it must be a number, 0 or more, not -0.5"),
        (require_length, float("nan"), "it must be a number, 0 or more, not nan"),
        (require_length, float("inf"), "it must be a number, 0 or more, not inf"),
        (require_length, True, "it must be a number, 0 or more, not True"),
        (require_length, "7", "it must be a number, 0 or more, not '7'"),
        (require_length, 10**400, "it must be a number, 0 or more, not 1000"),
        (require_flag, 1, "it must be True or False, not 1"),
        (require_function, "print", "it must be a function, not 'print'"),
        (
            require_path,
            b"a",
            "it must be the path of a file, a text or a Path, such as os.fsdecode(",
        ),
        (require_path, "a\0b", "it must be the path of a file"),
        (require_path, "\ud800", "it must be the path of a file"),
    ],
)
def test_what_does_not_fit_is_named_with_its_rule(check: Check, value: object, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(value, "it", error=ConfigError)
    assert str(caught.value).startswith(words)


def test_a_long_value_is_told_in_part() -> None:
    with pytest.raises(ConfigError) as caught:
        require(False, "it must be short", "x" * 1000, error=ConfigError)
    assert len(str(caught.value)) < 180


def test_the_least_count_is_told() -> None:
    require_count(1, "it", least=1, error=ConfigError)
    with pytest.raises(ConfigError, match="must be a whole number, 1 or more, not 0"):
        require_count(0, "it", least=1, error=ConfigError)


@pytest.mark.parametrize(
    ("value", "fits"),
    [(0, False), (1, True), (10, True), (11, False), (True, False), (2.0, False), ("2", False)],
)
def test_whole_numbers_have_two_bounds(value: object, fits: bool) -> None:
    assert is_whole(value, 1, 10) is fits


@pytest.mark.parametrize(
    ("value", "fits"),
    [(0, True), (1, True), (0.5, True), (1.5, False), (-0.1, False), (True, False), (None, False)],
)
def test_numbers_have_two_bounds(value: object, fits: bool) -> None:
    assert is_number(value, 0, 1) is fits


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 10**400])
def test_a_number_is_one_that_a_float_can_be(value: float) -> None:
    assert not is_number(value)


def test_what_is_as_good_as_left_out() -> None:
    assert [is_absent(value) for value in (None, "", " ", 0, [], b"")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip


class Awaited:
    async def __call__(self) -> None: ...


async def later() -> None: ...


async def pieces() -> AsyncIterator[int]:
    yield 1


@pytest.mark.parametrize(
    "function", [later, pieces, Awaited(), partial(later), partial(partial(later))]
)
def test_what_somebody_would_have_to_await_is_no_function(function: object) -> None:
    assert is_async(function)
    with pytest.raises(ConfigError, match=r"^it is async and nobody would await it; write def"):
        require_function(function, "it", error=ConfigError)


@pytest.mark.parametrize(
    "function", [len, print, ConfigError, Awaited, lambda: later(), partial(len)]
)
def test_all_else_that_can_be_called_is_one(function: object) -> None:
    assert not is_async(function)
    require_function(function, "it", error=ConfigError)


# -- what a function takes -------------------------------------------------------------------------


class Odd:
    """Has something in the place of its signature that raises."""

    @property
    def __signature__(self) -> object:
        raise KeyError("odd")

    def __call__(self, *values: object) -> None: ...


class Method:
    def take(self, event: object) -> None: ...


@pytest.mark.parametrize(
    "function",
    [
        lambda event: None,
        lambda event, more=None: None,
        lambda *events: None,
        partial(lambda number, event: None, 7),
        Method().take,
        print,
        dict.fromkeys,
        dict,  # written in C, and says nothing
        Odd(),
    ],
)
def test_a_function_that_can_be_called_so_passes(function: Callable[..., object]) -> None:
    require_function(function, "it", takes=("event",), error=ConfigError)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (lambda: None, ""),
        (lambda a, b: None, "a, b"),
        (lambda *, event: None, "event"),
        (partial(lambda event: None, 7), ""),
        (Method.take, "self, event"),
    ],
)
def test_a_function_that_can_not_be_called_so_is_refused(
    function: Callable[..., object], parameters: str
) -> None:
    for check in (require_function, require_parameters):
        with pytest.raises(ConfigError) as caught:
            check(function, "it", takes=("event",), error=ConfigError)
        told = f"it is called with (event), and takes ({parameters}): change its parameters"
        assert str(caught.value) == told


def test_a_function_is_called_by_names_too() -> None:
    with pytest.raises(ConfigError, match=r"called with \(event, at=…\), and takes \(event\)"):
        require_function(
            lambda event: None, "it", takes=("event",), named=("at",), error=ConfigError
        )
    require_function(lambda e, at: None, "it", takes=("e",), named=("at",), error=ConfigError)


def test_what_a_function_takes_may_be_open() -> None:
    require_function(lambda a, b: None, "it", error=ConfigError)


def test_a_result_is_called_by_its_type_alone() -> None:
    assert (returned("hush"), returned(7), returned([])) == ("a str", "an int", "a list")


def test_a_coroutine_in_the_place_of_a_result_is_closed() -> None:
    coroutine = later()
    assert returned(coroutine) == "a coroutine"
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
