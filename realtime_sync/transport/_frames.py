"""WebSocket frames (RFC 6455 §5) without I/O: received bytes to messages, messages to bytes.

The splitter works on whatever one large socket read gave: 0.3 to 1.3 µs per frame, where reading
each frame's header and payload from the socket costs 5 to 14.
"""

from __future__ import annotations

import struct
from typing import Final

from attrs import frozen

from ..errors import TransportError
from ._mask import masked

__all__ = [
    "BINARY",
    "READ_SIZE",
    "RSV1",
    "TEXT",
    "CloseFrame",
    "FrameError",
    "Splitter",
    "close_frame",
    "deflated_text_frame",
    "ping_frame",
    "pong_frame",
    "text_frame",
]

# As much as malloc hands out without a mapping of its own, which costs more than it saves: with
# 64 KiB a spoken turn costs 5 % more, with 256 KiB as well.
READ_SIZE: Final = 122_880
# From this much missing on, a frame gets a buffer of its own that the socket fills in place. With
# 8 KiB, so that nearly every read of audio was cut in two, 32 kB of it cost 20 % more.
_LARGE_REST: Final = 65_536
_FIRST_CHUNK: Final = 1 << 20

_FIN: Final = 0x80
RSV1: Final = 0x40  # on a message's first frame: it is compressed (RFC 7692 §6)
TEXT: Final = 0x1
BINARY: Final = 0x2
_CONTINUATION: Final = 0x0
_CLOSE, _PING, _PONG = 0x8, 0x9, 0xA
_WHOLE_TEXT: Final = _FIN | TEXT
_MASKED: Final = 0x80
_MAX_CONTROL: Final = 125
_TWO_BYTES: Final = 126  # says that the length stands in the next two
_LONGEST_HEADER: Final = 10
_NO_LIMIT: Final = 1 << 63  # no frame can be as long (§5.2)

# What a close frame may say (§7.4.2 and the IANA registry); 1005, 1006 and 1015 may not travel.
_CLOSE_CODES: Final = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))


class FrameError(TransportError):
    """The peer broke a rule of the framing; the link is to be closed with ``code``."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason


@frozen
class CloseFrame:
    """The peer's close frame; ``code`` is 1005 when it held none."""

    code: int
    reason: str


