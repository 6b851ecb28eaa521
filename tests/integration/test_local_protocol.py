"""The embedded server with its real parts, spoken to in ways a package would not."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from embedded import Server, question, silence
from raw_client import RawClient, raw_client
from websockets.exceptions import ConnectionClosedError

from realtime_sync.audio import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw

pytestmark = pytest.mark.timeout(30)

TEXT = {"output_modalities": ["text"]}
BUSY = "conversation_already_has_active_response"
HEARD = "conversation.item.input_audio_transcription.completed"


def ask(client: RawClient, text: str) -> str:
    """Have a turn in text."""
    client.write(text)
    client.send("response.create", response=TEXT)
    said: str = client.until("response.done")["response"]["output"][0]["content"][0]["text"]
    return said


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", "invalid_json"),
        ("", "invalid_json"),
        ('{"type": "response.create"} {}', "invalid_json"),
        ('{"type": NaN}', "invalid_json"),
        ('{"type": 1e999}', "invalid_json"),
        ("[" * 100_000, "invalid_json"),
        (b"\x00\x01", "invalid_message_type"),
        (b'{"type": "response.create"}', "invalid_message_type"),
        ("[]", "invalid_type"),
        ('{"type": "no.such.event", "event_id": "x"}', "invalid_value"),
        (
            '{"type": "session.update", "session": {"type": "realtime", "prompt": "\\ud800"}}',
            "invalid_type",
        ),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_messages_are_answered_and_the_session_goes_on(
    ws_server: Server, message: str | bytes, code: str
) -> None:
    with raw_client(ws_server) as client:
        client.next()
        client.socket.send(message)
        if code:
            assert client.error()["code"] == code
        assert ask(client, "Hello!") == "Hello! How can I help you?"


def test_a_message_above_the_limit_ends_the_session(ws_server: Server) -> None:
    def say_too_much(client: RawClient) -> None:
        client.send("input_audio_buffer.append", audio="A" * 22 * 1024 * 1024)
        client.next()

    with raw_client(ws_server) as client:
        client.next()
        # With 1009, unless the reset for the unread rest overtakes the close frame.
        with pytest.raises(ConnectionClosedError):
            say_too_much(client)
    with raw_client(ws_server) as client:
        assert client.next()["type"] == "session.created"


def test_the_largest_append(ws_server: Server) -> None:
    with raw_client(ws_server) as client:
        client.session(audio={"input": {"turn_detection": None}})
        audio = base64.b64encode(bytes(15 * 1024 * 1024)).decode()
        client.send("input_audio_buffer.append", audio=audio)
        assert client.session(instructions="still here")["instructions"] == "still here"


@pytest.mark.parametrize(
    ("name", "encode", "decode"),
    [("audio/pcmu", encode_ulaw, decode_ulaw), ("audio/pcma", encode_alaw, decode_alaw)],
)
def test_telephone_formats_both_ways(
    ws_server: Server, name: str, encode: Any, decode: Any
) -> None:
    wire = {"type": name}
    with raw_client(ws_server) as client:
        client.session(
            audio={
                "input": {"format": wire, "transcription": {"model": "whisper-1"}},
                "output": {"format": wire},
            }
        )
        client.speak(encode(silence(500, hz=8_000) + question("hello", hz=8_000)), chunk=160)
        client.speak(encode(silence(1_000, hz=8_000)), chunk=160)
        response = client.until("response.done")["response"]
        assert response["audio"]["output"]["format"] == wire
        (heard,) = [event for event in client.events if event["type"] == HEARD]
        assert heard["transcript"] == "hello how are you today"
        deltas = [e["delta"] for e in client.events if e["type"] == "response.output_audio.delta"]
        pcm = memoryview(decode(b"".join(map(base64.b64decode, deltas)))).cast("h")
        assert 1 < len(pcm) / 8_000 < 6
        assert max(abs(sample) for sample in pcm) > 1_000


def test_transcription_session(ws_server: Server) -> None:
    with raw_client(ws_server, "intent=transcription") as client:
        session = client.next()["session"]
        assert session["type"] == "transcription"
        client.speak(silence(500) + question("time") + silence(1_000))
        client.speak(question("hello") + silence(1_000))
        first, second = client.until(HEARD), client.until(HEARD)
        assert first["transcript"] == "what time is it"
        assert second["transcript"] == "hello how are you today"
        assert "response.created" not in client.types()


def test_a_turn_does_not_wait_for_another_connections_work(ws_server: Server) -> None:
    with raw_client(ws_server) as talker, raw_client(ws_server) as client:
        talker.write("repeat after me " + "one two three " * 400)
        talker.send("response.create")
        talker.until("response.output_audio.delta")
        assert ask(client, "Hello!") == "Hello! How can I help you?"
        client.speak(silence(300) + question("time") + silence(1_000))
        client.until("input_audio_buffer.speech_stopped")
        assert client.until("response.done")["response"]["status"] == "completed"
        assert "response.done" not in talker.types()
        talker.send("response.cancel")
        assert talker.until("response.done")["response"]["status"] == "cancelled"


def test_a_turn_while_an_answer_runs_is_answered_when_it_is_asked_for(ws_server: Server) -> None:
    with raw_client(ws_server) as client:
        detection = {"type": "server_vad", "interrupt_response": False}
        client.session(audio={"input": {"turn_detection": detection}})
        client.write("repeat after me " + "one two three " * 400)
        client.send("response.create")
        running = client.until("response.created")["response"]["id"]
        # All of it is sent before much of the answer is read, and the server does not run ahead.
        client.speak(silence(300) + question("hello") + silence(1_000))
        turn = client.until("input_audio_buffer.committed")["item_id"]
        error = client.error()
        assert (error["code"], error["event_id"]) == (BUSY, None)
        assert running in error["message"]
        done = client.until("response.done")["response"]
        assert (done["id"], done["status"]) == (running, "completed")
        client.send("response.create", response=TEXT)
        said = client.until("response.done")["response"]["output"][0]["content"][0]["text"]
        assert said == "I am fine, thank you. What can I do for you?"
        client.send("conversation.item.retrieve", item_id=turn)
        assert client.until("conversation.item.retrieved")["item"]["role"] == "user"


def test_a_client_that_reads_late_gets_everything(ws_server: Server) -> None:
    with raw_client(ws_server) as client, raw_client(ws_server) as other:
        client.write("repeat after me " + "and on it goes " * 150)
        client.send("response.create")
        client.until("response.created")
        for _ in range(20):  # the answer is far more than sockets and queues hold
            ask(other, "Hello!")
        response = client.until("response.done")["response"]
        said = response["output"][0]["content"][0]["transcript"]
        deltas = [e for e in client.events if e["type"] == "response.output_audio_transcript.delta"]
        assert "".join(event["delta"] for event in deltas) == said
        assert len(said.split()) == 600
        audio = [e["delta"] for e in client.events if e["type"] == "response.output_audio.delta"]
        ms = sum(len(base64.b64decode(delta)) for delta in audio) / 48
        tokens = response["usage"]["output_token_details"]["audio_tokens"]
        assert tokens == pytest.approx(ms / 50, abs=1)
        assert max(len(json.dumps(delta)) for delta in audio) < 20_000, "200 ms at most"
