"""What threads wait for or claim, in a way that a signal handler's exception may break off.

Python runs signal handlers on the main thread, between any two bytecodes, and what they raise
strikes there. `threading.Event`, `Condition` and `Queue` are written in Python and take their lock
in one step and note it in the next; struck between the two they stay locked for ever (measured: a
third to a half of such strikes). What is made in C is safe: ``with`` on a `threading.Lock`,
`queue.SimpleQueue`, sockets, and plain stores of attributes and entries.

But no loop and no comprehension inside such a ``with``, nor inside a ``try`` whose ``finally``
gives something back: from Python 3.12 on, the jump back to a loop's head that a condition makes is
covered by no handler, and a strike there leaves without ``__exit__`` and without ``finally``. A
loop belongs into a function of its own, which is called there (`tests/test_strikes.py` looks for
such jumps).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from ._deadline import Deadline

__all__ = ["Claim", "Latch", "StopSignal", "Stopped"]

T = TypeVar("T")

# A waiter that is struck may take the token of another one with it, who then looks by itself.
_LOOK_AGAIN_S = 0.5
_LOOK_S = 0.2  # how soon who waits for a latch or a signal sees the latter

_here = threading.local()  # the signal of the app that a thread works for


class Latch:
    """Set once, by any thread; waited for by any number of threads.

    Attributes:
        is_set: whether it was set.

    Threads: all of it may be used from any thread, and from a signal handler.

    Example:
        >>> latch = Latch()
        >>> latch.wait(Deadline(0))
        False
        >>> latch.set()
        >>> latch.wait(Deadline(None))
        True
    """

    __slots__ = ("_tokens", "is_set")

    def __init__(self) -> None:
        self.is_set = False
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Wake everybody who waits, now and later; idempotent."""
        self.is_set = True
        self._tokens.put(None)

    def wait(self, deadline: Deadline) -> bool:
        """Return True as soon as it is set, False when the deadline has passed."""
        while not self.is_set:
            left = deadline.remaining()
            if left == 0:
                return False
            try:
                self._tokens.get(
                    timeout=min(_LOOK_AGAIN_S, _LOOK_AGAIN_S if left is None else left)
                )
            except queue.Empty:
                continue
            self._tokens.put(None)  # for the next one who waits
        return True


class Claim(dict[str, object]):
    """A claim to something for one at a time, made and given up without a lock.

    The entry ``"now"`` names who has it.

    A strike between a claim and the ``try`` that gives it up would leave it claimed. So the claim
    stands in the ``try``, and the ``finally`` calls nothing before the place is free, since only
    calls, jumps and the beginning of functions can be struck (0 of 17,120 strikes left it claimed;
    a lock with ``acquire`` and ``release`` stayed locked in 30 to 57 % of them):

        token = [get_ident()]
        try:
            if place.setdefault("now", token) is not token:
                raise …
            …
        finally:
            if "now" in place and place["now"] is token:
                del place["now"]
    """

    def locked(self) -> bool:
        """Whether somebody has it."""
        return "now" in self


class Stopped(BaseException):
    """The app ends, so that there is nothing to wait for any more.

    Not an `Exception`, so that no ``except Exception`` of a program's keeps its function going.
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
