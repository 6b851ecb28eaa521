"""Sound files of any kind as blocks of PCM16 mono, without ever holding a whole file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from .._typing import Self
from ..errors import FormatError
from ._input_file import InputFile, SoundFile
from ._libsndfile import LibsndfileReader
from ._riff import Riff
from ._wav_samples import CODINGS, mono_of_wav
from .file_magic import HEAD_BYTES, UNKNOWN, foreign_kind, is_wav, libsndfile_kind

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int16 = NDArray[np.int16]

__all__ = ["SoundReader"]

_MOST_PATH_BYTES = 1024
_BLOCK_BYTES = 1 << 20  # of frames at once, however many channels a header claims


class SoundReader:
    """A sound file that is being read.

    What it is, its first bytes say, not its name.

    Args:
        file: see `SoundFile`.

    Attributes:
        rate: its sample rate in Hz.
        can_be_read_again: whether `reopened` can be called; not for a pipe.

    Raises:
        FormatError: it is no sound file that is read here, or too damaged.
        ConfigError: it is no WAV file, and soundfile is not installed.
        AudioError: it can't be read.

    Threads:
        One at a time.
    """

    def __init__(self, file: SoundFile) -> None:
        self._given = file
        self._file = InputFile(file)
        self._sound: LibsndfileReader | None = None
        self.can_be_read_again = self._file.is_seekable
        try:
            self.rate, self._frame_bytes, self._blocks = self._begin()
        except BaseException:
            self.close()
            raise

    def blocks(self, block_ms: int) -> Iterator[Int16]:
        """Yield the sound in blocks of ``block_ms``, mixed down to mono; once.

        Raises:
            FormatError, AudioError: as the class.
        """
        frames = min(self.rate * block_ms // 1000, _BLOCK_BYTES // self._frame_bytes)
        return self._blocks(max(1, frames))

    def reopened(self) -> SoundReader:
        """Return another reader of the same file, which begins where this one did.

        Raises:
            FormatError, AudioError: as the class; it is a pipe.
        """
        self.close()
        self._file.rewind()
        return SoundReader(self._given)

    def close(self) -> None:
        """Close what was opened here; more than once does no harm."""
        if self._sound is not None:
            self._sound.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _begin(self) -> tuple[int, int, Callable[[int], Iterator[Int16]]]:
        """Return the rate, the size of a frame and what yields blocks of so many."""
        head = self._file.peek(HEAD_BYTES)
        if is_wav(head):
            riff = Riff(self._file)
            form = riff.format
            if form.coding in CODINGS:
                return form.rate, form.frame_bytes, lambda frames: _blocks_of(riff, frames)
            return self._by_libsndfile(f"WAV of coding {form.coding}")
        if kind := libsndfile_kind(head):
            return self._by_libsndfile(kind)
        raise self._unknown(head)

    def _by_libsndfile(self, kind: str) -> tuple[int, int, Callable[[int], Iterator[Int16]]]:
        sound = self._sound = LibsndfileReader(self._file, kind)
        return sound.rate, sound.frame_bytes, sound.blocks

    def _unknown(self, head: bytes) -> FormatError:
        if not head:
            return FormatError(
                f"{self._file.name} is empty: was it recorded or downloaded to its end, and closed?"
            )
        kind = foreign_kind(head)
        remedy = "convert it: ffmpeg -i in.file out.wav"
        given = self._given
        if isinstance(given, bytes) and len(given) <= _MOST_PATH_BYTES and b"\0" not in given:
            remedy = "if it is a path, decode it: os.fsdecode(path)"
        elif kind == UNKNOWN:
            remedy += (
                "; samples without a header: "
                "sox -t raw -r 24000 -e signed -b 16 -c 1 in.file out.wav"
            )
        return FormatError(f"{self._file.name} is {kind}, not WAV, FLAC, Ogg or MP3; {remedy}")


def _blocks_of(riff: Riff, frames: int) -> Iterator[Int16]:
    while data := riff.read(frames):
        yield mono_of_wav(data, riff.format)
