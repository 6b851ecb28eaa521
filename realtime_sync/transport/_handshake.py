"""Opening a WebSocket: dial, tunnel, negotiate TLS, upgrade.

This is the door to websocket-client, which upgrades the link that it is given. Nothing of it lives
on: the socket is handed over together with the bytes that came behind the answer, and every one of
its exceptions becomes one of ours.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import websocket
from attrs import frozen

from .._deadline import Deadline
from .._headers import check_header
from .._version import __version__
from ..errors import ConfigError, ConnectError, RealtimeError
from ._connect_errors import Target, refusal, translate
from ._dial import dial
from ._link import Link
from ._proxy import Proxy, proxy_for
from ._secrets import Secrets
from ._tunnel import check_installed, tunnel
from .options import TransportOptions

__all__ = ["Opened", "open_socket"]

_PORTS: Final = {"ws": 80, "wss": 443}
# Says that we can keep to a smaller window, and leaves the rest to the server (RFC 7692 §7.1).
_DEFLATE_OFFER: Final = "permessage-deflate; client_max_window_bits"
_HANDSHAKE_HEADERS: Final = frozenset(("host", "upgrade", "connection"))


@frozen
class Opened:
    """A WebSocket after its handshake.

    Attributes:
        sock: connected.
        received: bytes that came behind the answer.
        extensions: the values of the answer's ``Sec-WebSocket-Extensions`` headers.
        secrets: of this connection.
    """

    sock: socket.socket
    received: bytes
    extensions: list[str]
    secrets: Secrets


def open_socket(url: str, headers: Mapping[str, str], options: TransportOptions) -> Opened:
    """Open a WebSocket.

    Raises:
        ConfigError, ConnectError, ApiError: see `realtime_sync.transport.connect`.
    """
    target = _parse_url(url)
    lines = _header_lines(headers, options)
    proxy = proxy_for(target.host, target.port, secure=target.secure, chosen=options.proxy)
    if proxy is not None:
        check_installed(proxy)
    secrets = Secrets(url, headers, options.subprotocols, proxy)
    opening = _Opening(target, proxy, options)
    try:
        opening.connect()
        return opening.upgrade(lines, secrets)
    except RealtimeError as exc:
        error, cause = exc, exc.__cause__
    except Exception as exc:  # whatever a dependency raises, the caller gets ours
        error, cause = opening.explain(exc, secrets)
    except BaseException:
        opening.discard()
        raise
    opening.discard()
    # Not inside the handler: what a library says may repeat a secret of ours.
    raise error from cause


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
    resource = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme == "wss", host, port or _PORTS[parts.scheme], resource)


def _header_lines(headers: Mapping[str, str], options: TransportOptions) -> list[str]:
    lines = []
    for name, value in headers.items():
        check_header(name, value)
        lower = name.lower()
        if lower in _HANDSHAKE_HEADERS or lower.startswith("sec-websocket-"):
            raise ConfigError(f"the header {name!r} belongs to the handshake; leave it out")
        lines.append(f"{name}: {value}")
    if not any(name.lower() == "user-agent" for name in headers):
        lines.append(f"User-Agent: realtime_sync/{__version__}")
    if options.subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(options.subprotocols)}")
    if options.compression is not None:
        lines.append(f"Sec-WebSocket-Extensions: {_DEFLATE_OFFER}")
    return lines


def _check_subprotocol(target: Target, answer: Mapping[str, str], offered: tuple[str, ...]) -> None:
    if offered and answer.get("sec-websocket-protocol") not in offered:
        raise ConnectError(
            f"{target} accepted none of the {len(offered)} subprotocols offered; "
            "see the provider's documentation for their names"
        )


class _Opening:
    """One attempt, all of it under one deadline."""

    def __init__(self, target: Target, proxy: Proxy | None, options: TransportOptions) -> None:
        self._target = target
        self._proxy = proxy
        self._options = options
        self._deadline = Deadline(options.open_timeout)
        self._sock: socket.socket | None = None
        self._link: _UpgradeLink | None = None

    def connect(self) -> None:
        """Connect to the server, or to the proxy and through it, and negotiate TLS."""
        target, proxy = self._target, self._proxy
        place = target if proxy is None else proxy
        self._sock = dial(place.host, place.port, self._deadline)
        if proxy is not None:
            tunnel(self._sock, target, proxy, self._deadline)
        if target.secure:
            Link(self._sock, self._deadline).arm()  # the timeout is for the whole TLS handshake
            context = self._options.ssl_context or ssl.create_default_context()
            self._sock = context.wrap_socket(self._sock, server_hostname=target.host)

    def upgrade(self, lines: list[str], secrets: Secrets) -> Opened:
        """Let websocket-client ask for the upgrade and check the answer."""
        target, sock = self._target, self._sock
        assert sock is not None
        link = self._link = _UpgradeLink(sock, self._deadline, target.resource, lines)
        ws: Any = websocket.WebSocket()  # the library is only partly typed
        ws.connect(
            f"{'wss' if target.secure else 'ws'}://{target}/",
            socket=link,
            suppress_origin=True,  # a browser's header, which some servers check against a list
            redirect_limit=0,  # the key goes to the server it is for, and to no other
        )
        offered = self._options.subprotocols
        if offered and ws.getheaders().get("sec-websocket-protocol") not in offered:
            raise ConnectError(
                f"{target} accepted none of the {len(offered)} subprotocols offered; "
                "see the provider's documentation for their names"
            )
        extensions = link.values_of("sec-websocket-extensions")
        return Opened(sock, link.unread(), extensions, secrets)

    def explain(
        self, exc: Exception, secrets: Secrets
    ) -> tuple[RealtimeError, BaseException | None]:
        """Return our exception for that of a library, and its cause where that may be shown."""
        if self._link is not None:
            refused = refusal(self._link.seen(), self._link.read_on, secrets)
            if refused is not None:
                return refused, None  # it says all that the library's says
        error = translate(exc, self._target, self._proxy, self._options.open_timeout)
        if secrets.are_in(str(exc)):
            return type(error)(secrets.hide(str(error))), None
        return error, exc

    def discard(self) -> None:
        """Close what was opened."""
        if self._sock is not None:
            self._sock.close()


class _UpgradeLink(Link):
    """The link as websocket-client sees it: it reads byte by byte, and writes its request.

    Query and headers, which may hold secrets, are put in here: the library can be told to log
    whatever passes through it.
    """

    def __init__(
        self, sock: socket.socket, deadline: Deadline, resource: str, lines: list[str]
    ) -> None:
        super().__init__(sock, deadline)
        self._resource = resource
        self._lines = lines

    def send(self, data: bytes) -> int:
        """Send the library's request with what it does not know of."""
        _, _, head = data.partition(b"\r\n")
        ours = "".join(f"{line}\r\n" for line in self._lines).encode()
        self.sendall(f"GET {self._resource} HTTP/1.1\r\n".encode() + head[:-2] + ours + b"\r\n")
        return len(data)

    def values_of(self, name: str) -> list[str]:
        """Return the values of the answer's headers called ``name`` (in lower case)."""
        values = []
        for line in self.seen().decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.strip().lower() == name:
                values.append(value.strip())
        return values
