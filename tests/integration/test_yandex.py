"""What is special about Yandex AI Studio, against a front that knows only its documents."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dialect_clients import MODEL, connect_yandex
from dialect_server import Front, open_front
from embedded import QUESTIONS, Server, question, silence
from guards import Guard
from yandex_rules import YandexRules

from realtime_sync import ConnectionClosedError, LocalProtocolError, YandexAIStudio
from realtime_sync.clients.yandex import file_search, web_search
from realtime_sync.events import ServerEvent

GUARD_S = 30.0
TEXT: Any = {"output_modalities": ["text"]}


@pytest.fixture
def yandex(ws_server: Server) -> Iterator[Front]:
    with open_front(YandexRules, ws_server) as front:
        yield front


def test_a_short_name_without_a_folder_never_leaves(yandex: Front, ws_server: Server) -> None:
    """The whole name is checked by the server, which closes with 1008."""
    with connect_yandex(yandex, ws_server.key, model="oops://x") as connection:
        with pytest.raises(ConnectionClosedError, match="Invalid model URI") as caught:
            connection.recv(GUARD_S)
        assert caught.value.code == 1008


def test_yandex_by_an_iam_token(yandex: Front, ws_server: Server) -> None:
    client = YandexAIStudio(
        folder_id="b1g",
        iam_token=lambda: f"token-of-{ws_server.key}",
        base_url=f"{yandex.url}/v1",
        proxy="",
    )
    with client.realtime.connect(model=MODEL) as connection:
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text


def is_at_44100(event: ServerEvent) -> bool:
    """Whether it is the report of a session that speaks at 44.1 kHz."""
    if event.type != "session.updated":
        return False
    rate: int = event.to_dict()["session"]["audio"]["output"]["format"]["rate"]
    return rate == 44100


def test_the_sample_session_of_yandex(yandex: Front, ws_server: Server) -> None:
    """As in its examples: 44.1 kHz both ways, languages, a role, built-in tools."""
    rate = {"type": "audio/pcm", "rate": 44100}
    session: Any = {
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": rate,
                "languages": ["ru-RU"],
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "silence_duration_ms": 400,
                },
            },
            "output": {"format": rate, "voice": "dasha", "role": "friendly"},
        },
        "tools": [web_search(), file_search("index")],
    }
    with connect_yandex(yandex, ws_server.key) as connection:
        connection.session.update(session=session)
        # The second report of the greeting may come behind this update.
        updated: Any = connection.wait_for(is_at_44100, timeout=GUARD_S)
        audio = updated.to_dict()["session"]["audio"]
        assert audio["input"]["format"]["rate"] == 44100
        assert audio["input"]["languages"] == ["ru-RU"]
        pcm = question("hello", hz=44_100) + silence(800, hz=44_100)
        for start in range(0, len(pcm), 8820):
            connection.input_audio_buffer.append(audio=pcm[start : start + 8820])
        done: Any = connection.wait_for("response.done", timeout=GUARD_S)
        assert done.response.status == "completed"


def test_calls_of_the_servers_own_tools_keep_no_turn(yandex: Front, ws_server: Server) -> None:
    """It reports them, beside calls of ours, and nobody but itself answers them."""

    def get_weather(city: str) -> str:
        return "sunny, 21 degrees"

    with connect_yandex(yandex, ws_server.key) as connection:
        connection.session.update(session={"tools": [web_search(), file_search("index")]})
        question = "What is the weather in Paris?"
        reply = connection.ask(question, tools=get_weather, response=TEXT, timeout=GUARD_S)
        assert "sunny" in reply.text
        assert reply.function_calls == []
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).function_calls == []
    outputs = [event["item"]["type"] for event in yandex.received if "item" in event]
    assert outputs.count("function_call_output") == 1


def test_what_yandex_lacks_is_refused_before_it_is_sent(yandex: Front, ws_server: Server) -> None:
    with connect_yandex(yandex, ws_server.key) as connection:
        for clear in (connection.input_audio_buffer.clear, connection.output_audio_buffer.clear):
            with pytest.raises(LocalProtocolError, match=r"has no \w+_audio_buffer\.clear"):
                clear()
        content = [{"type": "output_text", "text": "I said so."}]
        with pytest.raises(LocalProtocolError, match="message of the user's"):
            connection.conversation.item.create(
                item={"type": "message", "role": "assistant", "content": content}
            )
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text
    sent = {event["type"] for event in yandex.received}
    assert sent == {"session.update", "conversation.item.create", "response.create"}


def test_yandex_is_told_the_history_as_a_recap(yandex: Front, ws_server: Server) -> None:
    with connect_yandex(yandex, ws_server.key) as connection:
        answer = connection.ask("Hello!", timeout=GUARD_S).text
        connection.session.restart(keep_history=True)
        connection.ask("Hello!", response=TEXT, timeout=GUARD_S)
    kind = "conversation.item.create"
    items = [event["item"] for event in yandex.received if event["type"] == kind]
    assert {item["role"] for item in items} == {"user"}
    assert answer in items[1]["content"][0]["text"]


def test_an_interrupted_answer_ends_though_the_server_forgets_to_say_so(
    yandex: Front, ws_server: Server
) -> None:
    with connect_yandex(yandex, ws_server.key) as connection:
        told = connection.stream("Please tell me a story.", timeout=GUARD_S)
        next(told)
        pcm = question("stop") + silence(800)
        for start in range(0, len(pcm), 960):
            connection.input_audio_buffer.append(audio=pcm[start : start + 960])
        for _ in told:  # ends, where it would have waited for the time limit
            pass
        (rules,) = yandex.rules
        assert isinstance(rules, YandexRules)
        assert rules.ends_not_told == 1
        assert connection.ask("Hello!", timeout=GUARD_S).text
    assert "response.cancel" not in {event["type"] for event in yandex.received}


def test_pings_without_answer_do_not_end_the_connection(
    yandex: Front, ws_server: Server, guard: Guard
) -> None:
    options = {"ping_interval": 0.05}
    with connect_yandex(yandex, ws_server.key, websocket_connection_options=options) as connection:
        before = connection.stats.bytes_sent
        guard.until(lambda: connection.stats.bytes_sent > before, "a ping")
        assert connection.ask("Hello!", response=TEXT, timeout=GUARD_S).text


def test_talk_to_yandex(yandex: Front, ws_server: Server, tmp_path: Path) -> None:
    answers = tmp_path / "answers.wav"
    command = ["talk", "--provider", "yandex", "--url", f"{yandex.url}/v1"]
    command += ["--input", str(QUESTIONS / "hello.wav"), "--output", str(answers)]
    keys = {"YANDEX_API_KEY": ws_server.key, "YANDEX_FOLDER_ID": "b1g"}
    run = subprocess.run(
        [sys.executable, "-m", "realtime_sync", *command],
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, **keys},
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "you: hello" in run.stdout
    said = [line for line in run.stdout.splitlines() if line.startswith("assistant: ")]
    assert len(said) == 1
    assert said[0].count("thank you") == 1, "each word once"
    with wave.open(str(answers)) as file:
        assert file.getnframes() > file.getframerate()
