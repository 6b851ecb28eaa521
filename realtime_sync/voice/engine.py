"""The engine of a spoken conversation: a thread that decides, and acts at once.

It alone consumes the connection and asks the rules. It never waits for the program, whose events
lie in a box, nor for the sink, to which a player writes. What other threads want of it, it does
between two events.

Waking it costs more than most events do. So while it waits, those that make nothing due, above all
the pieces of an answer, are taken in its place by the thread that reads them (`VoiceEngine.take`):
that asks the rules and plays, and leaves to the engine's thread whatever is to be sent or begun.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Literal, NoReturn

from attrs import define, field

from .._deadline import Deadline
from .._fork import Home
from .._signal_safe import Latch
from .._threads import join_all, spawn
from ..conversation.history import WORDED
from ..errors import (
    ConnectionClosed,
    ConnectionClosedOK,
    QueueFullError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from ..events import (
    ResponseFunctionCallArgumentsDelta,
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ._sending import send
from ._voice_connection import VoiceConnection
from .call_runner import CallRunner
from .effects import (
    AskForOwed,
    Effect,
    EndTalk,
    Flush,
    GiveUp,
    IgnoreItem,
    Part,
    Pause,
    Play,
    Report,
    Resume,
    RunAside,
    RunTool,
    SendToolOutput,
    Silence,
    WithdrawRequest,
)
from .events import (
    AnswerFailed,
    AudioDropped,
    RuleUnavailable,
    ToolsUnmatched,
    TurnLost,
    TurnMetrics,
    UnreadableMessage,
)
from .output import Output
from .rules import VoiceState
from .seams import Audience, FurtherRules, Input
from .takers import Takers
from .transcript import Transcript

__all__ = ["EndedBy", "VoiceEngine"]

log = logging.getLogger(__name__)

_TICK_S = 0.2  # how soon the end of what plays, or of the conversation, is noticed
_SLOW_TICK_S = 5.0  # how soon it is noticed that the server does not go on
_REST_S = 10.0  # nothing goes on, and whatever begins something wakes the engine
_CLOSE_TIMEOUT_S = 2.0
_LOOK_AGAIN_S = 0.5
_MAX_METRICS = 1000
_FULL_FOR_S = 5.0  # so long a program may take no events before it is warned
# What an answer comes in. There are so many that looking around after each would cost more than
# they do themselves: that is done once in a tick, or when something is due.
_STREAMED = frozenset(
    {
        ResponseFunctionCallArgumentsDelta,
        ResponseOutputAudioDelta,
        ResponseOutputAudioTranscriptDelta,
        ResponseOutputTextDelta,
    }
)
_WORTH_A_WARNING = frozenset(
    {AnswerFailed, AudioDropped, RuleUnavailable, ToolsUnmatched, TurnLost}
)
# Waking the program costs more than an event does, so it is woken for a burst of them; and for so
# many at the latest, where they come without a pause.
_MOST_UNTOLD = 32

Decision = Callable[[], Iterable[Effect]]
EndedBy = Literal["stop", "server", "source", "idle"]


@define(eq=False)
class _Command:
    """A decision that another thread wants made, and whoever waits for what comes of it."""

    decision: Decision
    done: Latch = field(factory=Latch)
    error: BaseException | None = None


class VoiceEngine:
    """Runs a conversation by the rules of a `VoiceState`.

    Args:
        connection: an open connection, which nobody else consumes.
        output: what plays.
        state: decides.
        further: rules beside it, asked after it.
        reports: what is to be told behind the event that is being taken; others may add to it, in
            the engine's thread.
        input: sends what the user says.
        calls: runs the tools.
        audience: is told what happens. While it has no room, no event is taken from the
            connection; what other threads want is done all the same.
        idle_timeout, answer_timeout: see `VoiceLoop`.
        clock: seconds, monotonic.

    Attributes:
        failure: what has ended it, once the audience is told that nothing more will come; None
            for a good end.
        ended_by: what has ended it, as ``failure``: `stop`, the server, a source that had no more,
            or an idle rule.
        idle: whether nothing has gone on for a moment.
        metrics: the figures of the latest turns; replaced as a whole.
        transcript: what was said and heard.

    Threads:
        `start` is called once; all else may be called from any thread, but for `take` and `rest`,
        which belong to the connection's reader (see `StandIn`). The engine's thread is ``voice``;
        it calls no code of the program's but sources, sinks and echo controls, and the reader
        calls none. Only one of the two is at work at a time.
    """

    def __init__(
        self,
        connection: VoiceConnection,
        output: Output,
        *,
        state: VoiceState,
        input: Input,
        calls: CallRunner,
        audience: Audience,
        further: Sequence[FurtherRules] = (),
        reports: deque[object] | None = None,
        idle_timeout: float,
        answer_timeout: float,
        clock: Callable[[], float],
    ) -> None:
        self.failure: BaseException | None = None
        self.ended_by: EndedBy = "stop"
        self.idle = False
        self.metrics: tuple[TurnMetrics, ...] = ()
        self.transcript = Transcript(
            connection.conversation.history,
            output,
            sound_format=lambda: connection.session_facts.output,
        )
        self._connection = connection
        self._output = output
        self._state = state
        self._further = tuple(further)
        self._input = input
        self._calls = calls
        self._audience = audience
        self._idle_timeout = idle_timeout
        self._answer_timeout = answer_timeout
        self._slow_tick_s = max(_TICK_S, min(_SLOW_TICK_S, answer_timeout / 10))
        self._clock = clock
        self._commands: queue.SimpleQueue[_Command] = queue.SimpleQueue()
        self._stopping = Latch()
        self._home = Home()
        self._thread: threading.Thread | None = None
        # The rest belongs to the engine's thread, and to the reader while that waits.
        self._reports: deque[object] = deque() if reports is None else reports
        self._stand_in = None if output.calls_program else self
        self._events = connection.polled(self._end_burst, self._stand_in)
        self._untold = 0  # events that the audience has, and was not woken for
        self._takers = Takers(state, self._further)
        # What was decided in its place and is still to be done; before anything else.
        self._left: deque[Decision] = deque()
        self._over = False  # the conversation has come to its end
        self._full_since: float | None = None  # the audience has no room
        self._was_closed = False  # the connection, before the conversation began
        self._quiet_since = self._event_at = self._looked_at = clock()
        self._awaits_sound = False  # something has come of which nothing was heard yet
        # When to look around next, as far as the last tick could tell.
        self._due_at: float | None = None
        self._set_pace(_TICK_S)

    def start(self) -> None:
        """Begin; what goes on is told to the audience.

        Raises:
            RealtimeError: the system gives no thread.
        """
        self._thread = spawn(self._run, name="voice")

    def stop(self) -> None:
        """End soon; what is playing falls silent. Does not wait for it.

        In a forked child nothing: the sound and the threads are its parent's.
        """
        if self._home.left:
            return
        self._stopping.set()
        try:
            self._input.stop()
        finally:  # whatever a source makes of it
            self._wake()

    @property
    def stopping(self) -> bool:
        """Whether it is about to end, or has ended."""
        return self._stopping.is_set

    def join(self) -> None:
        """Wait for the end, after `stop`, for as long as everything in it may take at most."""
        if self._thread is not None:
            join_all([self._thread], Deadline(2 * _CLOSE_TIMEOUT_S))

    def post(self, decision: Decision) -> None:
        """Have the engine decide something and act; does not wait for it."""
        self._commands.put(_Command(decision))
        self._wake()

    def call(self, decision: Decision) -> None:
        """Have the engine decide something and act, and return when it has.

        Before `start` it is done as soon as the engine begins. After its end it is not done.

        Raises:
            ConnectionClosed: something could not be sent.
            ConcurrencyError: this is the copy in a forked child, which has no such thread.
        """
        self.check_process()
        command = _Command(decision)
        self._commands.put(command)
        self._wake()
        # Once it is stopping it may be waiting for this very thread.
        while self._thread is not None and not self._stopping.is_set:
            if command.done.wait(Deadline(_LOOK_AGAIN_S)):
                break
        if command.error is not None:
            raise command.error

    def check_process(self) -> None:
        """Raise ConcurrencyError where this is the copy in a forked child."""
        self._home.check()

    def _wake(self) -> None:
        self._connection.wake()

    # -- in the place of the thread, while it waits ----------------------------------------------

    def take(self, item: Any) -> bool:
        """Take an event that makes nothing due, as most do: see `StandIn`."""
        kind = type(item)
        if kind not in _STREAMED and kind not in self._takers.quiet:
            return False
        if self._left or self._awaits_sound or self._pace_s > self._slow_tick_s:
            return False  # the thread has more to do than to look around when its time comes
        if not self._audience.has_room():
            return False
        looks = True
        try:
            looks = self._receive(item, self._act_at_once)
            if self._reports:
                self._tell()
            if self._untold >= _MOST_UNTOLD:
                self._wake_audience()
        except BaseException as exc:  # it ends the thread, as it would have there
            self._left.append(partial(_raise, exc))
        if looks or self._left or self._awaits_sound:
            self._wake()
        return True

    def rest(self) -> None:
        """Wake the audience, if it has something new: see `StandIn`."""
        if self._untold:
            self._untold = 0
            self._audience.flush()

    def _act_at_once(self, effects: Iterable[Effect]) -> None:
        """Do what takes no time, and leave all from the first on that may to the thread."""
        waiting = deque(effects)
        while waiting:
            effect = waiting[0]
            if isinstance(effect, Play):
                self._play(effect)
            elif isinstance(effect, Report):
                self._report(effect.event)
            else:
                self._left.append(partial(list, waiting))
                return
            waiting.popleft()

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            self._was_closed = self._connection.closed
            self.transcript.open()
            self._output.start()
            self._input.start()
            self._act(self._state.begin())
            for rules in self._further:
                self._act(rules.begin())
            self._converse()
        except BaseException as exc:  # the program's thread raises it
            self.failure = exc
            with suppress(Exception):  # it may be the sink that has failed
                self._output.silence(())
        finally:
            self._end()

    def _converse(self) -> None:
        while not self._stopping.is_set:
            if not self._commands.empty():
                self._do_commands()
            event = None
            try:
                if self._audience.has_room():
                    self._full_since = None
                    if self._untold >= _MOST_UNTOLD:
                        self._end_burst()
                    event = next(self._events)
                else:
                    self._wait_for_room()
            except ConnectionClosedOK as end:
                if self._was_closed and end.closed_by == "this side":
                    raise  # there was nobody to talk to
                self.ended_by = "server"
                self._play_out()
                return
            except RemoteProtocolError as error:
                self._events = self._connection.polled(self._end_burst, self._stand_in)
                self._event_at = self._clock()
                self._leave_out(error)
            while self._left:
                self._act(self._left.popleft()())
            looks = event is None or self._receive(event, self._act)
            if looks or self._event_at >= self._tick_at:
                self._raise_failures()
                self._tick()
                self._look_around(waited=event is None)
                self._due_at = self._next_due()
                self._set_pace(self._find_pace())
            if self._reports:
                self._tell()
            if self._over:
                return
        self._output.silence(())

    def _end_burst(self) -> float:
        """Do once what need not be done for each of many events; return how long to wait."""
        if self._awaits_sound:
            self._look_at_position()
        timeout = self._pace_s
        if self._due_at is not None:
            timeout = max(0.0, min(timeout, self._due_at - self._clock()))
        if self._untold:  # last, since whoever is woken needs the interpreter's lock
            self._wake_audience()
        return timeout

    def _wake_audience(self) -> None:
        self._untold = 0
        self._audience.flush()

    def _wait_for_room(self) -> None:
        """Let the connection wait: its queue fills, and then the server has to."""
        now = self._clock()
        if self._full_since is None:
            self._full_since = now
        elif 0 <= now - self._full_since - _FULL_FOR_S < math.inf:
            self._full_since = math.inf  # it is told once
            log.warning("no events were taken for %g s, so the server has to wait", _FULL_FOR_S)
        with suppress(queue.Empty):
            self._obey(self._commands.get(timeout=min(_TICK_S, self._end_burst())))

    def _receive(self, event: ServerEvent, act: Callable[[Iterable[Effect]], object]) -> bool:
        """Have the rules take an event; return whether to look around behind it.

        Args:
            event: the next one.
            act: does what they say.
        """
        self._event_at = self._clock()
        kind, acted = type(event), False
        for take in self._takers[kind]:
            try:
                if effects := take(event):
                    acted = True
                    act(effects)
            except RemoteProtocolError as error:  # noqa: PERF203  # damaged audio; others go on
                self._leave_out(error)
        if kind in WORDED:
            self.transcript.view.take(event)
        if kind in _STREAMED or self._busy_by_rule:
            self.idle = False
            self._quiet_since = self._event_at
            if self._pace_s > self._slow_tick_s:
                self._set_pace(self._slow_tick_s)
        self._untold += 1
        self._audience.put(event)
        return kind not in _STREAMED and (acted or kind not in self._takers.quiet)

    def _set_pace(self, pace_s: float) -> None:
        self._pace_s = pace_s
        self._tick_at = self._looked_at + pace_s
        if self._due_at is not None and self._due_at < self._tick_at:
            self._tick_at = self._due_at

    def _tick(self) -> None:
        self._act(self._state.tick())
        for rules in self._further:
            if effects := rules.tick():
                self._act(effects)

    def _next_due(self) -> float | None:
        due_at = self._state.due_at
        for rules in self._further:
            due = rules.due_at
            if due is not None and (due_at is None or due < due_at):
                due_at = due
        return due_at

    @property
    def _busy_by_rule(self) -> bool:
        return self._state.busy or any(rules.busy for rules in self._further)

    def _leave_out(self, error: RemoteProtocolError) -> None:
        """Go on without a message, or a piece of audio, that can't be read."""
        self._output.skip()
        self._reports.append(UnreadableMessage(error=error))

    def _find_pace(self) -> float:
        """Return after how many seconds without an event to look around, if nothing is due."""
        state = self._state
        if self._input.ended or self._awaits_sound:
            return _TICK_S
        if self.idle:
            return _TICK_S if state.watches_silence else _REST_S
        # The server ends what it has begun by an event; what plays has to be looked at.
        return self._slow_tick_s if state.waits_for_server else _TICK_S

    def _look_around(self, *, waited: bool) -> None:
        """See whether anything still goes on, whenever nothing has come for a moment."""
        now = self._clock()
        if not waited and now - self._looked_at < _TICK_S:
            return
        self._looked_at = now
        busy = self._busy()
        self.idle = not busy
        if busy:
            self._quiet_since = now
        self._act(self._state.look_idle(busy=busy))
        if self._input.ended:
            if self._output.gone or now - self._quiet_since >= self._idle_timeout:
                self._raise_failures()  # a source that fails has ended, too
                self._over, self.ended_by = True, "source"
            self._check_answer(now - self._event_at)
        reconnecting = self._connection.reconnecting
        self._act(self._state.give_up_overdue(reconnecting=reconnecting))

    def _busy(self) -> bool:
        self._look_at_position()
        if self._busy_by_rule or self._state.is_heard_on_line or not self._output.idle:
            return True
        self.transcript.settle()
        self._act(self._state.settle_turn())
        return False

    def _look_at_position(self) -> None:
        """Learn when the answer's first sample was heard."""
        self.transcript.look()
        part = self._state.waits_for
        if part is not None:
            self._state.played(self._output.played_ms(part))
        self._awaits_sound = self.transcript.awaits_sound or self._state.waits_for is not None

    def _check_answer(self, silent_s: float) -> None:
        due = self._state.busy and not self._state.tools_running
        if due and silent_s >= self._answer_timeout:
            raise RealtimeTimeout(
                f"the server owes an answer and has sent nothing for {self._answer_timeout:g} s; "
                "if the recording ends in the middle of speech, let some silence follow it"
            )

    def _play_out(self) -> None:
        """The connection was closed on purpose: what had come before is still heard."""
        self._act(self._state.over())
        self._wake_audience()
        while not self._stopping.is_set and not self._output.drain(_TICK_S):
            self._do_commands()
            self._tell()
            self._wake_audience()
        self._look_at_position()
        self._raise_failures()

    def _raise_failures(self) -> None:
        failure = self._input.failure or self._output.failure
        if failure is not None:
            raise failure

    def _do_commands(self) -> None:
        while not self._commands.empty():
            self._obey(self._commands.get())

    def _obey(self, command: _Command) -> None:
        try:
            command.error = self._act(command.decision())
            self._tell()  # whoever waits finds it told
        except BaseException as exc:
            command.error = exc
            raise
        finally:
            command.done.set()

    def _end(self) -> None:
        """Give everything back, tell the last of it, and let those go who wait."""
        self._stopping.set()
        deadline = Deadline(_CLOSE_TIMEOUT_S)
        try:
            with ExitStack() as last:  # whatever of it fails, all of it is done, from the bottom up
                last.callback(self.transcript.close)
                last.callback(self._tell_the_last)
                last.callback(self._output.close, deadline)
                last.callback(self._calls.close, deadline)
                last.callback(self._input.close, deadline)
                last.callback(self._events.close)
        except BaseException as exc:
            self.failure = self.failure or exc
        finally:
            self._audience.close()

    def _tell_the_last(self) -> None:
        self._do_commands()  # the tools' last outputs
        self._act(self._state.end())
        self.transcript.settle()
        self._act(self._state.settle_turn())
        self._tell()

    def _tell(self) -> None:
        while self._reports:
            report = self._reports.popleft()
            if type(report) in _WORTH_A_WARNING:
                log.warning("%s", report)
            self._untold += 1
            self._audience.put(report)

    # -- doing -----------------------------------------------------------------------------------

    def _act(self, effects: Iterable[Effect]) -> ConnectionClosed | None:
        """Do what was decided; return why something could not be sent, if something could not."""
        failure: ConnectionClosed | None = None
        for effect in effects:
            if type(effect) is Play:  # nearly all of them are
                self._play(effect)
            else:
                failure = self._do(effect) or failure
        return failure

    def _do(self, effect: Effect) -> ConnectionClosed | None:
        match effect:
            case Report(event):
                self._report(event)
            case Flush():
                if not self._output.flush(effect):
                    self._note_drop()
            case Silence(parts):
                return self._silence(parts)
            case Pause():
                self._output.pause()
            case Resume():
                self._output.resume()
            case WithdrawRequest(event_id):
                if self._connection.response.withdraw(event_id=event_id):
                    return self._act(self._state.withdrawn(event_id))
            case AskForOwed():
                return self._act(self._state.ask_for_owed())
            case IgnoreItem(item_id):
                self._connection.conversation.history.ignore(item_id)
            case RunTool() | RunAside():
                self._calls.run(effect, self.post)
            case GiveUp(overdue):
                self._connection.response.give_up(
                    response_id=overdue.response_id, event_id=overdue.request
                )
            case EndTalk():
                self._over, self.ended_by = True, "idle"
            case _:
                return self._send(effect)
        return None

    def _play(self, play: Play) -> None:
        self._awaits_sound = self.transcript.plays(play.part) or self._awaits_sound
        if not self._output.play(play):
            self._note_drop()

    def _report(self, event: object) -> None:
        if isinstance(event, TurnMetrics):
            self.metrics = (*self.metrics[1 - _MAX_METRICS :], event)
        self._reports.append(event)

    def _note_drop(self) -> None:
        self._report(AudioDropped(dropped_ms=self._output.dropped_ms))

    def _silence(self, parts: tuple[Part, ...]) -> ConnectionClosed | None:
        began = self._clock()
        positions = self._output.silence(parts)
        took_s = self._clock() - began
        self.transcript.settle()
        return self._act(self._state.silenced(positions, took_s=took_s))

    def _send(self, effect: Effect) -> ConnectionClosed | None:
        self._wake_audience()  # it may have to wait for the peer
        try:
            send(self._connection, effect)
        except ConnectionClosed as exc:  # `poll` tells of it, with everything that came before
            self._not_sent(effect)
            return exc
        except QueueFullError as exc:  # no room while the link is made anew
            log.warning("%s was not sent: %s", type(effect).__name__, exc)
            self._not_sent(effect)
        else:
            if isinstance(effect, SendToolOutput):
                return self._act(self._state.output_sent(effect.call_id))
        return None

    def _not_sent(self, effect: Effect) -> None:
        if isinstance(effect, SendToolOutput):
            self._state.output_lost(effect.call_id)


def _raise(failure: BaseException) -> NoReturn:
    raise failure
