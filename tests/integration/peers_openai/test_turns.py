"""Turns of a conversation, as the published `openai` package sees them."""

from __future__ import annotations

import base64
import json

import pytest
from embedded import question, silence
from openai_peer import Peer

pytestmark = pytest.mark.timeout(30)

LONG = "repeat after me " + "and then another sentence came along " * 200
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}
MANUAL = {"input": {"turn_detection": None, "transcription": {"model": "gpt-4o-transcribe"}}}

TEXT_TURN = [
    "session.created",
    "session.updated",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
    "rate_limits.updated",
]


def test_text_turn(peer: Peer) -> None:
    session = peer.ask_for(output_modalities=["text"], instructions="Be brief.")
    assert session["instructions"] == "Be brief."
    peer.write("Hello!")
    peer.response.create(response={"metadata": {"turn": "1"}})
    response = peer.answer()
    peer.until("rate_limits.updated")
    kinds = [event["type"] for event in peer.events]
    assert list(dict.fromkeys(kinds)) == list(dict.fromkeys(TEXT_TURN))
    assert [k for k in kinds if not k.endswith(".delta")] == [
        k for k in TEXT_TURN if not k.endswith(".delta")
    ]
    assert response["status"] == "completed"
    assert response["metadata"] == {"turn": "1"}
    text = response["output"][0]["content"][0]["text"]
    assert text == "Hello! How can I help you?"
    assert "".join(e["delta"] for e in peer.all("response.output_text.delta")) == text
    assert response["usage"]["output_tokens"] == len(text.split())
    assert response["usage"]["input_token_details"]["text_tokens"] > 0


def test_manual_audio_turn(peer: Peer) -> None:
    peer.ask_for(audio=MANUAL)
    peer.speak(question("time") + silence(200))
    peer.input_audio_buffer.commit()
    peer.response.create()
    response = peer.answer()
    heard = peer.all("conversation.item.input_audio_transcription.completed")[0]
    assert heard["transcript"] == "what time is it"
    assert heard["item_id"] == peer.all("input_audio_buffer.committed")[0]["item_id"]
    said = response["output"][0]["content"][0]["transcript"]
    assert said.startswith("It is ")
    deltas = peer.all("response.output_audio_transcript.delta")
    assert "".join(event["delta"] for event in deltas) == said
    seconds = len(peer.audio()) / 48_000
    assert 1 < seconds < 6
    spoken = response["usage"]["output_token_details"]["audio_tokens"]
    assert spoken == pytest.approx(seconds * 20, abs=1)
    assert max(abs(s) for s in memoryview(peer.audio()).cast("h")) > 1_000, "it is audible"


def test_server_vad_turn(peer: Peer) -> None:
    peer.ask_for(audio={"input": {"transcription": {"model": "whisper-1"}}})
    asked = question("time")
    peer.speak(silence(1_000) + asked + silence(1_000))
    started = peer.until("input_audio_buffer.speech_started")
    stopped = peer.until("input_audio_buffer.speech_stopped")
    committed = peer.until("input_audio_buffer.committed")
    assert started["item_id"] == stopped["item_id"] == committed["item_id"]
    assert 500 <= started["audio_start_ms"] <= 1_200, "the padding reaches back into the silence"
    asked_ms = len(asked) // 48
    assert 1_000 + asked_ms / 2 < stopped["audio_end_ms"] <= 2_000 + asked_ms
    response = peer.answer()
    assert response["status"] == "completed"
    heard = peer.all("conversation.item.input_audio_transcription.completed")[0]
    assert heard["transcript"] == "what time is it"
    assert heard["usage"]["type"] == "duration"
    taken_ms = stopped["audio_end_ms"] - started["audio_start_ms"]
    assert heard["usage"]["seconds"] == pytest.approx(taken_ms / 1000, abs=0.05)
    peer.conversation.item.retrieve(item_id=committed["item_id"])
    item = peer.until("conversation.item.retrieved")["item"]
    assert len(base64.b64decode(item["content"][0]["audio"])) // 48 == taken_ms


