"""Apps of decorators as programs: a question spoken into the microphone, the answer aloud."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from embedded import QUESTIONS, Server, run_server
from guards import Guard
from monitor import as_samples, loud_ms
from programs import REPOSITORY
from sound_card import SoundCard

from realtime_sync._threads import spawn

SAMPLES = REPOSITORY / "samples"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server() as running:
        yield running


class App:
    """A running program: its keyboard and its screen."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.output = ""
        self._seen = 0  # up to here it was waited for
        self._pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._reader = spawn(self._read, name="app-output")

    def _read(self) -> None:
        assert self.process.stdout is not None
        while piece := os.read(self.process.stdout.fileno(), 4096):
            self._pieces.put(piece)
        self._pieces.put(b"")

    def type(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait_for(self, words: str) -> None:
        """Read until it has printed ``words`` after what was waited for before."""
        guard = Guard()
        while (place := self.output.find(words, self._seen)) < 0:
            piece = guard.get(self._pieces, f"{words!r} after {self.output!r}")
            assert piece, f"it ended without {words!r}: {self.output}{self._complaints()}"
            self.output += piece.decode()
        self._seen = place + len(words)

    def ends(self) -> None:
        """See it end in order."""
        guard = Guard()
        while piece := guard.get(self._pieces, "its end"):
            self.output += piece.decode()
        guard.join(self._reader)
        complaints = self._complaints()
        assert self.process.wait(guard.seconds) == 0, complaints
        assert "Traceback" not in complaints
        assert "left behind" not in complaints
        assert "Fatal" not in complaints

    def _complaints(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()


@contextmanager
def running(file: Path, server: Server) -> Iterator[App]:
    environment = {
        **os.environ,
        "OPENAI_API_KEY": server.key,
        "OPENAI_BASE_URL": server.url,
        "PYTHONPATH": str(REPOSITORY),
    }
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-u", str(file)], env=environment, stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        try:
            yield App(process)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("name", "begin", "end"),
    [
        ("decorators_audio.py", "Press Enter to record", "Press Enter to stop"),
        ("decorators_audio_stream_manual.py", "Press Enter to talk", "when you have finished"),
        ("ported/decorators_talk.py", "Enter to talk", "when you have finished"),
    ],
)
def test_a_question_between_two_keys(
    sound_card: SoundCard, server: Server, name: str, begin: str, end: str
) -> None:
    with running(SAMPLES / name, server) as app, sound_card.recording() as heard:
        app.wait_for(begin)
        app.type("\n")
        app.wait_for(end)
        sound_card.speak(QUESTIONS / "hello.wav")
        app.type("\n")
        app.wait_for("AI: I am fine, thank you")
        app.wait_for(begin)
        app.type("exit\n")
        app.ends()
    assert loud_ms(as_samples(heard.pcm)) > 500, "the answer was aloud"


@pytest.mark.parametrize(
    ("question", "answer"), [("hello", "AI: I am fine, thank you"), ("story", "AI: Once upon a")]
)
def test_talking_until_ctrl_c(
    sound_card: SoundCard, server: Server, question: str, answer: str
) -> None:
    """Which breaks off what plays: the story is half a minute long."""
    name = "decorators_audio_stream.py"
    with running(SAMPLES / name, server) as app, sound_card.recording() as heard:
        app.wait_for("Say something.")
        sound_card.speak(QUESTIONS / f"{question}.wav")
        app.wait_for(answer)
        Guard().until(lambda: loud_ms(as_samples(heard.pcm)) > 500, "the answer aloud")
        app.process.send_signal(signal.SIGINT)
        app.ends()
    assert app.output.endswith("Goodbye.\n")


def test_talking_about_the_weather(sound_card: SoundCard, server: Server) -> None:
    with running(SAMPLES / "decorators_audio_stream_tool.py", server) as app:
        app.wait_for("Ask for the weather.")
        sound_card.speak(QUESTIONS / "weather.wav")
        app.wait_for("called: get_weather(city='London') returns {'city': 'London'")
        app.wait_for("AI: The weather in London is sunny, 21 degrees.")
        app.process.send_signal(signal.SIGINT)
        app.ends()
    assert app.output.endswith("Goodbye.\n")
