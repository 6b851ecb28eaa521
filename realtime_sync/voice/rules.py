"""The rules of a spoken conversation, without threads, sockets or sound cards.

`VoiceState` takes the server's events and returns what is to be done about them. The rules of an
interruption are those of the Realtime API's guide: fall silent, cancel where the server does not,
shorten the item that was playing to what was heard. What it leaves open is settled so: an item
that never began to play is deleted, because a truncation at 0 ms is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Literal

from .._shown import shown
from .._types import JsonDict
from ..connection.reply import server_error
from ..conversation.history import History
from ..conversation.session import SessionState
from ..conversation.tool_calls import ToolCalls, declared_functions
from ..conversation.unconfirmed import ALREADY_ACTIVE, NOT_ACTIVE
from ..errors import ConfigError
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ErrorEvent,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    SessionCreated,
    SessionUpdated,
)
from ..events.base import as_came
from ..events.server import detail_of, words_of
from ..events.wire_values import as_id, as_index, as_number, as_object, as_text
from ._voice_connection import ResponseFacts
from .answers import Answers, TrackedAnswer
from .asks import Asks, Fate, Saying
from .conversion import check_formats
from .effects import (
    AskForOwed,
    CancelResponse,
    ClearInput,
    ClearOutput,
    Commit,
    DeleteItem,
    Effect,
    EndTalk,
    Flush,
    IgnoreItem,
    Part,
    Pause,
    Play,
    Report,
    Resume,
    RunTool,
    SendToolOutput,
    Silence,
    TruncateItem,
    UserStopped,
    WithdrawRequest,
)
from .events import (
    AnswerFailed,
    AnswerStarted,
    FalseInterruption,
    IdleEnded,
    IdlePrompted,
    Interrupted,
    Paused,
    Resumed,
    ToolFinished,
    ToolOutputLost,
    ToolStarted,
    ToolsUnmatched,
    TurnEnded,
)
from .giving_up import GivingUp
from .idle import IdleRule, IdleWatch
from .interruptions import Interruptions, Verdicts
from .lost_link import LostLink
from .metrics import TurnMeter
from .overdue import OverdueWatch
from .seams import Take
from .server_line import ServerLine, is_spoken
from .turn_control import TurnControl
from .under_way import DueAnswer, UserTurn

__all__ = ["VoiceState", "check_rules"]

_Ignored = Literal["false_interruption", "too_short"]

_TWO_DETECTORS = (
    "the session detects turns, and so does this loop (push_to_talk or vad); set the session's "
    "audio.input.turn_detection to None"
)
# How long the deletion of what was no turn may keep an answer waiting.
_DELETE_S = 1.5


class VoiceState:
    """Decides; see `realtime_sync.voice.VoiceLoop`, which does.

    Args:
        sink_rate: rate in Hz of what the sink plays.
        known: what is known of the session.
        responses: what the connection knows of its responses.
        history: what was said.
        calls: the calls of tools.
        interruptions: the rules; True leaves it to the server what interrupts an answer, False
            lets nothing do so.
        ends_on_speech: whether the server ends responses when the user speaks, whatever is set.
        manual_turns: whether turns are found here, by a button or a detector, and the server must
            not detect any.
        server_tools: functions that the server answers itself.
        answer_timeout: after so many seconds without anything, what the server owes is given up.
        idle: what happens when nobody says anything.
        holds_asks: whether no answer may be asked for now, for a reason that others know.
        is_silent: whether all that was to be played here is heard.
        line: of a call, in which the server plays the answers, and no sound of them comes here.
        handed_ms: how much of a part went to the sink's device.
        played_ms: how much of a part was heard.
        underruns: how often the sink has run dry.
        clock: seconds, monotonic.

    Attributes:
        cuts: how often the user or the program has interrupted, whatever there was to interrupt.
        turns: how often the user has begun to say something, spoken or written.
        handlers: what takes the server's events, by their types; of all others only the time
            counts. They raise ConfigError for a session that this loop can't hold, and ServerError
            for one that refuses an update that was sent before `begin`.
        came: takes that an event has come, of any type but `Reconnected`, before its handler.
        has_spoken: whether audio of the model's has come over this link, wanted or not.

    Threads:
        One at a time: the engine's.
    """

    def __init__(
        self,
        *,
        sink_rate: int,
        known: SessionState,
        responses: ResponseFacts,
        history: History,
        calls: ToolCalls,
        clock: Callable[[], float],
        interruptions: Interruptions | bool = True,
        ends_on_speech: bool = False,
        manual_turns: bool = False,
        server_tools: Collection[str] = (),
        answer_timeout: float = 30.0,
        idle: IdleRule | None = None,
        holds_asks: Callable[[], bool] = lambda: False,
        is_silent: Callable[[], bool] = lambda: True,
        line: ServerLine | None = None,
        handed_ms: Callable[[Part], int] = lambda _: 0,
        played_ms: Callable[[Part], int] = lambda _: 0,
        underruns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.cuts = self.turns = 0
        self.has_spoken = False
        self._known = known
        self._facts = responses
        self._history = history
        self._calls = calls
        self._manual_turns = manual_turns
        self._server_tools = frozenset(server_tools)
        self._holds_asks = holds_asks
        self._ends_on_speech = ends_on_speech
        self._is_silent_here = is_silent
        self._line = line
        self._played_ms = played_ms
        self._clock = clock
        self._meter = TurnMeter(clock=clock, underruns=underruns)
        self._answers = Answers(
            is_out_of_band=responses.is_out_of_band,
            sound_format=lambda: known.facts.output,
            sink_rate=sink_rate,
        )
        self._idle = IdleWatch(idle, clock=clock) if idle is not None else None
        self._told_tools = False
        self._earlier_updates: frozenset[str] = frozenset()  # of the session, before `begin`

        # What is under way, and what becomes of it when it comes to no end of its own.
        self._turn = UserTurn()
        self._due = DueAnswer()
        self._asks = Asks(responses)
        self._giving_up = GivingUp(
            OverdueWatch(answer_timeout, clock=clock),
            turn=self._turn,
            due=self._due,
            answers=self._answers,
            asks=self._asks,
            calls=calls,
            handed_ms=handed_ms,
            is_silent=lambda: self.is_silent,
        )
        self._lost_link = LostLink(
            turn=self._turn,
            due=self._due,
            answers=self._answers,
            asks=self._asks,
            calls=calls,
            history=history,
            handed_ms=handed_ms,
        )

        # What the user says against an answer.
        self._rule = interruptions if isinstance(interruptions, Interruptions) else None
        self._allowed = interruptions is not False
        self._control: TurnControl | None = None
        if not manual_turns and (self._rule is not None or not self._allowed):
            self._control = TurnControl(known, ends_on_speech=ends_on_speech)
        self._checked = False  # whether the session has what the rules need
        self._verdicts = Verdicts(self._rule or Interruptions(), clock=clock)
        self._paused_at: float | None = None
        self._patience_ends: float | None = None  # when who speaks has spoken for `min_ms`
        # Items that are to come and then to be deleted, and until when they keep an answer waiting.
        # "" is the next one that is committed.
        self._to_delete: dict[str, float] = {}
        self._clearing: str | None = None  # our request to forget what was no turn
        self._clears = 0

        # What is interrupted.
        self._cut: list[str] = []  # responses interrupted just now, until `silenced`
        self._cut_on_line = False  # as well, something that the server plays ...
        self._item_on_line: str | None = None  # ... and which item
        self._cancel_cut = False

        self.came = self._giving_up.came
        self.handlers: dict[type, Take] = {
            SessionCreated: self._session,
            SessionUpdated: self._session,
            InputAudioBufferSpeechStarted: self._speech_started,
            InputAudioBufferSpeechStopped: self._speech_stopped,
            InputAudioBufferCommitted: self._committed,
            ConversationItemAdded: self._item_added,
            ConversationItemCreated: self._item_added,
            ConversationItemDeleted: self._item_deleted,
            ConversationItemInputAudioTranscriptionDelta: self._heard_words,
            ConversationItemInputAudioTranscriptionCompleted: self._heard_all,
            ConversationItemInputAudioTranscriptionFailed: self._heard_nothing,
            ResponseCreated: self._response_created,
            ResponseOutputAudioDelta: self._audio_delta,
            ResponseOutputAudioDone: self._audio_done,
            ResponseOutputItemDone: self._item_done,
            ResponseDone: self._response_done,
            ErrorEvent: self._error,
            Reconnected: self._reconnected,
        }
        if line is not None:
            self.handlers[ResponseOutputItemAdded] = self._item_begun
            self.handlers[OutputAudioBufferStarted] = self._heard_from
            self.handlers[OutputAudioBufferStopped] = self._heard_to_end
            self.handlers[OutputAudioBufferCleared] = self._line_cleared

    # -- what is so ------------------------------------------------------------------------------

    @property
    def busy(self) -> bool:
        """Whether the conversation is in the middle of a turn."""
        return self.talking or self.tools_running

    @property
    def talking(self) -> bool:
        """Whether more than tools goes on: the user speaks, or an answer is under way or owed."""
        # It is asked for each event, so what is quickly known comes first.
        if self._turn.speaking or self._verdicts.are_open or self._answers.any_running:
            return True
        return self._due.is_due or self._asks.is_due or self._facts.busy

    @property
    def tools_running(self) -> bool:
        """Whether a tool has not returned yet."""
        return self._calls.running

    @property
    def waits_for_server(self) -> bool:
        """Whether the server says when what goes on is over: a turn, or an answer."""
        return self._turn.speaking or self._due.is_due or self._answers.any_running

    @property
    def watches_silence(self) -> bool:
        """Whether `look_idle` is to be called from time to time, also when nothing happens."""
        return self._idle is not None

    @property
    def waits_for(self) -> Part | None:
        """The part of which the loop is to tell `played` how far it has come."""
        return self._meter.waits_for

    @property
    def due_at(self) -> float | None:
        """When `tick` is to be called at the latest, on the clock; None for never."""
        if self._patience_ends is None and not self._verdicts.are_open and not self._to_delete:
            return None
        times = [self._patience_ends, self._verdicts.due_at, *self._to_delete.values()]
        return min((time for time in times if time is not None), default=None)

    @property
    def asks(self) -> bool:
        """Whether a response is asked for whose beginning, perhaps here already, was not taken."""
        return self._asks.is_open

    @property
    def answering(self) -> bool:
        """Whether an answer plays, is buffered, is running or is asked for."""
        paused = self._paused_at is not None
        if paused or self._answers.awaited or self._answers.sounds(self._played_ms):
            return True
        return self._asks.is_awaited or self.is_heard_on_line

    @property
    def is_heard_on_line(self) -> bool:
        """Whether the server still plays something to a caller, or is about to."""
        return self._line is not None and not self._line.is_silent

    @property
    def is_silent(self) -> bool:
        """Whether all that was to be played is heard: here, and by the caller of a call."""
        return self._is_silent_here() and not self.is_heard_on_line

    @property
    def is_speaking(self) -> bool:
        """Whether the user is told something, or will be as soon as nothing else goes on."""
        return self.answering or self._asks.is_due or not self.is_silent

    def plays(self, response_id: str) -> bool:
        """Return whether the audio of a response is still wanted."""
        return not self._answers.is_dropped(response_id)

    def fate_of(self, saying: Saying) -> Fate:
        """Return what has become of something that `ask` was given."""
        if self._giving_up.has(saying):
            return "lost"
        stage = self._asks.stage_of(saying)
        if stage is not None:
            return stage
        fate = self._answers.fate_of(saying, self._played_ms)
        if self._line is None or fate not in ("heard", "unspoken"):
            return fate
        said = self._answers.responses_of(saying)
        return "under_way" if any(map(self._line.holds, said)) else fate

    # -- what happens ----------------------------------------------------------------------------

    def begin(self) -> list[Effect]:
        """Take that the conversation begins, on a connection that may have a past.

        Raises:
            ConfigError: the session is not one that this loop can hold.
        """
        self._earlier_updates = frozenset(self._known.sent_ids)
        if self._idle is not None:
            self._idle.user_spoke()  # silence counts from now on
        return self._settle_turns()

    def tick(self) -> list[Effect]:
        """Take that time has passed."""
        now = self._clock()
        effects: list[Effect] = []
        if self._patience_ends is not None and now >= self._patience_ends:
            self._patience_ends = None
            effects += self._interrupt(cancel=True)
        if self._verdicts.are_open:
            effects += self._give_verdict()
        if self._to_delete:
            for item_id in [item_id for item_id, until in self._to_delete.items() if now >= until]:
                del self._to_delete[item_id]  # nobody has told of it: there is nothing to delete
        return effects + self.ask_for_owed()

    def look_idle(self, *, busy: bool) -> list[Effect]:
        """Take whether anything goes on, for the rule of what happens when nothing does."""
        if self._idle is None:
            return []
        silent_s = self._idle.silent_s
        due = self._idle.look(busy=busy)
        if due is None:
            return []
        if due == "end":
            return [Report(IdleEnded(silent_s=silent_s)), EndTalk()]
        rule = self._idle.rule
        said = Saying({"instructions": rule.instructions}, is_protected=False)
        if rule.say is not None:
            said = Saying.word_for_word(rule.say, is_protected=False)
        return [Report(IdlePrompted(silent_s=silent_s)), *self.ask(said)]

    def give_up_overdue(self, *, reconnecting: bool) -> list[Effect]:
        """Give up what the server owes and of which nothing has come for too long.

        Args:
            reconnecting: the link is being made anew, so that nothing can come.
        """
        is_held = reconnecting or self.tools_running or self._paused_at is not None
        return self._giving_up.look(is_held=is_held)

    def interrupt(self) -> list[Effect]:
        """Interrupt the answer by hand: the server does not know of it, so it is cancelled."""
        return self._decide_real() if self._verdicts.are_open else self._interrupt(cancel=True)

    def fall_silent(self) -> list[Effect]:
        """Silence the sink, and no response: what plays is none of the conversation's."""
        return [Silence(self._answers.parts)]

    def end(self) -> list[Effect]:
        """Take that the loop ends: the server decides about turns again, as before it."""
        return self._control.restore() if self._control is not None else []

    def over(self) -> list[Effect]:
        """Take that the server has ended the conversation: no verdict will come."""
        self._verdicts.clear()
        return self._end_pause()

    def say(self, text: str, *, interruptible: bool = True) -> list[Effect]:
        """Have the model say something, word for word; see `respond`."""
        return self.ask(Saying.word_for_word(text, is_protected=not interruptible))

    def respond(self, params: JsonDict, *, interruptible: bool = True) -> list[Effect]:
        """Ask for a response with settings of its own, when nothing else goes on."""
        return self.ask(Saying(params, is_protected=not interruptible))

    def ask(self, saying: Saying) -> list[Effect]:
        """Have something said when nothing else goes on; `fate_of` knows what becomes of it."""
        self._asks.say(saying)
        return self.ask_for_owed()

    def owe_answer(self) -> list[Effect]:
        """Have an answer asked for, as soon as it may be: something was said to be answered."""
        self._asks.owed = True
        return self.ask_for_owed()

    def runs(self, response_id: str) -> bool:
        """Return whether more may come of a response, wanted or not.

        Args:
            response_id: it; ``""`` for one that the server owes, and that is forbidden.
        """
        return self._answers.is_running(response_id) if response_id else self._due.is_forbidden

    def answer_turns(self) -> list[Effect]:
        """Ask for the answer to each turn here from now on, where the server makes it by itself."""
        if self._control is None and not self._manual_turns:
            self._control = TurnControl(
                self._known, ends_on_speech=self._ends_on_speech, interruptions=False
            )
        return self._settle_turns()

    def user_wrote(self) -> list[Effect]:
        """Take that the user has said something in another way than by speaking."""
        self.turns += 1
        if self._idle is not None:
            self._idle.user_spoke()
        return self.owe_answer()

    def forbid(self, response_id: str, *, is_handed: bool) -> list[Effect]:
        """Let no more be heard of one answer; what is asked for and may still wait stays owed.

        Args:
            response_id: it.
            is_handed: whether its sound, if it has some, has gone to the sink, which can't tell it
                from what else it has, and falls silent. Then what runs is cancelled as well.
        """
        was_running = response_id in self._answers.awaited
        if is_handed and self._answers.has_sound(response_id):
            self._cut += self._answers.drop()
            self._answers.answer(response_id).dropped = True
            self._cancel_cut = True
            return [Silence(self._answers.parts), *self._withdraw()]
        self._answers.answer(response_id).dropped = True
        unheard = self._answers.forget(response_id, lambda item_id: item_id in self._history.items)
        if was_running:  # `response.done` names what is to be deleted
            return [CancelResponse(response_id), *self._withdraw()]
        return [*map(DeleteItem, unheard), *self._withdraw()]

    def forbid_due(self) -> bool:
        """Let nothing be heard of the answer that the server owes; return whether it owes one."""
        self._due.is_forbidden = self._due.is_due
        return self._due.is_due

    def user_started(self, silence_ms: int = 0) -> list[Effect]:
        """Take that a turn of the user's was found to begin here.

        Args:
            silence_ms: for how long whatever has found it waits until it calls a turn over.
        """
        self._verdicts.found_here(silence_ms)
        return self._user_speaks("", None)

    def user_stopped(self, turn: UserStopped) -> list[Effect]:
        """Take that the user's turn is over; what becomes of it is among the effects."""
        self._turn.speaking = False
        self._turn.stopped_at = self._patience_ends = None
        contested = self._verdicts.are_open
        if turn.by == "too_short":
            if contested:
                return [ClearInput(), *self._make_false("too_short", is_item=False)]
            ended = Report(TurnEnded(item_id=None, reason="too_short", answered=False))
            return [ClearInput(), ended]
        if contested:
            self._turn.stopped_at = self._clock() if turn.respond else None
            self._verdicts.stopped(length_ms=turn.spoken_ms)
            if turn.by == "detected" and self._verdicts.judge() == "false":
                return self._throw_away()
            if turn.by == "detected" and self._verdicts.judge() == "open":
                return [Commit()]  # its words decide
        answered: bool = turn.respond
        ended = Report(TurnEnded(item_id=None, reason=turn.by, answered=answered))
        before = self._make_real() if contested else self._speech_ended() if answered else []
        self._asks.owed = answered or self._asks.owed
        self._turn.is_open = answered
        return [*before, Commit(), ended, AskForOwed()]

    def silenced(self, handed_ms: Mapping[Part, int], *, took_s: float = 0.0) -> list[Effect]:
        """Settle an interruption, now that the sink is silent.

        Args:
            handed_ms: how much of each part of the `Silence` went to the device. It can't be
                recalled, so it counts as heard.
            took_s: the time from the interruption's arrival until the sink was silent.
        """
        cut, self._cut = self._cut, []
        cancel, self._cancel_cut = self._cancel_cut, False
        on_line, self._cut_on_line = self._cut_on_line, False
        if (waits_for := self._meter.waits_for) is not None:
            self._meter.played(handed_ms.get(waits_for, 0))
        left = self._answers.cut(handed_ms)
        effects: list[Effect] = [CancelResponse(key) for key in cut] if cancel else []
        effects += [TruncateItem(part, ms) for part, ms in left.truncated.items()]
        effects += [DeleteItem(item_id) for item_id in left.deleted]
        if on_line and cancel:
            effects.append(ClearOutput())  # behind the cancelling, as the provider wants it
        if effects or cut or on_line or left.only_here:
            played = [*left.truncated.items(), *left.only_here.items()]
            here = self._item_on_line if on_line else None
            (item_id, index), ms = played[0] if played else ((here, 0), 0)
            interrupted = Interrupted(
                item_id=item_id, content_index=index, audio_end_ms=ms, deleted=left.deleted
            )
            effects.append(Report(interrupted))
            self._meter.interrupted(took_s)
        effects += self.settle_turn()
        if self._turn.stopped_at is not None:  # what interrupts is a turn of its own
            self._meter.speech_ended(self._turn.stopped_at)
        return effects

    def played(self, played_ms: int) -> None:
        """Take how much of `waits_for` was heard by now."""
        self._meter.played(played_ms)

    def settle_turn(self) -> list[Effect]:
        """End the turn: all of it was heard, or no more will be."""
        metrics = self._meter.finish()
        return [Report(metrics)] if metrics is not None else []

    def tool_returned(self, call_id: str, name: str, output: str) -> list[Effect]:
        """Take what a tool has returned."""
        if self._lost_link.has_call(call_id):
            return [Report(ToolOutputLost(call_id=call_id, name=name))]
        return [SendToolOutput(call_id, output)]

    def output_sent(self, call_id: str) -> list[Effect]:
        """Take that a call has its output; the last one of a response asks for the next response.

        Only what was sent counts: a response would begin without an output that is on its way.
        """
        self._asks.owed = self._calls.finished(call_id) or self._asks.owed
        return self.ask_for_owed()

    def output_lost(self, call_id: str) -> None:
        """Take that the output of a call could not be sent, so that no answer is asked for."""
        self._calls.lost(call_id)

    def withdrawn(self, event_id: str) -> list[Effect]:
        """Take that a request for an answer had not gone out, and will not."""
        self._asks.withdrawn(event_id)
        return self.ask_for_owed()

    def ask_for_owed(self) -> list[Effect]:
        """Ask for what is owed, unless the answer to what the user says will have it, too.

        The connection asks for one response at a time.
        """
        if not self._asks.is_due or self._holds_asks():
            return []
        if self._turn.speaking or self._due.is_due or self._verdicts.are_open or self._to_delete:
            return []
        create = self._asks.next(is_quiet=lambda: not self._answers.running and self.is_silent)
        return [] if create is None else [create]

    # -- the session -----------------------------------------------------------------------------

    def _session(self, event: SessionCreated | SessionUpdated) -> list[Effect]:
        check_formats(self._known.facts)
        # A session is created with the server's own settings, before it is updated with ours.
        turns = self._known.facts.turns
        if self._manual_turns and turns.detected and isinstance(event, SessionUpdated):
            raise ConfigError(_TWO_DETECTORS)
        return self._tell_tools() + self._settle_turns()

    def _settle_turns(self) -> list[Effect]:
        """Look whether the session's turns are as the rules of interruptions need them."""
        turns = self._known.facts.turns
        told = turns.manual if self._manual_turns else turns.detected
        judges = self._control is None or self._control.is_possible
        settled = told and judges and not self._known.under_way
        if self._rule is not None and settled and not self._checked:
            self._checked = True
            self._rule.check_transcription(self._known.transcription)
        return [] if self._control is None else self._control.settle()

    def _tell_tools(self) -> list[Effect]:
        """Tell once which tools nobody answers or declares, when the session is as it is to be."""
        if self._told_tools or self._known.under_way:
            return []
        self._told_tools = True
        declared = declared_functions(self._known.tools) - self._server_tools
        unanswered, undeclared = self._calls.unmatched(declared)
        if not unanswered and not undeclared:
            return []
        return [Report(ToolsUnmatched(unanswered=unanswered, undeclared=undeclared))]

    # -- what the user says ----------------------------------------------------------------------

    @property
    def _decides(self) -> bool:
        """Whether it is decided here, and not by the server, what interrupts an answer."""
        if self._control is not None:
            return self._control.active and self._control.interruptions
        return self._manual_turns and (self._rule is not None or not self._allowed)

    @property
    def _asks_itself(self) -> bool:
        """Whether the answer to a turn is asked for here, and not made by the server by itself."""
        return self._decides or (self._control is not None and self._control.active)

    def _speech_started(self, event: InputAudioBufferSpeechStarted) -> list[Effect]:
        if self._manual_turns:
            raise ConfigError(_TWO_DETECTORS)
        return self._user_speaks(as_id(event.item_id) or "", as_number(event.audio_start_ms))

    def _user_speaks(self, item_id: str, audio_ms: float | None) -> list[Effect]:
        self._turn.speaking = True
        self.turns += 1
        self._turn.item_id = item_id
        self._turn.stopped_at = None
        if self._idle is not None:
            self._idle.user_spoke()
        if not self._decides:
            interrupts = self._known.facts.turns.interrupts and not self._manual_turns
            return self._interrupt(cancel=not interrupts)
        # What waits to be asked for waits for the end of this turn, too.
        withdrawn = self._withdraw()
        if self._rule is None or self._is_protected or not self.answering:
            return withdrawn  # it is heard, and answered when what goes on is over
        if self._rule.resume:
            return [*self._contest(item_id, audio_ms), *withdrawn]
        self._patience_ends = self._clock() + self._rule.min_ms / 1000
        return [*withdrawn, *self.tick()]

    @property
    def _is_protected(self) -> bool:
        """Whether the user can't interrupt what plays, runs or is asked for."""
        return self._asks.is_protected or self._answers.are_protected(self._played_ms)

    def _contest(self, item_id: str, audio_ms: float | None) -> list[Effect]:
        """Let the answer pause, until there is a verdict on what the user says."""
        if not self._manual_turns:
            self._verdicts.follow(self._known.turn_detection or {})
        self._verdicts.started(item_id, audio_ms)
        if self._paused_at is not None:
            return []
        self._paused_at = self._clock()
        return [Pause(), Report(Paused(item_id=item_id or None))]

    def _speech_stopped(self, event: InputAudioBufferSpeechStopped) -> list[Effect]:
        self._turn.speaking = False
        self._patience_ends = None
        self._turn.item_id = as_id(event.item_id) or self._turn.item_id
        if self._verdicts.are_open:
            self._turn.stopped_at = self._clock()
            self._verdicts.stopped(as_number(event.audio_end_ms))
            return self._give_verdict()
        effects = self._speech_ended()
        if self._asks_itself:
            answered = self._asks.owed = True
        else:
            answered = self._due.is_due = self._known.facts.answers
        self._turn.is_open = answered
        ended = self._turn_ended(self._turn.item_id, answered=answered)
        return [*effects, ended, *self.ask_for_owed()]

    def _turn_ended(self, item_id: str, *, answered: bool) -> Report:
        reason: Literal["detected", "speech_stopped"]
        reason = "detected" if self._manual_turns else "speech_stopped"
        return Report(TurnEnded(item_id=item_id or None, reason=reason, answered=answered))

    def _committed(self, event: InputAudioBufferCommitted) -> list[Effect]:
        item_id = as_id(event.item_id) or ""
        self._turn.item_id = item_id or self._turn.item_id
        self._verdicts.committed(item_id)
        if item_id and (until := self._to_delete.pop("", None)) is not None:
            self._to_delete[item_id] = until
        return self._delete_if_wanted(item_id)

    def _item_added(self, event: ConversationItemAdded | ConversationItemCreated) -> list[Effect]:
        return self._delete_if_wanted(as_id(as_object(as_came(event, "item")).get("id")) or "")

    def _delete_if_wanted(self, item_id: str) -> list[Effect]:
        if not item_id or self._to_delete.pop(item_id, None) is None:
            return []
        return [IgnoreItem(item_id), DeleteItem(item_id), *self.ask_for_owed()]

    def _heard_words(self, event: ConversationItemInputAudioTranscriptionDelta) -> list[Effect]:
        self._verdicts.heard(as_id(event.item_id) or "", as_text(event.delta) or "")
        return self._give_verdict()

    def _heard_all(self, event: ConversationItemInputAudioTranscriptionCompleted) -> list[Effect]:
        self._verdicts.written(as_id(event.item_id) or "", as_text(event.transcript) or "")
        return self._give_verdict()

    def _heard_nothing(self, event: ConversationItemInputAudioTranscriptionFailed) -> list[Effect]:
        self._verdicts.failed(as_id(event.item_id) or "")
        return self._give_verdict()

    def _give_verdict(self) -> list[Effect]:
        verdict = self._verdicts.judge()
        if verdict == "open":
            return []
        if verdict == "false":
            return self._make_false()
        return self._decide_real()

    def _decide_real(self) -> list[Effect]:
        """Interrupt the answer, and have another one made, if the user has stopped."""
        effects = self._make_real()
        if self._turn.speaking:
            return effects
        self._asks.owed = self._turn.is_open = True
        return [*effects, self._turn_ended(self._turn.item_id, answered=True), AskForOwed()]

    def _make_real(self) -> list[Effect]:
        """Interrupt the answer that has paused; the last turn against it may not be over yet."""
        earlier = self._verdicts.item_ids[:-1]
        self._verdicts.clear()
        # What comes of the last one answers all of them.
        ended = [self._turn_ended(item_id, answered=False) for item_id in earlier]
        return [*self._interrupt(cancel=True), *self._end_pause(), *ended]

    def _make_false(
        self, reason: _Ignored = "false_interruption", *, is_item: bool = True
    ) -> list[Effect]:
        """Let the answer go on that has paused, as if nothing had been said.

        Args:
            reason: of the end of what was said last.
            is_item: whether that is an item of the conversation, or becomes one.
        """
        item_ids, words = self._verdicts.item_ids, self._verdicts.transcript
        paused_ms = self._paused_ms
        self._verdicts.clear()
        self._turn.stopped_at = None
        effects: list[Effect] = []
        for item_id in item_ids if is_item else item_ids[:-1]:
            if item_id in self._history.items:
                effects += [IgnoreItem(item_id), DeleteItem(item_id)]
            else:  # it can't be deleted before the server has it
                self._to_delete[item_id] = self._clock() + _DELETE_S
        *earlier, last = [item_id or None for item_id in item_ids]
        ended = [
            TurnEnded(item_id=item_id, reason="false_interruption", answered=False)
            for item_id in earlier
        ]
        ended.append(TurnEnded(item_id=last, reason=reason, answered=False))
        false = FalseInterruption(item_id=last, transcript=words, paused_ms=paused_ms)
        return [*effects, *self._end_pause(), *map(Report, ended), Report(false), AskForOwed()]

    def _throw_away(self) -> list[Effect]:
        """Forget what was no turn before it becomes an item."""
        self._clears += 1
        self._clearing = f"voice_clear_{self._clears}"
        return [ClearInput(self._clearing), *self._make_false(is_item=False)]

    @property
    def _paused_ms(self) -> int:
        return 0 if self._paused_at is None else round((self._clock() - self._paused_at) * 1000)

    def _end_pause(self) -> list[Effect]:
        if self._paused_at is None:
            return []
        resumed = Resumed(paused_ms=self._paused_ms)
        self._paused_at = None
        return [Resume(), Report(resumed)]

    # -- the answers -----------------------------------------------------------------------------

    def _response_created(self, event: ResponseCreated) -> list[Effect]:
        response_id = as_id(as_object(as_came(event, "response")).get("id")) or ""
        answer = self._answers.answer(response_id)
        if answer.out_of_band:
            return []
        begun = self._asks.begun()
        answer.saying = begun.saying
        cut = self._due.is_cut or self._due.is_forbidden or begun.is_cut
        if self._due.is_due or not begun.asked:
            # It begins with all outputs that were sent so far. What we have asked for ourselves
            # does not: it was asked for before them.
            self._asks.owed = False
        self._due.clear()
        answer.dropped = cut
        return [CancelResponse(response_id)] if cut and response_id else []

    def _audio_delta(self, event: ResponseOutputAudioDelta) -> list[Effect]:
        self.has_spoken = True
        response_id = as_id(event.response_id) or ""
        answer = self._answers.answer(response_id)
        if answer.dropped:
            return []
        part = (as_id(event.item_id) or "", as_index(event.content_index))
        audio = event.audio
        if answer.out_of_band:  # no answer, and the server has no item to be truncated
            return [Play(audio, part, response_id)]
        self._answers.received(part, response_id, len(audio))
        effects: list[Effect] = [Play(audio, part, response_id)]
        if not response_id:
            self._meter.audio_came(part)
        if not answer.answered:
            answer.answered = True
            self._turn.is_open = False
            self._meter.audio_came(part)
            effects.append(Report(self._answer_started(response_id)))
        return effects

    def _audio_done(self, event: ResponseOutputAudioDone) -> list[Effect]:
        response_id = as_id(event.response_id) or ""
        part = (as_id(event.item_id) or "", as_index(event.content_index))
        return [Flush(part, response_id)] if self.plays(response_id) else []

    def _item_done(self, event: ResponseOutputItemDone) -> list[Effect]:
        if self._answers.answer(as_id(event.response_id) or "").out_of_band:
            return []  # the answer is the business of whoever asked for it
        call = self._calls.called(event.response_id, as_object(as_came(event, "item")))
        if call is None:
            return []
        if call.failure is not None:
            finished = ToolFinished(
                call_id=call.call_id, name=call.name, output=call.failure, failed=True
            )
            return [Report(finished), SendToolOutput(call.call_id, call.failure)]
        started = ToolStarted(call_id=call.call_id, name=call.name, arguments=call.arguments)
        return [Report(started), RunTool(call.call_id, call.name, call.arguments)]

    def _item_deleted(self, event: ConversationItemDeleted) -> list[Effect]:
        self._answers.deleted(as_id(event.item_id) or "")
        return []

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        wire = as_object(as_came(event, "response"))
        response_id = as_id(wire.get("id")) or self._answers.only_running
        answer = self._answers.answer(response_id)
        answer.done = True
        status = wire.get("status")
        if status == "cancelled":
            answer.dropped = True
        if not answer.out_of_band:
            self._turn.is_open = False
        owed = self._calls.over(response_id, interrupted=answer.dropped)
        self._asks.owed = owed or self._asks.owed
        failed: list[Effect] = []
        if status in ("failed", "incomplete"):
            answer.failed = True
            why = _reason(wire)
            failed = [Report(AnswerFailed(response_id=response_id, status=status, reason=why))]
        if self._line is not None:  # the server knows what was heard, and truncates by itself
            self._line.made(response_id, wire)
            return [*failed, *self.ask_for_owed()]
        return [*failed, *_delete_unheard(wire, answer), *self.ask_for_owed()]

    # -- what the server plays -------------------------------------------------------------------

    def _item_begun(self, event: ResponseOutputItemAdded) -> list[Effect]:
        assert self._line is not None
        self._line.begun(as_id(event.response_id) or "", as_object(as_came(event, "item")))
        return []

    def _heard_from(self, event: OutputAudioBufferStarted) -> list[Effect]:
        assert self._line is not None
        response_id = as_id(event.response_id) or ""
        self._line.started(response_id)
        self.has_spoken = True
        answer = self._answers.answer(response_id)
        if answer.out_of_band or answer.answered:
            return []
        answer.answered = True
        self._turn.is_open = False
        return [Report(self._answer_started(response_id))]

    def _heard_to_end(self, event: OutputAudioBufferStopped) -> list[Effect]:
        assert self._line is not None
        self._line.stopped(as_id(event.response_id) or "")
        return self.ask_for_owed()

    def _line_cleared(self, _: OutputAudioBufferCleared) -> list[Effect]:
        assert self._line is not None
        for response_id in self._line.cleared():
            self._answers.answer(response_id).cut = True
        return self.ask_for_owed()

    def _error(self, event: ErrorEvent) -> list[Effect]:
        refused = self._facts.refused_by(event)
        if not self._earlier_updates.isdisjoint(refused):
            raise server_error(event)
        effects = self._control.refused(refused) if self._control is not None else []
        if detail_of(event).code == NOT_ACTIVE:  # its end has got lost
            self._answers.end_dropped()
            effects += self.ask_for_owed()
        if detail_of(event).code == ALREADY_ACTIVE and not refused:
            effects += self._due_refused()
        if self._asks.refused(refused):
            self._turn.is_open = False
            reason = words_of(event)
            effects.append(Report(AnswerFailed(response_id=None, status="refused", reason=reason)))
            effects += self.ask_for_owed()
        if self._clearing is not None and self._clearing in refused:
            # The server has no such request: what was no turn becomes an item, which is deleted.
            self._clearing = None
            self._to_delete[""] = self._clock() + _DELETE_S
            effects.append(Commit())
        return effects

    def _due_refused(self) -> list[Effect]:
        """Take that the server does not answer the turn, since a response was in the way.

        Nothing answers it by itself afterwards, so it is asked for.
        """
        is_wanted = self._due.is_due and not (self._due.is_cut or self._due.is_forbidden)
        self._due.clear()
        self._asks.owed = is_wanted or self._asks.owed
        return self.ask_for_owed()

    # -- a link that was lost --------------------------------------------------------------------

    def _reconnected(self, event: Reconnected) -> list[Effect]:
        """Take that what was under way went with the old link, and so did what is contested."""
        self.has_spoken = False
        if self._verdicts.are_open and not self._turn.speaking:
            self._turn.is_open = True  # in doubt: only its words may be known by now
        effects = self._lost_link.settle(event.lost_items, self._giving_up.take())
        self._verdicts.clear()
        self._to_delete.clear()
        self._patience_ends = None
        effects += self._end_pause()
        if self._control is not None:
            effects += self._control.link_lost()
        return [*effects, AskForOwed()]

    # -- interrupting ----------------------------------------------------------------------------

    def _speech_ended(self) -> list[Effect]:
        effects = self.settle_turn()  # the one before is over for its user
        self._turn.stopped_at = self._clock()
        self._meter.speech_ended(self._turn.stopped_at)
        return effects

    def _interrupt(self, *, cancel: bool) -> list[Effect]:
        self.cuts += 1
        parts = self._answers.parts
        self._cut += self._answers.drop()
        self._cancel_cut = self._cancel_cut or cancel
        self._due.is_cut = cancel and self._due.is_due
        self._asks.cut(cancel=cancel)
        if self._line is not None and self.is_heard_on_line:
            self._cut_on_line, self._item_on_line = True, self._line.heard_item
        return [Silence(parts), *self._withdraw()]

    def _withdraw(self) -> list[Effect]:
        """Take back what is asked for and may still wait; it stays owed."""
        request = self._asks.take_withdrawable()
        return [] if request is None else [WithdrawRequest(request)]

    def _answer_started(self, response_id: str) -> AnswerStarted:
        stopped_at, self._turn.stopped_at = self._turn.stopped_at, None
        latency = None if stopped_at is None else round((self._clock() - stopped_at) * 1000)
        return AnswerStarted(response_id=response_id, latency_ms=latency)


