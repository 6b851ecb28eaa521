"""Sessions of agents on a scripted server: made, and followed to where a test looks."""

from __future__ import annotations

from typing import Any

from guards import GUARD_S

from realtime_sync.agents.events import RealtimeSessionEvent
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.testing import ScriptedClient, ScriptedServer

__all__ = ["kinds", "rest", "sent_types", "session_with", "take", "take_until"]


def session_with(server: ScriptedServer, agent: Any, **options: Any) -> RealtimeSession[Any]:
    """Return a session, to be entered."""
    return RealtimeSession(agent=agent, client=ScriptedClient(server), **options)


def take(session: RealtimeSession[Any]) -> RealtimeSessionEvent:
    """Return the next event."""
    return session.recv(timeout=GUARD_S)


def take_until(
    session: RealtimeSession[Any], kind: str, count: int = 1
) -> list[RealtimeSessionEvent]:
    """Return events up to the one whose type is ``kind``, the ``count``th of those."""
    taken: list[RealtimeSessionEvent] = []
    while sum(event.type == kind for event in taken) < count:
        taken.append(take(session))
    return taken


def rest(session: RealtimeSession[Any]) -> list[RealtimeSessionEvent]:
    """Return all that still comes."""
    return list(session)


def kinds(events: list[RealtimeSessionEvent], *, data: bool = False) -> list[str]:
    """Return the types; those of the data of raw model events in brackets, if wanted."""
    found = []
    for event in events:
        if event.type != "raw_model_event":
            found.append(event.type)
        elif data and event.data.type != "raw_server_event":
            found.append(f"[{event.data.type}]")
    return found


def sent_types(server: ScriptedServer) -> list[str]:
    """Return the types of what the client has sent, without the sound."""
    return [e["type"] for e in server.sent if e["type"] != "input_audio_buffer.append"]
