"""Frames as a server sends them, and received bytes as the transport gives them to a splitter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # servers use this module as well, and need nothing of the package
    from realtime_sync.transport._frames import Splitter

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
RSV1 = 0x40

Messages = list[str | bytes]


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """Return an unmasked frame."""
    return header(opcode | (0x80 if fin else 0) | rsv, len(payload)) + payload


def header(first: int, size: int) -> bytes:
    """Return the beginning of a frame with ``size`` bytes of payload."""
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


def feed(splitter: Splitter, data: bytes) -> Messages:
    """Give ``data`` to the splitter the way the transport does."""
    messages: Messages = []
    while data:
        space = splitter.space()
        if space is None:
            return messages + splitter.feed(data)
        count = min(len(space), len(data))
        space[:count] = data[:count]
        messages += splitter.filled(count)
        data = data[count:]
    return messages
