"""Opening a WebSocket: dial, tunnel, negotiate TLS, upgrade.

This is the door to websocket-client, which upgrades the link that it is given. Nothing of it lives
on: the socket is handed over together with the bytes that came behind the answer, and every one of
its exceptions becomes one of ours.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from http.cookies import CookieError
from typing import Any, Final

import websocket
from attrs import field, frozen

from .._deadline import Deadline
from .._headers import check_header
from .._net.address import WEBSOCKET_PORTS, server_url
from .._net.connect_errors import Failure, Place, no_link, no_tls, silence
from .._net.proxy import proxy_for
from .._net.secrets import Secrets
from .._shown import shown
from .._threads import Attempt
from .._version import __version__
from ..errors import ConfigError, ConnectError, RealtimeError
from ._dial import dial
from ._handshake_stream import HandshakeStream
from ._refusal import read_refusal
from ._tunnel import check_installed, tunnel
from .options import TransportOptions

__all__ = ["Opened", "open_socket"]

# Says that we can keep to a smaller window, and leaves the rest to the server (RFC 7692 §7.1).
_DEFLATE_OFFER: Final = "permessage-deflate; client_max_window_bits"
_HANDSHAKE_HEADERS: Final = frozenset(("host", "upgrade", "connection"))
# What the steps raise by themselves; the last three are websocket-client's, over an odd answer.
# Anything else is a signal handler's, and belongs to the caller as it is.
_TRANSLATED: Final = (
    OSError,
    websocket.WebSocketException,
    ValueError,
    LookupError,
    CookieError,
)
_ENDED: Final = (
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    websocket.WebSocketConnectionClosedException,
)


@frozen(kw_only=True)
class Target(Place):
    """The server of a connection, the proxy on the way, and what is asked of the server."""

    secure: bool
    resource: str = field(default="/", repr=False)  # its query may hold a secret


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
    target = _target(url, options)
    lines = _header_lines(headers, options)
    if target.proxy is not None:
        check_installed(target.proxy)
    opening = _Opening(target, options, Secrets(url, headers, options.subprotocols, target.proxy))
    attempt = Attempt.current()
    if attempt is not None:
        attempt.on_leave(opening.cut)
    try:
        outcome = opening.run(lines)
    except BaseException:  # a signal handler's
        opening.discard()
        raise
    if isinstance(outcome, Opened):
        return outcome
    opening.discard()
    # Not inside the handler: what a library says may repeat a secret of ours.
    raise outcome.error from outcome.cause


def _target(url: str, options: TransportOptions) -> Target:
    """Check a WebSocket URL; messages never repeat its query, which may hold a secret."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ConfigError(
            "the URL holds a space, a control or a non-ASCII character; percent-encode it "
            "(a host name: its xn-- form)"
        )
    parts, host, port = server_url(
        url, name="the URL", ports=WEBSOCKET_PORTS, example="ws://host:port/path or wss://host/path"
    )
    if parts.fragment:
        raise ConfigError("the URL has a fragment ('#...'), which WebSocket forbids; remove it")
    secure = parts.scheme == "wss"
    return Target(
        secure=secure,
        host=host,
        port=port,
        proxy=proxy_for(host, port, secure=secure, chosen=options.proxy),
        resource=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


def _header_lines(headers: Mapping[str, str], options: TransportOptions) -> list[str]:
    lines = []
    for name, value in headers.items():
        check_header(name, value)
        lower = name.lower()
        if lower in _HANDSHAKE_HEADERS or lower.startswith("sec-websocket-"):
            raise ConfigError(f"the header {shown(name)} belongs to the handshake; leave it out")
        lines.append(f"{name}: {value}")
    if not any(name.lower() == "user-agent" for name in headers):
        lines.append(f"User-Agent: realtime_sync/{__version__}")
    if options.subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(options.subprotocols)}")
    if options.compression is not None:
        lines.append(f"Sec-WebSocket-Extensions: {_DEFLATE_OFFER}")
    return lines


