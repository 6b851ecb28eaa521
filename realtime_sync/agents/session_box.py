"""Where what happened waits for the thread that iterates over a session."""

from __future__ import annotations

import queue
from collections.abc import Callable
from typing import Any, NamedTuple

from ..voice.event_box import EventBox

__all__ = ["Happening", "NoAudience", "SessionBox"]

MAX_BYTES = 16 * 1024 * 1024
_SMALL_BYTES = 512  # what a note, or an event without audio, takes at least


class Happening(NamedTuple):
    """An event of the server's, a report of the engine's or a note of ours.

    Attributes:
        event: that.
        size: bytes, roughly.
        type: the event's.
    """

    event: Any
    size: int
    type: str


_new = tuple.__new__  # a third of what the constructor of a NamedTuple costs


class SessionBox:
    """Hands what happened from the engine to the program.

    Args:
        waits: for a program that plays the sound itself, none of which may be lost: a full box
            makes the engine wait. Else the oldest deltas are dropped, and counted.
        on_room: is called when a full box has room again, in the thread that gets.
        max_bytes: the most that waits, where the engine does.

    Threads: `put` belongs to the engine, `get` to one other; see `EventBox`.
    """

    def __init__(
        self, *, waits: bool, on_room: Callable[[], object], max_bytes: int = MAX_BYTES
    ) -> None:
        self._box = _Line() if waits else EventBox()
        self._waits = waits
        self._on_room = on_room
        self._max_bytes = max_bytes
        # Each is one thread's own, so that neither needs a lock to count.
        self._put_bytes = 0
        self._got_bytes = 0
        self.close = self._box.close

    @property
    def dropped(self) -> int:
        """How much was dropped."""
        return self._box.dropped

    @property
    def has_room(self) -> bool:
        """Whether the engine may go on."""
        return not self._waits or self._put_bytes - self._got_bytes < self._max_bytes

    def put(self, event: Any) -> None:
        """Add what happened; never waits."""
        raw = getattr(event, "raw", None)
        size = _SMALL_BYTES + (len(raw) if type(raw) is str else _bytes_in(event))
        self._put_bytes += size
        self._box.put(_new(Happening, (event, size, event.type)))

    def get(self, timeout: float | None = None) -> Happening:
        """Return what happened next.

        Raises:
            queue.Empty: nothing did in time, or nothing will.
        """
        happening: Any = self._box.get(timeout)
        had_room = self.has_room
        self._got_bytes += happening.size
        if not had_room and self.has_room:
            self._on_room()
        return happening  # type: ignore[no-any-return]  # nothing else is put

    @property
    def closed(self) -> bool:
        """Whether nothing more will come."""
        return self._box.closed


class _Line:
    """A box of which nothing is dropped.

    Threads: as `EventBox`.
    """

    dropped = 0

    def __init__(self) -> None:
        self.closed = False
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def put(self, happening: Happening) -> None:
        """Add what happened."""
        if not self.closed:
            self._queue.put(happening)

    def get(self, timeout: float | None = None) -> Any:
        """Return what happened next.

        Raises:
            queue.Empty: nothing did in time, or nothing will.
        """
        happening = self._queue.get(timeout=timeout)
        if happening is None:
            self._queue.put(None)  # for whoever asks again
            raise queue.Empty
        return happening

    def close(self) -> None:
        """Take nothing more; what is in the box can still be got."""
        if not self.closed:
            self.closed = True
            self._queue.put(None)


class NoAudience(_Line):
    """Nobody iterates: nothing is kept, and whoever gets waits for the end of the session."""

    has_room = True

    def put(self, event: object) -> None:
        """Tell nobody."""


def _bytes_in(note: Any) -> int:
    data = getattr(note, "data", None)
    return len(data) if isinstance(data, bytes) else 0
