"""`RealtimeConnection`: a conversation as blocking calls."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Any, ClassVar

from .._deadline import Deadline
from .._fork import Home
from .._porting import Advising, Blocking
from .._required import require_function
from .._shown import shown
from .._signal_safe import Claim
from .._types import Samples
from .._uncopied import Uncopied
from ..conversation.session import SessionFacts
from ..errors import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosedOK,
    LocalProtocolError,
    RealtimeTimeout,
)
from ..events import ClientEvent, ErrorEvent, ServerEvent, parse_event
from ..events.sessions import ResponseCreateParams
from ..transport.base import Transport, check_close
from ._handlers import Handlers
from ._listening import Observing, Registration
from ._observer import Observer
from ._tool_rounds import ToolRounds
from ._turn_runner import TurnRunner
from .link.link import Link
from .link.queue import EventQueue, Interruption, Malformed, StandIn
from .link.sender import Sender
from .reply import Reply, ReplyDelta, server_error
from .resources import (
    ConversationResource,
    InputAudioBuffer,
    OutputAudioBuffer,
    ResponseResource,
    SessionResource,
)
from .settings import ConnectionSettings
from .state import ConnectionState
from .stats import ConnectionStats

if TYPE_CHECKING:
    from ..tools.pool import ToolPool
    from ..tools.schema import Functions, Tool
else:
    Functions = Any  # few connections have any, so hints do not load what reads them

__all__ = ["RealtimeConnection"]

_DEFAULT_TURN_TIMEOUT = 60.0


class RealtimeConnection(Registration, Observing, Blocking, Advising, Uncopied):
    """An open connection; ``client.realtime.connect(...)`` makes it.

    Attributes:
        session, response, input_audio_buffer, conversation, output_audio_buffer: the client's
            events as methods.

    Threads: any thread may send, observe (`wait_for`, `watch`) and close. Consumers (`recv`,
        `recv_bytes`, iteration, `ask`, `stream`) are one at a time: a second one raises
        `ConcurrencyError`. One thread of the connection's own reads.
    """

    _started = False
    _elsewhere: ClassVar[Mapping[str, str]] = {
        "transcription_session": (
            "the beta's name; write connection.session.update(session={'type': 'transcription', …})"
        )
    }

    def __init__(
        self,
        transport: Transport,
        *,
        settings: ConnectionSettings | None = None,
    ) -> None:
        settings = settings or ConnectionSettings()
        dialect = settings.dialect
        speech_ends = dialect is not None and dialect.closes_response_on_speech_started
        self._state = ConnectionState(
            speech_ends_responses=speech_ends, unasked_hz=getattr(dialect, "unasked_hz", None)
        )
        self._queue = EventQueue(settings.max_queue_bytes)
        self._sender = Sender(
            transport,
            self._queue,
            self._state,
            dialect=dialect,
            policy=settings.reconnect,
            max_queue_size=settings.max_queue_size,
        )
        self._link = Link(
            transport,
            queue=self._queue,
            state=self._state,
            sender=self._sender,
            settings=settings,
        )
        self._handlers = Handlers()
        self._home = Home()
        self._consumer = Claim()  # of whoever consumes, not only while waiting
        self._observer = Observer(self._queue, self._sender, self._state, self._home)
        self._turns = TurnRunner(self._queue, self._sender, self._state)
        self._pool: ToolPool | None = None  # made when a turn has tools
        self.session = SessionResource(self._sender, self._link, self._state)
        self.response = ResponseResource(self._sender, self._state)
        self.input_audio_buffer = InputAudioBuffer(self._sender, self._state)
        self.conversation = ConversationResource(self._sender, self._state)
        self.output_audio_buffer = OutputAudioBuffer(self._sender)

    def start(self) -> None:
        """Start the reader thread; the manager's business, once.

        Raises:
            RealtimeError: the system gives no thread.
        """
        self._started = True
        self._link.start()

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

        Args:
            data: the text, or its UTF-8 bytes; either goes as a text message, since the protocol
                has no other.

        Raises:
            ConnectionClosed: the connection is over; nothing was sent.
            LocalProtocolError: it is no Unicode text, for which the server would close.
        """
        if not isinstance(data, str):
            if not isinstance(data, bytes | bytearray):
                raise LocalProtocolError(
                    f"send_raw takes JSON text, not {shown(data)}; events and mappings go through "
                    "send"
                )
            try:
                data = data.decode()
            except UnicodeDecodeError as exc:
                raise LocalProtocolError(
                    f"send_raw takes JSON text, and these bytes are not UTF-8 ({exc.reason} at "
                    f"{exc.start}); sound goes through input_audio_buffer.append(audio=…)"
                ) from exc
        self._sender.send_raw(data)

    # -- consuming -------------------------------------------------------------------------------

    def recv(self, timeout: float | None = None) -> ServerEvent:
        """Return the next event.

        Args:
            timeout: seconds to wait; None waits until the connection ends.

        Raises:
            ConfigError: the timeout is no number of seconds.
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

    def poll(self, timeout: float | None = None) -> ServerEvent | None:
        """Return the next event, or None when none came in time or somebody called `wake`.

        For a thread that has more to do than to consume events.

        Args:
            timeout: seconds to wait; None waits until the connection ends, or for `wake`.

        Raises:
            ConfigError, RemoteProtocolError, ConnectionClosed, ConcurrencyError: as `recv`.
        """
        self._queue.wakeable = True
        try:
            return self.recv(timeout)
        except RealtimeTimeout:
            return None
        finally:
            self._queue.wakeable = False

    def polled(
        self, timeout: Callable[[], float | None], stand_in: StandIn | None = None
    ) -> Generator[ServerEvent | None]:
        """Yield what `poll` would return, for ever: for a thread that does nothing else for long.

        It costs less than a `poll` for each event. Until it is closed or raises, it is the
        connection's consumer.

        Args:
            timeout: is called before each wait, and says for how many seconds.
            stand_in: may take events on the reader's thread, while this waits; what it takes is
                not yielded.

        Raises:
            ConfigError: ``timeout`` is no function.
            RemoteProtocolError, ConnectionClosed, ConcurrencyError: as `recv`.
        """
        self._home.check()
        require_function(timeout, "timeout", error=ConfigError)
        consumer, token = self._consumer, [threading.get_ident()]
        try:  # see `Claim`
            if consumer.setdefault("now", token) is not token:
                raise _consumed_elsewhere()
            queue, turns = self._queue, self._turns
            queue.wakeable = True
            if turns.current is not None:
                turns.give_up_current()
            while True:
                # What is left of a turn that was given up is discarded here.
                entry = queue.poll(timeout, None if turns.abandoned else stand_in)
                if entry is None:
                    yield None
                    continue
                item = entry.item
                if isinstance(item, Interruption):
                    turns.forget(item.link)
                elif turns.abandoned and turns.discards(entry):
                    continue
                elif isinstance(item, Malformed):
                    raise item.error
                else:
                    yield item
        finally:
            if "now" in consumer and consumer["now"] is token:
                self._queue.wakeable = False
                del consumer["now"]

    def wake(self) -> None:
        """Let a `poll` that waits return, or the next one. From any thread; it never waits."""
        self._queue.wake()

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
            LocalProtocolError: ``data`` is neither text nor bytes.
        """
        if not isinstance(data, str | bytes | bytearray | memoryview):
            raise LocalProtocolError(
                f"parse_event takes what recv_bytes() returned, not {shown(data)}"
            )
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

    def dispatch_events(self) -> None:
        """Call the handlers of `on` and `once` until the connection is closed on purpose.

        For each event first those of its type, then those of ``"event"``. An exception of a
        handler leaves this call; calling it again goes on with the next event.

        Raises:
            ServerError: an ``error`` event came that is not benign and that nobody handles.
            ConnectionClosedError: the connection broke; other errors as in `recv`.
        """
        for event in self:
            handlers = self._handlers.take(event)
            if not handlers and isinstance(event, ErrorEvent) and event.severity != "benign":
                raise server_error(event)
            for handler in handlers:
                handler(event)

    def _consume(self, timeout: float | None) -> ServerEvent | Malformed:
        self._home.check()
        consumer, token = self._consumer, [threading.get_ident()]
        try:  # see `Claim`
            if consumer.setdefault("now", token) is not token:
                raise _consumed_elsewhere()
            deadline = None if timeout is None else Deadline(timeout)
            turns = self._turns
            if turns.current is not None:
                turns.give_up_current()
            while True:
                entry = self._queue.take(deadline)
                item = entry.item
                if isinstance(item, Interruption):
                    turns.forget(item.link)
                elif not turns.abandoned or not turns.discards(entry):
                    return item
        finally:
            if "now" in consumer and consumer["now"] is token:
                del consumer["now"]

    # -- whole turns -----------------------------------------------------------------------------

    def ask(
        self,
        text: str | None = None,
        *,
        audio: str | bytes | Samples | None = None,
        tools: Functions | None = None,
        timeout: float | None = _DEFAULT_TURN_TIMEOUT,
        response: ResponseCreateParams | None = None,
    ) -> Reply:
        """Say something and return the whole answer: one blocking turn.

        Events that do not belong to the turn stay queued in order. A response that is running
        already is waited for first.

        With ``tools`` the model may call functions: they run beside this thread, several at once,
        and the model is told what they return, or what went wrong, and asked on until its final
        answer, which is returned. Calls of tools that only the session declares are left to the
        program: they end the turn and stand in `Reply.function_calls`.

        Args:
            text: what the user writes.
            audio: what the user says, as for ``input_audio_buffer.append``; it becomes an item,
                which servers don't transcribe. With neither, the model is asked to go on (after a
                function call's output, or after ``input_audio_buffer.commit()``).
            tools: functions that the model may call in this turn beside the session's own: one, a
                list, or a mapping of names; see `realtime_sync.tools.function_schema` for how
                they are declared, and `realtime_sync.tools.describe` for tools that are described
                already. One that has a parameter of the type `CallContext` learns there
                whether anybody still waits for it.
            timeout: seconds for the whole turn; None waits until the connection ends.
            response: settings of this answer alone, e.g. ``{"output_modalities": ["text"]}``.

        Raises:
            RealtimeTimeout: no whole answer in time. The response and the functions are
                cancelled, what still comes of them is discarded, and the connection is usable.
            ServerError: the server refused the request, or the response failed; or it refused what
                this thread has sent before, and nobody has seen that yet. It is raised once.
            ConnectionClosed, ConcurrencyError: as `recv`.
            QueueFullError: so many other events wait that nothing more is read.
            ConfigError, LocalProtocolError: an argument is wrong, or a function can't be described;
                nothing was sent.
        """
        self._home.check()
        consumer, token = self._consumer, [threading.get_ident()]
        try:  # see `Claim`
            if consumer.setdefault("now", token) is not token:
                raise _consumed_elsewhere()
            rounds = self._rounds(tools)
            for _ in rounds.run(text, audio, response, Deadline(timeout)):
                pass
            return rounds.reply()
        finally:
            if "now" in consumer and consumer["now"] is token:
                del consumer["now"]

    def stream(
        self,
        text: str | None = None,
        *,
        audio: str | bytes | Samples | None = None,
        tools: Functions | None = None,
        timeout: float | None = _DEFAULT_TURN_TIMEOUT,
        response: ResponseCreateParams | None = None,
    ) -> Iterator[ReplyDelta]:
        """Say something and yield the answer's delta events as they come.

        The same turn as `ask`. Deltas are ``response.output_text.delta``,
        ``response.output_audio.delta``, ``response.output_audio_transcript.delta``,
        ``response.function_call_arguments.delta`` and ``response.mcp_call_arguments.delta``
        events; each has ``.delta``. Until the iterator ends or is closed it is the connection's
        consumer; leaving it early cancels the response.

        Raises:
            The same as `ask`, from the iteration.
        """
        self._home.check()
        consumer, token = self._consumer, [threading.get_ident()]
        try:  # see `Claim`
            if consumer.setdefault("now", token) is not token:
                raise _consumed_elsewhere()
            rounds = self._rounds(tools)
            yield from _deltas(rounds.run(text, audio, response, Deadline(timeout)))
        finally:
            if "now" in consumer and consumer["now"] is token:
                del consumer["now"]

    def _rounds(self, tools: Functions | None) -> ToolRounds:
        described: Mapping[str, Tool] = {}
        if tools is not None:
            from ..tools.pool import ToolPool  # few connections have any
            from ..tools.schema import describe_all

            described = describe_all(tools)
            if self._pool is None and described:
                self._pool = ToolPool()
        return ToolRounds(
            self._turns,
            self._queue,
            self._sender,
            self._state,
            pool=self._pool,
            tools=described,
        )

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection: idempotent, from any thread, within ``close_timeout``.

        Events that were received can still be consumed; then `recv` raises `ConnectionClosedOK`
        with this code and reason, whatever the peer does; a note says what that was. A message
        that another thread is sending is finished first, if the peer takes it in time. While the
        queue is full, what comes after this call is not kept.

        A signal handler may call it, whatever it has interrupted. Where that was a call of this
        connection, this returns at once, and that call ends with `ConnectionClosedOK`.

        Args:
            code: 1000, or 3000 to 4999 (RFC 6455 §7.4.2).
            reason: at most 123 bytes of UTF-8.

        Raises:
            LocalProtocolError: the code or the reason breaks that rule.
        """
        self._home.check()
        check_close(code, reason)
        self._link.close(code, reason, wait=not self._is_interrupted())

    def _abort(self) -> None:
        """Cut the link without a handshake; the manager's business, where opening fails."""
        self._link.abort()
        self._link.join()

    @property
    def closed(self) -> bool:
        """Whether the connection is over or being closed by us; events may still be queued."""
        life = self._link.lifecycle
        return self._home.left or life.closing.is_set or self._queue.end is not None

    @property
    def opened_by(self) -> str:
        """What opens another one, for the message of its end; ``"connect()"`` by default.

        Whoever opens connections for a program sets what that program calls.
        """
        return self._sender.opened_by

    @opened_by.setter
    def opened_by(self, call: str) -> None:
        self._sender.opened_by = call

    @property
    def reconnecting(self) -> bool:
        """Whether the link is being made anew, so that nothing can come at this moment."""
        return self._link.lifecycle.state.makes_anew

    def _is_interrupted(self) -> bool:
        """Whether this thread stands in another call of this connection, further out.

        Then a signal handler has interrupted that call. It may hold a lock that our own threads
        need, so waiting for them here would be in vain.
        """
        ours = set(map(id, (self, self._observer, self._sender, self._link, self._queue)))
        frame: FrameType | None = sys._getframe(1).f_back  # who has called `close`
        while frame is not None:
            # Only of frames that may be ours: this makes a copy of the locals, which lives on.
            if frame.f_code in _CALLS and id(frame.f_locals.get("self")) in ours:
                return True
            frame = frame.f_back
        return False

    @property
    def session_facts(self) -> SessionFacts:
        """What is known of the session: as the server reported it, and as was asked for since.

        An update counts from `send` on until the server refuses it. So this may be ahead of the
        events that were consumed.
        """
        return self._state.session.facts

    @property
    def stats(self) -> ConnectionStats:
        """Counters of this connection, read at this moment."""
        totals = self._link.totals
        return ConnectionStats(
            events_received=self._queue.received,
            events_sent=totals.messages_out,
            bytes_received=totals.bytes_in,
            bytes_sent=totals.bytes_out,
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
        if not self._home.left:  # a forked child leaves the block, and its parent goes on
            self.close()

    def __del__(self) -> None:
        if self._started and not self.closed:
            try:  # the warning may be an error
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            finally:
                self._link.abort()  # wakes the reader, which ends by itself

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'closed' if self.closed else 'open'}>"


def _deltas(events: Iterable[ServerEvent]) -> Iterator[ReplyDelta]:
    for event in events:
        if isinstance(event, ReplyDelta):
            yield event


def _code_of(member: object) -> CodeType | None:
    function = member.fget if isinstance(member, property) else member
    return getattr(function, "__code__", None)


# In which a thread may hold something of a connection's. Not those that call the program's code, or
# `close` itself, and hold nothing.
_CALLS: frozenset[CodeType] = frozenset(
    code
    for part in (RealtimeConnection, Observing, Observer, Sender, Link, EventQueue)
    for name, member in vars(part).items()
    if name not in ("dispatch_events", "__exit__") and (code := _code_of(member)) is not None
)


def _consumed_elsewhere() -> ConcurrencyError:
    return ConcurrencyError(
        "another recv(), iteration, ask() or stream() is consuming this connection: consume in one "
        "thread, and use wait_for() in others"
    )
