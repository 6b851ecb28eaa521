"""Streaming conversion between sample rates; the only door to soxr."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .._installation import install_command
from .._required import require_flag
from .._shown import shown
from .._uncopied import Uncopied
from ..errors import ConfigError
from .pcm import Pcm, as_int16, require_rate

__all__ = ["Resampler"]

Quality = Literal["LQ", "MQ", "HQ", "VHQ"]
_QUALITIES = ("LQ", "MQ", "HQ", "VHQ")


class Resampler(Uncopied):
    """Converts one stream of mono audio from one rate to another, chunk by chunk.

    The chunks may have any size: what comes out equals the conversion of the whole in one go.

    Args:
        from_hz: rate of what goes in, in Hz.
        to_hz: rate of what comes out, in Hz. When equal, audio passes through untouched.
        quality: "HQ" for speech and music; "LQ" for 8 kHz telephony, where "HQ" holds sound back
            for 80 ms.

    Raises:
        ConfigError: a rate or the quality is wrong, or soxr is not installed.

    Threads:
        One thread at a time; an instance belongs to one stream.
    """

    def __init__(self, from_hz: int, to_hz: int, *, quality: Quality = "HQ") -> None:
        if not isinstance(quality, str) or quality not in _QUALITIES:
            raise ConfigError(
                f"quality={shown(quality)} is unknown; choose from {', '.join(_QUALITIES)}"
            )
        self.from_hz = require_rate(from_hz, name="from_hz")
        self.to_hz = require_rate(to_hz, name="to_hz")
        # float32: with int16 soxr dithers, which turns silence into noise and makes no two
        # runs equal.
        self._stream: Any = None
        if from_hz != to_hz:
            self._stream = _soxr().ResampleStream(
                from_hz, to_hz, 1, dtype="float32", quality=quality
            )
        self._finished = False

    def process(self, audio: Pcm, *, last: bool = False) -> bytes:
        """Convert the next chunk.

        Args:
            audio: PCM16 as bytes or array, mono, at ``from_hz``; may be empty.
            last: True with the final chunk brings out what the filter still holds; after it the
                next chunk starts a new stream.

        Returns:
            PCM16 at ``to_hz``; may be empty while the filter fills.

        Raises:
            FormatError: ``audio`` is not PCM16.
            ConfigError: ``last`` is neither True nor False.
        """
        samples = as_int16(audio)
        require_flag(last, "last", error=ConfigError)
        if self._stream is None:
            return samples.tobytes()
        if self._finished:
            self._stream.clear()
        self._finished = last
        out: NDArray[np.float32] = self._stream.resample_chunk(
            samples.astype(np.float32), last=last
        )
        return np.clip(np.rint(out), -32768, 32767).astype("<i2").tobytes()


def _soxr() -> Any:
    try:
        import soxr
    except ImportError as exc:
        raise ConfigError(
            "converting the sample rate needs soxr, which is not installed: "
            f"{install_command('files')}"
        ) from exc
    return soxr
