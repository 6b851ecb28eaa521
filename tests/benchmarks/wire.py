"""WebSocket framing for the load server and the raw-socket floor: no library, no checks."""

from __future__ import annotations

import base64
import hashlib
import os
import socket

__all__ = ["CLOSE_NORMAL", "Inbox", "accept", "handshake", "server_frame", "zero_masked_frame"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PING, _PONG = 0x89, 0x8A
CLOSE_NORMAL = b"\x88\x02\x03\xe8"


def _header(size: int, mask_bit: int) -> bytes:
    if size < 126:
        return bytes((0x81, mask_bit | size))
    if size < 65536:
        return bytes((0x81, mask_bit | 126)) + size.to_bytes(2, "big")
    return bytes((0x81, mask_bit | 127)) + size.to_bytes(8, "big")


def server_frame(text: str) -> bytes:
    """Return a text frame as a server sends it."""
    payload = text.encode()
    return _header(len(payload), 0) + payload


def zero_masked_frame(payload: bytes) -> bytes:
    """Return a client's text frame whose mask is zero, as the floor sends it."""
    return _header(len(payload), 0x80) + b"\0\0\0\0" + payload


def _head(sock: socket.socket) -> bytes:
    """Read to the empty line; nothing stands behind it, since the other side waits."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = sock.recv(4096)
        if not data:
            raise EOFError("the link ended in the handshake")
        head += data
    return head


def accept(sock: socket.socket) -> str:
    """Answer the handshake; return the request's target."""
    head = _head(sock).decode("latin-1")
    request, *lines = head.split("\r\n")
    key = next(v for k, _, v in (x.partition(":") for x in lines) if k.lower().endswith("-key"))
    digest = hashlib.sha1(key.strip().encode() + _GUID).digest()
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
    return request.split(" ")[1]


def handshake(sock: socket.socket, target: str) -> None:
    """Ask for the WebSocket, as the floor does."""
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    # One byte at a time: frames may follow at once.
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += sock.recv(1)


class Inbox:
    """Counts the whole frames among received bytes and forgets the content of all but pings.

    Attributes:
        closed: a close frame was among them.
    """

    def __init__(self) -> None:
        self.closed = False
        self._pings: list[bytes] = []
        self._data = bytearray()
        self._skip = 0

    def count(self, data: bytes) -> int:
        """Take ``data``; return how many frames it ended."""
        whole = 0
        if self._skip:
            step = min(self._skip, len(data))
            self._skip -= step
            data = data[step:]
            if self._skip:
                return 0
            whole = 1
        self._data += data
        while len(self._data) >= 2:
            self.closed = self.closed or self._data[0] == 0x88
            length, start = self._data[1] & 0x7F, 2
            if length > 125:
                start = 4 if length == 126 else 10
                length = int.from_bytes(self._data[2:start], "big")
            if len(self._data) < start:
                break
            start += 4 if self._data[1] & 0x80 else 0
            left = start + length - len(self._data)
            is_ping = self._data[0] == _PING
            if left > 0:
                if not is_ping:
                    self._skip = left
                    self._data.clear()
                break
            if is_ping:
                mask, payload = self._data[start - 4 : start], self._data[start : start + length]
                self._pings.append(bytes(b ^ mask[i % 4] for i, b in enumerate(payload)))
            del self._data[: start + length]
            whole += 1
        return whole

    def pongs(self) -> bytes:
        """Return the answers to the pings that came; without them clients end a long talk."""
        pings, self._pings = self._pings, []
        return b"".join(bytes((_PONG, len(payload))) + payload for payload in pings)
