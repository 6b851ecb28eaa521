"""AI Refinery's Realtime Distiller: agents of a project that are talked to; docs/distiller.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import resolver

if TYPE_CHECKING:
    from .place import SessionPlace
    from .session import DistillerSession, open_session
    from .wire_messages import DistillerEvent

__all__ = ["DistillerEvent", "DistillerSession", "SessionPlace", "open_session"]

_HOMES = {
    "DistillerEvent": "wire_messages",
    "DistillerSession": "session",
    "SessionPlace": "place",
    "open_session": "session",
}

__getattr__, __dir__ = resolver(__name__, _HOMES)
