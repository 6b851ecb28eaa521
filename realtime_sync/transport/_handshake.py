"""The door to websocket-client: it resolves, connects, tunnels, negotiates TLS and upgrades.

Nothing of it lives on: the connected socket is handed over together with the bytes that came
behind the answer, and every one of its exceptions becomes one of ours.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final
from urllib.parse import urlsplit

import websocket

from .._deadline import Deadline
from .._headers import check_header
from .._version import __version__
from ..errors import ConfigError, ConnectError, RealtimeError
from ._connect_errors import Target, refusal, translate
from ._proxy import Proxy, proxy_for
from .options import TransportOptions

__all__ = ["open_socket"]

_PORTS: Final = {"ws": 80, "wss": 443}
_HANDSHAKE_HEADERS: Final = frozenset(("host", "upgrade", "connection"))
_MAX_ANSWER: Final = 65536  # bytes


def open_socket(
    url: str, headers: Mapping[str, str], options: TransportOptions
) -> tuple[socket.socket, bytes]:
    """Open a WebSocket and return its socket with the bytes received behind the handshake.

    Raises:
        ConfigError, ConnectError, ApiError: see `realtime_sync.transport.connect`.
    """
    target = _parse_url(url)
    lines = _header_lines(headers, options.subprotocols)
    proxy = proxy_for(target.host, target.port, secure=target.secure, chosen=options.proxy)
    ws = _Upgrade(Deadline(options.open_timeout))
    try:
        upgrade: Any = ws.connect  # the library is only partly typed
        upgrade(url, header=lines, **_connect_options(options, proxy, ws))
        link = ws.link
        assert link is not None
        _check_subprotocol(target, ws.getheaders() or {}, options.subprotocols)
    except RealtimeError:
        ws.discard()
        raise
    except Exception as exc:  # whatever a dependency raises, the caller gets ours
        error = _explain(exc, ws.link, target, proxy, options)
        ws.discard()
        raise error from exc
    except BaseException:
        ws.discard()
        raise
    _prepare(link.sock)
    return link.sock, link.unread()


def _parse_url(url: str) -> Target:
    """Check a WebSocket URL; messages never repeat its query, which may hold a secret."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(
            "the URL holds a space, a control or a non-ASCII character; percent-encode it "
            "(a host name: its xn-- form)"
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ConfigError("the URL's host or port is malformed; use ws://host:port/path") from exc
    if parts.scheme not in _PORTS:
        raise ConfigError(f"the URL has the scheme {parts.scheme!r}; use ws:// or wss://")
    if not host:
        raise ConfigError("the URL names no host; use ws://host:port/path or wss://host/path")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("the URL holds a user name or password; send them in a header instead")
    if parts.fragment:
        raise ConfigError("the URL has a fragment ('#...'), which WebSocket forbids; remove it")
    return Target(parts.scheme == "wss", host, port or _PORTS[parts.scheme])


def _header_lines(headers: Mapping[str, str], subprotocols: tuple[str, ...]) -> list[str]:
    lines = []
    for name, value in headers.items():
        check_header(name, value)
        lower = name.lower()
        if lower in _HANDSHAKE_HEADERS or lower.startswith("sec-websocket-"):
            raise ConfigError(f"the header {name!r} belongs to the handshake; leave it out")
        lines.append(f"{name}: {value}")
    if not any(name.lower() == "user-agent" for name in headers):
        lines.append(f"User-Agent: realtime_sync/{__version__}")
    if subprotocols:
        # Not websocket-client's option: it logs the names, and a name may be the key.
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
    return lines


def _check_subprotocol(target: Target, answer: Mapping[str, str], offered: tuple[str, ...]) -> None:
    if offered and answer.get("sec-websocket-protocol") not in offered:
        raise ConnectError(
            f"{target} accepted none of the {len(offered)} subprotocols offered; "
            "see the provider's documentation for their names"
        )


