"""Against echo by signal: WebRTC's canceller takes what is played out of what is heard.

The only door to pywebrtc-audio.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._installation import install_command
from .._required import is_whole
from .._shown import shown
from .._uncopied import Uncopied
from ..errors import ConfigError, FormatError
from .pcm import as_int16, require_rate, to_pcm16
from .resample import Resampler

__all__ = ["EchoCanceller"]

_RATES = (16000, 32000, 48000)  # the canceller takes nothing else
_MAX_DELAY_MS = 500


class EchoCanceller(Uncopied):
    """Subtracts the echo of what is played from what the microphone hears.

    Unlike `EchoGate` it lets a soft voice through while something loud is played. It needs half a
    second or so of playback to learn the room.

    Args:
        rate: sample rate of both sides in Hz.
        delay_ms: how much later than ``played`` its echo is heard, if that is known to be
            longer than some 200 ms; below that the canceller finds it by itself.

    Raises:
        ConfigError: an option is out of its range, or pywebrtc-audio (or soxr, which rates other
            than 16, 32 and 48 kHz need) is not installed.

    Threads:
        One at a time.
    """

    def __init__(self, *, rate: int = 24000, delay_ms: int = 0) -> None:
        rate = require_rate(rate)
        if not is_whole(delay_ms, 0, _MAX_DELAY_MS):
            raise ConfigError(
                f"delay_ms={shown(delay_ms)} is out of range; give 0 to {_MAX_DELAY_MS}"
            )
        inner = next((hz for hz in _RATES if hz >= rate), _RATES[-1])
        self._canceller = _open(inner)
        self._block = inner // 100  # 10 ms
        self._to_heard = Resampler(rate, inner)
        self._to_played = Resampler(rate, inner)
        self._back = Resampler(inner, rate)
        self._heard: NDArray[np.int16] = np.empty(0, dtype="<i2")
        self._played: NDArray[np.int16] = np.zeros(inner * delay_ms // 1000, dtype="<i2")

    def process(self, heard: bytes, played: bytes) -> bytes:
        """Return ``heard`` without the echo.

        Args:
            heard: the microphone's next chunk, PCM16.
            played: what was played in the same time, PCM16 of the same length.

        Returns:
            PCM16. It comes some milliseconds later than it went in: the first chunks give less
            than they were.

        Raises:
            FormatError: the two have different lengths, or are not PCM16.
        """
        heard, played = to_pcm16(heard), to_pcm16(played)
        if len(heard) != len(played):
            raise FormatError(
                f"{len(heard)} bytes were heard while {len(played)} were played; "
                "give the same length of both"
            )
        self._heard = _join(self._heard, self._to_heard.process(heard))
        self._played = _join(self._played, self._to_played.process(played))
        size = len(self._heard) // self._block * self._block
        if not size:
            return b""
        near, self._heard = self._heard[:size], self._heard[size:]
        far, self._played = self._played[:size], self._played[size:]
        return self._back.process(self._canceller.process(near, far))


def _join(rest: NDArray[np.int16], pcm: bytes) -> NDArray[np.int16]:
    return np.concatenate((rest, as_int16(pcm)))


def _open(rate: int) -> Any:
    try:
        from pywebrtc_audio import EchoCanceller as WebRtc
    except ImportError as exc:
        raise ConfigError(
            "cancelling echo needs pywebrtc-audio, which is not installed: "
            f"{install_command('aec')}"
        ) from exc
    return WebRtc(rate)
