"""A conversation as blocking calls: the connection, its resources, the reply of one turn."""

from __future__ import annotations

from .connection import RealtimeConnection
from .manager import RealtimeConnectionManager
from .reply import Reply
from .stats import ConnectionStats

__all__ = ["ConnectionStats", "RealtimeConnection", "RealtimeConnectionManager", "Reply"]
