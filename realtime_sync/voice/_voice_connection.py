"""What the loop needs of a connection."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Protocol

from ..connection.link.queue import StandIn
from ..conversation.history import History
from ..conversation.session import SessionFacts, SessionState
from ..events import ErrorEvent, ServerEvent

__all__ = ["ResponseFacts", "VoiceConnection"]


class _BufferCalls(Protocol):
    def append(self, *, audio: bytes) -> None: ...
    def commit(self) -> None: ...
    def clear(self, *, event_id: str | None = None) -> None: ...


class _OutputCalls(Protocol):
    def clear(self) -> None: ...


class _ItemCalls(Protocol):
    def create(self, *, item: Mapping[str, Any]) -> None: ...
    def delete(self, *, item_id: str) -> None: ...
    def truncate(self, *, item_id: str, content_index: int, audio_end_ms: int) -> None: ...


class _ConversationCalls(Protocol):
    @property
    def item(self) -> _ItemCalls: ...

    @property
    def history(self) -> History: ...


class ResponseFacts(Protocol):
    """What the connection knows of its responses."""

    @property
    def busy(self) -> bool:
        """Whether one of the conversation is running or asked for."""

    def is_out_of_band(self, response_id: str) -> bool:
        """Whether one is none of the conversation's."""

    def is_waiting(self, event_id: str) -> bool:
        """Whether a request waits for the end of a response."""

    def is_lost(self, event_id: str) -> bool:
        """Whether a lost link took a request along unanswered."""

    def refused_by(self, event: ErrorEvent) -> tuple[str, ...]:
        """Return the requests that an error refuses."""


class _ResponseCalls(ResponseFacts, Protocol):
    def create(
        self,
        *,
        response: Any = None,
        event_id: str | None = None,
        when_idle: bool = False,
    ) -> None: ...
    def cancel(self, *, response_id: str | None = None) -> None: ...
    def give_up(self, *, response_id: str | None = None, event_id: str | None = None) -> None: ...
    def withdraw(self, *, event_id: str) -> bool: ...


class _SessionCalls(Protocol):
    @property
    def declared_tools(self) -> frozenset[str]: ...
    @property
    def server_tools(self) -> frozenset[str]: ...
    @property
    def known(self) -> SessionState: ...
    @property
    def ends_responses_on_speech(self) -> bool: ...
    def update(self, *, session: Any, event_id: str | None = None) -> None: ...


class VoiceConnection(Protocol):
    """What the loop needs of a connection; `realtime_sync`'s own has it."""

    @property
    def closed(self) -> bool:
        """Whether it is over, or being closed."""

    @property
    def reconnecting(self) -> bool:
        """Whether its link is being made anew, so that nothing can come."""

    @property
    def input_audio_buffer(self) -> _BufferCalls:
        """Takes what the user says."""

    @property
    def output_audio_buffer(self) -> _OutputCalls:
        """Holds what the server plays in a call."""

    @property
    def conversation(self) -> _ConversationCalls:
        """Its items are truncated, deleted, and created for tool outputs; it has the history."""

    @property
    def response(self) -> _ResponseCalls:
        """Is asked for, one at a time, and cancelled."""

    @property
    def session(self) -> _SessionCalls:
        """Says what is known of the session, and changes it."""

    @property
    def session_facts(self) -> SessionFacts:
        """Says which formats the session has, and what the server does by itself."""

    def polled(
        self, timeout: Callable[[], float | None], stand_in: StandIn | None = None
    ) -> Generator[ServerEvent | None]:
        """Yield each event, and None when none came in time or `wake` was called.

        Args:
            timeout: is called before each wait, and says for how many seconds.
            stand_in: may take events instead, while this waits.
        """

    def wake(self) -> None:
        """Let `polled` go on."""
