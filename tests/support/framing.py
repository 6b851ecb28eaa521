"""Frames as a server sends them, and received bytes as the transport gives them to a splitter."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

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


class Sent(NamedTuple):
    """A frame of the client's: opcode, payload unmasked, and whether all of it is there."""

    opcode: int
    payload: bytes
    whole: bool = True


def client_frames(data: bytes) -> list[Sent]:
    """Return the frames in what a client sent, the last one perhaps in part.

    They must be masked and not fragmented, since ours always are.
    """
    frames, position = [], 0
    while position < len(data):
        head = data[position : position + 14]
        size, start = (head[1] & 0x7F, 2) if len(head) > 1 else (0, 2)
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(head[2:start], "big")
        key, start = head[start : start + 4], position + start + 4
        opcode = head[0] & 0x0F
        assert head[0] & 0xF0 == 0x80
        assert opcode in (TEXT, CLOSE, PING, PONG)
        assert len(head) < 2 or head[1] & 0x80
        payload = unmask(data[start : start + size], key)
        frames.append(Sent(opcode, payload, whole=start + size <= len(data)))
        position = start + size
    return frames


def unmask(data: bytes, key: bytes) -> bytes:
    """Return the payload that was masked with ``key``."""
    plain = bytearray(len(data))
    for i in range(len(data) and 4):
        plain[i::4] = data[i::4].translate(bytes(byte ^ key[i] for byte in range(256)))
    return bytes(plain)
