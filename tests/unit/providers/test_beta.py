"""GA into the beta protocol and back."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync import LocalProtocolError, OpenAI
from realtime_sync.events import Session
from realtime_sync.providers import BetaDialect, OpenAIProvider

Event = dict[str, Any]

SESSION: list[tuple[Event, Event]] = [  # GA, beta
    ({"instructions": "hi"}, {"instructions": "hi"}),
    ({"output_modalities": ["audio"]}, {"modalities": ["text", "audio"]}),
    ({"output_modalities": ["text"]}, {"modalities": ["text"]}),
    ({"max_output_tokens": 7}, {"max_response_output_tokens": 7}),
    ({"audio": {"output": {"voice": "ash", "speed": 1.2}}}, {"voice": "ash", "speed": 1.2}),
    (
        {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}}},
        {"input_audio_format": "pcm16"},
    ),
    ({"audio": {"input": {"format": {"type": "audio/pcmu"}}}}, {"input_audio_format": "g711_ulaw"}),
    (
        {"audio": {"output": {"format": {"type": "audio/pcma"}}}},
        {"output_audio_format": "g711_alaw"},
    ),
    (
        {"audio": {"input": {"transcription": {"model": "m"}, "turn_detection": None}}},
        {"input_audio_transcription": {"model": "m"}, "turn_detection": None},
    ),
    (
        {"audio": {"input": {"noise_reduction": {"type": "far_field"}}}},
        {"input_audio_noise_reduction": {"type": "far_field"}},
    ),
    (
        {"tools": [{"type": "function", "name": "f"}]},
        {"tools": [{"type": "function", "name": "f"}]},
    ),
]


def to_wire(event: Event) -> Event:
    return BetaDialect().to_wire(event)


def from_wire(*events: Event) -> list[Event]:
    dialect = BetaDialect()
    return [result for event in events for result in dialect.from_wire(event)]


@pytest.mark.parametrize(("ga", "beta"), SESSION)
def test_a_session_there(ga: Event, beta: Event) -> None:
    sent = to_wire({"type": "session.update", "session": {"type": "realtime", **ga}})
    assert sent == {"type": "session.update", "session": beta}


@pytest.mark.parametrize(("ga", "beta"), SESSION)
@pytest.mark.parametrize("kind", ["session.created", "session.updated"])
def test_a_session_back(ga: Event, beta: Event, kind: str) -> None:
    (received,) = from_wire({"type": kind, "event_id": "e", "session": beta})
    session = {"type": "realtime", **ga}
    assert received == {"type": kind, "event_id": "e", "session": session}


def test_the_event_of_the_program_is_left_as_it_is() -> None:
    session = Session(output_modalities=["text"])  # models are as good as mappings
    event = {"type": "session.update", "session": session, "event_id": "mine"}
    assert to_wire(event) == {
        "type": "session.update",
        "event_id": "mine",
        "session": {"modalities": ["text"]},
    }
    assert event["session"] is session


def test_a_transcription_session_has_events_of_its_own() -> None:
    session = {"type": "transcription", "audio": {"input": {"transcription": {"model": "m"}}}}
    flat = {"input_audio_transcription": {"model": "m"}}
    sent = to_wire({"type": "session.update", "session": session})
    assert sent == {"type": "transcription_session.update", "session": flat}
    (created,) = from_wire({"type": "transcription_session.created", "session": flat})
    assert created == {"type": "session.created", "session": session}
    # The parser has named the other one already.
    renamed = {"type": "session.updated", "session": {**flat, "type": "transcription"}}
    assert from_wire(renamed) == [{"type": "session.updated", "session": session}]


def test_a_response_there_and_back() -> None:
    said = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "a"}],
    }
    flat_said = {**said, "content": [{"type": "text", "text": "a"}]}
    sent = to_wire(
        {
            "type": "response.create",
            "response": {
                "output_modalities": ["audio"],
                "audio": {"output": {"voice": "ash"}},
                "input": [said],
                "metadata": {"a": "b"},
            },
        }
    )
    assert sent["response"] == {
        "modalities": ["text", "audio"],
        "voice": "ash",
        "input": [flat_said],
        "metadata": {"a": "b"},
    }
    assert to_wire({"type": "response.create"}) == {"type": "response.create"}
    flat = {
        "id": "r",
        "modalities": ["text"],
        "output_audio_format": "pcm16",
        "output": [flat_said],
    }
    (done,) = from_wire({"type": "response.done", "response": flat})
    assert done["response"] == {
        "id": "r",
        "output_modalities": ["text"],
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}}},
        "output": [said],
    }


def test_only_the_assistants_content_has_other_names() -> None:
    user = {"role": "user", "content": [{"type": "input_text", "text": "a"}]}
    event = {"type": "conversation.item.create", "item": user}
    assert to_wire(event) == event
    heard = {"role": "assistant", "content": [{"type": "audio", "transcript": "a"}]}
    (retrieved,) = from_wire({"type": "conversation.item.retrieved", "item": heard})
    assert retrieved["item"]["content"] == [{"type": "output_audio", "transcript": "a"}]


def types(events: list[Event]) -> list[str]:
    return [event["type"].removeprefix("conversation.item.") for event in events]


def test_a_complete_item_is_added_and_done() -> None:
    item = {"id": "i", "role": "user", "status": "completed", "content": []}
    events = from_wire(
        {
            "type": "conversation.item.created",
            "event_id": "e",
            "previous_item_id": "p",
            "item": item,
        }
    )
    assert types(events) == ["added", "done"]
    assert all(event["item"] == item for event in events)
    assert all(event["previous_item_id"] == "p" for event in events)
    assert len({event["event_id"] for event in events}) == 2


def test_an_answers_item_is_done_when_its_output_is() -> None:
    item = {"id": "i", "role": "assistant", "status": "in_progress", "content": []}
    whole = {**item, "status": "completed", "content": [{"type": "text", "text": "a"}]}
    added, output, done = from_wire(
        {"type": "conversation.item.created", "previous_item_id": "p", "item": item},
        {"type": "response.output_item.done", "item": whole},
    )
    assert types([added, output, done]) == ["added", "response.output_item.done", "done"]
    assert done["previous_item_id"] == "p"
    assert done["item"]["content"] == [{"type": "output_text", "text": "a"}]


def test_an_output_that_no_event_ends_is_done_with_its_response() -> None:
    item = {"id": "i", "role": "assistant", "status": "in_progress", "content": []}
    events = from_wire(
        {"type": "conversation.item.created", "item": item},
        {"type": "response.done", "response": {"output": [{**item, "status": "incomplete"}]}},
    )
    assert types(events) == ["added", "done", "response.done"]


def test_an_output_out_of_band_is_no_item_of_the_conversation() -> None:
    event = {"type": "response.output_item.done", "item": {"id": "i", "role": "assistant"}}
    assert from_wire(event) == [event]


def test_what_it_does_not_know_passes() -> None:
    event = {"type": "input_image_buffer.append", "image": "…"}
    assert to_wire(event) == event
    assert from_wire({"type": "response.audio.delta"}) == [{"type": "response.audio.delta"}]
    assert to_wire({"type": "session.update", "session": {"temperature": 0.8}})["session"] == {
        "temperature": 0.8
    }
    odd = {"audio": {"input": {"format": "pcm24"}}}
    flat = to_wire({"type": "session.update", "session": odd})["session"]
    assert flat == {"input_audio_format": "pcm24"}
    (back,) = from_wire({"type": "session.updated", "session": flat})
    assert back["session"]["audio"]["input"]["format"] == {"type": "audio/pcm"}


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        ({"input": {"languages": ["ru"]}}, "audio.input.languages has no place"),
        ({"input": {"format": {"type": "audio/pcm", "rate": 16000}}}, "24000 Hz: resample"),
        ({"output": {"format": {"type": "audio/opus"}}}, "'audio/opus' is unknown"),
    ],
)
def test_what_has_no_place_is_refused_here(audio: Event, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        to_wire({"type": "session.update", "session": {"audio": audio}})


def test_the_header_goes_with_the_dialect_only() -> None:
    call: dict[str, Any] = {"call_id": None, "extra_query": {}, "extra_headers": {}}
    beta = OpenAI(api_key="k", dialect="beta")._provider.websocket(model="m", **call)
    assert beta.headers["OpenAI-Beta"] == "realtime=v1"
    ga = OpenAI(api_key="k", dialect="ga")._provider.websocket(model="m", **call)
    assert "OpenAI-Beta" not in ga.headers
    assert ga.dialect is None


def test_a_dialect_may_be_the_programs_own() -> None:
    provider = OpenAIProvider(
        api_key="k", base_url="http://h", dialect=lambda: BetaDialect(metadata=False)
    )
    made = provider.websocket(model="m", call_id=None, extra_query={}, extra_headers={})
    assert made.dialect is not None
    assert not made.dialect.metadata
