"""The virtual microphone, and the recorder around a conversation."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from audio_clock import AudioClock

from realtime_sync.audio import StereoRecorder
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker

RATE = 24000
CHUNK = 480


def test_the_line_is_silent_until_something_is_said() -> None:
    clock = AudioClock()
    with VirtualMicrophone(clock=clock) as line:
        chunks = iter(line)
        assert next(chunks) == bytes(2 * CHUNK)
        line.say(np.full(CHUNK + 10, 5, "<i2"))
        line.say(np.full(10, 6, "<i2"))
        line.say(b"")
        assert not line.wait_said(0)
        assert np.frombuffer(next(chunks), "<i2").tolist() == [5] * CHUNK
        assert np.frombuffer(next(chunks), "<i2").tolist() == [5] * 10 + [6] * 10 + [0] * 460
        assert line.wait_said(0)
        assert clock() == pytest.approx(1000.06)
        line.say(b"ab")
    assert list(chunks) == []
    assert line.wait_said(0)


def test_a_virtual_speaker_takes_its_time_and_its_tap_hears_all() -> None:
    clock = AudioClock()
    heard: list[bytes] = []
    speaker = VirtualSpeaker(tap=heard.append, clock=clock)
    speaker.start()
    clock.advance(0.1)
    speaker.write(np.full(2400, 9, "<i2"), item_id="a")
    speaker.flush()
    assert speaker.drain(10)
    assert clock() == pytest.approx(1000.2)
    speaker.close()
    audio = np.frombuffer(b"".join(heard), "<i2")
    assert audio.tolist() == [0] * 2400 + [9] * 2400


class Talk:
    """A conversation on a virtual clock, recorded."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = AudioClock()
        self.line = VirtualMicrophone(clock=self.clock)
        self.speaker = VirtualSpeaker(clock=self.clock)
        self.recorder = StereoRecorder(path, clock=self.clock)
        self.source = self.recorder.source(self.line)
        self.sink = self.recorder.sink(self.speaker)
        self.chunks = iter(self.source)

    def listen(self, ms: int) -> None:
        for _ in range(ms // 20):
            next(self.chunks)

    def end(self) -> np.ndarray:
        self.recorder.close()
        self.recorder.close()
        with wave.open(str(self.path), "rb") as file:
            assert (file.getnchannels(), file.getframerate()) == (2, RATE)
            data = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return data.reshape(-1, 2)


def test_both_sides_are_recorded_in_step_and_as_heard(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "talk.wav")
    assert (talk.source.rate, talk.sink.rate) == (RATE, RATE)
    talk.listen(100)
    talk.line.say(np.full(RATE // 10, 500, "<i2"))
    talk.listen(200)
    talk.sink.write(np.full(RATE, 900, "<i2").tobytes(), item_id="a")
    talk.sink.flush()
    talk.listen(100)
    assert talk.sink.played_ms("a") == talk.sink.handed_ms("a") == 100
    talk.line.say(np.full(RATE // 10, 600, "<i2"))
    talk.listen(60)
    talk.sink.clear()
    talk.listen(140)
    assert talk.sink.drain(0)
    both = talk.end()
    left, right = both[:, 0], both[:, 1]
    ms = RATE // 1000
    assert len(both) == 600 * ms
    assert (left[100 * ms : 200 * ms] == 500).all()
    assert (left[400 * ms : 500 * ms] == 600).all()
    assert np.count_nonzero(left) == 200 * ms
    assert (right[300 * ms : 460 * ms] == 900).all()
    assert not right[: 300 * ms].any()
    assert not right[465 * ms :].any()


def test_a_user_who_has_left_does_not_hold_up_the_recording(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "talk.wav")
    talk.listen(100)
    talk.source.close()
    talk.sink.write(np.full(3 * RATE, 900, "<i2").tobytes(), item_id="a")
    assert talk.sink.drain(10)
    with wave.open(str(talk.path), "rb") as file:
        assert file.getnframes() >= 3 * RATE - RATE // 2
    both = talk.end()
    assert len(both) == int(3.1 * RATE)
    assert np.count_nonzero(both[:, 1]) == 3 * RATE
    talk.recorder.add_user(b"ab")
