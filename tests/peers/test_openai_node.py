"""The `openai` package for Node talks to the embedded server, as a program and as a web page."""

from __future__ import annotations

from pathlib import Path

import pytest
from embedded import Server
from peers import REQUIRED, WEATHER, Peer, node_peer

# The first of them installs the package into the checkout.
pytestmark = pytest.mark.xdist_group("peers")
# The second one has the newest major version, which comes with the Agents SDK.
_PACKAGES = ["openai_node", "agents_node"] if REQUIRED else ["openai_node"]


@pytest.fixture(params=_PACKAGES)
def peer(request: pytest.FixtureRequest, server: Server, tmp_path: Path) -> Peer:
    return node_peer(request.param, "openai_node", server, tmp_path)


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


def test_azure_endpoint(peer: Peer) -> None:
    result = peer.talk(text="hello", modality="text", azure=True)
    assert result["said"] == "Hello! How can I help you?"


@pytest.mark.parametrize("server", ["wss"], indirect=True)  # this class speaks TLS only
def test_browser_with_a_client_secret(peer: Peer) -> None:
    result = peer.talk(pcm="hello", browser=True)
    assert result["heard"] == "hello how are you today"
    assert result["audio_bytes"] > 48_000
