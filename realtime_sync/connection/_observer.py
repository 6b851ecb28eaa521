"""What `wait_for` and `watch` do: looking for events beside the consumer."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from types import MethodType
from typing import NamedTuple

from .._deadline import Deadline
from .._fork import Home
from ..errors import ConnectionClosedOK, RealtimeTimeout
from ..events import ErrorEvent, ServerEvent, canonical_type
from ._matching import matcher
from ._timeouts import timed_out
from .link.queue import Entry, EventQueue, Losses, Watcher
from .link.sender import Sender
from .reply import server_error
from .state import ConnectionState

__all__ = ["Observer"]

Wanted = str | Callable[[ServerEvent], bool]

# So many types and predicates a thread's finds are remembered for.
_MOST_FINDS = 64


class Observer:
    """Looks for events without taking them, in any thread.

    A thread's search for a type or a predicate begins after what it has found of it last, or after
    what had come when the thread last sent, whichever is later. One that has done neither looks
    from the oldest event on that is still held.

    Threads: any; what a thread has found belongs to it.
    """

    def __init__(
        self, queue: EventQueue, sender: Sender, state: ConnectionState, home: Home
    ) -> None:
        self._queue = queue
        self._sender = sender
        self._state = state
        self._home = home

    def wait_for(self, wanted: Wanted, deadline: Deadline) -> ServerEvent:
        """See `RealtimeConnection.wait_for`."""
        search, places = self._begin(wanted, "wait_for"), self._sender.places
        try:
            found = self._next(search, deadline)
        finally:
            self._queue.dismiss(search.watcher)
        places[search.key] = found.number + 1  # as below
        return _event(found)

    def watch(self, wanted: Wanted, timeout: float | None) -> Iterator[ServerEvent]:
        """See `RealtimeConnection.watch`."""
        Deadline(timeout)  # says now whether it is one
        # The search begins now as well, also if the iteration does later.
        return self._iterate(self._begin(wanted, "watch"), timeout)

    def _iterate(self, search: _Search, timeout: float | None) -> Iterator[ServerEvent]:
        try:
            while True:
                places = self._sender.places
                found = self._next(search, Deadline(timeout))
                event = _event(found)
                # Nothing between these two can be struck, so it is found if and only if it is
                # given: the next search neither misses it nor finds it again.
                places[search.key] = found.number + 1
                yield event
                self._sender.take_unanswered()  # a loss ends the next wait in any case
        except ConnectionClosedOK:
            return
        finally:
            self._queue.dismiss(search.watcher)

    def _begin(self, wanted: Wanted, where: str) -> _Search:
        """Let a search of this thread begin where the thread stands."""
        self._home.check()
        matches, losses = matcher(wanted, where), self._losses_that_end(wanted)
        key = key_of(wanted)
        since = max(self._sender.mark, place_after(self._sender.places, key))
        return _Search(wanted, key, matches, losses, self._queue.watcher(since))

    def _losses_that_end(self, wanted: Wanted) -> Losses:
        """Say which losses of the link end a search that this thread begins now."""
        # What it asked for went with the link; but whoever has the answer waits for another thing.
        unanswered = self._sender.take_unanswered()
        if wanted == "reconnected":
            return "none"
        return "all" if unanswered else "coming"

    def _next(self, search: _Search, deadline: Deadline) -> Entry:
        """Return the next find of ``search``, or raise the refusal of what was sent last."""
        self._home.check()
        queue, request, begun = self._queue, self._sender.last_event_id, search.watcher.since
        matches, refuses = search.matches, self._state.refuses
        try:
            if request is not None:
                queue.awaited.add(request)
            found = queue.watch(
                search.watcher,
                lambda candidate: matches(candidate) or refuses(candidate, request),
                deadline,
                losses=search.losses,
                link=self._sender.held_for,
            )
        except RealtimeTimeout:
            raise timed_out(search.name, deadline.timeout, queue, begun) from None
        finally:
            if request is not None:
                queue.awaited.discard(request)
        if isinstance(found.item, ErrorEvent):
            self._tell(found.item, search)
        return found

    def _tell(self, event: ErrorEvent, search: _Search) -> None:
        """Take note that the thread is told of a refusal; raise it unless it is what was wanted."""
        for request in self._sender.requests:
            if self._state.refuses(event, request):
                self._sender.forget(request)  # so that it is told once
        if not search.matches(event):
            raise server_error(event)


class _Search(NamedTuple):
    """One search of a thread's, for one event or for all."""

    wanted: Wanted
    key: object  # what finds are remembered by
    matches: Callable[[ServerEvent], bool]
    losses: Losses
    watcher: Watcher

    @property
    def name(self) -> str:
        """What is awaited, for messages."""
        return repr(self.wanted) if isinstance(self.wanted, str) else "an event for the predicate"


def _event(found: Entry) -> ServerEvent:
    event = found.item
    assert not isinstance(event, tuple)  # an event is what matches
    return event


def key_of(wanted: Wanted) -> object:
    """Return what the finds of a type or a predicate are remembered by.

    A predicate is held weakly, since it may hold the connection, and known by its identity.
    """
    return canonical_type(wanted) if isinstance(wanted, str) else _Predicate(wanted)


def place_after(places: dict[object, int], key: object) -> int:
    """Return where a thread's next search begins; 0 if it has found nothing of that yet.

    Args:
        places: of the thread: the number of the entry behind the latest find, by key. All but the
            latest are forgotten here.
        key: of the search.
    """
    while len(places) > _MOST_FINDS:
        del places[min(places, key=places.__getitem__)]
    return places.get(key, 0)


class _Predicate:
    """A predicate as a key: the same object is the same key, and is not kept alive.

    One that can't be referred to weakly is kept, until `place_after` drops it.
    """

    __slots__ = ("_function", "_hash", "_owner")

    def __init__(self, predicate: Callable[[ServerEvent], bool]) -> None:
        owner: object = predicate
        self._function: object = None
        if isinstance(predicate, MethodType):  # which is a new object each time it is named
            owner, self._function = predicate.__self__, predicate.__func__
        self._hash = hash((id(owner), id(self._function)))
        self._owner: Callable[[], object]
        try:
            self._owner = weakref.ref(owner)
        except TypeError:
            self._owner = lambda: owner

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Predicate)
            and self._owner() is other._owner() is not None
            and self._function is other._function
        )
