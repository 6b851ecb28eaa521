"""Which class stands for which name on the wire."""

from __future__ import annotations

from typing import Any, get_args

from .._required import require_text
from ..errors import LocalProtocolError
from .base import Event
from .client import (
    ConversationItemCreate,
    ConversationItemDelete,
    ConversationItemRetrieve,
    ConversationItemTruncate,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCommit,
    OutputAudioBufferClear,
    ResponseCancel,
    ResponseCreate,
    SessionUpdate,
)
from .reconnected import Reconnected
from .responses import (
    ResponseContentPartAdded,
    ResponseContentPartDone,
    ResponseCreated,
    ResponseDone,
    ResponseFunctionCallArgumentsDelta,
    ResponseFunctionCallArgumentsDone,
    ResponseMcpCallArgumentsDelta,
    ResponseMcpCallArgumentsDone,
    ResponseMcpCallCompleted,
    ResponseMcpCallFailed,
    ResponseMcpCallInProgress,
    ResponseOutputAudioDelta,
    ResponseOutputAudioDone,
    ResponseOutputAudioTranscriptDelta,
    ResponseOutputAudioTranscriptDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseOutputTextDelta,
    ResponseOutputTextDone,
)
from .server import (
    ConversationCreated,
    ConversationItemAdded,
    ConversationItemCreated,
    ConversationItemDeleted,
    ConversationItemDone,
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    ConversationItemInputAudioTranscriptionFailed,
    ConversationItemInputAudioTranscriptionSegment,
    ConversationItemRetrieved,
    ConversationItemTruncated,
    ErrorEvent,
    InputAudioBufferCleared,
    InputAudioBufferCommitted,
    InputAudioBufferDtmfEventReceived,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    McpListToolsCompleted,
    McpListToolsFailed,
    McpListToolsInProgress,
    OutputAudioBufferCleared,
    OutputAudioBufferStarted,
    OutputAudioBufferStopped,
    RateLimitsUpdated,
    SessionCreated,
    SessionUpdated,
)
from .translation import (
    SessionClose,
    SessionClosed,
    SessionInputAudioBufferAppend,
    SessionInputTranscriptDelta,
    SessionOutputAudioDelta,
    SessionOutputTranscriptDelta,
)
from .unknown import UnknownEvent

__all__ = [
    "BETA_ALIASES",
    "CLIENT_EVENTS",
    "SERVER_EVENTS",
    "ClientEvent",
    "ServerEvent",
    "canonical_type",
]

# Spelled out, because type checkers narrow such a union by the literal in ``type``.
ServerEvent = (
    ConversationCreated
    | ConversationItemAdded
    | ConversationItemCreated
    | ConversationItemDeleted
    | ConversationItemDone
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionFailed
    | ConversationItemInputAudioTranscriptionSegment
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | ErrorEvent
    | InputAudioBufferCleared
    | InputAudioBufferCommitted
    | InputAudioBufferDtmfEventReceived
    | InputAudioBufferSpeechStarted
    | InputAudioBufferSpeechStopped
    | InputAudioBufferTimeoutTriggered
    | McpListToolsCompleted
    | McpListToolsFailed
    | McpListToolsInProgress
    | OutputAudioBufferCleared
    | OutputAudioBufferStarted
    | OutputAudioBufferStopped
    | RateLimitsUpdated
    | Reconnected
    | ResponseContentPartAdded
    | ResponseContentPartDone
    | ResponseCreated
    | ResponseDone
    | ResponseFunctionCallArgumentsDelta
    | ResponseFunctionCallArgumentsDone
    | ResponseMcpCallArgumentsDelta
    | ResponseMcpCallArgumentsDone
    | ResponseMcpCallCompleted
    | ResponseMcpCallFailed
    | ResponseMcpCallInProgress
    | ResponseOutputAudioDelta
    | ResponseOutputAudioDone
    | ResponseOutputAudioTranscriptDelta
    | ResponseOutputAudioTranscriptDone
    | ResponseOutputItemAdded
    | ResponseOutputItemDone
    | ResponseOutputTextDelta
    | ResponseOutputTextDone
    | SessionClosed
    | SessionCreated
    | SessionInputTranscriptDelta
    | SessionOutputAudioDelta
    | SessionOutputTranscriptDelta
    | SessionUpdated
    | UnknownEvent
)

# Any event that a client sends.
ClientEvent = (
    ConversationItemCreate
    | ConversationItemDelete
    | ConversationItemRetrieve
    | ConversationItemTruncate
    | InputAudioBufferAppend
    | InputAudioBufferClear
    | InputAudioBufferCommit
    | OutputAudioBufferClear
    | ResponseCancel
    | ResponseCreate
    | SessionClose
    | SessionInputAudioBufferAppend
    | SessionUpdate
    | UnknownEvent
)

# ``conversation.item.created`` is not here: it stands for two GA events, and GA still has it.
BETA_ALIASES: dict[str, str] = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "transcription_session.update": "session.update",
    "transcription_session.updated": "session.updated",
}


def canonical_type(name: str) -> str:
    """Return the GA name of an event for its GA or beta name; other names pass through.

    Raises:
        LocalProtocolError: the name is no text.

    Example:
        >>> canonical_type("response.audio.delta")
        'response.output_audio.delta'
    """
    require_text(name, "the name of an event", error=LocalProtocolError)
    return BETA_ALIASES.get(name, name)


def _by_name(union: Any) -> dict[str, type[Event]]:
    return {cls.type: cls for cls in get_args(union) if cls not in (UnknownEvent, Reconnected)}


# The class of each type of event that a server sends.
SERVER_EVENTS: dict[str, type[Event]] = _by_name(ServerEvent)
# The class of each type of event that a client sends.
CLIENT_EVENTS: dict[str, type[Event]] = _by_name(ClientEvent)
