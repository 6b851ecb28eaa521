"""A live session: the program's way to a conversation of agents."""

from __future__ import annotations

import queue
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Generic

from .._deadline import Deadline
from .._fork import Home
from .._porting import Blocking
from .._shown import shown
from .._signal_safe import Claim, Latch
from .._typing import Self
from .._uncopied import Uncopied
from ..clients.base import Client
from ..connection.connection import RealtimeConnection
from ..errors import (
    ConcurrencyError,
    ConnectionClosed,
    FormatError,
    RealtimeTimeout,
    UserError,
)
from ..voice.asks import Saying
from ..voice.rules import VoiceState
from .agent import RealtimeAgent
from .audio_formats import silence_like
from .event_building import EventBuilder
from .events import RealtimeEventInfo, RealtimeRawModelEvent, RealtimeSessionEvent
from .given import require, require_flag, require_object, require_text
from .hooks import RealtimeRunHooks
from .live import Live
from .model import RealtimeModel, RealtimeModelConfig
from .model_facade import OpenAIRealtimeWebSocketModel, facade_of
from .notes import Answered, AudioNote
from .questions import Question, user_item
from .run_config import RealtimeRunConfig, RealtimeSessionModelSettings, RealtimeUserInput
from .run_context import RunContextWrapper, TContext
from .run_result import EndReason, RealtimeResult
from .say_rules import SayRequest, settled
from .session_audio import Audio, check_audio, opened
from .session_box import IN_USE, SessionEvents
from .session_history import SessionHistory
from .usage import Usage
from .user_code import require_function

__all__ = ["RealtimeSession"]


