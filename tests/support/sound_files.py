"""Sound files of every kind, right ones and wrong ones, put together byte by byte."""

from __future__ import annotations

import struct

__all__ = [
    "MARKED",
    "RATE",
    "SUB_FORMAT",
    "adts_frame",
    "chunk",
    "extensible",
    "form",
    "mpeg_frame",
    "riff",
    "wav",
]

RATE = 24_000
SUB_FORMAT = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes, *, size: int | None = None, pad: bytes = b"\0") -> bytes:
    """Return a chunk, with the byte that fills up an odd one.

    Args:
        name: of four bytes.
        body: what is in it.
        size: what its header says; by default the truth.
        pad: that byte; b"" for a writer that forgets it.
    """
    told = len(body) if size is None else size
    return name + struct.pack("<I", told) + body + pad * (len(body) % 2)


def form(
    *,
    tag: int = 1,
    channels: int = 1,
    rate: int = RATE,
    bits: int = 16,
    container: int | None = None,
    frame_bytes: int | None = None,
    bytes_per_s: int | None = None,
) -> bytes:
    """Return the body of a format chunk; what is not told follows from the rest."""
    width = (bits + 7) // 8 if container is None else container
    frame = channels * width if frame_bytes is None else frame_bytes
    per_s = rate * channels * width if bytes_per_s is None else bytes_per_s
    return struct.pack("<HHIIHH", tag, channels, rate, per_s, frame, bits)


def extensible(tag: int, *, valid_bits: int, mask: int = 4, **fields: int) -> bytes:
    """Return the body of a WAVE_FORMAT_EXTENSIBLE chunk."""
    tail = struct.pack("<HHIH", 22, valid_bits, mask, tag)
    return form(tag=0xFFFE, **fields) + tail + SUB_FORMAT


def riff(*chunks: bytes, mark: bytes = b"RIFF", size: int | None = None) -> bytes:
    """Return a WAV file of these chunks."""
    body = b"WAVE" + b"".join(chunks)
    return mark + struct.pack("<I", len(body) if size is None else size) + body


def wav(data: bytes, header: bytes | None = None) -> bytes:
    """Return a WAV file of this sound, PCM16 mono by default."""
    return riff(chunk(b"fmt ", form() if header is None else header), chunk(b"data", data))


def mpeg_frame(*, header: str = "fffb9000", size: int = 417) -> bytes:
    """Return a frame of MP3 of this length: by default MPEG-1, 128 kbit/s, 44.1 kHz."""
    return bytes.fromhex(header).ljust(size, b"\x55")


def adts_frame(*, size: int = 200) -> bytes:
    """Return a frame of AAC of this length."""
    lengths = bytes((0x40 | size >> 11, size >> 3 & 0xFF, (size & 7) << 5 | 0x1F))
    return (b"\xff\xf1\x50" + lengths + b"\xfc").ljust(size, b"\1")


MARKED = {  # each of an even length, as samples are
    "WAV": wav(bytes(96)),
    "RIFX": b"RIFX\0\0\0\x84WAVEfmt " + bytes(120),
    "FLAC": b"fLaC\0\0\0\x22" + bytes(120),
    "Ogg": b"OggS\0\x02" + bytes(120),
    "MP3": mpeg_frame() * 4,
    "AIFF": b"FORM\0\0\0\x84AIFFCOMM" + bytes(120),
    "AU": b".snd\0\0\0\x18\xff\xff\xff\xff\0\0\0\3" + bytes(120),
    "CAF": b"caff\0\1\0\0desc" + bytes(120),
    "W64": bytes.fromhex("726966662e91cf11a5d628db04c10000") + bytes(120),
    "MP4 or M4A": b"\0\0\0\x20ftypM4A \0\0\0\0" + bytes(120),
    "WebM or Matroska": b"\x1aE\xdf\xa3\x9f\x42\x86\x81\1\x42\x82\x84webm" + bytes(120),
    "WMA": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(120),
    "AMR": b"#!AMR\n" + bytes(120),
    "AAC": adts_frame() * 3,
}
"""The beginnings of sound files that nothing takes for samples, by the names they have here."""
