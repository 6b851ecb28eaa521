"""One run of an app: a connection, and a thread for each sender and each receiver."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from attrs import field, frozen

from .._deadline import Deadline
from .._signal_safe import Latch, StopSignal
from .._threads import join_all, spawn
from .._types import JsonDict
from ..connection.connection import RealtimeConnection
from ..connection.reply import server_error
from ..connection.settings import DEFAULT_MAX_QUEUE_BYTES
from ..connection.state import WRONG_SHAPE
from ..conversation.session import SoundFormat
from ..conversation.tool_calls import ToolCalls
from ..errors import (
    ConnectionClosed,
    ConnectionClosedOK,
    QueueFullError,
    RealtimeError,
    RemoteProtocolError,
)
from ..events import (
    ErrorEvent,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemDone,
    ServerEvent,
)
from ..events.base import as_came
from ..events.server import words_of
from ..events.wire_values import as_object, as_text
from ..tools.call_context import CallContext
from ..tools.kinds import ArgumentError
from ..tools.outputs import error_text, exception_text, output_text
from ..tools.pool import CallEnded, ToolPool
from .answer_parts import AnswerParts, Delivery, Kind
from .exchanges import Ask, CommitSound, Effect, Exchange, Exchanges
from .outgoing import Message, user_item
from .realtime_tool import AppTool, ToolLike, as_app_tool
from .receiver_thread import ReceiverThread
from .sender_thread import AppSender, is_cancellation, run_sender
from .spoken_turns import SpokenTurns

__all__ = ["AppPlan", "AppReceiver", "AppRun"]

log = logging.getLogger(__name__)

# How long functions of the program may take to return when the app ends.
_CLOSE_S = 5.0
_CUT_S = 1.0  # … and then, when what they wait for was broken off
# So long a sender that finds the connection closed waits until the dispatcher has found it, too.
_TOLD_S = 1.0
_TOOL_BYTES = 1000  # what a call takes besides its arguments

Handler = Callable[..., Any]


@frozen
class AppReceiver:
    """A receiver as it was registered."""

    function: Callable[..., Any]
    kind: Kind | None

    @property
    def name(self) -> str:
        """The function's name."""
        return str(getattr(self.function, "__name__", self.function))


@frozen(kw_only=True)
class AppPlan:
    """What was registered, and what the session is to be.

    Attributes:
        senders, receivers: the program's.
        handlers: those of calls, by the tool's name.
        tools: those of the session, by name.
        context: handed to all of them.
        session: the first ``session.update``, without tools; ``{}`` for none.
        follow_up: settings of the responses to outputs of tools.
        max_queue_bytes: how much may wait for one receiver.
    """

    senders: Sequence[AppSender] = ()
    receivers: Sequence[AppReceiver] = ()
    handlers: Mapping[str, Handler] = field(factory=dict)
    tools: Mapping[str, AppTool] = field(factory=dict)
    context: dict[str, Any] = field(factory=dict)
    session: JsonDict = field(factory=dict)
    follow_up: JsonDict = field(factory=dict)
    max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES


