"""The box in which events wait for the program: what is dropped first when it takes none."""

from __future__ import annotations

import queue
import threading
from collections import deque
from operator import itemgetter
from typing import Any

from .._deadline import Deadline
from ..errors import QueueFullError
from ..events import ServerEvent
from .events import VoiceEvent

Boxed = ServerEvent | VoiceEvent
Line = deque[tuple[int, Boxed]]

__all__ = ["EventBox"]

# What a program can't do without: how a request, a response, the session or the link stands, and
# what the voice loop itself reports.
_KEPT = frozenset({"error", "response.done", "reconnected"})
_KEPT_BEGINNINGS = ("session.", "voice.")

_position_of_first = itemgetter(0)  # of a line: its first entry, and so its oldest number


class EventBox:
    """Hands events from the engine to the program; bounded, and never in the engine's way.

    A full box drops the oldest delta, or if it has none, the oldest event that a program can do
    without. What just came counts among them.

    Args:
        capacity: how many events wait at most.

    Attributes:
        dropped: how many events were dropped.
        closed: whether nothing more will come.

    Threads:
        `put` belongs to one thread and `get` to one other. There a signal handler's exception may
        strike: inside `get` it loses no event. `close` may be called from any.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self.dropped = 0
        self.closed = False
        self._capacity = capacity
        self._lock = threading.Lock()  # guards the lines and _number
        # Three lines, so that the oldest of each kind stands in front; the numbers are the order
        # in which all of them came.
        self._deltas: Line = deque()
        self._others: Line = deque()
        self._kept: Line = deque()
        self._lines = (self._deltas, self._others, self._kept)
        self._number = 0
        # The getter's: one that was taken out of the lines and not returned yet, or none.
        self._taken: list[Boxed] = []
        # A token says that there is something new to look at. The getter looks before he waits for
        # one, so one is enough for many events, and one too many does no harm.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()

    def has_room(self) -> bool:
        """It always has: what a full box drops, it chooses itself."""
        return True

    def put(self, event: Any) -> None:
        """Add an event, of which `flush` tells; never waits. A closed box takes none.

        Raises:
            QueueFullError: there is no room, and nothing that may be dropped.
        """
        if self.closed:
            return
        line = self._line_for(event.type)
        with self._lock:
            self._number += 1
            line.append((self._number, event))
            if len(self._deltas) + len(self._others) + len(self._kept) > self._capacity:
                self._make_room_locked()

    def flush(self) -> None:
        """Wake the getter, if he waits for what was put."""
        if self._wake.empty():
            self._wake.put(None)

    def get(self, deadline: Deadline) -> Boxed:
        """Return the oldest event.

        Raises:
            queue.Empty: nothing came in time, or the box is `closed` and nothing is left.
        """
        if not self._taken:
            self._take()
        if not self._taken:
            self._wait(deadline)
        # A signal handler strikes calls, jumps and beginnings of functions. There are none from
        # the second line on: the event is in the box, or the caller's.
        event = self._taken[0]
        del self._taken[0]
        return event

    def close(self) -> None:
        """Take nothing more, and wake the getter; what is in the box can still be got."""
        self.closed = True
        self._wake.put(None)

    def _wait(self, deadline: Deadline) -> None:
        while not self._taken:
            closed = self.closed  # looked at first: what was put before is found below
            self._take()
            if not self._taken:
                if closed:
                    raise queue.Empty
                self._wake.get(timeout=deadline.remaining())

    def _take(self) -> None:
        with self._lock:
            line = self._oldest_locked()
            if line:
                self._taken = [line[0][1]]  # no call between these two, as in `get`
                del line[0]

    def _oldest_locked(self) -> Line | None:
        return min(filter(None, self._lines), key=_position_of_first, default=None)

    def _make_room_locked(self) -> None:
        if self._deltas:
            self._deltas.popleft()
        elif self._others:
            self._others.popleft()
        else:
            self._kept.pop()
            raise QueueFullError(
                f"{self._capacity} events that can't be left out wait for on_event, which has not "
                "returned: return from it sooner, and do what takes long on a thread of your own"
            )
        self.dropped += 1

    def _line_for(self, type: str) -> Line:
        if type.endswith(".delta"):
            return self._deltas
        if type in _KEPT or type.startswith(_KEPT_BEGINNINGS):
            return self._kept
        return self._others
