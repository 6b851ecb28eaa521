"""What a session tells the program: fifteen kinds of events, told apart by ``type`` or by class.

`RealtimeError` is the event; the exception of that name is `realtime_sync.RealtimeError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from .agent import RealtimeAgent
from .function_tools import FunctionTool
from .guardrails import InputGuardrailResult, OutputGuardrailResult
from .items import RealtimeItem
from .model_events import RealtimeModelAudioEvent, RealtimeModelEvent, RealtimeModelFurtherEvent
from .run_context import RunContextWrapper

__all__ = [
    "RealtimeAgentEndEvent",
    "RealtimeAgentStartEvent",
    "RealtimeAudio",
    "RealtimeAudioEnd",
    "RealtimeAudioInterrupted",
    "RealtimeError",
    "RealtimeEventInfo",
    "RealtimeGuardrailTripped",
    "RealtimeHandoffEvent",
    "RealtimeHistoryAdded",
    "RealtimeHistoryUpdated",
    "RealtimeInputAudioTimeoutTriggered",
    "RealtimeRawModelEvent",
    "RealtimeSessionEvent",
    "RealtimeToolApprovalRequired",
    "RealtimeToolEnd",
    "RealtimeToolStart",
]


@dataclass
class RealtimeEventInfo:
    """What all events have.

    Attributes:
        context: of the session, with what it has used so far.
    """

    context: RunContextWrapper[Any]


@dataclass
class RealtimeAgentStartEvent:
    """An agent begins to answer."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: Literal["agent_start"] = "agent_start"


@dataclass
class RealtimeAgentEndEvent:
    """An agent's answer is complete."""

    agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: Literal["agent_end"] = "agent_end"


@dataclass
class RealtimeHandoffEvent:
    """An agent has handed the conversation over to another."""

    from_agent: RealtimeAgent[Any]
    to_agent: RealtimeAgent[Any]
    info: RealtimeEventInfo
    type: Literal["handoff"] = "handoff"


@dataclass
class RealtimeToolStart:
    """A tool begins to run.

    Attributes:
        arguments: JSON text.
    """

    agent: RealtimeAgent[Any]
    tool: FunctionTool
    arguments: str
    info: RealtimeEventInfo
    type: Literal["tool_start"] = "tool_start"


@dataclass
class RealtimeToolEnd:
    """A tool has returned, and the model gets its output.

    Attributes:
        arguments: JSON text.
        output: what the tool returned, as it is.
        failed: whether ``output`` is instead what the model is told because the tool has not run,
            has raised, or was rejected.
    """

    agent: RealtimeAgent[Any]
    tool: FunctionTool
    arguments: str
    output: Any
    info: RealtimeEventInfo
    type: Literal["tool_end"] = "tool_end"
    failed: bool = False


@dataclass
class RealtimeToolApprovalRequired:
    """A tool waits until the program approves its call, or rejects it.

    Attributes:
        call_id: for `RealtimeSession.approve_tool_call` and ``reject_tool_call``.
        arguments: JSON text.
    """

    agent: RealtimeAgent[Any]
    tool: FunctionTool
    call_id: str
    arguments: str
    info: RealtimeEventInfo
    type: Literal["tool_approval_required"] = "tool_approval_required"


@dataclass
class RealtimeRawModelEvent:
    """What the model's side tells, as it comes."""

    data: RealtimeModelEvent | RealtimeModelFurtherEvent
    info: RealtimeEventInfo
    type: Literal["raw_model_event"] = "raw_model_event"


@dataclass
class RealtimeAudioEnd:
    """All audio of a part of an answer has come.

    Attributes:
        content_index: of the part in the item's content.
    """

    info: RealtimeEventInfo
    item_id: str
    content_index: int
    type: Literal["audio_end"] = "audio_end"


@dataclass
class RealtimeAudio:
    """Audio to be played.

    Attributes:
        audio: the piece: ``audio.data`` has the bytes, in the session's output format.
        content_index: of the part in the item's content.
    """

    audio: RealtimeModelAudioEvent
    item_id: str
    content_index: int
    info: RealtimeEventInfo
    type: Literal["audio"] = "audio"


@dataclass
class RealtimeAudioInterrupted:
    """The user has interrupted the answer: stop playing it.

    Attributes:
        content_index: of the part in the item's content.
    """

    info: RealtimeEventInfo
    item_id: str
    content_index: int
    type: Literal["audio_interrupted"] = "audio_interrupted"


@dataclass
class RealtimeError:
    """Something has failed; the session goes on.

    Attributes:
        error: an `ErrorDetail` of the server's, or an exception.
    """

    error: Any
    info: RealtimeEventInfo
    type: Literal["error"] = "error"


@dataclass
class RealtimeHistoryUpdated:
    """Something in the history has changed.

    Attributes:
        history: all of it.
    """

    history: list[RealtimeItem]
    info: RealtimeEventInfo
    type: Literal["history_updated"] = "history_updated"


@dataclass
class RealtimeHistoryAdded:
    """An item is new in the history."""

    item: RealtimeItem
    info: RealtimeEventInfo
    type: Literal["history_added"] = "history_added"


@dataclass
class RealtimeGuardrailTripped:
    """A guardrail forbids what an agent says, or what the user has said.

    Attributes:
        guardrail_results: of the guardrails that do.
        message: the text that was checked.
        kind: "output" for an agent's words, "input" for the user's.
    """

    guardrail_results: list[OutputGuardrailResult | InputGuardrailResult]
    message: str
    info: RealtimeEventInfo
    type: Literal["guardrail_tripped"] = "guardrail_tripped"
    kind: Literal["output", "input"] = "output"


@dataclass
class RealtimeInputAudioTimeoutTriggered:
    """The user was silent for as long as the turn detection waits."""

    info: RealtimeEventInfo
    type: Literal["input_audio_timeout_triggered"] = "input_audio_timeout_triggered"


# What iteration over a session yields.
RealtimeSessionEvent = (
    RealtimeAgentStartEvent
    | RealtimeAgentEndEvent
    | RealtimeHandoffEvent
    | RealtimeToolStart
    | RealtimeToolEnd
    | RealtimeToolApprovalRequired
    | RealtimeRawModelEvent
    | RealtimeAudioEnd
    | RealtimeAudio
    | RealtimeAudioInterrupted
    | RealtimeError
    | RealtimeHistoryUpdated
    | RealtimeHistoryAdded
    | RealtimeGuardrailTripped
    | RealtimeInputAudioTimeoutTriggered
)
