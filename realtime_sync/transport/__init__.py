"""The wire: an open WebSocket (or a fake of one) that carries whole text messages."""

from __future__ import annotations

from collections.abc import Mapping

from .._headers import checked_headers
from .._required import require_text
from .._shown import shown
from ..errors import ConfigError
from .base import Transport
from .memory import MemoryPeer, MemoryTransport, memory_pair
from .options import TransportOptions

__all__ = [
    "MemoryPeer",
    "MemoryTransport",
    "Transport",
    "TransportOptions",
    "connect",
    "memory_pair",
]


def connect(
    url: str, *, headers: Mapping[str, str], options: TransportOptions | None = None
) -> Transport:
    """Open a WebSocket.

    Args:
        url: ``ws://`` or ``wss://``.
        headers: added to the request, such as ``Authorization``.
        options: how to open it and keep it alive.

    Raises:
        ConfigError: the URL, a header or the proxy is malformed; nothing was sent.
        ConnectError: the server could not be reached or is not a WebSocket server.
        ApiError: it refused, with an HTTP status (401: AuthenticationError, and so on).
    """
    from ._websocket import connect as open_websocket  # websocket-client is heavy

    require_text(url, "the URL", error=ConfigError)
    given = checked_headers(headers, "headers")
    options = TransportOptions() if options is None else options
    if not isinstance(options, TransportOptions):
        raise ConfigError(f"options={shown(options)} are none; pass TransportOptions(…)")
    return open_websocket(url, headers=given, options=options)
