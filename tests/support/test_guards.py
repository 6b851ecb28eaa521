from __future__ import annotations

import queue
import threading

import pytest
from guards import Guard
from hypothesis import settings


def test_a_guard_returns_what_came(guard: Guard) -> None:
    event = threading.Event()
    event.set()
    guard.wait(event, "the event")
    box: queue.SimpleQueue[int] = queue.SimpleQueue()
    box.put(7)
    assert guard.get(box, "the number") == 7
    assert guard.until(lambda: "yes", "the answer") == "yes"
    assert guard.call(lambda: None, "nothing") is None
    thread = threading.Thread(target=lambda: None)
    thread.start()
    guard.join(thread)


def test_a_guard_fails_with_the_name_and_the_stacks(capfd: pytest.CaptureFixture[str]) -> None:
    short = Guard(0.01)
    with pytest.raises(pytest.fail.Exception, match=r"hang guard: the event did not come"):
        short.wait(threading.Event(), "the event")
    with pytest.raises(pytest.fail.Exception, match="the number"):
        short.get(queue.SimpleQueue(), "the number")
    with pytest.raises(pytest.fail.Exception, match="the answer"):
        short.until(lambda: False, "the answer")
    assert "most recent call first" in capfd.readouterr().err


def test_a_guard_fails_for_a_thread_that_does_not_end() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait, name="sleeper")
    thread.start()
    with pytest.raises(pytest.fail.Exception, match="the end of thread sleeper"):
        Guard(0.01).join(thread)
    end.set()
    thread.join()


def test_a_call_that_hangs_fails_and_one_that_raises_does_so(guard: Guard) -> None:
    end = threading.Event()
    with pytest.raises(pytest.fail.Exception, match="the last word did not come"):
        Guard(0.01).call(end.wait, "the last word")
    end.set()
    for thread in threading.enumerate():
        if thread.name == "the last word":
            guard.join(thread)
    with pytest.raises(KeyError, match="seven"):
        guard.call(lambda: {}["seven"], "a number")


def test_no_example_fails_for_its_time() -> None:
    assert settings().deadline is None
