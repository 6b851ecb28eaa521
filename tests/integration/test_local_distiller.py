"""The embedded server speaks the Distiller's protocol, with its real ears and voice."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from embedded import Server, question, run_server, silence
from raw_distiller import (
    ACCOUNT,
    RawDistiller,
    agent,
    create,
    post,
    project,
    raw_distiller,
    sound,
    talking,
    types,
    words,
)
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus

pytestmark = pytest.mark.timeout(60)

HZ = 16_000
WEATHER = json.dumps(
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Tell the weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
)
AN_ANSWER = [
    "response.created",
    "response.text.delta",
    "response.audio.delta",
    "response.text.done",
    "response.audio.done",
    "response.done",
]


def spoken(name: str) -> bytes:
    """A question with the silence that ends it."""
    return question(name, hz=HZ) + silence(1_200, hz=HZ)


# -- REST ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/authentication/validate", "/distiller/create", "/distiller/config/validate",
     "/distiller/download"],
)  # fmt: skip
def test_rest_needs_the_key(ws_server: Server, path: str) -> None:
    answer = post(ws_server, path, {}, key="wrong")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"


def test_account(ws_server: Server) -> None:
    assert post(ws_server, "/authentication/validate").json() == {"organization_id": ACCOUNT}


def test_projects_have_versions(ws_server: Server) -> None:
    first, second = project(agent("A")), {**project(agent("B")), "base_config": {"x": "ä"}}
    assert [create(ws_server, "versions", each) for each in (first, second)] == ["0", "1"]
    for version, config in ((None, second), ("0", first), (0, first), ("1", second)):
        body = {"project": "versions", "project_version": version, "sdk_version": "1.33.2"}
        answer = post(ws_server, "/distiller/download", body)
        assert answer.status_code == 200
        assert json.loads(json.loads(answer.json()["config"])) == config


@pytest.mark.parametrize("body", [{"project": "nobody"}, {"project": "none", "project_version": 3}])
def test_a_download_of_nothing(ws_server: Server, body: dict[str, Any]) -> None:
    answer = post(ws_server, "/distiller/download", body)
    assert answer.status_code == 404
    assert f"There is no project '{body['project']}'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("create", {"project": "../x", "config": {}}, "letters, digits, hyphens and underscores"),
        ("create", {"project": "x" * 129, "config": {}}, "up to 128 letters"),
        ("create", {"config": {}}, "'project': expected a string"),
        ("create", {"project": "p"}, "'config': expected an object, but got null"),
        ("create", {"project": "p", "config": {"utility_agents": 1}}, "expected an array"),
        ("config/validate", {"config": "a: ["}, "not valid YAML"),
        ("config/validate", {"config": {"utility_agents": [{}]}}, "utility_agents[0].agent_name"),
        ("download", {"project": "a/b"}, "Invalid 'project'"),
        ("download", {"project": "p", "project_version": "../0"}, "Invalid 'project_version'"),
        ("download", [], "'body'"),
    ],
)
def test_requests_that_are_refused(ws_server: Server, path: str, body: Any, message: str) -> None:
    answer = post(ws_server, f"/distiller/{path}", body)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("config", [project(agent("A")), "utility_agents: []"])
def test_a_configuration_is_valid(ws_server: Server, config: Any) -> None:
    answer = post(ws_server, "/distiller/config/validate", {"config": config})
    assert answer.status_code == 200
    assert answer.json()["message"]


def test_projects_survive_a_restart(tmp_path: Path) -> None:
    folder = ["--projects", str(tmp_path / "projects")]
    with run_server(*folder) as server:
        assert create(server, "kept", project(agent("Old"))) == "0"
    with run_server(*folder) as server, talking(server, "kept:0") as client:
        client.send("input_text", text="hello")
        assert words(client.until("response.done"), "Old")
        assert create(server, "kept", project(agent("New"))) == "1"


# -- who gets in -----------------------------------------------------------------------------------


def test_a_session_needs_the_key(ws_server: Server) -> None:
    with pytest.raises(InvalidStatus) as caught, raw_distiller(ws_server, "p", key="wrong"):
        pass
    assert caught.value.response.status_code == 401


@pytest.mark.parametrize(
    ("target", "uuid", "account", "message"),
    [
        ("nobody", "u", ACCOUNT, "There is no project 'nobody'."),
        ("door:7", "u", ACCOUNT, "There is no project 'door' with version 7."),
        ("door:x", "u", ACCOUNT, "Invalid 'project_version'"),
        ("door:", "u", ACCOUNT, "Invalid 'project_version'"),
        ("d.oor", "u", ACCOUNT, "Invalid 'project'"),
        ("door", "u.u", ACCOUNT, "Invalid 'uuid'"),
        ("door", "u", "else", "belongs to the account 'local'"),
    ],
)
def test_no_session(ws_server: Server, target: str, uuid: str, account: str, message: str) -> None:
    create(ws_server, "door", project(agent("A")))
    with raw_distiller(ws_server, target, uuid, account=account) as client:
        assert message in client.error()
        with pytest.raises(ConnectionClosedError) as caught:
            client.next()
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1011


def test_a_user_is_connected_once(ws_server: Server) -> None:
    create(ws_server, "once", project(agent("A")))
    with talking(ws_server, "once"), talking(ws_server, "once", "another"):
        with (
            raw_distiller(ws_server, "once:0") as second,
            pytest.raises(ConnectionClosedError) as caught,
        ):
            second.next()
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (
            1011,
            "User is already connected",
        )
    with talking(ws_server, "once"):
        pass


@pytest.fixture(scope="module")
def hasty_server() -> Iterator[Server]:
    """Pings often, and soon loses patience."""
    options = ["--ping-interval", "0.05", "--idle-timeout", "0.6", "--session-limit", "1.5"]
    with run_server(*options) as server:
        create(server, "hasty", project(agent("A")))
        yield server


def test_who_waits_for_an_answer_is_not_idle(hasty_server: Server) -> None:
    """An agent at work may take longer: only the session's own limit ends this one."""
    create(hasty_server, "slow", project(agent("Mine", "CustomAgent")))
    with talking(hasty_server, "slow") as client:
        client.send("input_text", text="Hello!")
        while (message := json.loads(client.socket.recv())).get("type") != "error":
            pass
    assert "maximum duration" in message["error_detail"]["message"]


