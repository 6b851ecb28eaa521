"""permessage-deflate (RFC 7692), without I/O; loaded only where it was asked for."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final

from attrs import frozen

from ._frames import (
    BINARY,
    RSV1,
    TEXT,
    FrameError,
    Splitter,
    deflated_text_frame,
    text_frame,
)

__all__ = [
    "Agreement",
    "Deflater",
    "InflatingSplitter",
    "NegotiationError",
    "negotiated",
]

_NAME: Final = "permessage-deflate"
# No more than the server may use: a smaller window costs 32 kB per connection instead of 256, and
# the messages are short.
_OUR_WINDOW_BITS: Final = 12
_OUR_MEMORY_LEVEL: Final = 5
_SMALLEST_WINDOW_BITS: Final = 9  # zlib can't compress with 8
# What is handed over behind the end of a stream: so little, doubled while that stream goes on. The
# decompressor copies what an ended stream leaves, so all of it would be copied for each of many.
_FIRST_PIECE: Final = 16
_TAIL: Final = b"\x00\x00\xff\xff"  # ends every message and does not travel (§7.2.1)

_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token of RFC 9110 §5.6.2
_PARAMETER: Final = re.compile(rf'({_WORD})(?:\s*=\s*(?:({_WORD})|"({_WORD})"))?')


class NegotiationError(Exception):
    """The server's answer to the offer breaks a rule."""


@frozen(kw_only=True)
class Agreement:
    """What was agreed on (§7.1).

    Attributes:
        client_no_context_takeover: each of our messages is compressed on its own.
        client_max_window_bits: of our compressor.

    What the server promises about its own window and context needs no action: a decompressor with
    the largest window that keeps its context understands all of it.
    """

    client_no_context_takeover: bool = False
    client_max_window_bits: int = 15


def negotiated(values: Sequence[str]) -> Agreement | None:
    """Return what the server agreed to, None for no compression.

    Args:
        values: of the answer's ``Sec-WebSocket-Extensions`` headers.

    Raises:
        NegotiationError: it is not an answer to our offer.
    """
    extensions = [e.strip() for value in values for e in value.split(",") if e.strip()]
    if not extensions:
        return None
    if len(extensions) > 1:
        raise NegotiationError("more extensions than were offered")
    name, *parameters = (part.strip() for part in extensions[0].split(";"))
    if name != _NAME:
        raise NegotiationError(f"the extension {name!r} was not offered")
    found: dict[str, str | None] = {}
    for parameter in parameters:
        match = _PARAMETER.fullmatch(parameter)
        if match is None or match[1] in found:
            raise NegotiationError(f"malformed or repeated parameter {parameter!r}")
        found[match[1]] = match[2] or match[3]
    return _agreement(found)


def _agreement(found: dict[str, str | None]) -> Agreement:
    bits = 15
    for name, value in found.items():
        if name in ("server_no_context_takeover", "client_no_context_takeover"):
            good = value is None
        elif name in ("server_max_window_bits", "client_max_window_bits"):
            good = value in ("8", "9", "10", "11", "12", "13", "14", "15")
            if good and name.startswith("client"):
                bits = int(value or "")
        else:
            good = False
        if not good:
            raise NegotiationError(f"unknown parameter or wrong value: {name}={value}")
    return Agreement(
        client_no_context_takeover="client_no_context_takeover" in found,
        client_max_window_bits=bits,
    )


class Deflater:
    """Compresses our messages, in the order in which they are sent."""

    def __init__(self, agreement: Agreement) -> None:
        self._bits = min(agreement.client_max_window_bits, _OUR_WINDOW_BITS)
        self._keeps_context = not agreement.client_no_context_takeover
        self._compressor: zlib._Compress | None = None

    def frame(self, payload: bytes) -> bytes | bytearray:
        """Return one whole text message."""
        if self._bits < _SMALLEST_WINDOW_BITS:
            return text_frame(payload)  # allowed for any message (§6)
        compressor = self._compressor or zlib.compressobj(
            wbits=-self._bits, memLevel=_OUR_MEMORY_LEVEL
        )
        data = compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if self._keeps_context:
            self._compressor = compressor
        # zlib flushes nothing after nothing; an empty message is then one byte (§7.2.3.6).
        return deflated_text_frame(data.removesuffix(_TAIL) or b"\x00")


class InflatingSplitter(Splitter):
    """A splitter that takes compressed messages, too; see `Splitter`.

    ``max_size`` counts the bytes of the message itself: nothing is decompressed beyond it.
    """

    _reserved = Splitter._reserved & ~RSV1

    def __init__(self, max_size: int | None = None) -> None:
        super().__init__(max_size)
        self._limit = max_size
        self._compressed = False  # the message whose frames are being taken
        self._decompressor = _decompressor()

    def _check(self, first: int, length: int) -> None:
        if first & RSV1 and first & 0x0F not in (TEXT, BINARY):  # only a message's first frame (§6)
            raise FrameError(1002, "a control or continuation frame is marked as compressed")
        super()._check(first, length)

    def _check_size(self, first: int, size: int) -> None:
        compressed = first & RSV1 if first & 0x0F else self._compressed
        if not compressed:
            super()._check_size(first, size)
        # What can't be compressed grows a little; the exact limit is for what comes out.
        elif self._limit is not None and size > self._limit + (self._limit >> 3) + 64:
            raise FrameError(
                1009, f"{size} compressed bytes are too many for max_size={self._limit}"
            )

    def _take(self, first: int, payload: bytes | bytearray, messages: list[str | bytes]) -> None:
        if first & 0x0F in (TEXT, BINARY):
            self._compressed = bool(first & RSV1)
        super()._take(first & ~RSV1, payload, messages)

    def _message(self, opcode: int, payload: bytes | bytearray) -> str | bytes:
        return super()._message(opcode, self._inflated(payload) if self._compressed else payload)

    def _inflated(self, payload: bytes | bytearray) -> bytes:
        parts: list[bytes] = []
        size = position = 0
        data = memoryview(b"".join((payload, _TAIL)))
        piece = len(data)
        while position < len(data):
            handed = data[position : position + piece]
            part = self._decompress(handed, 0 if self._limit is None else self._limit - size + 1)
            parts.append(part)
            size += len(part)
            if self._limit is not None and size > self._limit:
                raise FrameError(
                    1009, f"a message decompresses to more than max_size={self._limit}"
                )
            position += len(handed)
            piece *= 2
            if self._decompressor.eof:  # the peer has ended its stream (§7.2.3.4); a new one begins
                position -= len(self._decompressor.unused_data)
                piece = _FIRST_PIECE
                self._decompressor = _decompressor()
        return b"".join(parts)

    def _decompress(self, data: memoryview, room: int) -> bytes:
        try:
            return self._decompressor.decompress(data, room)
        except zlib.error as exc:
            raise FrameError(1007, f"a message can't be decompressed: {exc}") from exc


def _decompressor() -> zlib._Decompress:
    return zlib.decompressobj(wbits=-zlib.MAX_WBITS)
