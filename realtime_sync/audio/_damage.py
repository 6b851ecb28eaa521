"""What is wrong with a compressed file that its decoder has read in silence.

libsndfile passes over broken pages of Ogg and broken frames of MP3, and ends where a file was cut
off, without a word. So the container is looked at here, once the sound was read.

Sources: RFC 3533 for Ogg's pages and their checksum, ISO/IEC 11172-3 for the frames of MP3, the
note on the Xing tag in them by its makers, and "Audio Interchange File Format 1.3" for AIFF.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable

from ._input_file import WholeFile
from ._mpeg import begins_mpeg_frame, mpeg_frame_bytes

__all__ = ["CUT_OFF", "damage"]

CUT_OFF = "it was cut off"

_OGG_HEADER_BYTES = 27
_LAST_PAGE = 4  # the bit of a page's header that ends a stream
_REVERSED = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))
_ID3_HEADER_BYTES = 10
# What may follow the last frame: tags, of which nothing else follows, or filling.
_TRAILERS = (b"TAG", b"APET", b"LYRI", b"ID3", b"3DI", b"\0\0\0\0")
_TAG_PLACES = (13, 21, 36)  # behind the side information, by version and number of channels
_UNBELIEVABLE = 0x7F00_0000  # from here on, sizes are those of writers that don't know them


def damage(kind: str, file: WholeFile) -> str | None:
    """Return what is wrong with a file in a few words, and None where nothing is seen.

    Damage that leaves the headers of an MP3 file's frames in place is not seen: what is in them
    has no checksum.

    Args:
        kind: as `realtime_sync.audio.file_magic.libsndfile_kind` calls it.
        file: it; where it stands afterwards is left open.
    """
    look = _LOOKS.get(kind)
    return look(file) if look else None


def _of_ogg(file: WholeFile) -> str | None:
    """Look at each page: its mark, its checksum, its number within its stream, and the last."""
    file.seek(0)
    numbers: dict[bytes, int] = {}
    unended: set[bytes] = set()
    at = 0
    while header := file.read(_OGG_HEADER_BYTES):
        if header[:4] != b"OggS"[: len(header)]:
            return f"no page begins at byte {at}"
        table = file.read(header[-1]) if len(header) == _OGG_HEADER_BYTES else b""
        body = file.read(sum(table))
        if len(header) < _OGG_HEADER_BYTES or len(table) < header[26] or len(body) < sum(table):
            return CUT_OFF
        page = header[:22] + bytes(4) + header[26:] + table + body
        if _ogg_checksum(page) != int.from_bytes(header[22:26], "little"):
            return f"the page at byte {at} is damaged"
        stream, number = header[14:18], int.from_bytes(header[18:22], "little")
        if number != numbers.get(stream, number):
            return f"pages are missing before byte {at}"
        numbers[stream] = number + 1
        (unended.discard if header[5] & _LAST_PAGE else unended.add)(stream)
        at += len(page)
    return CUT_OFF if unended else None


def _ogg_checksum(page: bytes) -> int:
    """Return Ogg's CRC-32: zlib's, with all bits in the other order and nothing inverted."""
    reflected = zlib.crc32(page.translate(_REVERSED), 0xFFFF_FFFF) ^ 0xFFFF_FFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED), "big")


def _of_mp3(file: WholeFile) -> str | None:
    """Walk from frame to frame, and compare their number with the one that the first may tell."""
    begin = at = _after_id3(file)
    frames = 0
    while size := mpeg_frame_bytes(head := _read_at(file, at, 4)):
        at += size
        frames += 1
    if begins_mpeg_frame(head) and len(head) == 4:
        return None  # of a free bit rate: nothing tells where the next frame is
    if len(head) == 4 and not head.startswith(_TRAILERS):
        return f"no frame begins at byte {at}"
    is_short = frames < _promised_frames(_read_at(file, begin, 64))
    return CUT_OFF if is_short or at > _size(file) or head[:1] == b"\xff" else None


def _after_id3(file: WholeFile) -> int:
    """Return where the first frame begins."""
    at = 0
    while (head := _read_at(file, at, _ID3_HEADER_BYTES))[:3] == b"ID3":
        size = sum(octet << 7 * place for place, octet in enumerate(reversed(head[6:])))
        footer = _ID3_HEADER_BYTES if head[5:] and head[5] & 0x10 else 0
        at += _ID3_HEADER_BYTES + size + footer
    return at


def _promised_frames(frame: bytes) -> int:
    """Return the number of frames by the Xing tag in the first one; 0 where nothing tells."""
    for place in _TAG_PLACES:
        tag = frame[place : place + 12]
        if len(tag) == 12 and tag[:4] in (b"Xing", b"Info") and tag[7] & 1:
            return int.from_bytes(tag[8:], "big")
    return 0


def _of_form(file: WholeFile) -> str | None:
    """Compare the size that AIFF tells at its beginning with the file's own."""
    size = int.from_bytes(_read_at(file, 4, 4), "big")
    return CUT_OFF if size < _UNBELIEVABLE and _size(file) < 8 + size else None


def _read_at(file: WholeFile, position: int, size: int) -> bytes:
    file.seek(position)
    return file.read(size)


def _size(file: WholeFile) -> int:
    file.seek(0, os.SEEK_END)
    return file.tell()


_LOOKS: dict[str, Callable[[WholeFile], str | None]] = {
    "Ogg": _of_ogg,
    "MP3": _of_mp3,
    "AIFF": _of_form,
    "RIFX": _of_form,
}
