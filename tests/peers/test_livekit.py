"""livekit-agents with livekit-plugins-openai talks to the embedded server, in an AgentSession."""

from __future__ import annotations

from pathlib import Path

import pytest
from embedded import Server
from peers import WEATHER, Peer, python_peer


@pytest.fixture
def peer(server: Server, tmp_path: Path) -> Peer:
    return python_peer("talk_livekit.py", server, tmp_path)


def test_text_turn(peer: Peer) -> None:
    result = peer.talk(text="hello", modality="text")
    assert result["said"] == "Hello! How can I help you?"
    assert result["audio_bytes"] == 0


def test_spoken_turn(peer: Peer) -> None:
    result = peer.talk(pcm="hello")
    assert result["heard"] == "hello how are you today"
    assert result["said"] == "I am fine, thank you. What can I do for you?"
    assert 1 < result["audio_bytes"] / 48_000 < 6


def test_function_call(peer: Peer) -> None:
    result = peer.talk(pcm="weather", **WEATHER)
    assert result["calls"] == [{"name": "get_weather", "arguments": {"city": "London"}}]
    assert result["said"] == "The weather in London is sunny, 21 degrees."
    assert result["audio_bytes"] > 48_000
