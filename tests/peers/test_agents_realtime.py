"""`@openai/agents-realtime` talks to the embedded server, and is interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest
from embedded import Server
from peers import WEATHER, Peer, node_peer

# Minutes of speech, so that it is surely not all made when it is interrupted.
_LONG = "repeat after me " + "the sun is shining " * 100


@pytest.fixture
def peer(server: Server, tmp_path: Path) -> Peer:
    return node_peer("agents_node", "agents_node", server, tmp_path)


def test_text_turn(peer: Peer) -> None:
    result = peer.talk(text="hello", modality="text")
    assert result["answers"] == ["Hello! How can I help you?"]
    assert result["audio_bytes"] == 0


@pytest.mark.parametrize("vad", [None, "server_vad"], ids=["its own VAD", "server VAD"])
def test_spoken_turn(peer: Peer, vad: str | None) -> None:
    result = peer.talk(pcm="hello", vad=vad)
    assert result["heard"] == "hello how are you today"
    assert result["answers"] == ["I am fine, thank you. What can I do for you?"]
    assert 1 < result["audio_bytes"] / 48_000 < 6


def test_function_call(peer: Peer) -> None:
    result = peer.talk(pcm="weather", **WEATHER)
    assert result["calls"] == [{"name": "get_weather", "arguments": {"city": "London"}}]
    assert result["answers"] == ["The weather in London is sunny, 21 degrees."]
    assert result["audio_bytes"] > 48_000


def test_barge_in(peer: Peer) -> None:
    result = peer.talk(
        pcm="story", vad="server_vad", interrupt="voice", interrupt_pcm="interrupt", listen_ms=1_000
    )
    assert result["interrupted"] == 1
    assert result["heard"] == "stop what time is it"
    story, answer = result["answers"]
    assert answer.startswith("It is")
    # The client keeps what the server says was heard until then.
    assert result["truncated_ms"] >= 1_000
    assert story.startswith("Once upon")
    assert "horns" not in story


@pytest.mark.parametrize(
    ("text", "listen_ms"),
    [(_LONG, 0), ("please tell me a story", 1_000)],
    ids=["while it is made", "while it plays"],
)
def test_interruption_by_the_program(peer: Peer, text: str, listen_ms: int) -> None:
    result = peer.talk(
        text=text, interrupt="button", interrupt_text="what time is it", listen_ms=listen_ms
    )
    assert result["interrupted"] == 1
    assert result["answers"][1].startswith("It is")
    assert result["truncated_ms"] >= listen_ms
