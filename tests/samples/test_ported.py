"""The ported samples and what they were before: both run, and the rule makes one of the other.

What they were runs with the published `openai` package, against the same server.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import numpy as np
import pytest
from beta_rules import AzureRules, BetaRules
from dialect_server import Front, open_front
from embedded import QUESTIONS, Server, question
from guards import Guard
from port_rule import (
    AGENT_PAIRS,
    BY_HAND,
    DECORATOR_PAIRS,
    DISTILLER_PAIRS,
    PAIRS,
    PORTED,
    changed_lines,
    difference,
    port,
)
from programs import REPOSITORY, Program
from raw_server import CLOSE, PING, PONG, TEXT, RawPeer, RawServer, close_payload

from realtime_sync import Local
from realtime_sync.audio import VirtualSpeaker, WavSource, write_wav
from realtime_sync.events import parse_event

PROMPT = "Message: "
TYPED = "Hello!\nPlease count to three.\nq\n"
ANSWERS = "Message: Hello! How can I help you?.*Message: one, two, three.*Message: "


def test_every_ported_sample_is_here() -> None:
    names = (*PAIRS, *AGENT_PAIRS, *DECORATOR_PAIRS, *DISTILLER_PAIRS, *BY_HAND)
    pairs = {f"{name}{suffix}.py" for name in names for suffix in ("", "_before")}
    anew = {"push_to_talk.py", "agents_cli.py", "agents_twilio.py", "agents_twilio_sip.py"}
    assert {path.name for path in PORTED.glob("*.py")} == {*pairs, *anew}


@pytest.mark.parametrize("name", PAIRS)
def test_the_rule_makes_it(name: str) -> None:
    before = (PORTED / f"{name}_before.py").read_text("utf-8")
    assert port(before) == (PORTED / f"{name}.py").read_text("utf-8")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "from openai.types.realtime.response_create_event import ResponseCreateEvent",
            "from realtime_sync.events import ResponseCreateEvent",
        ),
        (
            "from openai.resources.realtime.realtime import AsyncRealtimeConnection",
            "from realtime_sync import RealtimeConnection",
        ),
    ],
)
def test_the_rule_knows_modules_within(before: str, after: str) -> None:
    assert port(before) == after
    exec(after)


@pytest.mark.parametrize("name", PAIRS)
def test_the_document_shows_its_difference(name: str) -> None:
    document = (REPOSITORY / "docs" / "porting.md").read_text("utf-8")
    assert f"```diff\n{difference(name)}```" in document, f"it should be\n{difference(name)}"
    changed, total = changed_lines(name)
    assert f"{changed} of {total} lines" in document


@pytest.mark.parametrize("name", BY_HAND)
def test_the_document_counts_what_was_done_by_hand(name: str) -> None:
    document = (REPOSITORY / "docs" / "porting.md").read_text("utf-8")
    before, after = f"{name}_before.py", f"{name}.py"
    command = f"diff {before} {after} | grep -c '^<'"
    assert f"$ {command}" in document
    count = subprocess.run(command, shell=True, cwd=PORTED, capture_output=True, text=True)
    total = len((PORTED / before).read_text("utf-8").splitlines())
    assert f"{int(count.stdout)} of {total} lines" in document


def test_the_document_counts_what_was_restructured() -> None:
    document = (REPOSITORY / "docs" / "porting.md").read_text("utf-8")
    lines = (PORTED / "push_to_talk.py").read_text("utf-8").splitlines()
    assert f"a terminal program of {len(lines)} lines" in document


# -- written -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "_before"])
def test_a_written_conversation(program: Program, suffix: str) -> None:
    output = program.run(PORTED / f"realtime{suffix}.py", typed=TYPED)
    assert re.fullmatch(ANSWERS, output, re.DOTALL), output


@pytest.mark.parametrize("suffix", ["", "_before"])
def test_typed_events(program: Program, suffix: str) -> None:
    output = program.run(PORTED / f"typed_events{suffix}.py", typed=TYPED)
    assert re.fullmatch(ANSWERS.replace("Message: ", r"Message: (?:\[user\] )?"), output, re.DOTALL)
    assert output.count("[user] ") == output.count("[completed]") == 2


@pytest.mark.parametrize("suffix", ["", "_before"])
def test_function_calls(program: Program, suffix: str) -> None:
    output = program.run(PORTED / f"function_calls{suffix}.py")
    call, answer = output.splitlines()
    assert re.fullmatch(r'\[get_weather: \{"city": ?"London"\}\]', call)
    assert answer == "The weather in London is sunny, 21 degrees."


@pytest.fixture
def beta(local_server: Local) -> Iterator[Front]:
    """A server that has nothing but the beta."""
    embedded = Server(local_server.url, local_server.api_key, cast("Any", None))
    with open_front(BetaRules, embedded) as front:
        yield front


def test_the_beta_s_shape_before(program: Program, beta: Front) -> None:
    text = (PORTED / "beta_conversation_before.py").read_text("utf-8")
    file = program.folder / "before.py"
    place = beta.url.replace("http", "ws", 1)  # the package's beta makes TLS of `base_url`
    file.write_text(text.replace("OpenAI()", f'OpenAI(websocket_base_url="{place}/v1")'), "utf-8")
    output = program.run(file, typed=TYPED)
    assert re.fullmatch(ANSWERS, output, re.DOTALL), output
    assert beta.received[0]["session"]["modalities"] == ["text"]


def test_the_beta_s_shape_ported_to_a_server_of_today(program: Program) -> None:
    output = program.run(PORTED / "beta_conversation.py", typed=TYPED)
    assert re.fullmatch(ANSWERS, output, re.DOTALL), output


def test_the_beta_s_shape_ported_to_a_server_of_the_beta(program: Program, beta: Front) -> None:
    """As the document says, `dialect="beta"` is all that this takes."""
    text = (PORTED / "beta_conversation.py").read_text("utf-8")
    file = program.folder / "with_dialect.py"
    file.write_text(text.replace("OpenAI()", 'OpenAI(dialect="beta")'), "utf-8")
    output = program.run(file, typed=TYPED, environment={"OPENAI_BASE_URL": f"{beta.url}/v1"})
    assert re.fullmatch(ANSWERS, output, re.DOTALL), output
    assert beta.received[0]["session"] == {
        "modalities": ["text"],
        "instructions": "Be brief.",
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
        "max_response_output_tokens": 200,
    }


@pytest.fixture
def azure(local_server: Local) -> Iterator[Front]:
    embedded = Server(local_server.url, local_server.api_key, cast("Any", None))
    with open_front(AzureRules, embedded) as front:
        yield front


@pytest.mark.parametrize("suffix", ["", "_before"])
def test_a_written_conversation_on_azure(
    program: Program, azure: Front, local_server: Local, suffix: str
) -> None:
    environment = {
        "AZURE_OPENAI_ENDPOINT": azure.url,
        "AZURE_OPENAI_DEPLOYMENT_NAME": "my-deployment",
        "AZURE_OPENAI_AD_TOKEN": f"token-of-{local_server.api_key}",
    }
    file = PORTED / f"azure_realtime{suffix}.py"
    output = program.run(file, typed=TYPED, environment=environment)
    assert re.fullmatch(ANSWERS, output, re.DOTALL), output
    assert output.count("[completed]") == 2
    [(path, query, _)] = azure.requests
    assert (path, query) == ("/openai/v1/realtime", {"model": "my-deployment"})


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_at_the_prompt_pings_are_answered_and_ctrl_c_closes(guard: Guard) -> None:
    answered, ended = threading.Event(), threading.Event()
    closes: list[bytes] = []

    def server(peer: RawPeer) -> None:
        peer.accept()
        assert peer.frame()[0] == TEXT, "the session.update"
        peer.send(PING, b"there?")
        assert peer.frame() == (PONG, b"there?")
        answered.set()
        opcode, payload = peer.frame()
        assert opcode == CLOSE
        closes.append(payload)
        peer.send(CLOSE, payload)
        ended.set()

    with RawServer(server) as listening:
        environment = {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{listening.port}/v1",
            "NO_PROXY": "*",
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(REPOSITORY),
        }
        pipe = subprocess.PIPE
        with subprocess.Popen(
            [sys.executable, str(PORTED / "realtime.py")],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
        ) as process:
            assert process.stdout is not None
            assert process.stdout.read(len(PROMPT)) == PROMPT.encode()
            guard.wait(answered, "the pong")
            process.send_signal(signal.SIGINT)
            guard.wait(ended, "the close")
            _, errors = process.communicate(timeout=guard.seconds)
        assert process.returncode == -signal.SIGINT
        assert errors.decode().rstrip().endswith("KeyboardInterrupt")
    assert closes == [close_payload(1000)]


# -- by a provider's own events; the devices are in tests/audio/test_yandex_agents.py -------------


class Played:
    """Stands in for a speaker: what it was given and not told to throw away."""

    def __init__(self) -> None:
        self.calls: list[bytes | str] = []

    def write(self, pcm: bytes) -> None:
        self.calls.append(pcm)

    def clear(self) -> None:
        self.calls.append("clear")


AUDIO = "response.output_audio.delta"
INTERRUPTED = [
    {"type": AUDIO, "delta": "MDA="},  # of a response that nobody has seen begin
    {"type": "response.created"},
    {"type": AUDIO, "delta": "MDE="},
    {"type": "input_audio_buffer.speech_started"},
    {"type": AUDIO, "delta": "MDI="},  # late
    {"type": "response.created"},
    {"type": AUDIO, "delta": "MDM="},
]


def test_late_audio_of_an_interrupted_answer_is_not_played() -> None:
    sample = load(PORTED / "yandex_voice_agent.py")
    speaker = Played()
    sample.downlink([parse_event(json.dumps(event)) for event in INTERRUPTED], speaker)
    assert speaker.calls == [b"01", "clear", b"03"]


def test_nor_was_it_before() -> None:
    async def socket() -> AsyncIterator[str]:
        for event in INTERRUPTED:
            yield json.dumps(event)

    sample = load(PORTED / "yandex_voice_agent_before.py")
    speaker = Played()
    asyncio.run(sample.downlink(socket(), speaker))
    assert speaker.calls == [b"01", "clear", b"03"]


# -- spoken --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "_before"])
def test_a_spoken_question(program: Program, suffix: str) -> None:
    asked = program.folder / "question.wav"
    write_wav(asked, question("time"))
    output = program.run(PORTED / f"spoken_question{suffix}.py", str(asked), "answer.wav")
    assert re.search(r"you said: what time is it\]\n.*It is ", output, re.DOTALL), output
    assert speaks(program.folder / "answer.wav")


def speaks(path: Path) -> bool:
    with wave.open(str(path)) as recorded:
        assert recorded.getframerate() == 24_000
        samples = np.frombuffer(recorded.readframes(recorded.getnframes()), "<i2")
    return np.count_nonzero(np.abs(samples.astype(int)) > 200) > 5_000


def test_push_to_talk_with_files(program: Program) -> None:
    question = str(QUESTIONS / "time.wav")
    file = PORTED / "push_to_talk.py"
    output = program.run(file, "--input", question, "--output", "answer.wav")
    assert re.search(r"you said: what time is it\].*It is .*\[completed\]", output, re.DOTALL)
    assert speaks(program.folder / "answer.wav")


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_push_to_talk_interrupts(
    local_server: Local, guard: Guard, capsys: pytest.CaptureFixture[str]
) -> None:
    sample = load(PORTED / "push_to_talk.py")
    with VirtualSpeaker() as sink, local_server.realtime.connect() as connection:
        heard: Callable[[str], int] = sink.played_ms
        connection.session.update(session=sample.SESSION)
        talk = sample.PushToTalk(connection, sink)
        receiver = threading.Thread(target=talk.receive)
        receiver.start()
        message: Any = {"type": "message", "role": "user"}
        message["content"] = [{"type": "input_text", "text": "Tell me a story."}]
        connection.conversation.item.create(item=message)
        connection.response.create()
        delta: Any = connection.wait_for("response.output_audio.delta", timeout=guard.seconds)
        guard.until(lambda: heard(delta.item_id) > 100, "the story")
        talk.press(WavSource(QUESTIONS / "stop.wav", pace="fast", trailing_silence_ms=0))
        truncated: Any = connection.wait_for("conversation.item.truncated", timeout=guard.seconds)
        talk.wait_recorded()
        talk.release()
        guard.wait(talk.answered, "the answer")
        connection.close()
        guard.join(receiver)
    assert truncated.item_id == delta.item_id
    assert 100 < truncated.audio_end_ms < 10_000, "what was heard of it"
    printed = capsys.readouterr().out
    assert "you said: stop please" in printed
    assert "[error" not in printed
