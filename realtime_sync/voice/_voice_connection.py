"""What the loop needs of a connection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ..conversation.session import SessionFacts
    from ..events import ServerEvent

__all__ = ["VoiceConnection"]


class _BufferCalls(Protocol):
    def append(self, *, audio: bytes) -> None: ...
    def commit(self) -> None: ...
    def clear(self) -> None: ...


class _ItemCalls(Protocol):
    def create(self, *, item: Mapping[str, Any]) -> None: ...
    def delete(self, *, item_id: str) -> None: ...
    def truncate(self, *, item_id: str, content_index: int, audio_end_ms: int) -> None: ...


class _ConversationCalls(Protocol):
    @property
    def item(self) -> _ItemCalls: ...


class _ResponseCalls(Protocol):
    def create(self, *, event_id: str | None = None) -> None: ...
    def cancel(self, *, response_id: str | None = None) -> None: ...


class VoiceConnection(Protocol):
    """What the loop needs of a connection; `realtime_sync`'s own has it."""

    @property
    def input_audio_buffer(self) -> _BufferCalls:
        """Takes what the user says."""

    @property
    def conversation(self) -> _ConversationCalls:
        """Its items are truncated, deleted, and created for tool outputs."""

    @property
    def response(self) -> _ResponseCalls:
        """Is asked for and cancelled."""

    @property
    def session_facts(self) -> SessionFacts:
        """Says which formats the session has, and what the server does by itself."""

    def recv(self, timeout: float | None = None) -> ServerEvent:
        """Return the next event; raise `RealtimeTimeout` when none came in time."""
