"""What a connection tells of its session, its requests and its history."""

from __future__ import annotations

import base64

import pytest
from direct_link import DirectLink

from realtime_sync.errors import FormatError
from realtime_sync.providers import YandexDialect

SESSION = {
    "type": "session.created",
    "event_id": "e1",
    "session": {
        "type": "realtime",
        "audio": {"input": {"turn_detection": {"type": "server_vad", "threshold": 0.5}}},
        "tools": [{"type": "function", "name": "look"}],
    },
}


def test_the_session_that_is_known() -> None:
    link = DirectLink()
    session = link.connection.session
    assert session.known is link.state.session
    assert session.known.turn_detection is None
    link.arrive(SESSION)
    assert session.known.turn_detection == {"type": "server_vad", "threshold": 0.5}
    session.update(session={"type": "realtime", "instructions": "Be brief."}, event_id="u1")
    assert session.known.sent_ids == ("u1",)


def test_what_a_provider_does_by_itself() -> None:
    plain, yandex = DirectLink(), DirectLink("yandex")
    assert plain.connection.session.server_tools == frozenset()
    assert not plain.connection.session.ends_responses_on_speech
    assert plain.connection.session.echoes_metadata
    assert yandex.connection.session.server_tools == frozenset(YandexDialect().server_tools)
    assert yandex.connection.session.server_tools
    assert yandex.connection.session.ends_responses_on_speech
    assert not yandex.connection.session.echoes_metadata


def test_what_is_declared_is_ours_or_the_server_s() -> None:
    link = DirectLink()
    link.arrive(SESSION)
    assert link.connection.session.declared_tools == {"look"}
    tools = DirectLink("yandex").connection.session
    assert tools.declared_tools == tools.server_tools


def test_the_history_is_that_of_the_connection() -> None:
    link = DirectLink()
    history = link.connection.conversation.history
    assert history is link.state.history
    wire = {"id": "a", "type": "message", "role": "user", "content": []}
    link.arrive({"type": "conversation.item.added", "event_id": "e2", "item": wire})
    assert list(history.items) == ["a"]


def test_a_request_waits_for_the_end_of_a_response() -> None:
    link = DirectLink()
    response = link.connection.response
    response.create(event_id="c1", when_idle=True)
    assert not response.is_waiting("c1"), "it went out"
    response.create(event_id="c2", when_idle=True)
    assert response.is_waiting("c2")
    assert not response.is_waiting("c1")
    response.create(event_id="c3", when_idle=True)
    assert not response.is_waiting("c2"), "the latest is sent"
    assert response.withdraw(event_id="c3")
    assert not response.is_waiting("c3")


def test_a_response_that_never_ends_is_given_up() -> None:
    link = DirectLink()
    response = link.connection.response
    link.arrive({"type": "response.created", "event_id": "e2", "response": {"id": "r1"}})
    assert response.busy
    response.give_up(response_id="r1")
    assert not response.busy
    response.create(event_id="c1", when_idle=True)
    assert response.busy
    response.give_up(event_id="c1")
    assert not response.busy


# -- sound -----------------------------------------------------------------------------------------

FLAC = b"fLaC\0\0\0\x22" + bytes(40)


def test_only_the_first_sound_is_looked_at_for_a_file() -> None:
    sent: list[str] = []
    buffer = DirectLink(
        react=lambda event: sent.append(event["type"])
    ).connection.input_audio_buffer
    for _ in range(2):  # what was refused was not the first
        with pytest.raises(FormatError, match="whole FLAC file"):
            buffer.append(audio=FLAC)
    assert sent == []
    buffer.append(audio=bytes(960))
    buffer.append(audio=FLAC)
    assert sent == ["input_audio_buffer.append"] * 2


def test_a_file_that_is_appended_in_pieces_is_refused_as_soon_as_it_is_known() -> None:
    sent: list[str] = []
    buffer = DirectLink(
        react=lambda event: sent.append(event["type"])
    ).connection.input_audio_buffer
    buffer.append(audio=FLAC[:2])
    buffer.append(audio=base64.b64encode(FLAC[2:6]).decode())
    with pytest.raises(FormatError, match="whole FLAC file"):
        buffer.append(audio=FLAC[6:])
    assert sent == ["input_audio_buffer.append"] * 2


def test_a_file_is_refused_as_a_whole_turn_at_any_time() -> None:
    link = DirectLink()
    link.connection.input_audio_buffer.append(audio=bytes(960))
    with pytest.raises(FormatError, match="whole FLAC file"):
        link.connection.ask(audio=FLAC)
