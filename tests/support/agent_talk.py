"""Sessions of agents on a scripted server: made, and followed to where a test looks."""

from __future__ import annotations

from typing import Any

import pytest
from guards import GUARD_S

from realtime_sync.agents.events import RealtimeSessionEvent
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.testing import ScriptedClient, ScriptedServer

__all__ = [
    "begin",
    "kinds",
    "rest",
    "sent_types",
    "session_with",
    "take",
    "take_until",
    "take_until_raw",
    "until_error",
]


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


def begin(session: RealtimeSession[Any]) -> None:
    """Take the events of a session's beginning; the server has it as it is to be then."""
    assert take_until(session, "history_updated")
    assert take_until_raw(session, "session.updated")


def take_until_raw(session: RealtimeSession[Any], kind: str) -> list[RealtimeSessionEvent]:
    """Return events up to the raw one of this type, of the server's or of ours."""
    taken: list[RealtimeSessionEvent] = []
    while not taken or _raw_type(taken[-1]) != kind:
        taken.append(take(session))
    return taken


def _raw_type(event: RealtimeSessionEvent) -> object:
    if event.type != "raw_model_event":
        return None
    data = event.data
    return data.data["type"] if data.type == "raw_server_event" else data.type


def rest(session: RealtimeSession[Any]) -> list[RealtimeSessionEvent]:
    """Return all that still comes."""
    return list(session)


def until_error(session: RealtimeSession[Any]) -> tuple[list[RealtimeSessionEvent], Exception]:
    """Return what comes until the iteration raises, and what it raises."""
    events: list[RealtimeSessionEvent] = []
    try:
        events.extend(session)  # keeps what came before it raised
    except Exception as exc:
        return events, exc
    pytest.fail("the session has come to a good end")


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
