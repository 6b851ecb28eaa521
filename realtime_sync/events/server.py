"""What servers send about the session, the conversation and the buffers.

The events of responses are in `responses`, those of translation sessions in `translation`.

Example:
    >>> from realtime_sync.events import parse_event
    >>> event = parse_event('{"type": "error", "error": {"type": "x", "message": "no"}}')
    >>> isinstance(event, ErrorEvent), event.error.message
    (True, 'no')
"""

# ruff: noqa: RUF009  # nested() and nullable() are attrs fields, not values

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from .base import Event, nested
from .items import ConversationItem, as_item
from .models import (
    Conversation,
    ErrorDetail,
    LogProb,
    RateLimit,
    TranscriptionError,
    TranscriptionLanguage,
    TranscriptionUsage,
    as_conversation,
    as_error,
    as_rate_limits,
    as_transcription_error,
    as_transcription_usage,
    load_languages,
    load_log_probs,
)
from .session_config import SessionConfig, as_session
from .wire_values import as_code, as_text

__all__ = [
    "ConversationCreated",
    "ConversationItemAdded",
    "ConversationItemCreated",
    "ConversationItemDeleted",
    "ConversationItemDone",
    "ConversationItemInputAudioTranscriptionCompleted",
    "ConversationItemInputAudioTranscriptionDelta",
    "ConversationItemInputAudioTranscriptionFailed",
    "ConversationItemInputAudioTranscriptionSegment",
    "ConversationItemRetrieved",
    "ConversationItemTruncated",
    "ErrorEvent",
    "InputAudioBufferCleared",
    "InputAudioBufferCommitted",
    "InputAudioBufferDtmfEventReceived",
    "InputAudioBufferSpeechStarted",
    "InputAudioBufferSpeechStopped",
    "InputAudioBufferTimeoutTriggered",
    "McpListToolsCompleted",
    "McpListToolsFailed",
    "McpListToolsInProgress",
    "OutputAudioBufferCleared",
    "OutputAudioBufferStarted",
    "OutputAudioBufferStopped",
    "RateLimitsUpdated",
    "SessionCreated",
    "SessionUpdated",
]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationCreated(Event):
    """The session has a conversation."""

    type: Literal["conversation.created"] = "conversation.created"
    event_id: str
    conversation: Conversation = field(converter=as_conversation)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemAdded(Event):
    """An item is in the conversation; its content may still be arriving."""

    type: Literal["conversation.item.added"] = "conversation.item.added"
    event_id: str
    item: ConversationItem = field(converter=as_item)
    previous_item_id: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemCreated(Event):
    """An item is in the conversation (the beta name of added and done)."""

    type: Literal["conversation.item.created"] = "conversation.item.created"
    event_id: str
    item: ConversationItem = field(converter=as_item)
    previous_item_id: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemDeleted(Event):
    """An item is gone from the conversation."""

    type: Literal["conversation.item.deleted"] = "conversation.item.deleted"
    event_id: str
    item_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemDone(Event):
    """An item is complete."""

    type: Literal["conversation.item.done"] = "conversation.item.done"
    event_id: str
    item: ConversationItem = field(converter=as_item)
    previous_item_id: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionCompleted(Event):
    """What the user said, in words."""

    type: Literal["conversation.item.input_audio_transcription.completed"] = (
        "conversation.item.input_audio_transcription.completed"
    )
    event_id: str
    item_id: str
    content_index: int
    transcript: str
    usage: TranscriptionUsage = field(converter=as_transcription_usage)
    languages: list[TranscriptionLanguage] | None = nested(load_languages)
    logprobs: list[LogProb] | None = nested(load_log_probs)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionDelta(Event):
    """A piece of what the user said."""

    type: Literal["conversation.item.input_audio_transcription.delta"] = (
        "conversation.item.input_audio_transcription.delta"
    )
    event_id: str
    item_id: str
    content_index: int | None = None
    delta: str | None = None
    logprobs: list[LogProb] | None = nested(load_log_probs)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionFailed(Event):
    """The user's words could not be recognised."""

    type: Literal["conversation.item.input_audio_transcription.failed"] = (
        "conversation.item.input_audio_transcription.failed"
    )
    event_id: str
    item_id: str
    content_index: int
    error: TranscriptionError = field(converter=as_transcription_error)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemInputAudioTranscriptionSegment(Event):
    """A stretch of one speaker; ``start`` and ``end`` are seconds."""

    type: Literal["conversation.item.input_audio_transcription.segment"] = (
        "conversation.item.input_audio_transcription.segment"
    )
    event_id: str
    item_id: str
    content_index: int
    id: str
    end: float
    speaker: str
    start: float
    text: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemRetrieved(Event):
    """The answer to ``conversation.item.retrieve``."""

    type: Literal["conversation.item.retrieved"] = "conversation.item.retrieved"
    event_id: str
    item: ConversationItem = field(converter=as_item)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ConversationItemTruncated(Event):
    """An assistant's audio was cut to what was heard."""

    type: Literal["conversation.item.truncated"] = "conversation.item.truncated"
    event_id: str
    item_id: str
    content_index: int
    audio_end_ms: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ErrorEvent(Event):
    """Something went wrong; most errors leave the session alive.

    ``error.event_id`` is the id of the client event that caused it.
    """

    type: Literal["error"] = "error"
    event_id: str
    error: ErrorDetail = field(converter=as_error)

    @property
    def severity(self) -> Literal["benign", "failed", "fatal"]:
        """How bad it is.

        ``"benign"``: what was asked for is the case anyway, such as cancelling a response that
        is over. ``"fatal"``: the session is or will be closed. ``"failed"``: one request failed,
        all else goes on.
        """
        code = as_text(detail_of(self).code)
        if code in _BENIGN:
            return "benign"
        return "fatal" if code in _FATAL else "failed"


