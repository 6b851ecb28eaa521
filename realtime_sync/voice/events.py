"""What the voice loop reports beside the server's own events; ``type`` begins with ``voice.``."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

__all__ = ["AnswerStarted", "Interrupted", "ToolFinished", "ToolStarted", "VoiceEvent"]


@frozen(kw_only=True)
class AnswerStarted:
    """The first audio of an answer has come.

    Attributes:
        response_id: the response it belongs to.
        latency_ms: since the server reported the end of speech. What the user feels is this and
            the silence that the server had waited for. None when nobody had spoken.
    """

    type: Literal["voice.answer_started"] = "voice.answer_started"
    response_id: str
    latency_ms: int | None


@frozen(kw_only=True)
class Interrupted:
    """The user spoke while an answer was playing or being made.

    Attributes:
        item_id: the item that was playing and is truncated; None when none was.
        content_index: its audio part.
        audio_end_ms: how much of it was played.
        deleted: items that had not begun to play and are deleted.
    """

    type: Literal["voice.interrupted"] = "voice.interrupted"
    item_id: str | None
    content_index: int
    audio_end_ms: int
    deleted: tuple[str, ...]


@frozen(kw_only=True)
class ToolStarted:
    """The model calls a tool.

    Attributes:
        arguments: JSON text.
    """

    type: Literal["voice.tool_started"] = "voice.tool_started"
    call_id: str
    name: str
    arguments: str


@frozen(kw_only=True)
class ToolFinished:
    """A tool has returned, or failed; the model gets the output either way.

    Attributes:
        output: what the model gets: text, or JSON text.
        failed: whether it is the description of an error.
    """

    type: Literal["voice.tool_finished"] = "voice.tool_finished"
    call_id: str
    name: str
    output: str
    failed: bool


VoiceEvent = AnswerStarted | Interrupted | ToolStarted | ToolFinished
