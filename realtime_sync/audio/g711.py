"""G.711, the telephone's µ-law and A-law: one byte per sample at 8 kHz.

The tables hold ITU-T G.711's logarithmic steps for the 14-bit (µ-law) and 13-bit (A-law) value of
each sample; building them from the full 16 bits rounds differently and is not byte-exact.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..errors import FormatError
from .pcm import Pcm, as_int16

Int16 = NDArray[np.int16]
UInt8 = NDArray[np.uint8]

__all__ = [
    "DECODERS",
    "ENCODERS",
    "Codec",
    "decode_alaw",
    "decode_ulaw",
    "encode_alaw",
    "encode_ulaw",
]

_ULAW_BIAS = 33  # 14-bit form of the 0x84 that makes every segment start at a power of two
_ULAW_CLIP = 8158  # the highest that is still in the last segment with the bias on
_STEPS = 0x0F  # the four bits inside a segment


def encode_ulaw(audio: Pcm) -> bytes:
    """Return PCM16 as µ-law (``audio/pcmu``), one byte per sample.

    Raises:
        FormatError: ``audio`` is not PCM16; see `realtime_sync.audio.to_pcm16`.
    """
    codes: UInt8 = _ulaw_encoder()[as_int16(audio) >> 2]
    return codes.tobytes()


def decode_ulaw(data: bytes) -> bytes:
    """Return µ-law bytes (``audio/pcmu``) as PCM16, two bytes per sample."""
    samples: Int16 = _ulaw_decoder()[_octets(data)]
    return samples.tobytes()


def encode_alaw(audio: Pcm) -> bytes:
    """Return PCM16 as A-law (``audio/pcma``), one byte per sample.

    Raises:
        FormatError: ``audio`` is not PCM16; see `realtime_sync.audio.to_pcm16`.
    """
    codes: UInt8 = _alaw_encoder()[as_int16(audio) >> 3]
    return codes.tobytes()


def decode_alaw(data: bytes) -> bytes:
    """Return A-law bytes (``audio/pcma``) as PCM16, two bytes per sample."""
    samples: Int16 = _alaw_decoder()[_octets(data)]
    return samples.tobytes()


Codec = Callable[[bytes], bytes]

# From PCM16 and to it, by the name that an encoding has in the protocol.
ENCODERS: dict[str, Codec] = {"audio/pcmu": encode_ulaw, "audio/pcma": encode_alaw}
DECODERS: dict[str, Codec] = {"audio/pcmu": decode_ulaw, "audio/pcma": decode_alaw}


def _octets(data: object) -> UInt8:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise FormatError(
            f"g.711 data is {type(data).__name__}; it must be bytes, one for each sample"
        )
    return np.frombuffer(data, dtype=np.uint8)


def _signed_range(bits: int) -> NDArray[np.int64]:
    """Return every value of ``bits`` bits in the order in which an index reaches it.

    A negative index counts from the end, so table[-1] must belong to -1: 0 … max, min … -1.
    """
    half = 1 << (bits - 1)
    return np.concatenate((np.arange(half), np.arange(-half, 0)))


@cache
def _ulaw_encoder() -> UInt8:
    value = _signed_range(14)
    magnitude = np.minimum(np.abs(value), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int64) - 5
    code = (segment << 4) | ((magnitude >> (segment + 1)) & _STEPS)
    return np.asarray(code ^ np.where(value < 0, 0x7F, 0xFF), dtype=np.uint8)


@cache
def _ulaw_decoder() -> Int16:
    code = ~np.arange(256) & 0xFF
    magnitude = ((((code & _STEPS) << 3) + (_ULAW_BIAS << 2)) << ((code & 0x70) >> 4)) - (
        _ULAW_BIAS << 2
    )
    return np.asarray(np.where(code & 0x80, -magnitude, magnitude), dtype="<i2")


@cache
def _alaw_encoder() -> UInt8:
    value = _signed_range(13)
    magnitude = np.where(value < 0, -value - 1, value)
    # Segments 0 and 1 share the step of 2; from there each segment doubles it.
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 4, 0)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & _STEPS)
    return np.asarray(code ^ np.where(value < 0, 0x55, 0xD5), dtype=np.uint8)


@cache
def _alaw_decoder() -> Int16:
    code = np.arange(256) ^ 0x55
    segment = (code & 0x70) >> 4
    middle = ((code & _STEPS) << 4) + np.where(segment > 0, 0x108, 8)
    magnitude = middle << np.maximum(segment - 1, 0)
    return np.asarray(np.where(code & 0x80, magnitude, -magnitude), dtype="<i2")