class Splitter:
    """Cuts received bytes into messages.

    The messages before a broken rule are still returned. After `close` or `error` is set, later
    bytes are ignored.

    Args:
        max_size: bytes of the largest message accepted, or None.

    Attributes:
        pings: payloads to answer, oldest first; the owner empties it.
        close: the peer's close frame, or None.
        error: the rule that the peer broke, or None.
    """

    _reserved = 0x70  # the bits that no frame may have (§5.2)

    def __init__(self, max_size: int | None = None) -> None:
        self.pings: list[bytes] = []
        self.close: CloseFrame | None = None
        self.error: FrameError | None = None
        self._max_size = _NO_LIMIT if max_size is None else max_size
        self._rest = b""  # the beginning of a frame
        # The payload of a large frame: what the last chunk has of it, and what no chunk has yet.
        self._chunks: list[bytearray] = []
        self._filled = 0
        self._missing = 0
        self._large_first = 0  # its first header byte
        # A fragmented message; _opcode is _CONTINUATION while there is none.
        self._opcode = _CONTINUATION
        self._parts: list[bytes | bytearray] = []
        self._parts_size = 0

    def feed(self, data: bytes) -> list[str | bytes]:
        """Return the messages that ``data`` completes; not while `space` asks for the bytes."""
        messages: list[str | bytes] = []
        if self.error is not None or self.close is not None:
            return messages
        try:
            position = 0
            if self._rest:
                position = self._finish_rest(data, messages)
            position = self._split(data, position, messages)
        except FrameError as error:
            self.error = error
        except UnicodeDecodeError as exc:
            self.error = _not_utf8(exc)
        else:
            if position < len(data):
                self._rest += data[position:]
        return messages

    def _finish_rest(self, data: bytes, messages: list[str | bytes]) -> int:
        """Complete the frame that the last read began; return how much of ``data`` it took.

        Only this frame is put together from two reads: copying all of ``data`` behind the rest
        cost 3 µs for each read of 64 KiB.
        """
        rest = self._rest
        head = rest + data[:_LONGEST_HEADER]
        missing = _frame_size(head) - len(rest)
        frame = rest + data[:missing]
        end = self._split(frame, 0, messages)
        self._rest = frame[end:]
        return min(missing, len(data))

    def _split(self, data: bytes, position: int, messages: list[str | bytes]) -> int:
        """Append whole messages to ``messages``; return where the unfinished frame begins."""
        end = len(data)
        while end - position >= 2 and self.close is None:
            first = data[position]
            length = data[position + 1]
            start = position + 2
            if length == _TWO_BYTES and start + 2 <= end:
                # As most are: without the call, 0.15 µs.
                length = data[start] << 8 | data[start + 1]
                start += 2
                if length < _TWO_BYTES:
                    raise _not_shortest(length)
            elif length > _MAX_CONTROL:
                length, start = _long_length(data, position)
                if start > end:
                    return position
            stop = start + length
            # Nearly every frame is a whole text message: decode it on the spot.
            if (
                first == _WHOLE_TEXT
                and stop <= end
                and length <= self._max_size
                and not self._opcode
            ):
                messages.append(data[start:stop].decode())
            else:
                self._check(first, length)
                if stop > end:
                    if stop - end >= _LARGE_REST:
                        self._begin_large(first, length, data[start:])
                        return end
                    return position
                self._take(first, data[start:stop], messages)
            position = stop
        return position

    def _check(self, first: int, length: int) -> None:
        """Raise FrameError for a header that may not stand here (§5.2, §5.4, §5.5)."""
        opcode = first & 0x0F
        if first & self._reserved:
            raise FrameError(1002, "a reserved bit is set, but no extension was agreed on")
        if opcode >= _CLOSE:
            if opcode > _PONG:
                raise FrameError(1002, f"unknown opcode {opcode:#x}")
            if not first & _FIN:
                raise FrameError(1002, "a control frame is fragmented")
            if length > _MAX_CONTROL:
                raise FrameError(1002, f"a control frame has {length} bytes")
            return
        if opcode > BINARY:
            raise FrameError(1002, f"unknown opcode {opcode:#x}")
        if opcode and self._opcode:
            raise FrameError(1002, "a message begins inside a fragmented one")
        if not opcode and not self._opcode:
            raise FrameError(1002, "a continuation frame continues nothing")
        self._check_size(first, self._parts_size + length)

    def _check_size(self, first: int, size: int) -> None:
        """Raise FrameError where a message of at least ``size`` bytes is too large."""
        if size > self._max_size:
            raise FrameError(
                1009,
                f"a message of at least {size} bytes is larger than max_size={self._max_size}",
            )

    def _take(self, first: int, payload: bytes | bytearray, messages: list[str | bytes]) -> None:
        """Handle one whole frame whose header was checked."""
        opcode = first & 0x0F
        if opcode == _PING:
            self.pings.append(bytes(payload))
        elif opcode == _CLOSE:
            self.close = _parse_close(bytes(payload))
        elif opcode == _PONG:
            pass  # any byte from the peer is a sign of life; a pong says no more
        elif not first & _FIN:
            self._opcode = self._opcode or opcode
            self._add_part(payload)
        else:
            if self._opcode:
                self._add_part(payload)
                opcode, payload = self._opcode, b"".join(self._parts)
                self._opcode, self._parts, self._parts_size = _CONTINUATION, [], 0
            messages.append(self._message(opcode, payload))

    def _message(self, opcode: int, payload: bytes | bytearray) -> str | bytes:
        return str(payload, "utf-8") if opcode == TEXT else bytes(payload)

    def _add_part(self, payload: bytes | bytearray) -> None:
        if payload:  # or empty frames without end would grow the list past max_size
            self._parts.append(payload)
            self._parts_size += len(payload)

    # -- large frames ----------------------------------------------------------------------------

    def space(self) -> memoryview | None:
        """Return where the rest of a large frame belongs, or None when `feed` wants the bytes.

        What was read into it is reported with `filled`.
        """
        if not self._chunks:
            return None
        return memoryview(self._chunks[-1])[self._filled :]

    def filled(self, count: int) -> list[str | bytes]:
        """Take ``count`` bytes that stand in `space`; return the message that they complete."""
        messages: list[str | bytes] = []
        self._filled += count
        if self._filled < len(self._chunks[-1]):
            return messages
        try:
            if self._missing:
                self._add_chunk()
            else:
                chunks, self._chunks = self._chunks, []
                payload = chunks[0] if len(chunks) == 1 else b"".join(chunks)
                self._take(self._large_first, payload, messages)
        except FrameError as error:
            self.error = error
        except UnicodeDecodeError as exc:
            self.error = _not_utf8(exc)
        return messages

    def _begin_large(self, first: int, length: int, beginning: bytes) -> None:
        self._large_first, self._missing = first, length
        self._add_chunk()
        self._chunks[-1][: len(beginning)] = beginning
        self._filled = len(beginning)

    def _add_chunk(self) -> None:
        # No more than has come so far: whoever lies about a length shall not take the memory.
        arrived = sum(map(len, self._chunks))
        size = min(self._missing, max(_FIRST_CHUNK, arrived))
        try:
            self._chunks.append(bytearray(size))
        except MemoryError as exc:
            raise FrameError(1009, f"no memory for a frame of over {arrived} bytes") from exc
        self._missing -= size
        self._filled = 0