def check_rules(interruptions: object, idle: object) -> None:
    """Check what a program gives as its rules, before there is a conversation.

    Args:
        interruptions: what interrupts an answer.
        idle: what happens when nobody says anything.

    Raises:
        ConfigError: one of them is no rule.
    """
    if not isinstance(interruptions, Interruptions | bool):
        raise ConfigError(
            f"interruptions={shown(interruptions)} is no rule; give True, False or Interruptions(…)"
        )
    if idle is not None and not isinstance(idle, IdleRule):
        raise ConfigError(f"idle={shown(idle)} is no rule; give IdleRule(after_s=…), or None")


def _delete_unheard(response: JsonDict, answer: TrackedAnswer) -> list[Effect]:
    """Delete what has come of an answer since it was interrupted: nobody has heard it."""
    output = response.get("output")
    if not answer.dropped or answer.out_of_band or not isinstance(output, list):
        return []
    items = [as_object(item) for item in output]
    spoken = [item for item in items if item.get("type") == "message" and is_spoken(item)]
    item_ids = filter(None, (as_id(item.get("id")) for item in spoken))
    return [DeleteItem(item_id) for item_id in item_ids if item_id not in answer.settled]


def _reason(response: JsonDict) -> str:
    """Return what a server says about a response that did not succeed."""
    details = as_object(response.get("status_details"))
    error = as_object(details.get("error"))
    texts = [error.get("code"), error.get("message"), details.get("reason"), error.get("type")]
    return ": ".join([text for text in map(as_text, texts) if text])