class _Opening:
    """One attempt, all of it under one deadline."""

    def __init__(self, target: Target, options: TransportOptions, secrets: Secrets) -> None:
        self._target = target
        self._options = options
        self._secrets = secrets
        self._deadline = Deadline(options.open_timeout)
        self._sock: socket.socket | None = None
        self._stream: _UpgradeStream | None = None

    def run(self, lines: list[str]) -> Opened | Failure:
        """Go through all steps; return how it ended."""
        try:
            self._connect()
            return self._upgrade(lines)
        except RealtimeError as exc:
            return Failure(exc, exc.__cause__)
        except _TRANSLATED as exc:
            return self._explain(exc)

    def _connect(self) -> None:
        """Connect to the server, or to the proxy and through it, and negotiate TLS."""
        target = self._target
        self._sock = dial(*target.first, self._deadline)
        if target.proxy is not None:
            tunnel(self._sock, target, target.proxy, self._deadline)
        if target.secure:
            context = self._options.ssl_context or ssl.create_default_context()
            # The handshake waits, so it comes when the new socket is known to `discard`.
            self._sock = tls = context.wrap_socket(
                self._sock, server_hostname=target.host, do_handshake_on_connect=False
            )
            HandshakeStream(tls, self._deadline).arm()  # for the whole TLS handshake
            tls.do_handshake()

    def _upgrade(self, lines: list[str]) -> Opened:
        """Let websocket-client ask for the upgrade and check the answer."""
        target, sock = self._target, self._sock
        assert sock is not None
        stream = self._stream = _UpgradeStream(sock, self._deadline, target.resource, lines)
        ws: Any = websocket.WebSocket()  # the library is only partly typed
        ws.connect(
            f"{'wss' if target.secure else 'ws'}://{target.server}/",
            socket=stream,
            suppress_origin=True,  # a browser's header, which some servers check against a list
            redirect_limit=0,  # the key goes to the server it is for, and to no other
        )
        offered = self._options.subprotocols
        if offered and ws.getheaders().get("sec-websocket-protocol") not in offered:
            raise ConnectError(
                f"{target.server} accepted none of the {len(offered)} subprotocols offered; "
                "see the provider's documentation for their names"
            )
        extensions = stream.values_of("sec-websocket-extensions")
        return Opened(sock, stream.unread(), extensions, self._secrets)

    def _explain(self, exc: Exception) -> Failure:
        """Say in our words what went wrong."""
        if self._stream is not None:
            refused = read_refusal(self._stream.seen(), self._stream.read_on, self._secrets)
            if refused is not None:
                return Failure(refused, None)  # it says all that the library's says
        words = self._secrets.hide(str(exc))
        error = _translate(exc, words, self._target, self._options.open_timeout)
        return Failure(error, self._secrets.clean_cause(exc))

    def cut(self) -> None:
        """Have `run` end at once; from any thread."""
        self._deadline.cut()
        sock = self._sock
        if sock is not None:
            with suppress(OSError):  # it is not connected yet, or not any more
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def discard(self) -> None:
        """Close what was opened."""
        if self._sock is not None:
            self._sock.close()


def _translate(exc: Exception, words: str, target: Target, open_timeout: float) -> ConnectError:
    """Return our exception for whatever went wrong before the server gave an HTTP answer.

    Args:
        exc: what the step raised.
        words: its own, without secrets.
        target: of the connection.
        open_timeout: the limit in seconds.
    """
    if isinstance(exc, ssl.SSLError) and not isinstance(exc, TimeoutError):
        return no_tls(exc, target, "ws://")
    if isinstance(exc, (TimeoutError, websocket.WebSocketTimeoutException)):
        return silence(target, open_timeout, "open_timeout")
    other = "ws:// for one without TLS" if target.secure else "wss:// for one with TLS"
    if isinstance(exc, _ENDED):
        certificate = ", and whether it wants a client certificate" if target.secure else ""
        return ConnectError(
            f"{target} ended the link during the handshake; check whether the server expects "
            f"{other}{certificate}"
        )
    if isinstance(exc, (OSError, ValueError)):
        return no_link(exc, target)
    return ConnectError(
        f"{target.server} did not answer as a WebSocket server ({words[:100]}); check host, "
        f"port, path and whether the server expects {other}"
    )


class _UpgradeStream(HandshakeStream):
    """The socket as websocket-client sees it: it reads byte by byte, and writes its request.

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
