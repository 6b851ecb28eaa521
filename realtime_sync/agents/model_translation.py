"""From the server's events to those of the model's side: pure, and it never raises."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._types import JsonDict
from ..errors import RemoteProtocolError
from ..events import (
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemRetrieved,
    ErrorEvent,
    Event,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferTimeoutTriggered,
    RateLimitsUpdated,
    Reconnected,
    ResponseCreated,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ServerEvent,
)
from ..events.base import as_came
from ..events.server import detail_of
from ..events.wire_values import as_index, as_number, as_object, as_text
from .items import of_wire
from .model_events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelCachedTokensDetails,
    RealtimeModelDtmfEvent,
    RealtimeModelErrorEvent,
    RealtimeModelEvent,
    RealtimeModelFurtherEvent,
    RealtimeModelInputAudioTimeoutTriggeredEvent,
    RealtimeModelInputAudioTranscriptionCompletedEvent,
    RealtimeModelInputAudioTranscriptionDeltaEvent,
    RealtimeModelInputTokensDetails,
    RealtimeModelItemDeletedEvent,
    RealtimeModelItemUpdatedEvent,
    RealtimeModelOutputTextDeltaEvent,
    RealtimeModelOutputTokensDetails,
    RealtimeModelRateLimit,
    RealtimeModelRateLimitsEvent,
    RealtimeModelRawServerEvent,
    RealtimeModelReconnectedEvent,
    RealtimeModelToolCallEvent,
    RealtimeModelTranscriptDeltaEvent,
    RealtimeModelTurnEndedEvent,
    RealtimeModelTurnStartedEvent,
    RealtimeModelUsageEvent,
)
from .usage import Usage

__all__ = ["model_events_of"]

_Told = RealtimeModelEvent | RealtimeModelFurtherEvent


def model_events_of(event: ServerEvent) -> list[_Told]:
    """Return what an event of the server's means, in order: first the event itself.

    Interruptions are not among it, since what the user says does not always interrupt, nor is the
    state of the connection.
    """
    translate = _TRANSLATIONS.get(type(event))
    meant = translate(event) if translate is not None else []
    if isinstance(event, Reconnected):
        return meant  # which no server has sent
    return [RealtimeModelRawServerEvent.of(event), *meant]


# -- answers ---------------------------------------------------------------------------------------


def _audio_delta(event: ResponseOutputAudioDelta) -> list[_Told]:
    try:
        data = event.audio
    except RemoteProtocolError as exc:
        return [RealtimeModelErrorEvent(exc)]
    index = as_index(event.content_index)
    return [RealtimeModelAudioEvent(data, _id(event.response_id), _id(event.item_id), index)]


def _audio_done(event: ResponseOutputAudioDone) -> list[_Told]:
    return [RealtimeModelAudioDoneEvent(_id(event.item_id), as_index(event.content_index))]


def _transcript_delta(event: ResponseOutputAudioTranscriptDelta) -> list[_Told]:
    if (words := as_text(event.delta)) is None:
        return []
    return [RealtimeModelTranscriptDeltaEvent(_id(event.item_id), words, _id(event.response_id))]


def _text_delta(event: ResponseOutputTextDelta) -> list[_Told]:
    if (words := as_text(event.delta)) is None:
        return []
    return [RealtimeModelOutputTextDeltaEvent(_id(event.item_id), words, _id(event.response_id))]


def _response_created(event: ResponseCreated) -> list[_Told]:
    return [RealtimeModelTurnStartedEvent(response_id=_response_id(event))]


def _response_done(event: ResponseDone) -> list[_Told]:
    usage = as_object(as_came(event, "response")).get("usage")
    told: list[_Told] = [_usage(usage)] if isinstance(usage, dict) else []
    return [*told, RealtimeModelTurnEndedEvent(response_id=_response_id(event))]


def _output_item(event: ResponseOutputItemAdded | ResponseOutputItemDone) -> list[_Told]:
    done = isinstance(event, ResponseOutputItemDone)
    wire = {"role": "assistant", **as_object(as_came(event, "item"))}
    if wire.get("type") == "function_call":
        return _call(wire, done=done)
    item = of_wire(wire, done=done)
    return [] if item is None else [RealtimeModelItemUpdatedEvent(item)]


def _call(wire: JsonDict, *, done: bool) -> list[_Told]:
    """Return a call that is complete; before that it is told nothing of."""
    status = wire.get("status")
    item = of_wire(wire)
    if item is None or not (status == "completed" or (done and status is None)):
        return []
    called = RealtimeModelToolCallEvent(
        name=as_text(wire.get("name")) or "",
        call_id=_id(wire.get("call_id")),
        arguments=as_text(wire.get("arguments")) or "",
        id=_id(wire.get("id")),
    )
    return [RealtimeModelItemUpdatedEvent(item), called]


# -- the conversation ------------------------------------------------------------------------------


def _conversation_item(
    event: ConversationItemAdded | ConversationItemCreated | ConversationItemRetrieved,
) -> list[_Told]:
    wire = as_object(as_came(event, "item"))
    if wire.get("type") != "message":
        return []
    previous = None
    if not isinstance(event, ConversationItemRetrieved):
        previous = as_text(event.previous_item_id)
    item = of_wire(wire, previous)
    return [] if item is None else [RealtimeModelItemUpdatedEvent(item)]


def _item_deleted(event: ConversationItemDeleted) -> list[_Told]:
    return [RealtimeModelItemDeletedEvent(_id(event.item_id))]


def _transcribed(event: ConversationItemInputAudioTranscriptionCompleted) -> list[_Told]:
    words = as_text(event.transcript) or ""
    return [RealtimeModelInputAudioTranscriptionCompletedEvent(_id(event.item_id), words)]


def _transcription_delta(event: ConversationItemInputAudioTranscriptionDelta) -> list[_Told]:
    if not (words := as_text(event.delta)):
        return []
    index = as_index(event.content_index)
    return [RealtimeModelInputAudioTranscriptionDeltaEvent(_id(event.item_id), words, index)]


# -- all else --------------------------------------------------------------------------------------


def _error(event: ErrorEvent) -> list[_Told]:
    return [RealtimeModelErrorEvent(detail_of(event))]


def _timeout_triggered(event: InputAudioBufferTimeoutTriggered) -> list[_Told]:
    start, end = _whole(event.audio_start_ms), _whole(event.audio_end_ms)
    return [RealtimeModelInputAudioTimeoutTriggeredEvent(_id(event.item_id), start, end)]


def _dtmf(event: InputAudioBufferDtmfEventReceived) -> list[_Told]:
    return [RealtimeModelDtmfEvent(as_text(event.event) or "", _whole(event.received_at))]


def _rate_limits(event: RateLimitsUpdated) -> list[_Told]:
    limits = as_came(event, "rate_limits")
    objects = map(as_object, limits if isinstance(limits, list) else [])
    return [RealtimeModelRateLimitsEvent([_rate_limit(limit) for limit in objects])]


def _rate_limit(wire: JsonDict) -> RealtimeModelRateLimit:
    return RealtimeModelRateLimit(
        name=as_text(wire.get("name")),
        limit=_count(wire, "limit"),
        remaining=_count(wire, "remaining"),
        reset_seconds=as_number(wire.get("reset_seconds")),
    )


def _reconnected(event: Reconnected) -> list[_Told]:
    messages = [wire for wire in event.new_items if wire.get("type") == "message"]
    items = [item for wire in messages if (item := of_wire(wire, done=True)) is not None]
    reconnected = RealtimeModelReconnectedEvent(event.attempts, list(event.lost_items))
    return [reconnected, *map(RealtimeModelItemUpdatedEvent, items)]


def _usage(wire: JsonDict) -> RealtimeModelUsageEvent:
    read, made = wire.get("input_token_details"), wire.get("output_token_details")
    return RealtimeModelUsageEvent(
        usage=Usage.from_wire(wire),
        input_tokens_details=_input_details(read) if isinstance(read, dict) else None,
        output_tokens_details=_output_details(made) if isinstance(made, dict) else None,
    )


def _input_details(wire: JsonDict) -> RealtimeModelInputTokensDetails:
    cached = wire.get("cached_tokens_details")
    return RealtimeModelInputTokensDetails(
        text_tokens=_count(wire, "text_tokens"),
        audio_tokens=_count(wire, "audio_tokens"),
        image_tokens=_count(wire, "image_tokens"),
        cached_tokens=_count(wire, "cached_tokens"),
        cached_tokens_details=_cached_details(cached) if isinstance(cached, dict) else None,
    )


def _cached_details(wire: JsonDict) -> RealtimeModelCachedTokensDetails:
    return RealtimeModelCachedTokensDetails(
        text_tokens=_count(wire, "text_tokens"),
        audio_tokens=_count(wire, "audio_tokens"),
        image_tokens=_count(wire, "image_tokens"),
    )


def _output_details(wire: JsonDict) -> RealtimeModelOutputTokensDetails:
    return RealtimeModelOutputTokensDetails(
        text_tokens=_count(wire, "text_tokens"), audio_tokens=_count(wire, "audio_tokens")
    )


def _count(wire: JsonDict, name: str) -> int | None:
    number = as_number(wire.get(name))
    return None if number is None else int(number)


def _whole(value: Any) -> int:
    return int(as_number(value) or 0)


def _id(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _response_id(event: ResponseCreated | ResponseDone) -> str | None:
    return as_text(as_object(as_came(event, "response")).get("id"))


_TRANSLATIONS: dict[type[Event], Callable[[Any], list[_Told]]] = {
    ConversationItemAdded: _conversation_item,
    ConversationItemCreated: _conversation_item,
    ConversationItemDeleted: _item_deleted,
    ConversationItemInputAudioTranscriptionCompleted: _transcribed,
    ConversationItemInputAudioTranscriptionDelta: _transcription_delta,
    ConversationItemRetrieved: _conversation_item,
    ErrorEvent: _error,
    InputAudioBufferDtmfEventReceived: _dtmf,
    InputAudioBufferTimeoutTriggered: _timeout_triggered,
    RateLimitsUpdated: _rate_limits,
    Reconnected: _reconnected,
    ResponseCreated: _response_created,
    ResponseDone: _response_done,
    ResponseOutputAudioDelta: _audio_delta,
    ResponseOutputAudioDone: _audio_done,
    ResponseOutputAudioTranscriptDelta: _transcript_delta,
    ResponseOutputItemAdded: _output_item,
    ResponseOutputItemDone: _output_item,
    ResponseOutputTextDelta: _text_delta,
}
