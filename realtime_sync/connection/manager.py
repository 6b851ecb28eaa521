"""``client.realtime.connect(...)``: everything that is known before the connection is open."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import attrs

from ..errors import ConcurrencyError, ConfigError, QueueFullError
from ..events import ClientEvent
from ..providers.base import Endpoint
from ..providers.dialect import Dialect
from ..transport import Transport, TransportOptions, connect
from ._handlers import Handlers
from ._registration import Registration
from ._sender import to_dict, to_json
from .connection import RealtimeConnection
from .settings import ConnectionSettings

__all__ = ["RealtimeConnectionManager"]


class RealtimeConnectionManager(Registration):
    """A connection to be opened: ``with manager as connection`` or ``manager.enter()``.

    Handlers and events that are given to it before are the connection's when it opens.

    Args:
        endpoint: called once per opening, with the extra query and headers, for the URL and the
            headers; it may fetch a fresh key.
        options: overrides of `realtime_sync.transport.TransportOptions`, by name.
        defaults: the options of the client that ``options`` override.
        settings: of the connection.
    """

    def __init__(
        self,
        endpoint: Callable[[Mapping[str, object], Mapping[str, str]], Endpoint],
        *,
        options: Mapping[str, Any],
        defaults: TransportOptions,
        settings: ConnectionSettings,
    ) -> None:
        if settings.max_queue_bytes < 1:
            raise ConfigError(f"max_queue_bytes is {settings.max_queue_bytes}; give at least 1")
        self._endpoint = endpoint
        self._options = options
        self._defaults = defaults
        _merge(defaults, options)  # a mistake is told here, not when it is opened
        self._settings = settings
        self._handlers = Handlers()
        self._unsent: list[str] = []
        self._connection: RealtimeConnection | None = None

    def send(self, event: ClientEvent | Mapping[str, Any]) -> None:
        """Have an event sent as soon as the connection is open; then, send it.

        Raises:
            QueueFullError: more than ``max_queue_size`` bytes would wait.
            LocalProtocolError: as `RealtimeConnection.send`.
        """
        if self._connection is not None:
            self._connection.send(event)
            return
        text = to_json(to_dict(event))
        waiting = sum(map(_size_bytes, self._unsent))
        if waiting + _size_bytes(text) > self._settings.max_queue_size:
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
        if self._connection is not None:
            raise ConcurrencyError("this connection was opened already: call connect() for another")
        settings = self._settings
        transport, dialect = self._open(settings.extra_query, settings.extra_headers)
        options = _merge(self._defaults, self._options)
        settings = attrs.evolve(
            settings,
            dialect=dialect,
            opener=self._open,
            open_timeout=options.open_timeout,
            close_timeout=options.close_timeout,
        )
        connection = self._connection = RealtimeConnection(transport, settings=settings)
        self._handlers.move_to(connection._handlers)
        connection.start()
        try:
            while self._unsent:
                connection.send(json.loads(self._unsent[0]))
                del self._unsent[0]
        except BaseException:
            connection.close()
            raise
        return connection

    def _open(
        self, query: Mapping[str, object], headers: Mapping[str, str]
    ) -> tuple[Transport, Dialect | None]:
        endpoint = self._endpoint(query, headers)
        options = _merge(_merge(self._defaults, endpoint.options), self._options)
        transport = connect(endpoint.url, headers=endpoint.headers, options=options)
        dialect = endpoint.dialect
        if dialect is not None:
            try:
                for event in dialect.greeting:
                    transport.send(to_json(dialect.to_wire(event)))
            except BaseException:
                transport.abort()  # nobody else knows of it yet
                raise
        return transport, dialect

    def __enter__(self) -> RealtimeConnection:
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.__exit__(exc_type, exc, traceback)


def _size_bytes(text: str) -> int:
    return len(text.encode(errors="replace"))


def _merge(defaults: TransportOptions, overrides: Mapping[str, Any]) -> TransportOptions:
    known = {field.name for field in attrs.fields(TransportOptions)}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise ConfigError(
            f"websocket_connection_options has no {', '.join(map(repr, unknown))}; "
            f"it knows {', '.join(sorted(known))}"
        )
    return attrs.evolve(defaults, **overrides)
