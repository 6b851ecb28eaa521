"""The way through a proxy: HTTP CONNECT, or SOCKS with the package python-socks."""

from __future__ import annotations

import base64
import re
import socket
from typing import Any, Final

from .._deadline import Deadline
from ..errors import ConfigError, ConnectError
from ._connect_errors import Target
from ._dial import resolve
from ._link import MAX_ANSWER_BYTES, Link
from ._proxy import Proxy

__all__ = ["tunnel"]

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d\d\d)\b")
_MISSING: Final = (
    "a socks proxy needs the package python-socks 3: pip install 'realtime_sync[socks]'"
)


def tunnel(sock: socket.socket, target: Target, proxy: Proxy, deadline: Deadline) -> None:
    """Ask the proxy at the other end of ``sock`` for a link to ``target``.

    Raises:
        ConfigError: the package for this kind of proxy is not installed.
        ConnectError: the proxy refused, or is no proxy.
        OSError: the link to the proxy broke; TimeoutError when the time is over.
    """
    link = Link(sock, deadline)
    if proxy.scheme == "http":
        _connect(link, target, proxy)
    else:
        _socks(link, target, proxy, deadline)
    if link.unread():
        raise ConnectError(
            f"the proxy {proxy} sent bytes of its own into the link; check that it is a proxy"
        )


def _connect(link: Link, target: Target, proxy: Proxy) -> None:
    """Send a CONNECT request and read the head of its answer (RFC 9110 §9.3.6)."""
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if proxy.auth is not None:
        token = base64.b64encode(":".join(proxy.auth).encode()).decode()
        lines.append(f"Proxy-Authorization: Basic {token}")
    link.sendall("\r\n".join([*lines, "", ""]).encode())
    head = bytearray()
    while not head.endswith(b"\r\n\r\n"):
        data = link.recv(1)  # mostly from its buffer
        if not data:
            break
        head += data
        if len(head) == MAX_ANSWER_BYTES:
            raise ConnectError(f"the proxy {proxy} gave an answer without an end; check what it is")
    status = _STATUS_LINE.match(head)
    if status is None:
        raise ConnectError(
            f"the proxy {proxy} gave no HTTP answer for {target}; check that it is an http proxy"
        )
    if status[1][:1] != b"2":
        hint = "check that it may reach this server"
        if status[1] == b"407":
            hint = "give it a user name and password: proxy='http://user:password@host:port'"
        raise ConnectError(
            f"the proxy {proxy} refused {target} with status {status[1].decode()}; {hint}"
        )


# -- SOCKS -----------------------------------------------------------------------------------------


def check_installed(proxy: Proxy) -> None:
    """Raise ConfigError where what this proxy needs is not installed."""
    if proxy.scheme == "http":
        return
    try:
        import python_socks.sync  # noqa: F401
    except ImportError as exc:
        raise ConfigError(_MISSING) from exc


class _Dialled:
    """What python-socks takes for the proxy before it, which has connected us already."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def connect(self, **_: Any) -> Link:
        return self._link


def _socks(link: Link, target: Target, proxy: Proxy, deadline: Deadline) -> None:
    from python_socks import ProxyError, ProxyTimeoutError, ProxyType
    from python_socks.sync import Proxy as Client

    kind = ProxyType.SOCKS5 if proxy.scheme.startswith("socks5") else ProxyType.SOCKS4
    user, password = proxy.auth or (None, None)
    try:
        client = Client(kind, proxy.host, proxy.port, user, password, True, _Dialled(link))  # type: ignore[arg-type]  # it only calls connect
    except TypeError as exc:  # version 2 knew no proxy before the proxy
        raise ConfigError(_MISSING) from exc
    try:
        client.connect(_destination(target, proxy, deadline), target.port)
    except ProxyTimeoutError as exc:
        raise TimeoutError("timed out") from exc
    except ProxyError as exc:
        hint = "check that it may reach this server, and the user name and password if it asks"
        raise ConnectError(f"the proxy {proxy} refused {target}: {exc}; {hint}") from exc


def _destination(target: Target, proxy: Proxy, deadline: Deadline) -> str:
    """Return the host as the proxy is to hear it; "h" and "a" schemes leave the lookup to it."""
    if proxy.scheme in ("socks5h", "socks4a"):
        return target.host
    addresses = resolve(target.host, target.port, deadline)
    if proxy.scheme == "socks4":  # knows no IPv6
        addresses = [a for a in addresses if a[0] == socket.AF_INET]
    if not addresses:
        raise ConnectError(
            f"{target.host!r} has no IPv4 address, and socks4 knows no other; use socks5"
        )
    host: str = addresses[0][1][0]
    return host
