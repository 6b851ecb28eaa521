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
from itertools import islice
from operator import attrgetter
from typing import Literal, NamedTuple, Protocol, TypeGuard

from ..._deadline import Deadline
from ...errors import ConnectionClosed, QueueFullError, RealtimeTimeout, RemoteProtocolError
from ...events import ErrorEvent, ServerEvent, parse_event

__all__ = [
    "Entry",
    "EventQueue",
    "Interruption",
    "Item",
    "Losses",
    "Malformed",
    "StandIn",
    "Watcher",
]

# How much of what was consumed stays visible to observers: a `wait_for` that comes after another
# thread took the event still finds it.
_RECENT_BYTES = 1 << 20
# So many of the errors and of the malformed messages are kept in mind.
_LATEST = 16
_NOW = Deadline(0)
_EXCERPT = 200  # characters of what is wrong with a message


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
    """What observers are told when nothing more will come, or when they missed something."""

    error: ConnectionClosed | QueueFullError
    link: int = sys.maxsize  # that was lost; the end is that of all links


class StandIn(Protocol):
    """Takes entries in the place of a consumer that waits, which is cheaper than waking it.

    Threads: the reader's, while the consumer waits in `EventQueue.poll`. So whatever the two share
        needs no lock. Nothing of it may wait, send, raise or call code of the program's.
    """

    def take(self, item: Item, /) -> bool:
        """Take the next entry, in its order; False leaves it to the consumer."""

    def rest(self) -> None:
        """Take that nothing more comes for the moment."""


class Watcher:
    """One observer's look at the entries: first those in the log, then those that come.

    What comes is kept for it until it looks, up to the queue's bound, and in order; so one watcher
    finds each event once. `EventQueue.watcher` makes it.

    Args:
        since: the number of the first entry that counts.
        max_bytes: how much may wait for it.

    Threads: the observer's; `put` is the reader's.
    """

    def __init__(self, since: int, max_bytes: int) -> None:
        self.entries: queue.SimpleQueue[Entry | _End | None] = queue.SimpleQueue()
        self.past: deque[_Past] = deque()
        self.since = since
        self.bytes_in = 0
        self.bytes_out = 0
        self._max_bytes = max_bytes
        self._missed = False  # so it is told of nothing more

    def put(self, message: Entry | _End | None, missed: Callable[[], QueueFullError]) -> None:
        """Keep ``message`` for the observer.

        Args:
            message: what came; None only makes the observer look around.
            missed: the error that it gets in the place of what it has no room for.
        """
        if self._missed:
            return
        if isinstance(message, Entry):
            if self.bytes_in - self.bytes_out + message.size > self._max_bytes:
                self._missed = True
                message = _End(missed())
            else:
                self.bytes_in += message.size
        self.entries.put(message)

    def look_back(
        self, matches: Callable[[ServerEvent], bool], losses: Losses, link: int
    ) -> Entry | None:
        """Return the first match in the log, if there is one.

        Raises:
            ConnectionClosed: a loss of the link came before it; see `EventQueue.watch`.
        """
        while self.past:
            number, size, past = self.past.popleft()
            self.since = number + 1
            if isinstance(past, Interruption) and losses == "all" and past.link >= link:
                raise past.error.copy()
            item = parse_event(past) if isinstance(past, str) else past
            if _is_match(item, matches):
                return Entry(number, size, item)
        return None

    def take(self, deadline: Deadline) -> Entry | _End | None:
        """Return the next message of `put`.

        Raises:
            queue.Empty: nothing came in time.
        """
        message = self.entries.get(True, deadline.remaining())
        if isinstance(message, Entry):
            self.bytes_out += message.size
        return message


