"""Running programs on the Distiller, ours or the SDK's, at a microphone and a speaker."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded import QUESTIONS, Server
from guards import Guard
from monitor import as_samples, is_over
from port_rule import PORTED
from programs import REPOSITORY
from sound_card import SoundCard


@contextmanager
def running(python: str, file: Path, server: Server, *arguments: str) -> Iterator[Talker]:
    """Run a program that finds ``server`` in its environment, and kill it in the end."""
    environment = {
        **os.environ,
        "API_KEY": server.key,
        "AIR_BASE_URL": server.url.removesuffix("/v1"),  # which the SDK would keep
        "PYTHONPATH": str(REPOSITORY),
    }
    with subprocess.Popen(
        [python, "-u", str(file), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Talker(process)
        finally:
            process.kill()


class Talker:
    """A running program that prints what is said."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.printed = ""

    def read_to(self, beginning: str) -> None:
        """Read up to a line that begins so."""
        assert self._process.stdout is not None
        line = ""
        while not line.startswith(beginning):
            line = self._process.stdout.readline()
            assert line, f"no {beginning!r} in {self.printed}{self._process.communicate()[1]}"
            self.printed += line

    def read_to_end(self) -> None:
        """Read what is left, and see it end well."""
        output, errors = self._process.communicate(timeout=Guard().seconds)
        assert self._process.returncode == 0, errors
        self.printed += output


def talk_aloud(python: str, name: str, server: Server, card: SoundCard) -> str:
    """Run the spoken sample and speak once; return what it prints. Both answers are heard."""
    with running(python, PORTED / name, server, "Hello!") as program:
        with card.recording() as answer:
            program.read_to("Speak now.")
            Guard().until(lambda: is_over(as_samples(answer.pcm)), "the written question's answer")
        with card.recording() as answer:
            Guard().until(card.is_heard, "the microphone")
            card.speak(QUESTIONS / "weather.wav")
            program.read_to_end()
            Guard().until(lambda: is_over(as_samples(answer.pcm)), "the spoken question's answer")
    return program.printed
