"""The virtual microphone and the virtual speaker."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from audio_clock import AudioClock

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


def test_a_virtual_speaker_s_pause_keeps_what_was_not_played() -> None:
    clock = AudioClock()
    heard: list[bytes] = []
    with VirtualSpeaker(tap=heard.append, clock=clock) as speaker:
        speaker.write(np.full(4800, 9, "<i2"), item_id="a")
        clock.advance(0.1)
        assert speaker.pause()
        clock.advance(1)
        assert speaker.played_ms("a") == 105  # the fade is heard, too
        assert not speaker.drain(1)
        assert clock() == pytest.approx(1002.1)
        clock.advance(0.5)
        speaker.resume()
        assert speaker.played_ms("a") == 105
        assert speaker.drain(10)
        assert speaker.played_ms("a") == 200
    audio = np.frombuffer(b"".join(heard), "<i2")
    assert np.count_nonzero(audio[2520 : 2400 + 60_000]) == 0
    assert np.count_nonzero(audio == 9) >= 4800 - 2 * 120


class CountingClock(AudioClock):
    """A clock that knows how often somebody waited."""

    waits = 0

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits += 1
        return super().wait(event, seconds)


def test_who_waits_for_the_end_of_a_pause_looks_only_now_and_then() -> None:
    clock = CountingClock()
    speaker = VirtualSpeaker(clock=clock)
    speaker.write(np.full(480 + 121, 9, "<i2"))
    clock.advance(0.02)
    assert speaker.pause()
    assert not speaker.drain(1)  # of the rest, a fade is heard, and one sample waits
    assert clock.waits <= 51


def test_a_fast_speaker_has_nothing_to_pause() -> None:
    speaker = VirtualSpeaker(pace="fast", clock=AudioClock())
    assert not speaker.pause()
    speaker.write(bytes(480), item_id="a")
    assert speaker.played_ms("a") == 10
    speaker.resume()
    assert speaker.drain(0)
