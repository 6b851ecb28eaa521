"""AI Refinery's Realtime Distiller: agents of a project that are talked to; docs/distiller.md.

`exceptions` has the errors under the names of the provider's SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import resolver

if TYPE_CHECKING:
    from .client import AIRefinery, DistillerSessionManager, RealtimeDistiller
    from .place import SessionPlace
    from .session import DistillerSession, open_session
    from .token_provider import TokenProvider
    from .wire_messages import DistillerEvent

__all__ = [
    "AIRefinery",
    "DistillerEvent",
    "DistillerSession",
    "DistillerSessionManager",
    "RealtimeDistiller",
    "SessionPlace",
    "TokenProvider",
    "open_session",
]

_HOMES = {
    "AIRefinery": "client",
    "DistillerEvent": "wire_messages",
    "DistillerSession": "session",
    "DistillerSessionManager": "client",
    "RealtimeDistiller": "client",
    "SessionPlace": "place",
    "TokenProvider": "token_provider",
    "open_session": "session",
}

__getattr__, __dir__ = resolver(__name__, _HOMES)
