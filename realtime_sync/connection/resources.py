"""The client's events as methods, named as on the wire: ``connection.response.create()``.

Every method takes an optional ``event_id`` (the server names it in the ``error`` event of a
refused request), returns None as soon as the event is handed to the kernel, and may be called
from any thread. All raise `ConnectionClosed` when the connection is over, and
`LocalProtocolError`, before anything is sent, for an argument of a wrong type.

Source of names and fields: the provider's reference of client events, "GA" version.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from .._shown import shown
from .._types import UNSET, JsonDict, Samples, Unset
from .._uncopied import Uncopied
from ..conversation.history import History
from ..conversation.session import SessionState
from ..errors import LocalProtocolError
from ..events import ErrorEvent
from ..events.base import plain
from ..events.sessions import ResponseCreateParams, SessionParam
from ._argument_checks import check_count, check_flag, check_mapping, check_text
from ._audio_input import FirstSound, append_message, audio_base64
from .link.link import Link
from .link.sender import Sender
from .state import ConnectionState

__all__ = [
    "ConversationItemResource",
    "ConversationResource",
    "InputAudioBuffer",
    "OutputAudioBuffer",
    "ResponseResource",
    "SessionResource",
]


class _Resource(Uncopied):
    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def _send(self, type: str, event_id: str | None, **fields: Any) -> None:
        self._sender.send(self._event(type, event_id, **fields))

    def _event(self, type: str, event_id: str | None, **fields: Any) -> JsonDict:
        event: JsonDict = {"type": type}
        if event_id is not None:
            check_text("event_id", event_id)
            event["event_id"] = event_id
        event.update((name, value) for name, value in fields.items() if value is not UNSET)
        return event


class SessionResource(_Resource):
    """``session.*``: the configuration of the conversation."""

    def __init__(self, sender: Sender, link: Link, state: ConnectionState) -> None:
        super().__init__(sender)
        self._link = link
        self._state = state

    @property
    def declared_tools(self) -> frozenset[str]:
        """The names of the functions somebody has declared, and of the server's own tools.

        By the session that is in force, by a ``response.create`` of this connection, or by the
        provider.
        """
        return self._state.declared_tools | self.server_tools

    @property
    def server_tools(self) -> frozenset[str]:
        """The names of the functions that the provider answers itself."""
        dialect = self._sender.dialect
        return frozenset() if dialect is None else frozenset(dialect.server_tools)

    @property
    def known(self) -> SessionState:
        """What is known of the session, as it was reported and as was asked for since.

        To be read only, from any thread.
        """
        return self._state.session

    @property
    def ends_responses_on_speech(self) -> bool:
        """Whether the server ends a response by itself when the user speaks, whatever is set."""
        dialect = self._sender.dialect
        return dialect is not None and dialect.closes_response_on_speech_started

    @property
    def echoes_metadata(self) -> bool:
        """Whether a response tells the metadata of its request, so that it is known by them."""
        dialect = self._sender.dialect
        return dialect is None or dialect.metadata

    def restart(self, *, keep_history: bool = True) -> None:
        """Begin a new session on a new link, with the configuration of this one.

        A response that is running is lost. Returns when the new session is ready; a
        ``reconnected`` event follows what was received before.

        Args:
            keep_history: whether the new session gets the conversation so far.

        Raises:
            ConcurrencyError: the connection is being made anew already, or closed.
            RealtimeError: the new session could not be had; the old one goes on.
        """
        check_flag("keep_history", keep_history)
        self._link.restart(keep_history=keep_history)

    def update(self, *, session: SessionParam, event_id: str | None = None) -> None:
        """Change the fields of ``session`` that are present; ``session.updated`` follows.

        Args:
            session: e.g. ``{"type": "realtime", "instructions": "Be brief."}``; clear
                instructions with ``""``, tools with ``[]``, turn detection with ``None``.
            event_id: an id of the caller's for this request.
        """
        check_mapping("session", session, "{'type': 'realtime', 'instructions': 'Be brief.'}")
        self._send("session.update", event_id, session=plain(session))


class ResponseResource(_Resource):
    """``response.*``: the model's answers."""

    def __init__(self, sender: Sender, state: ConnectionState) -> None:
        super().__init__(sender)
        self._state = state

    def create(
        self,
        *,
        response: ResponseCreateParams | None = None,
        event_id: str | None = None,
        when_idle: bool = False,
    ) -> None:
        """Ask for an answer; ``response.created`` follows.

        Args:
            response: settings of this answer alone, e.g. ``{"output_modalities": ["text"]}``.
            event_id: an id of the caller's for this request.
            when_idle: ask only when no response is running: now, or as soon as the running one
                is done. Of several requests that wait, the latest is sent. Should another response
                be quicker, it is asked for again when that is done, and no error is reported.
        """
        check_flag("when_idle", when_idle)
        if response is not None:
            check_mapping("response", response, "{'output_modalities': ['text']}")
        fields = {"response": UNSET if response is None else response}
        if not when_idle:
            self._send("response.create", event_id, **fields)
            return
        event = self._event("response.create", event_id or _new_id(), **fields)
        self._sender.send_when_idle(event)

    def cancel(self, *, response_id: str | None = None, event_id: str | None = None) -> None:
        """Stop a running answer; ``response.done`` with the status ``cancelled`` follows.

        Args:
            response_id: which one; by default the one of the conversation. One that is known to
                be over is not cancelled: nothing is sent.
            event_id: an id of the caller's for this request.
        """
        if response_id is not None:
            check_text("response_id", response_id)
            if self._state.is_over(response_id):
                return
        self._send(
            "response.cancel",
            event_id,
            response_id=UNSET if response_id is None else response_id,
        )

    def withdraw(self, *, event_id: str) -> bool:
        """Take back a request that was not sent yet.

        Args:
            event_id: the request's.

        Returns:
            Whether it still waited: for a running response, or for a new link.
        """
        check_text("event_id", event_id)
        return self._sender.withdraw(event_id)

    def give_up(self, *, response_id: str | None = None, event_id: str | None = None) -> None:
        """Wait no longer for the end of a response, or for the answer to a request.

        For a server that has forgotten them: what waits its turn (``when_idle``) goes out. The
        server is told nothing, so `cancel` the response before.

        Args:
            response_id: a response that is taken for over.
            event_id: a ``response.create`` that is taken for unanswered.
        """
        if response_id is not None:
            check_text("response_id", response_id)
        if event_id is not None:
            check_text("event_id", event_id)
        self._state.give_up(response_id=response_id, event_id=event_id)

    @property
    def busy(self) -> bool:
        """Whether a response of the conversation is running or asked for, at this moment."""
        return self._state.busy

    def is_out_of_band(self, response_id: str) -> bool:
        """Whether a response is outside of the conversation: it was asked for so, or says so.

        False for ``""``, in the place of an id that the server has left out.
        """
        if type(response_id) is not str:
            check_text("response_id", response_id)
        return self._state.is_out_of_band(response_id)

    def is_waiting(self, event_id: str) -> bool:
        """Whether a request (``when_idle``) still waits for the end of a response."""
        check_text("event_id", event_id)
        return self._state.is_waiting(event_id)

    def is_lost(self, event_id: str) -> bool:
        """Whether a request went out over a link that was lost before anything answered it."""
        check_text("event_id", event_id)
        return self._state.is_lost(event_id)

    def refused_by(self, event: ErrorEvent) -> tuple[str, ...]:
        """Return the ``event_id`` of the request that an ``error`` event refuses.

        Not every server says it; then it is the only request under way that it can mean. ``()``
        when it is nobody's. It has several only where errors with the very same text have refused
        several requests.
        """
        if not isinstance(event, ErrorEvent):
            raise LocalProtocolError(f"refused_by takes an error event, not {shown(event)}")
        refusal = self._state.refusal_of(event)
        return () if refusal is None else refusal.requests


