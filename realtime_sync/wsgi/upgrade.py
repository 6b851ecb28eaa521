"""From a WSGI request to a WebSocket: whose socket it is, and whether the request fits."""

from __future__ import annotations

import re
import socket as sockets
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from .._installation import install_command
from .._required import is_list_of_texts, require, require_function, require_object
from .._shown import shown
from ..errors import ConfigError, ConnectionClosed, WebSocketRefused
from ..transport.duplex import Duplex
from ..transport.options import TransportOptions
from .blocking_websocket import WebSocket, WsgiApplication
from .websocket_limit import RETRY_AFTER, WebSocketLimit

if TYPE_CHECKING:
    from websockets.server import ServerProtocol

__all__ = ["accept", "serve"]

# Where a server leaves the socket of a request.
_SOCKET_KEYS: Final = ("werkzeug.socket", "gunicorn.socket")
# What decides about the upgrade; other headers stay out, however long they are.
_HANDSHAKE_HEADERS: Final = (
    "Connection",
    "Upgrade",
    "Origin",
    "Sec-WebSocket-Key",
    "Sec-WebSocket-Version",
    "Sec-WebSocket-Protocol",
)
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 §5.5
_MAX_VALUE_CHARS: Final = 4096
_MAX_SIZE: Final = 1 << 20
_KNOWN: Final = "`flask run`, or gunicorn with --worker-class gthread --threads 25"


def accept(
    environ: Mapping[str, Any],
    *,
    limit: WebSocketLimit | None = None,
    origins: Iterable[str] | None = None,
    subprotocols: Iterable[str] = (),
    max_size: int | None = _MAX_SIZE,
    send_timeout: float | None = 10.0,
    close_timeout: float = 5.0,
    ping_interval: float | None = 20.0,
    ping_timeout: float | None = 20.0,
) -> WebSocket:
    """Take a request as a WebSocket, in the thread that the server has given it.

    Use what it returns in a ``with``, and have the view return its `WebSocket.response`. In Flask
    the route needs ``websocket=True``.

    Compression is declined: sound does not shrink, and a 20 ms chunk costs 20 times as much.

    Args:
        environ: of the request, such as Flask's ``request.environ``.
        limit: how many of them this process takes; None for any number.
        origins: the pages that may connect, as browsers name them (``"https://example.org"``);
            None for any. With it, a client that names none, such as a telephone provider, is
            refused as well.
        subprotocols: those that the program speaks, the best one first; a client that wants one
            of them gets it.
        max_size: bytes of the largest message that is taken; None for no limit. A larger one
            closes the connection with 1009.
        send_timeout: seconds that one `WebSocket.send` may take, its wait for other threads
            included. Then the connection is cut (1006), because a message sent in part can't be
            taken back. None waits for as long as the client keeps the link and takes nothing.
        close_timeout: seconds that the client has to answer a close.
        ping_interval: seconds of silence after which the client is pinged; None for no pings.
        ping_timeout: seconds that it then has to send anything; None to wait for ever.

    Returns:
        The open WebSocket.

    Raises:
        WebSocketRefused: the request is none for a WebSocket (400, 426), comes from another page
            (403), or finds no room (503). Return this exception from the view.
        ConfigError: an option is wrong, the server gives no socket or serves one request at a
            time, or the extra ``[web]`` is missing.

    Example:
        >>> from realtime_sync.wsgi import accept
        >>> def media(environ, start_response):  # a WSGI application; a view is alike
        ...     with accept(environ) as socket:
        ...         for message in socket:
        ...             socket.send(message)
        ...     return socket.response(environ, start_response)
    """
    options = TransportOptions(
        max_size=max_size,
        send_timeout=send_timeout,
        close_timeout=close_timeout,
        ping_interval=ping_interval,
        ping_timeout=ping_timeout,
        subprotocols=subprotocols,
    )
    require_object(environ, "the environ of a request", error=ConfigError)
    require(
        limit is None or isinstance(limit, WebSocketLimit),
        "limit= must be a WebSocketLimit",
        limit,
        error=ConfigError,
    )
    allowed = _checked_origins(origins)
    sock = _socket_of(environ)
    protocol, answer = _handshake(environ, options, allowed)
    if limit is None:
        websocket = WebSocket(environ, protocol, options)
        websocket._open(_duplex(sock), answer)
        return websocket
    websocket = WebSocket(environ, protocol, options, limit._leave)
    limit._enter(websocket)
    try:
        websocket._open(_duplex(sock), answer)
    except BaseException:
        limit._leave(websocket)
        raise
    return websocket


