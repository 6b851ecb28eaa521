"""Sound on its way between source, session and sink, each at a rate and in a form of its own."""

from __future__ import annotations

from ..audio.g711 import DECODERS, ENCODERS, Codec
from ..audio.pcm import SampleJoiner, require_rate
from ..audio.resample import Resampler
from ..conversation.session import SessionFacts, SoundFormat
from ..errors import ConfigError
from .effects import Part

__all__ = ["InputConverter", "OutputConverter", "check_formats"]

_G711_HZ = 8_000


def check_formats(session: SessionFacts) -> None:
    """Raise where a session has a format that can't be spoken.

    Raises:
        ConfigError: an audio format is neither PCM16 nor G.711.
    """
    _check_format("input", session.input)
    _check_format("output", session.output)


class InputConverter:
    """Makes what the source gives into what the session takes.

    The chunks are one stream until `finish`: cut anywhere, they give the same sound.

    Args:
        source_rate: sample rate of the source in Hz.

    Raises:
        ConfigError: the rate is none.

    Threads:
        One at a time.
    """

    def __init__(self, source_rate: int) -> None:
        self._rate = require_rate(source_rate, name="source_rate")
        self._format: SoundFormat | None = None
        self._resampler: Resampler | None = None
        self._encode: Codec | None = None

    def convert(self, pcm: bytes, format: SoundFormat) -> bytes:
        """Return a chunk in the session's format.

        Where that is the source's, the chunk itself comes back. While the resampler fills, it
        may be nothing.

        Args:
            pcm: int16 mono, little-endian, at the source's rate.
            format: of the session's input at this moment. PCM16 without a rate means the source's.

        Raises:
            ConfigError: the format is neither PCM16 nor G.711, or soxr is missing.
        """
        if format is not self._format and format != self._format:
            self._adopt(format)
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        return pcm if self._encode is None else self._encode(pcm)

    def finish(self) -> bytes:
        """End the stream, as with a turn, and return what the resampler still holds of it."""
        if self._resampler is None:
            return b""
        tail = self._resampler.process(b"", last=True)
        return tail if self._encode is None else self._encode(tail)

    def _adopt(self, format: SoundFormat) -> None:
        # What the resampler holds is dropped: the session takes nothing in the old form any more.
        _check_format("input", format)
        self._resampler = _make_resampler(self._rate, _rate_of(format, self._rate))
        self._encode = ENCODERS.get(format.type)
        self._format = format


class OutputConverter:
    """Makes what the session says into what the sink takes, and into whole samples.

    The pieces of one part are one stream. A resampler holds the end of it back, which comes out
    with the next part or with `finish`. So all that is returned says whose it is.

    Args:
        sink_rate: sample rate of the sink in Hz.

    Raises:
        ConfigError: the rate is none.

    Threads:
        One at a time.
    """

    def __init__(self, sink_rate: int) -> None:
        self._rate = require_rate(sink_rate, name="sink_rate")
        self._format: SoundFormat | None = None
        self._part: Part | None = None
        self._joiner = SampleJoiner()
        self._resampler: Resampler | None = None
        self._decode: Codec | None = None

    def convert(self, audio: bytes, part: Part, format: SoundFormat) -> list[tuple[Part, bytes]]:
        """Return what is to be played now: ``(part, PCM16 at the sink's rate)``, in order.

        Args:
            audio: in ``format``; a sample may be split between two pieces of a part.
            part: what it belongs to.
            format: of the session's output at this moment. PCM16 without a rate means the sink's.

        Raises:
            ConfigError: the format is neither PCM16 nor G.711, or soxr is missing.
        """
        same = format is self._format or format == self._format
        tail = [] if same and part == self._part else self.finish()
        if not same:
            self._adopt(format)
        self._part = part
        pcm = self._joiner.join(audio, part) if self._decode is None else self._decode(audio)
        if self._resampler is not None:
            pcm = self._resampler.process(pcm)
        return [*tail, (part, pcm)] if pcm else tail

    def finish(self) -> list[tuple[Part, bytes]]:
        """End the part, and return what is still held of it; half a sample is nothing."""
        self._joiner.clear()
        part, self._part = self._part, None
        if self._resampler is None or part is None:
            return []
        tail = self._resampler.process(b"", last=True)
        return [(part, tail)] if tail else []

    def clear(self) -> None:
        """Forget what is held: it was interrupted, or what follows does not belong to it."""
        self.finish()

    def _adopt(self, format: SoundFormat) -> None:
        _check_format("output", format)
        self._resampler = _make_resampler(_rate_of(format, self._rate), self._rate)
        self._decode = DECODERS.get(format.type)
        self._format = format


def _check_format(direction: str, format: SoundFormat) -> None:
    if not format.is_pcm and format.type not in ENCODERS:
        raise ConfigError(
            f"the session's {direction} format is {format.type!r}; the voice loop speaks PCM16 and "
            f"G.711: set audio.{direction}.format to {{'type': 'audio/pcm', 'rate': 24000}}, "
            "{'type': 'audio/pcmu'} or {'type': 'audio/pcma'}"
        )


def _rate_of(format: SoundFormat, ours: int) -> int:
    return format.rate or (ours if format.is_pcm else _G711_HZ)


def _make_resampler(from_hz: int, to_hz: int) -> Resampler | None:
    if from_hz == to_hz:
        return None
    # On the way from or to a telephone, "HQ" would hold sound back for too long.
    return Resampler(from_hz, to_hz, quality="LQ" if _G711_HZ in (from_hz, to_hz) else "HQ")
