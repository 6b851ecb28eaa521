"""The queue between the reader thread and the program: bounded by bytes, it never drops.

The reader puts, one consumer at a time takes, and any number of observers (`wait_for`) look on
without taking anything. The hot path has no lock of ours: `queue.SimpleQueue` hands an entry over
in C, and each byte counter has one writer (received: the reader; consumed: the consumer).
"""

from __future__ import annotations

import queue
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from operator import attrgetter
from typing import Literal, NamedTuple, TypeGuard

from ..._deadline import Deadline
from ...errors import ConnectionClosed, QueueFullError, RealtimeTimeout, RemoteProtocolError
from ...events import ServerEvent, parse_event

__all__ = ["Entry", "EventQueue", "Interruption", "Malformed"]

# How much of what was consumed stays visible to observers: a `wait_for` that comes after another
# thread took the event still finds it.
_RECENT_BYTES = 1 << 20


class Malformed(NamedTuple):
    """A message that is no event: what came, and the error that `recv` raises in its place."""

    raw: bytes
    error: RemoteProtocolError


class Interruption(NamedTuple):
    """The place in the queue where a link was lost; turns under way end here.

    ``link`` counts the links of a connection, from 1.
    """

    error: ConnectionClosed
    link: int


Losses = Literal["all", "coming", "none"]
Item = ServerEvent | Malformed | Interruption


class Entry(NamedTuple):
    """One received message. ``number`` counts them; ``size`` is the memory it holds, in bytes."""

    number: int
    size: int
    item: Item


# What observers find of an entry later: number, size, and its text as far as it came as one. A
# decoded event takes 1 kB more, a large one five times its text; and the memory that the consumer
# lets go of at once, the next event uses while it is still in the processor's cache.
_Past = tuple[int, int, Item | str]
_new = tuple.__new__  # a third of what NamedTuple's own constructor costs: 0.2 µs less


class _End(NamedTuple):
    """What observers are told when nothing more will come, or not before space is made."""

    error: ConnectionClosed | QueueFullError
    link: int = sys.maxsize  # that was lost; the end is that of all links


class _Watcher:
    """One observer's own queue; the reader fills it, the observing thread empties it."""

    def __init__(self) -> None:
        self.entries: queue.SimpleQueue[Entry | _End] = queue.SimpleQueue()
        self.bytes_in = 0
        self.bytes_out = 0
        self.first_link = 0  # the wait goes on over losses of earlier ones

    def put(self, message: Entry | _End) -> None:
        if isinstance(message, Entry):
            self.bytes_in += message.size
        self.entries.put(message)

    def has_room(self, message: Entry | _End, max_bytes: int) -> bool:
        size = message.size if isinstance(message, Entry) else 0
        return self.bytes_in - self.bytes_out + size <= max_bytes


