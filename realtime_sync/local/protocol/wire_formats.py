"""The audio formats of the wire: what a byte lasts, and the way to and from PCM16."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable

from attrs import frozen

from ..._types import JsonDict
from ...audio.g711 import DECODERS, ENCODERS
from ...audio.resample import Resampler
from .wire import fault

__all__ = [
    "HEARING_HZ",
    "PCM16",
    "SPEAKING_HZ",
    "TICKS_PER_MS",
    "Encoder",
    "WireFormat",
    "decode_base64",
    "format_of",
    "pcm_at",
    "to_hearing",
]

HEARING_HZ = 16_000  # what voice detection and recognition take
SPEAKING_HZ = 24_000  # what synthesis gives
TICKS_PER_MS = 24  # positions count samples of 24 kHz


@frozen
class WireFormat:
    """One encoding of mono sound.

    Attributes:
        type: the name on the wire.
        hz: sampling rate.
        sample_bytes: bytes per sample.
        decode: wire bytes to PCM16 at ``hz``.
        encode: PCM16 at ``hz`` to wire bytes.
    """

    type: str
    hz: int
    sample_bytes: int
    decode: Callable[[bytes], bytes]
    encode: Callable[[bytes], bytes]

    def ticks(self, count: int) -> int:
        """Return how long ``count`` bytes last, in samples of 24 kHz, rounded down."""
        return count // self.sample_bytes * SPEAKING_HZ // self.hz

    def bytes_in(self, ticks: int) -> int:
        """Return how many bytes ``ticks`` hold, whole samples only."""
        return ticks * self.hz // SPEAKING_HZ * self.sample_bytes

    def require_whole_samples(self, data: bytes, param: str) -> None:
        """Raise `ServerError` when ``data`` ends inside a sample."""
        if len(data) % self.sample_bytes:
            raise fault(
                f"Invalid '{param}': {self.type} has {self.sample_bytes} bytes per sample, "
                f"but got {len(data)} bytes. Send whole samples only.",
                code="invalid_value",
                param=param,
            )


def _same(data: bytes) -> bytes:
    return data


def pcm_at(hz: int) -> WireFormat:
    """Return PCM16 at another rate than the usual one."""
    return WireFormat("audio/pcm", hz, 2, _same, _same)


PCM16 = pcm_at(24_000)
_FORMATS = {
    PCM16.type: PCM16,
    **{name: WireFormat(name, 8_000, 1, DECODERS[name], ENCODERS[name]) for name in ENCODERS},
}


def format_of(config: JsonDict) -> WireFormat:
    """Return the format that a checked ``format`` object of the wire names."""
    return _FORMATS[config["type"]]


def decode_base64(text: str, param: str) -> bytes:
    """Return the bytes of ``text``.

    Raises:
        ServerError: it is not base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise fault(
            f"Invalid '{param}': expected base64-encoded audio bytes ({exc}).",
            code="invalid_value",
            param=param,
        ) from exc


def to_hearing(data: bytes, format: WireFormat) -> bytes:
    """Return a whole utterance of the wire as PCM16 at 16 kHz."""
    return Resampler(format.hz, HEARING_HZ).process(format.decode(data), last=True)


class Encoder:
    """Turns a stream of synthesized PCM16 (24 kHz) into wire bytes of ``format``."""

    def __init__(self, format: WireFormat) -> None:
        # LQ: HQ would hold 80 ms back at 8 kHz, and the end of one answer is its listener's pause.
        self._resampler = Resampler(
            SPEAKING_HZ, format.hz, quality="LQ" if format.hz < SPEAKING_HZ else "HQ"
        )
        self._format = format

    def encode(self, pcm: bytes) -> bytes:
        """Return the wire bytes for the next piece."""
        return self._format.encode(self._resampler.process(pcm))

    def flush(self) -> bytes:
        """Return what the filter still holds; the next piece starts a new stream."""
        return self._format.encode(self._resampler.process(b"", last=True))
