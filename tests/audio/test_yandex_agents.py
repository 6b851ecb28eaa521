"""The voice agents on Yandex AI Studio, as programs: a question aloud, the answer aloud, Ctrl-C."""

from __future__ import annotations

import base64
import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from dialect_server import Front, open_front
from embedded import QUESTIONS, Server, run_server
from guards import Guard
from monitor import as_samples, find, loud_ms
from programs import REPOSITORY
from sound_card import Recording, SoundCard
from yandex_rules import YandexRules

from realtime_sync._threads import spawn
from realtime_sync.audio import Resampler

SAMPLES = REPOSITORY / "samples"
INDEX = "the-index"
DOWN_HZ = 44_100

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server() as running:
        yield running


@pytest.fixture
def yandex(server: Server) -> Iterator[Front]:
    with open_front(YandexRules, server) as front:
        yield front


class Agent:
    """A running program, of which the output is waited for."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.output = ""
        self._seen = 0  # up to here it was waited for
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = spawn(self._read, name="agent-output")

    def _read(self) -> None:
        assert self.process.stdout is not None
        while piece := os.read(self.process.stdout.fileno(), 4096):
            self._pieces.put(piece)
        self._pieces.put(b"")

    def wait_for(self, words: str) -> None:
        """Read until it has printed ``words`` after what was waited for before."""
        guard = Guard()
        while (place := self.output.find(words, self._seen)) < 0:
            piece = guard.get(self._pieces, f"{words!r} after {self.output!r}")
            assert piece, f"it ended without {words!r}: {self.output}"
            self.output += piece.decode()
        self._seen = place + len(words)

    def ends_at_ctrl_c(self) -> None:
        """Press Ctrl-C, and see it end in order."""
        self.process.send_signal(signal.SIGINT)
        guard = Guard()
        while piece := guard.get(self._pieces, "its end"):
            self.output += piece.decode()
        guard.join(self._reader)
        assert self.process.stderr is not None
        complaints = self.process.stderr.read().decode().splitlines()
        # ALSA tells of underruns on its own, where nobody has silenced it.
        assert [line for line in complaints if not line.startswith("ALSA lib")] == []
        assert self.process.wait(guard.seconds) == 0
        assert self.output.endswith("\nGoodbye.\n")


@contextmanager
def running(file: Path, front: Front, server: Server, *options: str) -> Iterator[Agent]:
    environment = {
        "YANDEX_FOLDER_ID": "b1g",
        "YANDEX_API_KEY": server.key,
        "YANDEX_INDEX_ID": INDEX,
        "YANDEX_URL": f"{front.url}/v1".replace("http", "ws", 1),
        "NO_PROXY": "*",
        "PYTHONPATH": str(REPOSITORY),
    }
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(file), *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield Agent(process)
        finally:
            process.kill()


def spoken(front: Front, number: int) -> Any:
    """What was said aloud in one of the responses that speak, at the recording's rate."""
    deltas = [event for event in front.said if event["type"] == "response.output_audio.delta"]
    ids = list(dict.fromkeys(event["response_id"] for event in deltas))
    mine = [event["delta"] for event in deltas if event["response_id"] == ids[number]]
    pcm = b"".join(map(base64.b64decode, mine))
    return as_samples(Resampler(DOWN_HZ, 24_000).process(pcm, last=True))


def hear_answer(recording: Recording, front: Front) -> None:
    """Wait until the speaker has played the whole of the latest answer."""
    Guard().until(lambda: front.said[-1]["type"] == "response.done", "the end of the answer")
    answer = spoken(front, -1)
    assert len(answer) > 18_000, "most of a second"

    def heard() -> bool:
        # The voice of the server repeats itself: shorter blocks are found in the wrong places.
        return find(answer, as_samples(recording.pcm), block_ms=100).whole > 0.6

    Guard().until(heard, "the answer from the speaker")


def sent(front: Front, kind: str) -> list[dict[str, Any]]:
    return [event for event in front.received if event["type"] == kind]


AGENTS = {
    "by the voice loop": "yandex_voice_agent.py",
    "ported": "ported/yandex_voice_agent.py",
    "before": "ported/yandex_voice_agent_before.py",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_a_question_is_answered_aloud_until_ctrl_c(
    sound_card: SoundCard, yandex: Front, server: Server, agent: str
) -> None:
    options = ["--url", f"{yandex.url}/v1", "--index", INDEX] if agent.endswith("loop") else []
    with running(SAMPLES / AGENTS[agent], yandex, server, *options) as program:
        program.wait_for("Speak")
        with sound_card.recording() as recording:
            sound_card.speak(QUESTIONS / "weather.wav")
            program.wait_for("what is the weather in london")
            program.wait_for('"condition": "')
            program.wait_for("The weather in London is ")
            program.wait_for(".")
            hear_answer(recording, yandex)
        program.ends_at_ctrl_c()
    assert "error" not in program.output

    (update,) = sent(yandex, "session.update")[-1:]
    audio = update["session"]["audio"]
    assert audio["input"]["format"]["rate"] == 24_000
    assert audio["output"]["format"]["rate"] == DOWN_HZ
    turns = {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 400}
    assert audio["input"]["turn_detection"] == turns
    tools = {tool["name"]: tool for tool in update["session"]["tools"]}
    assert set(tools) == {"get_weather", "web_search", "file_search"}
    assert tools["file_search"]["description"] == INDEX
    items = [event["item"] for event in sent(yandex, "conversation.item.create")]
    assert [item["type"] for item in items] == ["function_call_output"], "its own call alone"
    assert '"city": "London"' in items[0]["output"]


@pytest.mark.parametrize("agent", AGENTS)
def test_who_speaks_interrupts(
    sound_card: SoundCard, yandex: Front, server: Server, agent: str
) -> None:
    options = ["--url", f"{yandex.url}/v1"] if agent.endswith("loop") else []
    with running(SAMPLES / AGENTS[agent], yandex, server, *options) as program:
        program.wait_for("Speak")
        with sound_card.recording() as recording:
            sound_card.speak(QUESTIONS / "story.wav")
            program.wait_for("Once upon a time")
            Guard().until(lambda: loud_ms(as_samples(recording.pcm)) > 1000, "the story")
            sound_card.speak(QUESTIONS / "stop.wav")
            program.wait_for("stop please")
            program.wait_for("All right, I stopped.")
            hear_answer(recording, yandex)
        story = find(spoken(yandex, 0), as_samples(recording.pcm), block_ms=20)
        print(f"\n{story.whole:.0%} of what came of the story was heard")
        assert 0.0 < story.whole < 0.9, "its beginning alone"
        program.ends_at_ctrl_c()
