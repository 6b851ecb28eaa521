"""What `VoiceState` asks its loop to do."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from .._types import JsonDict
from .overdue import Owed

__all__ = [
    "SLACK_MS",
    "Append",
    "AskForOwed",
    "CancelResponse",
    "ClearInput",
    "ClearOutput",
    "Commit",
    "CreateAside",
    "CreateItem",
    "CreateResponse",
    "DeleteItem",
    "Effect",
    "EndTalk",
    "Flush",
    "GiveUp",
    "IgnoreItem",
    "Part",
    "Pause",
    "Play",
    "Report",
    "Resume",
    "RunAside",
    "RunTool",
    "SendToolOutput",
    "Silence",
    "TruncateItem",
    "UpdateSession",
    "UpdateTurns",
    "UserStarted",
    "UserStopped",
    "WithdrawRequest",
]

Part = tuple[str, int]
"""An item's id and the index of its audio part: what a sink counts by."""

SLACK_MS = 20
"""Who has heard all but so much of a part has heard it: resamplers round, and the last of it may
never count."""


@frozen
class Play:
    """Give audio to the sink."""

    audio: bytes
    part: Part
    response_id: str


@frozen
class Flush:
    """Tell the sink that a part is complete."""

    part: Part
    response_id: str


@frozen
class Silence:
    """Clear the sink, then tell `VoiceState.silenced` how much of ``parts`` it had handed out."""

    parts: tuple[Part, ...]


@frozen
class Pause:
    """Let the sink pause, if it can."""


@frozen
class Resume:
    """Let the sink go on."""


@frozen
class CancelResponse:
    """Send ``response.cancel``."""

    response_id: str


@frozen
class ClearOutput:
    """Send ``output_audio_buffer.clear``: it is the server that plays, to a caller."""


@frozen
class GiveUp:
    """Have the connection wait no longer for what is overdue."""

    overdue: Owed


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
class IgnoreItem:
    """Mark an item of the history as one that nobody is to answer."""

    item_id: str


@frozen
class RunTool:
    """Run a tool off this thread, then do `SendToolOutput`."""

    call_id: str
    name: str
    arguments: str


@frozen
class RunAside:
    """Have whoever runs the tools do something that further rules know of."""

    work: object


@frozen
class SendToolOutput:
    """Send the ``function_call_output`` item."""

    call_id: str
    output: str


@frozen
class CreateResponse:
    """Send ``response.create`` when no response is running.

    ``response`` has settings of this one alone.
    """

    event_id: str
    response: JsonDict | None = None


@frozen
class AskForOwed:
    """Call `VoiceState.ask_for_owed`, when what stands before it is done."""


@frozen
class UpdateTurns:
    """Send ``session.update`` with this ``turn_detection``."""

    event_id: str
    turn_detection: JsonDict


@frozen
class WithdrawRequest:
    """Take a `CreateResponse` back that still waits; then call `VoiceState.withdrawn`."""

    event_id: str


@frozen
class Report:
    """Tell whoever follows the conversation: a `VoiceEvent`, or what further rules report."""

    event: object


@frozen
class CreateItem:
    """Send ``conversation.item.create``."""

    item: JsonDict


@frozen
class CreateAside:
    """Send ``response.create`` at once: for a response beside the conversation, out-of-band."""

    event_id: str
    response: JsonDict


@frozen
class UpdateSession:
    """Send ``session.update``."""

    event_id: str
    session: JsonDict


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

    event_id: str | None = None


@frozen
class EndTalk:
    """End the conversation."""


@frozen
class UserStarted:
    """Call `VoiceState.user_started`.

    Attributes:
        silence_ms: for how long whatever has found it waits until it calls a turn over.
    """

    silence_ms: int = 0


@frozen
class UserStopped:
    """Call `VoiceState.user_stopped`, which says whether the turn is committed.

    Attributes:
        respond: whether it is to be answered.
        spoken_ms: how long the user spoke.
        by: what found its end.
    """

    respond: bool
    spoken_ms: int
    by: Literal["detected", "released", "too_short"]


Effect = (
    Append
    | AskForOwed
    | CancelResponse
    | ClearInput
    | ClearOutput
    | Commit
    | CreateAside
    | CreateItem
    | CreateResponse
    | DeleteItem
    | EndTalk
    | Flush
    | GiveUp
    | IgnoreItem
    | Pause
    | Play
    | Report
    | Resume
    | RunAside
    | RunTool
    | SendToolOutput
    | Silence
    | TruncateItem
    | UpdateSession
    | UpdateTurns
    | UserStarted
    | UserStopped
    | WithdrawRequest
)
