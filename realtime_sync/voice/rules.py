"""The rules of a spoken conversation, without threads, sockets or sound cards.

`VoiceState` takes the server's events and returns what is to be done about them. The rules of an
interruption are those of the Realtime API's guide: fall silent, cancel where the server does not,
shorten the item that was playing to what was heard. What it leaves open is settled so: an item
that never began to play is deleted, because a truncation at 0 ms is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define

from ..conversation.tool_calls import ToolCalls
from ..errors import ConfigError
from ..events import (
    ErrorEvent,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputItemDone,
    SessionCreated,
    SessionUpdated,
)
from ..events.base import as_came
from ..events.wire_values import as_id, as_index, as_object
from ._voice_connection import ResponseFacts
from .effects import (
    CancelResponse,
    CreateResponse,
    DeleteItem,
    Effect,
    Flush,
    Part,
    Play,
    Report,
    RunTool,
    SendToolOutput,
    Silence,
    TruncateItem,
    WithdrawRequest,
)
from .events import AnswerStarted, Interrupted, ToolFinished, ToolStarted
from .format_check import check_formats
from .metrics import TurnMeter

if TYPE_CHECKING:
    from ..conversation.session import SessionFacts
    from ..events import ServerEvent

__all__ = ["VoiceState"]

# Nobody interrupts what was played long ago.
_MAX_PARTS = 64
_MAX_RESPONSES = 64

_TWO_DETECTORS = (
    "the session detects turns, and so does this loop (push_to_talk or vad); set the session's "
    "audio.input.turn_detection to None"
)


@define
class _Response:
    """One response, as far as it was taken from the queue.

    The connection is ahead of it: what the server had begun when the user spoke is interrupted,
    and not the answer that may have come meanwhile.
    """

    out_of_band: bool
    done: bool = False
    dropped: bool = False  # interrupted: what still comes of it is not played
    answered: bool = False  # some of its audio came


@define
class _Heard:
    """An audio part that may still be playing."""

    response_id: str
    received_bytes: int = 0


class VoiceState:
    """Decides; see `realtime_sync.voice.VoiceLoop`, which does.

    Args:
        source_rate: rate in Hz of what the user says.
        sink_rate: rate in Hz of what the sink plays.
        session: what is known of the session at this moment.
        responses: what the connection knows of its responses.
        calls: the calls of tools.
        manual_turns: whether turns are found here, by a button or a detector, and the server must
            not detect any.
        underruns: how often the sink has run dry.
        clock: seconds, monotonic.

    Threads:
        One at a time; the loop has a lock for it.
    """

    def __init__(
        self,
        *,
        source_rate: int,
        sink_rate: int,
        session: Callable[[], SessionFacts],
        responses: ResponseFacts,
        calls: ToolCalls,
        manual_turns: bool = False,
        underruns: Callable[[], int] = lambda: 0,
        clock: Callable[[], float],
    ) -> None:
        self._rates = {"input": source_rate, "output": sink_rate}
        self._facts = responses
        self._calls = calls
        self._manual_turns = manual_turns
        self._clock = clock
        self._meter = TurnMeter(clock=clock, underruns=underruns)
        self._known_session = session
        self._speaking = False  # between the user's speech_started and speech_stopped
        self._answer_due = False  # the server owes an answer of its own accord
        self._stopped_at: float | None = None  # end of speech that has no audio for an answer yet
        self._owed = False  # an answer is to be asked for, once the user and the server let us
        self._asked = False  # it was, and nothing was created since
        self._creates = 0
        self._withdrawable: str | None = None  # the latest request; it may still wait
        self._responses: dict[str, _Response] = {}
        self._parts: dict[Part, _Heard] = {}
        self._cut: list[str] = []  # responses interrupted just now, until `silenced`
        self._cancel_cut = False
        self._cut_next = False  # the response that is asked for, too
        self._handlers: dict[type, Callable[[Any], list[Effect]]] = {
            SessionCreated: self._session,
            SessionUpdated: self._session,
            InputAudioBufferSpeechStarted: self._speech_started,
            InputAudioBufferSpeechStopped: self._speech_stopped,
            ResponseCreated: self._response_created,
            ResponseOutputAudioDelta: self._audio_delta,
            ResponseOutputAudioDone: self._audio_done,
            ResponseOutputItemDone: self._item_done,
            ResponseDone: self._response_done,
            ErrorEvent: self._error,
            Reconnected: self._reconnected,
        }

    @property
    def busy(self) -> bool:
        """Whether the conversation is in the middle of a turn."""
        due = self._answer_due or self._owed or self._facts.busy
        return self._speaking or due or self.tools_running or bool(self._running())

    @property
    def tools_running(self) -> bool:
        """Whether a tool has not returned yet."""
        return self._calls.running

    def receive(self, event: ServerEvent) -> list[Effect]:
        """Take an event of the server's.

        Raises:
            ConfigError: the session's audio format is not that of the source or the sink.
        """
        handler = self._handlers.get(type(event))
        return handler(event) if handler else []

    def plays(self, response_id: str) -> bool:
        """Return whether the audio of a response is still wanted."""
        response = self._responses.get(response_id)
        return response is None or not response.dropped

    def interrupt(self) -> list[Effect]:
        """Interrupt the answer by hand: the server does not know of it, so it is cancelled."""
        return self._interrupt(cancel=True)

    def user_started(self) -> list[Effect]:
        """Take that a turn of the user's was found to begin here."""
        self._speaking = True
        self._stopped_at = None
        return self._interrupt(cancel=True)

    def user_stopped(self, *, respond: bool) -> list[Effect]:
        """Take that the user's turn is over, and whether it is to be answered."""
        self._speaking = False
        self._stopped_at = None
        if respond:
            self._speech_ended()
            self._owed = True
        return self._create_if_possible()

    def silenced(self, handed_ms: Mapping[Part, int], *, took_s: float = 0.0) -> list[Effect]:
        """Settle an interruption, now that the sink is silent.

        Args:
            handed_ms: how much of each part of the `Silence` went to the device. It can't be
                recalled, so it counts as heard.
            took_s: the time from the interruption's arrival until the sink was silent.
        """
        cut, self._cut = self._cut, []
        cancel, self._cancel_cut = self._cancel_cut, False
        if (waits_for := self._meter.waits_for) is not None:
            self._meter.played(handed_ms.get(waits_for, 0))
        truncated, deleted = self._settle_parts(handed_ms)
        effects: list[Effect] = [CancelResponse(key) for key in cut] if cancel else []
        effects += [TruncateItem(part, ms) for part, ms in truncated.items()]
        effects += [DeleteItem(item_id) for item_id in deleted]
        if effects or cut:
            (item_id, index), ms = next(iter(truncated.items()), ((None, 0), 0))
            interrupted = Interrupted(
                item_id=item_id, content_index=index, audio_end_ms=ms, deleted=deleted
            )
            effects.append(Report(interrupted))
            self._meter.interrupted(took_s)
        return effects + self.settle_turn()

    @property
    def waits_for(self) -> Part | None:
        """The part of which the loop is to tell `played` how far it has come."""
        return self._meter.waits_for

    def played(self, played_ms: int) -> None:
        """Take how much of `waits_for` was heard by now."""
        self._meter.played(played_ms)

    def settle_turn(self) -> list[Effect]:
        """End the turn: all of it was heard, or no more will be."""
        metrics = self._meter.finish()
        return [Report(metrics)] if metrics is not None else []

    def output_sent(self, call_id: str) -> list[Effect]:
        """Take that a call has its output; the last one of a response asks for the next response.

        Only what was sent counts: a response would begin without an output that is on its way.
        """
        self._owed = self._calls.finished(call_id) or self._owed
        return self._create_if_possible()

    def output_lost(self, call_id: str) -> None:
        """Take that the output of a call could not be sent, so that no answer is asked for."""
        self._calls.lost(call_id)

    def withdrawn(self) -> list[Effect]:
        """Take that the latest request for an answer had not gone out, and will not."""
        self._asked = self._cut_next = False
        self._owed = True
        return self._create_if_possible()

    # -- the server's events ---------------------------------------------------------------------

    def _session(self, event: SessionCreated | SessionUpdated) -> list[Effect]:
        session = self._known_session()
        check_formats(session, rates=self._rates)
        # A session is created with the server's own settings, before it is updated with ours.
        if self._manual_turns and session.turns.detected and isinstance(event, SessionUpdated):
            raise ConfigError(_TWO_DETECTORS)
        return []

    def _speech_started(self, _: InputAudioBufferSpeechStarted) -> list[Effect]:
        if self._manual_turns:
            raise ConfigError(_TWO_DETECTORS)
        self._speaking = True
        self._stopped_at = None
        return self._interrupt(cancel=not self._known_session().turns.interrupts)

    def _speech_stopped(self, _: InputAudioBufferSpeechStopped) -> list[Effect]:
        self._speaking = False
        self._speech_ended()
        self._answer_due = self._known_session().answers
        return self._create_if_possible()

    def _response_created(self, event: ResponseCreated) -> list[Effect]:
        response_id = as_id(as_object(as_came(event, "response")).get("id")) or ""
        response = self._response(response_id)
        if response.out_of_band:
            return []
        # It begins with all outputs that were sent so far, whoever asked for it.
        self._answer_due = self._owed = self._asked = False
        cut, self._cut_next = self._cut_next, False
        response.dropped = cut
        return [CancelResponse(response_id)] if cut and response_id else []

    def _response(self, response_id: str) -> _Response:
        """Return what is known of a response; one without an id is over and owes nothing."""
        if not response_id:
            return _Response(out_of_band=False, done=True, answered=True)
        if response_id not in self._responses:
            self._responses[response_id] = _Response(self._facts.is_out_of_band(response_id))
            while len(self._responses) > _MAX_RESPONSES:
                del self._responses[next(iter(self._responses))]
        return self._responses[response_id]

    def _audio_delta(self, event: ResponseOutputAudioDelta) -> list[Effect]:
        response_id = as_id(event.response_id) or ""
        response = self._response(response_id)
        if response.dropped:
            return []
        part = (as_id(event.item_id) or "", as_index(event.content_index))
        audio = event.audio
        if response.out_of_band:  # no answer, and the server has no item to be truncated
            return [Play(audio, part, response_id)]
        self._parts.setdefault(part, _Heard(response_id)).received_bytes += len(audio)
        while len(self._parts) > _MAX_PARTS:
            del self._parts[next(iter(self._parts))]
        self._meter.audio_came(part)
        effects: list[Effect] = [Play(audio, part, response_id)]
        if not response.answered:
            response.answered = True
            effects.append(Report(self._answer_started(response_id)))
        return effects

    def _audio_done(self, event: ResponseOutputAudioDone) -> list[Effect]:
        response = self._responses.get(as_id(event.response_id) or "")
        return [] if response is not None and response.dropped else [Flush()]

    def _item_done(self, event: ResponseOutputItemDone) -> list[Effect]:
        if self._response(as_id(event.response_id) or "").out_of_band:
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

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        wire = as_object(as_came(event, "response"))
        response_id = as_id(wire.get("id")) or ""
        response = self._response(response_id)
        response.done = True
        if wire.get("status") == "cancelled":
            response.dropped = True
        owed = self._calls.over(response_id, interrupted=response.dropped)
        self._owed = owed or self._owed
        return self._create_if_possible()

    def _error(self, event: ErrorEvent) -> list[Effect]:
        if self._asked and self._create_id() in self._facts.refused_by(event):
            self._asked = self._cut_next = False
        return []

    def _reconnected(self, _: Reconnected) -> list[Effect]:
        """Take that what was under way went with the old link, except what is held for the new."""
        self._speaking = self._answer_due = False
        for response in self._responses.values():
            response.done = True
        self._owed = self._calls.link_lost() or self._owed
        return self._create_if_possible()

    # -- rules -----------------------------------------------------------------------------------

    def _running(self) -> list[str]:
        running = (key for key, response in self._responses.items() if not response.done)
        return [key for key in running if not self._responses[key].out_of_band]

    def _speech_ended(self) -> None:
        self._stopped_at = self._clock()
        self._meter.speech_ended()

    def _interrupt(self, *, cancel: bool) -> list[Effect]:
        for response_id in self._running():
            response = self._responses[response_id]
            if not response.dropped:
                response.dropped = True
                self._cut.append(response_id)
        self._cancel_cut = self._cancel_cut or cancel
        self._cut_next = cancel and (self._answer_due or self._asked)
        silence: list[Effect] = [Silence(tuple(self._parts))]
        request, self._withdrawable = self._withdrawable, None
        return silence if request is None else [*silence, WithdrawRequest(request)]

    def _settle_parts(
        self, handed_ms: Mapping[Part, int]
    ) -> tuple[dict[Part, int], tuple[str, ...]]:
        truncated: dict[Part, int] = {}
        items: dict[str, int] = {}  # how much of each was heard
        for part, heard in self._parts.items():
            if not part[0]:
                continue  # nobody can say which item was cut
            received_ms = heard.received_bytes // 2 * 1000 // self._rates["output"]
            ms = min(handed_ms.get(part, 0), received_ms)
            items[part[0]] = items.get(part[0], 0) + ms
            response = self._responses.get(heard.response_id)
            complete = response is None or response.done
            if ms and (ms < received_ms or not complete):
                truncated[part] = ms
        self._parts.clear()
        return truncated, tuple(item_id for item_id, ms in items.items() if not ms)

    def _answer_started(self, response_id: str) -> AnswerStarted:
        stopped_at, self._stopped_at = self._stopped_at, None
        latency = None if stopped_at is None else round((self._clock() - stopped_at) * 1000)
        return AnswerStarted(response_id=response_id, latency_ms=latency)

    def _create_if_possible(self) -> list[Effect]:
        """Ask for what is owed, unless the answer to what the user says will have it, too.

        The connection asks for one response at a time.
        """
        if not self._owed or self._speaking or self._answer_due:
            return []
        self._owed = False
        self._asked = True
        self._creates += 1
        self._withdrawable = self._create_id()
        return [CreateResponse(self._withdrawable)]

    def _create_id(self) -> str:
        return f"voice_create_{self._creates}"
