"""Sound files of every kind, right ones and wrong ones, put together byte by byte."""

from __future__ import annotations

import struct

__all__ = ["RATE", "SUB_FORMAT", "chunk", "extensible", "form", "riff", "wav"]

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
