"""A conversation as blocking calls: the connection, its resources, the reply of one turn."""

from __future__ import annotations

from .connection import RealtimeConnection
from .manager import RealtimeConnectionManager
from .reconnect import ReconnectingEvent, ReconnectPolicy
from .reply import Reply, ReplyDelta
from .settings import ConnectionSettings
from .stats import ConnectionStats

__all__ = [
    "ConnectionSettings",
    "ConnectionStats",
    "RealtimeConnection",
    "RealtimeConnectionManager",
    "ReconnectPolicy",
    "ReconnectingEvent",
    "Reply",
    "ReplyDelta",
]
