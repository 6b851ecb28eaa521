from __future__ import annotations

import threading

import pytest
from guards import Guard, VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync._threads import join_all, spawn


def test_spawn_names_and_starts_a_daemon(guard: Guard) -> None:
    ran = threading.Event()
    thread = spawn(ran.set, name="reader")
    guard.wait(ran, "the start of the thread")
    guard.join(thread)
    assert thread.name == "realtime_sync.reader"
    assert thread.daemon


def test_join_all_waits_for_every_thread(guard: Guard) -> None:
    end = threading.Event()
    threads = [spawn(end.wait, name=f"t{i}") for i in range(3)]
    end.set()
    assert join_all(threads, Deadline(guard.seconds))
    assert not any(thread.is_alive() for thread in threads)


def test_join_all_reports_a_thread_that_is_still_running(
    guard: Guard, virtual_clock: VirtualClock
) -> None:
    end = threading.Event()
    slow = spawn(end.wait, name="slow")
    quick = spawn(lambda: None, name="quick")
    guard.join(quick)
    no_time = Deadline(0, clock=virtual_clock)
    assert not join_all([slow, quick], no_time)
    end.set()
    assert join_all([slow, quick], Deadline(None))


def test_join_all_skips_the_thread_that_calls_it(guard: Guard) -> None:
    """``close()`` may run on one of the threads that it joins."""
    answers: list[bool] = []
    started = threading.Event()
    threads: list[threading.Thread] = []

    def close() -> None:
        guard.wait(started, "the list of threads")
        answers.append(join_all(threads, Deadline(None)))

    threads.append(spawn(close, name="self"))
    started.set()
    guard.join(threads[0])
    assert answers == [True]


@pytest.mark.parametrize("timeout", [0.0, None])
def test_join_all_of_nothing_is_true(timeout: float | None) -> None:
    assert join_all([], Deadline(timeout))
