from __future__ import annotations

import pytest
from guards import VirtualClock

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


@pytest.mark.parametrize("timeout", [0, 0.0, -1.0])
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
