"""Conversations with servers of other dialects: fronts that know only the providers' documents."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from beta_rules import AzureRules, BetaRules
from dialect_clients import connect_azure, connect_beta, connect_preview, connect_yandex
from dialect_server import Front, open_front
from embedded import QUESTIONS, Server, question, silence
from yandex_rules import YandexRules

from realtime_sync import (
    AuthenticationError,
    AzureOpenAI,
    BadRequestError,
    OpenAI,
    RealtimeConnection,
    ServerError,
)
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker
from realtime_sync.events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ResponseDone,
    ResponseOutputAudioTranscriptDelta,
)
from realtime_sync.voice import VoiceLoop

GUARD_S = 30.0
TEXT: Any = {"output_modalities": ["text"]}


@pytest.fixture
def beta(ws_server: Server) -> Iterator[Front]:
    with open_front(BetaRules, ws_server) as front:
        yield front


@pytest.fixture
def azure(ws_server: Server) -> Iterator[Front]:
    with open_front(AzureRules, ws_server) as front:
        yield front


@pytest.fixture
def yandex(ws_server: Server) -> Iterator[Front]:
    with open_front(YandexRules, ws_server) as front:
        yield front


CONNECT = {
    "beta": connect_beta,
    "azure": connect_azure,
    "azure preview": connect_preview,
    "yandex": connect_yandex,
}
FRONTS = {"azure preview": "azure"}


@pytest.fixture(params=CONNECT)
def connection(request: pytest.FixtureRequest, ws_server: Server) -> Iterator[RealtimeConnection]:
    front = request.getfixturevalue(FRONTS.get(request.param, request.param))
    with CONNECT[request.param](front, ws_server.key) as connection:
        yield connection


# -- what every program does, whoever the provider is --------------------------------------------


def test_it_is_greeted_with_a_ga_session(connection: RealtimeConnection) -> None:
    session = connection.recv(GUARD_S).to_dict()["session"]
    assert session["type"] == "realtime"
    assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert "modalities" not in session


def test_a_written_turn(connection: RealtimeConnection) -> None:
    reply = connection.ask("Hello!", response=TEXT, timeout=GUARD_S)
    assert "Hello" in reply.text
    assert (reply.audio, reply.transcript) == (b"", "")
    assert reply.response.output_modalities == ["text"]
    assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text, "and another"


def test_a_spoken_answer(connection: RealtimeConnection) -> None:
    reply = connection.ask("Please count to five.", timeout=GUARD_S)
    assert "three" in reply.text
    assert reply.transcript == reply.text
    assert 1.0 < len(reply.audio) / 48_000 < 15.0, "seconds of speech at 24 kHz"


def test_a_spoken_turn_by_the_voice_loop(connection: RealtimeConnection) -> None:
    """Microphone → VAD → words → answer → speaker, by the events a GA program listens to."""
    heard: list[str] = []
    said: list[str] = []
    connection.session.update(
        session={"type": "realtime", "audio": {"input": {"transcription": {"model": "local"}}}}
    )
    with VirtualMicrophone() as microphone, VirtualSpeaker() as speaker:

        def note(event: object) -> None:
            match event:
                case ConversationItemInputAudioTranscriptionCompleted():
                    heard.append(event.transcript)
                case ResponseOutputAudioTranscriptDelta():
                    said.append(event.delta)
                case ResponseDone():
                    loop.close()

        loop = VoiceLoop(connection, microphone, speaker, on_event=note)
        microphone.say(question("hello") + silence(800))
        loop.run()
    assert "hello" in heard[-1].lower(), heard
    assert "".join(said).strip()


def test_a_function_call(connection: RealtimeConnection) -> None:
    tool: Any = {
        "type": "function",
        "name": "get_weather",
        "description": "Tell the weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    connection.session.update(session={"type": "realtime", "tools": [tool]})
    reply = connection.ask("What is the weather in Paris?", response=TEXT, timeout=GUARD_S)
    (call,) = reply.function_calls
    connection.conversation.item.create(
        item={
            "type": "function_call_output",
            "call_id": call.call_id,
            "output": '{"condition": "sunny", "temperature": 21}',
        }
    )
    assert "sunny" in connection.ask(response=TEXT, timeout=GUARD_S).text.lower()


def test_items_are_added_and_done(connection: RealtimeConnection) -> None:
    connection.ask("Hello!", response=TEXT, timeout=GUARD_S)

    def is_done(event: Any) -> bool:
        kind, role = "conversation.item.done", "assistant"
        return bool(event.type == kind and event.item.role == role)

    done: Any = connection.wait_for(is_done, timeout=GUARD_S)
    assert done.item.status == "completed"
    assert done.item.content[0].text.startswith("Hello")


def test_a_refused_request(connection: RealtimeConnection) -> None:
    bad: Any = {"max_output_tokens": -1}
    with pytest.raises(ServerError, match="max_output_tokens"):
        connection.ask("Hello!", response=bad, timeout=GUARD_S)
    assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text


def test_a_restart_keeps_configuration_and_history(connection: RealtimeConnection) -> None:
    connection.session.update(session={"type": "realtime", "instructions": "Be brief."})
    connection.wait_for("session.updated", timeout=GUARD_S)
    connection.ask("Hello!", response=TEXT, timeout=GUARD_S)
    connection.session.restart(keep_history=True)
    assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text


@pytest.mark.parametrize("provider", CONNECT)
def test_a_wrong_key(request: pytest.FixtureRequest, provider: str, ws_server: Server) -> None:
    front = request.getfixturevalue(FRONTS.get(provider, provider))
    with pytest.raises(AuthenticationError) as caught:
        CONNECT[provider](front, "sk-wrong")
    assert "sk-wrong" not in repr(caught.value)


# -- the beta ------------------------------------------------------------------------------------


def test_without_the_header_the_beta_server_says_what_is_missing(
    beta: Front, ws_server: Server
) -> None:
    client = OpenAI(api_key=ws_server.key, base_url=f"{beta.url}/v1", proxy="")
    with pytest.raises(BadRequestError, match="OpenAI-Beta"):
        client.realtime.connect(model="gpt-realtime").enter()


def test_a_beta_transcription_session(beta: Front, ws_server: Server) -> None:
    query = {"intent": "transcription"}
    with connect_beta(beta, ws_server.key, model=None, extra_query=query) as connection:
        created = connection.recv(GUARD_S).to_dict()
        assert created["type"] == "session.created"
        assert created["session"]["type"] == "transcription"
        transcription: Any = {"model": "gpt-4o-transcribe", "language": "en"}
        audio: Any = {"input": {"transcription": transcription, "turn_detection": None}}
        connection.session.update(session={"type": "transcription", "audio": audio})
        updated = connection.wait_for("session.updated", timeout=GUARD_S).to_dict()
        assert updated["session"]["audio"]["input"]["turn_detection"] is None
        connection.input_audio_buffer.append(audio=question("hello"))
        connection.input_audio_buffer.commit()
        kind = "conversation.item.input_audio_transcription.completed"
        heard: Any = connection.wait_for(kind, timeout=GUARD_S)
        assert "hello" in heard.transcript.lower()


def test_what_the_beta_server_gets_is_flat(beta: Front, ws_server: Server) -> None:
    session: Any = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "max_output_tokens": 500,
        "audio": {
            "input": {"format": {"type": "audio/pcmu"}, "turn_detection": None},
            "output": {"voice": "echo", "speed": 1.1},
        },
    }
    with connect_beta(beta, ws_server.key) as connection:
        connection.session.update(session=session)
        updated = connection.wait_for("session.updated", timeout=GUARD_S).to_dict()["session"]
    assert beta.received[0]["session"] == {
        "modalities": ["text", "audio"],
        "max_response_output_tokens": 500,
        "input_audio_format": "g711_ulaw",
        "turn_detection": None,
        "voice": "echo",
        "speed": 1.1,
    }
    assert updated["audio"]["input"]["format"] == {"type": "audio/pcmu"}
    assert updated["max_output_tokens"] == 500


# -- Azure ---------------------------------------------------------------------------------------


def test_azure_by_a_token(azure: Front, ws_server: Server) -> None:
    token = f"token-of-{ws_server.key}"
    provider = connect_azure(azure, "", api_key=None, azure_ad_token_provider=lambda: token)
    with provider as connection:
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text
    path, query, headers = azure.requests[-1]
    assert (path, query) == ("/openai/v1/realtime", {"model": "my-deployment"})
    assert "api-key" not in headers


@pytest.mark.parametrize("by", ["key", "token"])
def test_the_preview_url_is_that_of_the_openai_package(
    azure: Front, ws_server: Server, by: str
) -> None:
    """Whose `AzureOpenAI` builds this form only."""
    import openai

    token = f"token-of-{ws_server.key}"
    credential: Any = {"api_key": ws_server.key} if by == "key" else {"azure_ad_token": token}
    options: Any = {"api_version": "2025-04-01-preview", **credential}
    ours = AzureOpenAI(azure_endpoint=azure.url, proxy="", **options)
    websocket_base = azure.url.replace("http", "ws", 1) + "/openai"
    theirs = openai.AzureOpenAI(
        azure_endpoint=azure.url, websocket_base_url=websocket_base, **options
    )
    with ours.realtime.connect(model="my-deployment") as connection:
        assert connection.recv(GUARD_S).type == "session.created"
    with theirs, theirs.realtime.connect(model="my-deployment") as peer:
        assert peer.recv().type == "session.created"
    (path, query, headers), (their_path, their_query, their_headers) = azure.requests
    assert (path, query) == (their_path, their_query)
    for name in ("api-key", "authorization"):
        assert headers.get(name) == their_headers.get(name)


def test_talk_to_azure_says_what_is_missing(tmp_path: Path) -> None:
    command = ["talk", "--provider", "azure", "--input", str(QUESTIONS / "hello.wav")]
    run = subprocess.run(
        [sys.executable, "-m", "realtime_sync", *command, "--output", str(tmp_path / "a.wav")],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "AZURE_OPENAI_API_KEY": "k", "AZURE_OPENAI_ENDPOINT": ""},
    )
    assert run.returncode == 1
    assert "AZURE_OPENAI_ENDPOINT" in run.stderr
    assert "Traceback" not in run.stderr
