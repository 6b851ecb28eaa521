"""The rules of a spoken conversation, without threads, sockets or sound cards.

`VoiceState` takes the server's events and returns what is to be done about them. The rules of an
interruption are those of the Realtime API's guide: fall silent, cancel where the server does not,
shorten the item that was playing to what was heard. What it leaves open is settled so: an item
that never began to play is deleted, because a truncation at 0 ms is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from ..errors import ConfigError
from ..events import (
    ErrorEvent,
    FunctionCall,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputItemDone,
    SessionCreated,
    SessionUpdated,
)
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
)
from .events import AnswerStarted, Interrupted, ToolStarted

if TYPE_CHECKING:
    from ..events import ServerEvent

__all__ = ["VoiceState"]

# Nobody interrupts what was played long ago.
_MAX_PARTS = 64
_MAX_RESPONSES = 64


@define
class _Response:
    """One response: a turn of the assistant's, or a round of tool calls."""

    done: bool = False
    dropped: bool = False  # interrupted: what still comes of it is not played
    answered: bool = False  # some of its audio came
    open_calls: set[str] = field(factory=set)
    any_calls: bool = False


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
        tools: names of the tools that are ours to answer.
        clock: seconds, monotonic.

    Threads:
        One at a time; the loop has a lock for it.
    """

    def __init__(
        self,
        *,
        source_rate: int,
        sink_rate: int,
        tools: Collection[str] = (),
        clock: Callable[[], float],
    ) -> None:
        self._rates = {"input": source_rate, "output": sink_rate}
        self._tools = frozenset(tools)
        self._clock = clock
        self._server_interrupts = True
        self._server_answers = True
        self._speaking = False  # between the user's speech_started and speech_stopped
        self._answer_due = False  # a response was asked for and is not created yet
        self._stopped_at: float | None = None  # end of speech that has no audio for an answer yet
        self._create_owed = False  # tool outputs are in and no response was asked for yet
        self._creates = 0
        self._responses: dict[str, _Response] = {}
        self._parts: dict[Part, _Heard] = {}
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
        }

    @property
    def busy(self) -> bool:
        """Whether the conversation is in the middle of a turn."""
        return self._speaking or self._answer_due or self.tools_running or bool(self._running())

    @property
    def tools_running(self) -> bool:
        """Whether a tool has not returned yet."""
        return any(response.open_calls for response in self._responses.values())

    def receive(self, event: ServerEvent) -> list[Effect]:
        """Take an event of the server's.

        Raises:
            ConfigError: the session's audio format is not that of the source or the sink.
        """
        handler = self._handlers.get(type(event))
        return handler(event) if handler else []

    def silenced(self, handed_ms: Mapping[Part, int]) -> list[Effect]:
        """Settle an interruption, now that the sink is silent.

        Args:
            handed_ms: how much of each part of the `Silence` went to the device. It can't be
                recalled, so it counts as heard.
        """
        running = self._running()
        effects: list[Effect] = []
        if not self._server_interrupts:
            effects += [CancelResponse(response_id) for response_id in running]
        for response_id in running:
            self._responses[response_id].dropped = True
        truncated, deleted = self._settle_parts(handed_ms)
        effects += [TruncateItem(part, ms) for part, ms in truncated.items()]
        effects += [DeleteItem(item_id) for item_id in deleted]
        if effects or running:
            (item_id, index), ms = next(iter(truncated.items()), ((None, 0), 0))
            effects.append(
                Report(
                    Interrupted(
                        item_id=item_id, content_index=index, audio_end_ms=ms, deleted=deleted
                    )
                )
            )
        return effects

    def tool_finished(self, call_id: str, output: str) -> list[Effect]:
        """Take the output of a tool; the last one of a response asks for the next response."""
        effects: list[Effect] = [SendToolOutput(call_id, output)]
        for response in self._responses.values():
            if call_id in response.open_calls:
                response.open_calls.discard(call_id)
                self._owe_create(response)
        return effects + self._create_if_possible()

    # -- the server's events ---------------------------------------------------------------------

    def _session(self, event: SessionCreated | SessionUpdated) -> list[Effect]:
        session = event.session.to_dict()
        audio = session.get("audio") or {}
        for direction, flat in (("input", "input_audio_format"), ("output", "output_audio_format")):
            wire = (audio.get(direction) or {}).get("format") or session.get(flat)
            self._check_format(direction, wire)
        turns = (audio.get("input") or session).get("turn_detection") or {}
        self._server_interrupts = turns.get("interrupt_response") is not False
        self._server_answers = (
            bool(turns)
            and turns.get("create_response") is not False
            and session.get("type") != "transcription"
        )
        return []

    def _speech_started(self, _: InputAudioBufferSpeechStarted) -> list[Effect]:
        self._speaking = True
        self._stopped_at = None
        return [Silence(tuple(self._parts))]

    def _speech_stopped(self, _: InputAudioBufferSpeechStopped) -> list[Effect]:
        self._speaking = False
        self._stopped_at = self._clock()
        self._answer_due = self._server_answers
        return self._create_if_possible()

    def _response_created(self, event: ResponseCreated) -> list[Effect]:
        self._answer_due = False
        # It begins with all outputs that were sent so far, whoever asked for it.
        self._create_owed = False
        if event.response.id is not None:
            self._responses[event.response.id] = _Response()
        while len(self._responses) > _MAX_RESPONSES:
            del self._responses[next(iter(self._responses))]
        return []

    def _audio_delta(self, event: ResponseOutputAudioDelta) -> list[Effect]:
        response = self._responses.setdefault(event.response_id, _Response())
        if response.dropped:
            return []
        part = (event.item_id, event.content_index)
        audio = event.audio
        self._parts.setdefault(part, _Heard(event.response_id)).received_bytes += len(audio)
        while len(self._parts) > _MAX_PARTS:
            del self._parts[next(iter(self._parts))]
        effects: list[Effect] = [Play(audio, part)]
        if not response.answered:
            response.answered = True
            effects.append(Report(self._answer_started(event.response_id)))
        return effects

    def _audio_done(self, event: ResponseOutputAudioDone) -> list[Effect]:
        response = self._responses.get(event.response_id)
        return [] if response is not None and response.dropped else [Flush()]

    def _item_done(self, event: ResponseOutputItemDone) -> list[Effect]:
        call = event.item
        if not isinstance(call, FunctionCall) or call.call_id is None:
            return []
        if call.name not in self._tools or call.status == "incomplete":
            return []
        response = self._responses.setdefault(event.response_id, _Response())
        response.open_calls.add(call.call_id)
        response.any_calls = True
        started = ToolStarted(call_id=call.call_id, name=call.name, arguments=call.arguments)
        return [Report(started), RunTool(call.call_id, call.name, call.arguments)]

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        response = self._responses.setdefault(event.response.id or "", _Response())
        response.done = True
        if event.response.status == "cancelled":
            response.dropped = True
        self._owe_create(response)
        return self._create_if_possible()

    def _error(self, event: ErrorEvent) -> list[Effect]:
        if event.error.event_id is not None and event.error.event_id == self._create_id():
            self._answer_due = False
            if event.error.code == "conversation_already_has_active_response":
                self._create_owed = True  # once that response is done
        return []

    # -- rules -----------------------------------------------------------------------------------

    def _running(self) -> list[str]:
        return [key for key, response in self._responses.items() if not response.done]

    def _settle_parts(
        self, handed_ms: Mapping[Part, int]
    ) -> tuple[dict[Part, int], tuple[str, ...]]:
        truncated: dict[Part, int] = {}
        items: dict[str, int] = {}  # how much of each was heard
        for part, heard in self._parts.items():
            received_ms = heard.received_bytes // 2 * 1000 // self._rates["output"]
            ms = min(handed_ms.get(part, 0), received_ms)
            items[part[0]] = items.get(part[0], 0) + ms
            complete = self._responses.get(heard.response_id, _Response(done=True)).done
            if ms and (ms < received_ms or not complete):
                truncated[part] = ms
        self._parts.clear()
        return truncated, tuple(item_id for item_id, ms in items.items() if not ms)

    def _answer_started(self, response_id: str) -> AnswerStarted:
        stopped_at, self._stopped_at = self._stopped_at, None
        latency = None if stopped_at is None else round((self._clock() - stopped_at) * 1000)
        return AnswerStarted(response_id=response_id, latency_ms=latency)

    def _owe_create(self, response: _Response) -> None:
        if response.done and response.any_calls and not response.open_calls:
            response.any_calls = False
            # After an interruption the user's next turn brings the answer, outputs included.
            self._create_owed = self._create_owed or not response.dropped

    def _create_if_possible(self) -> list[Effect]:
        """One response at a time; one that the server is about to make has the outputs, too."""
        if not self._create_owed or self._speaking or self._answer_due or self._running():
            return []
        self._create_owed = False
        self._answer_due = True
        self._creates += 1
        return [CreateResponse(self._create_id())]

    def _create_id(self) -> str:
        return f"voice_create_{self._creates}"

    def _check_format(self, direction: str, wire: Any) -> None:
        if isinstance(wire, Mapping):
            kind, rate = wire.get("type"), wire.get("rate")
        else:
            kind, rate = wire, None
        ours = self._rates[direction]
        if kind not in (None, "audio/pcm", "pcm16"):
            raise ConfigError(
                f"the session's {direction} format is {kind!r}; the voice loop speaks PCM16: "
                f"set audio.{direction}.format to {{'type': 'audio/pcm', 'rate': {ours}}}"
            )
        if rate is not None and rate != ours:
            end = "source" if direction == "input" else "sink"
            raise ConfigError(
                f"the session's {direction} is at {rate} Hz and the {end} at {ours} Hz; "
                f"make the {end} with rate={rate}"
            )
