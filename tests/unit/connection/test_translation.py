"""What may be sent in a translation, and when its input has ended."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from realtime_sync import ConnectionClosed, LocalProtocolError, RealtimeConnection
from realtime_sync import TranslationConnection as Translation
from realtime_sync.errors import FormatError
from realtime_sync.transport import MemoryPeer, memory_pair


@pytest.fixture
def peer_and_translation() -> Iterator[tuple[MemoryPeer, Translation]]:
    transport, peer = memory_pair()
    yield peer, Translation(RealtimeConnection(transport))
    transport.abort()


def told(peer: MemoryPeer) -> str:
    kind: str = json.loads(peer.receive(0))["type"]
    return kind


def test_a_close_that_was_not_sent_ends_nothing(
    peer_and_translation: tuple[MemoryPeer, Translation],
) -> None:
    peer, translation = peer_and_translation
    with pytest.raises(LocalProtocolError, match="JSON"):
        translation.send({"type": "session.close", "number": float("nan")})
    translation.session.input_audio_buffer.append(audio=bytes(4))
    translation.session.close()
    assert [told(peer), told(peer)] == ["session.input_audio_buffer.append", "session.close"]
    with pytest.raises(LocalProtocolError, match=r"after session\.close"):
        translation.session.input_audio_buffer.append(audio=bytes(4))


def test_another_message_that_fails_does_not_take_the_end_back(
    peer_and_translation: tuple[MemoryPeer, Translation], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, translation = peer_and_translation
    send = translation._connection.send

    def close_meanwhile(event: object) -> None:
        monkeypatch.setattr(translation._connection, "send", send)
        translation.session.close()
        raise LocalProtocolError("no")

    monkeypatch.setattr(translation._connection, "send", close_meanwhile)
    with pytest.raises(LocalProtocolError):
        translation.send({"type": "session.update"})
    with pytest.raises(LocalProtocolError, match=r"after session\.close"):
        translation.send({"type": "session.update"})


def test_a_close_over_a_link_that_is_gone_says_so_each_time(
    peer_and_translation: tuple[MemoryPeer, Translation],
) -> None:
    peer, translation = peer_and_translation
    peer.drop()
    for _ in range(2):
        with pytest.raises(ConnectionClosed):
            translation.session.close()


def test_only_the_first_sound_is_looked_at_for_a_file(
    peer_and_translation: tuple[MemoryPeer, Translation],
) -> None:
    peer, translation = peer_and_translation
    append, flac = translation.session.input_audio_buffer.append, b"fLaC\0\0\0\x22" + bytes(40)
    with pytest.raises(FormatError, match="whole FLAC file"):
        append(audio=flac)
    append(audio=flac[:2])
    with pytest.raises(FormatError, match="whole FLAC file"):
        append(audio=flac[2:])
    append(audio=bytes(4))
    append(audio=flac)
    assert [told(peer) for _ in range(3)] == ["session.input_audio_buffer.append"] * 3
