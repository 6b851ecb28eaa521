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

from ..._deadline import Deadline
from ..._threads import join_all, spawn
from ...errors import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
)
from ...events import Reconnected
from ...transport.base import Transport
from ..settings import ConnectionSettings
from ..state import ConnectionState
from .queue import EventQueue
from .reader import Reader
from .recovery import Made, Recovery
from .sender import Sender

__all__ = ["Link"]

log = logging.getLogger(__name__)

# After a renewal that failed, and after one that came at the wrong moment.
_RENEW_AGAIN_S = 10.0
_MOMENT_S = 1.0
# An attempt to connect can't be cut short. Whoever closes waits so long for it; then it is left
# to end by itself, within open_timeout, and whatever it brings is thrown away.
_CONNECTING_S = 0.5


class Link:
    """Owns the transport and the threads; does not know the connection.

    Making anew (after a loss, before the limit or by hand) is one operation from `_making_anew`
    being set to `_settle`: what happens to its transport meanwhile waits for the end of it.

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
        self._recovery = Recovery(state, settings, good_events=self._good_events)
        self._policy = settings.reconnect
        self._close_timeout = settings.close_timeout
        self._own_entries = 0  # of the queue's, that did not come from the server
        self.closing = threading.Event()
        self._flushed = threading.Event()  # unset from a new link to the last held message on it
        self._flushed.set()
        self._lock = threading.Lock()  # guards all below
        self._transport = transport
        self._reader = Reader(transport, queue, state, settings.dialect)
        self._reading: threading.Thread | None = None
        self._threads: list[threading.Thread] = []
        self._making_anew = False
        self._lost_meanwhile: ConnectionClosed | None = None
        self._finished = False
        self._closed_with = (1000, "")
        self._totals = Totals()

    def start(self) -> None:
        """Start the first reader."""
        if self._policy is not None and self._policy.rotate:
            self._sender.on_renewal_due = self._renew_if_quiet
        self._start_reader()

    # -- reading ---------------------------------------------------------------------------------

    def _start_reader(self) -> None:
        reader, transport = self._reader, self._transport
        thread = spawn(lambda: self._ended(transport, reader.run()), name="reader")
        with self._lock:
            self._reading = thread
            self._threads.append(thread)

    def _ended(self, transport: Transport, end: ConnectionClosed) -> None:
        """On a reader's thread, at the end of its transport."""
        with self._lock:
            if transport is not self._transport:
                return  # it was replaced; its successor's reader goes on
            if self._making_anew:
                self._lost_meanwhile = end  # for `_settle`
                return
        self._lost(end)

    def _good_events(self) -> int:
        """Count what the server has said beside greetings and complaints."""
        return self._queue.received - self._own_entries - self._state.formalities

    def _lost(self, end: ConnectionClosed) -> None:
        if self.closing.is_set() or self._policy is None or not self._policy.covers(end):
            self._finish(end)
            return
        with self._lock:
            self._making_anew = True
        self._sender.hold("lost")
        self._state.link_lost(self._state.requested)
        self._interrupt(end)
        self._spawn_supervisor(lambda: self._recover(end))

    def _interrupt(self, end: ConnectionClosed) -> None:
        """Tell waiters that what they wait for went with the old link; no reader runs now."""
        self._own_entries += 1
        self._queue.interrupt(ConnectionClosedError(end.code, end.reason, True))

    def _finish(self, end: ConnectionClosed) -> None:
        with self._lock:
            if self._finished:
                return
            self._finished = True
        unsent = self._sender.give_up()
        error = type(end)(end.code, end.reason, False, tuple(unsent))
        error.__cause__ = end.__cause__
        self._queue.finish(error)

    def _finish_closed(self) -> None:
        code, reason = self._closed_with
        self._finish(ConnectionClosedOK(code, reason or "closed while reconnecting"))

    # -- recovering ------------------------------------------------------------------------------

    def _spawn_supervisor(self, work: Callable[[], None]) -> None:
        supervisor = spawn(work, name="supervisor")
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._threads.append(supervisor)

    def _recover(self, end: ConnectionClosed) -> None:
        try:
            made = self._recovery.reopen(end, self.closing)
        except BaseException as exc:  # a callback of the program's may raise anything
            self._give_up(end, exc)
            return
        if not self._adopt(made):
            self._finish_closed()
            return
        lost = self._sender.adopt(made.transport, made.dialect)
        self._report(made, lost, end.code)
        self._start_reader()
        self._settle(made.transport)

    def _give_up(self, end: ConnectionClosed, exc: BaseException) -> None:
        if self.closing.is_set():
            self._finish_closed()
            return
        reason = "; ".join(filter(None, (end.reason, f"could not reconnect: {exc}")))
        failed = ConnectionClosedError(end.code, reason)
        failed.__cause__ = exc
        self._finish(failed)

    def _adopt(self, made: Made) -> bool:
        """Make ``made`` the link, unless `close` was called meanwhile."""
        with self._lock:
            closing = self.closing.is_set()
            if not closing:
                self._totals = self._totals.plus(self._transport)
                self._transport = made.transport
                self._reader = Reader(
                    made.transport, self._queue, self._state, made.dialect, made.received
                )
                self._lost_meanwhile = None
                self._flushed.clear()
        if closing:
            made.transport.abort()
            return False
        self._state.renewed(made.reports)
        self._state.history.keep(made.kept_items)
        return True

    def _report(self, made: Made, lost: list[str], code: int) -> None:
        event = Reconnected(
            code=code, attempts=made.attempts, lost=lost, lost_items=made.lost_items
        )
        self._own_entries += 1
        self._queue.put(event, 0)

    def _settle(self, transport: Transport) -> None:
        """End an operation: send what was held, then look what became of the link meanwhile."""
        with contextlib.suppress(ConnectionClosed):  # its reader sees it
            self._sender.flush(transport)
        self._flushed.set()
        with self._lock:
            self._making_anew = False
            lost, self._lost_meanwhile = self._lost_meanwhile, None
        if lost is not None:
            self._lost(lost)

    # -- renewing --------------------------------------------------------------------------------

    def _renew_if_quiet(self) -> None:
        """On the thread of a sender, before it sends: what it sends is held if this begins."""
        if not self._quiet():
            return
        with self._lock:
            if self._making_anew or self.closing.is_set():
                return
            self._making_anew = True
        seen = self._state.changes
        # First held, then looked: either a message under way is seen here, or it is held.
        self._sender.hold("renewal")
        if not self._quiet():
            self._settle(self._transport)
            return
        self._state.renew_at = math.inf
        self._spawn_supervisor(lambda: self._try_to_renew(seen))

    def _quiet(self) -> bool:
        return self._state.quiet and not self._queue.full

    def _try_to_renew(self, seen: int) -> None:
        try:
            made = self._recovery.open_once(keep_history=True, closing=self.closing)
        except Exception as exc:  # the program's key function may raise anything
            if not self.closing.is_set():
                log.warning("the connection could not be renewed before its limit: %s", exc)
            self._renew_later(_RENEW_AGAIN_S)
            return
        if self._state.changes != seen:  # somebody speaks, or a transcript came late
            made.transport.abort()
            self._renew_later(_MOMENT_S)
            return
        self._replace(made, frozenset(), with_tail=not self._state.turns_are_manual)

    def _renew_later(self, seconds: float) -> None:
        self._state.renew_at = time.monotonic() + seconds
        self._settle(self._transport)

    def renew(self, *, keep_history: bool) -> None:
        """Replace the transport by a new one with the same session.

        Raises:
            ConcurrencyError: it is being replaced already, or closed.
            RealtimeError: the new one could not be had; the old one goes on.
        """
        self._transport.check_process()
        with self._lock:
            if self._making_anew or self.closing.is_set() or self._finished:
                raise ConcurrencyError("the connection is being made anew or closed already")
            self._making_anew = True
        self._sender.hold("renewal")
        requested = self._state.requested
        try:
            made = self._recovery.open_once(keep_history=keep_history, closing=self.closing)
        except BaseException:
            self._settle(self._transport)
            raise
        self._replace(made, requested, with_tail=False)

    def _replace(self, made: Made, requested: frozenset[str], *, with_tail: bool) -> None:
        """Let ``made`` take over; what the old link still brings comes first.

        Args:
            made: the new link.
            requested: the responses that the old link was asked for and that will not come.
            with_tail: see `Sender.adopt`.
        """
        old, old_reader, reading = self._transport, self._reader, self._reading
        if not self._adopt(made):
            self._settle(old)
            return
        old_reader.closing = True
        self._queue.wake_reader()
        old.close(1000, "renewed", timeout=self._close_timeout)
        if reading is not None:
            reading.join()  # its transport is over
        if self._state.link_lost(requested):
            self._interrupt(ConnectionClosedError(1000, "the session was restarted"))
        lost = self._sender.adopt(made.transport, made.dialect, with_tail=with_tail)
        self._report(made, lost, 1000)
        self._start_reader()
        self._settle(made.transport)

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Close the transport of the moment, end the threads; idempotent."""
        deadline = Deadline(self._close_timeout)
        with self._lock:
            if not self.closing.is_set():
                self._closed_with = (code, reason)
            self.closing.set()
            transport, reader = self._transport, self._reader
        reader.closing = True
        self._queue.wake_reader()
        self._flushed.wait(deadline.remaining())  # what was sent before this goes out before it
        transport.close(code, reason, timeout=self._close_timeout)
        self._recovery.abort()
        if self._recovery.connecting:
            self._join_all(Deadline(min(_CONNECTING_S, self._close_timeout)))
            if self._recovery.connecting:
                self._finish_closed()
                return
        if not self._join_all(deadline):
            transport.abort()
            self._join_all(Deadline(1.0))

    def _join_all(self, deadline: Deadline) -> bool:
        """Wait for the threads, and for those that they started."""
        while True:
            with self._lock:
                others = [
                    thread
                    for thread in self._threads
                    if thread.is_alive() and thread is not threading.current_thread()
                ]
            if not others:
                return True
            if not join_all(others, deadline):
                return False

    def abort(self) -> None:
        """Cut the transport, which ends the reader; for a connection that was forgotten."""
        self.closing.set()
        self._transport.abort()
        self._recovery.abort()

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
