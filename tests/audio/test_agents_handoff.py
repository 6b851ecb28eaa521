"""The sample of agents on a sound card: what is said into the microphone is answered aloud."""

from __future__ import annotations

import queue
import re
import signal
import subprocess
import sys
import threading
import wave
from pathlib import Path

import numpy as np
from guards import Guard
from sound_card import SoundCard

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "samples" / "agents_handoff.py"
QUESTION = SAMPLE.with_suffix("") / "order.wav"


def seconds_of_speech(samples: np.ndarray) -> float:
    blocks = samples[: len(samples) // 480 * 480].reshape(-1, 480)  # of 20 ms
    return float(np.count_nonzero(np.sqrt((blocks.astype(float) ** 2).mean(axis=1)) > 200) * 0.02)


def test_a_question_into_the_microphone_is_answered_and_recorded(
    sound_card: SoundCard, guard: Guard, tmp_path: Path
) -> None:
    output = tmp_path / "agents.wav"
    with subprocess.Popen(
        [sys.executable, "-u", str(SAMPLE), "--microphone", "--output", str(output)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    ) as sample:
        lines = Lines(sample, guard)
        lines.wait_for("^Speak")
        sound_card.speak(QUESTION)
        lines.wait_for("^user +where is my order")
        lines.wait_for("^agent .*Your order is on its way")
        sample.send_signal(signal.SIGINT)
        lines.wait_for("^The conversation is in")
        assert sample.wait(guard.seconds) == 0
    with wave.open(str(output)) as file:
        sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert seconds_of_speech(sides[:, 0]) > 0.5, "the question"
    assert seconds_of_speech(sides[:, 1]) > 0.5, "what was said while the tools ran"


class Lines:
    """What a program prints, line by line."""

    def __init__(self, program: subprocess.Popen[str], guard: Guard) -> None:
        self._guard = guard
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        assert program.stdout is not None
        self._stdout = program.stdout
        threading.Thread(target=self._read).start()  # ends with the program

    def _read(self) -> None:
        for line in self._stdout:
            self._lines.put(line)

    def wait_for(self, pattern: str) -> None:
        """Take lines up to one that matches."""
        while not re.search(pattern, self._guard.get(self._lines, pattern)):
            pass
