"""A sound that knows its rate, and WAV files as such."""

from __future__ import annotations

import doctest
import io
import wave
from pathlib import Path

import numpy as np
import pytest

from realtime_sync.audio import Sound, sound
from realtime_sync.errors import AudioError, ConfigError, FormatError

PCM = np.arange(800, dtype="<i2").tobytes()


def test_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(sound).failed == 0


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100])
def test_to_a_file_and_back(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "a.wav"
    Sound(PCM, rate).save(path)
    assert Sound.from_wav(path) == Sound(PCM, rate)
    assert Sound.from_wav(str(path)) == Sound(PCM, rate)
    assert Sound.from_wav(io.BytesIO(path.read_bytes())) == Sound(PCM, rate)
    assert Sound(PCM, rate).duration_ms == 800_000 // rate


def test_stereo_is_mixed_and_eight_bits_are_widened() -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(2)
        writer.setsampwidth(1)
        writer.setframerate(8000)
        writer.writeframes(bytes([128, 138] * 10))
    file.seek(0)
    found = Sound.from_wav(file)
    assert found.rate == 8000
    assert set(np.frombuffer(found.pcm, "<i2")) == {5 << 8}


def test_what_is_no_sound_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"what was given \(8 bytes\) is text"):
        Sound.from_wav(io.BytesIO(b"no sound").getvalue())
    with pytest.raises(FormatError, match="the file is text"):
        Sound.from_wav(io.BytesIO(b"no sound"))
    with pytest.raises(AudioError, match="can't read"):
        Sound.from_wav(tmp_path / "missing.wav")


def test_a_whole_file_is_no_samples(tmp_path: Path) -> None:
    Sound(PCM).save(tmp_path / "a.wav")
    with pytest.raises(FormatError, match=r"pcm is a whole WAV file.*read_wav"):
        Sound((tmp_path / "a.wav").read_bytes())


def test_a_rate_that_is_none() -> None:
    with pytest.raises(ConfigError, match="rate=0"):
        Sound(PCM, 0)


def test_its_repr_is_short() -> None:
    assert repr(Sound(PCM)) == "Sound(pcm=<1600 bytes>, rate=24000)"
