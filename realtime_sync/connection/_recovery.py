"""Making a link anew: attempts, delays, and the restoration of the session."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..errors import (
    ApiError,
    ConnectionClosed,
    ConnectionClosedError,
    RealtimeError,
    RemoteProtocolError,
)
from ..events import SessionCreated, SessionUpdated
from ..providers.dialect import Dialect
from ..transport.base import Transport
from ._reader import parse_all
from ._restore import Restoration
from ._sender import to_json
from .reconnect import ReconnectingEvent, ReconnectPolicy
from .state import ConnectionState

if TYPE_CHECKING:
    from .settings import ConnectionSettings

__all__ = ["Made", "Opener", "Recovery"]

log = logging.getLogger(__name__)

Opener = Callable[[Mapping[str, object], Mapping[str, str]], "tuple[Transport, Dialect | None]"]
"""Opens a transport with an extra query and extra headers; may ask for a fresh key."""


@frozen
class Made:
    """A new transport with the old session on it."""

    transport: Transport
    dialect: Dialect | None
    attempts: int = 1
    lost_items: list[str] = field(factory=list)


@define
class _Attempts:
    """How many there were in a row, and what the server had said when the row began."""

    made: int = 0
    good_events: int = -1


class Recovery:
    """Opens links for one connection.

    Threads: one supervisor at a time; `abort` from any thread.
    """

    def __init__(
        self,
        state: ConnectionState,
        settings: ConnectionSettings,
        *,
        received: Callable[[], int],
    ) -> None:
        self._state = state
        self._opener = settings.opener
        self._policy = settings.reconnect or ReconnectPolicy()
        self._on_reconnecting = settings.on_reconnecting
        self._query = settings.extra_query
        self._headers = settings.extra_headers
        self._restore_timeout = settings.open_timeout
        self._received = received
        self._attempts = _Attempts()
        self._opening: Transport | None = None  # what `abort` has to cut

    def reopen(self, end: ConnectionClosed, closing: threading.Event) -> Made:
        """Return a new link with the old session, after as many attempts as the policy allows.

        Raises:
            RealtimeError: none succeeded, or the program or ``closing`` ended it.
            Exception: whatever the program's callback raised.
        """
        self._begin_row()
        failure: Exception = end
        while self._attempts.made < self._policy.max_retries:
            self._attempts.made += 1
            delay = self._policy.delay(self._attempts.made)
            self._ask_program(delay, end)
            if closing.wait(delay):
                raise ConnectionClosedError(end.code, "closed while reconnecting")
            try:
                made = self._open(self._policy.restore, closing)
            except ApiError as exc:
                if exc.status < 500 and exc.status != 429:
                    raise  # the next attempt would be refused as well
                failure = exc
            except RealtimeError as exc:
                failure = exc
            else:
                return Made(made.transport, made.dialect, self._attempts.made, made.lost_items)
            log.info("attempt %d to reconnect failed: %s", self._attempts.made, failure)
        raise ConnectionClosedError(
            end.code, f"{end.reason}; gave up after {self._attempts.made} attempts: {failure}"
        ) from failure

    def open_once(self, *, keep_history: bool, closing: threading.Event) -> Made:
        """Return a new link with the old session, at the first attempt.

        Raises:
            RealtimeError: it failed.
        """
        return self._open(True, closing, keep_history=keep_history)

    def abort(self) -> None:
        """Cut the link that is being opened."""
        opening = self._opening
        if opening is not None:
            opening.abort()

    def _begin_row(self) -> None:
        """Start to count anew if the server has said anything but errors since the last row.

        So a server that accepts, complains and closes is given up in the end.
        """
        good_events = self._received() - self._state.errors
        if good_events != self._attempts.good_events:
            self._attempts = _Attempts(0, good_events)

    def _ask_program(self, delay: float, end: ConnectionClosed) -> None:
        if self._on_reconnecting is None:
            return
        event = ReconnectingEvent(
            attempt=self._attempts.made,
            max_attempts=self._policy.max_retries,
            delay=delay,
            close_code=end.code,
            extra_query=self._query,
            extra_headers=self._headers,
        )
        answer: Mapping[str, Any] = self._on_reconnecting(event) or {}
        if answer.get("abort"):
            raise ConnectionClosedError(end.code, f"{end.reason}; on_reconnecting gave up")
        self._query = answer.get("extra_query", self._query)
        self._headers = answer.get("extra_headers", self._headers)

    def _open(self, restore: bool, closing: threading.Event, *, keep_history: bool = True) -> Made:
        transport, dialect = self._opener(self._query, self._headers)
        if not restore:
            return Made(transport, dialect)
        self._opening = transport
        finished = threading.Event()
        watchdog = spawn(
            lambda: finished.wait(self._restore_timeout) or transport.abort(), name="restore"
        )
        try:
            if closing.is_set():
                raise ConnectionClosedError(1006, "closed while reconnecting")
            lost = self._restore(transport, dialect, keep_history=keep_history)
        except BaseException:
            transport.abort()
            raise
        finally:
            self._opening = None
            finished.set()
            join_all([watchdog], Deadline(1.0))
        return Made(transport, dialect, lost_items=lost)

    def _restore(
        self, transport: Transport, dialect: Dialect | None, *, keep_history: bool
    ) -> list[str]:
        """Bring the session back; all of this traffic is hidden from the program."""
        items, lost = self._state.history.replay() if keep_history else ([], [])
        as_recap = dialect is not None and not dialect.assistant_items
        restoration = Restoration(self._state.restorable_session, items, as_recap=as_recap)
        reported: list[SessionCreated | SessionUpdated] = []
        while not restoration.done:
            for message in transport.read():
                try:
                    events = parse_all(message, dialect)
                except RemoteProtocolError:
                    continue
                for event in events:
                    if isinstance(event, SessionCreated | SessionUpdated):
                        reported.append(event)
                    for request in restoration.receive(event):
                        wire = request if dialect is None else dialect.to_wire(request)
                        transport.send(to_json(wire))
        # Only now: a restoration that fails half-way must leave the old session to the next one.
        self._state.renewed(reported)
        return lost + restoration.lost_items
