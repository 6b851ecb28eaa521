"""The counters that `RealtimeConnection.stats` shows."""

from __future__ import annotations

from attrs import frozen

__all__ = ["ConnectionStats"]


@frozen(kw_only=True)
class ConnectionStats:
    """What a connection did so far.

    Attributes:
        events_received: messages received, malformed ones included.
        events_sent: messages handed to the kernel.
        bytes_received: bytes read from the socket after the handshake.
        bytes_sent: bytes written to the socket after the handshake.
        queued_bytes: memory of the events that wait to be consumed, in bytes.
    """

    events_received: int
    events_sent: int
    bytes_received: int
    bytes_sent: int
    queued_bytes: int
