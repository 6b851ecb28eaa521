"""PCM16, the common form of all audio here: conversion, mixing, level, silence.

NumPy is imported only where arrays are at work: bytes that already are PCM16 pass without it.
"""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from .._required import is_number, is_whole
from .._shown import shown
from .._types import Samples
from ..errors import ConfigError, FormatError
from .file_magic import refuse_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int16 = NDArray[np.int16]
    Float32 = NDArray[np.float32]
    Pcm = bytes | bytearray | memoryview | Int16 | Float32
else:  # as in `_types`
    Int16 = Float32 = Any
    Pcm = bytes | bytearray | memoryview | Any

__all__ = [
    "RATES_HZ",
    "Pcm",
    "SampleJoiner",
    "as_int16",
    "from_pcm16",
    "level_dbfs",
    "mix_down",
    "require_rate",
    "silence",
    "to_pcm16",
    "whole_pcm16",
]


_A_DAY_MS = 86_400_000  # what is more is a mistake, and 4 GB at 24 kHz
RATES_HZ = range(4000, 384_001)
# A mix or a decoder may exceed full scale a little, which is clipped; integers exceed it by far.
_FAR_BEYOND_FULL_SCALE = 16
_FULL_SCALE = 32768  # so that -1.0 is -32768, and int16 -> float32 -> int16 is exact


def to_pcm16(audio: Pcm) -> bytes:
    """Return ``audio`` as PCM16.

    Args:
        audio: PCM16 bytes; or an array of shape (n,) or (n, 1), int16, or float32 in -1.0 to 1.0
            (values beyond are clipped, all are rounded to the nearest step; 16 and more are
            refused, since they are integers that became floats).

    Returns:
        int16 mono, little-endian. Bytes are returned as they are, without a copy.

    Raises:
        FormatError: an odd number of bytes, another dtype, shape or scale, or a NaN.
    """
    if isinstance(audio, bytes):
        _require_whole_samples(len(audio))
        return audio
    if isinstance(audio, (bytearray, memoryview)):
        data = bytes(audio)
        _require_whole_samples(len(data))
        return data
    return as_int16(audio).tobytes()


def whole_pcm16(audio: Pcm) -> bytes:
    """Return a whole sound as `to_pcm16` does, and refuse a whole file.

    Raises:
        FormatError: as `to_pcm16`; or it begins like a file, header and all.
    """
    pcm = to_pcm16(audio)
    refuse_file(pcm, "audio")
    return pcm


def as_int16(audio: Pcm) -> Int16:
    """Return ``audio`` as an int16 array of shape (n,), without a copy where possible.

    Takes and raises what `to_pcm16` does. The array may be read-only.
    """
    import numpy as np

    if isinstance(audio, (bytes, bytearray, memoryview)):
        data = audio if not isinstance(audio, memoryview) or audio.contiguous else bytes(audio)
        _require_whole_samples(data.nbytes if isinstance(data, memoryview) else len(data))
        return np.frombuffer(data, dtype="<i2")
    mono = _require_mono(audio)
    if mono.dtype.kind == "i" and mono.dtype.itemsize == 2:
        return mono.astype("<i2", copy=False)
    if mono.dtype == np.float32:
        return _from_float(mono)
    raise FormatError(
        f"audio has dtype {mono.dtype}; it must be int16, or float32 in -1.0 to 1.0: "
        f"{_conversion(mono)}"
    )


def from_pcm16(pcm: Pcm) -> Float32:
    """Return PCM16 as a float32 array of shape (n,), in -1.0 to just below 1.0."""
    import numpy as np

    scaled: Float32 = as_int16(pcm).astype(np.float32) / np.float32(_FULL_SCALE)
    return scaled


def mix_down(pcm: Pcm | Samples, channels: int) -> Int16:
    """Return interleaved or (n, channels) int16 audio as mono: the mean of its channels.

    Raises:
        FormatError: the samples do not fill whole frames of ``channels``.
    """
    import numpy as np

    samples = as_int16(pcm.reshape(-1) if isinstance(pcm, np.ndarray) else pcm)
    if not is_whole(channels, 1) or samples.size % channels:
        raise FormatError(
            f"{samples.size} samples do not make whole frames of {shown(channels)} channels; "
            "pass whole frames and the true number of channels"
        )
    if channels == 1:
        return samples
    sums = samples.reshape(-1, channels).sum(axis=1, dtype=np.int32)
    return np.asarray(np.rint(sums / channels), dtype="<i2")


def level_dbfs(pcm: Pcm) -> float:
    """Return the level (root mean square) in dB relative to full scale.

    Returns:
        0.0 for a full-scale square wave, -3.01 for a full-scale sine, ``-inf`` for silence and
        for no audio at all.
    """
    import numpy as np

    samples = as_int16(pcm)
    if not samples.size:
        return -math.inf
    wide = samples.astype(np.float64)
    power = float(np.dot(wide, wide)) / samples.size
    return 10 * math.log10(power / _FULL_SCALE**2) if power else -math.inf


def silence(ms: float, *, rate_hz: int = 24000) -> bytes:
    """Return ``ms`` milliseconds of silence as PCM16.

    Raises:
        ConfigError: ``ms`` is no length from 0 to a day, or ``rate_hz`` no sample rate.
    """
    require_rate(rate_hz, name="rate_hz")
    if not is_number(ms, 0, _A_DAY_MS):
        raise ConfigError(f"ms={shown(ms)} is no length; give milliseconds, from 0 to a day's")
    return bytes(2 * round(ms * rate_hz / 1000))