def test_spoken_question_calls_a_function(peer: Peer) -> None:
    peer.ask_for(tools=[WEATHER], audio=MANUAL)
    peer.speak(question("weather") + silence(200))
    peer.input_audio_buffer.commit()
    peer.response.create()
    call = peer.answer()["output"][-1]
    assert call["type"] == "function_call"
    assert call["name"] == "get_weather"
    assert json.loads(call["arguments"]) == {"city": "London"}
    pieces = peer.all("response.function_call_arguments.delta")
    assert "".join(event["delta"] for event in pieces) == call["arguments"]
    assert not peer.all("response.output_audio.delta")
    output = json.dumps({"city": "London", "condition": "sunny", "temperature": 21})
    peer.conversation.item.create(
        item={"type": "function_call_output", "call_id": call["call_id"], "output": output}
    )
    peer.response.create()
    said = peer.answer()["output"][0]["content"][0]["transcript"]
    assert said == "The weather in London is sunny, 21 degrees."
    assert len(peer.audio()) > 48_000


def test_cancel(peer: Peer) -> None:
    peer.write(LONG)
    peer.response.create()
    peer.until("response.output_audio.delta")
    peer.response.cancel(event_id="stop_it")
    response = peer.answer()
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    item = response["output"][0]
    assert item["status"] == "incomplete"
    assert 0 < len(item["content"][0]["transcript"]) < len(LONG) / 2
    peer.response.cancel(event_id="again")
    error = peer.until("error")["error"]
    assert error["code"] == "response_cancel_not_active"
    assert error["event_id"] == "again"
    peer.write("Hello!")
    peer.response.create(response={"output_modalities": ["text"]})
    assert peer.answer()["status"] == "completed", "the session goes on"


def test_barge_in(peer: Peer) -> None:
    peer.write(LONG)
    peer.response.create()
    first = peer.until("response.output_audio.delta")
    peer.speak(question("stop") + silence(1_000))
    peer.until("input_audio_buffer.speech_started")
    interrupted = peer.answer()
    assert interrupted["status"] == "cancelled"
    assert interrupted["status_details"]["reason"] == "turn_detected"
    assert interrupted["output"][0]["status"] == "incomplete"
    assert interrupted["output"][0]["content"][0]["transcript"]
    peer.until("input_audio_buffer.speech_stopped")
    response = peer.answer()
    assert response["output"][0]["content"][0]["transcript"] == "All right, I stopped."
    late = [
        event
        for event in peer.events[peer.events.index(peer.all("response.done")[0]) :]
        if event.get("response_id") == first["response_id"]
    ]
    assert not late, "an interrupted response says nothing more"


def test_truncate(peer: Peer) -> None:
    peer.write("Tell me a story.")
    peer.response.create()
    item = peer.answer()["output"][0]
    whole = item["content"][0]["transcript"]
    place = {"item_id": item["id"], "content_index": 0}
    peer.conversation.item.truncate(**place, audio_end_ms=4_000)
    truncated = peer.until("conversation.item.truncated")
    assert truncated["audio_end_ms"] == 4_000
    peer.conversation.item.retrieve(item_id=item["id"])
    part = peer.until("conversation.item.retrieved")["item"]["content"][0]
    assert whole.startswith(part["transcript"])
    assert 3 <= len(part["transcript"].split()) <= 20
    assert len(base64.b64decode(part["audio"])) == 4_000 * 48
    peer.conversation.item.truncate(**place, audio_end_ms=4_001, event_id="too_late")
    error = peer.until("error")["error"]
    assert error["message"] == "Audio content of 4000ms is already shorter than 4001ms"
    assert error["event_id"] == "too_late"


def test_out_of_band_response_beside_another(peer: Peer) -> None:
    peer.write(LONG)
    peer.response.create()
    active = peer.until("response.created")["response"]["id"]
    peer.response.create(event_id="second")
    error = peer.until("error")["error"]
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] == "second"
    message = {"type": "message", "role": "user"}
    content = [{"type": "input_text", "text": "Say exactly nice to meet you."}]
    peer.response.create(
        response={
            "conversation": "none",
            "output_modalities": ["text"],
            "metadata": {"topic": "aside"},
            "input": [{**message, "content": content}],
        }
    )
    aside = peer.answer()
    assert aside["metadata"] == {"topic": "aside"}
    assert aside["conversation_id"] is None
    assert aside["output"][0]["content"][0]["text"] == "Nice to meet you."
    added = [event["item"]["id"] for event in peer.all("conversation.item.added")]
    assert aside["output"][0]["id"] not in added
    peer.response.cancel(response_id=active)
    assert peer.answer()["id"] == active