class InputAudioBuffer(_Resource):
    """``input_audio_buffer.*``: what the user says."""

    def __init__(self, sender: Sender, state: ConnectionState) -> None:
        super().__init__(sender)
        self._state = state
        self._is_unheard = True  # until the first sound, which alone is looked at closely
        self._first_sound = FirstSound()

    def append(self, *, audio: str | bytes | Samples, event_id: str | None = None) -> None:
        """Add audio to the buffer; the server does not confirm it.

        Args:
            audio: base64 text; or bytes in the session's input format (PCM16: int16 mono,
                little-endian, 24 kHz); or a mono array of int16, or of float32 within -1.0 to
                1.0 (clipped), of shape ``(n,)`` or ``(n, 1)``.
            event_id: an id of the caller's for this request.

        Raises:
            FormatError: half a sample, a wrong dtype or shape, text that is not base64; or the
                first sound of the connection is a whole file (see `realtime_sync.audio.read_wav`).
        """
        encoded = audio_base64(audio, pcm=self._state.session.facts.input.is_pcm)
        if self._is_unheard and encoded:
            self._is_unheard = not self._first_sound.add(audio, encoded)
        self._sender.append(append_message(encoded, event_id))

    def commit(self, *, event_id: str | None = None) -> None:
        """Make the buffer a message of the user's; for sessions without turn detection."""
        self._send("input_audio_buffer.commit", event_id)

    def clear(self, *, event_id: str | None = None) -> None:
        """Throw the buffer away; ``input_audio_buffer.cleared`` follows."""
        self._send("input_audio_buffer.clear", event_id)


