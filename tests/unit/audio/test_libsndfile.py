"""The formats that libsndfile reads, as it writes them."""

from __future__ import annotations

import io
import logging
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import Sound, WavSource, level_dbfs, read_wav
from realtime_sync.errors import AudioError, ConfigError, FormatError

RATE = 24_000
TONE = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) / 2
EXACT = [
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"),
    ("W64", "PCM_16"),
]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "MS_ADPCM")]


def written(kind: str, coding: str, sound: np.ndarray = TONE, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=kind, subtype=coding)
    return file.getvalue()


def power_at_440_hz(pcm: bytes) -> float:
    """The share of the sound that is the tone."""
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2") / 32768.0)) ** 2
    at = round(440 * len(pcm) / 2 / RATE)
    return float(spectrum[at - 4 : at + 5].sum() / spectrum.sum())


@pytest.mark.parametrize(("kind", "coding"), EXACT)
def test_lossless_formats_are_exact(kind: str, coding: str, tmp_path: Path) -> None:
    want = np.rint(TONE * 32768).astype("<i2")
    exact = want if coding == "PCM_16" else want / 32768
    data = written(kind, coding, exact)
    path = tmp_path / "named.raw"  # a name of which soundfile makes something of its own
    path.write_bytes(data)
    for file in (data, path, io.BytesIO(data)):
        assert read_wav(file) == want.tobytes()
    assert Sound.from_wav(data) == Sound(want.tobytes(), RATE)


@pytest.mark.parametrize(("kind", "coding"), LOSSY)
def test_lossy_formats_sound_alike(kind: str, coding: str, tmp_path: Path) -> None:
    path = tmp_path / "named.wav"
    path.write_bytes(written(kind, coding))
    pcm = read_wav(path, rate=RATE)
    assert RATE * 0.99 < len(pcm) / 2 < RATE * 1.1
    assert power_at_440_hz(pcm) > 0.98
    assert level_dbfs(pcm) == pytest.approx(-9, abs=0.7)


def test_more_than_sixteen_bits_are_rounded_and_not_cut_off() -> None:
    noise = np.random.default_rng(1).uniform(-3, 3, 50_000) / 32768
    got = np.frombuffer(read_wav(written("FLAC", "PCM_24", noise)), "<i2")
    assert abs((got - noise * 32768).mean()) < 0.01


def test_channels_and_rates(tmp_path: Path) -> None:
    both = np.stack([TONE, -TONE, TONE], axis=1)
    third = np.frombuffer(read_wav(written("FLAC", "PCM_16", both)), "<i2") / 32768
    assert np.abs(third - TONE / 3).max() < 1e-4
    half = read_wav(written("FLAC", "PCM_16", TONE, 48_000))
    assert len(half) == RATE


def test_a_source_speaks_them_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(b"in front" + written("FLAC", "PCM_16"))
    with path.open("rb") as file:
        file.seek(8)
        source = WavSource(file, pace="fast", trailing_silence_ms=0)
        first = b"".join(source)
        assert len(first) == 2 * RATE
        assert first == b"".join(source)
        assert not file.closed


def test_a_pipe_is_read() -> None:
    data = written("FLAC", "PCM_16")[:30_000]
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        with os.fdopen(writing, "wb") as out:
            out.write(data)
        assert read_wav(pipe) == read_wav(data)


def test_a_coding_of_wav_that_must_go_back_is_refused_in_a_pipe() -> None:
    raw = io.BytesIO(written("WAV", "MS_ADPCM"))
    raw.seekable = lambda: False  # type: ignore[method-assign]
    with pytest.raises(FormatError, match="is a pipe"):
        read_wav(raw)


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = written("FLAC", "PCM_16", np.tile(TONE, 3))
    with caplog.at_level(logging.WARNING, "realtime_sync.audio"):
        pcm = read_wav(whole[: len(whole) // 2])
    assert RATE < len(pcm) < 3 * RATE
    assert read_wav(whole).startswith(pcm)
    assert "(FLAC) is damaged after 1" in caplog.text


CUT_VORBIS = written("OGG", "VORBIS", np.tile(TONE, 3))[:3600]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (written("FLAC", "PCM_16")[:100], r"\(FLAC\) can't be read"),
        (
            written("OGG", "VORBIS", np.tile(TONE, 3))[:3600],
            r"\(Ogg\) can't be read: it has no end",
        ),
        (b"OggS\0\x02" + bytes(100), r"\(Ogg\) can't be read"),
        (b"ID3\4\0\0\0\0\0\0" + bytes(100), r"\(MP3\) can't be read"),
        (written("AU", "PCM_16", TONE, 2_000), r"\(AU\) can't be read: 2000 Hz"),
        (written("AU", "PCM_16", TONE, 2_000_000_000), r"\(AU\) can't be read: 2000000000 Hz"),
    ],
)
def test_what_can_not_be_read_says_why(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    for file in (data, path):
        with pytest.raises(FormatError, match=f"{words}.*ffmpeg"):
            read_wav(file)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    flac, adpcm = written("FLAC", "PCM_16"), written("WAV", "MS_ADPCM")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    for data, kind in ((flac, "FLAC"), (adpcm, "WAV of coding 0x0002")):
        with pytest.raises(
            ConfigError, match=rf"\({kind}\) needs soundfile.*pip install .*\[files\]'"
        ):
            read_wav(data)
    with pytest.raises(FormatError, match="is text"):
        read_wav(b"no sound")


_FILES = [written(kind, coding, TONE[:3000]) for kind, coding in (*EXACT, *LOSSY[:2], LOSSY[3])]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_file_gives_sound_or_an_error_of_ours(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(_FILES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(200, len(damaged) - 1)))
        damaged[at : at + 2] = data.draw(st.binary(max_size=4))
    try:
        pcm = read_wav(bytes(damaged), rate=RATE)
    except AudioError:
        return
    assert len(pcm) % 2 == 0
