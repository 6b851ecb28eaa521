"""The tones of a telephone's keys: two sines each, of a row and a column (ITU-T Q.23)."""

from __future__ import annotations

import numpy as np

from .._required import is_whole
from .._shown import shown
from ..audio.pcm import require_rate
from ..errors import ConfigError

__all__ = ["DIGITS", "dtmf_tones"]

_ROWS_HZ = (697, 770, 852, 941)
_COLUMNS_HZ = (1209, 1336, 1477, 1633)
_KEYS = ("123A", "456B", "789C", "*0#D")
DIGITS = "".join(_KEYS)
_PAUSE = ","
_PAUSE_MS = 500
_AMPLITUDE = 32767 * 10 ** (-9 / 20)  # of each sine: -9 dBFS, so that the sum does not clip
_EDGE_MS = 2  # a tone that begins at once clicks, and the click is in every band


def dtmf_tones(digits: str, *, rate: int = 8000, tone_ms: int = 100, gap_ms: int = 100) -> bytes:
    """Return the tones of keys, one after another.

    Args:
        digits: of ``0-9``, ``*``, ``#`` and ``A-D``; a comma is a pause of half a second.
        rate: sample rate in Hz.
        tone_ms: length of each tone, 40 to 1000; networks know tones of 40 ms and more.
        gap_ms: silence after each tone, 40 to 1000.

    Returns:
        PCM16: int16 mono, little-endian, at ``rate``.

    Raises:
        ConfigError: there is no such key, or a length is out of range.

    Example:
        >>> len(dtmf_tones("1#")) // 2  # two keys, 200 ms each, at 8 kHz
        3200
    """
    rate = require_rate(rate)
    _require_length(tone_ms, "tone_ms")
    _require_length(gap_ms, "gap_ms")
    if not isinstance(digits, str) or not set(digits.upper()) <= {*DIGITS, _PAUSE}:
        raise ConfigError(
            f"digits={shown(digits)} are no keys of a telephone; give a text of 0-9, *, #, A-D, "
            "and commas for pauses"
        )
    gap = bytes(2 * (rate * gap_ms // 1000))
    pause = bytes(2 * (rate * _PAUSE_MS // 1000))
    return b"".join(
        pause if key == _PAUSE else _tone(key, rate, tone_ms) + gap for key in digits.upper()
    )


def _tone(key: str, rate: int, ms: int) -> bytes:
    row = next(number for number, keys in enumerate(_KEYS) if key in keys)
    column = _KEYS[row].index(key)
    angle = 2 * np.pi * np.arange(rate * ms // 1000) / rate
    tone = np.sin(_ROWS_HZ[row] * angle) + np.sin(_COLUMNS_HZ[column] * angle)
    edge = np.linspace(0, 1, rate * _EDGE_MS // 1000)
    tone[: len(edge)] *= edge
    tone[len(tone) - len(edge) :] *= edge[::-1]
    return np.rint(_AMPLITUDE * tone).astype("<i2").tobytes()


def _require_length(value: object, what: str) -> None:
    if not is_whole(value, 40, 1000):
        raise ConfigError(f"{what}={shown(value)} is out of range; give 40 to 1000 milliseconds")
