"""What the sink plays: whether it does, and its signal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from audio_clock import AudioClock

from realtime_sync.audio import StereoRecorder
from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.errors import ConfigError
from realtime_sync.voice.hearing import Hearing
from realtime_sync.voice.playback import PlayedSignal, Playing

RATE = 24_000
SPEECH = np.arange(1, RATE + 1, dtype="<i2").tobytes()  # a second, no two samples alike
CHUNK = b"\7\0" * 480


@pytest.fixture
def clock() -> AudioClock:
    return AudioClock()


def test_it_plays_until_the_last_of_it_is_heard(clock: AudioClock) -> None:
    sink = VirtualSpeaker(clock=clock)
    playing = Playing(sink, clock=clock)
    assert not playing()
    for part in (("a", 0), ("b", 0)):
        playing.write(SPEECH, part)
        sink.write(SPEECH, item_id=part[0])
    answers = []
    for _ in range(8):
        answers.append(playing())
        clock.advance(0.3)
    assert answers == [True] * 7 + [False]
    playing.write(SPEECH, ("c", 0))
    sink.write(SPEECH, item_id="c")
    assert playing()
    sink.clear()
    playing.clear()
    assert not playing()


def test_what_the_sink_has_dropped_does_not_play_for_ever(clock: AudioClock) -> None:
    playing = Playing(VirtualSpeaker(clock=clock), clock=clock)
    playing.write(SPEECH, ("a", 0))
    assert playing()
    clock.advance(1.1)
    assert not playing()


def test_the_signal_is_what_the_sink_plays_sample_by_sample(clock: AudioClock) -> None:
    played: list[bytes] = []
    sink = VirtualSpeaker(clock=clock, tap=played.append)
    signal = PlayedSignal(sink, rate=RATE, clock=clock)
    heard = []
    sink.start()
    for n in range(100):
        if n in (10, 70):
            signal.write(SPEECH)
            sink.write(SPEECH, item_id=str(n))
        if n == 30:
            sink.clear()
            signal.clear()
        clock.advance(0.02)
        heard.append(signal.take(480))
    sink.advance()
    assert b"".join(heard) == b"".join(played)
    assert b"".join(heard[10:30]) == SPEECH[: 20 * 960]


def test_a_microphone_thread_that_was_late_moves_nothing(clock: AudioClock) -> None:
    signal = PlayedSignal(VirtualSpeaker(clock=clock), rate=RATE, clock=clock)
    signal.take(480)
    signal.write(SPEECH)
    clock.advance(0.1)  # five chunks wait
    assert b"".join(signal.take(480) for _ in range(5)) == SPEECH[: 5 * 960]


def test_what_is_written_between_two_chunks_begins_there(clock: AudioClock) -> None:
    signal = PlayedSignal(VirtualSpeaker(clock=clock), rate=RATE, clock=clock)
    signal.take(480)
    clock.advance(0.005)
    signal.write(SPEECH)
    clock.advance(0.015)
    assert signal.take(480) == bytes(240) + SPEECH[:720]


def test_the_signal_comes_at_the_rate_of_the_microphone(clock: AudioClock) -> None:
    signal = PlayedSignal(VirtualSpeaker(clock=clock), rate=16_000, clock=clock)
    signal.take(320)
    signal.write(np.full(RATE, 8000, "<i2").tobytes())
    heard = b""
    for _ in range(60):
        clock.advance(0.02)
        heard += signal.take(320)
    loud = np.frombuffer(heard, "<i2") > 4000
    assert len(loud) == 60 * 320
    assert np.count_nonzero(loud) == pytest.approx(16_000, abs=20)


def test_the_signal_pauses_when_the_sink_does(clock: AudioClock) -> None:
    played: list[bytes] = []
    sink = VirtualSpeaker(clock=clock, tap=played.append)
    hearing = Hearing(sink, rate=RATE, echo=EchoOnly(), half_duplex=False, clock=clock)
    heard = []
    sink.start()
    for n in range(60):
        if n == 10:
            hearing.write(SPEECH, ("a", 0))
            sink.write(SPEECH, item_id="a")
        clock.advance(0.007)  # in the middle of a chunk
        if n in (20, 50):
            sink.pause()
            hearing.pause()
        if n in (40, 53):
            sink.resume()
            hearing.resume()
        clock.advance(0.013)
        heard.append(hearing.clean(CHUNK))
    sink.advance()
    assert b"".join(heard) == b"".join(played)
    assert not any(b"".join(heard[21:40]))
    played_before = 49 - 23 + 0.5  # chunks: less two pauses, and each begins with a fade of 5 ms
    assert heard[59] == SPEECH[int(played_before * 960) :][:960]


def test_a_pause_before_the_first_chunk_counts_as_well(clock: AudioClock) -> None:
    signal = PlayedSignal(VirtualSpeaker(clock=clock), rate=RATE, clock=clock)
    signal.pause()
    signal.write(SPEECH)
    assert not any(signal.take(480)[240:])  # but for a fade
    signal.resume()
    clock.advance(0.02)
    assert any(signal.take(480))


class EchoOnly:
    """Lets nothing through but what was played."""

    def process(self, heard: bytes, played: bytes) -> bytes:
        return played


class Listened(VirtualSpeaker):
    """A sink that tells its blocks, as the speaker does."""

    def listen(self, hear: Callable[[bytes], object]) -> int:
        self.hear = hear
        return self.rate


def test_a_sink_that_can_be_listened_to_is(clock: AudioClock) -> None:
    sink = Listened(clock=clock)
    signal = PlayedSignal(sink, rate=RATE, clock=clock)
    signal.write(b"not this")
    signal.clear()
    blocks = [bytes(1920), SPEECH[:1920], SPEECH[1920:3840]]  # 40 ms each
    assert signal.take(480) == bytes(960)
    heard = []
    for block in blocks:
        sink.hear(block)
        heard += [signal.take(480), signal.take(480)]
    assert b"".join(heard) == b"".join(blocks)


def test_a_sink_behind_a_wrapper_is_listened_to(clock: AudioClock, tmp_path: Path) -> None:
    sink = Listened(clock=clock)
    with StereoRecorder(tmp_path / "talk.wav", clock=clock) as recorder:
        signal = PlayedSignal(recorder.sink(sink), rate=RATE, clock=clock)
        assert signal.take(480) == bytes(960)
        sink.hear(SPEECH[:960])
        assert signal.take(480) == SPEECH[:960]


def test_nothing_is_lost_that_was_written_before_the_first_chunk(clock: AudioClock) -> None:
    signal = PlayedSignal(VirtualSpeaker(clock=clock), rate=RATE, clock=clock)
    signal.write(SPEECH[:960])
    signal.write(SPEECH[960:1920])
    assert signal.take(480) == SPEECH[:960]
    clock.advance(0.02)
    assert signal.take(480) == SPEECH[960:1920]


def test_silence_that_a_late_device_put_in_front_goes_away(clock: AudioClock) -> None:
    sink = Listened(clock=clock)
    signal = PlayedSignal(sink, rate=RATE, clock=clock)
    assert [signal.take(480) for _ in range(10)] == [bytes(960)] * 10  # the device is late,
    sink.hear(bytes(10 * 960))  # and makes up for it
    for _ in range(60):
        sink.hear(bytes(960))
        signal.take(480)
    sink.hear(SPEECH[:960])
    assert signal.take(480) == SPEECH[:960]


def test_while_the_sink_plays_the_microphone_is_muted_and_a_little_longer(
    clock: AudioClock,
) -> None:
    sink = VirtualSpeaker(clock=clock)
    hearing = Hearing(sink, rate=RATE, echo=None, half_duplex=True, clock=clock)
    assert hearing.clean(CHUNK) == CHUNK
    hearing.write(SPEECH, ("a", 0))
    sink.write(SPEECH, item_id="a")
    passed = []
    for _ in range(75):
        passed.append(hearing.clean(CHUNK) == CHUNK)
        clock.advance(0.02)
    assert 60 <= passed.index(True) <= 63  # a second, less what counts as nothing, and 250 ms
    assert all(passed[64:])


def test_a_microphone_is_not_muted_by_a_sink_that_is_paused(clock: AudioClock) -> None:
    sink = VirtualSpeaker(clock=clock)
    hearing = Hearing(sink, rate=RATE, echo=None, half_duplex=True, clock=clock)
    hearing.write(SPEECH, ("a", 0))
    sink.write(SPEECH, item_id="a")
    assert hearing.clean(CHUNK) != CHUNK
    sink.pause()
    hearing.pause()
    clock.advance(0.2)
    assert hearing.clean(CHUNK) != CHUNK  # the room goes on sounding
    clock.advance(0.1)
    assert hearing.clean(CHUNK) == CHUNK
    clock.advance(5)
    sink.resume()
    hearing.resume()
    assert hearing.clean(CHUNK) != CHUNK  # although nothing has moved yet


def test_echo_and_half_duplex_exclude_one_another(clock: AudioClock) -> None:
    with pytest.raises(ConfigError, match="exclude one another"):
        Hearing(
            VirtualSpeaker(clock=clock), rate=RATE, echo=EchoOnly(), half_duplex=True, clock=clock
        )
