"""Finds in a recording of the sound card's monitor what a program had written to the speaker.

A busy machine makes pauses in what is played, so the two are compared block by block: each block
of the original is looked for where the one before ended, and if it is not there, a little later.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from attrs import frozen
from numpy.typing import NDArray

__all__ = ["Match", "as_samples", "find", "loud_ms", "noise"]

Samples = NDArray[Any]

RATE = 24_000
MS = RATE // 1000
_QUIET = 100.0  # RMS below which a block proves nothing
_ALIKE = 0.8  # correlation of a block with itself after two resamplings is above 0.95
_LEVEL = (0.8, 1.25)  # a fade's end and a beginning do not count
_PAUSE_MS = 5_000  # the longest pause that is looked over: verdicts may be late
_MISSES = 40  # so many blocks in a row that are not there are the end
_BEGIN_MS = 20  # so much is looked for in the whole recording


@frozen
class Match:
    """Where something was found.

    Attributes:
        begin: the recording's frame at which it begins; -1 when it is not there.
        end: how many of its own frames there are up to its last block that was found.
        found: the share of the blocks before ``end`` that were found, of those that are loud.
        whole: the share of all its loud blocks that were found.
        stop: the recording's frame after the last block that was found.
    """

    begin: int
    end: int
    found: float
    whole: float
    stop: int


def noise(ms: int, seed: int, *, low_hz: int = 300, high_hz: int = 5_000) -> Samples:
    """Return noise that is like no other noise, nor like another part of itself.

    Its band passes any resampler, and half a sample of delay leaves it recognisable.
    """
    size = ms * MS
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(size))
    hz = np.fft.rfftfreq(size, 1 / RATE)
    spectrum[(hz < low_hz) | (hz > high_hz)] = 0
    sound = np.fft.irfft(spectrum, size)
    return np.asarray(np.clip(sound / sound.std() * 4000, -30_000, 30_000), dtype="<i2")


def as_samples(pcm: bytes) -> Samples:
    """Return PCM16 as floats that do not overflow when multiplied."""
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(float)


def loud_ms(heard: Samples, *, level: float = _QUIET) -> int:
    """Return for how many milliseconds there is sound."""
    blocks = heard[: len(heard) // MS * MS].reshape(-1, MS)
    return int(np.count_nonzero(np.sqrt((blocks.astype(float) ** 2).mean(axis=1)) > level))


def is_over(heard: Samples, *, rate: int = 24_000) -> bool:
    """Whether something was heard, and then nothing for half a second."""
    return loud_ms(heard) > 500 and not loud_ms(heard[-rate // 2 :])


def find(sent: Samples, heard: Samples, *, block_ms: int = 5) -> Match:
    """Find ``sent`` in ``heard``, both at 24 kHz, as far as it goes and in order.

    Args:
        sent: the original; what is silent at its beginning is left out.
        heard: the recording.
        block_ms: how much is compared at once. Noise is recognised by 5 ms, speech by 20.
    """
    sent, heard = sent.astype(float), heard.astype(float)
    size = block_ms * MS
    blocks = [
        at for at in range(0, len(sent) - size + 1, size) if _rms(sent[at : at + size]) > _QUIET
    ]
    if not blocks:
        return Match(begin=-1, end=0, found=0.0, whole=0.0, stop=0)
    offset = _first(sent[blocks[0] : blocks[0] + max(size, _BEGIN_MS * MS)], heard)
    if offset is None:
        return Match(begin=-1, end=0, found=0.0, whole=0.0, stop=0)
    begin = offset
    shift = offset - blocks[0]  # of the recording against the original
    hits: list[int] = []
    misses = 0
    for at in blocks:
        place = _nearby(sent[at : at + size], heard, at + shift)
        misses = misses + 1 if place is None else 0
        if place is not None:
            shift = place - at
            hits.append(at)
        elif misses == _MISSES:
            break
    if not hits:
        return Match(begin=-1, end=0, found=0.0, whole=0.0, stop=0)
    end = hits[-1] + size
    before = sum(at < end for at in blocks)
    return Match(
        begin=begin,
        end=end,
        found=len(hits) / before,
        whole=len(hits) / len(blocks),
        stop=end + shift,
    )


def _first(part: Samples, heard: Samples) -> int | None:
    """Return where ``part`` is in all of ``heard``."""
    if len(heard) < len(part):
        return None
    size = 1 << (len(heard) + len(part)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.fft.rfft(part, size).conj(), size)
    likeness = _normalised(product[: len(heard) - len(part) + 1], part, heard)
    best = int(likeness.argmax())
    return best if likeness[best] > _ALIKE else None


def _nearby(block: Samples, heard: Samples, expected: int) -> int | None:
    """Return where ``block`` is: at ``expected``, or behind a pause after it."""
    for reach in (2, _PAUSE_MS * MS):
        start = max(0, expected - 2)
        window = heard[start : expected + reach + len(block)]
        if len(window) < len(block):
            return None
        likeness = _normalised(np.correlate(window, block, "valid"), block, window)
        best = int(likeness.argmax())
        if likeness[best] > _ALIKE:
            level = _rms(window[best : best + len(block)]) / _rms(block)
            return start + best if _LEVEL[0] < level < _LEVEL[1] else None
    return None


def _normalised(product: Samples, part: Samples, heard: Samples) -> Samples:
    """Turn products into correlations, 0 where the recording is silent."""
    energy = np.concatenate(([0.0], np.cumsum(heard**2)))
    windows = energy[len(part) :] - energy[: -len(part)]
    floor = _QUIET**2 * len(part) / 4
    likeness: Samples = product / np.sqrt(np.maximum(windows, floor) * (part @ part))
    return likeness


def _rms(samples: Samples) -> float:
    return float(np.sqrt((samples**2).mean()))
