"""The bytes of a sound file, from a path, a pipe, an open file or memory; errors are ours."""

from __future__ import annotations

import io
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from .._required import path_text
from .._shown import shown
from ..errors import AudioError, FormatError

__all__ = ["InputFile", "SoundFile", "StrPath", "WholeFile"]

StrPath = str | os.PathLike[str]
SoundFile = StrPath | bytes | bytearray | memoryview | BinaryIO
"""A path; the bytes of a file; or a file that is open for bytes, read from where it stands."""

_PIECE_BYTES = 65_536


class WholeFile:
    """A file as libsndfile seeks and reads in it.

    It never raises, since nobody could catch it there: what fails has no effect, or gives nothing.

    Args:
        file: it.
        start: where its sound file begins in it.
    """

    def __init__(self, file: BinaryIO, start: int = 0) -> None:
        self._file = file
        self._start = start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        """Go there, if there is such a place."""
        with suppress(OSError, ValueError):
            before = self._file.tell()
            self._file.seek(offset + (0 if whence else self._start), whence)
            if self._file.tell() < self._start:
                self._file.seek(before)

    def tell(self) -> int:
        """Return the position, counted from where the sound file begins."""
        with suppress(OSError, ValueError):
            return self._file.tell() - self._start
        return -1

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        with suppress(OSError, ValueError):
            return self._file.read(size)
        return b""


class InputFile:
    """Reads forward, and back to its beginning where the file can.

    Args:
        file: where the bytes come from. What is opened here is closed by `close`; a file that was
            open already is left open.

    Attributes:
        name: what messages call it.
        is_seekable: whether it can be read again; a pipe can't.
        position: how many bytes were read or skipped.

    Raises:
        AudioError: it can't be opened or read; so do all methods.
        FormatError: it is nothing of that kind.

    Threads:
        One at a time.
    """

    def __init__(self, file: SoundFile) -> None:
        self._owned = True
        self._copy: Any = None
        self._ahead = b""
        self.position = 0
        if isinstance(file, str | os.PathLike):
            path = path_text(file)
            self.name = shown(file if path is None else path)
            self._file: Any = self._open(path)
        elif isinstance(file, bytes | bytearray | memoryview):
            self.name = f"what was given ({memoryview(file).nbytes} bytes)"
            self._file = io.BytesIO(file)
        elif callable(getattr(file, "read", None)):
            name = getattr(file, "name", None)
            self.name = shown(name) if isinstance(name, str) and name else "the file"
            self._file, self._owned = file, False
        else:
            raise FormatError(
                f"{shown(file)} is no sound file; give a path, the bytes of a file, or a file that "
                'is open for bytes: open(path, "rb")'
            )
        try:
            self.is_seekable = bool(self._file.seekable())
            self._start = self._file.tell() if self.is_seekable else 0
        except (AttributeError, OSError, ValueError):  # it has no such method, or was closed
            self.is_seekable, self._start = False, 0

    def _open(self, path: str | None) -> BinaryIO:
        if path is None:
            raise AudioError(f"can't read {self.name}: no file can have this name; check the path")
        try:
            return Path(path).open("rb")
        except OSError as exc:
            raise AudioError(f"can't read {self.name}: {exc.strerror}; check the path") from exc

    @property
    def remaining(self) -> int | None:
        """How many bytes follow; None where only reading them can tell."""
        if not self.is_seekable:
            return None
        try:
            here = self._file.tell()
            end = self._file.seek(0, os.SEEK_END)
            self._file.seek(here)
        except Exception as exc:  # as in reading: gzip finds its end by unpacking all of it
            raise self._unreadable(exc) from exc
        return max(0, int(end) - int(here)) + len(self._ahead)

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes and leave them there; fewer at the end."""
        if len(self._ahead) < size:
            self._ahead += self._read(size - len(self._ahead))
        return self._ahead[:size]

    def read(self, size: int) -> bytes:
        """Return the next ``size`` bytes; fewer only at the end."""
        data, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(data) < size:
            data += self._read(size - len(data))
        self.position += len(data)
        return data

    def skip(self, size: int) -> None:
        """Pass over ``size`` bytes, or all that are left."""
        ahead = min(size, len(self._ahead))
        self._ahead = self._ahead[ahead:]
        self.position += ahead
        size -= ahead
        if self.is_seekable:
            size = min(size, self.remaining or 0)
            self.seek(self.position + size)
            return
        while size and (data := self.read(min(size, _PIECE_BYTES))):
            size -= len(data)

    def seek(self, position: int) -> None:
        """Go to a position, counted from the beginning.

        Raises:
            FormatError: it is a pipe.
        """
        if not self.is_seekable:
            raise FormatError(
                f"{self.name} must be read twice and is a pipe: save it as a file and read that"
            )
        self._ahead = b""
        try:
            self._file.seek(self._start + position)
        except Exception as exc:  # as in reading
            raise self._unreadable(exc) from exc
        self.position = position

    def rewind(self) -> None:
        """Put a file that was open already back to where it stood.

        Raises:
            FormatError: it is a pipe.
        """
        if not self._owned:
            self.seek(0)

    def as_whole(self) -> WholeFile:
        """Return the file, from its beginning, for a reader of its own that seeks in it.

        A pipe is copied to the disk.
        """
        if self.is_seekable or self.position:
            self.seek(0)
        return WholeFile(self._file, self._start) if self.is_seekable else WholeFile(self._copied())

    def _copied(self) -> BinaryIO:
        copy = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with this one
        try:
            while piece := self.read(_PIECE_BYTES):
                copy.write(piece)
            copy.seek(0)
        except OSError as exc:
            copy.close()
            raise AudioError(f"can't keep {self.name} on the disk: {exc.strerror}") from exc
        except BaseException:
            copy.close()
            raise
        self._copy = copy
        return copy

    def close(self) -> None:
        """Close what was opened here; more than once does no harm."""
        if self._copy is not None:
            self._copy.close()
        if self._owned:
            self._file.close()

    def _read(self, size: int) -> bytes:
        pieces = []
        while size:
            piece = self._read_once(size)
            if not piece:
                break
            pieces.append(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _read_once(self, size: int) -> bytes:
        try:
            piece = self._file.read(size)
        except UnicodeDecodeError:
            piece = ""  # it is open for text, and holds none
        except Exception as exc:  # whatever a file object of a program raises, such as gzip's
            raise self._unreadable(exc) from exc
        if not isinstance(piece, bytes):
            raise FormatError(
                f"{self.name} gives {type(piece).__name__}, not bytes: open it for bytes that come "
                'when they are asked for, open(path, "rb") or sys.stdin.buffer'
            )
        return piece

    def _unreadable(self, exc: Exception) -> AudioError:
        reason = (exc.strerror if isinstance(exc, OSError) else None) or exc
        return AudioError(f"can't read {self.name}: {reason}; check that it is there and open")
