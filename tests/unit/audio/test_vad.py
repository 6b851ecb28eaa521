"""Speech is found where it is."""

from __future__ import annotations

import numpy as np
import pytest
from embedded import question, silence

from realtime_sync.audio import Vad
from realtime_sync.errors import ConfigError, FormatError


def changes(vad: Vad, pcm: bytes, *, ms: int = 20) -> list[tuple[int, str]]:
    """Return when speech was found to begin and to end, in ms."""
    size = 2 * vad.rate * ms // 1000
    found = []
    for at in range(0, len(pcm), size):
        change = vad.process(pcm[at : at + size])
        if change is not None:
            found.append(((at // size + 1) * ms, change))
    return found


@pytest.mark.parametrize(("hz", "ms"), [(16_000, 20), (24_000, 20), (48_000, 10), (24_000, 100)])
def test_it_tells_where_speech_begins_and_ends(hz: int, ms: int) -> None:
    vad = Vad(rate=hz)
    said = question("hello", hz=hz)
    audio = silence(1000, hz=hz) + said + silence(1000, hz=hz)
    (started, first), (stopped, second) = changes(vad, audio, ms=ms)
    assert (first, second) == ("started", "stopped")
    assert 1000 < started < 1600
    assert 2000 < stopped < 1000 + len(said) * 500 // hz + 700
    assert not vad.speaking
    assert vad.probability < 0.5


def test_noise_is_no_speech() -> None:
    noise = np.random.default_rng(1).normal(0, 1500, 24_000 * 2).astype("<i2")
    assert changes(Vad(), noise.tobytes()) == []


def test_the_silence_that_ends_an_utterance_is_the_callers() -> None:
    pause = question("hello") + silence(700) + question("hello") + silence(1500)
    assert len(changes(Vad(silence_ms=300), pause)) == 4
    assert len(changes(Vad(silence_ms=1300), pause)) == 2


def test_a_reset_forgets_the_speaker() -> None:
    vad = Vad()
    changes(vad, question("hello")[:48_000])
    assert vad.speaking
    vad.reset()
    assert not vad.speaking
    assert changes(vad, silence(1000)) == []


def test_what_is_wrong_is_refused() -> None:
    for options in ({"threshold": 1.0}, {"silence_ms": 10}, {"rate": 1}):
        with pytest.raises(ConfigError, match=next(iter(options))):
            Vad(**options)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="3 bytes"):
        Vad().process(b"abc")