class EventQueue:
    """Entries in the order received, then the end, repeated for ever.

    Args:
        max_bytes: the bound, in bytes of memory of the messages not yet consumed.

    Threads: `put`, `interrupt`, `wait_for_space` and `finish` belong to the reader, or to the
        supervisor while there is none; `take`, `take_new`, `keep` and `settle` to the one
        consumer; `watch`, `wake_reader` and the properties to anybody. An exception of a signal
        handler may strike the consumer and the observers anywhere: an event that a struck call
        had taken is found again by the next one.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.received = 0
        self.end: ConnectionClosed | None = None
        self._entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        self._stash: deque[Entry] = deque()  # left by `keep`: older than _entries, taken first
        self._log: deque[_Past] = deque()  # not yet consumed, and the recent ones that were
        self._bytes_in = 0
        self._bytes_out = 0
        self._recent_bytes = 0
        self._paused = False
        self._space: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes the paused reader
        # Weak, so that an observer that a signal handler has struck is not served for ever.
        self._watchers: list[weakref.ref[_Watcher]] = []
        self._watchers_lock = threading.Lock()  # guards changes of _watchers and setting `end`
        # The consumer's: the number of the first entry that it has neither settled nor kept, and
        # whether it took one and was struck before it did.
        self._next = 0
        self._taking = False
        self._delivered = 0  # how many entries were put into `_entries`

    # -- the reader's side -----------------------------------------------------------------------

    def put(self, item: Item, size: int, text: str | None = None) -> None:
        """Append one message; the bound is `wait_for_space`'s business.

        Args:
            item: what the consumer gets.
            size: its memory, in bytes.
            text: from which the same event can be parsed once more.
        """
        entry = _new(Entry, (self.received, size, item))
        self._log.append((self.received, size, text or item))
        self.received += 1
        self._bytes_in += size
        self._entries.put(entry)
        self._delivered = self.received
        if self._watchers:
            self._tell_watchers(entry)

    @property
    def full(self) -> bool:
        """Whether the bound is reached, so that the reader pauses."""
        return self._bytes_in - self._bytes_out >= self.max_bytes

    def wait_for_space(self, stop: Callable[[], bool] = lambda: False) -> None:
        """Return when the queue is no longer full, or when somebody called `wake_reader`.

        Args:
            stop: whether the wait is over anyway; to be true before `wake_reader` is called.
        """
        while not self._space.empty():
            self._space.get()
        self._paused = True
        # Looked at again after `_paused` is visible and old tokens are gone: a consumer either sees
        # the flag and gives one, or made space before this line; so with ``stop``.
        if self.full and not stop():
            self._tell_watchers(_End(self.full_error()))
            self._space.get()
        self._paused = False

    def interrupt(self, error: ConnectionClosed, link: int) -> None:
        """Say that a link was lost and more will come over another: waiters get ``error``."""
        self.put(Interruption(error, link), 0)
        self._tell_watchers(_End(error, link))

    def finish(self, error: ConnectionClosed) -> None:
        """Say that nothing more will come; ``error`` is what every later `take` raises."""
        with self._watchers_lock:
            self.end = error
        self._entries.put(None)  # wakes the consumer; later calls look at `end`
        for watcher in self._present_watchers():
            watcher.entries.put(_End(error))

    def _present_watchers(self) -> list[_Watcher]:
        with self._watchers_lock:
            watchers = [watcher for ref in self._watchers if (watcher := ref()) is not None]
            if len(watchers) < len(self._watchers):
                self._watchers = [ref for ref in self._watchers if ref() is not None]
        return watchers

    def _tell_watchers(self, message: Entry | _End) -> None:
        for watcher in self._present_watchers():
            if watcher.has_room(message, self.max_bytes):
                watcher.put(message)
            else:
                watcher.put(_End(self.full_error() if self.full else self._slow_error()))

    # -- the consumer's side ---------------------------------------------------------------------

    def take(self, deadline: Deadline | None) -> Entry:
        """Return the next entry, which counts as consumed.

        Args:
            deadline: None waits until the connection ends.

        Raises:
            RealtimeTimeout: nothing came in time.
            ConnectionClosed: everything received was taken and the connection is over.
        """
        if self._taking:
            self._find_again()
        if not self._stash:
            entry = self.take_new(deadline)
            self.settle(entry)
            return entry
        entry = self._stash[0]
        self.settle(entry)
        self._stash.popleft()  # last, so that a strike can't lose it
        return entry

    def take_new(self, deadline: Deadline | None) -> Entry:
        """Like `take`, but leave alone what was kept; `keep` or `settle` says what became of it."""
        if self._taking:
            self._find_again()
        self._taking = True
        try:
            if self.end is None:
                entry = self._entries.get(True, None if deadline is None else deadline.remaining())
            else:
                entry = self._entries.get(False)
        except queue.Empty:
            self._taking = False
            if self.end is not None:
                raise self.end.copy() from None
            raise RealtimeTimeout("no event came in time; the connection is still usable") from None
        if entry is None:
            self._taking = False
            assert self.end is not None
            raise self.end.copy()
        return entry

    def _find_again(self) -> None:
        """Keep what a consumer took that was struck before it could settle or keep it."""
        delivered = self._delivered
        try:
            following = self._entries.get(False)
        except queue.Empty:
            following = None
        until = delivered if following is None else following.number
        for number, size, past in self._snapshot():
            if self._next <= number < until:
                item = parse_event(past) if isinstance(past, str) else past
                self.keep(Entry(number, size, item))
        if following is not None:
            self.keep(following)
        self._taking = False

    def settle(self, entry: Entry) -> None:
        """Count ``entry`` as consumed, which may let a paused reader go on."""
        if entry.number >= self._next:
            self._next = entry.number + 1
            self._taking = False
        self._bytes_out += entry.size
        self._recent_bytes += entry.size
        while self._recent_bytes > _RECENT_BYTES:
            self._recent_bytes -= self._log.popleft()[1]
        if self._paused and not self.full:
            self._space.put(None)

    def keep(self, entry: Entry) -> None:
        """Leave an entry of `take_new` in the queue, in its place, for the next `take`."""
        self._stash.append(entry)
        self._next = entry.number + 1
        self._taking = False

    def give_back(self, entries: list[Entry]) -> None:
        """Put entries that were settled back to where they stood."""
        size = sum(entry.size for entry in entries)
        self._bytes_out -= size
        self._recent_bytes -= size
        self._stash = deque(sorted((*self._stash, *entries), key=attrgetter("number")))

    @property
    def starved(self) -> bool:
        """Whether the reader waits for space while there is nothing new to take."""
        return self._paused and self.full and self._entries.empty()

    # -- everybody's side ------------------------------------------------------------------------

    def wake_reader(self) -> None:
        """Let a paused reader look around, because the connection is being closed."""
        self._space.put(None)

    @property
    def queued_bytes(self) -> int:
        """The memory of what was received and not yet consumed."""
        return self._bytes_in - self._bytes_out

    def watch(
        self,
        matches: Callable[[ServerEvent], bool],
        since: int,
        deadline: Deadline,
        *,
        losses: Losses = "coming",
        link: int = 0,
    ) -> ServerEvent:
        """Return the first event numbered ``since`` or later for which ``matches`` is true.

        Args:
            matches: runs in this thread.
            since: the number of the first entry that counts.
            deadline: for the wait.
            losses: which losses of the link end the wait: "all" since entry ``since``, those to
                come ("coming"), or "none".
            link: the link that what is awaited was asked for over; losses of earlier ones end
                nothing.

        Raises:
            RealtimeTimeout, ConnectionClosed: as `take`.
            QueueFullError: the queue is full, so the event can't come before someone consumes.
        """
        watcher = _Watcher()
        reference = weakref.ref(watcher)
        try:
            with self._watchers_lock:
                self._watchers.append(reference)
                end = self.end
            found = self._look(matches, since, losses, link)
            if not isinstance(found, int):
                return found
            if end is not None:
                raise end.copy()
            if self._paused and self.full:
                raise self.full_error()
            watcher.first_link = sys.maxsize if losses == "none" else link
            return self._watch_on(watcher, matches, found, deadline)
        finally:
            with self._watchers_lock:
                self._dismiss_locked(reference)

    def _look(
        self, matches: Callable[[ServerEvent], bool], since: int, losses: Losses, link: int
    ) -> ServerEvent | int:
        """Look through what is there already; return what was found, or where to go on.

        Somebody who registers first and then looks may see an event twice, but misses none.
        """
        past = self._snapshot()
        for number, _, item in past:
            if number < since:
                continue
            if isinstance(item, Interruption) and losses == "all" and item.link >= link:
                raise item.error.copy()
            found = parse_event(item) if isinstance(item, str) else item
            if _is_match(found, matches):
                return found
        return max(past[-1][0] + 1 if past else since, since)

    def _dismiss_locked(self, reference: weakref.ref[_Watcher]) -> None:
        self._watchers = [other for other in self._watchers if other is not reference]

    def _watch_on(
        self,
        watcher: _Watcher,
        matches: Callable[[ServerEvent], bool],
        since: int,
        deadline: Deadline,
    ) -> ServerEvent:
        while True:
            try:
                message = watcher.entries.get(timeout=deadline.remaining())
            except queue.Empty:
                raise RealtimeTimeout(
                    "the awaited event did not come in time; the connection is still usable"
                ) from None
            if isinstance(message, _End):
                if message.link < watcher.first_link:
                    continue
                if isinstance(message.error, ConnectionClosed):
                    raise message.error.copy()
                raise message.error
            watcher.bytes_out += message.size
            if message.number >= since and _is_match(message.item, matches):
                return message.item

    def _snapshot(self) -> list[_Past]:
        while True:
            try:
                return list(self._log)
            except RuntimeError:  # noqa: PERF203  # the reader appended while this copied
                continue

    def _slow_error(self) -> QueueFullError:
        return QueueFullError(
            f"wait_for's predicate is slower than the events: {self.max_bytes} bytes of them "
            "wait; make it quicker or wait for a type"
        )

    def full_error(self) -> QueueFullError:
        """Return the error for a call that would have to wait behind a full queue."""
        return QueueFullError(
            f"{self.queued_bytes} bytes of events wait to be consumed and max_queue_bytes is "
            f"{self.max_bytes}: call recv() or iterate, or raise max_queue_bytes"
        )


def _is_match(item: Item, matches: Callable[[ServerEvent], bool]) -> TypeGuard[ServerEvent]:
    return not isinstance(item, Malformed | Interruption) and matches(item)
