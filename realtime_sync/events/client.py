"""What clients send.

Models and plain dictionaries are both accepted wherever a value is nested.

Example:
    >>> request = ConversationItemCreate(
    ...     item={"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    ... )
    >>> request.item
    FunctionCallOutput(call_id='call_1', output='sunny')
    >>> ResponseCreate(response={"output_modalities": ["text"]}).to_json()
    '{"type":"response.create","response":{"output_modalities":["text"]}}'
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from .base import Event
from .items import ConversationItem, as_item
from .session_config import (
    ResponseCreateParams,
    SessionConfig,
    TranslationSessionUpdate,
    as_response_params,
    as_session_update,
)

__all__ = [
    "ConversationItemCreate",
    "ConversationItemDelete",
    "ConversationItemRetrieve",
    "ConversationItemTruncate",
    "InputAudioBufferAppend",
    "InputAudioBufferClear",
    "InputAudioBufferCommit",
    "OutputAudioBufferClear",
    "ResponseCancel",
    "ResponseCreate",
    "SessionUpdate",
]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemCreate(Event):
    """Put an item into the conversation."""

    type: Literal["conversation.item.create"] = "conversation.item.create"
    item: ConversationItem = field(converter=as_item)
    previous_item_id: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemDelete(Event):
    """Take an item out of the conversation."""

    type: Literal["conversation.item.delete"] = "conversation.item.delete"
    item_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemRetrieve(Event):
    """Ask for an item as the server has it."""

    type: Literal["conversation.item.retrieve"] = "conversation.item.retrieve"
    item_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemTruncate(Event):
    """Cut an assistant's audio to what was heard."""

    type: Literal["conversation.item.truncate"] = "conversation.item.truncate"
    item_id: str
    content_index: int
    audio_end_ms: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferAppend(Event):
    """Append audio: base64 in the session's input format."""

    type: Literal["input_audio_buffer.append"] = "input_audio_buffer.append"
    audio: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferClear(Event):
    """Throw the input buffer away."""

    type: Literal["input_audio_buffer.clear"] = "input_audio_buffer.clear"


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferCommit(Event):
    """Make the input buffer a user item."""

    type: Literal["input_audio_buffer.commit"] = "input_audio_buffer.commit"


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class OutputAudioBufferClear(Event):
    """Stop the audio being played (WebRTC and SIP only)."""

    type: Literal["output_audio_buffer.clear"] = "output_audio_buffer.clear"


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseCancel(Event):
    """Stop a response."""

    type: Literal["response.cancel"] = "response.cancel"
    response_id: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseCreate(Event):
    """Ask for a response."""

    type: Literal["response.create"] = "response.create"
    response: ResponseCreateParams | None = field(default=None, converter=as_response_params)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionUpdate(Event):
    """Change the session; only the fields that are given change."""

    type: Literal["session.update"] = "session.update"
    session: SessionConfig | TranslationSessionUpdate = field(converter=as_session_update)
