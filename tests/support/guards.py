"""Waiting in tests: on an event with a hang guard, or on a clock that the test moves by hand.

A guard never proves timing. It is far above what any machine needs, so that a test which runs
into it has found a hang; it then shows where every thread stands.
"""

from __future__ import annotations

import faulthandler
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import NoReturn, TypeVar

import pytest

from realtime_sync.testing import VirtualClock

__all__ = ["GUARD_S", "Guard", "VirtualClock"]

GUARD_S = 30.0
_POLL_S = 0.01

T = TypeVar("T")


class Guard:
    """Waits that fail the test, with the stacks of all threads, instead of hanging it."""

    def __init__(self, seconds: float = GUARD_S) -> None:
        self.seconds = seconds

    def wait(self, event: threading.Event, what: str) -> None:
        """Wait until ``event`` is set."""
        if not event.wait(self.seconds):
            self._fail(what)

    def get(self, source: queue.Queue[T] | queue.SimpleQueue[T], what: str) -> T:
        """Return the next element of ``source``."""
        try:
            return source.get(timeout=self.seconds)
        except queue.Empty:
            self._fail(what)

    def join(self, thread: threading.Thread) -> None:
        """Wait until ``thread`` has ended."""
        thread.join(self.seconds)
        if thread.is_alive():
            self._fail(f"the end of thread {thread.name}")

    def call(self, function: Callable[[], T], what: str) -> T:
        """Return what ``function`` returns, or raise what it raises, for calls that may hang.

        It is called on a thread of its own, which is left behind where it does.
        """
        returned: queue.SimpleQueue[T] = queue.SimpleQueue()
        raised: list[BaseException] = []

        def run() -> None:
            try:
                returned.put(function())
            except BaseException as exc:
                raised.append(exc)

        thread = threading.Thread(target=run, name=what, daemon=True)
        thread.start()
        thread.join(self.seconds)
        if thread.is_alive():
            self._fail(what)
        if raised:
            raise raised[0]
        return returned.get(timeout=0)

    def until(self, condition: Callable[[], T], what: str) -> T:
        """Wait until ``condition()`` is true, for what another process or the kernel does.

        Within this process wait on an event instead.
        """
        give_up = time.monotonic() + self.seconds
        while not (result := condition()):
            if time.monotonic() > give_up:
                self._fail(what)
            time.sleep(_POLL_S)
        return result

    def _fail(self, what: str) -> NoReturn:
        # The real stderr: pytest's replacement has no file descriptor to write to.
        faulthandler.dump_traceback(file=sys.__stderr__ or 2, all_threads=True)
        pytest.fail(f"hang guard: {what} did not come within {self.seconds:g} s", pytrace=True)


@pytest.fixture
def guard() -> Guard:
    """Waits bounded by the 30 s hang guard."""
    return Guard()


@pytest.fixture
def virtual_clock() -> VirtualClock:
    """A clock for `Deadline` and whatever else takes one."""
    return VirtualClock()
