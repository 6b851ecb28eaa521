"""The voice loop: what is said goes to the server, what it answers is played."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..audio.base import SinkLike, SourceLike, as_sink, as_source
from ..conversation.tool_calls import ToolCalls
from ..errors import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosed,
    ConnectionClosedOK,
    RealtimeTimeout,
    RemoteProtocolError,
)
from ..tools.call_context import CallContext
from ..tools.pool import ToolPool
from ..tools.schema import Functions, Tool, by_name
from ._hearing import Hearing
from ._sending import send
from ._voice_connection import VoiceConnection
from .effects import (
    Commit,
    Effect,
    Flush,
    Part,
    Play,
    Report,
    RunTool,
    SendToolOutput,
    Silence,
    UserStarted,
    UserStopped,
    WithdrawRequest,
)
from .events import ToolFinished, TurnMetrics, UnreadableMessage, VoiceEvent
from .playback import EchoControl, SampleJoiner
from .rules import VoiceState
from .turns import PushToTalk, make_turns

if TYPE_CHECKING:
    from ..audio.vad import Vad
    from ..events import ServerEvent

__all__ = ["VoiceLoop"]

_TICK_S = 0.2  # how soon a stop, a failed source or the end of the conversation is noticed
_CLOSE_TIMEOUT_S = 2.0
_MAX_METRICS = 1000


class VoiceLoop:
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
            makes declarations). Calls of other names that it declares are left to whoever declared
            those.
        unknown_tools: what becomes of calls whose name nobody has declared: "refuse" tells the
            model that there is no such tool; "leave" is for a program that runs beside another
            one, which answers them.
        on_event: gets every server event and the `VoiceEvent`s, in the thread of `run`.
        push_to_talk: the user's turns are between `press` and `release`.
        vad: finds the user's turns on this machine.
        echo: takes the sink's sound out of what the source hears; an `EchoGate`, an
            `EchoCanceller`, or what has their ``process``.
        half_duplex: the source is heard as silence while the sink plays and 250 ms longer; the
            user can't interrupt by voice.
        idle_timeout: when the source has ended, so many seconds without anything going on are
            the end of the conversation.
        answer_timeout: when the source has ended and an answer is due, so many seconds without
            an event are an error.
        clock: for tests.

    Raises:
        ConfigError: options that exclude one another, or a source or a sink that lacks something.

    Threads:
        `run` is called once; all else from any thread. The caller owns the connection, the source
        and the sink; the loop ends the source when it ends itself.
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
        idle_timeout: float = 2.0,
        answer_timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._source = as_source(source)
        self._sink = as_sink(sink)
        self._on_event = on_event or _ignore
        self._idle_timeout = idle_timeout
        self._answer_timeout = answer_timeout
        self._clock = clock
        # Keeps what goes up in one order: held across sends, as a send lock is. Taken before the
        # sink's, and that before _lock.
        self._turns_lock = threading.Lock()
        self._turns = make_turns(self._source.rate, push_to_talk=push_to_talk, vad=vad)
        self._hearing = Hearing(
            self._sink,
            rate=self._source.rate,
            echo=echo,
            half_duplex=half_duplex,
            clock=clock,
        )
        # Keeps writes to the sink and its clearing in one order: nothing is written of what was
        # interrupted meanwhile.
        self._sink_lock = threading.Lock()
        self._joiner = SampleJoiner()  # under _sink_lock
        self._lock = threading.Lock()  # guards _state, _metrics and _started
        self._tools = {name: Tool.undeclared(name, f) for name, f in by_name(tools).items()}
        self._state = VoiceState(
            source_rate=self._source.rate,
            sink_rate=self._sink.rate,
            session=lambda: connection.session_facts,
            responses=connection.response,
            calls=ToolCalls(
                self._tools,
                declared=lambda: connection.session.declared_tools,
                leave_unknown=unknown_tools == "leave",
            ),
            manual_turns=push_to_talk or vad is not None,
            underruns=lambda: self._sink.underruns,
            clock=clock,
        )
        self._metrics: deque[TurnMetrics] = deque(maxlen=_MAX_METRICS)
        self._started = False
        self._pool = ToolPool()
        self._reports: queue.SimpleQueue[VoiceEvent] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._source_ended = threading.Event()
        self._failure: BaseException | None = None  # set before _source_ended, read after it
        self._idle = False  # by the downlink; a flag is replaced as a whole

    @property
    def idle(self) -> bool:
        """Whether nothing has happened for a moment: nobody speaks, no answer is due or plays."""
        return self._idle

    @property
    def metrics(self) -> tuple[TurnMetrics, ...]:
        """The figures of the turns so far, of the last thousand at most."""
        with self._lock:
            return tuple(self._metrics)

    def run(self) -> None:
        """Talk until the source has ended and the last answer was heard, or until `close`.

        Raises:
            ConnectionClosedError: the connection broke.
            RealtimeTimeout: the server owes an answer and is silent.
            ConfigError: the session's audio format is not that of the source or the sink, or both
                the session and this loop detect turns.
            AudioError: the source or the sink failed.
            ConcurrencyError: it was run before, or somebody else consumes the connection.
            Exception: whatever ``on_event`` raised.
        """
        with self._lock:
            if self._started:
                raise ConcurrencyError("a VoiceLoop runs once; make a new one")
            self._started = True
        uplink = spawn(self._uplink, name="voice-uplink")
        try:
            self._downlink()
        except BaseException:
            self._sink.clear()
            raise
        finally:
            self._stopping.set()
            self._source.close()
            deadline = Deadline(_CLOSE_TIMEOUT_S)
            join_all([uplink], deadline)
            self._pool.close(deadline)
        self._settle_turn()
        self._report()

    def close(self) -> None:
        """End `run` soon; what is playing falls silent. Does not wait for it."""
        self._stopping.set()
        self._source.close()

    def interrupt(self) -> None:
        """Silence the answer and cancel what still comes of it, as if the user had spoken.

        Raises:
            ConnectionClosed: the connection is over.
        """
        self._decide(self._state.interrupt)

    def press(self) -> None:
        """Begin a turn of the user's; the answer that plays is interrupted.

        Raises:
            ConfigError: the loop was made without ``push_to_talk``.
            ConnectionClosed: the connection is over.
        """
        with self._turns_lock:
            self._do_all(self._button().press())

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
        with self._turns_lock:
            effects = self._button().release(respond=respond)
            self._do_all(effects)
        return any(isinstance(effect, Commit) for effect in effects)

    # -- up: what the user says ------------------------------------------------------------------

    def _uplink(self) -> None:
        try:
            for chunk in self._source:
                if self._stopping.is_set():
                    break
                said = self._hearing.clean(chunk)
                if said:
                    with self._turns_lock:
                        self._do_all(self._turns.hear(said))
        except ConnectionClosed:
            pass  # the downlink sees it, with everything that came before
        except Exception as exc:
            self._failure = exc
        finally:
            self._source_ended.set()

    def _button(self) -> PushToTalk:
        if not isinstance(self._turns, PushToTalk):
            raise ConfigError("there is no button to press; make VoiceLoop(push_to_talk=True)")
        return self._turns

    # -- down: what the server says --------------------------------------------------------------

    def _downlink(self) -> None:
        quiet_since = last_event = self._clock()
        while not self._stopping.is_set():
            if self._source_ended.is_set() and self._failure is not None:
                raise self._failure
            self._report()
            try:
                event = self._connection.recv(timeout=_TICK_S)
            except RealtimeTimeout:
                now = self._clock()
                self._idle = not self._busy()
                if not self._idle:
                    quiet_since = now
                if self._source_ended.is_set():
                    if now - quiet_since >= self._idle_timeout:
                        return
                    self._check_answer(now - last_event)
            except ConnectionClosedOK:
                self._play_out()
                return
            except RemoteProtocolError as error:
                last_event = self._clock()
                self._leave_out(error)
            else:
                self._idle = False
                quiet_since = last_event = self._clock()
                self._receive(event)
        self._sink.clear()

    def _receive(self, event: ServerEvent) -> None:
        # Effects first: an interruption must not wait for the caller's own code.
        try:
            self._decide(lambda: self._state.receive(event))
        except RemoteProtocolError as error:  # damaged audio
            self._leave_out(error)
        self._look_at_position()
        self._on_event(event)
        self._report()

    def _leave_out(self, error: RemoteProtocolError) -> None:
        """Go on without a message, or a piece of audio, that can't be read."""
        with self._sink_lock:
            self._joiner.clear()  # what comes next is taken to begin with a whole sample
        self._reports.put(UnreadableMessage(error=error))

    def _busy(self) -> bool:
        self._look_at_position()
        with self._lock:
            if self._state.busy:
                return True
        if not self._sink.drain(0):
            return True
        self._settle_turn()
        return False

    def _look_at_position(self) -> None:
        """Learn when the answer's first sample was heard."""
        with self._lock:
            part = self._state.waits_for
        if part is not None:
            played_ms = self._sink.played_ms(*part)
            with self._lock:
                self._state.played(played_ms)

    def _settle_turn(self) -> None:
        self._decide(self._state.settle_turn)

    def _check_answer(self, silent_s: float) -> None:
        with self._lock:
            due = self._state.busy and not self._state.tools_running
        if due and silent_s >= self._answer_timeout:
            raise RealtimeTimeout(
                f"the server owes an answer and has sent nothing for {self._answer_timeout:g} s; "
                "if the recording ends in the middle of speech, let some silence follow it"
            )

    def _play_out(self) -> None:
        """The server has closed on purpose: what it had said before is still heard."""
        while not self._stopping.is_set() and not self._sink.drain(_TICK_S):
            pass
        self._look_at_position()

    # -- doing -----------------------------------------------------------------------------------

    def _decide(self, decision: Callable[[], list[Effect]]) -> None:
        """Decide inside the lock, act outside."""
        with self._lock:
            effects = decision()
        self._do_all(effects)

    def _do_all(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._do(effect)

    def _do(self, effect: Effect) -> None:
        match effect:
            case Play():
                self._play(effect)
            case Flush():
                self._sink.flush()
            case Silence(parts):
                self._silence(parts)
            case UserStarted():
                self._decide(self._state.user_started)
            case UserStopped(respond):
                self._decide(lambda: self._state.user_stopped(respond=respond))
            case WithdrawRequest(event_id):
                if self._connection.response.withdraw(event_id=event_id):
                    self._decide(self._state.withdrawn)
            case RunTool(call_id, name, arguments):
                call = CallContext(name=name, call_id=call_id, arguments=arguments)
                self._pool.run(call, self._tools, self._tool_finished)
            case SendToolOutput():
                self._answer_call(effect)
            case Report(event):
                if isinstance(event, TurnMetrics):
                    with self._lock:
                        self._metrics.append(event)
                self._reports.put(event)
            case _:
                send(self._connection, effect)

    def _play(self, play: Play) -> None:
        with self._sink_lock:
            with self._lock:
                wanted = self._state.plays(play.response_id)
            if wanted:
                audio = self._joiner.join(play.audio, play.part)
                self._hearing.write(audio, play.part)
                item_id, index = play.part
                self._sink.write(audio, item_id=item_id, content_index=index)

    def _silence(self, parts: tuple[Part, ...]) -> None:
        began = self._clock()
        with self._sink_lock:
            self._sink.clear()
            took_s = self._clock() - began
            # After the clear: nothing more is handed out, so these are the last word.
            positions = {part: self._sink.handed_ms(*part) for part in parts}
            self._hearing.clear()
            self._joiner.clear()
        self._decide(lambda: self._state.silenced(positions, took_s=took_s))

    def _tool_finished(self, call: CallContext, output: str, failed: bool) -> None:
        """On a thread of the pool: the answer must not wait for the next event."""
        self._reports.put(
            ToolFinished(call_id=call.call_id, name=call.name, output=output, failed=failed)
        )
        with contextlib.suppress(ConnectionClosed):  # the downlink sees it
            self._answer_call(SendToolOutput(call.call_id, output))

    def _answer_call(self, answer: SendToolOutput) -> None:
        """Send an output; only then its call is closed, so that no answer is asked for before."""
        try:
            send(self._connection, answer)
        except BaseException:
            with self._lock:
                self._state.output_lost(answer.call_id)
            raise
        self._decide(lambda: self._state.output_sent(answer.call_id))

    def _report(self) -> None:
        while not self._reports.empty():
            self._on_event(self._reports.get())


def _ignore(*_: object) -> None:
    """Do nothing."""