def serve(
    environ: Mapping[str, Any], handler: Callable[[WebSocket], object], **options: Any
) -> WsgiApplication:
    """Answer a request with a WebSocket: call ``handler`` with it, and close it afterwards.

    A request that is refused is answered with the reason, and ``handler`` is not called. The
    `ConnectionClosed` of this very socket is the usual end of a call and is swallowed; whatever
    else ``handler`` raises closes the socket with 1011 and goes on to the framework.

    Args:
        environ: of the request, such as Flask's ``request.environ``.
        handler: takes the `WebSocket`; what it returns is thrown away.
        options: those of `accept`.

    Returns:
        What the view is to return.

    Raises:
        ConfigError: as `accept`.

    Example:
        >>> from realtime_sync.wsgi import serve
        >>> def echo(socket):
        ...     for message in socket:
        ...         socket.send(message)
        >>> def media(environ, start_response):  # a WSGI application; a view returns serve(…)
        ...     return serve(environ, echo)(environ, start_response)
    """
    require_function(handler, "the handler of a WebSocket", error=ConfigError)
    try:
        websocket = accept(environ, **options)
    except WebSocketRefused as refused:
        return refused
    with websocket:
        try:
            handler(websocket)
        except ConnectionClosed as exc:
            if not websocket._has_raised(exc):
                raise
    return websocket.response


def _checked_origins(origins: Iterable[str] | None) -> list[str] | None:
    if origins is None:
        return None
    if isinstance(origins, set | frozenset):
        origins = sorted(origins)
    rule = 'origins= must be a list of texts, such as ["https://example.org"]'
    require(is_list_of_texts(origins), rule, origins, error=ConfigError)
    return list(origins)


def _socket_of(environ: Mapping[str, Any]) -> sockets.socket:
    """Return the socket that the server reads this request from."""
    for key in _SOCKET_KEYS:
        sock = environ.get(key)
        if isinstance(sock, sockets.socket):
            break
    else:
        raise ConfigError(
            f"the server {_server(environ)} gives a program no socket of its requests, so there "
            f"can be no WebSocket; run {_KNOWN}"
        )
    if not environ.get("wsgi.multithread"):
        raise ConfigError(
            f"the server {_server(environ)} runs with one thread, and a WebSocket would keep it "
            f"from everything else; run {_KNOWN}"
        )
    return sock


def _duplex(sock: sockets.socket) -> Duplex:
    timeout = sock.gettimeout()
    try:
        return Duplex(sock, owned=False)
    except OSError as exc:  # it needs two descriptors more
        sock.settimeout(timeout)
        words = "this server has no descriptor left for a WebSocket; try again later"
        raise WebSocketRefused(words, 503, RETRY_AFTER) from exc


def _server(environ: Mapping[str, Any]) -> str:
    software = environ.get("SERVER_SOFTWARE") or ("uWSGI" if "uwsgi.version" in environ else "")
    return shown(software or "without a name")


def _handshake(
    environ: Mapping[str, Any], options: TransportOptions, origins: list[str] | None
) -> tuple[ServerProtocol, list[bytes]]:
    """Return the protocol of an open connection, and the bytes that tell the client of it."""
    try:
        from websockets.server import ServerProtocol
    except ImportError as exc:
        raise ConfigError(
            f"a WebSocket in a web server needs the package websockets: {install_command('web')}"
        ) from exc
    protocol = ServerProtocol(
        origins=origins,  # type: ignore[arg-type]  # its own kind of str
        subprotocols=options.subprotocols or None,  # type: ignore[arg-type]  # likewise
        select_subprotocol=_chosen if options.subprotocols else None,
        max_size=options.max_size,
    )
    if environ.get("REQUEST_METHOD") != "GET" or environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
        raise _refused(400, "a WebSocket begins with GET in HTTP/1.1")
    protocol.receive_data(_request(environ))
    events = protocol.events_received()
    if not events:
        raise _refused(400, str(protocol.handshake_exc or "the request is malformed"))
    answer = protocol.accept(events[0])  # type: ignore[arg-type]  # the first is the request
    if answer.status_code != 101:
        raise _refused(answer.status_code, str(protocol.handshake_exc))
    protocol.send_response(answer)
    return protocol, protocol.data_to_send()


def _request(environ: Mapping[str, Any]) -> bytes:
    """Write down again what the server has parsed, as far as the upgrade needs it."""
    lines = ["GET / HTTP/1.1"]
    for name in _HANDSHAKE_HEADERS:
        value = environ.get("HTTP_" + name.upper().replace("-", "_"))
        if value is None:
            continue
        if len(value) > _MAX_VALUE_CHARS or not _VALUE.fullmatch(value):
            raise _refused(400, f"the header {name} is too long, or no text of Latin-1")
        lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _chosen(protocol: ServerProtocol, offered: Iterable[str]) -> Any:
    """Return the first of ours that the client wants; none is no reason to refuse it."""
    wanted = set(offered)
    return next((own for own in protocol.available_subprotocols or () if own in wanted), None)


def _refused(status: int, why: str) -> WebSocketRefused:
    if status == 426:
        words = f"this address is for WebSockets ({why}); connect with ws:// or wss://"
        return WebSocketRefused(words, 426, (("Upgrade", "websocket"),))
    if status == 403:
        return WebSocketRefused(f"this page may not connect here ({why})", 403)
    words = f"this is no request for a WebSocket that can be granted: {why}"
    return WebSocketRefused(words, 400, (("Sec-WebSocket-Version", "13"),))
