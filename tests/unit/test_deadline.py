from __future__ import annotations

import decimal
import fractions
import math
from typing import Any

import numpy as np
import pytest
from guards import VirtualClock

from realtime_sync import ConfigError
from realtime_sync._deadline import Deadline


def test_it_counts_down_and_stops_at_zero(virtual_clock: VirtualClock) -> None:
    deadline = Deadline(5.0, clock=virtual_clock)
    assert deadline.remaining() == 5.0
    virtual_clock.advance(3.0)
    assert deadline.remaining() == 2.0
    assert not deadline.expired
    virtual_clock.advance(3.0)
    assert deadline.remaining() == 0.0
    assert deadline.expired


def test_it_expires_at_the_very_moment(virtual_clock: VirtualClock) -> None:
    deadline = Deadline(5.0, clock=virtual_clock)
    virtual_clock.advance(5.0)
    assert deadline.expired
    assert deadline.remaining() == 0.0


def test_none_never_expires(virtual_clock: VirtualClock) -> None:
    deadline = Deadline(None, clock=virtual_clock)
    virtual_clock.advance(1e9)
    assert deadline.remaining() is None
    assert not deadline.expired


@pytest.mark.parametrize("timeout", [0, 0.0])
def test_no_time_at_all_is_expired_from_the_start(
    timeout: float, virtual_clock: VirtualClock
) -> None:
    deadline = Deadline(timeout, clock=virtual_clock)
    assert deadline.expired
    assert deadline.remaining() == 0.0


def test_the_default_clock_is_real() -> None:
    assert not Deadline(3600).expired
    remaining = Deadline(3600).remaining()
    assert remaining is not None
    assert 0 < remaining <= 3600


@pytest.mark.parametrize("timeout", [5.0, None])
def test_a_deadline_that_is_cut_is_over(virtual_clock: VirtualClock, timeout: float | None) -> None:
    deadline = Deadline(timeout, clock=virtual_clock)
    deadline.cut()
    assert deadline.expired
    assert deadline.remaining() == 0


@pytest.mark.parametrize(
    "timeout",
    ["abc", "5", b"5", True, False, -1, -0.001, math.nan, -math.inf, 1e300, 10**400, 1_000_000_001,
     [5], {}, 5j, decimal.Decimal(5), object()],
)  # fmt: skip
def test_what_is_no_number_of_seconds(timeout: Any) -> None:
    with pytest.raises(ConfigError, match=r"timeout is .*; pass seconds, from 0"):
        Deadline(timeout)


@pytest.mark.parametrize(
    "timeout", [5, 5.0, np.float64(5), np.float32(5), np.int64(5), fractions.Fraction(5)]
)
def test_every_kind_of_number_is_seconds(timeout: Any, virtual_clock: VirtualClock) -> None:
    assert Deadline(timeout, clock=virtual_clock).remaining() == 5.0


def test_the_longest_time_is_one_and_infinity_is_for_ever(virtual_clock: VirtualClock) -> None:
    assert Deadline(1_000_000_000, clock=virtual_clock).remaining() == 1e9
    assert Deadline(math.inf, clock=virtual_clock).remaining() is None
