"""A whole sound as one value: its samples, and how fast they are played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from .._shown import shown
from ..errors import FormatError
from ._wavfile import StrPath, WavFile, read_sound
from .pcm import require_rate
from .wav import write_wav

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Sound"]


@frozen
class Sound:
    """PCM16 (int16 mono, little-endian) that knows its rate; `play` takes it.

    Args:
        pcm: the samples.
        rate: how many of them are a second, in Hz.

    Raises:
        ConfigError: the rate is none.
        FormatError: ``pcm`` is none.

    Example:
        >>> sound = Sound(bytes(4800))
        >>> sound.rate, sound.duration_ms
        (24000, 100)
        >>> sound.save("pause.wav")
        >>> Sound.from_wav("pause.wav") == sound
        True
    """

    pcm: bytes = field(repr=lambda pcm: f"<{len(pcm)} bytes>")
    rate: int = 24000

    def __attrs_post_init__(self) -> None:
        require_rate(self.rate)
        if not isinstance(self.pcm, bytes | bytearray | memoryview):
            raise FormatError(
                f"pcm={shown(self.pcm)} is no sound; give PCM16 as bytes, such as to_pcm16(array); "
                "Sound.from_wav() reads a file"
            )

    @classmethod
    def from_wav(cls, file: WavFile) -> Self:
        """Return the sound of a WAV file, mixed down to mono, at the file's own rate.

        Args:
            file: its path; or the file itself, open for reading bytes, such as an `io.BytesIO`.

        Raises:
            FormatError: it is no WAV file with PCM samples.
            AudioError: it can't be read.
        """
        return cls(*read_sound(file))

    @property
    def duration_ms(self) -> int:
        """How long it plays, in whole milliseconds."""
        return len(self.pcm) // 2 * 1000 // self.rate

    def save(self, path: StrPath) -> None:
        """Write it as a WAV file: 16 bits, mono, at its own rate.

        Args:
            path: the file; an existing one is replaced.

        Raises:
            AudioError: the file can't be written.
        """
        write_wav(path, self.pcm, rate=self.rate)