class EventQueue:
    """Entries in the order received, then the end, repeated for ever.

    Args:
        max_bytes: the bound, in bytes of memory of the messages not yet consumed.

    Attributes:
        awaited: the ``event_id`` of each request for whose answer a call is waiting.
        wakeable: whether `wake` ends the wait of the consumer, who sets it.

    Threads: `put`, `rest`, `note`, `interrupt`, `wait_for_space` and `finish` belong to the reader,
        or to the supervisor while there is none; `take`, `take_new`, `keep`, `settle`, `give_back`,
        `withdraw` and `is_queued` to the one consumer; all else to anybody. An exception of a
        signal handler may strike the consumer and the observers anywhere: an event that a struck
        call had taken is found again by the next one.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.received = 0
        self.end: ConnectionClosed | None = None
        self._entries: queue.SimpleQueue[Entry | None] = queue.SimpleQueue()
        # Left by `keep`: older than _entries, taken first. A deque from then on, since an empty one
        # takes 0.7 kB.
        self._stash: deque[Entry] | tuple[()] = ()
        self._log: deque[_Past] = deque()  # not yet consumed, and the recent ones that were
        self._bytes_in = 0
        self._bytes_out = 0
        self._recent_bytes = 0
        self._paused = False
        self._space: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes the paused reader
        # Weak, so that an observer that a signal handler has struck is not served for ever.
        self._watchers: list[weakref.ref[Watcher]] = []
        self._watchers_lock = threading.Lock()  # guards changes of _watchers and setting `end`
        # The consumer's: the number of the first entry that it has neither settled nor kept, and
        # whether it took one and was struck before it did.
        self._next = 0
        self._taking = False
        self._delivered = 0  # how many entries were put into `_entries`
        # Whoever takes entries in the consumer's place: only while that waits. The lock is held
        # meanwhile, so that a consumer that has waited is alone again once it had it.
        self._stand_in: StandIn | None = None
        self._standing_in = threading.Lock()
        self._stood_in = False  # the reader's: whether `rest` is to be told
        self.awaited: set[str] = set()
        self.wakeable = False  # the consumer's: whether `wake` ends its wait
        # With their numbers; replaced, never changed in place, so anybody may read them.
        self._errors: tuple[tuple[int, ErrorEvent], ...] = ()
        self._malformed: tuple[tuple[int, str], ...] = ()

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
        if self._stand_in is None or not self._taken_aside(entry):
            self._entries.put(entry)
            self._delivered = self.received
        if self._watchers:
            self._tell_watchers(entry)

    def rest(self) -> None:
        """Say that nothing more is put for the moment."""
        if self._stood_in:
            self._stood_in = False
            with self._standing_in:
                # A consumer that has gone on finds out by itself when nothing more is there.
                if (stand_in := self._stand_in) is not None:
                    stand_in.rest()

    def _taken_aside(self, entry: Entry) -> bool:
        """Have the stand-in take an entry, if the consumer has settled all before it."""
        with self._standing_in:
            stand_in = self._stand_in
            # The consumer may have one in its hands already, and be about to go on.
            if stand_in is None or entry.number != self._next or not stand_in.take(entry.item):
                return False
            self.settle(entry)
            self._taking = True  # as before: the consumer still waits
            self._stood_in = True
            return True

    def note(self, item: ErrorEvent | Malformed) -> None:
        """Keep in mind what is about to be `put`, for whoever waits in vain."""
        if isinstance(item, Malformed):
            words = str(item.error)[:_EXCERPT]
            self._malformed = (*self._malformed[1 - _LATEST :], (self.received, words))
        else:
            self._errors = (*self._errors[1 - _LATEST :], (self.received, item))

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
            self._tell_watchers(None)
            self._space.get()
        self._paused = False

    def interrupt(self, error: ConnectionClosed, link: int) -> None:
        """Say that a link was lost and more will come over another: waiters get ``error``."""
        self.put(Interruption(error, link), 0)
        self._tell_watchers(_End(error, link))

    def wake(self) -> None:
        """End the wait of the consumer, or its next one, if that is `wakeable`; from any thread."""
        self._entries.put(None)

    def finish(self, error: ConnectionClosed) -> None:
        """Say that nothing more will come; ``error`` is what every later `take` raises."""
        with self._watchers_lock:
            self.end = error
        self._entries.put(None)  # wakes the consumer; later calls look at `end`
        for watcher in self._present_watchers():
            watcher.put(_End(error), self._missed_error)

    def _present_watchers(self) -> list[Watcher]:
        with self._watchers_lock:
            watchers = [watcher for ref in self._watchers if (watcher := ref()) is not None]
            if len(watchers) < len(self._watchers):
                self._watchers = [ref for ref in self._watchers if ref() is not None]
        return watchers

    def _tell_watchers(self, message: Entry | _End | None) -> None:
        for watcher in self._present_watchers():
            watcher.put(message, self._missed_error)

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

    def poll(
        self, timeout: Callable[[], float | None], stand_in: StandIn | None = None
    ) -> Entry | None:
        """Like `take`, but None when nothing came in time, or when somebody called `wake`.

        Args:
            timeout: says for how many seconds to wait; called only where nothing is there.
            stand_in: may take entries instead, while this waits.
        """
        if self._taking or self._stash or self.end is not None:
            return self._poll_carefully(timeout)
        wait: float | None = 0
        if self._entries.empty():
            wait = timeout()
        else:
            stand_in = None
        self._taking = True
        self._stand_in = stand_in  # from here on that consumes
        try:
            entry = self._entries.get(True, wait)
        except queue.Empty:
            entry = None
        finally:
            if stand_in is not None:
                self._stand_in = None  # it takes no further one, but one may be under way
                with self._standing_in:
                    pass
        if entry is None:  # or a `wake`, or the end, of which the next call tells
            self._taking = False
            return None
        self.settle(entry)
        return entry

    def _poll_carefully(self, timeout: Callable[[], float | None]) -> Entry | None:
        try:
            return self.take(Deadline(timeout()))
        except RealtimeTimeout:
            return None

    def take_new(self, deadline: Deadline | None) -> Entry:
        """Like `take`, but leave alone what was kept; `keep` or `settle` says what became of it."""
        if self._taking:
            self._find_again()
        self._taking = True
        while True:
            end = self.end  # looked at first: what came before it is found below
            try:
                if end is None:
                    left = None if deadline is None else deadline.remaining()
                    entry = self._entries.get(True, left)
                else:
                    entry = self._entries.get(False)
            except queue.Empty:
                break
            if entry is not None:
                return entry
            # The end, or a `wake`: there may be entries behind it.
            if self.end is None and self.wakeable:
                break
        self._taking = False
        if end is not None:
            raise end.copy()
        raise RealtimeTimeout("no event came in time; the connection is still usable")

    def _find_again(self) -> None:
        """Keep what a consumer took that was struck before it could settle or keep it."""
        delivered = self._delivered
        following = None
        while following is None and not self._entries.empty():
            following = self._entries.get(False)
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
        if not self._stash:
            self._stash = deque()
        self._stash.append(entry)
        self._next = entry.number + 1
        self._taking = False

    def give_back(self, entries: list[Entry]) -> None:
        """Put entries that were settled back to where they stood."""
        size = sum(entry.size for entry in entries)
        self._bytes_out -= size
        self._recent_bytes -= size
        self._stash = deque(sorted((*self._stash, *entries), key=attrgetter("number")))

    def withdraw(self, number: int) -> None:
        """Count the entry ``number``, which `is_queued`, as consumed, out of its turn."""
        kept = next((entry for entry in self._stash if entry.number == number), None)
        if kept is not None:
            assert self._stash
            self.settle(kept)
            self._stash.remove(kept)  # last, so that a strike can't lose it
            return
        while (entry := self.take_new(_NOW)).number < number:
            self.keep(entry)
        self.settle(entry)

    def is_queued(self, number: int) -> bool:
        """Whether an entry that was received is not consumed yet."""
        return number >= self._next or any(entry.number == number for entry in self._stash)

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

    def watcher(self, since: int) -> Watcher:
        """Return an observer's look at the entries numbered ``since`` or later, for `watch`.

        It is served as long as it is referred to, or until `dismiss`.
        """
        watcher = Watcher(since, self.max_bytes)
        with self._watchers_lock:
            self._watchers.append(weakref.ref(watcher))
            end = self.end
        # Registered first, then the log: an event may come twice, but is never missed.
        past = self._snapshot()
        first = past[0][0] if past else 0  # the numbers in the log have no gaps
        watcher.past.extend(islice(past, max(0, since - first), None))
        if end is not None:
            watcher.put(_End(end), self._missed_error)
        return watcher

    def dismiss(self, watcher: Watcher) -> None:
        """Serve ``watcher`` no more."""
        with self._watchers_lock:
            self._dismiss_locked(watcher)

    def _dismiss_locked(self, watcher: Watcher) -> None:
        self._watchers = [ref for ref in self._watchers if ref() not in (watcher, None)]

    def watch(
        self,
        watcher: Watcher,
        matches: Callable[[ServerEvent], bool],
        deadline: Deadline,
        *,
        losses: Losses = "coming",
        link: int = 0,
    ) -> Entry:
        """Return the next entry of ``watcher`` with an event for which ``matches`` is true.

        Args:
            watcher: where to look; what it has looked at it does not find again.
            matches: runs in this thread.
            deadline: for the wait.
            losses: which losses of the link end the wait: "all" that the watcher sees, those after
                it was made ("coming"), or "none".
            link: the link that what is awaited was asked for over; losses of earlier ones end
                nothing.

        Raises:
            RealtimeTimeout, ConnectionClosed: as `take`.
            QueueFullError: the queue is full, so the event can't come before someone consumes; or
                more came than may wait for the watcher.
        """
        found = watcher.look_back(matches, losses, link)
        while found is None:
            if self._paused and self.full and watcher.entries.empty():
                raise self.full_error()
            try:
                message = watcher.take(deadline)
            except queue.Empty:
                raise RealtimeTimeout(
                    "the awaited event did not come in time; the connection is still usable"
                ) from None
            if isinstance(message, Entry):
                if message.number < watcher.since:
                    continue
                watcher.since = message.number + 1
                if _is_match(message.item, matches):
                    found = message
            elif message is not None and (losses != "none" or message.link == sys.maxsize):
                _raise_end(message, link)
        return found

    def errors_since(self, number: int) -> list[tuple[int, ErrorEvent]]:
        """Return the latest ``error`` events from entry ``number`` on, with their numbers."""
        return [error for error in self._errors if error[0] >= number]

    def malformed_since(self, number: int) -> list[str]:
        """Say what is wrong with the latest malformed messages from entry ``number`` on."""
        return [words for at, words in self._malformed if at >= number]

    def _snapshot(self) -> list[_Past]:
        while True:
            try:
                return list(self._log)
            except RuntimeError:  # noqa: PERF203  # the reader appended while this copied
                continue

    def _missed_error(self) -> QueueFullError:
        """Return the error for an observer that has no room for what comes."""
        if self.full:
            return self.full_error()
        return QueueFullError(
            f"an observer is slower than the events: {self.max_bytes} bytes of them wait for it; "
            "make the predicate, or what is done with each event, quicker"
        )

    def full_error(self) -> QueueFullError:
        """Return the error for a call that would have to wait behind a full queue."""
        return QueueFullError(
            f"{self.queued_bytes} bytes of events wait to be consumed and max_queue_bytes is "
            f"{self.max_bytes}: call recv() or iterate, or raise max_queue_bytes"
        )


def _raise_end(end: _End, link: int) -> None:
    """Raise what ends a wait for something that was asked for over ``link``."""
    if isinstance(end.error, QueueFullError):
        raise end.error
    if end.link >= link:
        raise end.error.copy()


def _is_match(item: Item, matches: Callable[[ServerEvent], bool]) -> TypeGuard[ServerEvent]:
    return not isinstance(item, Malformed | Interruption) and matches(item)
