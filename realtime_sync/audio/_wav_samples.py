"""The samples of sound files as PCM16 mono: mixed first, then rounded once, to even.

Rounding down or towards zero would add an offset or a distortion; two roundings a little of both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._riff import WavFormat
from .g711 import DECODERS
from .pcm import mix_down

Int16 = NDArray[np.int16]

__all__ = ["CODINGS", "mono_of_floats", "mono_of_wav"]

_FULL_SCALE = 32_768


def mono_of_wav(data: bytes, form: WavFormat) -> Int16:
    """Return whole frames of a WAV file as PCM16 mono."""
    return _READERS[form.coding](data, form)


def mono_of_floats(frames: NDArray[Any]) -> Int16:
    """Return frames of floats, of shape (n, channels), as PCM16 mono.

    Full scale is 1.0. Beyond it each sample is clipped, as a converter to PCM does; what is no
    number (NaN) is silence.
    """
    with np.errstate(invalid="ignore"):  # some bit patterns of NaN
        wide = np.clip(frames.astype(np.float64), -1, 1)
    if np.isnan(wide).any():
        wide = np.nan_to_num(wide, copy=False)
    return _rounded(_mean(wide) * _FULL_SCALE)


def _pcm(data: bytes, form: WavFormat) -> Int16:
    width, channels = form.width, form.channels
    if width == 2:
        return mix_down(np.frombuffer(data, "<i2"), channels)
    if width == 1:  # the only width that WAV keeps unsigned
        return mix_down((np.frombuffer(data, np.uint8).astype("<i2") - 128) << 8, channels)
    samples = _integers(data, width)
    full_scale = 1 << (8 * samples.itemsize - 1)
    return _rounded(_mean(samples.reshape(-1, channels)) * (_FULL_SCALE / full_scale))


def _integers(data: bytes, width: int) -> NDArray[Any]:
    """Return samples of 3 to 8 bytes as int32 or int64, at the full scale of these."""
    size = 4 if width <= 4 else 8
    if width == size:
        return np.frombuffer(data, f"<i{size}")
    octets = np.zeros((len(data) // width, size), np.uint8)
    octets[:, size - width :] = np.frombuffer(data, np.uint8).reshape(-1, width)
    return octets.reshape(-1).view(f"<i{size}")


def _floats(data: bytes, form: WavFormat) -> Int16:
    return mono_of_floats(np.frombuffer(data, f"<f{form.width}").reshape(-1, form.channels))


def _g711(data: bytes, form: WavFormat) -> Int16:
    return mix_down(DECODERS[form.coding](data), form.channels)


def _mean(frames: NDArray[Any]) -> NDArray[np.float64]:
    if frames.shape[1] == 1:
        return frames[:, 0].astype(np.float64)
    return np.asarray(frames.mean(axis=1, dtype=np.float64))


def _rounded(scaled: NDArray[np.float64]) -> Int16:
    return np.clip(np.rint(scaled), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")


_READERS: dict[str, Callable[[bytes, WavFormat], Int16]] = {
    "pcm": _pcm,
    "float": _floats,
    "audio/pcma": _g711,
    "audio/pcmu": _g711,
}
CODINGS = frozenset(_READERS)
"""The codings of `WavFormat` that are read here."""
