"""A user made of recordings takes turns."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from audio_clock import AudioClock

from realtime_sync.audio.virtual import VirtualMicrophone
from realtime_sync.cli._interview import Interview, Progress
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
    paths = [recording(tmp_path / f"{n}.wav", 100 * n) for n in (1, 2)]
    return Interview(paths, VirtualMicrophone(clock=clock), clock=clock)


def values(chunk: bytes) -> set[int]:
    return set(np.frombuffer(chunk, "<i2").tolist())


def test_the_next_is_said_when_the_answer_is_over(interview: Interview) -> None:
    progress, settled = Progress(), False
    interview.follow(progress, settled=lambda: settled)
    line = iter(interview)
    assert [values(next(line)) for _ in range(12)] == [{100}] * 10 + [{0}] * 2
    settled = True  # it is quiet because the server is still thinking
    assert values(next(line)) == {0}
    settled, progress.answers = False, 1  # the answer is complete and still playing
    assert values(next(line)) == {0}
    settled = True
    assert [values(next(line)) for _ in range(10)] == [{200}] * 10
    assert interview.unanswered == ["2.wav"]
    progress.answers = 2
    assert list(line) == []
    assert interview.unanswered == []


def test_a_failure_is_over_too_and_no_answer(interview: Interview) -> None:
    progress = Progress()
    interview.follow(progress, settled=lambda: True)
    line = iter(interview)
    assert [values(next(line)) for _ in range(10)] == [{100}] * 10
    progress.failures = 1
    assert [values(next(line)) for _ in range(10)] == [{200}] * 10
    progress.answers = 1
    assert list(line) == []
    assert interview.unanswered == ["1.wav"]


def test_what_is_said_about_the_silence_is_no_answer(interview: Interview) -> None:
    progress = Progress(turns=1)
    interview.follow(progress, settled=lambda: True)
    line = iter(interview)
    next(line)
    progress.turns = 2
    progress.prompts = progress.answers = 1
    assert [values(next(line)) for _ in range(11)] == [{100}] * 9 + [{0}] * 2
    assert not progress.answered


def test_no_turn_in_it_is_told_within_seconds(interview: Interview, clock: AudioClock) -> None:
    interview.follow(Progress(), settled=lambda: True)
    began = clock()
    with pytest.raises(RealtimeTimeout, match=r"nobody was heard to speak in 1\.wav.*-50 dBFS"):
        list(interview)
    assert clock() - began == pytest.approx(5.2, abs=0.1)
    assert interview.unanswered == ["1.wav"]


@pytest.mark.parametrize("settled", [True, False])
def test_no_answer_is_an_error_that_names_the_recording(
    interview: Interview, clock: AudioClock, settled: bool
) -> None:
    progress = Progress()
    interview.follow(progress, settled=lambda: settled)
    began = clock()
    line = iter(interview)
    next(line)
    progress.turns = 1
    with pytest.raises(RealtimeTimeout, match=r"1\.wav got no answer within 30 s"):
        list(line)
    assert clock() - began == pytest.approx(30.2, abs=0.1)


def test_as_long_as_something_comes_there_is_patience(
    interview: Interview, clock: AudioClock
) -> None:
    progress = Progress()
    interview.follow(progress, settled=lambda: False)
    began = clock()
    line = iter(interview)
    while clock() - began < 100:
        next(line)
        progress.events += 1
    with pytest.raises(RealtimeTimeout):
        list(line)
    assert clock() - began == pytest.approx(130, abs=0.1)


def test_closing_ends_it(interview: Interview) -> None:
    line = iter(interview)
    next(line)
    interview.close()
    assert list(line) == []
    assert interview.rate == 24000


def test_a_file_that_is_missing_is_said_at_once(tmp_path: Path, clock: AudioClock) -> None:
    with pytest.raises(AudioError, match=r"nothing\.wav"):
        Interview([tmp_path / "nothing.wav"], VirtualMicrophone(clock=clock))


def test_a_file_of_silence_is_said_at_once(tmp_path: Path, clock: AudioClock) -> None:
    path = recording(tmp_path / "quiet.wav", 0)
    with pytest.raises(AudioError, match=r"quiet\.wav has nothing but silence in it"):
        Interview([path], VirtualMicrophone(clock=clock))
