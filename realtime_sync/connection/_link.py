"""The link under a connection: the transport of the moment and the threads around it.

A link outlives its transports. When one is lost, a supervisor thread that lives only meanwhile
brings the next; before the server's time limit it does so at a quiet moment, unnoticed.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable

from attrs import frozen

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..errors import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    RealtimeError,
)
from ..events import Reconnected
from ..providers.dialect import Dialect
from ..transport.base import Transport
from ._queue import EventQueue
from ._reader import Reader
from ._recovery import Made, Recovery
from ._sender import Sender
from .settings import ConnectionSettings
from .state import ConnectionState

__all__ = ["Link"]

log = logging.getLogger(__name__)

_RENEW_AGAIN_S = 10.0  # after a renewal that failed


class Link:
    """Owns the transport and the threads; does not know the connection.

    Threads: `close` and `renew` from any thread. One lock guards which transport is the current
        one and which threads there are; it is never held while anything waits.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        queue: EventQueue,
        state: ConnectionState,
        sender: Sender,
        settings: ConnectionSettings,
    ) -> None:
        self._queue = queue
        self._state = state
        self._sender = sender
        self._recovery = Recovery(state, settings, received=lambda: queue.received)
        self._policy = settings.reconnect
        self._close_timeout = settings.close_timeout
        self.closing = threading.Event()
        self._lock = threading.Lock()  # guards all below
        self._transport = transport
        self._reader = self._new_reader(transport, settings.dialect)
        self._threads: list[threading.Thread] = []
        self._making_anew = False
        self._lost_meanwhile: ConnectionClosed | None = None
        self._totals = Totals()

    def start(self) -> None:
        """Start the first reader."""
        if self._policy is not None and self._policy.rotate:
            self._sender.on_renewal_due = self._renew_if_quiet
        self._start_reader()

    # -- reading ---------------------------------------------------------------------------------

    def _new_reader(self, transport: Transport, dialect: Dialect | None) -> Reader:
        return Reader(transport, self._queue, self._state, dialect)

    def _start_reader(self) -> None:
        reader, transport = self._reader, self._transport
        thread = spawn(lambda: self._ended(transport, reader.run()), name="reader")
        with self._lock:
            self._threads.append(thread)

    def _ended(self, transport: Transport, end: ConnectionClosed) -> None:
        """On a reader's thread, at the end of its transport."""
        with self._lock:
            if transport is not self._transport:
                return  # it was replaced; its successor's reader goes on
            if self._making_anew:
                self._lost_meanwhile = end  # `renew` has the next one in hand
                return
        self._lost(end)

    def _lost(self, end: ConnectionClosed) -> None:
        if self.closing.is_set() or self._policy is None or not self._policy.covers(end):
            self._finish(end)
            return
        with self._lock:
            self._making_anew = True
        self._sender.hold("lost")
        self._state.link_lost()
        self._queue.interrupt(type(end)(end.code, end.reason, True))
        self._spawn_supervisor(lambda: self._recover(end))

    def _finish(self, end: ConnectionClosed) -> None:
        unsent = self._sender.give_up()
        error = type(end)(end.code, end.reason, False, tuple(unsent))
        error.__cause__ = end.__cause__
        self._queue.finish(error)

    # -- recovering ------------------------------------------------------------------------------

    def _spawn_supervisor(self, work: Callable[[], None]) -> None:
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._threads.append(spawn(work, name="supervisor"))

    def _recover(self, end: ConnectionClosed) -> None:
        try:
            made = self._recovery.reopen(end, self.closing)
        except BaseException as exc:  # a callback of the program's may raise anything
            self._give_up(end, exc)
            return
        self._adopt(made)
        try:
            lost = self._sender.resume(made.transport)
        except ConnectionClosed:
            lost = []  # gone again: its reader sees it, and what was not sent is still held
        self._report(made, lost, end.code)
        self._start_reader()

    def _give_up(self, end: ConnectionClosed, exc: BaseException) -> None:
        if self.closing.is_set():
            self._finish(ConnectionClosedOK(1000, "closed while reconnecting"))
            return
        failed = ConnectionClosedError(end.code, f"{end.reason}; could not reconnect: {exc}")
        failed.__cause__ = exc
        self._finish(failed)

    def _adopt(self, made: Made) -> None:
        with self._lock:
            self._totals = self._totals.plus(self._transport)
            self._transport = made.transport
            self._reader = self._new_reader(made.transport, made.dialect)
            self._making_anew = False
        self._sender.dialect = made.dialect
        if self.closing.is_set():  # close() came between and has seen the old transport only
            made.transport.abort()

    def _report(self, made: Made, lost: list[str], code: int) -> None:
        event = Reconnected(
            code=code, attempts=made.attempts, lost=lost, lost_items=made.lost_items
        )
        self._queue.put(event, 0)

    # -- renewing --------------------------------------------------------------------------------

    def _renew_if_quiet(self) -> None:
        """On the thread of a sender, before it sends: what it sends is held if this begins."""
        with self._lock:
            if self._making_anew or self.closing.is_set():
                return
            self._making_anew = True
        # First held, then looked: either a message under way is seen here, or it is held.
        self._sender.hold("renewal")
        if self._queue.full or not self._state.quiet:
            with self._lock:
                self._making_anew = False
            self._sender.resume(self._transport)
            return
        self._state.renew_at = math.inf
        self._spawn_supervisor(self._try_to_renew)

    def _try_to_renew(self) -> None:
        try:
            self._renew(keep_history=True)
        except RealtimeError as exc:
            log.warning("the connection could not be renewed before its limit: %s", exc)
            self._state.renew_at = time.monotonic() + _RENEW_AGAIN_S

    def renew(self, *, keep_history: bool) -> None:
        """Replace the transport by a new one with the same session.

        Raises:
            ConcurrencyError: it is being replaced already.
            RealtimeError: the new one could not be had; the old one goes on.
        """
        with self._lock:
            if self._making_anew or self.closing.is_set():
                raise ConcurrencyError("the connection is being made anew or closed already")
            self._making_anew = True
        self._sender.hold("renewal")
        self._renew(keep_history=keep_history)

    def _renew(self, *, keep_history: bool) -> None:
        """The old transport goes on until the new one is ready, so nothing is missed."""
        old, old_reader = self._transport, self._reader
        try:
            made = self._recovery.open_once(keep_history=keep_history, closing=self.closing)
        except BaseException:
            self._keep_old(old)
            raise
        self._state.link_lost()
        self._adopt(made)
        old_reader.closing = True
        self._queue.wake_reader()
        old.close(1000, "renewed", timeout=self._close_timeout)
        self._report(made, [], 1000)
        self._start_reader()
        with contextlib.suppress(ConnectionClosed):  # its reader sees it
            self._sender.resume(made.transport)

    def _keep_old(self, old: Transport) -> None:
        with self._lock:
            self._making_anew = False
            lost, self._lost_meanwhile = self._lost_meanwhile, None
        if lost is not None:
            self._lost(lost)
            return
        with contextlib.suppress(ConnectionClosed):  # its reader sees it
            self._sender.resume(old)

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Close the transport of the moment, end the threads; idempotent."""
        deadline = Deadline(self._close_timeout)
        self.closing.set()
        with self._lock:
            transport, reader, threads = self._transport, self._reader, list(self._threads)
        reader.closing = True
        self._queue.wake_reader()
        transport.close(code, reason, timeout=self._close_timeout)
        self._recovery.abort()
        if not join_all(threads, deadline):
            transport.abort()
            join_all(threads, Deadline(1.0))

    def abort(self) -> None:
        """Cut the transport, which ends the reader; for a connection that was forgotten."""
        self.closing.set()
        self._transport.abort()

    @property
    def totals(self) -> Totals:
        """What all transports carried together."""
        with self._lock:
            return self._totals.plus(self._transport)


@frozen
class Totals:
    """Counters that outlive a transport."""

    messages_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0

    def plus(self, transport: Transport) -> Totals:
        """Return the sum with what ``transport`` carried."""
        return Totals(
            self.messages_out + transport.messages_out,
            self.bytes_in + transport.bytes_in,
            self.bytes_out + transport.bytes_out,
        )