def _frame_size(head: bytes) -> int:
    """Return the size of the frame that ``head`` begins, or of ``head`` if it does not say."""
    if len(head) < 2:
        return len(head)
    length, start = head[1], 2
    if length > _MAX_CONTROL:
        length, start = _long_length(head, 0)
        if start > len(head):
            return len(head)
    return start + length


def _long_length(data: bytes, position: int) -> tuple[int, int]:
    """Return payload length and start where the second byte says more than 125 (§5.2).

    The start lies behind the end of ``data`` while the header is incomplete.
    """
    short = data[position + 1]
    if short & _MASKED:
        raise FrameError(1002, "the server masked a frame")
    size = 2 if short == 126 else 8
    start = position + 2 + size
    length = int.from_bytes(data[position + 2 : start], "big")
    if start <= len(data):
        if length < (126 if size == 2 else 65536):
            raise _not_shortest(length)
        if length >= _NO_LIMIT:
            raise FrameError(1002, "the most significant bit of a length is set")
    return length, start


def _not_shortest(length: int) -> FrameError:
    return FrameError(1002, f"the length {length} is not in its shortest form")


def _parse_close(payload: bytes) -> CloseFrame:
    if not payload:
        return CloseFrame(1005, "")
    if len(payload) == 1:
        raise FrameError(1002, "a close frame has half a code")
    code, reason = int.from_bytes(payload[:2], "big"), payload[2:].decode()
    if code not in _CLOSE_CODES and not 3000 <= code <= 4999:
        raise FrameError(1002, f"a close frame has the invalid code {code}")
    return CloseFrame(code, reason)


def _not_utf8(exc: UnicodeDecodeError) -> FrameError:
    error = FrameError(1007, f"a text is not UTF-8: {exc.reason} at byte {exc.start}")
    error.__cause__ = exc
    return error


# -- building --------------------------------------------------------------------------------------


def text_frame(payload: bytes) -> bytes | bytearray:
    """Return one whole text message, masked, ready to be written in one call."""
    return _frame(_WHOLE_TEXT, payload)


def deflated_text_frame(payload: bytes) -> bytes | bytearray:
    """Return one whole text message whose payload was compressed."""
    return _frame(_WHOLE_TEXT | RSV1, payload)


def ping_frame(payload: bytes = b"") -> bytes | bytearray:
    """Return a ping."""
    return _frame(_FIN | _PING, payload)


def pong_frame(payload: bytes) -> bytes | bytearray:
    """Return the answer to a ping with this payload."""
    return _frame(_FIN | _PONG, payload)


def close_frame(code: int, reason: str = "") -> bytes | bytearray:
    """Return a close frame; code 1005 makes one without a code, as an answer to such a one."""
    payload = b"" if code == 1005 else code.to_bytes(2, "big") + reason.encode()
    return _frame(_FIN | _CLOSE, payload)


def _frame(first: int, payload: bytes) -> bytes | bytearray:
    size = len(payload)
    if size <= _MAX_CONTROL:
        header = bytes((first, _MASKED | size))
    elif size < 65536:
        header = struct.pack("!BBH", first, _MASKED | 126, size)
    else:
        header = struct.pack("!BBQ", first, _MASKED | 127, size)
    return masked(header, payload)
