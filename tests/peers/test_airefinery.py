"""The published SDK of AI Refinery's Realtime Distiller: with the embedded server, and as ours."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from distiller_peer import DistillerLine, DistillerPeer
from embedded import Server
from http_recorder import Asked
from peers import PEERS, WEATHER, Peer, airefinery_peer, airefinery_python
from raw_distiller import agent, project

from realtime_sync import AIRefinery
from realtime_sync.audio import VirtualMicrophone, VirtualSpeaker
from realtime_sync.distiller import DistillerSession

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


# -- the same actions, the same messages -----------------------------------------------------------

STEPS: list[list[Any]] = [
    ["send_text_query", "What does it cost in zł? \U0001f600"],
    [
        "get_responses",
        # The chunk is not sent: a server without VAD hears nothing while it answers.
        {"response.created": [["send_audio_chunk", "0102"], ["notify_playback_started"]]},
    ],
    ["notify_playback_stopped"],
    ["send_audio_chunk", "01020304"],
    ["commit_audio"],
    ["clear_audio_buffer"],
    ["send_update"],
    ["cancel_response"],  # nothing runs
    ["send_text_query", "A long story!"],
    ["get_responses", {"response.created": [["cancel_response"]]}],
    ["send_text_and_respond", "Read it to me."],
    ["listen_and_respond"],
    ["send_text_query", "Thank you."],
    ["get_responses", {}],
]


def take_the_steps(line: DistillerLine) -> None:
    """The server's part of them."""
    line.begin()
    line.expect("input_text")
    line.call_agent("Weather", query="Oslo", env_variable={"a": 1}, more=[None, 1.5])
    line.expect_answer()
    line.call_agent("Tools", "req-2", __executor__="add", a="3", b="4")
    line.expect_answer()
    line.ping()
    line.event("response.created")
    line.expect("playback.started")
    line.event("response.done")
    line.expect("input_text")
    line.event("response.created")
    line.expect("response.cancel")
    line.event("response.done")
    line.expect("input_text")
    line.answer("Once upon a time")
    line.expect("input_audio_buffer.append")
    line.answer("You are welcome")
    line.expect("input_text")
    line.answer("Good-bye")


def weather(query: str, env_variable: dict[str, Any]) -> str:
    env_variable["last_city"] = query
    return f"fine in {query}"


def add(a: int, b: float) -> str:
    return str(a + b)


def do_steps(session: DistillerSession, steps: list[list[Any]]) -> None:
    for name, *arguments in steps:
        if name == "get_responses":
            for response in session.get_responses():
                do_steps(session, arguments[0].get(response["type"], []))
        elif name == "send_audio_chunk":
            session.send_audio_chunk(bytes.fromhex(arguments[0]))
        elif name.endswith("_and_respond"):
            do_aloud(session, name, arguments)
        else:
            getattr(session, name)(*arguments)


def do_aloud(session: DistillerSession, name: str, arguments: list[Any]) -> None:
    with VirtualSpeaker(pace="fast") as sink, VirtualMicrophone() as source:
        if name == "listen_and_respond":
            session.listen_and_respond(source=source, sink=sink)
        else:
            session.send_text_and_respond(*arguments, sink=sink)


def act(base_url: str, path: Path, config: dict[str, Any]) -> None:
    """Do with our client what `airefinery/steps.py` does with theirs."""
    with AIRefinery("key", base_url) as client:
        distiller = client.realtime_distiller
        distiller.validate_config(config_path=path)
        distiller.validate_config(config_path=path, send_yaml_string=True)
        distiller.validate_config(config=config)
        distiller.create_project(project="proj_1", config_path=path)
        distiller.create_project(project="proj_1", json_config=config)
        distiller.download_project(project="proj_1")
        distiller.download_project(project="proj_1", project_version="0")
        functions: dict[str, Any] = {"Weather": weather, "Tools": {"add": add}}
        with distiller(
            project="proj_1", uuid="ann", project_version="1", executor_dict=functions
        ) as session:
            do_steps(session, STEPS)


def act_as_the_sdk(base_url: str, path: Path, config: dict[str, Any]) -> None:
    order = {"url": base_url, "path": str(path), "config": config, "steps": STEPS}
    command = [airefinery_python(), str(PEERS / "airefinery" / "steps.py")]
    done = subprocess.run(
        command, input=json.dumps(order), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def essence(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message without the sound, whose chunks each client cuts as it likes."""
    return {name: value for name, value in message.items() if name != "audio"}


def said(line: DistillerLine) -> list[dict[str, Any]]:
    """What a client has said, without the pieces that continue a sound."""
    whole = [essence(message) for message in line.received]
    append = {"type": "input_audio_buffer.append"}
    return [each for i, each in enumerate(whole) if each != append or whole[i - 1] != append]


def own_headers(headers: Any) -> dict[str, Any]:
    names = ("authorization", "sdk_version", "content-type", "airefinery_account")
    return {name: headers.get(name) for name in names}


def asked(posted: list[Asked]) -> list[Any]:
    """What was asked by REST; of the account once, since the SDK asks for it once a client."""
    calls = [
        (each.method, each.target, own_headers(each.headers), each.body and each.json())
        for each in posted
    ]
    first, *rest = calls
    return [first, *(call for call in rest if call != first)]


def test_their_client_and_ours_send_the_same_messages(tmp_path: Path) -> None:
    tool = json.dumps({"type": "function", "function": {"name": "add", "parameters": {}}})
    config = project(
        agent("Weather", "CustomAgent"), agent("Tools", "ToolUseAgent", custom_tools=[tool])
    )
    path = tmp_path / "project.yaml"
    path.write_text(yaml.safe_dump(config))
    with DistillerPeer(take_the_steps) as theirs:
        act_as_the_sdk(theirs.base_url, path, config)
    with DistillerPeer(take_the_steps) as ours:
        act(ours.base_url, path, config)
    assert asked(ours.posted) == asked(theirs.posted)
    (our_line,), (their_line,) = ours.lines, theirs.lines
    assert our_line.target == their_line.target
    assert own_headers(our_line.headers) == own_headers(their_line.headers)
    assert said(our_line) == said(their_line)
    assert len(said(our_line)) > len(STEPS), "what is equal is not the whole"
