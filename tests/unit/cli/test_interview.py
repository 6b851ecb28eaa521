"""A user made of recordings takes turns."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from audio_clock import AudioClock

from realtime_sync.audio.virtual import VirtualMicrophone
from realtime_sync.cli._interview import Interview
from realtime_sync.errors import AudioError, RealtimeTimeout


def recording(path: Path, value: int, ms: int = 200) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24000, 0, "NONE", ""))
        file.writeframes(np.full(24 * ms, value, "<i2").tobytes())
    return path


@pytest.fixture
def clock() -> AudioClock:
    return AudioClock()


@pytest.fixture
def interview(tmp_path: Path, clock: AudioClock) -> Interview:
    paths = [recording(tmp_path / f"{n}.wav", n) for n in (1, 2)]
    return Interview(paths, VirtualMicrophone(clock=clock), clock=clock)


def values(chunk: bytes) -> set[int]:
    return set(np.frombuffer(chunk, "<i2").tolist())


def test_the_next_is_said_when_the_answer_is_over(interview: Interview) -> None:
    answers, settled = 0, False
    interview.follow(answered=lambda: answers, settled=lambda: settled)
    line = iter(interview)
    assert [values(next(line)) for _ in range(12)] == [{1}] * 10 + [{0}] * 2
    settled = True  # it is quiet because the server is still thinking
    assert values(next(line)) == {0}
    settled, answers = False, 1  # the answer is complete and still playing
    assert values(next(line)) == {0}
    settled = True
    assert [values(next(line)) for _ in range(10)] == [{2}] * 10
    answers = 2
    assert list(line) == []


def test_no_answer_is_an_error_that_names_the_recording(
    interview: Interview, clock: AudioClock
) -> None:
    interview.follow(answered=lambda: 0, settled=lambda: True)
    began = clock()
    with pytest.raises(RealtimeTimeout, match=r"1\.wav got no answer within 30 s"):
        list(interview)
    assert clock() - began == pytest.approx(30.2, abs=0.1)


def test_closing_ends_it(interview: Interview) -> None:
    line = iter(interview)
    next(line)
    interview.close()
    assert list(line) == []
    assert interview.rate == 24000


def test_a_file_that_is_missing_is_said_at_once(tmp_path: Path, clock: AudioClock) -> None:
    with pytest.raises(AudioError, match=r"nothing\.wav"):
        Interview([tmp_path / "nothing.wav"], VirtualMicrophone(clock=clock))
