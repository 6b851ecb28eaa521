"""The life of a link as a table: its states, the steps between them, and their one owner."""

from __future__ import annotations

import threading
from enum import Enum
from typing import Final, NamedTuple

from ..._deadline import Deadline
from ..._signal_safe import Latch

__all__ = ["TRANSITIONS", "CloseRequest", "Lifecycle", "LinkState", "LinkStep"]


class LinkState(Enum):
    """Where a link is."""

    OPEN = "a reader reads, and what is sent goes out"
    LOST = "there is no link: a supervisor makes one, and what is sent is held"
    RENEWING = "the next link is being made while the old one is read; what is sent is held"
    RENEWING_LOST = "as RENEWING, and the old link has ended meanwhile"
    CLOSING = "close() was called; the reader performs the closing handshake"
    CLOSED = "over; the queue tells how"

    @property
    def makes_anew(self) -> bool:
        """Whether the next link is being made."""
        return self in (LinkState.LOST, LinkState.RENEWING, LinkState.RENEWING_LOST)


class LinkStep(Enum):
    """What happens to a link."""

    LOSE = "the link ended, and another may be made"
    RENEW = "another is to take over: the session's limit is near, or restart() was called"
    ADOPT = "another has taken over"
    KEEP = "another could not be had, or the moment has passed: the old one goes on"
    CLOSE = "close() was called"
    END = "nothing more will come"


TRANSITIONS: Final[dict[LinkState, dict[LinkStep, LinkState]]] = {
    LinkState.OPEN: {
        LinkStep.LOSE: LinkState.LOST,
        LinkStep.RENEW: LinkState.RENEWING,
        LinkStep.CLOSE: LinkState.CLOSING,
        LinkStep.END: LinkState.CLOSED,
    },
    LinkState.LOST: {
        LinkStep.ADOPT: LinkState.OPEN,
        LinkStep.CLOSE: LinkState.CLOSING,
        LinkStep.END: LinkState.CLOSED,
    },
    LinkState.RENEWING: {
        LinkStep.ADOPT: LinkState.OPEN,
        LinkStep.KEEP: LinkState.OPEN,
        LinkStep.LOSE: LinkState.RENEWING_LOST,
        LinkStep.CLOSE: LinkState.CLOSING,
        LinkStep.END: LinkState.CLOSED,
    },
    LinkState.RENEWING_LOST: {
        LinkStep.ADOPT: LinkState.OPEN,
        LinkStep.KEEP: LinkState.LOST,
        LinkStep.CLOSE: LinkState.CLOSING,
        LinkStep.END: LinkState.CLOSED,
    },
    LinkState.CLOSING: {LinkStep.END: LinkState.CLOSED},
    LinkState.CLOSED: {},
}


class CloseRequest(NamedTuple):
    """What the first `close` asked for."""

    code: int
    reason: str
    deadline: Deadline


class Lifecycle:
    """The one owner of a link's state: reader, supervisor and sender ask it and obey.

    `close` is a request, stored without a lock, because a signal handler may make it while the
    thread that it interrupted holds any lock. It takes effect before the next step of anybody.

    Attributes:
        closing: set once `close` was called; a supervisor waits for it between two attempts.
        over: set when the link is `LinkState.CLOSED` and everybody has been told.

    Threads: `step` belongs to the link's own threads, the rest to anybody.

    Example:
        >>> life = Lifecycle()
        >>> life.step(LinkStep.RENEW)
        <LinkState.RENEWING: 'the next link is being made while the old one is read; ...'>
        >>> life.step(LinkStep.RENEW) is None
        True
    """

    def __init__(self) -> None:
        self.closing = Latch()
        self.over = Latch()
        self._request: dict[str, CloseRequest] = {}  # at most one entry: the first counts
        self._lock = threading.Lock()  # guards _state
        self._state = LinkState.OPEN

    @property
    def state(self) -> LinkState:
        """The state, with a request to close that nobody has acted on yet."""
        state = self._state
        if self._request and state is not LinkState.CLOSED:
            return LinkState.CLOSING
        return state

    @property
    def close_request(self) -> CloseRequest | None:
        """What was asked for by `close`, None when it was not called."""
        return self._request.get("first")

    def step(self, step: LinkStep) -> LinkState | None:
        """Make a step; return the new state, or None where the table has no such step."""
        with self._lock:
            allowed = TRANSITIONS[self._state]
            if self._request and LinkStep.CLOSE in allowed:
                self._state = allowed[LinkStep.CLOSE]
                allowed = TRANSITIONS[self._state]
            to = allowed.get(step)
            if to is not None:
                self._state = to
            return to

    def close(self, code: int, reason: str, deadline: Deadline) -> CloseRequest:
        """Ask for the end; return what the first call asked for. Takes no lock, never blocks."""
        request = self._request.setdefault("first", CloseRequest(code, reason, deadline))
        self.closing.set()
        return request
