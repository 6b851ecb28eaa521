from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from session_script import SessionScript, answer, response, user_said

from realtime_sync import RealtimeConnection
from realtime_sync.distiller.session_ends import end_of_link
from realtime_sync.distiller.voice_bridge import VoiceBridge
from realtime_sync.errors import (
    ConnectionClosedError,
    ConnectionClosedOK,
    DistillerConnectionError,
    DistillerMessageError,
    LocalProtocolError,
)
from realtime_sync.events import ResponseDone

PCM = b"\1\0" * 160
TEXT = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}


@pytest.fixture
def session() -> SessionScript:
    return SessionScript()


@pytest.fixture
def bridge(session: SessionScript) -> VoiceBridge:
    return VoiceBridge(session, output_hz=16_000)


@pytest.fixture
def connection(bridge: VoiceBridge) -> Iterator[RealtimeConnection]:
    with bridge.open() as connection:
        yield connection


def received(connection: RealtimeConnection, last: str) -> list[str]:
    """Types up to ``last``."""
    types: list[str] = []
    while not types or types[-1] != last:
        types.append(connection.recv(30).type)
    return types


def test_the_session_greets_as_a_server_does(connection: RealtimeConnection) -> None:
    assert received(connection, "session.created") == ["session.created"]
    assert connection.session_facts.input.rate == 16_000


def test_an_answer_is_read_and_is_in_the_history(
    session: SessionScript, connection: RealtimeConnection
) -> None:
    session.tell(*user_said("who are you"), *response(*answer("A", "A clock.", PCM)))
    received(connection, "response.done")
    said = [item.parts[0].text for item in connection.conversation.history.items.values()]
    assert said == ["who are you", "A clock."]


def test_what_the_client_sends_is_done_with_the_session(
    session: SessionScript, connection: RealtimeConnection
) -> None:
    connection.input_audio_buffer.append(audio=PCM)
    connection.input_audio_buffer.commit()
    connection.input_audio_buffer.clear()
    connection.response.cancel()
    assert session.calls == [("audio", PCM), ("commit", None), ("clear", None), ("cancel", None)]
    assert "input_audio_buffer.cleared" in received(connection, "input_audio_buffer.cleared")


def test_a_text_goes_out_when_an_answer_is_asked_for(
    session: SessionScript, connection: RealtimeConnection
) -> None:
    connection.conversation.item.create(item=TEXT)
    assert session.calls == []
    connection.response.create()
    assert session.calls == [("text", "hello")]


def test_without_vad_nothing_is_heard_while_a_response_runs(
    session: SessionScript, connection: RealtimeConnection
) -> None:
    session.tell({"type": "response.created"})
    received(connection, "response.created")
    connection.input_audio_buffer.append(audio=PCM)
    assert session.calls == []


@pytest.mark.parametrize("waits", [False, True])
def test_without_vad_the_user_is_heard_again_after_a_response_or_after_it_was_played(
    waits: bool,
) -> None:
    session = SessionScript()
    bridge = VoiceBridge(session, output_hz=16_000, waits=waits)
    with bridge.open() as connection:
        session.tell(*response(*answer("A", "Yes.", PCM)))
        received(connection, "response.done")
        connection.input_audio_buffer.append(audio=PCM)
        assert session.names() == ([] if waits else ["audio"])
        bridge.listen()
        connection.input_audio_buffer.append(audio=PCM)
        assert session.names() == ["audio"]


def test_a_response_that_the_client_cancels_is_done_as_cancelled(
    session: SessionScript, connection: RealtimeConnection
) -> None:
    session.tell({"type": "response.created"})
    received(connection, "response.created")
    connection.response.cancel()
    session.tell({"type": "response.done"})
    while not isinstance(event := connection.recv(30), ResponseDone):
        pass
    assert event.response.status == "cancelled"


def test_with_vad_the_user_is_heard_all_the_time() -> None:
    session = SessionScript(vad_enabled=True)
    with VoiceBridge(session, output_hz=16_000).open() as connection:
        session.tell({"type": "response.created"})
        received(connection, "response.created")
        connection.input_audio_buffer.append(audio=PCM)
    assert session.calls == [("audio", PCM)]


