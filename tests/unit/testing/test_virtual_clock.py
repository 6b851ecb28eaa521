from __future__ import annotations

import threading

import pytest
from guards import Guard

from realtime_sync._threads import spawn
from realtime_sync.errors import ConfigError
from realtime_sync.testing import VirtualClock


def test_it_moves_only_when_told() -> None:
    clock = VirtualClock(5.0)
    assert clock() == clock() == 5.0
    clock.advance(0.25)
    assert clock() == clock.now == 5.25


def test_it_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="does not go back"):
        VirtualClock().advance(-0.1)


def test_a_wait_is_for_an_event_and_a_time() -> None:
    with pytest.raises(ConfigError, match=r"event must be a threading\.Event, not 7"):
        VirtualClock().wait(7, 1.0)  # type: ignore[arg-type]  # that is the test
    with pytest.raises(ConfigError, match="seconds must be a number, 0 or more, not -1"):
        VirtualClock().wait(threading.Event(), -1)


def test_a_wait_ends_with_its_time_or_with_the_event(guard: Guard) -> None:
    clock, event = VirtualClock(), threading.Event()
    assert not clock.wait(event, 0)
    results: list[bool] = []
    waiter = spawn(lambda: results.append(clock.wait(event, 2.0)), name="test")
    clock.advance(1.0)
    assert waiter.is_alive()
    clock.advance(1.0)
    guard.join(waiter)
    waiter = spawn(lambda: results.append(clock.wait(event, 2.0)), name="test")
    event.set()
    guard.join(waiter)
    assert results == [False, True]
    assert clock.wait(event, 1e9)
