"""When and how often a connection is made anew."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync import ConfigError, ConnectionClosedError, ConnectionClosedOK, ReconnectPolicy
from realtime_sync.connection.reconnect import checked_answer


@pytest.mark.parametrize(
    ("attempt", "shortest", "longest"),
    [(1, 0.375, 0.5), (2, 0.75, 1.0), (3, 1.5, 2.0), (5, 6.0, 8.0), (9, 6.0, 8.0)],
)
def test_delays_double_up_to_the_limit(attempt: int, shortest: float, longest: float) -> None:
    policy = ReconnectPolicy()
    assert policy.delay(attempt, lambda: 0.0) == shortest
    assert policy.delay(attempt, lambda: 1.0) == longest
    assert shortest <= policy.delay(attempt) <= longest


def test_no_delay_overflows() -> None:
    assert ReconnectPolicy(max_retries=10_000).delay(10_000, lambda: 1.0) == 8.0


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013, 1015])
def test_recoverable_codes(code: int) -> None:
    closed = ConnectionClosedOK(code) if code == 1001 else ConnectionClosedError(code)
    assert ReconnectPolicy().covers(closed)
    assert not ReconnectPolicy(max_retries=0).covers(closed)


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 1008, 1009, 1010, 3000, 4000, 4001])
def test_other_codes(code: int) -> None:
    assert not ReconnectPolicy().covers(ConnectionClosedError(code))
    assert ReconnectPolicy(codes=[code]).covers(ConnectionClosedError(code))


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_retries": -1},
        {"initial_delay": -0.1},
        {"max_delay": -1},
        {"max_delay": float("nan")},
        {"max_retries": "5"},
        {"initial_delay": None},
    ],
)
def test_what_is_no_delay_or_count_is_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    with pytest.raises(ConfigError, match=f"{name} is .*; give .*at least 0"):
        ReconnectPolicy(**wrong)


# -- what `on_reconnecting` answers ----------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"abort": True},
        {"extra_query": {"region": ["eu", 1]}, "extra_headers": {"x-try": "1"}, "abort": False},
    ],
)
def test_an_answer_is_taken_as_it_is(answer: dict[str, Any]) -> None:
    assert checked_answer(answer) == answer


def test_no_answer_changes_nothing() -> None:
    assert checked_answer(None) == {}
    assert checked_answer({"extra_query": None}) == {"extra_query": {}}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (7, "returned an int; return None, or a dictionary with abort, extra_headers and"),
        (True, "returned a bool; return None"),
        ("sk-hush", "returned a str; return None"),
        ([("abort", True)], "returned a list; return None"),
        ({"extra_qurey": {}}, "with 'extra_qurey'; it may have abort, extra_headers and extra_qu"),
        ({"abort": 1}, "abort of on_reconnecting must be True or False, not 1"),
        ({"extra_query": "a=b"}, "extra_query of on_reconnecting is a str; pass a dictionary"),
        ({"extra_query": {"a": object()}}, r"on_reconnecting\['a'\] is an object that no URL"),
        ({"extra_headers": ["a"]}, "extra_headers of on_reconnecting is a list; pass"),
        ({"extra_headers": {"a": 1}}, "the value of the header 'a' is not one line"),
    ],
)
def test_an_answer_that_means_nothing_is_refused(answer: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        checked_answer(answer)
    assert "hush" not in str(caught.value)