class OutputAudioBuffer(_Resource):
    """``output_audio_buffer.*``: what the server plays (WebRTC and SIP calls only)."""

    def clear(self, *, event_id: str | None = None) -> None:
        """Stop what is being played; cancel the response first."""
        self._send("output_audio_buffer.clear", event_id)


class ConversationItemResource(_Resource):
    """``conversation.item.*``: the history."""

    def create(
        self,
        *,
        item: Mapping[str, Any],
        previous_item_id: str | Unset | None = UNSET,
        event_id: str | None = None,
    ) -> None:
        """Add an item; ``conversation.item.added`` and ``.done`` follow.

        Args:
            item: a message, function call or function call output in wire form, or an item of
                `realtime_sync.events`.
            previous_item_id: where to insert it: after this item, ``"root"`` for the front; by
                default at the end.
            event_id: an id of the caller's for this request.
        """
        check_mapping("item", item, "{'type': 'message', 'role': 'user', 'content': [...]}")
        if previous_item_id is not UNSET and previous_item_id is not None:
            check_text("previous_item_id", previous_item_id)
        self._send(
            "conversation.item.create", event_id, previous_item_id=previous_item_id, item=item
        )

    def delete(self, *, item_id: str, event_id: str | None = None) -> None:
        """Remove an item; ``conversation.item.deleted`` follows."""
        check_text("item_id", item_id)
        self._send("conversation.item.delete", event_id, item_id=item_id)

    def retrieve(self, *, item_id: str, event_id: str | None = None) -> None:
        """Ask for an item as the server has it; ``conversation.item.retrieved`` follows."""
        check_text("item_id", item_id)
        self._send("conversation.item.retrieve", event_id, item_id=item_id)

    def truncate(
        self,
        *,
        item_id: str,
        content_index: int,
        audio_end_ms: int,
        event_id: str | None = None,
    ) -> None:
        """Cut an assistant's audio to what was heard; ``conversation.item.truncated`` follows.

        Args:
            item_id: the assistant's message.
            content_index: its audio part, counted from 0.
            audio_end_ms: how much was heard, in ms from the part's beginning; more than the
                audio has is refused by the server.
            event_id: an id of the caller's for this request.
        """
        check_text("item_id", item_id)
        check_count("content_index", content_index)
        check_count("audio_end_ms", audio_end_ms)
        self._send(
            "conversation.item.truncate",
            event_id,
            item_id=item_id,
            content_index=content_index,
            audio_end_ms=audio_end_ms,
        )


class ConversationResource(Uncopied):
    """``conversation``: holds `item` and the `history`."""

    def __init__(self, sender: Sender, state: ConnectionState) -> None:
        self.item = ConversationItemResource(sender)
        self._state = state

    @property
    def history(self) -> History:
        """What was said, as it is known; it may be ahead of the events that were consumed."""
        return self._state.history


def _new_id() -> str:
    return f"event_{secrets.token_hex(8)}"
