"""The virtual microphone and the virtual speaker."""

from __future__ import annotations

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
        speaker.resume()
        assert speaker.drain(10)
        assert speaker.played_ms("a") == 200
    audio = np.frombuffer(b"".join(heard), "<i2")
    assert np.count_nonzero(audio[2520 : 2400 + 48_000]) == 0
    assert np.count_nonzero(audio == 9) >= 4800 - 2 * 120


def test_a_fast_speaker_has_nothing_to_pause() -> None:
    speaker = VirtualSpeaker(pace="fast", clock=AudioClock())
    assert not speaker.pause()
    speaker.write(bytes(480), item_id="a")
    assert speaker.played_ms("a") == 10
    speaker.resume()
    assert speaker.drain(0)
