"""Pages of Ogg: their checksum, and what of a last one is there that was cut off.

Source: RFC 3533.
"""

from __future__ import annotations

import os
import zlib

from ._input_file import WholeFile
from ._splice import FilePart, SplicedFile

__all__ = ["HEADER_BYTES", "LAST_PAGE", "checksum", "with_last_packets"]

HEADER_BYTES = 27
"""The size of a page's header, without the table of its segments."""

LAST_PAGE = 4
"""The bit of a page's header that ends a stream."""

_MOST_PAGE_BYTES = HEADER_BYTES + 255 + 255 * 255
_OPEN_SEGMENT = 255  # the packet goes on in the next one
_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


def checksum(page: bytes) -> int:
    """Return the CRC-32 of a page: zlib's, with all bits in the other order and none inverted.

    Args:
        page: the page, with nulls in the place of its checksum.
    """
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED), "big")


def with_last_packets(file: WholeFile) -> WholeFile | SplicedFile:
    """Return a file that was cut off with a last page of all the packets that are there whole.

    A decoder takes a page with its checksum or not at all, so a second of sound would be lost.
    """
    file.seek(0, os.SEEK_END)
    start = max(0, file.tell() - _MOST_PAGE_BYTES)
    file.seek(start)
    end = file.read(_MOST_PAGE_BYTES)
    at = end.rfind(b"OggS\0")
    page = _shortened(end[at:]) if at >= 0 else None
    if page is None:
        file.seek(0)
        return file
    return SplicedFile(FilePart(file, 0, start + at), FilePart.of(page))


def _shortened(page: bytes) -> bytes | None:
    """Return a page without the packets that were cut off; None where it is whole or has none."""
    table = page[HEADER_BYTES : HEADER_BYTES + page[26]] if len(page) > HEADER_BYTES else b""
    body = page[HEADER_BYTES + len(table) :]
    if not table or len(table) < page[26] or len(body) >= sum(table):
        return None
    segments = size = there = 0
    for number, segment in enumerate(table):
        there += segment
        if there > len(body):
            break
        if segment != _OPEN_SEGMENT:
            segments, size = number + 1, there
    if not segments:
        return None
    head = page[:22]
    tail = bytes([segments]) + table[:segments] + body[:size]
    return head + checksum(head + bytes(4) + tail).to_bytes(4, "little") + tail
