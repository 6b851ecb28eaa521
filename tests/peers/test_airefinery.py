"""The published SDK of AI Refinery's Realtime Distiller talks to the embedded server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from embedded import Server
from peers import WEATHER, Peer, airefinery_peer
from raw_distiller import agent, project

# The first of them installs the package into the checkout.
pytestmark = pytest.mark.xdist_group("peers")

RATE = 24_000  # ours are not the defaults
over_ws = pytest.mark.parametrize("server", ["ws"], indirect=True)
AN_ANSWER = [
    "response.created",
    "response.text.delta",
    "response.audio.delta",
    "response.text.done",
    "response.audio.done",
    "response.done",
]


@pytest.fixture
def peer(server: Server, tmp_path: Path) -> Peer:
    return airefinery_peer(server, tmp_path)


def talk(peer: Peer, tmp_path: Path, config: dict[str, Any], **order: Any) -> dict[str, Any]:
    """Make a project of ``config``, and hold a conversation with it."""
    path = tmp_path / "project.yaml"
    path.write_text(yaml.safe_dump(config))
    name = tmp_path.name.replace("[", "-").rstrip("]")
    result = peer.talk(config_path=str(path), project=name, **order)
    assert result["valid"] == [True, True]
    assert result["created"] is True
    assert result["config"] == config
    return result


def shape(events: list[str]) -> list[str]:
    """The types in the order of their first appearance."""
    return list(dict.fromkeys(events))


def test_text_turn(peer: Peer, tmp_path: Path) -> None:
    config = project(agent("Helper"), hz=RATE)
    result = talk(peer, tmp_path, config, texts=["Hello!"])
    assert result["said"] == {"Helper": "Hello! How can I help you?"}
    assert 1.5 < result["audio_bytes"] / 2 / RATE < 3.5
    assert shape(result["events"]) == ["session.created", *AN_ANSWER]


@over_ws
def test_spoken_turn(peer: Peer, tmp_path: Path) -> None:
    result = talk(peer, tmp_path, project(agent("Helper")), pcm="hello")
    assert result["heard"] == "hello how are you today"
    assert result["said"] == {"Helper": "I am fine, thank you. What can I do for you?"}
    assert 2 < result["audio_bytes"] / 2 / 16_000 < 6
    transcript = ["response.audio_transcript.delta", "response.audio_transcript.done"]
    assert shape(result["events"]) == ["session.created", *transcript, *AN_ANSWER]


@over_ws
def test_custom_agents(peer: Peer, tmp_path: Path) -> None:
    function = json.dumps({"type": "function", "function": WEATHER["tool"]})
    config = project(
        agent("Mine", "CustomAgent"),
        agent("Tools", "ToolUseAgent", custom_tools=[function]),
        agent("Theirs"),
    )
    result = talk(
        peer,
        tmp_path,
        config,
        texts=["Hello!", "What is the weather in London?"],
        agents={"Mine": "I was asked.", "Tools": {"get_weather": WEATHER["tool_output"]}},
    )
    assert result["calls"] == [
        {"name": "Mine", "arguments": {"query": "Hello!", "calls": 0}},
        {"name": "Mine", "arguments": {"query": "What is the weather in London?", "calls": 1}},
        {"name": "get_weather", "arguments": {"city": "London"}},
    ]
    weather = "The weather in London is sunny, 21 degrees."
    assert result["said"]["Mine"] == "I was asked." * 2
    assert result["said"]["Tools"] == "Hello! How can I help you?" + weather
    assert result["said"]["Theirs"].startswith("Hello! How can I help you?")
    assert result["events"].count("response.audio.done") == 6
    assert result["events"].count("response.done") == 2


@over_ws
def test_speech_interrupts(peer: Peer, tmp_path: Path) -> None:
    config = project(agent("Helper"), barge_in=True)
    result = talk(peer, tmp_path, config, texts=["Tell me a story."], interrupt_pcm="hello")
    after = result["events"][result["events"].index("response.interrupted") :]
    assert after[1].startswith("response.audio_transcript.")
    assert result["heard"] == "hello how are you today"
    assert result["said"] == {"Helper": "I am fine, thank you. What can I do for you?"}
