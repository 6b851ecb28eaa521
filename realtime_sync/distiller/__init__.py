"""AI Refinery's Realtime Distiller: agents of a project that are talked to; docs/distiller.md.

`exceptions` has the errors under the names of the provider's SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import resolver

if TYPE_CHECKING:
    from .client import AIRefinery, DistillerSessionManager, RealtimeDistiller
    from .place import SessionPlace
    from .token_provider import TokenProvider

__all__ = [
    "AIRefinery",
    "DistillerSessionManager",
    "RealtimeDistiller",
    "SessionPlace",
    "TokenProvider",
]

_HOMES = {
    "AIRefinery": "client",
    "DistillerSessionManager": "client",
    "RealtimeDistiller": "client",
    "SessionPlace": "place",
    "TokenProvider": "token_provider",
}

__getattr__, __dir__ = resolver(__name__, _HOMES)
