"""Frames of MP3 and AAC: how long one is, and whether some follow each other.

Sources: ISO/IEC 11172-3 and 13818-3 for MPEG audio, ISO/IEC 13818-7 for AAC's ADTS.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = [
    "HEADER_BYTES",
    "adts_frame_bytes",
    "begins_mpeg_frame",
    "is_aac",
    "is_mp3",
    "mpeg_frame_bytes",
]

HEADER_BYTES = 7
"""So many of the first bytes of a frame tell its length; four do for MPEG audio."""

_FRAMES = 3  # one is begun by quiet G.711 now and then, and two by chance in a million sounds
_MOST_AAC_BYTES = 2_880  # of one frame, and as many as MPEG audio has; ADTS could tell 8 kB
# Bit rates in 1000 bits per second, by version 1 and the others, and by layer.
_RATES_1 = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_LOW_RATES = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES_2 = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: _LOW_RATES,
    3: _LOW_RATES,
}
_HZ = (44_100, 48_000, 32_000)
_DIVISORS = {3: 1, 2: 2, 0: 4}  # of the rates above, by the number of the version
# What all frames of one stream have in common.
_MPEG_MASK = bytes((0xFF, 0xFF, 0x0C, 0xCF))
_AAC_MASK = bytes((0xFF, 0xFF, 0xFF, 0xF0))


def begins_mpeg_frame(head: bytes) -> bool:
    """Whether it begins like a frame of MPEG audio, with no value that the format reserves."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bit_rate != 15 and sample_rate != 3


def mpeg_frame_bytes(header: bytes) -> int:
    """Return the length of a frame of MPEG audio.

    Returns:
        0 where it is none: too short, with a value that the format reserves, or of a free bit rate.
    """
    if len(header) < 4 or not begins_mpeg_frame(header):
        return 0
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bit_rate, sample_rate = header[2] >> 4, header[2] >> 2 & 3
    if bit_rate == 0 or header[3] & 3 == 2:  # free; an emphasis that is reserved
        return 0
    rate = 1000 * (_RATES_1 if version == 3 else _RATES_2)[layer][bit_rate - 1]
    hz = _HZ[sample_rate] // _DIVISORS[version]
    padding = header[2] >> 1 & 1
    if layer == 1:
        return (12 * rate // hz + padding) * 4
    return (72 if layer == 3 and version != 3 else 144) * rate // hz + padding


def adts_frame_bytes(header: bytes) -> int:
    """Return the length of a frame of AAC in ADTS; 0 where it is none."""
    if len(header) < HEADER_BYTES or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return 0
    if header[2] >> 2 & 15 > 12:  # a sample rate that is reserved
        return 0
    size = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return size if HEADER_BYTES < size <= _MOST_AAC_BYTES else 0


def is_mp3(head: bytes) -> bool | None:
    """Return whether frames of MPEG audio follow each other; None where more bytes must tell."""
    return _follow(head, mpeg_frame_bytes, _MPEG_MASK)


def is_aac(head: bytes) -> bool | None:
    """Return whether frames of AAC follow each other; None where more bytes must tell."""
    return _follow(head, adts_frame_bytes, _AAC_MASK)


def _follow(head: bytes, size_of: Callable[[bytes], int], mask: bytes) -> bool | None:
    common = [octet & bits for octet, bits in zip(head, mask, strict=False)]
    at = 0
    for _ in range(_FRAMES):
        header = head[at : at + HEADER_BYTES]
        if len(header) < HEADER_BYTES:
            return None
        size = size_of(header)
        if not size or [octet & bits for octet, bits in zip(header, mask, strict=False)] != common:
            return False
        at += size
    return True
