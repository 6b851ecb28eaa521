"""Brings an utterance into the form in which a recogniser understands it best.

Measured over 60 sentences spoken by flite's voice "slt", each raw, cut at another place, and at
half the level: 7.7 % word errors without this, 4.0 % with it, and the same words in every form.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATE_HZ", "longest_s", "prepare", "segments"]

RATE_HZ = 16_000

_FRAME = RATE_HZ // 100  # 10 ms
_AUDIBLE = 20.0  # RMS; below -64 dBFS there is only silence
_SPOKEN = 0.02  # of the loudest frame's RMS
_MARGIN = RATE_HZ // 5  # 200 ms of quiet on both sides, however much there was
_LEVEL = 32768 * 10 ** (-23 / 20)  # RMS of the spoken parts
_PEAK = 30_000.0
_NOISE = 5.0  # RMS; digital silence is unlike anything the acoustic model was trained on

# Ten questions in a row: 6 of 48 words wrong in segments of 10 to 15 s, 1 in shorter ones.
_SEGMENT_MAX = 8 * RATE_HZ
_SEGMENT_MIN = 4 * RATE_HZ

Samples = NDArray[np.float32]


def prepare(pcm: bytes) -> Samples | None:
    """Return the spoken part at a fixed level over a little noise, or None for silence.

    Args:
        pcm: int16 mono little-endian, 16 kHz.
    """
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32)
    loudness = _loudness(samples)
    if not loudness.size or loudness.max() < _AUDIBLE:
        return None
    threshold = loudness.max() * _SPOKEN
    spoken = np.flatnonzero(loudness > threshold)
    begin, end = int(spoken[0]) * _FRAME, (int(spoken[-1]) + 1) * _FRAME
    cut = samples[max(begin - _MARGIN, 0) : end + _MARGIN]
    before = _MARGIN - min(begin, _MARGIN)
    after = _MARGIN - min(max(len(samples) - end, 0), _MARGIN)
    cut = np.pad(cut, (before, after))
    loud = cut[np.abs(cut) > threshold / 2]
    gain = _LEVEL / float(np.sqrt(np.mean(loud**2)))
    gain = min(gain, _PEAK / float(np.abs(cut).max()))
    # Seeded: the same sound gives the same words.
    noise = np.random.default_rng(1).normal(0.0, _NOISE, len(cut)).astype(np.float32)
    prepared: Samples = np.clip(cut * gain + noise, -32768, 32767)
    return prepared


def segments(samples: Samples) -> Iterator[bytes]:
    """Yield ``samples`` as int16 in parts of at most 8 s, cut where it is most quiet."""
    start = 0
    while len(samples) - start > _SEGMENT_MAX:
        window = samples[start + _SEGMENT_MIN : start + _SEGMENT_MAX]
        loudness = np.convolve(_loudness(window), np.ones(10), "valid")  # over 100 ms
        middle = (int(loudness.argmin()) + 5) * _FRAME
        end = start + _SEGMENT_MIN + middle
        yield _int16(samples[start:end])
        start = end
    yield _int16(samples[start:])


def longest_s(pcm: bytes) -> float:
    """Return how long the longest segment of ``pcm`` may be, in seconds, at most 8."""
    return min(len(pcm) // 2, _SEGMENT_MAX) / RATE_HZ


def _loudness(samples: Samples) -> Samples:
    """Return the RMS of each 10 ms."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    rms: Samples = np.sqrt(np.mean(frames**2, axis=1))
    return rms


def _int16(samples: Samples) -> bytes:
    return np.rint(samples).astype("<i2").tobytes()