def answer_pings(client: RawDistiller) -> None:
    """Show that the program is there, until the connection ends."""
    while True:
        assert client.next() == {"type": "PING"}
        client.send("PONG")


def test_pings_and_the_end_of_an_idle_session(hasty_server: Server) -> None:
    with talking(hasty_server, "hasty") as client:
        assert [client.next(), client.next()] == [{"type": "PING"}] * 2
        with pytest.raises(ConnectionClosedError) as caught:
            answer_pings(client)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1011
    assert caught.value.rcvd.reason == "Connection timeout (Idle for 0.01 minutes)"


def test_a_session_expires_in_the_distillers_words(hasty_server: Server) -> None:
    with talking(hasty_server, "hasty") as client:
        while (message := json.loads(client.socket.recv())) == {"type": "PING"}:
            client.send("session.update")
        assert "maximum duration" in message["error_detail"]["message"]
        with pytest.raises(ConnectionClosedOK):
            client.next()


# -- conversations ---------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [8_000, 16_000, 24_000])
def test_text_turn(ws_server: Server, hz: int) -> None:
    create(ws_server, "text", project(agent("Helper"), hz=hz))
    with talking(ws_server, "text") as client:
        client.send("input_text", text="Hello!")
        messages = client.until("response.done")
    # The answer has two sentences: each is written, then spoken.
    assert types(messages) == [*AN_ANSWER[:3], *AN_ANSWER[1:]]
    assert words(messages, "Helper") == "Hello! How can I help you?"
    assert 1.5 < len(sound(messages)) / 2 / hz < 3.5


def test_text_turn_over_tls(wss_server: Server) -> None:
    create(wss_server, "text", project(agent("Helper")))
    with talking(wss_server, "text") as client:
        client.send("input_text", text="Hello!")
        assert words(client.until("response.done")) == "Hello! How can I help you?"


@pytest.mark.parametrize("tail_ms", [1_200, 0], ids=["with a pause", "that just ends"])
def test_audio_turn(ws_server: Server, tail_ms: int) -> None:
    create(ws_server, "audio", project(agent("Helper")))
    with talking(ws_server, "audio") as client:
        client.speak(question("hello", hz=HZ) + silence(tail_ms, hz=HZ))
        messages = client.until("response.done")
    assert types(messages)[:3] == [
        "response.audio_transcript.delta",
        "response.audio_transcript.done",
        "response.created",
    ]
    heard = "".join(m["delta"] for m in messages if "delta" in m)
    done = next(m for m in messages if m["type"] == "response.audio_transcript.done")
    assert heard == done["text"] == "hello how are you today"
    assert words(messages) == "I am fine, thank you. What can I do for you?"


