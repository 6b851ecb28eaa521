"""``client.realtime.connect(...)``: everything that is known before the connection is open."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import attrs

from .._headers import checked_headers
from .._opening import Opening
from .._required import require_count, require_function, require_object
from .._shown import shown
from .._threads import Attempt
from ..errors import ConcurrencyError, ConfigError, QueueFullError
from ..events import ClientEvent
from ..providers.base import Endpoint, checked_query
from ..providers.dialect import Dialect
from ..transport import Transport, TransportOptions, connect
from ._handlers import Handlers
from ._listening import Registration
from .connection import RealtimeConnection
from .link.backlog import size_bytes
from .link.sender import message, to_dict
from .reconnect import ReconnectPolicy
from .settings import ConnectionSettings, TransportFactory

__all__ = ["RealtimeConnectionManager"]


class RealtimeConnectionManager(Registration, Opening):
    """A connection to be opened: ``with manager as connection`` or ``manager.enter()``.

    Handlers and events that are given to it before are the connection's when it opens.

    Args:
        endpoint: called once per opening, with the extra query and headers, for the URL and the
            headers; it may fetch a fresh key.
        options: overrides of `realtime_sync.transport.TransportOptions`, by name.
        defaults: the options of the client that ``options`` override.
        settings: of the connection.
        transport: opens each link instead of a WebSocket: for recording, for tests, for another
            wire. It gets the URL, the headers and the options that the WebSocket would have got.

    Raises:
        ConfigError: an option is wrong, or this is used as if it were the connection.
    """

    _opens = RealtimeConnection
    _opens_with = frozenset(
        {"conversation", "input_audio_buffer", "output_audio_buffer", "response", "session"}
    )
    _noun = "connection"
    _call = "client.realtime.connect(...)"
    _opened: RealtimeConnection | None = None

    def __init__(
        self,
        endpoint: Callable[[Mapping[str, object], Mapping[str, str]], Endpoint],
        *,
        options: Mapping[str, Any],
        defaults: TransportOptions,
        settings: ConnectionSettings,
        transport: TransportFactory | None = None,
    ) -> None:
        _check(settings)
        if transport is not None and not callable(transport):
            raise ConfigError(
                f"transport is {shown(transport)}; pass a function of (url, headers, options) that "
                "returns a realtime_sync.transport.Transport"
            )
        if transport is not None:
            takes = ("url", "headers", "options")
            require_function(transport, "transport", takes=takes, error=ConfigError)
        # Told here, not when it is opened, if there is a mistake.
        self._options = _merge(defaults, options)
        self._open = _LinkOpener(endpoint, options, defaults, transport)
        self._settings = settings
        self._handlers = Handlers()
        self._unsent: list[str] = []

    def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """Have an event sent as soon as the connection is open; then, send it.

        Raises:
            QueueFullError: more than ``max_queue_size`` bytes would wait.
            LocalProtocolError: as `RealtimeConnection.send`.
        """
        if self._opened is not None:
            self._opened.send(event)
            return
        text = message(to_dict(event), None)
        waiting = sum(map(size_bytes, self._unsent))
        if waiting + size_bytes(text) > self._settings.max_queue_size:
            raise QueueFullError(
                f"{waiting} bytes wait for the connection to open and max_queue_size is "
                f"{self._settings.max_queue_size}: open it, then send"
            )
        self._unsent.append(text)

    def enter(self) -> RealtimeConnection:
        """Open the connection; the caller closes it.

        Raises:
            ConnectError: the server can't be reached.
            ApiError: it answered, and refused (`AuthenticationError` for a wrong key).
            ConnectionClosed: it closed at once, before it had what was given to `send`.
            ConcurrencyError: this manager has opened its connection already.
        """
        if self._opened is not None:
            raise ConcurrencyError("this connection was opened already: call connect() for another")
        settings = self._settings
        where = self._open.place(settings.extra_query, settings.extra_headers)
        settings = attrs.evolve(
            settings,
            dialect=where.dialect,
            opener=self._open,
            open_timeout=self._options.open_timeout,
            close_timeout=self._options.close_timeout,
        )
        opened: list[Transport] = []

        def open_link() -> Transport:
            opened.append(self._open.open_at(where))
            return opened[0]

        # Not on this thread, where a signal handler may raise what sockets raise as well.
        attempt = Attempt(open_link, discard=lambda late: late.abort(), name="connect")
        try:  # also an exception of a signal handler leaves no thread and no socket
            transport = attempt.wait()
            connection = self._opened = RealtimeConnection(transport, settings=settings)
            self._handlers.move_to(connection._handlers)
            connection.start()
            while self._unsent:
                connection.send(json.loads(self._unsent[0]))
                del self._unsent[0]
        except BaseException:
            for transport in opened:  # struck before the connection had it
                transport.abort()
            if self._opened is not None:
                self._opened._abort()
            raise
        return connection

    def __enter__(self) -> RealtimeConnection:
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._opened is not None:
            self._opened.__exit__(exc_type, exc, traceback)


@attrs.frozen
class _LinkOpener:
    """Opens a link: the place first, which may ask the program for a key, then the transport.

    It does not know the manager: the threads of the connection hold it, and through the manager it
    would hold the connection, which then could not be forgotten.
    """

    place: Callable[[Mapping[str, object], Mapping[str, str]], Endpoint]
    options: Mapping[str, Any]
    defaults: TransportOptions
    factory: TransportFactory | None

    def __call__(
        self, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[Transport, Dialect | None]:
        where = self.place(query, headers)
        return self.open_at(where), where.dialect

    def open_at(self, where: Endpoint) -> Transport:
        """Open a transport and greet the server."""
        merged = _merge(_merge(self.defaults, where.options), self.options)
        transport = (self.factory or _open_websocket)(where.url, where.headers, merged)
        if not isinstance(transport, Transport):
            raise ConfigError(
                f"the transport factory returned {shown(transport)}; return a "
                "realtime_sync.transport.Transport"
            )
        if where.dialect is not None:
            try:
                for event in where.dialect.greeting:
                    transport.send(message(event, where.dialect))
            except BaseException:
                transport.abort()  # nobody else knows of it yet
                raise
        return transport


def _open_websocket(url: str, headers: Mapping[str, str], options: TransportOptions) -> Transport:
    return connect(url, headers=headers, options=options)


def _check(settings: ConnectionSettings) -> None:
    checked_query(settings.extra_query, "extra_query")
    checked_headers(settings.extra_headers, "extra_headers")
    for name in ("max_queue_bytes", "max_queue_size"):
        require_count(getattr(settings, name), f"{name} (bytes)", least=1, error=ConfigError)
    if not isinstance(settings.reconnect, ReconnectPolicy | None):
        raise ConfigError(
            f"reconnect is {shown(settings.reconnect)}; pass ReconnectPolicy() or None"
        )
    if settings.on_reconnecting is not None:
        if not callable(settings.on_reconnecting):
            raise ConfigError(
                f"on_reconnecting is {shown(settings.on_reconnecting)}; pass a function that takes "
                "a ReconnectingEvent"
            )
        require_function(
            settings.on_reconnecting, "on_reconnecting", takes=("event",), error=ConfigError
        )


def _merge(defaults: TransportOptions, overrides: Mapping[str, Any]) -> TransportOptions:
    require_object(overrides, "websocket_connection_options", error=ConfigError)
    if not overrides:
        return defaults
    known = {field.name for field in attrs.fields(TransportOptions)}
    unknown = sorted(map(shown, set(overrides) - known))
    if unknown:
        raise ConfigError(
            f"websocket_connection_options has no {', '.join(unknown)}; "
            f"it knows {', '.join(sorted(known))}"
        )
    return attrs.evolve(defaults, **overrides)
