"""An app of decorated functions over a server that follows a script: what its tests share."""

from __future__ import annotations

from typing import Any

from realtime_sync.app import Context, Realtime
from realtime_sync.testing import ScriptedClient, ScriptedServer

__all__ = ["app_of", "say", "sent"]


def app_of(server: ScriptedServer, **options: Any) -> Realtime:
    return Realtime("gpt-realtime", client=ScriptedClient(server), **options)


def say(app: Realtime, *texts: Any, **options: Any) -> None:
    """Register a sender of these, which then has nothing more."""
    left = iter(texts)

    @app.sender(**options)
    def send(context: Context) -> Any:
        return next(left)


def sent(server: ScriptedServer, kind: str) -> list[dict[str, Any]]:
    return [event for event in server.sent if event["type"] == kind]
