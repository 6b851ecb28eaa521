"""What the model's side tells a session; programs get them as the data of a raw model event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..events.base import Event
from .items import RealtimeItem
from .usage import Usage

__all__ = [
    "RealtimeConnectionStatus",
    "RealtimeModelAudioDoneEvent",
    "RealtimeModelAudioEvent",
    "RealtimeModelAudioInterruptedEvent",
    "RealtimeModelCachedTokensDetails",
    "RealtimeModelConnectionStatusEvent",
    "RealtimeModelDtmfEvent",
    "RealtimeModelEndOfStreamEvent",
    "RealtimeModelErrorEvent",
    "RealtimeModelEvent",
    "RealtimeModelExceptionEvent",
    "RealtimeModelFalseInterruptionEvent",
    "RealtimeModelFillerEvent",
    "RealtimeModelFurtherEvent",
    "RealtimeModelInputAudioTimeoutTriggeredEvent",
    "RealtimeModelInputAudioTranscriptionCompletedEvent",
    "RealtimeModelInputAudioTranscriptionDeltaEvent",
    "RealtimeModelInputTokensDetails",
    "RealtimeModelItemDeletedEvent",
    "RealtimeModelItemUpdatedEvent",
    "RealtimeModelOtherEvent",
    "RealtimeModelOutputTextDeltaEvent",
    "RealtimeModelOutputTokensDetails",
    "RealtimeModelRateLimit",
    "RealtimeModelRateLimitsEvent",
    "RealtimeModelRawServerEvent",
    "RealtimeModelReconnectedEvent",
    "RealtimeModelReconnectingEvent",
    "RealtimeModelToolCallEvent",
    "RealtimeModelTranscriptDeltaEvent",
    "RealtimeModelTurnEndedEvent",
    "RealtimeModelTurnStartedEvent",
    "RealtimeModelUsageEvent",
]

# How a model's connection is.
RealtimeConnectionStatus = Literal["connecting", "connected", "disconnected"]


@dataclass
class RealtimeModelErrorEvent:
    """The server reports an error, or has sent what can't be read; the session goes on.

    Attributes:
        error: an `ErrorDetail` of the server's, or an exception.
    """

    error: Any
    type: Literal["error"] = "error"


@dataclass
class RealtimeModelToolCallEvent:
    """The model calls a tool.

    Attributes:
        arguments: JSON text.
        id: of the call's item.
    """

    name: str
    call_id: str
    arguments: str
    id: str | None = None
    previous_item_id: str | None = None
    type: Literal["function_call"] = "function_call"


@dataclass
class RealtimeModelAudioEvent:
    """A piece of what the model says.

    Attributes:
        data: in the session's output format.
        content_index: of the part of the item that it belongs to.
    """

    data: bytes
    response_id: str
    item_id: str
    content_index: int
    type: Literal["audio"] = "audio"


@dataclass
class RealtimeModelAudioInterruptedEvent:
    """What the model says is interrupted: stop playing it."""

    item_id: str
    content_index: int
    type: Literal["audio_interrupted"] = "audio_interrupted"


@dataclass
class RealtimeModelAudioDoneEvent:
    """All of a part's audio has come."""

    item_id: str
    content_index: int
    type: Literal["audio_done"] = "audio_done"


@dataclass
class RealtimeModelInputAudioTranscriptionCompletedEvent:
    """What the user said, in words."""

    item_id: str
    transcript: str
    type: Literal["input_audio_transcription_completed"] = "input_audio_transcription_completed"


@dataclass
class RealtimeModelInputAudioTimeoutTriggeredEvent:
    """The user was silent for as long as the turn detection waits; times are ms of audio sent."""

    item_id: str
    audio_start_ms: int
    audio_end_ms: int
    type: Literal["input_audio_timeout_triggered"] = "input_audio_timeout_triggered"


@dataclass
class RealtimeModelTranscriptDeltaEvent:
    """A few more words of what the model says."""

    item_id: str
    delta: str
    response_id: str
    type: Literal["transcript_delta"] = "transcript_delta"


@dataclass
class RealtimeModelOutputTextDeltaEvent:
    """A few more words of what the model writes."""

    item_id: str
    delta: str
    response_id: str
    type: Literal["output_text_delta"] = "output_text_delta"


@dataclass
class RealtimeModelItemUpdatedEvent:
    """An item is new in the conversation, or more is known of it."""

    item: RealtimeItem
    type: Literal["item_updated"] = "item_updated"


@dataclass
class RealtimeModelItemDeletedEvent:
    """An item is gone from the conversation."""

    item_id: str
    type: Literal["item_deleted"] = "item_deleted"


@dataclass
class RealtimeModelConnectionStatusEvent:
    """The connection has another state."""

    status: RealtimeConnectionStatus
    type: Literal["connection_status"] = "connection_status"


@dataclass
class RealtimeModelEndOfStreamEvent:
    """No event will follow."""

    type: Literal["end_of_stream"] = "end_of_stream"


@dataclass
class RealtimeModelTurnStartedEvent:
    """A response begins."""

    type: Literal["turn_started"] = "turn_started"
    response_id: str | None = None


@dataclass
class RealtimeModelCachedTokensDetails:
    """The cached input tokens of a response by kind; None where the server does not tell."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None


@dataclass
class RealtimeModelInputTokensDetails:
    """The input tokens of a response by kind; None where the server does not tell."""

    text_tokens: int | None = None
    audio_tokens: int | None = None
    image_tokens: int | None = None
    cached_tokens: int | None = None
    cached_tokens_details: RealtimeModelCachedTokensDetails | None = None


@dataclass
class RealtimeModelOutputTokensDetails:
    """The output tokens of a response by kind; None where the server does not tell."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


