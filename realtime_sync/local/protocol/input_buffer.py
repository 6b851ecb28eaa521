"""The input audio buffer and the turns in it."""

from __future__ import annotations

from collections.abc import Iterator

from ..._types import JsonDict
from ...audio.resample import Resampler
from ..engines import VoiceDetector
from ..speech.voice_detector import DetectorPool
from .turn_detection import TurnDetector, TurnEvent
from .wire import fault
from .wire_formats import HEARING_HZ, TICKS_PER_MS, WireFormat

__all__ = ["InputBuffer"]

# With turn detection on, audio in which nobody speaks is kept that long for a manual commit.
_MAX_SILENCE_MS = 60 * 1000


class InputBuffer:
    """Collects the user's audio and finds the turns in it.

    Args:
        format: the session's input format.
        turn_detection: its effective configuration, or None for manual turns.
        detectors: tell speech from noise; one is borrowed when there is sound to judge.
        max_s: how much sound it holds, so that an open microphone does not eat all memory.
    """

    def __init__(
        self,
        format: WireFormat,
        turn_detection: JsonDict | None,
        detectors: DetectorPool,
        *,
        max_s: float,
    ) -> None:
        self._max_s = max_s
        self._detectors = detectors
        self._detector: VoiceDetector | None = None
        self._format = format
        self._data = bytearray()
        self._start = 0  # position of the buffer's first sample, in ticks
        self._resampler: Resampler | None = None  # made with the first sound: it takes 33 kB
        self.turns: TurnDetector | None = None
        self._frames = bytearray()
        self.configure(format, turn_detection)

    @property
    def position_ms(self) -> int:
        """How much audio was received since the session's start."""
        return self._end // TICKS_PER_MS

    @property
    def _end(self) -> int:
        return self._start + self._format.ticks(len(self._data))

    def configure(self, format: WireFormat, turn_detection: JsonDict | None) -> None:
        """Take a changed configuration; a new format empties the buffer."""
        if format is not self._format:
            self._start = self._end
            self._data.clear()
            self._format = format
            self._listen_from_here()
        if turn_detection is None:
            self.turns = None
            self._return_detector()
        elif self.turns is None:
            self.turns = TurnDetector(turn_detection)
            self._listen_from_here()
        else:
            self.turns.config = turn_detection

    def check(self, data: bytes) -> None:
        """Raise `ServerError` when ``data`` can't be appended."""
        self._format.require_whole_samples(data, "audio")
        held_s = self._format.ticks(len(self._data) + len(data)) / (1_000 * TICKS_PER_MS)
        if held_s > self._max_s:
            raise fault(
                f"The input audio buffer would hold {held_s:.1f} s of sound, and may hold "
                f"{self._max_s:g} (--max-input-audio). Commit or clear it first.",
                code="input_audio_buffer_full",
                param="audio",
            )

    def append(self, data: bytes) -> Iterator[TurnEvent]:
        """Add wire audio and yield what it decides about turns, as soon as it is decided."""
        self._data += data
        if self.turns is None:
            return
        if self._detector is None:
            self._detector = self._detectors.lend()
        if self._resampler is None:
            self._resampler = _quick_resampler(self._format)
        detector = self._detector
        self._frames += self._resampler.process(self._format.decode(data))
        while len(self._frames) >= detector.frame_bytes and self.turns is not None:
            frame = bytes(self._frames[: detector.frame_bytes])
            del self._frames[: detector.frame_bytes]
            yield from self.turns.step(detector.probability(frame))
        if self.turns is not None and not self.turns.speaking:
            self._drop_before(self.position_ms - _MAX_SILENCE_MS)

    def peek(self, start_ms: int, end_ms: int) -> bytes:
        """Return the wire audio between two positions."""
        return bytes(self._data[self._offset(start_ms) : self._offset(end_ms)])

    def take(self, start_ms: int, end_ms: int) -> bytes:
        """Return the wire audio between two positions and drop what is before ``end_ms``."""
        audio = self.peek(start_ms, end_ms)
        self._drop_before(end_ms)
        return audio

    def take_all(self) -> bytes:
        """Return the whole buffer and empty it.

        Raises:
            ServerError: it holds less than 100 ms.
        """
        ticks = self._format.ticks(len(self._data))
        if ticks < 100 * TICKS_PER_MS:
            raise fault(
                "Error committing input audio buffer: buffer too small. Expected at least 100ms "
                f"of audio, but buffer only has {ticks / TICKS_PER_MS:.2f}ms of audio.",
                code="input_audio_buffer_commit_empty",
            )
        audio = bytes(self._data)
        self.clear()
        return audio

    def clear(self) -> None:
        """Empty the buffer and forget a turn in it."""
        self._start = self._end
        self._data.clear()
        if self.turns is not None:
            self.turns.reset()

    def close(self) -> None:
        """Let go of all sound, and give the detector back."""
        self.clear()
        self._return_detector()

    def _return_detector(self) -> None:
        if self._detector is not None:
            self._detectors.give_back(self._detector)
            self._detector = None

    def _offset(self, position_ms: int) -> int:
        ticks = position_ms * TICKS_PER_MS - self._start
        return min(max(self._format.bytes_in(max(ticks, 0)), 0), len(self._data))

    def _drop_before(self, position_ms: int) -> None:
        count = self._offset(position_ms)
        self._start += self._format.ticks(count)
        del self._data[:count]

    def _listen_from_here(self) -> None:
        self._resampler = None
        self._frames.clear()
        if self._detector is not None:
            self._detector.reset()
        if self.turns is not None:
            self.turns.position_ms = self.position_ms
            self.turns.reset()


def _quick_resampler(format: WireFormat) -> Resampler:
    """Return what feeds the detector: LQ, because it holds sound back half as long as HQ."""
    return Resampler(format.hz, HEARING_HZ, quality="LQ")
