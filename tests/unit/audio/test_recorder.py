"""The recorder around a conversation."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from audio_clock import AudioClock
from scripted_device import DeviceClock, ScriptedDevice

from realtime_sync.audio import Speaker, StereoRecorder
from realtime_sync.audio import speaker as home
from realtime_sync.audio.virtual import VirtualMicrophone, VirtualSpeaker

RATE = 24000


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


def test_a_pause_is_recorded_as_it_is_heard(tmp_path: Path) -> None:
    talk = Talk(tmp_path / "talk.wav")
    talk.listen(20)
    talk.sink.write(np.full(RATE // 5, 900, "<i2").tobytes(), item_id="a")
    talk.listen(100)
    assert talk.sink.pause()
    talk.listen(200)
    talk.sink.resume()
    talk.listen(200)
    right = talk.end()[:, 1]
    ms = RATE // 1000
    assert (right[20 * ms : 120 * ms] == 900).all()
    assert not right[125 * ms : 320 * ms].any()
    assert (right[325 * ms : 415 * ms] == 900).all()


class Unstoppable(VirtualSpeaker):
    """A sink that can't pause."""

    def pause(self) -> bool:
        return False


def test_what_plays_on_in_a_pause_is_recorded_on(tmp_path: Path) -> None:
    clock = AudioClock()
    with StereoRecorder(tmp_path / "talk.wav", clock=clock) as recorder:
        sink = recorder.sink(Unstoppable(clock=clock))
        sink.write(np.full(RATE, 900, "<i2").tobytes(), item_id="a")
        assert not sink.pause()
        assert sink.drain(10)
    with wave.open(str(tmp_path / "talk.wav"), "rb") as file:
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    assert np.count_nonzero(both[:, 1]) == RATE


def test_a_recorded_speaker_is_listened_to_and_counts_on(tmp_path: Path) -> None:
    device = ScriptedDevice(rate=48_000, channels=2, latency_s=0.04)
    blocks: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        device.install(patch, home)
        clock = DeviceClock(device)
        with (
            Speaker(prebuffer_ms=0, clock=clock) as speaker,
            StereoRecorder(tmp_path / "talk.wav", clock=clock) as recorder,
        ):
            sink = recorder.sink(speaker)
            assert sink.listen(blocks.append) == 48_000
            sink.write(np.full(RATE // 10, 900, "<i2").tobytes(), item_id="a")
            device.turn()
            assert (sink.handed_ms("a"), sink.played_ms("a")) == (40, 0)
            device.turn()
            device.turn()
            assert sink.underruns == speaker.underruns == 1
    assert len(b"".join(blocks)) == 3 * 2 * 1920
    assert np.frombuffer(blocks[1], "<i2").any()