class AppRun:
    """Runs a plan over an open connection; an `Outlet` for its senders.

    Args:
        plan: what to run.
        connection: is consumed here, and closed in the end.
        stop: ends the run when it is set.

    Threads:
        `run` waits in the program's thread. The dispatcher's consumes the connection, takes events
        to the receivers' queues and decides what is asked for; it calls nothing of the program's.
    """

    def __init__(self, plan: AppPlan, connection: RealtimeConnection, stop: StopSignal) -> None:
        self._plan = plan
        self._connection = connection
        self._stop = stop
        self._outcome: dict[str, BaseException | None] = {}  # the first to set it decides
        self._receiving = StopSignal()  # of the receivers, who may finish after the others
        self._threads: list[threading.Thread] = []
        self._pool = ToolPool()
        self._tools = dict(plan.tools)  # all that were ever declared
        self._session_tools = dict(plan.tools)
        self._declaring = threading.Lock()  # a send lock: of two updates the later has all tools
        self._lock = threading.Lock()  # guards the three below; never held while sending
        session = connection.session
        calls = ToolCalls(self._tools, declared=lambda: session.declared_tools)
        self._calls = calls
        self._exchanges = Exchanges(
            responses=connection.response,
            calls=calls,
            echoes_metadata=session.echoes_metadata,
            follow_up=plan.follow_up,
        )
        self._turns = SpokenTurns(self._exchanges, lambda: connection.session_facts.turns)
        self._parts = AnswerParts(
            {receiver.kind for receiver in plan.receivers}, lambda: connection.session_facts.output
        )
        self._receivers = [
            ReceiverThread(
                partial(_receive, receiver.function, plan.context),
                name=receiver.name,
                kind=receiver.kind,
                max_bytes=plan.max_queue_bytes,
                failed=partial(self._failed, "receiver"),
                enter=self._receiving.run,
            )
            for receiver in plan.receivers
        ]

    def run(self) -> None:
        """Run until the end, and raise what has brought it about if that is an error."""
        interrupted = True
        try:
            self._start()
            self._stop.wait()
            interrupted = False
        finally:
            self._close(drop=interrupted or self._outcome.get("error") is not None)
        error = self._outcome.get("error")
        if error is not None:
            raise error

    def _start(self) -> None:
        session = dict(self._plan.session)
        if self._session_tools:
            session["tools"] = self._declarations()
        if session:
            self._update(session)
        for receiver in self._receivers:
            self._threads.append(receiver.start())
        self._threads.append(spawn(self._dispatch, name="app-dispatcher"))
        for sender in self._plan.senders:
            work = partial(self._stop.run, partial(self._send, sender))
            self._threads.append(spawn(work, name=f"app-sender-{sender.name}"))

    def _close(self, *, drop: bool) -> None:
        """End all threads; what receivers were given before is delivered unless ``drop``.

        What plays then is broken off, at once or when its time is over.
        """
        deadline = Deadline(_CLOSE_S)
        self._outcome.setdefault("error", None)
        self._stop.announce()
        with self._lock:
            self._exchanges.end()
        self._connection.close()
        for receiver in self._receivers:
            receiver.close(drop=drop)
        if drop:
            self._receiving.announce()
        self._pool.close(deadline)
        if join_all(self._threads, deadline):
            return
        self._receiving.announce()
        if not join_all(self._threads, Deadline(_CUT_S)):
            left = [thread.name for thread in self._threads if thread.is_alive()]
            log.warning("%s: not returned; left behind", ", ".join(left))

    # -- ends ------------------------------------------------------------------------------------

    def _end(self, error: BaseException | None = None) -> bool:
        """Let the run end; return whether it is this that ends it."""
        first = self._outcome.setdefault("error", error) is error
        self._stop.set()
        return first

    def _failed(self, what: str, name: str, error: BaseException) -> None:
        """Take what a function of the program's has raised."""
        if is_cancellation(error):
            self._end()
        elif self._end(error):
            log.error("the %s %r has failed, which ends the app: %r", what, name, error)
        else:
            log.warning("the %s %r has failed as well", what, name, exc_info=error)

    def _send(self, sender: AppSender) -> None:
        try:
            run_sender(sender, self._plan.context, self, self._stop)
        except BaseException as exc:
            if isinstance(exc, ConnectionClosed) and self._stop.wait(_TOLD_S):
                log.debug("the sender %r was cut off: %s", sender.name, exc)
            else:  # or it is that of another connection
                self._failed("sender", sender.name, exc)
        else:
            self._end()

    # -- what senders send (`Outlet`) ------------------------------------------------------------

    @property
    def input_format(self) -> SoundFormat:
        """What the session wants sound to be."""
        return self._connection.session_facts.input

    def say(self, message: Message, tools: Sequence[ToolLike] | None) -> Exchange:
        """Send a whole message, and ask for its answer."""
        params: JsonDict | None = None
        if tools is not None:
            params = {"tools": [tool.declaration() for tool in self._know(tools)]}
        exchange = Exchange(params, user_item(message, self.input_format))
        self._decide(lambda: self._exchanges.ask(exchange))
        return exchange

    def write(self, text: str) -> None:
        """Send a text, and ask for nothing."""
        self._connection.conversation.item.create(item=user_item(text, self.input_format))

    def append(self, sound: bytes) -> None:
        """Send a piece of sound."""
        with self._lock:
            self._turns.appended()
        self._connection.input_audio_buffer.append(audio=sound)

    def declare(self, tools: Sequence[ToolLike]) -> None:
        """Let the session have further tools, unless it has them."""
        with self._declaring:
            known = {tool.name: tool for tool in self._know(tools)}
            if known.items() <= self._session_tools.items():
                return
            self._session_tools.update(known)
            self._update({"tools": self._declarations()})

    def _declarations(self) -> list[JsonDict]:
        return [tool.declaration() for tool in self._session_tools.values()]

    def _update(self, session: JsonDict) -> None:
        update: Any = {"type": "realtime", **session}
        self._connection.session.update(session=update)

    def stream_ended(self, *, sound: bool, text: bool) -> Exchange | None:
        """Take that a generator has ended; return the exchange that comes of it."""
        with self._lock:
            exchange, effects = self._turns.stream_ended(sound=sound, text=text)
        self._perform(effects)
        return exchange

    def finish_speech(self) -> None:
        """Commit what the server hears without an end, because no more sound comes."""
        self._decide(self._turns.not_stopped)

    def marks(self, kinds: Iterable[Kind]) -> list[Latch]:
        """Return what is set when the receivers of these kinds have returned."""
        wanted = set(kinds)
        return [receiver.mark() for receiver in self._receivers if receiver.kind in wanted]

    def _know(self, tools: Sequence[ToolLike]) -> list[AppTool]:
        """Take tools whose calls are ours to answer from now on."""
        known = [as_app_tool(tool) for tool in tools]
        with self._lock:
            self._tools.update({tool.name: tool for tool in known})
            self._calls.set_ours(self._tools)
        return known

    def _decide(self, decide: Callable[[], Sequence[Effect]]) -> None:
        with self._lock:
            effects = decide()
        self._perform(effects)

    def _perform(self, effects: Sequence[Effect]) -> None:
        try:
            for effect in effects:
                match effect:
                    case Ask(event_id, params, message):
                        if message is not None:
                            self._connection.conversation.item.create(item=message)
                        asked: Any = params
                        self._connection.response.create(
                            response=asked, event_id=event_id, when_idle=True
                        )
                    case CommitSound(event_id):
                        self._connection.input_audio_buffer.commit(event_id=event_id)
        except ConnectionClosed as exc:
            log.debug("%d requests could not be sent: %s", len(effects), exc)  # the end is told
        except RealtimeError as exc:
            self._end(exc)

    # -- what comes ------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        try:
            while True:
                self._take_next()
        except ConnectionClosedOK:
            self._end()
        except BaseException as exc:
            if not self._end(exc):
                log.debug("the end of the connection: %r", exc)

    def _take_next(self) -> None:
        try:
            event = self._connection.recv()
        except RemoteProtocolError as exc:  # the next event is as good as before
            log.warning("a message is no event: %s", exc)
            return
        try:
            self._take(event)
        except WRONG_SHAPE as exc:
            log.warning("%s has an unexpected form: %r", event.type, exc)

    def _take(self, event: ServerEvent) -> None:
        for delivery in self._parts.receive(event):
            self._deliver(delivery)
        match event:
            case ResponseCreated():
                with self._lock:
                    self._exchanges.created(as_object(as_came(event, "response")))
            case ResponseOutputItemDone():
                self._called(event.response_id, as_object(as_came(event, "item")))
            case ResponseDone():
                self._response_done(as_object(as_came(event, "response")))
            case InputAudioBufferSpeechStarted():
                with self._lock:
                    self._turns.started()
                if self._connection.session.ends_responses_on_speech:
                    self._decide(self._exchanges.interrupted)
            case InputAudioBufferSpeechStopped():
                with self._lock:
                    self._turns.stopped()
            case InputAudioBufferCommitted():
                self._decide(self._turns.committed)
            case Reconnected():
                with self._lock:
                    self._turns.link_lost()
                self._decide(self._exchanges.link_lost)
            case ErrorEvent():
                self._error(event)

    def _deliver(self, delivery: Delivery) -> None:
        for receiver in self._receivers:
            if receiver.kind == delivery.kind:
                try:
                    receiver.put(delivery)
                except QueueFullError as exc:
                    self._failed("receiver", receiver.name, exc)

    def _response_done(self, response: JsonDict) -> None:
        items = response.get("output")
        for item in items if isinstance(items, list) else ():  # some servers tell of calls here
            self._called(response.get("id"), as_object(item))
        if response.get("status") == "failed":
            details = as_object(as_object(response.get("status_details")).get("error"))
            log.warning("a response has failed: %s", as_text(details.get("message")) or "no reason")
        self._decide(lambda: self._exchanges.done(response))

    def _error(self, event: ErrorEvent) -> None:
        refused = self._connection.response.refused_by(event)
        with self._lock:
            self._turns.refused(refused)
        self._decide(lambda: self._exchanges.refused(refused))
        if event.severity != "benign":
            raise server_error(event)
        log.debug("an error that changes nothing: %s", words_of(event))

    # -- calls of tools --------------------------------------------------------------------------

    def _called(self, response_id: object, item: JsonDict) -> None:
        with self._lock:
            call = self._exchanges.called(response_id, item)
            tool = None if call is None else self._tools.get(call.name)
        if call is None:
            return
        if tool is None:
            self._answer(call.call_id, call.failure or "")
            return
        context = CallContext(
            name=call.name,
            call_id=call.call_id,
            arguments=call.arguments,
            context=self._plan.context,
        )
        work = partial(self._stop.run, partial(self._run_tool, tool, context))
        self._pool.submit(context, work, self._tool_returned)

    def _run_tool(self, tool: AppTool, call: CallContext) -> str:
        """Return the output of a call; on a thread of the pool."""
        try:
            instance = tool.instance(call)
        except ArgumentError as exc:
            return error_text(str(exc))
        size = _TOOL_BYTES + len(str(call.arguments))
        self._deliver(Delivery("tool", instance, size))
        handler = self._plan.handlers.get(tool.name)
        if handler is None:
            return output_text(instance.call())
        return output_text(handler(instance, self._plan.context))

    def _tool_returned(self, call: CallContext, outcome: str | BaseException) -> None:
        if isinstance(outcome, BaseException):
            if is_cancellation(outcome):
                self._end()
                return
            ended = isinstance(outcome, CallEnded)
            if not ended:
                log.warning("the tool %r has failed", call.name, exc_info=outcome)
            outcome = error_text(str(outcome) if ended else exception_text(outcome))
        self._answer(call.call_id, outcome)

    def _answer(self, call_id: str, output: str) -> None:
        """Send a call's output; when it is the last of a response, ask for the next one."""
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        try:
            self._connection.conversation.item.create(item=item)
        except ConnectionClosed as exc:
            log.debug("the output of %s could not be sent: %s", call_id, exc)  # the end is told
        except RealtimeError as exc:
            self._end(exc)
        self._decide(lambda: self._exchanges.finished(call_id))


def _receive(function: Callable[..., Any], context: dict[str, Any], value: Any) -> None:
    function(value, context)
