"""Against echo by level: what the microphone hears passes when it is louder than the echo."""

from __future__ import annotations

import math

from .._required import is_number
from .._shown import shown
from ..errors import ConfigError, FormatError
from .pcm import level_dbfs, require_rate, to_pcm16

__all__ = ["EchoGate"]

_QUIET = 0.001  # -60 dBFS: nothing is being played
_DECAY_S = 0.3  # an echo of a loud moment comes later, and rooms ring
_HOLD_S = 0.2  # between loud syllables the gate stays open


class EchoGate:
    """Silences the microphone while it hears no more than what the speaker plays.

    While something is played, audio passes only when its level is at least
    ``max(floor, factor * level of what is played + margin)``; else silence of the same length
    takes its place. It costs nothing, needs no package and works where the echo is clearly weaker
    than what is played. An interruption must be about as loud as the playback.

    Args:
        rate: sample rate of both sides in Hz.
        floor: RMS below which nothing passes while something is played; 1.0 is full scale.
        factor: how loud the echo may be, relative to what is played. Raise it when a loud
            speaker interrupts itself, lower it when it can't be interrupted.
        margin: added to it.

    Raises:
        ConfigError: an option is out of its range.

    Threads:
        One at a time.
    """

    def __init__(
        self,
        *,
        rate: int = 24000,
        floor: float = 0.015,
        factor: float = 0.6,
        margin: float = 0.002,
    ) -> None:
        self._rate = require_rate(rate)
        self._floor = _require_level("floor", floor)
        self._factor = _require_level("factor", factor, most=10.0)
        self._margin = _require_level("margin", margin)
        self._played = 0.0  # RMS: rises at once, falls slowly
        self._open_bytes = 0  # how much longer the gate stays open

    def process(self, heard: bytes, played: bytes) -> bytes:
        """Return what is to be sent of ``heard``: all of it, or silence of the same length.

        Args:
            heard: a chunk of the microphone's, PCM16.
            played: what was played in the same time, PCM16 of the same length.

        Raises:
            FormatError: the two have different lengths, or are not PCM16.
        """
        heard, played = to_pcm16(heard), to_pcm16(played)
        if len(heard) != len(played):
            raise FormatError(
                f"{len(heard)} bytes were heard while {len(played)} were played; "
                "give the same length of both"
            )
        seconds = len(heard) / 2 / self._rate
        self._played = max(_rms(played), self._played * math.exp(-seconds / _DECAY_S))
        self._open_bytes -= len(heard)
        if self._played < _QUIET:
            return heard
        if _rms(heard) >= max(self._floor, self._factor * self._played + self._margin):
            self._open_bytes = 2 * int(self._rate * _HOLD_S)
            return heard
        return heard if self._open_bytes >= 0 else bytes(len(heard))


def _rms(pcm: bytes) -> float:
    return float(10 ** (level_dbfs(pcm) / 20))


def _require_level(name: str, value: float, *, most: float = 1.0) -> float:
    if not is_number(value, 0, most):
        raise ConfigError(f"{name}={shown(value)} is out of range; give 0.0 to {most:g}")
    return float(value)
