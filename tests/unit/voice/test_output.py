"""The output of a conversation on a sink: what it converts, refuses and tells of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from audio_clock import AudioClock
from guards import Guard

from realtime_sync._deadline import Deadline
from realtime_sync.audio.g711 import encode_ulaw
from realtime_sync.audio.virtual import VirtualSpeaker
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.voice.effects import Flush, Play
from realtime_sync.voice.hearing import Hearing
from realtime_sync.voice.output import SinkOutput

PART = ("a", 0)


class Setup:
    """An output on a speaker whose clock stands still."""

    def __init__(self, *, rate: int = 24_000, sound: SoundFormat | None = None) -> None:
        self.clock = AudioClock()
        self.sink = VirtualSpeaker(rate=rate, clock=self.clock)
        hearing = Hearing(self.sink, rate=rate, echo=None, half_duplex=False, clock=self.clock)
        self.failures: list[BaseException] = []
        told = sound or SoundFormat("audio/pcm", 24_000)
        self.output = SinkOutput(
            self.sink, hearing, sound_format=lambda: told, on_failure=self.failures.append
        )
        self.output.start()

    def play(self, audio: bytes) -> bool:
        return self.output.play(Play(audio, PART, "r1"))


@pytest.fixture
def make() -> Iterator[Any]:
    made: list[Setup] = []

    def make_setup(**options: Any) -> Setup:
        made.append(Setup(**options))
        return made[-1]

    yield make_setup
    for each in made:
        each.output.close(Deadline(30))


def test_it_tells_how_far_the_sink_has_come(make: Any, guard: Guard) -> None:
    setup = make()
    assert setup.output.idle
    assert setup.play(bytes(48_000))
    guard.until(lambda: setup.sink.buffered_ms == 1000, "the sound to be with the sink")
    setup.clock.advance(0.25)
    assert (setup.output.handed_ms(PART), setup.output.played_ms(PART)) == (250, 250)
    assert not setup.output.idle
    assert setup.output.silence([PART, ("b", 0)]) == {PART: 250, ("b", 0): 0}
    assert setup.output.idle


def test_it_converts_what_the_session_speaks(make: Any, guard: Guard) -> None:
    setup = make(sound=SoundFormat("audio/pcmu", 8_000))
    assert setup.play(encode_ulaw(np.zeros(800, np.int16).tobytes()))
    assert setup.output.flush(Flush(PART, "r1"))
    guard.until(lambda: setup.sink.buffered_ms >= 95, "100 ms at the sink's rate")


def test_half_a_sample_is_forgotten_where_some_are_missing(make: Any, guard: Guard) -> None:
    setup = make()
    setup.play(b"\1")
    setup.output.skip()
    setup.play(b"\2\0" * 240)
    guard.until(lambda: setup.sink.buffered_ms == 10, "the whole samples alone")


def test_what_finds_no_room_is_refused_and_counted(make: Any) -> None:
    setup = make()
    setup.output.pause()
    minute = bytes(48_000 * 60)
    taken = [setup.play(minute) for _ in range(14)]
    assert taken[:10] == [True] * 10
    assert taken[-1] is False
    assert setup.output.dropped_ms >= 60_000
