"""The end of an app reaches who waits."""

from __future__ import annotations

import asyncio
import threading

import pytest
from guards import Guard

from realtime_sync._signal_safe import Latch
from realtime_sync.app.stop_signal import Stopped, StopSignal, is_cancellation


def test_it_is_set_once_and_for_all() -> None:
    signal = StopSignal()
    assert not signal.wait(0)
    signal.check()
    signal.set()
    signal.set()
    assert signal.wait()
    with pytest.raises(Stopped):
        signal.check()
    assert not isinstance(Stopped(), Exception), "no `except Exception` keeps a sender going"


def test_a_latch_or_the_end() -> None:
    signal, latch = StopSignal(), Latch()
    assert not signal.wait_for(latch, 0)
    threading.Timer(0, latch.set).start()
    assert signal.wait_for(latch)
    threading.Timer(0, signal.set).start()
    assert not signal.wait_for(Latch())


def test_who_waits_is_woken_once_it_is_announced() -> None:
    signal, calls = StopSignal(), []
    with signal.waking(lambda: calls.append(1)):
        signal.set()
        assert calls == [], "whoever sets it may be a signal handler"
        signal.announce()
        assert calls == [1]
    with signal.waking(lambda: calls.append(2)):
        assert calls == [1, 2]
    signal.announce()
    assert calls == [1, 2]


def test_a_thread_knows_for_which_app_it_works() -> None:
    signal, guard = StopSignal(), Guard()
    found: list[StopSignal | None] = []
    thread = threading.Thread(target=lambda: signal.run(lambda: found.append(StopSignal.current())))
    thread.start()
    guard.join(thread)
    assert found == [signal]
    assert StopSignal.current() is None
    assert signal.run(lambda: 7) == 7
    assert StopSignal.current() is None


def test_what_asks_for_the_end() -> None:
    assert is_cancellation(Stopped())
    assert is_cancellation(asyncio.CancelledError())
    for other in (ValueError(), StopIteration(), KeyboardInterrupt(), SystemExit()):
        assert not is_cancellation(other)
