"""The way through a proxy: HTTP CONNECT, or SOCKS with the package python-socks."""

from __future__ import annotations

import base64
import re
import socket
from typing import Any, Final

from .._deadline import Deadline
from .._net.connect_errors import Place, no_http_proxy, no_socks, refused_by_proxy
from .._net.proxy import Proxy
from ..errors import ConnectError
from ._dial import resolve
from ._handshake_stream import MAX_ANSWER_BYTES, HandshakeStream

__all__ = ["tunnel"]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d\d\d)\b")


def tunnel(sock: socket.socket, place: Place, proxy: Proxy, deadline: Deadline) -> None:
    """Ask the proxy at the other end of ``sock`` for a link to ``place``.

    Raises:
        ConfigError: the package for this kind of proxy is not installed.
        ConnectError: the proxy refused, or is no proxy.
        OSError: the link to the proxy broke; TimeoutError when the time is over.
    """
    stream = HandshakeStream(sock, deadline)
    if proxy.scheme == "http":
        _connect(stream, place, proxy)
    else:
        _socks(stream, place, proxy, deadline)
    if stream.unread():
        raise ConnectError(
            f"the proxy {proxy} sent bytes of its own into the link; check that it is a proxy"
        )


def _connect(stream: HandshakeStream, place: Place, proxy: Proxy) -> None:
    """Send a CONNECT request and read the head of its answer (RFC 9110 §9.3.6)."""
    lines = [f"CONNECT {place.server} HTTP/1.1", f"Host: {place.server}"]
    if proxy.auth is not None:
        token = base64.b64encode(":".join(proxy.auth).encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    stream.sendall("\r\n".join([*lines, "", ""]).encode())
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        data = stream.recv(1)  # mostly from its buffer
        if not data:
            break
        head += data
        if len(head) == MAX_ANSWER_BYTES:
            raise ConnectError(f"the proxy {proxy} gave an answer without an end; check what it is")
    status = _STATUS_LINE.match(head)
    if status is None:
        raise no_http_proxy(place)
    if status[1][:1] != b"2":
        raise refused_by_proxy(place, int(status[1]))


# -- SOCKS -----------------------------------------------------------------------------------------


def check_installed(proxy: Proxy) -> None:
    """Raise ConfigError where what this proxy needs is not installed."""
    if proxy.scheme == "http":
        return
    try:
        import python_socks.sync  # noqa: F401
    except ImportError as exc:
        raise no_socks() from exc


class _Dialled:
    """What python-socks takes for the proxy before it, which has connected us already."""

    def __init__(self, stream: HandshakeStream) -> None:
        self._stream = stream

    def connect(self, **_: Any) -> HandshakeStream:
        return self._stream


def _socks(stream: HandshakeStream, place: Place, proxy: Proxy, deadline: Deadline) -> None:
    from python_socks import ProxyError, ProxyTimeoutError, ProxyType
    from python_socks.sync import Proxy as Client

    kind = ProxyType.SOCKS5 if proxy.scheme.startswith("socks5") else ProxyType.SOCKS4
    user, password = proxy.auth or (None, None)
    try:
        client = Client(kind, proxy.host, proxy.port, user, password, True, _Dialled(stream))  # type: ignore[arg-type]  # it only calls connect
    except TypeError as exc:  # version 2 knew no proxy before the proxy
        raise no_socks() from exc
    try:
        client.connect(_destination(place, proxy, deadline), place.port)
    except ProxyTimeoutError as exc:
        raise TimeoutError("timed out") from exc
    except ProxyError as exc:
        hint = "check that it may reach this server, and the user name and password if it asks"
        raise ConnectError(f"the proxy {proxy} refused {place.server}: {exc}; {hint}") from exc


def _destination(place: Place, proxy: Proxy, deadline: Deadline) -> str:
    """Return the host as the proxy is to hear it; "h" and "a" schemes leave the lookup to it."""
    if proxy.scheme in ("socks5h", "socks4a"):
        return place.host
    addresses = resolve(place.host, place.port, deadline)
    if proxy.scheme == "socks4":  # knows no IPv6
        addresses = [a for a in addresses if a[0] == socket.AF_INET]
    if not addresses:
        raise ConnectError(
            f"{place.host!r} has no IPv4 address, and socks4 knows no other; use socks5"
        )
    host: str = addresses[0][1][0]
    return host
