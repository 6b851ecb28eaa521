"""A socket during the handshakes with a proxy and with the server."""

from __future__ import annotations

import socket
from typing import Final

from .._deadline import Deadline
from ..errors import ConnectError

__all__ = ["MAX_ANSWER_BYTES", "HandshakeStream"]

MAX_ANSWER_BYTES: Final = 65536


class HandshakeStream:
    """Reads and writes that keep to one deadline and lose no byte.

    A socket's own timeout is per call, so a peer that sends a byte now and then would hold us for
    ever. Its methods are those that websocket-client and python-socks call on a socket.

    Attributes:
        sock: the socket.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.sock = sock
        self._deadline = deadline
        self._buffer = b""
        self._taken = bytearray()  # what the library has read

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes, b"" at the end."""
        if len(self._taken) > MAX_ANSWER_BYTES:
            raise ConnectError(f"the server's answer is larger than {MAX_ANSWER_BYTES} bytes")
        data = self.read_on(size)
        self._taken += data
        return data

    def read_on(self, size: int) -> bytes:
        """Do as `recv`, but for bytes that are not part of the answer's head."""
        if not self._buffer:
            self.arm()
            self._buffer = self.sock.recv(4096)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``."""
        self.arm()
        self.sock.sendall(data)  # bounded as a whole by the socket's timeout

    def send(self, data: bytes) -> int:
        """Send all of ``data``; return its length."""
        self.sendall(data)
        return len(data)

    def arm(self) -> None:
        """Give the socket the time that is left.

        Raises:
            TimeoutError: there is none.
        """
        left = self._deadline.remaining()
        if left == 0:
            raise TimeoutError("timed out")
        self.sock.settimeout(left)

    def gettimeout(self) -> float | None:
        """Return the seconds left."""
        return self._deadline.remaining()

    def settimeout(self, timeout: float | None) -> None:
        """Ignore it: the deadline counts."""

    def close(self) -> None:
        """Keep the socket open: a refusal's body is still to be read."""

    def seen(self) -> bytes:
        """Return what `recv` has returned so far."""
        return bytes(self._taken)

    def unread(self) -> bytes:
        """Return what was received and not yet read."""
        return self._buffer
