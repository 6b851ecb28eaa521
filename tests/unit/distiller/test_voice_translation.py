from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from session_script import answer, response, sound, user_said, words

from realtime_sync.distiller.voice_translation import VoiceTranslation
from realtime_sync.events import UnknownEvent, parse_event

PCM = b"\1\0" * 160


def translation(**options: Any) -> VoiceTranslation:
    return VoiceTranslation(**{"output_hz": 22_050, "can_interrupt": True, **options})


def translated(session: VoiceTranslation, *messages: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [event for message in messages for event in session.receive(message)]


def types(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in events]


def only(events: list[dict[str, Any]], type: str) -> dict[str, Any]:
    (event,) = (event for event in events if event["type"] == type)
    return event


def test_the_session_has_the_rates_of_both_directions() -> None:
    (created,) = translation().begin()
    audio = created["session"]["audio"]
    assert audio["input"]["format"] == {"type": "audio/pcm", "rate": 16_000}
    assert audio["output"]["format"] == {"type": "audio/pcm", "rate": 22_050}


@pytest.mark.parametrize("can_interrupt", [True, False])
def test_the_session_says_whether_the_user_can_interrupt(can_interrupt: bool) -> None:
    (created,) = translation(can_interrupt=can_interrupt).begin()
    turns = created["session"]["audio"]["input"]["turn_detection"]
    assert turns["interrupt_response"] is can_interrupt


def test_a_response_has_the_order_of_the_realtime_api() -> None:
    events = translated(translation(), *response(*answer("A", "Hi.", PCM)))
    assert types(events) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio_transcript.done",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    (item,) = events[-1]["response"]["output"]
    assert item["content"] == [{"type": "output_audio", "transcript": "Hi."}]


def test_every_event_is_one_that_the_protocol_knows() -> None:
    session = translation()
    events = session.begin()
    events += translated(session, *user_said("hi"), *response(*answer("A", "Hi.", PCM)))
    events += translated(session, {"type": "response.created"}, words("A", "So"), sound(PCM))
    events += translated(session, {"type": "response.interrupted"}, *user_said("no"))
    events += session.user_wrote({"type": "message", "role": "user", "content": []})
    events += session.truncated({"item_id": "i", "content_index": 0, "audio_end_ms": 10})
    events += session.deleted({"item_id": "i"}) + session.cleared()
    events += session.refused({"event_id": "e"}, "no")
    parsed = [parse_event(json.dumps(event)) for event in events]
    assert not [event for event in parsed if isinstance(event, UnknownEvent)]
    ids = [event["event_id"] for event in events]
    assert len(set(ids)) == len(ids)


def test_items_follow_one_another() -> None:
    session = translation()
    events = translated(session, *user_said("hi"), *response(*answer("A", "Hi.", PCM)))
    first, second = [e for e in events if e["type"] == "conversation.item.added"]
    assert first["previous_item_id"] is None
    assert second["previous_item_id"] == first["item"]["id"]


def test_each_agent_has_an_item_of_its_own() -> None:
    session = translation()
    said = [*answer("A", "One.", PCM), *answer("B", "Two.", PCM), *answer("B", "Three.", PCM)]
    (*_, done) = translated(session, *response(*said))
    items = done["response"]["output"]
    assert [session.role_of(item["id"]) for item in items] == ["A", "B", "B"]


def test_sound_belongs_to_the_agent_that_still_speaks_or_is_named() -> None:
    session = translation()
    events = translated(
        session,
        {"type": "response.created"},
        words("A", "One."),
        words("B", "Two."),
        sound(PCM),
        sound(PCM, role="B"),
        {"type": "response.audio.done"},
        sound(PCM),
    )
    deltas = [event for event in events if event["type"] == "response.output_audio.delta"]
    assert [session.role_of(event["item_id"]) for event in deltas] == ["A", "B", "B"]


def test_an_interruption_begins_speech_and_ends_the_response_once() -> None:
    session = translation()
    translated(session, {"type": "response.created"}, words("A", "So"), sound(PCM))
    events = translated(session, {"type": "response.interrupted"})
    assert types(events)[0] == "input_audio_buffer.speech_started"
    assert only(events, "response.done")["response"]["status"] == "cancelled"
    assert translated(session, {"type": "response.done"}) == []  # its end was told already


def test_what_the_user_says_against_an_answer_is_one_item() -> None:
    session = translation()
    translated(session, {"type": "response.created"}, sound(PCM))
    started, *_ = translated(session, {"type": "response.interrupted"})
    events = translated(session, *user_said("stop"))
    stopped = only(events, "input_audio_buffer.speech_stopped")
    committed = only(events, "input_audio_buffer.committed")
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]


def test_an_interruption_without_words_is_over_with_the_next_response() -> None:
    session = translation()
    translated(session, {"type": "response.created"}, {"type": "response.interrupted"})
    events = translated(session, {"type": "response.created"})
    assert types(events) == ["input_audio_buffer.speech_stopped", "response.created"]


def test_a_response_that_the_program_ends_says_so() -> None:
    session = translation()
    translated(session, {"type": "response.created"}, sound(PCM))
    session.cancelled()
    events = translated(session, {"type": "response.done"})
    details = only(events, "response.done")["response"]["status_details"]
    assert details == {"type": "cancelled", "reason": "client_cancelled"}


@pytest.mark.parametrize(
    "message",
    [
        {"type": "response.audio.delta", "audio": None},
        {"type": "something.new"},
        {"type": None},
        {},
        {"type": "response.text.done"},
        {"type": "response.audio.done"},
        {"type": "response.done"},
    ],
)
def test_what_means_nothing_gives_nothing(message: dict[str, Any]) -> None:
    assert translated(translation(), message) == []


def test_words_that_are_none_are_no_words() -> None:
    events = translated(translation(), {"type": "response.text.delta", "content": None})
    assert only(events, "response.output_audio_transcript.delta")["delta"] == ""
