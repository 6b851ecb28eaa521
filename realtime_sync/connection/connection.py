"""`RealtimeConnection`: a conversation as blocking calls."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..errors import (
    ConcurrencyError,
    ConnectionClosedOK,
)
from ..events import ClientEvent, ServerEvent, canonical_type, parse_event
from ..transport.base import Transport, check_close
from ._queue import EventQueue, Malformed
from ._reader import Reader
from ._sender import Sender
from ._turns import Turns
from .reply import Reply, Turn
from .resources import (
    Conversation,
    InputAudioBuffer,
    OutputAudioBuffer,
    ResponseResource,
    SessionResource,
)
from .state import ConnectionState
from .stats import ConnectionStats

if TYPE_CHECKING:
    import numpy as np

    from ..events.sessions import ResponseCreateParams

__all__ = ["DEFAULT_MAX_QUEUE_BYTES", "RealtimeConnection"]

DEFAULT_MAX_QUEUE_BYTES = 64 << 20
_DEFAULT_TURN_TIMEOUT = 60.0


class RealtimeConnection:
    """An open connection; ``client.realtime.connect(...)`` makes it.

    Attributes:
        session, response, input_audio_buffer, conversation, output_audio_buffer: the client's
            events as methods.

    Threads: any thread may send, observe (`wait_for`) and close. Consumers (`recv`,
        `recv_bytes`, iteration, `ask`, `stream`) are one at a time: a second one raises
        `ConcurrencyError`. One thread of the connection's own reads.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        close_timeout: float = 5.0,
        max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES,
    ) -> None:
        self._transport = transport
        self._close_timeout = close_timeout
        self._state = ConnectionState()
        self._queue = EventQueue(max_queue_bytes)
        self._reader = Reader(transport, self._queue, self._state)
        self._thread: threading.Thread | None = None
        self._consumer = threading.Lock()  # held by whoever consumes, not only while waiting
        self._sender = Sender(transport, self._queue, self._state)
        self._turns = Turns(self._queue, self._sender, self._state)
        self.session = SessionResource(self._sender)
        self.response = ResponseResource(self._sender)
        self.input_audio_buffer = InputAudioBuffer(self._sender)
        self.conversation = Conversation(self._sender)
        self.output_audio_buffer = OutputAudioBuffer(self._sender)

    def start(self) -> None:
        """Start the reader thread; the manager's business, once."""
        self._thread = spawn(self._reader.run, name="reader")

    # -- sending ---------------------------------------------------------------------------------

    def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """Send one client event and return when it is handed to the kernel.

        Args:
            event: an event of `realtime_sync.events`, or its wire form as a mapping.

        Raises:
            ConnectionClosed: the connection is over; the event was not sent.
            LocalProtocolError: the mapping has no ``type`` or can't be written as JSON.
        """
        self._sender.send(event)

    def send_raw(self, data: str | bytes) -> None:
        """Send JSON text as it is.

        Raises:
            ConnectionClosed: the connection is over; nothing was sent.
        """
        self._sender.send_raw(data)

    # -- consuming -------------------------------------------------------------------------------

    def recv(self, timeout: float | None = None) -> ServerEvent:
        """Return the next event.

        Args:
            timeout: seconds to wait; None waits until the connection ends.

        Raises:
            RealtimeTimeout: nothing came in time; call again.
            RemoteProtocolError: the next message is no event (malformed JSON, binary); the one
                after it is still there.
            ConnectionClosedOK, ConnectionClosedError: everything received was returned and the
                connection is over; every later call raises the same.
            ConcurrencyError: another thread is consuming.
        """
        item = self._consume(timeout)
        if isinstance(item, Malformed):
            raise item.error
        return item

    def recv_bytes(self, timeout: float | None = None) -> bytes:
        """Return the next message as it came, whether it is an event or not; see `recv`."""
        item = self._consume(timeout)
        if isinstance(item, Malformed):
            return item.raw
        return (item.raw or "").encode()

    def parse_event(self, data: str | bytes) -> ServerEvent:
        """Make an event of what `recv_bytes` returned.

        Raises:
            RemoteProtocolError: it is not a JSON object with a ``type``.
        """
        return parse_event(data)

    def __iter__(self) -> Iterator[ServerEvent]:
        """Yield events until the connection is closed on purpose.

        Left with ``break``, it can be taken up again and misses nothing.

        Raises:
            ConnectionClosedError: the connection broke; other errors as in `recv`.
        """
        while True:
            try:
                event = self.recv()
            except ConnectionClosedOK:
                return
            yield event

    def _consume(self, timeout: float | None) -> ServerEvent | Malformed:
        with _Consuming(self._consumer):
            deadline = Deadline(timeout)
            while True:
                entry = self._queue.take(deadline)
                self._queue.settle(entry)
                if not self._turns.discards(entry):
                    return entry.item

    # -- observing -------------------------------------------------------------------------------

    def wait_for(
        self,
        event: str | Callable[[ServerEvent], bool],
        *,
        timeout: float | None = None,
    ) -> ServerEvent:
        """Wait until an event came, and leave it in the queue.

        Events count from the calling thread's last `send`, so what arrived between the request
        and this call is found; a thread that has not sent anything waits from now on. Of events
        that were consumed meanwhile the last 1 MiB is looked at.

        Args:
            event: a type (beta names work too) or a predicate, which runs in this thread.
            timeout: seconds to wait; None waits until the connection ends.

        Raises:
            RealtimeTimeout: it did not come in time.
            ConnectionClosed: the connection ended before it came.
            QueueFullError: the queue is full, so nothing more is read until someone consumes.
        """
        return self._queue.watch(_matcher(event), self._sender.mark, Deadline(timeout))

    # -- whole turns -----------------------------------------------------------------------------

    def ask(
        self,
        text: str | None = None,
        *,
        audio: str | bytes | np.ndarray | None = None,
        timeout: float | None = _DEFAULT_TURN_TIMEOUT,
        response: ResponseCreateParams | None = None,
    ) -> Reply:
        """Say something and return the whole answer: one blocking turn.

        Events that do not belong to the turn stay queued in order. A response that is running
        already is waited for first.

        Args:
            text: what the user writes.
            audio: what the user says, as for ``input_audio_buffer.append``. With neither, the
                model is asked to go on (after a function call's output, for example).
            timeout: seconds for the whole turn; None waits until the connection ends.
            response: settings of this answer alone, e.g. ``{"output_modalities": ["text"]}``.

        Raises:
            RealtimeTimeout: no whole answer in time. The response is cancelled, what still
                comes of it is discarded, and the connection is usable.
            ServerError: the server refused the request, or the response failed.
            ConnectionClosed, ConcurrencyError: as `recv`.
            QueueFullError: so many other events wait that nothing more is read.
        """
        with _Consuming(self._consumer):
            turn = Turn()
            for _ in self._turns.run(turn, text, audio, response, Deadline(timeout)):
                pass
            return turn.reply()

    def stream(
        self,
        text: str | None = None,
        *,
        audio: str | bytes | np.ndarray | None = None,
        timeout: float | None = _DEFAULT_TURN_TIMEOUT,
        response: ResponseCreateParams | None = None,
    ) -> Iterator[ServerEvent]:
        """Say something and yield the answer's delta events as they come.

        The same turn as `ask`. Deltas are ``response.output_text.delta``,
        ``response.output_audio.delta``, ``response.output_audio_transcript.delta`` and
        ``response.function_call_arguments.delta`` events; each has ``.delta``. Until the
        iterator ends or is closed it is the connection's consumer; leaving it early cancels the
        response.

        Raises:
            The same as `ask`, from the iteration.
        """
        with _Consuming(self._consumer):
            for event in self._turns.run(Turn(), text, audio, response, Deadline(timeout)):
                if event.type.endswith(".delta"):
                    yield event

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection: idempotent, from any thread, within ``close_timeout``.

        Events that were received can still be consumed; then `recv` raises
        `ConnectionClosedOK`. While the queue is full, what comes after this call is not kept.

        Args:
            code: 1000, or 3000 to 4999 (RFC 6455 §7.4.2).
            reason: at most 123 bytes of UTF-8.

        Raises:
            LocalProtocolError: the code or the reason breaks that rule.
        """
        deadline = Deadline(self._close_timeout)
        check_close(code, reason)
        self._reader.closing = True
        self._queue.wake_reader()
        self._transport.close(code, reason, timeout=self._close_timeout)
        threads = [self._thread] if self._thread else []
        if not join_all(threads, deadline):
            self._transport.abort()
            join_all(threads, Deadline(1.0))

    @property
    def closed(self) -> bool:
        """Whether the connection is over or being closed by us; events may still be queued."""
        return self._reader.closing or self._queue.end is not None

    @property
    def stats(self) -> ConnectionStats:
        """Counters of this connection, read at this moment."""
        return ConnectionStats(
            events_received=self._queue.received,
            events_sent=self._transport.messages_out,
            bytes_received=self._transport.bytes_in,
            bytes_sent=self._transport.bytes_out,
            queued_bytes=self._queue.queued_bytes,
        )

    def __enter__(self) -> RealtimeConnection:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if self._thread is not None and not self.closed:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            self._transport.abort()  # wakes the reader, which ends by itself

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self.closed else 'open'}>"


class _Consuming:
    """The role of the consumer, for the length of a ``with``; taken at once or not at all."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise ConcurrencyError(
                "another recv(), iteration, ask() or stream() is consuming this connection: "
                "consume in one thread, and use wait_for() in others"
            )

    def __exit__(self, *exc_info: object) -> None:
        self._lock.release()


def _matcher(event: str | Callable[[ServerEvent], bool]) -> Callable[[ServerEvent], bool]:
    if callable(event):
        return event
    wanted = canonical_type(event)
    return lambda candidate: candidate.type == wanted
