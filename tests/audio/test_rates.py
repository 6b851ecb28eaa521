"""Sound cards of another rate than the conversation's, and stereo ones, on the virtual card.

See `card_with_one_rate`, which makes it one of those.
"""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from guards import Guard
from sound_card import SoundCard, card_with_one_rate

from realtime_sync.audio import Microphone, Speaker

PAIRS = [(16000, 44100), (24000, 48000), (44100, 16000), (48000, 24000)]
LEVEL = 8000


def tones(rate: int) -> np.ndarray:
    """A quarter of a second of each of four notes: another rate would be another melody."""
    turns = np.arange(rate // 4) / rate
    notes = [np.sin(2 * np.pi * hz * turns) for hz in (440, 880, 660, 1320)]
    return np.rint(np.concatenate(notes) * LEVEL).astype("<i2")


def melody(pcm: bytes, rate: int) -> list[int]:
    """Return the notes in what was heard, by a spectrum every 50 ms, without pauses."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    size = rate // 20
    heard: list[int] = []
    for start in range(0, len(samples) - size, size):
        piece = samples[start : start + size]
        if np.abs(piece).max() < LEVEL // 2:
            continue
        spectrum = np.abs(np.fft.rfft(piece * np.hanning(size), 8 * size))
        heard.append(round(float(spectrum.argmax()) * rate / (8 * size)))
    nearest = [min((440, 880, 660, 1320), key=lambda hz: abs(hz - note)) for note in heard]
    close = [n for n, note in zip(nearest, heard, strict=True) if abs(n - note) < 15]
    assert len(close) > 0.8 * len(heard)
    return [note for at, note in enumerate(close) if not at or close[at - 1] != note]


@pytest.mark.parametrize(("rate", "device_hz"), PAIRS)
def test_the_speaker_plays_the_same_notes(sound_card: SoundCard, rate: int, device_hz: int) -> None:
    with (
        card_with_one_rate(device_hz),
        sound_card.recording(rate=24000) as heard,
        Speaker(rate=rate) as speaker,
    ):
        stream = speaker._stream
        assert stream is not None
        assert (stream.rate, stream.channels) == (device_hz, 2)
        speaker.write(tones(rate), item_id="a")
        speaker.flush()
        assert speaker.drain(Guard().seconds)
        assert speaker.handed_ms("a") in (999, 1000)
    assert melody(heard.pcm, 24000) == [440, 880, 660, 1320]


@pytest.mark.parametrize(("rate", "device_hz"), PAIRS)
def test_the_microphone_hears_the_same_notes(
    sound_card: SoundCard, tmp_path: Path, rate: int, device_hz: int
) -> None:
    path = tmp_path / "spoken.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 24000, 0, "NONE", ""))
        file.writeframes(tones(24000).tobytes())
    with card_with_one_rate(device_hz), Microphone(rate=rate) as microphone:
        stream = microphone._stream
        assert stream is not None
        assert (stream.rate, stream.channels) == (device_hz, 2)
        line = iter(microphone)
        chunks = [next(line)]
        with sound_card.speaking(path) as speech:
            after = 0
            while after < 25:
                chunks.append(next(line))
                after += speech.poll() is not None
    assert {len(chunk) for chunk in chunks} == {2 * (rate // 50)}
    assert microphone.dropped_chunks == 0
    assert melody(b"".join(chunks), rate) == [440, 880, 660, 1320]
