"""A whole sound as one value: its samples, and how fast they are played."""

from __future__ import annotations

from attrs import field, frozen

from .._shown import shown
from .._typing import Self
from ..errors import FormatError
from ._input_file import SoundFile, StrPath
from ._sound_reader import SoundReader
from .file_magic import refuse_file
from .pcm import require_rate
from .wav import write_wav

__all__ = ["Sound"]

_BLOCK_MS = 1000


@frozen
class Sound:
    """PCM16 (int16 mono, little-endian) that knows its rate; `play` takes it.

    Args:
        pcm: the samples.
        rate: how many of them are a second, in Hz.

    Raises:
        ConfigError: the rate is none.
        FormatError: ``pcm`` is no bytes, or a whole file, header and all; `from_wav` takes that.

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
        refuse_file(self.pcm, "pcm")

    @classmethod
    def from_wav(cls, file: SoundFile) -> Self:
        """Return the sound of a file, mixed down to mono, at the file's own rate.

        Args:
            file: its path, its bytes, or itself, open for bytes: all that
                `realtime_sync.audio.read_wav` reads.

        Raises:
            FormatError, ConfigError, AudioError: as `realtime_sync.audio.read_wav`.
        """
        with SoundReader(file) as reader:
            blocks = [block.tobytes() for block in reader.blocks(_BLOCK_MS)]
            return cls(b"".join(blocks), reader.rate)

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
