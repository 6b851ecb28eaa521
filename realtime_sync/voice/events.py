"""What the voice loop reports beside the server's own events; ``type`` begins with ``voice.``."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from ..errors import RemoteProtocolError

__all__ = [
    "AnswerStarted",
    "Interrupted",
    "ToolFinished",
    "ToolStarted",
    "TurnMetrics",
    "UnreadableMessage",
    "VoiceEvent",
]


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


@frozen(kw_only=True)
class TurnMetrics:
    """How long a turn took; reported when its answer was heard to its end or interrupted.

    A turn is what the user says and all that is answered, tools included. A greeting is one
    without words of the user's.

    Attributes:
        first_delta_ms: from the end of speech, as it was reported or the button released, to the
            first audio of the answer. None when nobody had spoken.
        first_played_ms: from there to the first sample that was heard. None when nobody had
            spoken, or nothing was heard.
        delta_to_played_ms: from the first audio to the first sample that was heard: what the
            sink's cushion and its device take. None when nothing was heard.
        interruption_ms: from the moment when the interruption was known until the sink was told
            to be silent, which it is within one callback. None when it was not interrupted.
        underruns: how often the sink ran dry, if it counts that.
    """

    type: Literal["voice.turn_metrics"] = "voice.turn_metrics"
    first_delta_ms: float | None
    first_played_ms: float | None
    delta_to_played_ms: float | None
    interruption_ms: float | None
    underruns: int


@frozen(kw_only=True)
class UnreadableMessage:
    """The server sent something that is no event, or audio that can't be decoded; it is left out.

    Attributes:
        error: what is wrong with it.
    """

    type: Literal["voice.unreadable_message"] = "voice.unreadable_message"
    error: RemoteProtocolError


VoiceEvent = (
    AnswerStarted | Interrupted | ToolStarted | ToolFinished | TurnMetrics | UnreadableMessage
)
