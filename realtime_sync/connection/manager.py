"""``client.realtime.connect(...)``: everything that is known before the connection is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

import attrs

from ..errors import ConcurrencyError, ConfigError
from ..providers.base import Endpoint
from ..transport import TransportOptions, connect
from .connection import DEFAULT_MAX_QUEUE_BYTES, RealtimeConnection

__all__ = ["RealtimeConnectionManager"]


class RealtimeConnectionManager:
    """A connection to be opened: ``with manager as connection`` or ``manager.enter()``.

    Args:
        endpoint: called once per opening for the URL and the headers; it may fetch a fresh key.
        options: overrides of `realtime_sync.transport.TransportOptions`, by name.
        defaults: the options of the client that ``options`` override.
        max_queue_bytes: the bound of the queue of received events, in bytes.
    """

    def __init__(
        self,
        endpoint: Callable[[], Endpoint],
        *,
        options: Mapping[str, Any],
        defaults: TransportOptions,
        max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES,
    ) -> None:
        if max_queue_bytes < 1:
            raise ConfigError(f"max_queue_bytes is {max_queue_bytes}; give at least 1")
        self._endpoint = endpoint
        self._options = _merge(defaults, options)
        self._max_queue_bytes = max_queue_bytes
        self._connection: RealtimeConnection | None = None

    def enter(self) -> RealtimeConnection:
        """Open the connection; the caller closes it.

        Raises:
            ConnectError: the server can't be reached.
            ApiError: it answered, and refused (`AuthenticationError` for a wrong key).
            ConcurrencyError: this manager has opened its connection already.
        """
        if self._connection is not None:
            raise ConcurrencyError("this connection was opened already: call connect() for another")
        endpoint = self._endpoint()
        transport = connect(endpoint.url, headers=endpoint.headers, options=self._options)
        self._connection = RealtimeConnection(
            transport,
            close_timeout=self._options.close_timeout,
            max_queue_bytes=self._max_queue_bytes,
        )
        self._connection.start()
        return self._connection

    def __enter__(self) -> RealtimeConnection:
        return self.enter()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            self._connection.close()


def _merge(defaults: TransportOptions, overrides: Mapping[str, Any]) -> TransportOptions:
    known = {field.name for field in attrs.fields(TransportOptions)}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise ConfigError(
            f"websocket_connection_options has no {', '.join(map(repr, unknown))}; "
            f"it knows {', '.join(sorted(known))}"
        )
    return attrs.evolve(defaults, **overrides)
