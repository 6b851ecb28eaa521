"""The voice loop: what is said goes to the server, what it answers is played."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable
from typing import Literal

from attrs import evolve

from .._deadline import Deadline
from .._required import require_flag, require_length, require_object, require_text
from .._shown import shown
from .._signal_safe import Claim
from .._uncopied import Uncopied
from ..audio.base import SinkLike, SourceLike, as_sink, as_source
from ..audio.vad import Vad
from ..conversation.tool_calls import ToolCalls
from ..errors import ConcurrencyError, ConfigError
from ..events import ServerEvent
from ..events.base import plain
from ..events.sessions import ResponseCreateParams
from ..events.wire_values import as_object
from ..tools.schema import Functions, take_all
from ._voice_connection import VoiceConnection
from .call_runner import PooledTools
from .engine import VoiceEngine
from .event_box import EventBox
from .events import TurnMetrics, VoiceEvent
from .hearing import Hearing
from .idle import IdleRule
from .interruptions import Interruptions
from .loop_options import check_options
from .output import SinkOutput
from .playback import EchoControl
from .rules import VoiceState, check_rules
from .transcript import HistoryItem
from .turns import make_turns
from .uplink import Uplink

__all__ = ["VoiceLoop"]

_FOREVER = Deadline(None)


class VoiceLoop(Uncopied):
    """Runs a spoken conversation over an open connection.

    ::

        with client.realtime.connect() as connection, Microphone() as source, Speaker() as sink:
            connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
            VoiceLoop(connection, source, sink, tools={"get_weather": get_weather}).run()

    When the user interrupts, the sink falls silent at once, what still comes of the interrupted
    response is dropped, the item that was playing is truncated to what was played, and items that
    had not begun are deleted.

    Turns are the server's to detect, unless ``push_to_talk`` or ``vad`` is given: these need a
    session whose ``turn_detection`` is None.

    Args:
        connection: an open connection, whose events nobody else consumes meanwhile.
        source: iterates what the user says as PCM16: a `realtime_sync.audio.Source`, or any
            object that has what one must have.
        sink: plays the answers: a `realtime_sync.audio.Sink`, or any object that has what one
            must have.
        tools: functions by name, or a list of functions; each is called with the model's
            arguments as keywords, on a thread beside the conversation, and returns text or
            anything that becomes JSON. The session must have declared them (`function_schema`
            makes declarations). Of what `realtime_sync.tools.describe` made the arguments are
            checked and converted first, and null keeps a default. Calls of other names that the
            session declares are left to whoever declared those.
        unknown_tools: what becomes of calls whose name nobody has declared: "refuse" tells the
            model that there is no such tool; "leave" is for a program that runs beside another
            one, which answers them.
        on_event: gets every server event and the `VoiceEvent`s, in the thread of `run`. By then
            the loop has acted on them; it does not wait for it.
        push_to_talk: the user's turns are between `press` and `release`.
        vad: finds the user's turns on this machine.
        echo: takes the sink's sound out of what the source hears; an `EchoGate`, an
            `EchoCanceller`, or what has their ``process``.
        half_duplex: the source is heard as silence while the sink plays and 250 ms longer; the
            user can't interrupt by voice.
        interruptions: what interrupts an answer. True: whatever the server takes for speech;
            False: nothing, and what the user says meanwhile is answered afterwards;
            `Interruptions`: rules of its own.
        idle: what happens when nobody says anything; None for nothing.
        tool_timeout: seconds for each call of a tool, after which the model is told that it timed
            out; None for as long as it takes.
        idle_timeout: when the source has ended, so many seconds without anything going on are
            the end of the conversation; 2 by default.
        answer_timeout: so many seconds may pass without anything of an answer that is asked for or
            has begun, while nothing is left to be played; 30 by default. Then it is cancelled,
            reported as `AnswerFailed` and taken for over, so that what waits for its end goes on.
            When the source has ended, so many seconds without any event are an error.
        clock: for tests.

    Raises:
        ConfigError: options that exclude one another, or a source or a sink that lacks something.

    Threads:
        `run` is called once; all else from any thread. The caller owns the connection, the source
        and the sink; the loop ends the source when it ends itself. In a forked child its copy
        raises ConcurrencyError, and `close` does nothing.
    """

    def __init__(
        self,
        connection: VoiceConnection,
        source: SourceLike,
        sink: SinkLike,
        *,
        tools: Functions | None = None,
        on_event: Callable[[ServerEvent | VoiceEvent], object] | None = None,
        unknown_tools: Literal["refuse", "leave"] = "refuse",
        push_to_talk: bool = False,
        vad: Vad | None = None,
        echo: EchoControl | None = None,
        half_duplex: bool = False,
        interruptions: Interruptions | bool = True,
        idle: IdleRule | None = None,
        tool_timeout: float | None = None,
        idle_timeout: float = 2.0,
        answer_timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        source, sink = as_source(source), as_sink(sink)
        check_options(
            connection=connection,
            on_event=on_event,
            unknown_tools=unknown_tools,
            push_to_talk=push_to_talk,
            vad=vad,
            echo=echo,
            half_duplex=half_duplex,
            clock=clock,
        )
        check_rules(interruptions, idle)
        if half_duplex and isinstance(interruptions, Interruptions):
            raise ConfigError(
                "interruptions and half_duplex exclude one another: a microphone that is muted "
                "while the sink plays hears nobody interrupt"
            )
        Deadline(tool_timeout)  # raises for what is no time
        require_length(idle_timeout, "idle_timeout", error=ConfigError)
        require_length(answer_timeout, "answer_timeout", error=ConfigError)
        if push_to_talk and isinstance(interruptions, Interruptions):
            interruptions = evolve(interruptions, backchannels=None)  # the button decides
        hearing = Hearing(sink, rate=source.rate, echo=echo, half_duplex=half_duplex, clock=clock)
        output = SinkOutput(
            sink,
            hearing,
            sound_format=lambda: connection.session_facts.output,
            on_failure=lambda _: connection.wake(),
        )
        own_tools = take_all(tools)
        self._state = VoiceState(
            sink_rate=sink.rate,
            known=connection.session.known,
            responses=connection.response,
            history=connection.conversation.history,
            calls=ToolCalls(
                own_tools,
                declared=lambda: connection.session.declared_tools,
                leave_unknown=unknown_tools == "leave",
            ),
            interruptions=interruptions,
            ends_on_speech=connection.session.ends_responses_on_speech,
            manual_turns=push_to_talk or vad is not None,
            server_tools=connection.session.server_tools,
            answer_timeout=answer_timeout,
            idle=idle,
            is_silent=lambda: output.idle,
            handed_ms=output.handed_ms,
            played_ms=output.played_ms,
            underruns=lambda: output.underruns,
            clock=clock,
        )
        self._uplink = Uplink(
            connection,
            source,
            hearing=hearing,
            turns=make_turns(source.rate, push_to_talk=push_to_talk, vad=vad),
            state=self._state,
            decide=lambda decision: self._engine.call(decision),
        )
        self._box = EventBox()
        self._engine = VoiceEngine(
            connection,
            output,
            state=self._state,
            input=self._uplink,
            calls=PooledTools(own_tools, self._state, timeout=tool_timeout),
            audience=self._box,
            idle_timeout=idle_timeout,
            answer_timeout=answer_timeout,
            clock=clock,
        )
        self._on_event = on_event or _ignore
        self._can_protect = interruptions is not True
        self._runs = Claim()

    @property
    def idle(self) -> bool:
        """Whether nothing has happened for a moment: nobody speaks, no answer is due or plays."""
        return self._engine.idle

    @property
    def metrics(self) -> tuple[TurnMetrics, ...]:
        """The figures of the turns so far, of the last thousand at most."""
        return self._engine.metrics

    @property
    def history(self) -> list[HistoryItem]:
        """The conversation as it is now, in order, with the words as far as they have come.

        What interrupted nothing (`FalseInterruption`) is there, too, and is marked ``ignored``.
        """
        return self._engine.transcript.items

    def heard(self, item_id: str) -> str:
        """Return the words of an item that were heard by now.

        Of an answer that plays or was interrupted these are as large a share of its words as of
        its sound; a word that is not over does not count. Of anything else they are all words. An
        answer that a lost link has cut counts as it was told again to the new session.

        Args:
            item_id: of an item of `history`; any other has no words.
        """
        require_text(item_id, "item_id", error=ConfigError)
        return self._engine.transcript.heard(item_id)

    @property
    def dropped_events(self) -> int:
        """How many events ``on_event`` never got, because it had not returned for so long.

        These are the oldest deltas; errors, ends of responses and the loop's own events are kept.
        """
        return self._box.dropped

    @property
    def muted(self) -> bool:
        """Whether the user is not heard."""
        return self._uplink.muted

    def mute(self, muted: bool = True) -> None:
        """Send silence in the place of what the source hears, or no longer.

        Turns go on being found: one that is begun ends.

        Args:
            muted: False lets the user be heard again.
        """
        require_flag(muted, "muted", error=ConfigError)
        self._uplink.muted = muted

    def run(self) -> None:
        """Talk until the source has ended and the last answer was heard, or until `close`.

        A connection that is closed on purpose meanwhile, by either side, is a good end as well.

        Raises:
            ConnectionClosedOK: the program had closed the connection before.
            ConnectionClosedError: the connection broke.
            RealtimeTimeout: the server owes an answer and is silent.
            ConfigError: the session's audio format is one that nobody here speaks, both the
                session and this loop detect turns, or the rules of interruptions need the user's
                words and the session does not have them written down.
            ServerError: the server refused an update of the session that was sent before.
            AudioError: the source or the sink failed; a source of the program's own raises what it
                raises.
            QueueFullError: ``on_event`` takes no events.
            ConcurrencyError: it was run before, or somebody else consumes the connection.
            Exception: whatever ``on_event`` raised.
        """
        run = object()
        if self._runs.setdefault("now", run) is not run:
            raise ConcurrencyError("a VoiceLoop runs once; make a new one")
        engine = self._engine
        try:
            engine.start()
            self._deliver()
        finally:
            engine.stop()
            engine.join()
        if engine.failure is not None:
            raise engine.failure

    def _deliver(self) -> None:
        """Call ``on_event`` until the engine has ended and has no events left."""
        while (event := self._next()) is not None:
            self._on_event(event)

    def _next(self) -> ServerEvent | VoiceEvent | None:
        try:
            return self._box.get(_FOREVER)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End `run` soon; what is playing falls silent. Does not wait for it."""
        self._engine.stop()

    def interrupt(self) -> None:
        """Silence the answer and cancel what still comes of it, as if the user had spoken.

        Raises:
            ConnectionClosed: the connection is over.
        """
        self._engine.call(self._state.interrupt)

    def say(self, text: str, *, interruptible: bool = True) -> None:
        """Have the model say ``text``, word for word, as soon as nothing else goes on.

        It may call no tool in its place.

        Args:
            text: what is said.
            interruptible: whether the user's voice interrupts it. False needs a loop with
                ``interruptions=Interruptions(…)``, for else that is the server's to decide.

        Raises:
            ConfigError: ``text`` is empty or no text, or it can't be protected.
            ConnectionClosed: the connection is over.
        """
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"say() takes the words to be said, not {shown(text)}")
        self._check_protection(interruptible)
        self._engine.call(lambda: self._state.say(text, interruptible=interruptible))

    def respond(
        self, response: ResponseCreateParams | None = None, *, interruptible: bool = True
    ) -> None:
        """Ask the model for an answer, as soon as nothing else goes on; for example a greeting.

        Args:
            response: settings of this answer alone, e.g. ``{"instructions": "Greet the user."}``.
            interruptible: as in `say`.

        Raises:
            ConfigError: it can't be protected, or ``response`` is no dictionary.
            ConnectionClosed: the connection is over.
        """
        self._check_protection(interruptible)
        if response is not None:
            require_object(response, "response", error=ConfigError)
        params = as_object(plain(response))
        self._engine.call(lambda: self._state.respond(params, interruptible=interruptible))

    def _check_protection(self, interruptible: bool) -> None:
        require_flag(interruptible, "interruptible", error=ConfigError)
        if not interruptible and not self._can_protect:
            raise ConfigError(
                "here the server decides what interrupts an answer; make the loop with "
                "interruptions=Interruptions() to protect one"
            )

    def press(self) -> None:
        """Begin a turn of the user's; the answer that plays is interrupted.

        Raises:
            ConfigError: the loop was made without ``push_to_talk``.
            ConnectionClosed: the connection is over.
        """
        self._engine.check_process()  # the uplink's lock may be held for ever there
        self._uplink.press()

    def release(self, *, respond: bool = True) -> bool:
        """End the turn of the user's and commit it.

        Args:
            respond: whether the server is asked for an answer.

        Returns:
            False when there was nothing to commit: the button was not down, or for less than the
            100 ms that a server takes.

        Raises:
            ConfigError: the loop was made without ``push_to_talk``.
            ConnectionClosed: the connection is over.
        """
        self._engine.check_process()
        return self._uplink.release(respond=respond)


def _ignore(*_: object) -> None:
    """Do nothing."""
