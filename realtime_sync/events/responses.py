"""What servers send about responses.

Example:
    >>> from realtime_sync.events import parse_event
    >>> match parse_event('{"type": "response.done", "response": {"status": "cancelled"}}'):
    ...     case ResponseDone(response=Response(status=status)):
    ...         print(status)
    cancelled
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from ._audio import AudioDelta
from .base import Event
from .items import ContentPart, ConversationItem, as_item, as_part
from .models import Response, as_response

__all__ = [
    "ResponseContentPartAdded",
    "ResponseContentPartDone",
    "ResponseCreated",
    "ResponseDone",
    "ResponseFunctionCallArgumentsDelta",
    "ResponseFunctionCallArgumentsDone",
    "ResponseMcpCallArgumentsDelta",
    "ResponseMcpCallArgumentsDone",
    "ResponseMcpCallCompleted",
    "ResponseMcpCallFailed",
    "ResponseMcpCallInProgress",
    "ResponseOutputAudioDelta",
    "ResponseOutputAudioDone",
    "ResponseOutputAudioTranscriptDelta",
    "ResponseOutputAudioTranscriptDone",
    "ResponseOutputItemAdded",
    "ResponseOutputItemDone",
    "ResponseOutputTextDelta",
    "ResponseOutputTextDone",
]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseContentPartAdded(Event):
    """A part of an item begins."""

    type: Literal["response.content_part.added"] = "response.content_part.added"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: ContentPart = field(converter=as_part)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseContentPartDone(Event):
    """A part of an item is complete."""

    type: Literal["response.content_part.done"] = "response.content_part.done"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    part: ContentPart = field(converter=as_part)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseCreated(Event):
    """A response begins."""

    type: Literal["response.created"] = "response.created"
    event_id: str
    response: Response = field(converter=as_response)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseDone(Event):
    """A response is over, whatever its status."""

    type: Literal["response.done"] = "response.done"
    event_id: str
    response: Response = field(converter=as_response)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseFunctionCallArgumentsDelta(Event):
    """A piece of a function call's arguments (JSON text)."""

    type: Literal["response.function_call_arguments.delta"] = (
        "response.function_call_arguments.delta"
    )
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    call_id: str
    delta: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseFunctionCallArgumentsDone(Event):
    """A function call's arguments are complete (JSON text)."""

    type: Literal["response.function_call_arguments.done"] = "response.function_call_arguments.done"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    arguments: str
    call_id: str
    name: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseMcpCallCompleted(Event):
    """An MCP tool has answered."""

    type: Literal["response.mcp_call.completed"] = "response.mcp_call.completed"
    event_id: str
    item_id: str
    output_index: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseMcpCallFailed(Event):
    """An MCP tool has failed."""

    type: Literal["response.mcp_call.failed"] = "response.mcp_call.failed"
    event_id: str
    item_id: str
    output_index: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseMcpCallInProgress(Event):
    """An MCP tool is being called."""

    type: Literal["response.mcp_call.in_progress"] = "response.mcp_call.in_progress"
    event_id: str
    item_id: str
    output_index: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseMcpCallArgumentsDelta(Event):
    """A piece of an MCP call's arguments (JSON text)."""

    type: Literal["response.mcp_call_arguments.delta"] = "response.mcp_call_arguments.delta"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    delta: str
    obfuscation: str | None = None


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseMcpCallArgumentsDone(Event):
    """An MCP call's arguments are complete (JSON text)."""

    type: Literal["response.mcp_call_arguments.done"] = "response.mcp_call_arguments.done"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    arguments: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputAudioDelta(AudioDelta):
    """A piece of the answer, spoken."""

    type: Literal["response.output_audio.delta"] = "response.output_audio.delta"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputAudioDone(Event):
    """The audio of a part is complete."""

    type: Literal["response.output_audio.done"] = "response.output_audio.done"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputAudioTranscriptDelta(Event):
    """A piece of the words being spoken."""

    type: Literal["response.output_audio_transcript.delta"] = (
        "response.output_audio_transcript.delta"
    )
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputAudioTranscriptDone(Event):
    """The words of an audio part are complete."""

    type: Literal["response.output_audio_transcript.done"] = "response.output_audio_transcript.done"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    transcript: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputItemAdded(Event):
    """A response begins an item."""

    type: Literal["response.output_item.added"] = "response.output_item.added"
    event_id: str
    response_id: str
    output_index: int
    item: ConversationItem = field(converter=as_item)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputItemDone(Event):
    """An item of a response is complete."""

    type: Literal["response.output_item.done"] = "response.output_item.done"
    event_id: str
    response_id: str
    output_index: int
    item: ConversationItem = field(converter=as_item)


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputTextDelta(Event):
    """A piece of a text answer."""

    type: Literal["response.output_text.delta"] = "response.output_text.delta"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    delta: str


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class ResponseOutputTextDone(Event):
    """A text answer is complete."""

    type: Literal["response.output_text.done"] = "response.output_text.done"
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int
    text: str
