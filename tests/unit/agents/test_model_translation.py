"""What an event of the server's means on the model's side, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from realtime_sync.agents.items import (
    AssistantAudio,
    AssistantMessageItem,
    InputAudio,
    RealtimeToolCallItem,
    UserMessageItem,
)
from realtime_sync.agents.model_events import (
    RealtimeModelAudioDoneEvent,
    RealtimeModelAudioEvent,
    RealtimeModelCachedTokensDetails,
    RealtimeModelDtmfEvent,
    RealtimeModelErrorEvent,
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
from realtime_sync.agents.model_translation import model_events_of
from realtime_sync.agents.usage import Usage, UsageInputDetails
from realtime_sync.errors import RemoteProtocolError
from realtime_sync.events import SERVER_EVENTS, Reconnected, parse_event

WHERE = {"response_id": "resp_1", "item_id": "item_1", "content_index": 1}
CALL = {
    "id": "item_2",
    "type": "function_call",
    "status": "completed",
    "call_id": "call_1",
    "name": "weather",
    "arguments": "{}",
}
CALLED = [
    RealtimeModelItemUpdatedEvent(
        RealtimeToolCallItem(
            item_id="item_2",
            call_id="call_1",
            status="in_progress",
            arguments="{}",
            name="weather",
        )
    ),
    RealtimeModelToolCallEvent("weather", "call_1", "{}", id="item_2"),
]


def told(type: str, **fields: Any) -> list[Any]:
    """Return what an event means, beside itself, which comes first."""
    wire = {"type": type, **fields}
    raw, *meant = model_events_of(parse_event(json.dumps(wire)))
    assert raw == RealtimeModelRawServerEvent(wire)
    return meant


def spoken(status: str, words: str | None = None) -> RealtimeModelItemUpdatedEvent:
    content = [] if words is None else [AssistantAudio(transcript=words)]
    item = AssistantMessageItem(item_id="item_1", status=status, content=content)  # type: ignore[arg-type]
    return RealtimeModelItemUpdatedEvent(item)


@pytest.mark.parametrize(
    ("type", "fields", "expected"),
    [
        (
            "response.output_audio.delta",
            {**WHERE, "delta": "AAEC"},
            [RealtimeModelAudioEvent(b"\0\1\2", "resp_1", "item_1", 1)],
        ),
        ("response.output_audio.done", WHERE, [RealtimeModelAudioDoneEvent("item_1", 1)]),
        (
            "response.output_audio_transcript.delta",
            {**WHERE, "delta": "Hel"},
            [RealtimeModelTranscriptDeltaEvent("item_1", "Hel", "resp_1")],
        ),
        (
            "response.output_text.delta",
            {**WHERE, "delta": "Hel"},
            [RealtimeModelOutputTextDeltaEvent("item_1", "Hel", "resp_1")],
        ),
        (
            "response.created",
            {"response": {"id": "resp_1"}},
            [RealtimeModelTurnStartedEvent(response_id="resp_1")],
        ),
        (
            "response.done",
            {"response": {"id": "resp_1", "usage": None}},
            [RealtimeModelTurnEndedEvent(response_id="resp_1")],
        ),
        ("response.output_item.added", {"item": CALL}, CALLED),
        ("response.output_item.done", {"item": CALL}, CALLED),
        ("response.output_item.added", {"item": {**CALL, "status": "in_progress"}}, []),
        ("response.output_item.done", {"item": {**CALL, "status": "incomplete"}}, []),
        ("response.output_item.added", {"item": {**CALL, "status": None}}, []),
        ("response.output_item.done", {"item": {**CALL, "status": None}}, CALLED),
        (
            "response.output_item.added",
            {"item": {"id": "item_1", "type": "message", "content": []}},
            [spoken("in_progress")],
        ),
        (
            "response.output_item.done",
            {
                "item": {
                    "id": "item_1",
                    "type": "message",
                    "role": "assistant",
                    "content": [{"type": "output_audio", "transcript": "Hi."}],
                }
            },
            [spoken("completed", "Hi.")],
        ),
        ("response.output_item.done", {"item": {"id": "i", "type": "mcp_call"}}, []),
        (
            "conversation.item.deleted",
            {"item_id": "item_1"},
            [RealtimeModelItemDeletedEvent("item_1")],
        ),
        (
            "conversation.item.input_audio_transcription.completed",
            {"item_id": "item_1", "transcript": "Hi!"},
            [RealtimeModelInputAudioTranscriptionCompletedEvent("item_1", "Hi!")],
        ),
        (
            "conversation.item.input_audio_transcription.delta",
            {"item_id": "item_1", "content_index": 1, "delta": "H"},
            [RealtimeModelInputAudioTranscriptionDeltaEvent("item_1", "H", 1)],
        ),
        (
            "input_audio_buffer.timeout_triggered",
            {"item_id": "item_1", "audio_start_ms": 5, "audio_end_ms": 7},
            [RealtimeModelInputAudioTimeoutTriggeredEvent("item_1", 5, 7)],
        ),
        (
            "input_audio_buffer.dtmf_event_received",
            {"event": "#", "received_at": 1_700_000_000},
            [RealtimeModelDtmfEvent("#", 1_700_000_000)],
        ),
        (
            "rate_limits.updated",
            {"rate_limits": [{"name": "tokens", "limit": 9, "reset_seconds": 0.5}, "x"]},
            [
                RealtimeModelRateLimitsEvent(
                    [
                        RealtimeModelRateLimit("tokens", 9, None, 0.5),
                        RealtimeModelRateLimit(),
                    ]
                )
            ],
        ),
        ("session.created", {"session": {}}, []),
        ("input_audio_buffer.speech_started", {"item_id": "i", "audio_start_ms": 5}, []),
        ("of.a.later.version", {"x": 1}, []),
        ("reconnected", {"attempts": 1}, []),  # a server's own, of which nothing is known
    ],
)
def test_what_an_event_means(type: str, fields: dict[str, Any], expected: list[Any]) -> None:
    assert told(type, **fields) == expected


def item_event(type: str, previous: str | None) -> RealtimeModelItemUpdatedEvent:
    content = [{"type": "input_audio", "transcript": "Hi!"}]
    item = {"id": "item_1", "type": "message", "role": "user", "content": content}
    (event,) = told(f"conversation.item.{type}", item=item, previous_item_id=previous)
    assert isinstance(event, RealtimeModelItemUpdatedEvent)
    return event


@pytest.mark.parametrize("type", ["added", "created"])
def test_an_item_of_the_conversation_has_its_place(type: str) -> None:
    assert item_event(type, "item_0").item == UserMessageItem(
        item_id="item_1", previous_item_id="item_0", content=[InputAudio(transcript="Hi!")]
    )
    assert item_event(type, None).item.previous_item_id is None


def test_an_item_that_was_asked_for_has_no_place() -> None:
    assert item_event("retrieved", "item_0").item.previous_item_id is None


def test_a_call_is_no_item_of_the_conversation_before_it_is_complete() -> None:
    assert told("conversation.item.added", item=CALL) == []


def test_beta_names_mean_the_same() -> None:
    event = parse_event('{"type": "response.text.delta", "item_id": "i", "delta": "x"}')
    raw, meant = model_events_of(event)
    assert isinstance(raw, RealtimeModelRawServerEvent)
    assert raw.data["type"] == "response.output_text.delta"
    assert meant == RealtimeModelOutputTextDeltaEvent("i", "x", "")


def test_an_error_has_texts_only() -> None:
    (event,) = told("error", error={"type": "x", "message": "no", "code": 5})
    assert isinstance(event, RealtimeModelErrorEvent)
    assert (event.error.message, event.error.code) == ("no", "5")


def test_damaged_audio_is_an_error() -> None:
    (event,) = told("response.output_audio.delta", **WHERE, delta="A*")
    assert isinstance(event, RealtimeModelErrorEvent)
    assert isinstance(event.error, RemoteProtocolError)


def test_usage_comes_before_the_end_with_all_its_details() -> None:
    usage = {
        "total_tokens": 30,
        "input_tokens": 20,
        "output_tokens": 10,
        "input_token_details": {
            "text_tokens": 5,
            "audio_tokens": 15,
            "cached_tokens": 4,
            "cached_tokens_details": {"text_tokens": 1, "audio_tokens": 3},
        },
        "output_token_details": {"text_tokens": 2, "audio_tokens": "x"},
    }
    used, ended = told("response.done", response={"id": "resp_1", "usage": usage})
    cached = RealtimeModelCachedTokensDetails(text_tokens=1, audio_tokens=3)
    assert used == RealtimeModelUsageEvent(
        usage=Usage.from_wire(usage),
        input_tokens_details=RealtimeModelInputTokensDetails(5, 15, None, 4, cached),
        output_tokens_details=RealtimeModelOutputTokensDetails(2, None),
    )
    assert used.usage.input_tokens_details == UsageInputDetails(4, 5, 15, 0, 1, 3, 0)
    assert ended == RealtimeModelTurnEndedEvent(response_id="resp_1")


def test_usage_without_details() -> None:
    used, _ = told("response.done", response={"usage": {"input_tokens": 1}})
    assert (used.input_tokens_details, used.output_tokens_details) == (None, None)


def test_a_new_link_is_told_and_no_server_has_sent_it() -> None:
    event = Reconnected(code=1006, attempts=2, lost=["x"], lost_items=["item_1"])
    assert model_events_of(event) == [RealtimeModelReconnectedEvent(2, ["item_1"])]


def test_of_what_only_the_new_link_has_messages_are_told() -> None:
    text = {"type": "output_text", "text": "So."}
    said = {"id": "a", "type": "message", "role": "assistant", "content": [text]}
    output = {"id": "o", "type": "function_call_output", "call_id": "c", "output": "5"}
    event = Reconnected(code=1006, attempts=2, lost=[], lost_items=[], new_items=[output, said])
    _, told = model_events_of(event)
    assert isinstance(told, RealtimeModelItemUpdatedEvent)
    assert isinstance(told.item, AssistantMessageItem)
    assert (told.item.item_id, told.item.status) == ("a", "completed")


ODD: list[Any] = [None, True, -5, 10**400, 1.5, "x", "\ud83d", [], [None], {}, {"id": [1]}, [["x"]]]


def mutated() -> Iterator[dict[str, Any]]:
    """Every known event with each of its fields odd, one and all."""
    fields = ["item", "response", "delta", "error", "rate_limits", "usage", *WHERE]
    fields += ["audio_start_ms", "received_at", "event", "transcript", "previous_item_id"]
    for name in SERVER_EVENTS:
        for value in ODD:
            yield {"type": name, **dict.fromkeys(fields, value)}
            yield {"type": name, "item": {"type": "message", "role": "user", "content": value}}
            yield {"type": name, "item": {**CALL, "call_id": value, "arguments": value}}
            yield {"type": name, "response": {"id": value, "usage": {"input_tokens": value}}}
            yield {"type": name, "response": {"usage": {"input_token_details": value}}}


def test_nothing_that_a_server_sends_raises() -> None:
    for wire in mutated():
        raw, *_ = model_events_of(parse_event(json.dumps(wire)))
        assert isinstance(raw, RealtimeModelRawServerEvent)
        assert raw.data["type"] == wire["type"]


# -- what is not said, or said oddly ---------------------------------------------------------------


def test_an_empty_piece_of_an_answer_is_a_piece_and_one_of_the_user_s_words_is_none() -> None:
    for name in ("output_audio_transcript", "output_text"):
        (piece,) = told(f"response.{name}.delta", **WHERE, delta="")
        assert piece.delta == ""
        assert told(f"response.{name}.delta", **WHERE, delta=7) == []
    prefix = "conversation.item.input_audio_transcription"
    assert told(f"{prefix}.delta", item_id="item_1", delta="") == []
    (whole,) = told(f"{prefix}.completed", item_id="item_1", transcript=None)
    assert whole == RealtimeModelInputAudioTranscriptionCompletedEvent("item_1", "")


def test_an_item_of_an_unknown_role_is_none() -> None:
    message = {"id": "item_1", "type": "message", "role": "critic", "content": []}
    assert told("conversation.item.added", item=message) == []
    assert told("response.output_item.done", item=message) == []


def test_a_call_without_a_name_has_an_empty_one() -> None:
    _, called = told("response.output_item.done", item={**CALL, "name": 7, "arguments": None})
    assert (called.name, called.arguments) == ("", "")


def test_an_output_item_is_the_assistant_s_unless_it_says_otherwise() -> None:
    item = {"id": "item_1", "type": "message", "content": []}
    (said,) = told("response.output_item.done", item=item)
    assert isinstance(said.item, AssistantMessageItem)
    (other,) = told("response.output_item.done", item={**item, "role": "user"})
    assert isinstance(other.item, UserMessageItem)


def test_what_is_no_message_is_no_item_of_the_conversation() -> None:
    for kind in ("function_call_output", "mcp_call", None):
        item = {"id": "item_1", "type": kind, "role": "user", "content": []}
        assert told("conversation.item.added", item=item) == []


def test_usage_that_is_none_is_not_told() -> None:
    for usage in (None, "x", 7, []):
        (ended,) = told("response.done", response={"id": "resp_1", "usage": usage})
        assert ended == RealtimeModelTurnEndedEvent(response_id="resp_1")
    details = {"input_token_details": {"text_tokens": 5, "cached_tokens_details": None}}
    used, _ = told("response.done", response={"usage": details})
    assert used.input_tokens_details == RealtimeModelInputTokensDetails(5, None, None, None, None)


def test_a_fraction_of_a_whole_number_is_cut_off() -> None:
    (key,) = told("input_audio_buffer.dtmf_event_received", event="5", received_at=1.9)
    assert key == RealtimeModelDtmfEvent("5", 1)