class RealtimeSession(Blocking, Uncopied, Generic[TContext]):
    """A conversation with agents, from `enter` to `close`.

    ::

        with RealtimeRunner(agent).run() as session:
            session.send_message("Hello!")
            for event in session:
                if event.type == "audio":
                    play(event.audio.data)

    Args:
        model: a facade such as `OpenAIRealtimeWebSocketModel`; by default that.
        agent: who begins.
        context: handed to tools, guardrails, hooks and instructions; the model never sees it.
        model_config: how the model is reached, and the settings it begins with.
        run_config: settings of the whole run.
        client: whose model it is; `realtime_sync.OpenAI` from the environment by default.
        audio: a source and a sink, or "default"; None for a program that calls `send_audio` and
            plays the ``audio`` events.
        hooks: `RealtimeRunHooks`, called as the session goes on; else those of the run config.
        events: whether somebody iterates; False keeps no events.
        clock: for tests.

    Raises:
        UserError: something of that can't work.

    Threads:
        One at a time iterates or calls `recv` and `talk`; all else may be called from any, also
        from tools and hooks. A forked child has no session: its calls are a `ConcurrencyError`.
        See docs/agents.md.
    """

    def __init__(
        self,
        model: RealtimeModel | None = None,
        agent: RealtimeAgent[Any] | None = None,
        context: TContext | None = None,
        model_config: RealtimeModelConfig | None = None,
        run_config: RealtimeRunConfig | None = None,
        *,
        client: Client | None = None,
        audio: Audio = None,
        hooks: RealtimeRunHooks[Any] | None = None,
        events: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_audio(audio)
        _check_config(run_config, "the run config")
        _check_config(model_config, "the model config")
        require_function(clock, "clock", ())
        self._agent = agent
        self._context = RunContextWrapper[Any](context)
        self._model_config: RealtimeModelConfig = model_config or {}
        self._run_config: RealtimeRunConfig = run_config or {}
        self._client = client
        self._audio = audio
        self._hooks = hooks
        self._wants_events = events
        self._clock = clock
        self._model = facade_of(model)
        self._model.bind(self)
        self._ready: deque[RealtimeSessionEvent] = deque()
        self._entered = Claim()
        self._consumer = Claim()
        self._live: Live | None = None
        self._is_closed = False  # somebody has asked for it since it is entered
        self._stack = ExitStack()
        # Held while the stack is closed, which two threads must not do at once: the second waits
        # for the end of it. Threads of the session's own do not come here.
        self._closing = threading.Lock()
        self._began_at = 0.0

    # -- its life ----------------------------------------------------------------------------------

    def enter(self) -> Self:
        """Connect, and begin; whoever calls this calls `close`.

        Raises:
            UserError, ConfigError: the agent or a setting can't work.
            ConnectError, ApiError: as a connection's opening.
            AudioError: a device can't be opened.
            ConnectionClosedOK: it was closed meanwhile.
            ConcurrencyError: it was entered before.
        """
        agent = self._agent
        if not isinstance(agent, RealtimeAgent):
            raise UserError(f"a session begins with a RealtimeAgent, not {shown(agent)}")
        self._model.check(self._model_config)
        self.usage.cost(self._run_config.get("prices", {}))  # a wrong price is told now
        run = object()
        if self._entered.setdefault("now", run) is not run:
            raise ConcurrencyError("a session is entered once; make a new one")
        self._is_closed = False
        self._home = Home()
        with ExitStack() as stack:
            live = Live(
                agent,
                self._context,
                client=self._client,
                model_config=self._model_config,
                run_config=self._run_config,
                transport=self._model.transport_config,
                audio=opened(self._audio, stack),
                hooks=self._hooks or self._run_config.get("hooks"),
                events=self._wants_events,
                clock=self._clock,
            )
            stack.callback(live.close)
            live.open()
            self._builder = EventBuilder(
                RealtimeEventInfo(self._context), live.connection.response.is_out_of_band
            )
            self._history = SessionHistory(
                live.engine.transcript,
                live.connection,
                agent_name=lambda: live.rules.dispatch.agent.name,
            )
            self._ready.append(self._builder.first())
            self._began_at = self._clock()
            self._live = live
            if self._is_closed:  # looked at behind `_live`, as `close` looks at them in turn
                raise live.end()
            self._stack = stack.pop_all()
        return self

    def close(self) -> None:
        """End the session. More than once is fine, and from any thread.

        In a tool or a hook it only asks for the end.
        """
        self._is_closed = True
        live = self._live
        if live is None or self._home.left:  # a forked child has a copy, and its parent goes on
            return
        try:
            live.stop()
        finally:  # a source that can't be closed keeps nothing else open
            if not live.is_own_thread():
                with self._closing:
                    self._stack.close()

    def __del__(self) -> None:
        live = self.__dict__.get("_live")
        if live is None or self._is_closed or self._home.left:
            return
        try:  # the warning may be an error
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
        finally:
            live.abandon(self._stack.close)

    def __enter__(self) -> Self:
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def bind(self, agent: RealtimeAgent[Any], **settings: Any) -> None:
        """Give a session that is not entered what `RealtimeRunner.run` was given.

        Raises:
            UserError: it was entered, or has another agent; something of that can't work.
        """
        require(isinstance(agent, RealtimeAgent), "a session has a RealtimeAgent", agent)
        _check_config(settings.get("config"), "the run config")
        if self._live is not None or self._agent not in (None, agent):
            raise UserError("this session was entered, or belongs to another agent; make a new one")
        self._agent = agent
        context = settings.get("context")
        if context is not None:
            self._context.context = context
        self._hooks = settings.get("hooks") or self._hooks
        self._run_config = {**(settings.get("config") or {}), **self._run_config}

    # -- what happens ------------------------------------------------------------------------------

    def recv(self, timeout: float | None = None) -> RealtimeSessionEvent:
        """Return the next event.

        Args:
            timeout: seconds; None waits as long as it takes.

        Raises:
            RealtimeTimeout: nothing happened in time.
            ConnectionClosedOK: the session is over.
            Exception: what has ended the session: `ConnectionClosedError`, or what a tool or a
                guardrail raised that is to be fatal.
            ConcurrencyError: somebody else does so at this moment.
        """
        try:
            return self._events(timeout).take()
        except StopIteration:
            raise self._running().end() from None

    def __iter__(self) -> Iterator[RealtimeSessionEvent]:
        """Return what happens until the session is over; left with ``break`` it can be taken up.

        Raises:
            Exception: as `recv`, but for a good end.
        """
        return self._events(None)

    def talk(self, timeout: float | None = None) -> RealtimeResult:
        """Let the conversation go on until it is over, and close.

        It is over when the source has ended and the last answer was heard, when an idle rule ends
        it, when the server closes, when somebody calls `close`, or after ``timeout``. A session
        that was not entered is.

        Args:
            timeout: seconds; None for as long as it takes.

        Raises:
            Exception: as `recv`, but for a good end.
        """
        if self._live is None:
            self.enter()
        live, goes_on = self._running(), False
        try:
            ended = self._pass_over(timeout)
            return self._result(live.end_reason if ended else "timeout")
        except ConcurrencyError as exc:
            goes_on = exc is not live.failure  # it is another thread's conversation
            raise
        finally:
            if not goes_on:
                self.close()

    def ask(self, text: str, *, timeout: float | None = None) -> str:
        """Ask something, wait until the whole answer is there, and return its last words.

        The answer is whole when nothing goes on any more: its tools have returned, who was handed
        over to has spoken, and guardrails have looked at the words. Its events are passed over;
        hooks are called as ever. What it says may still play. A call that waits for approval
        keeps nobody waiting.

        Args:
            text: a message of the user's; for images see `send_message`.
            timeout: seconds; None waits as long as it takes. After that the answer is interrupted.

        Returns:
            The words of the last message, whether written or spoken. ``""`` where the model has
            said nothing, as after an interruption.

        Raises:
            UserError: ``text`` has no words.
            ConfigError: ``timeout`` is no time.
            ConcurrencyError: another thread iterates; or this is a tool or a hook of the session,
                for which it would wait.
            RealtimeTimeout: the answer was not over in time.
            ServerError: the server refuses it, or failed to answer.
            AgentError: no answer has come.
            Exception: as `recv`.
        """
        require_text(text, "what ask() asks")
        require(text.strip(), "ask() takes the words of a question", text)
        deadline = Deadline(timeout)
        if self._running().is_own_thread():
            raise ConcurrencyError(
                "ask() waits for the session's tools and hooks, and this is one of them; call "
                "send_message()"
            )
        consumer, token = self._consumer, [threading.get_ident()]
        try:  # see `Claim`
            if consumer.setdefault("now", token) is not token:
                raise ConcurrencyError(IN_USE)
            return self._answer_to(Question(user_item(text)), deadline)
        finally:
            if "now" in consumer and consumer["now"] is token:
                del consumer["now"]

    def _answer_to(self, question: Question, deadline: Deadline) -> str:
        live = self._running()
        live.ask(question)
        try:
            self._wait_for_answer(live, question, deadline)
        except RealtimeTimeout as exc:
            if exc is live.failure:
                raise
            live.decide(VoiceState.interrupt)
            raise RealtimeTimeout(
                f"the answer was not over within {deadline.timeout:g} s, and is interrupted; give "
                "ask() more time"
            ) from None
        if question.error is not None:
            raise question.error
        return question.text

    def _wait_for_answer(self, live: Live, question: Question, deadline: Deadline) -> None:
        if not self._wants_events:  # nothing is kept, so no note of it comes
            if not settled(question.done, deadline, live.why_over):
                raise RealtimeTimeout("there is no answer yet")
            return
        self._ready.clear()
        while self._make_ready(deadline, question):
            if not self._ready:
                return
            self._ready.clear()
        raise live.end()

    def _pass_over(self, timeout: float | None) -> bool:
        """Let events pass until the session is over; return whether it is."""
        try:
            for _ in self._events(timeout):
                pass
        except RealtimeTimeout as exc:
            if exc is self._running().failure:
                raise
            return False
        return True

    def _events(self, timeout: float | None) -> SessionEvents:
        return SessionEvents(self._ready, self._consumer, self._make_ready, Deadline(timeout))

    def _make_ready(self, deadline: Deadline, until: Question | None = None) -> bool:
        """Make events of what has happened; return whether there are any, or there will be none.

        Args:
            deadline: of the waiting.
            until: a question. When its answer is over, there are no events, and True is returned.

        Raises:
            RealtimeTimeout: nothing has happened in time.
            Exception: what has ended the session.
        """
        live = self._live or self._running()
        self._home.check()
        while not self._ready:
            try:
                note = live.box.get(deadline)
            except queue.Empty:
                break
            if type(note) is AudioNote and not live.deliver(note):
                continue
            if type(note) is Answered and note.question is until:
                return True
            events = self._builder.build(note)
            if self._model.has_listeners:
                self._tell_model(events)
            self._ready.extend(events)
        else:
            return True
        if not live.box.closed:
            raise RealtimeTimeout("nothing has happened in the session in time")
        if live.failure is not None:
            raise live.failure
        return False

    def _tell_model(self, events: list[RealtimeSessionEvent]) -> None:
        try:
            for event in events:
                if isinstance(event, RealtimeRawModelEvent):
                    self._model.tell(event.data)
        except StopIteration as exc:  # of a listener's: it must not look like the session's end
            raise RuntimeError("a listener of the model raised StopIteration") from exc

    def _result(self, reason: EndReason) -> RealtimeResult:
        live = self._running()
        prices = self._run_config.get("prices")
        return RealtimeResult(
            final_output=live.final_output,
            last_agent=live.rules.dispatch.agent,
            history=[*self.history],
            usage=self.usage,
            context_wrapper=self._context,
            end_reason=reason,
            duration_s=self._clock() - self._began_at,
            interruptions=live.interruptions,
            guardrail_trips=live.trips,
            dropped_events=live.box.dropped,
            cost=None if prices is None else self.usage.cost(prices),
        )

    # -- what the program wants --------------------------------------------------------------------

    def send_message(self, message: RealtimeUserInput) -> None:
        """Send a message of the user's, and have it answered.

        Where the agent has input guardrails, it is sent as soon as they have passed its texts;
        this does not wait for them.

        Args:
            message: a text, or ``{"type": "message", "role": "user", "content": [...]}`` with
                texts and images.

        Raises:
            UserError: it is neither.
            ConnectionClosed: the connection is over.
        """
        live, item = self._running(), user_item(message)
        if live.checks_input:
            live.check_message(item)
            return
        live.connection.conversation.item.create(item=item)
        live.decide(VoiceState.user_wrote)

    def send_audio(self, audio: bytes, *, commit: bool = False) -> None:
        """Send some of what the user says.

        Args:
            audio: in the session's input format: PCM16 mono, little-endian, 24 kHz by default.
            commit: whether this ends the turn. It is answered then, where the session finds no
                turns by itself.

        Raises:
            UserError: the session has a source of its own.
            FormatError: it is no bytes, or not whole samples; or the first sound is a whole file.
            ConnectionClosed: the connection is over.
        """
        if not isinstance(audio, (bytes, bytearray, memoryview)):
            raise FormatError(f"send_audio() takes bytes, not {shown(audio)}")
        if commit is not False:  # a call for each of fifty chunks a second would be felt
            require_flag(commit, "commit")
        live = self._live or self._running()
        if self._audio is not None:
            raise UserError("this session hears its own source; send_audio is for one without")
        connection = live.connection
        if audio:
            if live.is_deaf:
                audio = silence_like(audio, connection.session_facts.input)
            connection.input_audio_buffer.append(audio=audio)  # in a forked child it refuses
        if commit:
            self._running().expect_turn()
            connection.input_audio_buffer.commit()
            if not connection.session_facts.turns.detected:
                live.decide(VoiceState.user_wrote)

    def interrupt(self) -> None:
        """Silence the answer and cancel what still comes of it, as if the user had spoken.

        Raises:
            ConnectionClosed: the connection is over.
        """
        self._running().decide(VoiceState.interrupt)

    def say(
        self,
        text: str,
        *,
        interruptible: bool = True,
        wait: bool = False,
        timeout: float | None = None,
    ) -> bool:
        """Have the model say ``text``, word for word, as soon as nothing else goes on.

        It becomes an item of the history like any other answer. The model may call no tool in its
        place.

        Args:
            text: what is said.
            interruptible: whether the user's voice interrupts it. If not, what the user says
                becomes silence of the same length from when it is asked for until it was heard.
            wait: return when it was heard. In a session without ``audio``, another thread has to
                iterate meanwhile, since nothing is heard before the program has got it.
            timeout: seconds to wait; None for as long as it takes.

        Returns:
            Whether it was spoken and all of it was heard. False after an interruption, where the
            model answers in text or with a call, or the link is lost before its end; and without
            ``wait``, when nobody knows yet.

        Raises:
            UserError: there are no words.
            ConfigError: ``timeout`` is no time.
            RealtimeTimeout: it was not heard in time.
            ServerError: the server refuses it.
            AgentError: the server failed to say it.
            ConnectionClosed: the connection is over.
        """
        require_text(text, "what say() says")
        require(text.strip(), "say() takes the words to be said", text)
        require_flag(interruptible, "interruptible")
        require_flag(wait, "wait")
        Deadline(timeout)  # raises for what is no time
        live = self._running()
        request = SayRequest(Saying.word_for_word(text, is_protected=not interruptible))
        live.say(request)
        if not wait:
            return False
        return request.wait(timeout, live.why_over)

    def wait_spoken(self, timeout: float | None = 15.0) -> bool:
        """Wait until all was heard that the agent says and is to say, for last words before an end.

        That is what plays, what is being made, and what `say` has asked for. A tool may wait so: it
        does not wait for the answer to what it returns. In a session without ``audio``, another
        thread has to iterate meanwhile, unless it joins a call, where the server plays.

        Args:
            timeout: seconds; None for as long as it takes.

        Returns:
            False if it was not heard in time. Where nothing is said it is True at once, and so it
            is when the session is over.

        Raises:
            ConfigError: ``timeout`` is no time.
            UserError: the session is not entered.
            Exception: what the session has failed of.
        """
        deadline, silent, live = Deadline(timeout), Latch(), self._running()
        try:
            live.wait_spoken(silent)
            return settled(silent, deadline, live.why_over)
        except ConnectionClosed:
            return True

    def update_agent(self, agent: RealtimeAgent[Any]) -> None:
        """Let another agent have the word, from the next answer on.

        Raises:
            UserError: the agent can't work.
            ConnectionClosed: the connection is over.
        """
        require(isinstance(agent, RealtimeAgent), "update_agent() takes a RealtimeAgent", agent)
        self._running().switch_to(agent)

    def approve_tool_call(self, call_id: str, *, always: bool = False) -> bool:
        """Let a call run that waits for it (``tool_approval_required``).

        Args:
            call_id: of the event.
            always: let all further calls of this tool by the same agent run.

        Returns:
            Whether there was such a call.

        Raises:
            UserError: ``call_id`` is no text.
        """
        require_text(call_id, "call_id")
        require_flag(always, "always")
        return self._running().approve(call_id, always=always)

    def reject_tool_call(
        self, call_id: str, *, always: bool = False, rejection_message: str | None = None
    ) -> bool:
        """Let a call not run that waits (``tool_approval_required``); the model is told.

        Args:
            call_id: of the event.
            always: reject all further calls of this tool by the same agent.
            rejection_message: what the model is told.

        Returns:
            Whether there was such a call.

        Raises:
            UserError: ``call_id`` or ``rejection_message`` is no text.
        """
        require_text(call_id, "call_id")
        if rejection_message is not None:
            require_text(rejection_message, "rejection_message")
        require_flag(always, "always")
        return self._running().reject(call_id, always=always, message=rejection_message)

    def send_raw(self, event: dict[str, Any]) -> None:
        """Send an event of the protocol as it is.

        Raises:
            LocalProtocolError: it is no event.
            ConnectionClosed: the connection is over.
        """
        self._running().connection.send(event)

    def send_output(self, call_id: str, output: str, *, respond: bool = True) -> None:
        """Answer a call that no tool of the agents' does.

        Args:
            call_id: of the call.
            output: what the model is told.
            respond: whether it is to go on with that.

        Raises:
            UserError: ``call_id`` or ``output`` is no text.
            ConnectionClosed: the connection is over.
        """
        require_text(call_id, "call_id")
        require_text(output, "output")
        require_flag(respond, "respond")
        live = self._running()
        item = {"type": "function_call_output", "call_id": call_id, "output": output}
        live.connection.conversation.item.create(item=item)
        if respond:
            live.decide(VoiceState.owe_answer)

    def update_settings(self, settings: RealtimeSessionModelSettings) -> None:
        """Change what the session asks of its model; what is not given stays as it is.

        Raises:
            UserError: a setting is unknown, or can't be meant.
            ConnectionClosed: the connection is over.
        """
        require_object(settings, "what update_settings() changes")
        self._running().change(settings)

    # -- what is so --------------------------------------------------------------------------------

    @property
    def model(self) -> OpenAIRealtimeWebSocketModel:
        """The model under the peer's name, for listeners and raw events."""
        return self._model

    @property
    def connection(self) -> RealtimeConnection:
        """The connection below; the session alone consumes its events."""
        return self._running().connection

    @property
    def current_agent(self) -> RealtimeAgent[Any]:
        """Who has the word."""
        return self._running().rules.dispatch.agent

    @property
    def history(self) -> SessionHistory:
        """What was said, in order, as far as it is known now; the program may change it."""
        self._running()
        return self._history

    @property
    def usage(self) -> Usage:
        """What the session has used so far."""
        return self._context.usage

    def _running(self) -> Live:
        if self._live is None:
            raise UserError("this session is not entered; use: with runner.run() as session")
        self._home.check()  # a forked child would wait for threads that it does not have
        return self._live


def _check_config(config: object, where: str) -> None:
    if config is not None and not isinstance(config, Mapping):
        raise UserError(f"{where} must be a dictionary, got {shown(config)}")
