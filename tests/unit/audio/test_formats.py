"""Formats against references that know nothing of our code, on inputs that nobody thought of."""

from __future__ import annotations

import wave
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.audio import (
    Resampler,
    WavSink,
    decode_alaw,
    decode_ulaw,
    encode_alaw,
    encode_ulaw,
    read_wav,
)

RATES = (8000, 16000, 22050, 24000, 44100, 48000)
PCM = st.binary(max_size=400).map(lambda data: data[: len(data) // 2 * 2])


@given(PCM)
def test_g711_keeps_order_and_five_bits_of_every_sample(pcm: bytes) -> None:
    """What any logarithmic law promises; `test_g711` has the exact codes of all samples."""
    samples = np.sort(np.frombuffer(pcm, "<i2"))
    for encode, decode in ((encode_ulaw, decode_ulaw), (encode_alaw, decode_alaw)):
        got = np.frombuffer(decode(encode(samples)), "<i2").astype(int)
        assert (np.diff(got) >= 0).all()
        half_a_step = (np.abs(samples.astype(int)) + 132) / 32 + 4
        assert (np.abs(samples - got) <= half_a_step).all()


@given(PCM, st.lists(st.integers(0, 60), max_size=8))
def test_g711_does_not_care_for_chunks(pcm: bytes, sizes: list[int]) -> None:
    for encode, decode in ((encode_ulaw, decode_ulaw), (encode_alaw, decode_alaw)):
        pieces, start = [], 0
        for size in [*sizes, len(pcm) // 2]:
            pieces.append(encode(pcm[2 * start : 2 * (start + size)]))
            start += size
        assert b"".join(pieces) == encode(pcm)
        assert decode(encode(decode(encode(pcm)))) == decode(encode(pcm))


# Sounds that both rates can hold: any sum of a few sines below what the lower rate lets pass.
CHORD = st.lists(
    st.tuples(st.floats(0.01, 0.42), st.floats(0, 6.28), st.floats(0, 1)), min_size=1, max_size=5
)


@settings(max_examples=60)
@given(
    st.sampled_from(RATES),
    st.sampled_from(RATES),
    CHORD,
    st.lists(st.integers(0, 3000), max_size=6),
)
def test_the_resampler_gives_the_sound_as_the_other_rate_would_have_sampled_it(
    from_hz: int, to_hz: int, chord: list[tuple[float, float, float]], sizes: list[int]
) -> None:
    limit = min(from_hz, to_hz)
    loudest = max(1.0, sum(part[2] for part in chord))

    def sampled(rate: int) -> np.ndarray:
        at = np.arange(rate // 2) / rate
        sines = [
            peak * np.sin(2 * np.pi * share * limit * at + phase) for share, phase, peak in chord
        ]
        return np.asarray(sum(sines) * 20000 / loudest)

    audio = np.rint(sampled(from_hz)).astype("<i2")
    stream, out, start = Resampler(from_hz, to_hz), b"", 0
    for size in sizes:
        out += stream.process(audio[start : start + size])
        start += size
    out += stream.process(audio[start:], last=True)
    got, exact = np.frombuffer(out, "<i2").astype(float), sampled(to_hz)
    assert abs(len(got) - len(exact)) <= 1
    middle = slice(to_hz // 8, to_hz * 3 // 8)  # the filter rings at the ends
    assert np.abs(got[middle] - exact[middle]).max() < 40


@settings(max_examples=30)
@given(st.lists(PCM, max_size=8))
def test_a_wav_file_reads_back_as_what_was_written(pieces: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        with WavSink(path, pace="fast") as sink:
            for number, piece in enumerate(pieces, 1):
                sink.write(piece)
                with wave.open(str(path), "rb") as file:
                    assert file.readframes(file.getnframes()) == b"".join(pieces[:number])
        assert read_wav(path) == b"".join(pieces)
