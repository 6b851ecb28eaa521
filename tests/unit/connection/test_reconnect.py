"""When and how often a connection is made anew."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync import ConfigError, ConnectionClosedError, ConnectionClosedOK, ReconnectPolicy


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
