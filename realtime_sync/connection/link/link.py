"""The link under a connection: the transport of the moment and the threads around it.

A link outlives its transports. When one is lost, a supervisor thread that lives only meanwhile
brings the next; before the server's time limit it does so at a quiet moment, unnoticed.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from attrs import frozen

from ..._deadline import Deadline
from ..._threads import join_all, spawn
from ..._types import JsonDict
from ...errors import (
    ConcurrencyError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    RealtimeError,
)
from ...events import Reconnected
from ...transport.base import Transport
from ..settings import ConnectionSettings
from ..state import ConnectionState
from .lifecycle import CloseRequest, Lifecycle, LinkState, LinkStep
from .queue import EventQueue
from .reader import Reader
from .recovery import Made, Recovery
from .sender import Sender

__all__ = ["Link"]

log = logging.getLogger(__name__)

# After a renewal that failed, and after one that came at the wrong moment.
_RENEW_AGAIN_S = 10.0
_MOMENT_S = 1.0
# How long threads that have nothing more to do may take to end, on a busy machine.
_LAST_STEPS_S = 1.0


class Link:
    """Owns the transport and the threads; does not know the connection.

    Each decision is a step of `Lifecycle`, made by the thread whose affair it is: the reader when
    its transport has ended, a supervisor when it has brought another or could not. A program's
    thread makes none, since a signal handler could strike it between a step and what belongs to
    it; it stores what it wants, and waits.

    Threads: `close`, `restart` and the properties from any thread. One lock guards which threads
        there are; it is never held while anything waits.
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
        self.lifecycle = Lifecycle()
        self._queue = queue
        self._state = state
        self._sender = sender
        self._recovery = Recovery(state, settings, good_events=self._good_events)
        self._policy = settings.reconnect
        self._close_timeout = settings.close_timeout
        state.pause = self._pause
        self._pausing = False  # a thread waits until a request is to be sent once more
        self._own_entries = 0  # of the queue's, that did not come from the server
        self._transport = transport
        self._decode = settings.decode
        self._reader = Reader(transport, queue, state, settings.dialect, decode=self._decode)
        self._reading: threading.Thread | None = None
        # How the transport of the moment ended, while that is the supervisor's to deal with.
        self._lost: ConnectionClosed | None = None
        self._lock = threading.Lock()  # guards _threads
        self._threads: list[threading.Thread] = []
        # What former transports carried, and the one of the moment: replaced at once, not guarded,
        # so that a signal handler and a forked child may count.
        self._counted = (Totals(), transport)

    def start(self) -> None:
        """Start the first reader.

        Raises:
            RealtimeError: the system gives no thread.
        """
        if self._policy is not None and self._policy.rotate:
            self._sender.on_renewal_due = self._renew_if_quiet
        self._start_reader()

    # -- threads ---------------------------------------------------------------------------------

    def _run(self, work: Callable[[], None], *, name: str) -> threading.Thread:
        """Do ``work`` on a thread of the link's; whatever it raises ends the connection."""

        def run() -> None:
            try:
                work()
            except BaseException as exc:
                self._fail(name, exc)

        thread = spawn(run, name=name)
        with self._lock:
            self._note_locked(thread)
        return thread

    def _note_locked(self, thread: threading.Thread) -> None:
        self._threads = [other for other in self._threads if other.is_alive()]
        self._threads.append(thread)

    def _fail(self, name: str, exc: BaseException) -> None:
        """End the connection because of an exception that nobody has foreseen.

        Without this it would be neither open nor closed, and everybody would wait for ever.
        """
        log.error("the %s thread failed, which ends the connection: %r", name, exc)
        end = ConnectionClosedError(
            1006, f"the connection's {name} thread failed: {exc!r}", closed_by="this side"
        )
        end.__cause__ = exc
        # What another wire raises here says no more, and whoever waits is still to be told.
        with suppress(BaseException):
            self._finish(end)
        with suppress(BaseException):
            self._transport.abort()

    def _start_reader(self) -> None:
        self._reading = self._run(self._read, name="reader")

    def _read(self) -> None:
        self._reader_ended(self._reader.run())

    def _pause(self, seconds: float) -> None:
        """Tell the state that a pause is over; on a reader's thread, which goes on reading.

        One pause at a time: what is refused during one waits for the end of that.
        """
        if self._pausing:
            return
        self._pausing = True
        try:
            self._run(lambda: self._wait_pause(seconds), name="pause")
        except RealtimeError as exc:  # no thread: then it waits for the next response
            self._pausing = False
            log.warning("a response that was refused can't be asked for after a pause: %s", exc)

    def _wait_pause(self, seconds: float) -> None:
        over = self.lifecycle.closing.wait(Deadline(seconds))
        self._pausing = False  # first, since what is sent now may be refused at once
        if not over:
            self._state.paused()

    # -- a transport ends ------------------------------------------------------------------------

    def _reader_ended(self, end: ConnectionClosed) -> None:
        """On a reader's thread, at the end of its transport."""
        self._lost = end  # before the step: a supervisor that finds it made looks for it
        state = self.lifecycle.state
        if state is LinkState.OPEN and not self._covers(end):
            self._finish(end)
            return
        after = self.lifecycle.step(LinkStep.LOSE)
        if after is LinkState.LOST:
            self._recover_from(end)
        elif after is None:  # closing, or over
            self._finish(end)

    def _covers(self, end: ConnectionClosed) -> bool:
        return self._policy is not None and self._policy.covers(end)

    def _good_events(self) -> int:
        """Count what the server has said beside greetings and complaints."""
        return self._queue.received - self._own_entries - self._state.formalities

    def _interrupt(self, end: ConnectionClosed) -> None:
        """Tell waiters that what they wait for went with the old link; no reader runs now."""
        self._own_entries += 1
        error = ConnectionClosedError(end.code, end.reason, True)
        self._queue.interrupt(error, self._sender.link)

    def _finish(self, end: ConnectionClosed) -> None:
        """Let the connection be over, and tell everybody; only the first call counts."""
        if self.lifecycle.step(LinkStep.END) is None:
            return
        request = self.lifecycle.close_request
        error = end
        try:
            unsent = tuple(self._transport.take_back() + self._sender.give_up())
            error = end.copy(unsent=unsent) if request is None else _closed(request, end, unsent)
            error.opened_by = self._sender.opened_by
        finally:
            self._queue.finish(error)
            self.lifecycle.over.set()

    # -- after a loss ----------------------------------------------------------------------------

    def _recover_from(self, end: ConnectionClosed) -> None:
        """On the thread that found the link lost, after that step."""
        if not self._covers(end):  # it was lost during a renewal, which then failed
            self._finish(end)
            return
        self._sender.hold("lost")
        self._sender.take_back(self._transport.take_back())
        self._state.link_lost(self._state.requested)
        self._interrupt(end)
        self._run(lambda: self._recover(end), name="supervisor")

    def _recover(self, end: ConnectionClosed) -> None:
        try:
            made = self._recovery.reopen(end, self.lifecycle.closing)
        except BaseException as exc:  # a callback of the program's may raise anything
            reason = "; ".join(filter(None, (end.reason, f"could not reconnect: {exc}")))
            failed = ConnectionClosedError(end.code, reason, closed_by=end.closed_by)
            failed.__cause__ = exc
            self._finish(failed)
            return
        self._adopt(made, end.code)

    def _adopt(self, made: Made, code: int, *, with_tail: bool = False) -> bool:
        """Let ``made`` be the link, unless `close` was called; no reader runs now.

        Args:
            made: the new link.
            code: how the old one ended.
            with_tail: see `Sender.adopt`.
        """
        old = self._transport
        if self.lifecycle.step(LinkStep.ADOPT) is None:
            made.transport.abort()
            self._finish(self._lost or ConnectionClosedError(code))
            return False
        self._counted = (self._counted[0].plus(old), made.transport)
        self._transport = made.transport
        self._lost = None
        self._state.renewed(made.reports)
        lost_items, new_items = self._begin_history(made)
        lost = self._sender.adopt(made.transport, made.dialect, with_tail=with_tail)
        self._report(
            Reconnected(
                code=code,
                attempts=made.attempts,
                lost=lost,
                lost_items=lost_items,
                new_items=new_items,
            )
        )
        self._reader = Reader(
            made.transport,
            self._queue,
            self._state,
            made.dialect,
            made.received,
            decode=self._decode,
        )
        request = self.lifecycle.close_request
        if request is not None:  # after the step: `close` may have found the old transport
            self._start_close(request)
        self._start_reader()
        return True

    def _begin_history(self, made: Made) -> tuple[list[str], list[JsonDict]]:
        """Let the history be that of the new session.

        Returns:
            The ids of what it lacks; and the items that only the lost link was told of.
        """
        history = self._state.history
        if made.kept_items is None:
            history.keep(())
            return [], []
        new_items = [item for item in made.kept_items if item["id"] not in history.items]
        # What the old link brought while the new one was made is in no list of the restoration.
        gone = history.keep(made.kept_items, made.echoes)
        lost_items = [*made.lost_items, *(i for i in gone if i not in made.lost_items)]
        return lost_items, new_items

    def _report(self, event: Reconnected) -> None:
        self._own_entries += 1
        self._queue.put(event, 0)

    # -- renewing --------------------------------------------------------------------------------

    def _renew_if_quiet(self) -> None:
        """On the thread of a sender, before it sends: what it sends is held if this begins."""
        if not self._quiet() or self.lifecycle.state is not LinkState.OPEN:
            return
        decided: queue.SimpleQueue[None] = queue.SimpleQueue()
        try:
            self._run(lambda: self._renew_quietly(decided), name="supervisor")
        except RealtimeError as exc:
            log.warning("the connection could not be renewed before its limit: %s", exc)
            self._renew_later(_RENEW_AGAIN_S)
        else:
            decided.get()

    def _quiet(self) -> bool:
        return self._state.quiet and not self._queue.full

    def _renew_quietly(self, decided: queue.SimpleQueue[None]) -> None:
        try:
            if self.lifecycle.step(LinkStep.RENEW) is None:
                return
            seen, requested = self._state.changes, self._state.requested
            # First held, then looked: either a message under way is seen here, or it is held.
            self._sender.hold("renewal")
            if not self._quiet():
                self._keep()
                return
            self._state.renew_at = math.inf
        finally:
            decided.put(None)
        self._try_to_renew(seen, requested)

    def _try_to_renew(self, seen: int, requested: frozenset[str]) -> None:
        try:
            made = self._recovery.open_once(keep_history=True, closing=self.lifecycle.closing)
        except Exception as exc:  # the program's key function may raise anything
            if not self.lifecycle.closing.is_set:
                log.warning("the connection could not be renewed before its limit: %s", exc)
            self._renew_later(_RENEW_AGAIN_S)
            self._keep()
            return
        if self._state.changes != seen:  # somebody speaks, or a transcript came late
            made.transport.abort()
            self._renew_later(_MOMENT_S)
            self._keep()
            return
        self._replace(made, requested, with_tail=not self._state.turns_are_manual)

    def _renew_later(self, seconds: float) -> None:
        self._state.renew_at = time.monotonic() + seconds

    def _keep(self) -> None:
        """End a renewal that came to nothing: the old link goes on, if it is still there."""
        self._sender.release(self._transport)
        after = self.lifecycle.step(LinkStep.KEEP)
        lost = self._lost
        if lost is None or after is LinkState.OPEN:
            return  # it goes on; or it was closed, which its reader will find
        if after is LinkState.LOST:
            self._recover_from(lost)
        else:
            self._finish(lost)

    def restart(self, *, keep_history: bool) -> None:
        """Replace the transport by a new one with the same session.

        A supervisor does it, so that an exception of a signal handler ends only the waiting.

        Raises:
            ConcurrencyError: it is being replaced already, or closed.
            RealtimeError: the new one could not be had; the old one goes on.
            ConnectionClosed: it could be had, but not be taken over; the connection is over.
        """
        self._transport.check_process()
        outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

        def work() -> None:
            try:
                outcomes.put(self._restart(keep_history=keep_history))
            except BaseException as exc:
                self._fail("supervisor", exc)
                outcomes.put(self._queue.end and self._queue.end.copy())

        self._run(work, name="supervisor")
        failure = outcomes.get()
        if failure is not None:
            raise failure

    def _restart(self, *, keep_history: bool) -> BaseException | None:
        """Return what kept the link from being replaced."""
        if self.lifecycle.step(LinkStep.RENEW) is None:
            return ConcurrencyError("the connection is being made anew or closed already")
        self._sender.hold("renewal")
        requested = self._state.requested
        try:
            made = self._recovery.open_once(
                keep_history=keep_history, closing=self.lifecycle.closing
            )
        except BaseException as exc:
            self._keep()
            return exc
        if self._replace(made, requested, with_tail=False):
            return None
        return ConcurrencyError("the connection was closed meanwhile")

    def _replace(self, made: Made, requested: frozenset[str], *, with_tail: bool) -> bool:
        """Let ``made`` take over; what the old link still brings comes first.

        Args:
            made: the new link.
            requested: what the old link was asked for, to which no answer will come.
            with_tail: see `Sender.adopt`.
        """
        try:
            self._reader.closing = True
            self._queue.wake_reader()
            self._transport.close(1000, "renewed", timeout=self._close_timeout)
            if self._reading is not None:
                self._reading.join()  # its transport is over
            self._sender.take_back(self._transport.take_back())
            if self._state.link_lost(requested):
                self._interrupt(ConnectionClosedError(1000, "the session was restarted"))
        except BaseException:
            made.transport.abort()  # nobody else knows of it yet
            raise
        return self._adopt(made, 1000, with_tail=with_tail)

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int, reason: str, *, wait: bool) -> None:
        """Close the link within ``close_timeout``; idempotent.

        Args:
            code: of the close frame.
            reason: of the close frame.
            wait: False only asks for it, without a lock, and returns at once; the link's own
                threads do it all and keep to the time.
        """
        deadline = Deadline(self._close_timeout)
        request = self.lifecycle.close(code, reason, deadline)
        self._start_close(request)
        self._recovery.abort()
        if not wait or threading.current_thread() in self._threads:
            return
        if not self.lifecycle.over.wait(deadline):
            self._transport.close(request.code, request.reason, timeout=0)  # cuts it
        self.join()

    def _start_close(self, request: CloseRequest) -> None:
        self._reader.closing = True
        self._queue.wake_reader()
        self._transport.start_close(*request)

    def join(self) -> None:
        """Wait for the threads, which have nothing more to do."""
        with self._lock:
            threads = list(self._threads)
        join_all(threads, Deadline(_LAST_STEPS_S))

    def abort(self) -> None:
        """Cut the transport, which ends the reader; for a connection that was forgotten."""
        self.lifecycle.close(1000, "", Deadline(0))
        self._transport.abort()
        self._recovery.abort()

    @property
    def totals(self) -> Totals:
        """What all transports carried together."""
        before, transport = self._counted
        return before.plus(transport)


def _closed(
    request: CloseRequest, end: ConnectionClosed, unsent: tuple[str, ...]
) -> ConnectionClosed:
    """Return the end of a link that we closed: a clean one, whatever became of the handshake."""
    error = ConnectionClosedOK(request.code, request.reason, False, unsent, "this side")
    error.__cause__ = end.__cause__
    if end.closed_by == "the server":  # at the same moment
        error.note(f"the peer closed with code {end.code}" + (end.reason and f": {end.reason}"))
    elif isinstance(end, ConnectionClosedError):
        error.note(end.reason)
    for note in getattr(end, "__notes__", ()):
        error.note(note)
    return error


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
