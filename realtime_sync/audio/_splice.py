"""A file put together of parts of another one and of bytes of our own, for a decoder."""

from __future__ import annotations

import io
import os

from attrs import frozen

from ._input_file import WholeFile

__all__ = ["FilePart", "SplicedFile"]


@frozen
class FilePart:
    """Some bytes of a file.

    Args:
        file: it.
        start: where they begin.
        size: how many they are.
    """

    file: WholeFile
    start: int
    size: int

    @classmethod
    def of(cls, data: bytes) -> FilePart:
        """Return these bytes as a part."""
        return cls(WholeFile(io.BytesIO(data)), 0, len(data))


class SplicedFile:
    """Parts as one file that is read and sought in, as `WholeFile` is.

    Args:
        parts: them, in order.
    """

    def __init__(self, *parts: FilePart) -> None:
        self._parts = parts
        self._size = sum(part.size for part in parts)
        self._at = 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        """Go there."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes."""
        pieces, begin = [], 0
        for part in self._parts:
            offset = self._at - begin
            if size and 0 <= offset < part.size:
                part.file.seek(part.start + offset)
                piece = part.file.read(min(size, part.size - offset))
                pieces.append(piece)
                self._at += len(piece)
                size -= len(piece)
            begin += part.size
        return b"".join(pieces)