def detail_of(event: ErrorEvent) -> ErrorDetail:
    """Return ``event.error`` with texts only, for those that must go on whatever the server sent.

    Some servers and gateways send a text or nothing in the place of the object, others numbers
    for codes.
    """
    error: object = event.error
    if not isinstance(error, ErrorDetail):
        return ErrorDetail(type="server_error", message=as_text(error) or "")
    return ErrorDetail(
        type=as_text(error.type) or "server_error",
        message=as_text(error.message) or "",
        code=as_code(error.code),
        event_id=as_text(error.event_id),
        param=as_text(error.param),
    )


def words_of(event: ErrorEvent) -> str:
    """Return what an error says in a few words, whatever the server sent."""
    error = detail_of(event)
    name = as_text(error.code) or as_text(error.type) or "error"
    return f"{name}: {as_text(error.message) or 'no reason'}"[:_LONGEST_WORDS]


_LONGEST_WORDS = 300  # characters
_BENIGN = frozenset({"response_cancel_not_active", "input_audio_buffer_commit_empty"})
_FATAL = frozenset(
    {
        "beta_api_shape_disabled",
        "insufficient_quota",
        "invalid_api_key",
        "model_not_found",
        "session_expired",
    }
)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferCleared(Event):
    """The input buffer is empty."""

    type: Literal["input_audio_buffer.cleared"] = "input_audio_buffer.cleared"
    event_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferCommitted(Event):
    """The input buffer became a user item."""

    type: Literal["input_audio_buffer.committed"] = "input_audio_buffer.committed"
    event_id: str
    item_id: str
    previous_item_id: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferDtmfEventReceived(Event):
    """A key was pressed on the phone (SIP only); it has no ``event_id``."""

    type: Literal["input_audio_buffer.dtmf_event_received"] = (
        "input_audio_buffer.dtmf_event_received"
    )
    event: str
    received_at: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferSpeechStarted(Event):
    """The user began to speak; times are milliseconds of audio sent."""

    type: Literal["input_audio_buffer.speech_started"] = "input_audio_buffer.speech_started"
    event_id: str
    item_id: str
    audio_start_ms: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferSpeechStopped(Event):
    """The user stopped speaking; times are milliseconds of audio sent."""

    type: Literal["input_audio_buffer.speech_stopped"] = "input_audio_buffer.speech_stopped"
    event_id: str
    item_id: str
    audio_end_ms: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class InputAudioBufferTimeoutTriggered(Event):
    """The user was silent for ``idle_timeout_ms``."""

    type: Literal["input_audio_buffer.timeout_triggered"] = "input_audio_buffer.timeout_triggered"
    event_id: str
    item_id: str
    audio_end_ms: int
    audio_start_ms: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpListToolsCompleted(Event):
    """The tools of an MCP server are known."""

    type: Literal["mcp_list_tools.completed"] = "mcp_list_tools.completed"
    event_id: str
    item_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpListToolsFailed(Event):
    """The tools of an MCP server could not be listed."""

    type: Literal["mcp_list_tools.failed"] = "mcp_list_tools.failed"
    event_id: str
    item_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class McpListToolsInProgress(Event):
    """The tools of an MCP server are being listed."""

    type: Literal["mcp_list_tools.in_progress"] = "mcp_list_tools.in_progress"
    event_id: str
    item_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class OutputAudioBufferCleared(Event):
    """The output buffer was emptied (WebRTC and SIP only)."""

    type: Literal["output_audio_buffer.cleared"] = "output_audio_buffer.cleared"
    event_id: str
    response_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class OutputAudioBufferStarted(Event):
    """The server began to play a response (WebRTC and SIP only)."""

    type: Literal["output_audio_buffer.started"] = "output_audio_buffer.started"
    event_id: str
    response_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class OutputAudioBufferStopped(Event):
    """The server has played a response (WebRTC and SIP only)."""

    type: Literal["output_audio_buffer.stopped"] = "output_audio_buffer.stopped"
    event_id: str
    response_id: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class RateLimitsUpdated(Event):
    """What is left of the rate limits at the start of a response."""

    type: Literal["rate_limits.updated"] = "rate_limits.updated"
    event_id: str
    rate_limits: list[RateLimit] = field(converter=as_rate_limits)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionCreated(Event):
    """The connection is ready; the session has its defaults."""

    type: Literal["session.created"] = "session.created"
    event_id: str
    session: SessionConfig = field(converter=as_session)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class SessionUpdated(Event):
    """The session has changed; the whole configuration."""

    type: Literal["session.updated"] = "session.updated"
    event_id: str
    session: SessionConfig = field(converter=as_session)
