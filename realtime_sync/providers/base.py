"""What a provider computes for the transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from .dialect import Dialect

__all__ = ["Dialect", "Endpoint"]


@frozen
class Endpoint:
    """Where to connect, with which headers, and how to speak there.

    Attributes:
        url: a ``ws://`` or ``wss://`` URL.
        headers: for the upgrade request; never shown, because the key is among them.
        dialect: for one connection, or None where the server speaks the GA protocol.
        options: what this provider wants of `realtime_sync.transport.TransportOptions`, by name;
            the program's own options win.
    """

    url: str
    headers: dict[str, str] = field(repr=False)
    dialect: Dialect | None = None
    options: Mapping[str, Any] = field(factory=dict)
