"""A WebSocket server whose every byte the test decides, for faults that no library would make."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable

from framing import BINARY, CLOSE, PING, PONG, TEXT, unmask
from framing import frame as server_frame

__all__ = ["BINARY", "CLOSE", "PING", "PONG", "TEXT"]
__all__ += ["RawPeer", "RawServer", "Script", "close_payload", "server_frame"]

_GUARD_S = 30.0


def close_payload(code: int, reason: str = "") -> bytes:
    """Return what a close frame carries."""
    return code.to_bytes(2, "big") + reason.encode()


class RawPeer:
    """The server's end of one connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.head = b""
        self._rest = bytearray()

    def read_head(self) -> bytes:
        """Return the request up to its empty line."""
        while b"\r\n\r\n" not in self._rest:
            self._fill()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        self.head = bytes(head)
        return self.head

    def header(self, name: str) -> str | None:
        """Return a header of the request."""
        for line in self.head.decode().split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None

    def accept(self, behind: bytes = b"", *, extra: str = "") -> None:
        """Answer with 101, and with ``behind`` in the same write (and TLS record)."""
        self.read_head()
        self.accept_after_head(behind, extra=extra)

    def accept_after_head(self, behind: bytes = b"", *, extra: str = "") -> None:
        """Do as `accept`, where `read_head` was called."""
        key = (self.header("Sec-WebSocket-Key") or "").encode()
        digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        accept = base64.b64encode(digest).decode()
        answer = (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n{extra}\r\n"
        )
        self.sock.sendall(answer.encode() + behind)

    def refuse(self, status: str, body: bytes = b"", *headers: str) -> None:
        """Answer with another status."""
        self.read_head()
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.sock.sendall("\r\n".join(lines).encode() + body)

    def send(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """Send one frame."""
        self.sock.sendall(server_frame(opcode, payload, fin=fin))

    def frame(self) -> tuple[int, bytes]:
        """Return opcode and payload of the client's next frame, which must be masked and whole."""
        first, second = self.take(2)
        assert first & 0x80
        assert second & 0x80
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(self.take(2 if size == 126 else 8), "big")
        key = self.take(4)
        return first & 0x0F, unmask(self.take(size), key)

    def expect_end(self) -> None:
        """Read until the client's TCP link has ended, one way or the other."""
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            while self.sock.recv(65536):
                pass

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        while len(self._rest) < size:
            self._fill()
        data = bytes(memoryview(self._rest)[:size])
        del self._rest[:size]
        return data

    def _fill(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError("the client ended the link")
        self._rest += data


Script = Callable[[RawPeer], None]


class RawServer:
    """Listens on loopback and runs ``script`` in a thread for each connection.

    Leaving the ``with`` block joins the threads and raises what a script raised.
    """

    def __init__(self, script: Script, context: ssl.SSLContext | None = None) -> None:
        self._script = script
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        scheme = "ws" if context is None else "wss"
        self.url = f"{scheme}://localhost:{self.port}/v1/realtime"
        self._threads: list[threading.Thread] = []
        self._errors: list[BaseException] = []

    def __enter__(self) -> RawServer:
        self._start(self._accept)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        # shutdown, because close alone does not wake accept.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(_GUARD_S)
            assert not thread.is_alive(), "a server script does not end"
        if self._errors and kind is None:
            raise self._errors[0]

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name="raw server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._start(lambda sock=sock: self._serve(sock))  # type: ignore[misc]

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(_GUARD_S)
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
            self._script(RawPeer(sock))
        except BaseException as exc:
            self._errors.append(exc)
        finally:
            sock.close()