def test_periodic_commits_bring_words_early(ws_server: Server) -> None:
    create(ws_server, "commits", project(agent("Helper")))
    with talking(ws_server, "commits") as client:
        pcm = spoken("hello")
        client.speak(pcm[: len(pcm) // 2])
        client.send("input_audio_buffer.commit")
        early = client.next()
        assert early == {"type": "response.audio_transcript.delta", "delta": "hello "}
        client.speak(pcm[len(pcm) // 2 :])
        client.send("input_audio_buffer.commit")
        messages = client.until("response.done")
    heard = "".join(m["delta"] for m in [early, *messages] if "delta" in m)
    assert heard == "hello how are you today"


def test_two_spoken_turns(ws_server: Server) -> None:
    create(ws_server, "twice", project(agent("Helper")))
    with talking(ws_server, "twice") as client:
        for name, text in (
            ("hello", "hello how are you today"),
            ("count", "can you count to twenty"),
        ):
            client.speak(spoken(name))
            done = client.until("response.audio_transcript.done")[-1]
            assert done["text"] == text
            client.until("response.done")


def test_custom_agents_and_their_memory(ws_server: Server) -> None:
    create(ws_server, "custom", project(agent("Mine", "CustomAgent"), agent("Theirs")))
    with talking(ws_server, "custom") as client:
        client.send("input_text", text="Hello!")
        messages = client.until("wait")
        asked = messages[-1]
        assert (asked["role"], asked["kwargs"]) == (
            "Mine",
            {"query": "Hello!", "env_variable": {}},
        )
        client.reply(asked, "I know.", name="Ada")
        messages = client.until("response.done")
        assert words(messages, "Mine") == "I know."
        assert words(messages, "Theirs") == "Hello! How can I help you?"
        assert types(messages).count("response.audio.done") == 2
        client.send("input_text", text="And now?")
        assert client.until("wait")[-1]["kwargs"]["env_variable"] == {"name": "Ada"}


def test_tool_agent(ws_server: Server) -> None:
    tools = agent("Tools", "ToolUseAgent", custom_tools=[WEATHER])
    create(ws_server, "tools", project(tools))
    with talking(ws_server, "tools") as client:
        client.speak(spoken("weather"))
        asked = client.until("wait")[-1]
        assert asked["kwargs"] == {"__executor__": "get_weather", "city": "London"}
        client.reply(asked, '{"city": "London", "condition": "sunny", "temperature": 21}')
        messages = client.until("response.done")
    assert words(messages, "Tools") == "The weather in London is sunny, 21 degrees."


def test_cancelling(ws_server: Server) -> None:
    create(ws_server, "cancel", project(agent("Mine", "CustomAgent")))
    with talking(ws_server, "cancel") as client:
        client.send("input_text", text="Hello!")
        asked = client.until("wait")[-1]
        client.send("response.cancel")
        assert types(client.until("response.done")) == ["response.audio.done", "response.done"]
        client.reply(asked, "too late")
        client.send("input_text", text="And now?")
        client.reply(client.until("wait")[-1], "now")
        assert words(client.until("response.done")) == "now"


def test_speech_interrupts_an_answer(ws_server: Server) -> None:
    create(ws_server, "barge", project(agent("Mine", "CustomAgent"), barge_in=True))
    with raw_distiller(ws_server, "barge") as client:
        assert client.next()["capabilities"] == {"vad_enabled": True}
        client.send("input_text", text="Hello!")
        client.until("wait")
        client.speak(spoken("hello"))
        assert client.next()["type"] == "response.interrupted"
        asked = client.until("wait")[-1]
        assert asked["kwargs"]["query"] == "hello how are you today"
        client.reply(asked, "Fine.")
        assert words(client.until("response.done")) == "Fine."


def test_speech_interrupts_what_is_still_played(ws_server: Server) -> None:
    create(ws_server, "played", project(agent("Helper"), barge_in=True))
    with talking(ws_server, "played") as client:
        client.send("input_text", text="Tell me a story.")
        client.until("response.done")
        client.send("playback.started")
        client.speak(spoken("count"))
        assert client.next()["type"] == "response.interrupted"
        assert words(client.until("response.done")).startswith("one, two, three")


@pytest.mark.parametrize(
    ("message", "error"),
    [("{", "not valid JSON"), (b"\0", "Binary messages"), ('{"type": "x"}', "Supported values")],
)
def test_bad_messages(ws_server: Server, message: str | bytes, error: str) -> None:
    create(ws_server, "bad", project(agent("A")))
    with talking(ws_server, "bad") as client:
        client.socket.send(message)
        assert error in client.error()
        client.send("input_text", text="Hello!")
        assert words(client.until("response.done"))


def test_an_engine_that_fails_costs_the_answer_alone() -> None:
    with run_server("--responder", "chat:http://127.0.0.1:9/v1?model=m") as server:
        create(server, "fails", project(agent("A")))
        with talking(server, "fails") as client:
            client.send("input_text", text="Hello!")
            assert client.next()["type"] == "response.created"
            assert "The answer failed" in client.error()
            assert client.next()["type"] == "response.done"
