"""How an app that ends reaches those of its threads that wait for a person: at a prompt, say."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from .._deadline import Deadline
from .._signal_safe import Latch

__all__ = ["StopSignal", "Stopped", "is_cancellation"]

T = TypeVar("T")

_LOOK_S = 0.2
_here = threading.local()  # the signal of the app that a thread works for


class Stopped(BaseException):
    """The app ends, so that there is nothing to wait for any more.

    Not an `Exception`, so that no ``except Exception`` of a program's keeps its sender going.
    """


class StopSignal:
    """Tells the threads of one run that it ends.

    Threads:
        `set` may be called anywhere, also in a signal handler; all else from any thread.
    """

    def __init__(self) -> None:
        self._latch = Latch()
        self._lock = threading.Lock()  # guards the two below; never held while calling
        self._calls: dict[object, Callable[[], object]] = {}
        self._announced = False

    @property
    def is_set(self) -> bool:
        """Whether the run ends, or has ended."""
        return self._latch.is_set

    def set(self) -> None:
        """Let the run end; idempotent. Who runs it calls `announce` next."""
        self._latch.set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set, ``timeout`` seconds at most; say whether it is."""
        return self._latch.wait(Deadline(timeout))

    def wait_for(self, latch: Latch, timeout: float | None = None) -> bool:
        """Wait for ``latch``; return False if time or the run is over before it is set."""
        deadline = Deadline(timeout)
        while not self.is_set and not deadline.expired:
            left = deadline.remaining()
            if latch.wait(Deadline(_LOOK_S if left is None else min(left, _LOOK_S))):
                return True
        return latch.is_set

    def check(self) -> None:
        """Raise `Stopped` if the run ends."""
        if self.is_set:
            raise Stopped

    def announce(self) -> None:
        """Set it, and wake everybody who is in a `waking` block."""
        self.set()
        for call in self._take_calls():
            call()

    def _take_calls(self) -> list[Callable[[], object]]:
        with self._lock:
            self._announced = True
            return list(self._calls.values())

    @contextmanager
    def waking(self, call: Callable[[], object]) -> Iterator[None]:
        """Have ``call``, which must not wait, called when the run ends; within the block."""
        key = object()
        with self._lock:
            self._calls[key] = call
            announced = self._announced
        try:
            if announced:
                call()
            yield
        finally:
            with self._lock:
                del self._calls[key]

    def run(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns; what it calls finds this signal by `current`."""
        _here.signal = self
        try:
            return work()
        finally:
            with suppress(AttributeError):
                del _here.signal

    @staticmethod
    def current() -> StopSignal | None:
        """Return the signal of the app whose work this thread does."""
        found: StopSignal | None = getattr(_here, "signal", None)
        return found


def is_cancellation(exc: BaseException) -> bool:
    """Whether a program's function has asked for the end of its app.

    That is `Stopped`, or an ``asyncio.CancelledError``. Whoever raises the latter has loaded its
    module; nobody else needs it.
    """
    module = sys.modules.get("asyncio.exceptions")
    cancelled = (Stopped,) if module is None else (Stopped, module.CancelledError)
    return isinstance(exc, cancelled)