def _explain(
    exc: Exception,
    link: _Link | None,
    target: Target,
    proxy: Proxy | None,
    options: TransportOptions,
) -> RealtimeError:
    refused = None if link is None else refusal(link.seen(), link.read_on)
    return refused or translate(exc, target, proxy, options.open_timeout)


def _connect_options(
    options: TransportOptions, proxy: Proxy | None, ws: _Upgrade
) -> dict[str, Any]:
    ws.sock_opt.sslopt = {"context": _TimedContext(options.ssl_context, ws.deadline)}
    result: dict[str, Any] = {
        "timeout": options.open_timeout,
        "suppress_origin": True,  # a browser's header, which some servers check against a list
        "redirect_limit": 0,  # the key goes to the server it is for, and to no other
        "http_no_proxy": ["*"],
    }
    if proxy is not None:
        result |= {
            "proxy_type": proxy.scheme,
            "http_proxy_host": proxy.host,
            "http_proxy_port": proxy.port,
            "http_proxy_auth": proxy.auth,
            "http_proxy_timeout": options.open_timeout,
            "http_no_proxy": ["-"],  # matches nothing: no_proxy was considered already
        }
    return result


# -- one deadline, and nothing read over -----------------------------------------------------------


class _Link:
    """What websocket-client takes for the socket while it shakes hands.

    Its own timeout is per call, so a server that sends a byte now and then would hold it for ever;
    and it reads byte by byte, a system call each.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.sock = sock
        self._deadline = deadline
        self._buffer = b""
        self._taken = bytearray()  # what websocket-client has seen

    def recv(self, size: int) -> bytes:
        if len(self._taken) > _MAX_ANSWER:
            raise ConnectError(f"the server's answer is larger than {_MAX_ANSWER} bytes")
        data = self.read_on(size)
        self._taken += data
        return data

    def read_on(self, size: int) -> bytes:
        if not self._buffer:
            self._arm()
            self._buffer = self.sock.recv(4096)
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data

    def send(self, data: bytes) -> int:
        self._arm()
        self.sock.sendall(data)  # bounded as a whole by the socket's timeout
        return len(data)

    def _arm(self) -> None:
        left = self._deadline.remaining()
        if not left:
            raise TimeoutError("timed out")
        self.sock.settimeout(left)

    def gettimeout(self) -> float | None:
        return self._deadline.remaining()

    def settimeout(self, timeout: float | None) -> None:
        """Ignore it: the deadline counts."""

    def close(self) -> None:
        """Keep the socket open: a refusal's body is still to be read."""

    def seen(self) -> bytes:
        return bytes(self._taken)

    def unread(self) -> bytes:
        return self._buffer


class _Upgrade(websocket.WebSocket):
    """websocket-client's connection, used up to the end of the handshake."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.link: _Link | None = None
        super().__init__(enable_multithread=False)

    @property  # type: ignore[override]  # the library uses only what _Link has
    def sock(self) -> _Link | None:
        return self.link

    @sock.setter
    def sock(self, sock: socket.socket | None) -> None:
        # The library connects, assigns here, and then shakes hands over what is found here. After
        # a failure it assigns None, but the link is still wanted.
        if sock is not None:
            self.link = _Link(sock, self.deadline)

    def discard(self) -> None:
        if self.link is not None:
            self.link.sock.close()


class _TimedContext:
    """An SSLContext whose handshake keeps to what is left of the deadline."""

    def __init__(self, context: ssl.SSLContext | None, deadline: Deadline) -> None:
        self._context = context
        self._deadline = deadline

    def wrap_socket(self, sock: socket.socket, **options: Any) -> ssl.SSLSocket:
        left = self._deadline.remaining()
        if not left:
            raise TimeoutError("timed out")
        sock.settimeout(left)
        context = self._context or ssl.create_default_context()
        return context.wrap_socket(sock, **options)


def _prepare(sock: socket.socket) -> None:
    # websocket-client sets both, but not on a socket that came through a SOCKS proxy.
    with suppress(OSError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