@pytest.mark.parametrize(
    ("event", "answered"),
    [
        (
            {
                "type": "conversation.item.truncate",
                "item_id": "i",
                "content_index": 0,
                "audio_end_ms": 7,
            },
            "conversation.item.truncated",
        ),
        ({"type": "conversation.item.delete", "item_id": "i"}, "conversation.item.deleted"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "error"),
        ({"type": "response.create"}, "error"),
        ({"type": "conversation.item.create", "item": {"type": "function_call_output"}}, "error"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["type"],
)
def test_what_the_distiller_has_no_word_for_is_answered_here(
    session: SessionScript, connection: RealtimeConnection, event: dict[str, Any], answered: str
) -> None:
    connection.send(event)
    assert received(connection, answered) == ["session.created", answered]
    assert session.calls == []


def test_closing_leaves_the_session_open(
    session: SessionScript, connection: RealtimeConnection
) -> None:
    connection.close()
    with pytest.raises(ConnectionClosedOK):
        received(connection, "never")
    session.tell({"type": "response.created"})
    assert any(session.poll(0) for _ in range(3))  # what woke the reader may lie before it


def test_a_session_that_ends_ends_the_connection_with_its_code(
    session: SessionScript, bridge: VoiceBridge, connection: RealtimeConnection
) -> None:
    session.tell(end_of_link(ConnectionClosedError(1011, "idle")))
    with pytest.raises(ConnectionClosedError, match="1011: idle"):
        received(connection, "never")
    assert isinstance(bridge.failure, DistillerConnectionError)


def test_what_else_a_session_raises_is_kept(
    session: SessionScript, bridge: VoiceBridge, connection: RealtimeConnection
) -> None:
    session.tell(DistillerMessageError("out of credit"))
    with pytest.raises(ConnectionClosedError, match="out of credit"):
        received(connection, "never")
    assert isinstance(bridge.failure, DistillerMessageError)


@pytest.mark.parametrize("cause", [None, ConnectionClosedError(1006)])
def test_a_block_that_ends_with_the_session_raises_what_that_has_raised(
    session: SessionScript, bridge: VoiceBridge, cause: ConnectionClosedError | None
) -> None:
    failure = DistillerMessageError("out of credit")
    failure.__cause__ = cause
    session.tell(failure)
    with (
        pytest.raises(DistillerMessageError, match=r"^out of credit$") as caught,
        bridge.open() as connection,
    ):
        received(connection, "never")
    assert caught.value.__cause__ is cause


def test_a_block_whose_connection_was_closed_here_raises_just_that(bridge: VoiceBridge) -> None:
    with pytest.raises(ConnectionClosedError) as caught, bridge.open():
        raise ConnectionClosedError(1006)
    assert caught.value.code == 1006


@pytest.mark.parametrize(
    ("failure", "code"),
    [(end_of_link(ConnectionClosedError(1006)), 1006), (DistillerMessageError("no"), 1011)],
)
def test_what_sending_finds_out_is_left_for_reading_to_tell(
    failure: DistillerConnectionError, code: int
) -> None:
    def fail(session: SessionScript, name: str, value: Any) -> None:
        raise failure

    session = SessionScript(on_call=fail)
    bridge = VoiceBridge(session, output_hz=16_000)
    with bridge.open() as connection:
        with pytest.raises(ConnectionClosedError) as caught:
            connection.input_audio_buffer.append(audio=PCM)
        assert (caught.value.code, bridge.failure) == (code, None)
        session.tell(DistillerMessageError("out of credit"))
        with pytest.raises(ConnectionClosedError, match="out of credit"):
            received(connection, "never")


def test_after_its_end_nothing_is_sent(session: SessionScript, bridge: VoiceBridge) -> None:
    bridge.abort()
    assert bridge.closed
    with pytest.raises(ConnectionClosedOK):
        bridge.send('{"type":"input_audio_buffer.commit"}')
    assert session.calls == []


def test_a_close_code_of_others_is_refused(bridge: VoiceBridge) -> None:
    with pytest.raises(LocalProtocolError, match="1005"):
        bridge.close(1005, timeout=1)


def test_messages_are_counted(session: SessionScript, bridge: VoiceBridge) -> None:
    bridge.read()
    audio = base64.b64encode(PCM).decode()
    bridge.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
    assert (bridge.messages_in, bridge.messages_out) == (1, 1)
