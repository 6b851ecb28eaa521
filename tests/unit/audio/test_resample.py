"""The streaming resampler: chunks of any size give what the whole gives."""

from __future__ import annotations

import re
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync._installation import install_command
from realtime_sync.audio import Resampler
from realtime_sync.errors import ConfigError, FormatError

RATES = (8000, 16000, 22050, 24000, 44100, 48000)


def tone(rate: int, *, hz: float = 440, seconds: float = 0.5, peak: int = 12000) -> np.ndarray:
    turns = np.arange(round(rate * seconds)) / rate
    return np.rint(peak * np.sin(2 * np.pi * hz * turns)).astype("<i2")


def one_shot(audio: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    return np.frombuffer(Resampler(from_hz, to_hz).process(audio, last=True), "<i2")


@settings(max_examples=40)
@given(
    st.sampled_from(RATES),
    st.sampled_from(RATES),
    st.lists(st.integers(0, 2000), min_size=1, max_size=12),
)
def test_chunks_of_any_size_equal_one_shot(from_hz: int, to_hz: int, sizes: list[int]) -> None:
    audio = tone(from_hz)
    stream = Resampler(from_hz, to_hz)
    out, start = b"", 0
    for size in sizes:
        out += stream.process(audio[start : start + size].tobytes())
        start += size
    out += stream.process(audio[start:], last=True)
    got = np.frombuffer(out, "<i2").astype(int)
    expected = one_shot(audio, from_hz, to_hz)
    assert got.size == expected.size
    assert np.abs(got - expected).max(initial=0) <= 1  # float32 sums in another order


@pytest.mark.parametrize("from_hz", RATES)
@pytest.mark.parametrize("to_hz", RATES)
def test_a_tone_stays_the_tone(from_hz: int, to_hz: int) -> None:
    got = one_shot(tone(from_hz), from_hz, to_hz).astype(float)
    expected = tone(to_hz).astype(float)
    assert abs(got.size - expected.size) <= 1
    middle = slice(to_hz // 10, to_hz // 10 * 4)  # the filter rings at the ends
    assert np.abs(got[middle] - expected[middle]).max() < 30


def test_silence_stays_silence() -> None:
    assert not one_shot(np.zeros(2400, "<i2"), 24000, 48000).any()


def test_full_scale_is_clipped_and_does_not_wrap() -> None:
    square = np.repeat(np.tile(np.array([32767, -32768], "<i2"), 20), 60)
    out = one_shot(square, 24000, 48000).astype(int)
    steps = np.sign(out[np.abs(out) > 20000])
    assert out.max() == 32767
    assert out.min() == -32768
    assert np.count_nonzero(np.diff(steps)) == 39


def test_equal_rates_pass_through_untouched() -> None:
    audio = tone(24000)
    stream = Resampler(24000, 24000)
    assert stream.process(audio) == audio.tobytes()
    assert stream.process(b"", last=True) == b""


def test_a_new_stream_starts_after_the_last_chunk() -> None:
    stream = Resampler(24000, 16000)
    first = stream.process(tone(24000), last=True)
    assert stream.process(tone(24000), last=True) == first


def test_bad_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="from_hz=0"):
        Resampler(0, 24000)
    with pytest.raises(ConfigError, match="to_hz='x'"):
        Resampler(24000, "x")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="quality='best'"):
        Resampler(24000, 16000, quality="best")  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="odd"):
        Resampler(24000, 16000).process(b"abc")
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(ConfigError, match=re.escape(install_command("files"))):
        Resampler(24000, 16000)
    assert Resampler(24000, 24000).process(b"ab") == b"ab"
