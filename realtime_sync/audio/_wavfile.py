"""WAV files as they are written: whole at any moment, even after a crash."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from ..errors import AudioError
from ._input_file import StrPath

__all__ = ["WavWriter"]

_MAX_SIZE = 0xFFFFFFFF  # the sizes in the header have 32 bits
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


class WavWriter:
    """Writes PCM16 to a WAV file whose header is right after every call.

    Args:
        path: the file; an existing one is replaced.
        rate: sample rate in Hz.
        channels: interleaved channels in what `write` gets.

    Raises:
        AudioError: the file can't be created.

    Threads:
        One thread at a time.
    """

    def __init__(self, path: StrPath, *, rate: int, channels: int = 1) -> None:
        self._rate = rate
        self._channels = channels
        self._bytes = 0
        self._path = Path(path)
        try:
            # Unbuffered: what was written is in the file, whatever happens to this process.
            self._file = self._path.open("wb", buffering=0)
        except OSError as exc:
            raise AudioError(f"can't write {str(path)!r}: {exc.strerror}") from exc
        try:
            self._file.write(self._header())
        except OSError as exc:
            self._file.close()
            raise AudioError(f"can't write {str(path)!r}: {exc.strerror}") from exc

    def write(self, pcm: bytes) -> None:
        """Append ``pcm`` and correct the header.

        Raises:
            AudioError: the disk is full or the file system refuses for another reason.
        """
        try:
            self._file.seek(0, os.SEEK_END)
            rest = memoryview(pcm)
            while rest:  # a disk that is nearly full takes a part of it, and refuses the next
                taken = self._file.write(rest)
                self._bytes += taken
                rest = rest[taken:]
            # Only now: a crash in between leaves a header that promises no more than is there.
            self._file.seek(0)
            self._file.write(self._header())
        except OSError as exc:
            raise AudioError(f"can't write {str(self._path)!r}: {exc.strerror}") from exc

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        self._file.close()

    def _header(self) -> bytes:
        frame = 2 * self._channels
        data = min(self._bytes, _MAX_SIZE - 36)
        return _HEADER.pack(
            b"RIFF", data + 36, b"WAVE", b"fmt ", 16, 1, self._channels, self._rate,
            self._rate * frame, frame, 16, b"data", data,
        )  # fmt: skip
