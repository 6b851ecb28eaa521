"""Making a link anew: attempts, delays, and the restoration of the session."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from attrs import evolve, field, frozen

from ..._deadline import Deadline
from ..._signal_safe import Latch
from ..._threads import Attempt, join_all, spawn
from ..._types import JsonDict
from ...errors import (
    ApiError,
    ConnectionClosed,
    ConnectionClosedError,
    LocalProtocolError,
    RealtimeError,
    RemoteProtocolError,
)
from ...events import ServerEvent, SessionCreated, SessionUpdated
from ...providers.dialect import Dialect
from ...transport.base import Transport
from ..reconnect import ReconnectingEvent, ReconnectPolicy, checked_answer
from ..settings import ConnectionSettings
from ..state import ConnectionState
from .reader import parse_all
from .restore import Restoration
from .sender import message

__all__ = ["Made", "Recovery"]

log = logging.getLogger(__name__)

T = TypeVar("T")

# A link that held so long was a good one, whatever it carried.
_HELD_S = 60.0
# The longest that a server may ask to wait before the next attempt (Retry-After).
_PATIENCE_S = 60.0
# Where the program gives none; one for all connections.
_USUAL_POLICY = ReconnectPolicy()


@frozen
class Made:
    """A new transport with the old session on it.

    Attributes:
        transport: is read by nobody yet.
        dialect: what is spoken on it.
        attempts: how many it took.
        reports: what the server said of the new session.
        kept_items: the items that it has, as they were created; None when it is to begin anew.
        lost_items: ids of those that could not be restored.
        echoes: ids of items that the server has confirmed, and of which it may tell once more.
        received: messages that came behind the restoration, and are the program's.
    """

    transport: Transport
    dialect: Dialect | None
    attempts: int = 1
    reports: Sequence[SessionCreated | SessionUpdated] = ()
    kept_items: Sequence[JsonDict] | None = None
    lost_items: list[str] = field(factory=list)
    echoes: Collection[str] = ()
    received: Sequence[str | bytes] = ()


class Recovery:
    """Opens links for one connection.

    Threads: one supervisor at a time; `abort` from any thread.

    Args:
        state: of the connection; it is read, not changed.
        settings: of the connection.
        good_events: counts what the server has said beside greetings and complaints.
        clock: a monotonic clock.
    """

    def __init__(
        self,
        state: ConnectionState,
        settings: ConnectionSettings,
        *,
        good_events: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._state = state
        self._opener = settings.opener
        self._policy = settings.reconnect or _USUAL_POLICY
        self._on_reconnecting = settings.on_reconnecting
        self._query = settings.extra_query
        self._headers = settings.extra_headers
        self._restore_timeout = settings.open_timeout
        self._good_events = good_events
        self._clock = clock
        self._attempts = 0  # in a row
        self._known_good = -1  # good events when the row began
        self._opened_at = clock()
        # What `abort` has to cut: the wait for the program's callback or for a connect, or the
        # transport that it brought.
        self._awaited: Attempt[Any] | None = None
        self._opening: Transport | None = None

    def reopen(self, end: ConnectionClosed, closing: Latch) -> Made:
        """Return a new link with the old session, after as many attempts as the policy allows.

        Raises:
            RealtimeError: none succeeded, or the program or ``closing`` ended it.
            Exception: whatever the program's callback raised.
        """
        self._begin_row()
        failure: Exception = end
        while self._attempts < self._policy.max_retries:
            self._attempts += 1
            delay = max(self._policy.delay(self._attempts), _asked_delay(failure))
            self._ask_program(delay, end, closing)
            if closing.wait(Deadline(delay)):
                raise _closed_meanwhile()
            try:
                made = self._open(closing, restore=self._policy.restore)
            except ApiError as exc:
                if exc.status < 500 and exc.status != 429:
                    raise  # the next attempt would be refused as well
                failure = exc
            except RealtimeError as exc:
                failure = exc
            else:
                self._opened_at = self._clock()
                return evolve(made, attempts=self._attempts)
            log.info("attempt %d to reconnect failed: %s", self._attempts, failure)
        if failure is end:
            raise ConnectionClosedError(
                end.code, f"no new link held: {self._attempts} attempts in a row were in vain"
            )
        raise failure

    def open_once(self, *, keep_history: bool, closing: Latch) -> Made:
        """Return a new link with the old session, at the first attempt.

        Raises:
            RealtimeError: it failed.
        """
        made = self._open(closing, restore=True, keep_history=keep_history)
        self._opened_at = self._clock()
        return made

    def abort(self) -> None:
        """Cut the link that is being opened, or leave the callback that is asked before."""
        awaited, opening = self._awaited, self._opening
        if awaited is not None:
            awaited.leave(_closed_meanwhile())
        if opening is not None:
            opening.abort()

    def _begin_row(self) -> None:
        """Start to count anew if the last link was good for anything.

        So a server that accepts, complains and closes is given up in the end.
        """
        good_events = self._good_events()
        if good_events > self._known_good or self._clock() - self._opened_at >= _HELD_S:
            self._attempts = 0
        self._known_good = good_events

    def _ask_program(self, delay: float, end: ConnectionClosed, closing: Latch) -> None:
        ask = self._on_reconnecting
        if ask is None:
            return
        event = ReconnectingEvent(
            attempt=self._attempts,
            max_attempts=self._policy.max_retries,
            delay=delay,
            close_code=end.code,
            extra_query=self._query,
            extra_headers=self._headers,
        )
        attempt: Attempt[Any] = Attempt(
            lambda: ask(event), discard=lambda _: None, name="on-reconnecting"
        )
        answer = checked_answer(self._wait_for(attempt, closing))
        if answer.get("abort"):
            raise ConnectionClosedError(end.code, "on_reconnecting gave up")
        self._query = answer.get("extra_query", self._query)
        self._headers = answer.get("extra_headers", self._headers)

    def _open(self, closing: Latch, *, restore: bool, keep_history: bool = True) -> Made:
        transport, dialect = self._connected(closing)
        self._opening = transport
        # First known to `abort`, then looked: whoever closes sees the one or is seen.
        try:
            if closing.is_set:
                raise _closed_meanwhile()
            if not restore:
                return Made(transport, dialect)
            return self._restored(transport, dialect, keep_history=keep_history)
        except BaseException:
            transport.abort()
            raise
        finally:
            self._opening = None

    def _connected(self, closing: Latch) -> tuple[Transport, Dialect | None]:
        """Open a transport."""
        attempt = Attempt(
            lambda: self._opener(self._query, self._headers),
            discard=lambda late: late[0].abort(),
            name="connect",
        )
        return self._wait_for(attempt, closing)

    def _wait_for(self, attempt: Attempt[T], closing: Latch) -> T:
        """Return what ``attempt`` brings; whoever closes meanwhile need not wait for it."""
        self._awaited = attempt
        try:
            if closing.is_set:  # after `abort` could see the attempt
                raise _closed_meanwhile()
            return attempt.wait()
        finally:
            self._awaited = None

    def _restored(
        self, transport: Transport, dialect: Dialect | None, *, keep_history: bool
    ) -> Made:
        """Bring the session back; all of this traffic is hidden from the program."""
        items, lost = self._state.replay() if keep_history else ([], [])
        as_recap = dialect is not None and not dialect.assistant_items
        restoration = Restoration(self._state.restorable_session, items, as_recap=as_recap)
        reports: list[SessionCreated | SessionUpdated] = []
        messages: deque[str | bytes] = deque()
        if restoration.needed:
            with self._watched(transport):
                while not restoration.done:
                    if not messages:
                        messages.extend(transport.read())
                    for event in _events(messages.popleft(), dialect):
                        if isinstance(event, SessionCreated | SessionUpdated):
                            reports.append(event)
                        _send(transport, dialect, restoration, restoration.receive(event))
        kept = set(restoration.kept_items)
        return Made(
            transport,
            dialect,
            reports=reports,
            kept_items=[item for item in items if item["id"] in kept] if keep_history else None,
            lost_items=lost + restoration.lost_items,
            echoes=restoration.echoes,
            received=messages,
        )

    @contextmanager
    def _watched(self, transport: Transport) -> Iterator[None]:
        """Cut ``transport`` when the server takes too long for what happens meanwhile."""
        finished, cut = threading.Event(), threading.Event()

        def watch() -> None:
            if not finished.wait(self._restore_timeout):
                cut.set()
                transport.abort()

        watchdog = spawn(watch, name="restore")
        try:
            yield
        except ConnectionClosed as exc:
            if not cut.is_set():
                raise
            limit = f"{self._restore_timeout:g} s"
            raise ConnectionClosedError(
                1006, f"the server did not take the session back within {limit}"
            ) from exc
        finally:
            finished.set()
            join_all([watchdog], Deadline(1.0))


def _events(message: str | bytes, dialect: Dialect | None) -> list[ServerEvent]:
    with suppress(RemoteProtocolError):  # what is no event can't be part of a restoration
        return parse_all(message, dialect)
    return []


def _send(
    transport: Transport,
    dialect: Dialect | None,
    restoration: Restoration,
    requests: Sequence[JsonDict],
) -> None:
    waiting = deque(requests)
    while waiting:
        request = waiting.popleft()
        try:
            text = message(request, dialect)
        except LocalProtocolError:
            if request["type"] == "session.update":
                raise
            waiting.extend(restoration.refuse(request))
        else:
            transport.send(text)


def _closed_meanwhile() -> ConnectionClosedError:
    return ConnectionClosedError(1006, "closed while reconnecting")


def _asked_delay(failure: Exception) -> float:
    """Return how many seconds the server asked to wait before the next attempt."""
    asked = failure.retry_after_s if isinstance(failure, ApiError) else None
    return min(asked or 0.0, _PATIENCE_S)
