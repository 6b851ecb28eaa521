"""The running side of a session: its connection, its engine and its pools."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast

from .._deadline import Deadline
from .._shown import shown
from .._signal_safe import Latch
from .._types import JsonDict
from ..audio.base import SinkLike, SourceLike, as_sink, as_source
from ..clients.base import Client
from ..connection.connection import RealtimeConnection
from ..connection.reconnect import ReconnectingEvent
from ..conversation.session import SoundFormat
from ..conversation.tool_calls import ToolCalls
from ..errors import AgentError, ConfigError, ConnectionClosedOK, UserError
from ..voice.effects import CreateItem, Effect, Report
from ..voice.engine import VoiceEngine
from ..voice.event_box import EventBox
from ..voice.events import Interrupted
from ..voice.hearing import Hearing
from ..voice.output import Output, SinkOutput
from ..voice.rules import VoiceState, check_rules
from ..voice.seams import FurtherRules, Input
from ..voice.server_line import ServerLine
from ..voice.turns import make_turns
from ..voice.uplink import Uplink
from .agent import RealtimeAgent
from .answer_outputs import HeldOutput, TellingOutput
from .by_hand import ByHandInput, ByHandOutput
from .dispatch import Dispatch, dispatch_of, first_dispatch, session_of
from .filler import Filler, filler_of
from .filler_output import FillerOutput
from .guardrail_runner import GuardrailRunner
from .guardrails import Guardrails
from .hold_back import HoldBack
from .hook_feed import HookFeed
from .hooks import HookRunner, RealtimeAgentHooks, check_hooks
from .input_rules import InputRules
from .model import RealtimeModelConfig, RealtimePlaybackTracker, TransportConfig
from .model_link import connection_to
from .notes import AudioNote, Fault, LinkLost, Tripped
from .questions import Question, QuestionRules
from .rules import AgentRules
from .run_config import RealtimeRunConfig, RealtimeSessionModelSettings
from .run_context import RunContextWrapper
from .run_result import EndReason
from .say_rules import SayRequest, SayRules
from .session_box import NoAudience, SessionBox
from .session_settings import resolve_settings
from .session_work import SessionWork
from .user_code import require_function

__all__ = ["Live"]

log = logging.getLogger(__name__)

_OPENED_BY = "runner.run()"
_CLOSE_S = 3.0
_IDLE_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 30.0
_BY_HAND_HZ = 24_000
_REASONS: dict[str, EndReason] = {
    "stop": "closed",
    "server": "server_closed",
    "source": "source_ended",
    "idle": "idle",
}


class Live:
    """What a session is made of while it runs.

    Args:
        agent: who begins.
        context: of the session.
        client, model_config, run_config: see `RealtimeSession`.
        transport: options of the link.
        audio: a source and a sink; None for a program that sends and plays sound itself.
        hooks: of the run.
        events: whether somebody iterates.
        clock: seconds, monotonic.

    Attributes:
        connection: to the model, from `open` on.
        box: what happened, for the program: events, reports and notes.
        deliver: is to be called before the program gets a piece of sound; False if it is not to
            have it any more.
        interruptions: how often an answer was interrupted.
        trips: how often a guardrail forbade something.
        is_deaf: whether the user's sound becomes silence, for the sake of what is being said.

    Threads: `open` and `close` belong to whoever enters and leaves; all else to any.
    """

    connection: RealtimeConnection

    def __init__(
        self,
        agent: RealtimeAgent[Any],
        context: RunContextWrapper[Any],
        *,
        client: Client | None,
        model_config: RealtimeModelConfig,
        run_config: RealtimeRunConfig,
        transport: TransportConfig,
        audio: tuple[SourceLike, SinkLike] | None,
        hooks: Any,
        events: bool,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._wants_events = events
        self.interruptions = 0
        self.trips = 0
        self.is_deaf = False
        self._context = context
        self._config = run_config
        self._tracker = _tracker_in(model_config)
        self._joins_call = bool(model_config.get("call_id"))
        self._audio = audio
        self._settings = resolve_settings(run_config, model_config)
        self._filler_settings = filler_of(run_config)
        _check_rules(run_config)
        self._guardrails = Guardrails(
            input=run_config.get("input_guardrails", ()),
            output=run_config.get("output_guardrails", ()),
        )
        self._dispatch = first_dispatch(agent, context, self._settings.starting)
        self._payload = self._session_for(self._dispatch)
        self._manager = connection_to(
            self._settings.model,
            client=client,
            config=model_config,
            transport=transport,
            on_reconnecting=self._link_lost,
        )
        self._reports: deque[object] = deque()  # of the outputs, which the engine tells
        self._hooks = HookRunner(hooks, self._hook_failed)
        self._feed = HookFeed(
            self._hooks, context, lambda: self.rules.dispatch.agent, self._is_out_of_band
        )
        self.box = self._box(events)
        self.deliver: Callable[[AudioNote], bool] = lambda _: True
        self._track: FillerOutput | None = None
        self._uplink: Uplink | None = None
        self._stack = ExitStack()
        self._give_back: Callable[[], object] | None = None  # of a session that was forgotten

    # -- its life ----------------------------------------------------------------------------------

    def open(self) -> None:
        """Connect, tell the model of the first agent, and begin.

        Raises:
            ConfigError, ConnectError, ApiError, ConnectionClosed: as a connection's opening.
        """
        self.connection = self._stack.enter_context(self._manager)
        self.connection.opened_by = _OPENED_BY
        self._assemble()
        self.connection.session.update(session=cast("Any", self._payload))
        self._stack.callback(lambda: self._hooks.close(Deadline(_CLOSE_S)))
        self._stack.callback(self.engine.join)
        self._stack.callback(self.engine.stop)
        self.engine.start()

    def stop(self) -> None:
        """End soon; does not wait for it."""
        if hasattr(self, "engine"):
            self.engine.stop()

    def close(self) -> None:
        """End, and give everything back; more than once is fine."""
        self._stack.close()

    def abandon(self, give_back: Callable[[], object]) -> None:
        """End soon, and give everything back on the engine's thread; nobody waits for it.

        Called by the garbage collector, at any point of any thread: it takes no lock and waits
        for nothing.

        Args:
            give_back: closes this, and what else belongs to the session.
        """
        self._give_back = give_back  # before `over` looks at it, behind `box.closed`
        if self.box.closed:
            self._hooks.let_go()  # the only thread that is left
        else:
            self.engine.post(self._stop_at_once)

    def _stop_at_once(self) -> list[Effect]:
        self.engine.stop()
        return []

    def is_own_thread(self) -> bool:
        """Whether this thread is one of the session's own, which it waits for at the end."""
        return self._hooks.runs_here() or self._work.is_own_thread()

    @property
    def failure(self) -> BaseException | None:
        """What has ended it; None for a good end, or none yet."""
        return self.engine.failure

    @property
    def end_reason(self) -> EndReason:
        """Why it was over, unless it failed."""
        return _REASONS[self.engine.ended_by]

    # -- what it is made of ------------------------------------------------------------------------

    def _box(self, events: bool) -> SessionBox | EventBox:
        if not events:
            return NoAudience()
        return SessionBox(on_room=self._wake) if self._audio is None else EventBox()

    def _assemble(self) -> None:
        connection, config = self.connection, self._config
        self._known = connection.session.known
        calls = self._calls = ToolCalls(
            self._dispatch.names,
            # What the next agent has is nobody else's: the answer of the one before can't call it.
            declared=lambda: connection.session.declared_tools - rules.dispatch.names,
        )
        output = self._output()
        interruptions = config.get("interruptions", True)
        state = self._state = VoiceState(
            sink_rate=self._sink_hz,
            known=self._known,
            responses=connection.response,
            history=connection.conversation.history,
            calls=calls,
            interruptions=interruptions,
            ends_on_speech=connection.session.ends_responses_on_speech,
            server_tools=connection.session.server_tools,
            idle=config.get("idle"),
            holds_asks=lambda: rules.busy or input_rules.holds_asks,
            is_silent=lambda: output.idle,
            line=ServerLine(clock=self._clock) if self._joins_call else None,
            handed_ms=output.handed_ms,
            played_ms=output.played_ms,
            underruns=lambda: output.underruns,
            clock=self._clock,
        )
        rules = self.rules = AgentRules(
            state,
            calls,
            dispatch=self._dispatch,
            sent=self._payload,
            usage=self._context.usage,
            is_out_of_band=self._is_out_of_band,
            is_checked=lambda agent: bool(self._guardrails.of_output(agent)),
            debounce=config.get("guardrails_settings", {}).get("debounce_text_length", 100),
            gate=output,
        )
        input_rules = self.input_rules = InputRules(
            state,
            output,
            guardrails=self._guardrails,
            agent=lambda: rules.dispatch.agent,
            follow_up=rules.follow_up,
            is_out_of_band=self._is_out_of_band,
            clock=self._clock,
        )
        checkers = GuardrailRunner(
            self._context,
            self._guardrails,
            output_rules=rules,
            input_rules=input_rules,
            post=lambda decision: self.engine.post(decision),
            holds_back=config.get("hold_back") is not None,
        )
        self._words = SayRules(state, self._mute, clock=self._clock)
        self._questions = QuestionRules(
            lambda: state.busy or state.asks or rules.busy or rules.checking or input_rules.busy,
            lambda: self.engine.transcript.items,
            is_out_of_band=self._is_out_of_band,
            clock=self._clock,
        )
        self._work = SessionWork(
            self._context,
            rules,
            checkers,
            post=lambda decision: self.engine.post(decision),
            session_for=self._session_for,
            config=config,
        )
        self.engine = VoiceEngine(
            connection,
            output,
            state=state,
            input=self._input(state),
            calls=self._work,
            audience=_Audience(self),
            reports=self._reports,
            further=[rules, input_rules, self._words, *self._filler(output), self._questions],
            idle_timeout=_IDLE_TIMEOUT_S,
            answer_timeout=_ANSWER_TIMEOUT_S,
            clock=self._clock,
        )

    def _output(self) -> HeldOutput:
        output: Output
        sound, report = self._sound, self._reports.append
        if self._audio is None:
            output = by_hand = ByHandOutput(
                report,
                sound_format=sound,
                tracker=self._tracker,
                has_audience=self._wants_events,
                clock=self._clock,
            )
            self.deliver = by_hand.deliver
        else:
            source, sink = self._audio
            self._source, self._sink = as_source(source), as_sink(sink)
            self._hearing = Hearing(
                self._sink,
                rate=self._source.rate,
                echo=None,
                half_duplex=False,
                clock=self._clock,
            )
            plain = SinkOutput(
                self._sink,
                self._hearing,
                sound_format=sound,
                on_failure=lambda _: self.connection.wake(),
            )
            output = TellingOutput(plain, report, sound_format=sound)
        if self._filler_settings is not None:
            self._track = output = FillerOutput(
                output,
                report,
                sound_format=sound,
                is_wanted=lambda: bool(self._running_calls()) and not self._state.talking,
                clock=self._clock,
            )
        hold = HoldBack(
            self._config.get("hold_back"),
            speed=_speed_of(self._payload) or 1.0,
            is_checked=lambda response_id: self.rules.guards(response_id),
        )
        self._held = HeldOutput(
            output,
            hold,
            report,
            sound_format=sound,
            is_out_of_band=self._is_out_of_band,
        )
        return self._held

    def _filler(self, output: Output) -> list[FurtherRules]:
        """Return the rules of what is said for slow tools, if something is."""
        speaks = "audio" in self._payload.get("output_modalities", ["audio"])
        if self._filler_settings is None or self._track is None or not speaks:
            return []
        filler = Filler(
            self._filler_settings,
            self._state,
            self._running_calls,
            refused_by=self.connection.response.refused_by,
            track=self._track,
            sound_format=self._sound,
            is_silent=lambda: output.idle,
            can_ask=self.connection.session.echoes_metadata,
            yields=self._config.get("interruptions", True) is not False,
            clock=self._clock,
        )
        return [filler]

    def _running_calls(self) -> frozenset[str]:
        """Return the calls that somebody waits for, but for those that wait for approval."""
        return self._calls.awaited | self._work.called

    def _is_out_of_band(self, response_id: str) -> bool:
        return self.connection.response.is_out_of_band(response_id)

    def _input(self, state: VoiceState) -> Input:
        if self._audio is None:
            return ByHandInput()
        self._uplink = Uplink(
            self.connection,
            self._source,
            hearing=self._hearing,
            turns=make_turns(self._source.rate, push_to_talk=False, vad=None),
            state=state,
            decide=lambda decision: self.engine.call(decision),
        )
        return self._uplink

    def _mute(self, muted: bool) -> None:
        self.is_deaf = muted
        if self._uplink is not None:
            self._uplink.muted = muted

    def _sound(self) -> SoundFormat:
        return self._known.facts.output

    @property
    def _sink_hz(self) -> int:
        return _BY_HAND_HZ if self._audio is None else self._sink.rate

    def _hook_failed(self, name: str, error: BaseException) -> None:
        fault = Fault(AgentError(f"the hook {name} failed: {error!r}"))
        self.engine.post(lambda: [Report(fault)])

    def _link_lost(self, event: ReconnectingEvent) -> None:
        note = LinkLost(event.attempt, event.delay, event.close_code)
        if hasattr(self, "engine"):
            self.engine.post(lambda: [Report(note)])

    def _wake(self) -> None:
        self.engine.post(list)  # no effect: it only looks again

    def _session_for(self, dispatch: Dispatch) -> JsonDict:
        """Return what the session is to be for an agent.

        Raises:
            UserError: its guardrails, hooks, prompt or voice can't be meant.
        """
        heard = self._settings.session.get("audio", {}).get("input", {})
        self._guardrails.check(dispatch.agent, transcribes=heard.get("transcription") is not None)
        check_hooks(dispatch.agent.hooks, RealtimeAgentHooks)
        starting = self._settings.starting if dispatch is self._dispatch else {}
        return session_of(dispatch, self._settings, starting)

    # -- what the program wants --------------------------------------------------------------------

    def switch_to(self, agent: RealtimeAgent[Any]) -> None:
        """Let an agent have the word; see `RealtimeSession.update_agent`."""
        dispatch = dispatch_of(agent, self._context)
        session = self._session_for(dispatch)
        self._call(lambda: self.rules.switch(dispatch, session))

    def change(self, settings: RealtimeSessionModelSettings) -> None:
        """Change settings of the session; see `RealtimeSession.update_settings`."""
        changes = resolve_settings({"model_settings": settings}, defaults={})
        self._call(lambda: self._change(changes.session))

    def _change(self, fields: JsonDict) -> list[Effect]:
        if (speed := _speed_of(fields)) is not None:
            self._held.set_speed(speed)
        return self.rules.change(fields)

    def decide(self, decision: Callable[[VoiceState], list[Effect]]) -> None:
        """Have the engine decide something, and return when it has acted.

        Raises:
            ConnectionClosed: something could not be sent, or the session is over.
        """
        self._call(lambda: decision(self._state))

    def _call(self, decision: Callable[[], list[Effect]]) -> None:
        if self.box.closed:
            raise self.end()
        self.engine.call(decision)

    @property
    def checks_input(self) -> bool:
        """Whether what the user says to the agent that has the word is checked."""
        return bool(self._guardrails.of_input(self.rules.dispatch.agent))

    def check_message(self, item: JsonDict) -> None:
        """Send a message of the user's when its words have passed."""
        self._call(lambda: self.input_rules.message(item))

    def ask(self, question: Question) -> None:
        """Send a message of the user's, and follow it until its answer is over."""
        self._call(lambda: self._ask(question))

    def _ask(self, question: Question) -> list[Effect]:
        self._questions.ask(question)
        if self.checks_input:
            return self.input_rules.message(question.item)
        return [CreateItem(question.item), *self._state.user_wrote()]

    def expect_turn(self) -> None:
        """Take that a turn is about to be committed."""
        if self.checks_input:
            self._call(self.input_rules.expect_turn)

    def say(self, request: SayRequest) -> None:
        """Have something said when nothing else goes on."""
        self._call(lambda: self._words.say(request))

    def wait_spoken(self, silent: Latch) -> None:
        """Set ``silent`` as soon as nothing is said, and nothing waits to be."""
        self._call(lambda: self._words.wait_spoken(silent))

    def approve(self, call_id: str, *, always: bool) -> bool:
        """Let a call run that waits for it; return whether one did."""
        return not self.box.closed and self._work.approve(call_id, always=always)

    def reject(self, call_id: str, *, always: bool, message: str | None) -> bool:
        """Let a call not run that waits for it; return whether one did."""
        return not self.box.closed and self._work.reject(call_id, always=always, message=message)

    @property
    def final_output(self) -> str | None:
        """The last words of an agent, as far as they were heard."""
        transcript = self.engine.transcript
        said = [item for item in transcript.items if item.role == "assistant"]
        return transcript.heard(said[-1].id) if said else None

    def note(self, event: object) -> None:
        """Take what happened: for the figures, the hooks and the program. The engine's thread."""
        kind = type(event)
        if kind is Interrupted:
            self.interruptions += 1
        elif kind is Tripped:
            self.trips += 1
        listens = self._hooks.has_own or self.rules.dispatch.agent.hooks is not None
        if listens or kind in self._feed.takes:
            self._feed.take(event)
        self.box.put(event)

    def over(self) -> None:
        """Take that nothing more happens. The engine's thread, at its end."""
        self._words.over(self.end())
        self._questions.over(self.end())
        self.box.close()
        if self._give_back is None:
            return
        try:
            self._give_back()
        except Exception:  # nobody is there who could be told
            log.exception("a session that was forgotten could not be closed")

    def why_over(self) -> BaseException | None:
        """Return what a call is to raise because the session is about to end; else None."""
        return self.end() if self.engine.stopping else None

    def end(self) -> BaseException:
        """Return what a call is to raise that can't be done because the session is over."""
        if self.failure is not None:
            return self.failure
        closed_by = "the server" if self.end_reason == "server_closed" else "this side"
        end = ConnectionClosedOK(1000, "the session is closed", closed_by=closed_by)
        end.opened_by = _OPENED_BY
        return end


def _speed_of(session: JsonDict) -> float | None:
    """Return how fast the model is to speak, where the session says so."""
    speed: float | None = session.get("audio", {}).get("output", {}).get("speed")
    return speed


def _tracker_in(config: RealtimeModelConfig) -> RealtimePlaybackTracker | None:
    tracker = config.get("playback_tracker")
    if tracker is not None and not isinstance(tracker, RealtimePlaybackTracker):
        raise UserError(
            f"playback_tracker={shown(tracker)} is none; give a RealtimePlaybackTracker()"
        )
    return tracker


def _check_rules(config: RealtimeRunConfig) -> None:
    try:
        check_rules(config.get("interruptions", True), config.get("idle"))
    except ConfigError as exc:
        raise UserError(str(exc)) from exc
    if config.get("tool_error_formatter") is not None:
        require_function(config["tool_error_formatter"], "tool_error_formatter", ("args",))


class _Audience:
    """What the engine tells of a session; see `realtime_sync.voice.seams.Audience`."""

    def __init__(self, live: Live) -> None:
        self.has_room = live.box.has_room
        self.put = live.note
        self.flush = live.box.flush
        self.close = live.over
