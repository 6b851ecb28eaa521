"""What a connection is given when it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from attrs import field, frozen

from ..errors import ConfigError
from ..events import ServerEvent
from ..providers.dialect import Dialect
from ..transport import Transport, TransportOptions
from .reconnect import OnReconnecting, ReconnectPolicy

__all__ = [
    "DEFAULT_MAX_QUEUE_BYTES",
    "DEFAULT_MAX_QUEUE_SIZE",
    "ConnectionSettings",
    "Opener",
    "TransportFactory",
]

DEFAULT_MAX_QUEUE_BYTES = 64 << 20
DEFAULT_MAX_QUEUE_SIZE = 1 << 20

TransportFactory = Callable[[str, Mapping[str, str], TransportOptions], Transport]
"""Opens one link, given its URL, headers and options; called for each link of a connection."""

Opener = Callable[[Mapping[str, object], Mapping[str, str]], tuple[Transport, Dialect | None]]
"""Opens a transport with an extra query and extra headers; may ask for a fresh key."""


def _cannot_open(query: object, headers: object) -> NoReturn:
    raise ConfigError("this connection was made without a way to open another")


@frozen(kw_only=True)
class ConnectionSettings:
    """The settings of one `RealtimeConnection`.

    Attributes:
        dialect: what the server speaks, None for the GA protocol.
        opener: opens a further transport; needed for reconnecting and restarting.
        reconnect: when to do so by itself; None for never.
        on_reconnecting: is told before each attempt.
        extra_query, extra_headers: what the opener is given first.
        open_timeout: seconds for restoring a session.
        close_timeout: seconds for `RealtimeConnection.close`.
        max_queue_bytes: the bound of what waits to be consumed, in bytes.
        max_queue_size: the bound of what waits to be sent, in bytes.
        decode: makes an event of a message, where the server speaks another protocol; see
            `realtime_sync.connection.link.reader.Reader`.
    """

    dialect: Dialect | None = None
    opener: Opener = _cannot_open
    reconnect: ReconnectPolicy | None = None
    on_reconnecting: OnReconnecting | None = None
    extra_query: Mapping[str, object] = field(factory=dict, repr=False)
    extra_headers: Mapping[str, str] = field(factory=dict, repr=False)
    open_timeout: float = 10.0
    close_timeout: float = 5.0
    max_queue_bytes: int = DEFAULT_MAX_QUEUE_BYTES
    max_queue_size: int = DEFAULT_MAX_QUEUE_SIZE
    decode: Callable[[str], ServerEvent] | None = None
