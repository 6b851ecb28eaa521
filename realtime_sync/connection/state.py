"""What the server has told us so far: pure bookkeeping, no threads, no sockets."""

from __future__ import annotations

from .._types import JsonDict
from ..events import (
    ResponseCreated,
    ResponseDone,
    ServerEvent,
    SessionCreated,
    SessionUpdated,
)

__all__ = ["ConnectionState"]

_TRACKED = frozenset({"session.created", "session.updated", "response.created", "response.done"})


class ConnectionState:
    """Follows the events of one connection.

    Attributes:
        session: the effective configuration as last reported, in wire form; ``{}`` before.
        running: ids of the responses that were created and are not done.

    Threads: `receive` belongs to the reader; the attributes are replaced, never changed in
    place, so any thread may read them.
    """

    def __init__(self) -> None:
        self.session: JsonDict = {}
        self.running: frozenset[str] = frozenset()

    def receive(self, event: ServerEvent) -> None:
        """Take note of ``event``."""
        if event.type not in _TRACKED:
            return
        if isinstance(event, SessionCreated | SessionUpdated):
            self.session = event.to_dict().get("session") or {}
        elif isinstance(event, ResponseCreated) and event.response.id:
            self.running |= {event.response.id}
        elif isinstance(event, ResponseDone) and event.response.id:
            self.running -= {event.response.id}

    @property
    def input_is_pcm(self) -> bool:
        """Whether audio is appended as PCM16, which comes in whole samples of two bytes."""
        audio_input = (self.session.get("audio") or {}).get("input") or {}
        audio_format = audio_input.get("format") or {}
        return bool(audio_format.get("type", "audio/pcm") == "audio/pcm")