@dataclass
class RealtimeModelUsageEvent:
    """What a response has used.

    Attributes:
        usage: of this response alone.
    """

    usage: Usage
    input_tokens_details: RealtimeModelInputTokensDetails | None = None
    output_tokens_details: RealtimeModelOutputTokensDetails | None = None
    type: Literal["usage"] = "usage"


@dataclass
class RealtimeModelTurnEndedEvent:
    """A response is over."""

    type: Literal["turn_ended"] = "turn_ended"
    response_id: str | None = None


@dataclass
class RealtimeModelOtherEvent:
    """Something that no other class is for."""

    data: Any
    type: Literal["other"] = "other"


@dataclass
class RealtimeModelExceptionEvent:
    """The connection has failed, and the session ends.

    Attributes:
        context: what was being done.
    """

    exception: Exception
    context: str | None = None
    type: Literal["exception"] = "exception"


@dataclass
class RealtimeModelRawServerEvent:
    """An event of the server's, before whatever it causes.

    Attributes:
        data: the event as a dictionary, under GA names.
    """

    data: Any
    type: Literal["raw_server_event"] = "raw_server_event"

    @classmethod
    def of(cls, event: Event) -> RealtimeModelRawServerEvent:
        """Return one of an event, whose dictionary is made when somebody reads it.

        There is one for each event, and few programs look into many.
        """
        told = cls.__new__(cls)
        told.__dict__["_event"] = event
        return told

    def __getattr__(self, name: str) -> Any:
        if name != "data" or "_event" not in self.__dict__:
            raise AttributeError(name, name=name, obj=self)
        self.data = self.__dict__["_event"].to_dict()
        return self.data


# What a model tells its listeners, under the names of the OpenAI Agents SDK.
RealtimeModelEvent = (
    RealtimeModelErrorEvent
    | RealtimeModelToolCallEvent
    | RealtimeModelAudioEvent
    | RealtimeModelAudioInterruptedEvent
    | RealtimeModelAudioDoneEvent
    | RealtimeModelInputAudioTimeoutTriggeredEvent
    | RealtimeModelInputAudioTranscriptionCompletedEvent
    | RealtimeModelTranscriptDeltaEvent
    | RealtimeModelOutputTextDeltaEvent
    | RealtimeModelItemUpdatedEvent
    | RealtimeModelItemDeletedEvent
    | RealtimeModelConnectionStatusEvent
    | RealtimeModelEndOfStreamEvent
    | RealtimeModelTurnStartedEvent
    | RealtimeModelUsageEvent
    | RealtimeModelTurnEndedEvent
    | RealtimeModelOtherEvent
    | RealtimeModelExceptionEvent
    | RealtimeModelRawServerEvent
)


# -- beyond these ----------------------------------------------------------------------------------


@dataclass
class RealtimeModelInputAudioTranscriptionDeltaEvent:
    """A few more words of what the user says."""

    item_id: str
    delta: str
    content_index: int = 0
    type: Literal["input_audio_transcription_delta"] = "input_audio_transcription_delta"


@dataclass
class RealtimeModelDtmfEvent:
    """The user has pressed a key of the telephone.

    Attributes:
        key: "0" to "9", "*", "#" or "A" to "D".
        received_at: when, in seconds since 1970.
    """

    key: str
    received_at: int
    type: Literal["dtmf"] = "dtmf"


@dataclass
class RealtimeModelRateLimit:
    """What is left of one limit; None where the server does not tell.

    Attributes:
        name: "requests" or "tokens".
        reset_seconds: until the limit is whole again.
    """

    name: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None


@dataclass
class RealtimeModelRateLimitsEvent:
    """What is left of the rate limits at the start of a response."""

    rate_limits: list[RealtimeModelRateLimit]
    type: Literal["rate_limits"] = "rate_limits"


@dataclass
class RealtimeModelFalseInterruptionEvent:
    """What the user said was no interruption: a cough, or "mhm". The answer goes on.

    Attributes:
        item_id: of what was said, which is deleted from the conversation; None where that is not
            known.
        transcript: the words; ``""`` where there are none.
        paused_ms: how long the answer was silent.
    """

    item_id: str | None
    transcript: str
    paused_ms: int
    type: Literal["false_interruption"] = "false_interruption"


@dataclass
class RealtimeModelFillerEvent:
    """Something is said because a tool is slow.

    Attributes:
        call_ids: of the calls that are waited for.
        response_id: of what the model says; None for a recorded clip.
    """

    call_ids: list[str]
    response_id: str | None = None
    type: Literal["filler"] = "filler"


@dataclass
class RealtimeModelReconnectingEvent:
    """The link is lost, and another is tried.

    Attributes:
        attempt: counted from 1.
        delay_s: seconds until the attempt.
        close_code: of the link that was lost.
    """

    attempt: int
    delay_s: float
    close_code: int
    type: Literal["reconnecting"] = "reconnecting"


@dataclass
class RealtimeModelReconnectedEvent:
    """The link is a new one, with the session and the history of the old.

    Attributes:
        attempts: how many it took.
        lost_items: ids of items that could not be restored.
    """

    attempts: int
    lost_items: list[str]
    type: Literal["reconnected"] = "reconnected"


# What a model tells beyond those.
RealtimeModelFurtherEvent = (
    RealtimeModelInputAudioTranscriptionDeltaEvent
    | RealtimeModelDtmfEvent
    | RealtimeModelRateLimitsEvent
    | RealtimeModelFalseInterruptionEvent
    | RealtimeModelFillerEvent
    | RealtimeModelReconnectingEvent
    | RealtimeModelReconnectedEvent
)
