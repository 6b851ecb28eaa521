"""The assistant of docs/audio.md, as whoever copies it runs it: a microphone and a speaker."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
from blocks import python_blocks
from embedded import QUESTIONS
from guards import Guard
from monitor import as_samples, is_over
from programs import REPOSITORY
from sound_card import SoundCard

from realtime_sync._threads import spawn

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


def the_program() -> str:
    blocks = python_blocks(REPOSITORY / "docs" / "audio.md")
    (block,) = [block for block in blocks if Path(__file__).name in (block.not_run or "")]
    return block.code


def read_lines(stream: IO[str], lines: queue.SimpleQueue[str]) -> None:
    for line in stream:
        lines.put(line.strip())
    lines.put("")


def test_it_greets_answers_and_ends_at_ctrl_c(
    sound_card: SoundCard, guard: Guard, tmp_path: Path
) -> None:
    file = tmp_path / "assistant.py"
    file.write_text(the_program(), encoding="utf-8")
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def wait_for(beginning: str) -> str:
        while not (line := guard.get(lines, beginning)).startswith(beginning):
            assert line, f"it ended without {beginning!r}"
        return line

    with subprocess.Popen(
        [sys.executable, "-u", "-W", "error", str(file)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stdout is not None
        reader = spawn(lambda: read_lines(process.stdout, lines), name="program-output")  # type: ignore[arg-type]  # looked at above
        try:
            with sound_card.recording() as recording:
                wait_for("assistant: Hello")
                guard.until(lambda: is_over(as_samples(recording.pcm)), "the end of the greeting")
            sound_card.speak(QUESTIONS / "weather.wav")
            assert "weather in london" in wait_for("user:").lower()
            assert "London is sunny, 21 degrees" in wait_for("assistant: The weather")
            process.send_signal(signal.SIGINT)
            wait_for("Goodbye.")
            assert process.wait(guard.seconds) == 0
        finally:
            process.kill()
            guard.join(reader)