def require_rate(rate: object, *, name: str = "rate") -> int:
    """Return ``rate`` if it is a sample rate.

    Raises:
        ConfigError: it is not a whole number of Hz from 4000 to 384000.
    """
    if not is_whole(rate) or rate not in RATES_HZ:
        raise ConfigError(f"{name}={shown(rate)} is not a sample rate; give Hz, such as 24000")
    return rate


class SampleJoiner:
    """Makes whole samples of the pieces of PCM16 in which a server sends a part of its answer.

    A part is an item's id and the index of its audio part.

    Threads:
        One at a time.
    """

    def __init__(self) -> None:
        self._part: tuple[str, int] | None = None
        self._half = b""  # the first byte of a sample whose second is still to come

    def join(self, audio: bytes, part: tuple[str, int]) -> bytes:
        """Return what of ``audio``, and the byte left before it, is whole samples."""
        if part != self._part:
            self._part, self._half = part, b""
        if self._half:
            audio = self._half + audio
        if len(audio) % 2:
            self._half = audio[-1:]
            return audio[:-1]
        self._half = b""
        return audio

    def clear(self) -> None:
        """Forget a byte that is left: what follows does not belong to it."""
        self._half = b""


def _from_float(mono: Float32) -> Int16:
    import numpy as np

    if not np.abs(mono).max(initial=0) < _FAR_BEYOND_FULL_SCALE:
        _require_full_scale_of_one(mono)
    scaled = np.rint(mono * np.float32(_FULL_SCALE))  # exact: the scale is a power of two
    return np.asarray(np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1), dtype="<i2")


def _require_full_scale_of_one(mono: Float32) -> None:
    """Refuse NaN, and integers that only became floats: clipping these makes noise of them."""
    import numpy as np

    if np.isnan(mono).any():
        raise FormatError(
            "audio holds NaN, which is no sample value; replace it, for example with "
            "np.nan_to_num(x)"
        )
    peak = float(np.abs(mono[np.isfinite(mono)]).max(initial=0))
    if peak >= _FAR_BEYOND_FULL_SCALE:
        raise FormatError(
            f"audio has floats up to {peak:.6g}, and full scale is 1.0: divide by the full scale "
            f"that it has, x / np.float32(2**{_bits_for(peak) - 1})"
        )


def _conversion(mono: Samples) -> str:
    """Say how an array of another dtype becomes one that is taken, with its sound unchanged."""
    kind, bits = mono.dtype.kind, 8 * mono.dtype.itemsize
    if kind == "u":
        middle = 2 ** (bits - 1)
        floats = f"((x - {middle}.0) / {middle}).astype(np.float32) where {middle} is silence"
        return f"{floats}; x.view(np.int16) where it holds PCM16" if bits <= 16 else floats
    if kind not in "if":
        return "make it one of these"
    peak = max(float(mono.max(initial=0)), -float(mono.min(initial=0)))
    if kind == "f":
        scale = f"x / 2.0**{_bits_for(peak) - 1}"
        return f"({scale if peak >= _FAR_BEYOND_FULL_SCALE else 'x'}).astype(np.float32)"
    seen = min(bits, _bits_for(peak)) if peak else bits
    divided = f"(x / 2.0**{seen - 1}).astype(np.float32)"
    if seen == bits:
        return divided
    return (
        f"its highest value, {peak:.0f}, is one of {seen} bits, {divided}; if it is only quiet, "
        f"divide by 2.0**{bits - 1}"
    )


def _bits_for(peak: float) -> int:
    """Return the usual width of integers that go up to ``peak``."""
    return next((bits for bits in (16, 24, 32) if peak <= 2 ** (bits - 1)), 64)


def _require_mono(audio: object) -> Samples:
    import numpy as np

    if not isinstance(audio, np.ndarray):
        raise FormatError(
            f"audio is {type(audio).__name__}; it must be PCM16 bytes or a NumPy array of int16 "
            f"or float32{_way_from(audio)}"
        )
    if audio.ndim == 1:
        return audio
    if audio.ndim == 2 and audio.shape[1] == 1:
        return audio[:, 0]
    raise FormatError(
        f"audio has shape {audio.shape}; it must be mono, (n,) or (n, 1): mix it down first, "
        f"for example with {_mixing(audio.shape)}"
    )


def _mixing(shape: tuple[int, ...]) -> str:
    """Say how an array becomes mono; there are more frames than channels."""
    if len(shape) != 2:
        return "mix_down(x, channels) of its frames, (n, channels)"
    frames, channels = shape
    if frames < channels:
        return f"mix_down(x.T, {frames})" if frames > 1 else "x[0]"
    return f"mix_down(x, {channels})"


def _way_from(audio: object) -> str:
    """Say how something that is no array becomes audio, where that is known."""
    if isinstance(audio, os.PathLike) or hasattr(audio, "read"):
        return ": realtime_sync.audio.read_wav(file) reads it"
    if hasattr(audio, "pcm"):
        return ": pass its .pcm, at its own rate"
    return ""


def _require_whole_samples(size: int) -> None:
    if size % 2:
        raise FormatError(
            f"audio has {size} bytes; PCM16 needs two for each sample: keep the odd byte for the "
            "next chunk"
        )
