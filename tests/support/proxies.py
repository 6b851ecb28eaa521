"""Small proxies: HTTP CONNECT and SOCKS, scripts for a `RawServer`."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading

from raw_server import RawPeer


class HttpProxy:
    """Tunnels to ``port`` of this machine for one user.

    Attributes:
        requests: the request lines that came.
    """

    def __init__(self, port: int, user: str = "me", password: str = "pw") -> None:
        self.port = port
        self.requests: list[str] = []
        self._expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def __call__(self, peer: RawPeer) -> None:
        self.requests.append(peer.read_head().decode().split("\r\n")[0])
        if peer.header("Proxy-Authorization") != self._expected:
            peer.sock.sendall(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as upstream:
            peer.sock.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
            tunnel(peer.sock, upstream)


class SocksProxy:
    """SOCKS5 (RFC 1928, RFC 1929) and SOCKS4(a); connects to ``port`` of this machine.

    Attributes:
        destinations: the hosts and ports that were asked for.
        refuse_with: a reply code other than success, or 0.
    """

    def __init__(self, port: int, auth: tuple[str, str] | None = None) -> None:
        self.port = port
        self.auth = auth
        self.refuse_with = 0
        self.destinations: list[tuple[str, int]] = []

    def __call__(self, peer: RawPeer) -> None:
        version = peer.take(1)[0]
        if not (self._ask_5(peer) if version == 5 else self._ask_4(peer)):
            return
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as upstream:
            peer.sock.sendall(
                bytes((5, 0, 0, 1, 127, 0, 0, 1, 0, 0))
                if version == 5
                else bytes((0, 90, 0, 0, 0, 0, 0, 0))
            )
            tunnel(peer.sock, upstream)

    def _ask_5(self, peer: RawPeer) -> bool:
        methods = peer.take(peer.take(1)[0])
        wanted = 0 if self.auth is None else 2
        if wanted not in methods:
            peer.sock.sendall(b"\x05\xff")
            return False
        peer.sock.sendall(bytes((5, wanted)))
        if self.auth is not None:
            assert peer.take(1) == b"\x01"
            given = tuple(peer.take(peer.take(1)[0]).decode() for _ in range(2))
            peer.sock.sendall(bytes((1, given != self.auth)))
            if given != self.auth:
                return False
        version, command, _, kind = peer.take(4)
        assert (version, command) == (5, 1)
        if kind == 3:
            host = peer.take(peer.take(1)[0]).decode()
        else:
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            host = socket.inet_ntop(family, peer.take(4 if kind == 1 else 16))
        self.destinations.append((host, int.from_bytes(peer.take(2), "big")))
        if self.refuse_with:
            peer.sock.sendall(bytes((5, self.refuse_with, 0, 1, 0, 0, 0, 0, 0, 0)))
        return not self.refuse_with

    def _ask_4(self, peer: RawPeer) -> bool:
        assert peer.take(1) == b"\x01"
        port = int.from_bytes(peer.take(2), "big")
        address = peer.take(4)
        self._text(peer)
        host = socket.inet_ntoa(address)
        if address[:3] == b"\0\0\0":  # SOCKS4a: the name follows
            host = self._text(peer)
        self.destinations.append((host, port))
        return True

    def _text(self, peer: RawPeer) -> str:
        text = b""
        while (byte := peer.take(1)) != b"\0":
            text += byte
        return text.decode()


def tunnel(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until both ends are done."""
    back = threading.Thread(target=_pump, args=(other, one), daemon=True)
    back.start()
    _pump(one, other)
    back.join(30)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for sock in (source, sink):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
