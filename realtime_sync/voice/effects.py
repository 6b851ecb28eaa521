"""What `VoiceState` asks its loop to do."""

from __future__ import annotations

from attrs import frozen

from .events import VoiceEvent

__all__ = [
    "Append",
    "CancelResponse",
    "ClearInput",
    "Commit",
    "CreateResponse",
    "DeleteItem",
    "Effect",
    "Flush",
    "Part",
    "Play",
    "Report",
    "RunTool",
    "SendToolOutput",
    "Silence",
    "TruncateItem",
    "UserStarted",
    "UserStopped",
    "WithdrawRequest",
]

Part = tuple[str, int]
"""An item's id and the index of its audio part: what a sink counts by."""


@frozen
class Play:
    """Give audio to the sink."""

    audio: bytes
    part: Part
    response_id: str


@frozen
class Flush:
    """Tell the sink that what it has is complete."""


@frozen
class Silence:
    """Clear the sink, then tell `VoiceState.silenced` how much of ``parts`` it had handed out."""

    parts: tuple[Part, ...]


@frozen
class CancelResponse:
    """Send ``response.cancel``."""

    response_id: str


@frozen
class TruncateItem:
    """Send ``conversation.item.truncate``."""

    part: Part
    audio_end_ms: int


@frozen
class DeleteItem:
    """Send ``conversation.item.delete``."""

    item_id: str


@frozen
class RunTool:
    """Run a tool off this thread, then do `SendToolOutput`."""

    call_id: str
    name: str
    arguments: str


@frozen
class SendToolOutput:
    """Send the ``function_call_output`` item."""

    call_id: str
    output: str


@frozen
class CreateResponse:
    """Send ``response.create`` when no response is running."""

    event_id: str


@frozen
class WithdrawRequest:
    """Take a `CreateResponse` back that still waits; then call `VoiceState.withdrawn`."""

    event_id: str


@frozen
class Report:
    """Tell the caller."""

    event: VoiceEvent


@frozen
class Append:
    """Send ``input_audio_buffer.append``."""

    audio: bytes


@frozen
class Commit:
    """Send ``input_audio_buffer.commit``."""


@frozen
class ClearInput:
    """Send ``input_audio_buffer.clear``."""


@frozen
class UserStarted:
    """Call `VoiceState.user_started`."""


@frozen
class UserStopped:
    """Call `VoiceState.user_stopped`."""

    respond: bool


Effect = (
    Play
    | Flush
    | Silence
    | CancelResponse
    | TruncateItem
    | DeleteItem
    | RunTool
    | SendToolOutput
    | CreateResponse
    | Report
    | Append
    | Commit
    | ClearInput
    | UserStarted
    | UserStopped
    | WithdrawRequest
)
