"""Where what happened waits for the thread that iterates over a session."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from .._deadline import Deadline
from .._signal_safe import Claim
from ..errors import ConcurrencyError
from ..events.base import Event
from .events import RealtimeSessionEvent
from .notes import AudioNote

__all__ = ["IN_USE", "NoAudience", "SessionBox", "SessionEvents"]

IN_USE = "another thread takes this session's events at this moment"

MAX_BYTES = 16 * 1024 * 1024
_SMALL_BYTES = 512  # what a note, or an event without audio, takes at least


class SessionBox:
    """Hands what happened from the engine to a program that plays the sound itself.

    None of it may be lost: a full box makes the engine wait. (A session with a sink goes on, and
    has an `EventBox`, which drops.)

    Args:
        on_room: is called when a full box has room again, in the thread that gets.
        max_bytes: the most that waits.

    Attributes:
        dropped: how much was dropped; none ever is.
        closed: whether nothing more will come.

    Threads:
        `put` and `flush` belong to the engine, and `get` to one other. There a signal handler's
        exception may strike: inside `get` it loses nothing. `close` may be called from any.
    """

    dropped = 0

    def __init__(self, *, on_room: Callable[[], object], max_bytes: int = MAX_BYTES) -> None:
        self.closed = False
        self._on_room = on_room
        self._max_bytes = max_bytes
        # With their sizes. One thread appends and one other takes away, which needs no lock.
        self._line: deque[tuple[Any, int]] = deque()
        # A token says that there is something new to look at; see `EventBox`.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        # Each is one thread's own, so that neither needs a lock to count.
        self._put_bytes = 0
        self._got_bytes = 0

    def has_room(self) -> bool:
        """Whether the engine may go on."""
        return self._put_bytes - self._got_bytes < self._max_bytes

    def put(self, event: Any) -> None:
        """Add what happened, of which `flush` tells; never waits. A closed box takes none."""
        if self.closed:
            return
        size = _SMALL_BYTES
        if isinstance(event, Event):
            size += len(event.raw or "")
        elif type(event) is AudioNote:
            size += len(event.data)
        self._put_bytes += size
        self._line.append((event, size))

    def flush(self) -> None:
        """Wake the thread that gets, if it waits for what was put."""
        if self._wake.empty():
            self._wake.put(None)

    def get(self, deadline: Deadline) -> Any:
        """Return what happened next.

        Raises:
            queue.Empty: nothing did in time, or nothing will.
        """
        if not self._line:
            self._wait(deadline)
        event, size = self._line[0]
        waiting_bytes = self._put_bytes - self._got_bytes
        self._got_bytes += size
        if waiting_bytes >= self._max_bytes > waiting_bytes - size:
            self._on_room()
        # No call stands between these two, so nothing can strike there: it is in the box, or the
        # caller's.
        del self._line[0]
        return event

    def close(self) -> None:
        """Take nothing more, and wake the getter; what is in the box can still be got."""
        self.closed = True
        self._wake.put(None)

    def _wait(self, deadline: Deadline) -> None:
        while True:
            closed = self.closed  # looked at first: what was put before is found below
            if self._line:
                return
            if closed:
                raise queue.Empty
            self._wake.get(timeout=deadline.remaining())


class NoAudience(SessionBox):
    """Nobody iterates: nothing is kept, and whoever gets waits for the end of the session."""

    def __init__(self) -> None:
        super().__init__(on_room=lambda: None)

    def put(self, event: object) -> None:
        """Tell nobody."""

    def flush(self) -> None:
        """Wake nobody."""


class SessionEvents(Iterator[RealtimeSessionEvent]):
    """The events of a session, as they come.

    There are many, so this is one function for each of them, and no generator around it.

    Args:
        ready: those that are made.
        consumer: whoever takes one at this moment.
        make_ready: makes more, until the deadline; returns whether there are any.
        deadline: of all of them.
    """

    def __init__(
        self,
        ready: deque[RealtimeSessionEvent],
        consumer: Claim,
        make_ready: Callable[[Deadline], bool],
        deadline: Deadline,
    ) -> None:
        self._ready = ready
        self._consumer = consumer
        self._make_ready = make_ready
        self._deadline = deadline

    def take(self) -> RealtimeSessionEvent:
        """Return the next one.

        Raises:
            StopIteration: the session is over.
            Exception: see `RealtimeSession.recv`.
        """
        consumer, token = self._consumer, [threading.get_ident()]
        try:  # see `Claim`
            if consumer.setdefault("now", token) is not token:
                raise ConcurrencyError(IN_USE)
            if not self._ready and not self._make_ready(self._deadline):
                raise StopIteration
            event = self._ready[0]
            del self._ready[0]
            return event
        finally:
            if "now" in consumer and consumer["now"] is token:
                del consumer["now"]

    __next__ = take
