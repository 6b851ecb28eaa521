"""Where the frames of a FLAC file begin, for what stands behind a damaged one.

libsndfile can't go on behind most faults. So a decoder that is new begins at a later frame: it gets
the file's header, and the rest from there.

Source: RFC 9639.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ._input_file import WholeFile
from ._splice import FilePart, SplicedFile

__all__ = ["FlacFrames"]

_PIECE_BYTES = 65_536
_SYNC = b"\xff\xf8"  # of a stream whose frames have one length; others are not looked for
_MOST_HEADER_BYTES = 16
_LAST_BLOCK = 0x80


class FlacFrames:
    """The frames of a FLAC file, as their headers tell.

    Args:
        file: it, whose own header is right.

    Attributes:
        length: samples of each frame, the last aside; 0 where they differ, and none is found.
    """

    def __init__(self, file: WholeFile) -> None:
        self._file = file
        file.seek(0)
        self._head = file.read(4)
        is_last = False
        while not is_last and len(block := file.read(4)) == 4:
            is_last = block[0] & _LAST_BLOCK != 0
            self._head += block + file.read(int.from_bytes(block[1:], "big"))
        file.seek(0, os.SEEK_END)
        self._size = file.tell()
        shortest, longest = (int.from_bytes(self._head[at : at + 2], "big") for at in (8, 10))
        self.length = longest if shortest == longest else 0

    def all(self) -> Iterator[tuple[int, SplicedFile]]:
        """Yield the frames as they stand in the file.

        Each with the number of its first sample, and a file that begins with it. Bytes that only
        look like a frame may be among them: they can't be decoded.
        """
        for place, number in self._headers(len(self._head)):
            rest = FilePart(self._file, place, self._size - place)
            yield number * self.length, SplicedFile(FilePart.of(self._head), rest)

    def _headers(self, at: int) -> Iterator[tuple[int, int]]:
        while True:
            self._file.seek(at)
            piece = self._file.read(_PIECE_BYTES)
            end = len(piece) - _MOST_HEADER_BYTES if len(piece) == _PIECE_BYTES else len(piece)
            found = piece.find(_SYNC)
            while 0 <= found < end:
                number = _frame_number(piece[found : found + _MOST_HEADER_BYTES])
                if number is not None:
                    yield at + found, number
                found = piece.find(_SYNC, found + 1)
            if len(piece) < _PIECE_BYTES:
                return
            at += end


def _frame_number(header: bytes) -> int | None:
    """Return the number of a frame; None where it is no header, or its checksum is wrong."""
    if len(header) < 6 or header[2] >> 4 == 0 or header[2] & 15 == 15 or header[3] & 1:
        return None
    further = 0  # octets of the number, which is coded like a character of UTF-8
    while header[4] << further & 0x80:
        further += 1
    number_bytes = max(1, further)
    if further == 1 or further > 6:
        return None
    size = 4 + number_bytes
    size += {6: 1, 7: 2}.get(header[2] >> 4, 0) + {12: 1, 13: 2, 14: 2}.get(header[2] & 15, 0)
    if len(header) <= size or _checksum(header[:size]) != header[size]:
        return None
    number = header[4] & (0x7F >> further)
    for octet in header[5 : 4 + number_bytes]:
        number = number << 6 | octet & 0x3F
    return number


def _checksum(header: bytes) -> int:
    """Return FLAC's CRC-8, of the polynomial x^8 + x^2 + x + 1."""
    crc = 0
    for octet in header:
        crc ^= octet
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc
