"""What a provider can open beside a conversation, against the embedded server."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import openai
import pytest
from embedded import Server, question, silence

from realtime_sync import (
    AuthenticationError,
    ConnectionClosedOK,
    LocalProtocolError,
    NotFoundError,
    OpenAI,
    RealtimeTimeout,
)
from realtime_sync.audio import from_pcm16
from realtime_sync.connection.translation import TranslationConnection
from realtime_sync.events import (
    SessionClosed,
    SessionUpdate,
    TranslationAudio,
    TranslationAudioOutput,
    TranslationSessionUpdate,
)

GUARD_S = 30.0
FRAME = 9_600  # 200 ms
TEXT: Any = {"output_modalities": ["text"]}
GERMAN: Any = {
    "audio": {"output": {"language": "de"}, "input": {"transcription": {"model": "local"}}}
}


def client(server: Server, **options: Any) -> OpenAI:
    return OpenAI(
        **{
            "api_key": server.key,
            "base_url": server.url,
            "ssl_context": server.tls(),
            "proxy": "",
        }
        | options
    )


# -- conversations -------------------------------------------------------------------------------


def test_any_compatible_server_by_its_websocket_base(ws_server: Server) -> None:
    there = ws_server.url.replace("http", "ws", 1)
    elsewhere = client(ws_server, base_url="https://rest.example/v1", websocket_base_url=there)
    with elsewhere.realtime.connect(model="gpt-realtime") as connection:
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text


def test_a_key_of_the_moment(ws_server: Server) -> None:
    keys = iter([ws_server.key, "sk-expired"])
    fresh = client(ws_server, api_key=lambda: next(keys))
    with fresh.realtime.connect(model="gpt-realtime") as connection:
        connection.recv(GUARD_S)
    with pytest.raises(AuthenticationError):
        fresh.realtime.connect(model="gpt-realtime").enter()


def test_a_transcription_session_by_its_intent(server: Server) -> None:
    query = {"intent": "transcription"}
    with client(server).realtime.connect(extra_query=query) as connection:
        created = connection.recv(GUARD_S).to_dict()
        assert created["session"]["type"] == "transcription"
        for start in range(0, len(question("hello")), FRAME):
            piece = question("hello")[start : start + FRAME]
            connection.input_audio_buffer.append(audio=piece)
        connection.input_audio_buffer.append(audio=silence(800))
        kind = "conversation.item.input_audio_transcription.completed"
        heard: Any = connection.wait_for(kind, timeout=GUARD_S)
        assert "hello" in heard.transcript.lower()


def test_a_sideband_to_a_call_that_is_over(ws_server: Server) -> None:
    with pytest.raises(NotFoundError, match="rtc_gone"):
        client(ws_server).realtime.connect(call_id="rtc_gone").enter()


# -- translations --------------------------------------------------------------------------------


def say(connection: TranslationConnection, pcm: bytes) -> None:
    for start in range(0, len(pcm), FRAME):
        connection.session.input_audio_buffer.append(audio=pcm[start : start + FRAME])


def test_a_translation_to_its_end(server: Server) -> None:
    with client(server).realtime.translations.connect("gpt-realtime-translate") as connection:
        connection.session.update(session=GERMAN, event_id="mine")
        say(connection, question("story"))
        connection.session.close()
        connection.session.close()  # a second time does nothing
        heard = said = ""
        audio = b""
        seen = []
        for event in connection:
            seen.append(event.type)
            fields = event.to_dict()
            if event.type == "session.created":
                assert fields["session"]["type"] == "translation"
                assert fields["session"]["model"] == "gpt-realtime-translate"
            elif event.type == "session.input_transcript.delta":
                heard += fields["delta"]
            elif event.type == "session.output_transcript.delta":
                said += fields["delta"]
            elif event.type == "session.output_audio.delta":
                assert (fields["format"], fields["sample_rate"]) == ("pcm16", 24000)
                audio += getattr(event, "audio", b"")
        assert connection.closed
        with pytest.raises(ConnectionClosedOK):
            connection.recv(GUARD_S)
    assert heard == "please tell me a story"
    assert said == "bitte erzähl mir eine Geschichte"
    assert 0.01 < float(np.sqrt(np.mean(from_pcm16(audio) ** 2))) < 0.5, "an audible level"
    assert seen[-1] == "session.closed"
    assert "error" not in seen


def test_what_is_said_is_translated_at_each_pause(ws_server: Server) -> None:
    with client(ws_server).realtime.translations.connect(model="local") as connection:
        say(connection, question("hello") + silence(800))
        while connection.recv(GUARD_S).type != "session.output_audio.delta":
            pass
        connection.session.input_audio_buffer.append(audio=np.zeros(4800, dtype=np.float32))
        spanish = TranslationAudio(output=TranslationAudioOutput(language="es"))
        connection.send(SessionUpdate(session=TranslationSessionUpdate(audio=spanish)))
        connection.session.close()
        assert list(connection)[-1].type == "session.closed"


def test_after_its_close_a_session_takes_nothing(ws_server: Server) -> None:
    with client(ws_server).realtime.translations.connect(model="local") as connection:
        connection.session.close()
        with pytest.raises(LocalProtocolError, match=r"append after session\.close"):
            connection.session.input_audio_buffer.append(audio=bytes(FRAME))
        with pytest.raises(LocalProtocolError, match=r"read on to session\.closed"):
            connection.session.update(session=GERMAN)
        while not isinstance(event := connection.recv(GUARD_S), SessionClosed):
            assert event.type == "session.created"


def test_a_translation_left_early(ws_server: Server) -> None:
    manager = client(ws_server).realtime.translations.connect(model="local")
    connection = manager.enter()
    connection.recv(GUARD_S)
    with pytest.raises(RealtimeTimeout):
        connection.recv(0.01)
    assert not connection.closed
    connection.close()
    assert list(connection) == []
    with pytest.raises(ConnectionClosedOK):
        connection.recv(GUARD_S)
    assert repr(connection) == "<TranslationConnection closed>"


def test_the_server_refuses_what_is_no_translation(ws_server: Server) -> None:
    with client(ws_server).realtime.translations.connect(model="local") as connection:
        connection.recv(GUARD_S)
        connection.send({"type": "response.create", "event_id": "mine"})
        refused = connection.recv(GUARD_S).to_dict()["error"]
        assert (refused["event_id"], refused["param"]) == ("mine", "type")
        bad: Any = {"model": "other"}
        connection.session.update(session=bad)
        assert connection.recv(GUARD_S).to_dict()["error"]["param"] == "session.model"
    with pytest.raises(AuthenticationError):
        client(ws_server, api_key="no").realtime.translations.connect(model="local").enter()


def test_the_published_package_translates_with_the_embedded_server(ws_server: Server) -> None:
    """So that what we learn of our client from it holds for the provider's, too."""
    peer = openai.OpenAI(api_key=ws_server.key, base_url=ws_server.url)
    with peer, peer.realtime.translations.connect(model="local") as connection:
        connection.session.update(session=GERMAN)
        pcm = question("story")
        for start in range(0, len(pcm), FRAME):
            piece = base64.b64encode(pcm[start : start + FRAME]).decode()
            connection.session.input_audio_buffer.append(audio=piece)
        connection.session.close()
        said = ""
        for event in connection:
            if event.type == "session.output_transcript.delta":
                said += event.delta
    assert said == "bitte erzähl mir eine Geschichte"
