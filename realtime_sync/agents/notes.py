"""What a session's rules note for the program, beside the server's own events.

A note is small: the session event that becomes of it is made in the thread that iterates.
"""

from __future__ import annotations

from typing import Any, Literal

from attrs import define, frozen

from ..errors import RealtimeError
from ..voice.effects import Part
from .agent import RealtimeAgent
from .function_tools import FunctionTool
from .guardrails import InputGuardrailResult, OutputGuardrailResult
from .run_context import ToolContext

__all__ = [
    "AgentDone",
    "AgentSpeaks",
    "Answered",
    "ApprovalAsked",
    "AudioNote",
    "AudioOver",
    "Fault",
    "FillerCut",
    "LinkLost",
    "Switched",
    "ToolBegan",
    "ToolOver",
    "Tripped",
]

Agent = RealtimeAgent[Any]


@frozen
class AgentSpeaks:
    """A response has begun, and this agent gives it."""

    agent: Agent
    type: Literal["agent_start"] = "agent_start"


@frozen
class AgentDone:
    """A response is over, and this agent gave it."""

    agent: Agent
    type: Literal["agent_end"] = "agent_end"


@frozen
class Answered:
    """Nothing more comes of what the program has asked: no event for it, but whoever waits knows.

    Attributes:
        question: what was asked.
    """

    question: object
    type: Literal["answered"] = "answered"


@frozen
class Switched:
    """Another agent has taken over."""

    before: Agent
    after: Agent
    type: Literal["handoff"] = "handoff"


@frozen
class ToolBegan:
    """A tool begins to run.

    Attributes:
        context: which it is given; it has the call and the agent.
    """

    context: ToolContext[Any]
    tool: FunctionTool
    type: Literal["tool_start"] = "tool_start"


@frozen
class ToolOver:
    """A call has its output.

    Attributes:
        context: which the tool was given; it has the call and the agent.
        output: what the tool returned.
        text: what the model is told.
        failed: whether it is not what the tool returned.
    """

    context: ToolContext[Any]
    tool: FunctionTool
    output: Any
    text: str
    failed: bool = False
    type: Literal["tool_end"] = "tool_end"


@frozen
class ApprovalAsked:
    """A call waits for the program's consent."""

    agent: Agent
    tool: FunctionTool
    call_id: str
    arguments: str
    type: Literal["tool_approval_required"] = "tool_approval_required"


@define(eq=False)
class AudioNote:
    """A piece of an answer is to be heard.

    Attributes:
        data: in the session's format.
        duration_s: how long it lasts.
        recalled: it was interrupted before the program had it.
    """

    part: Part
    response_id: str
    data: bytes
    duration_s: float
    recalled: bool = False
    type: Literal["audio.delta"] = "audio.delta"


@frozen
class AudioOver:
    """All audio of a part has been handed on."""

    part: Part
    type: Literal["audio_end"] = "audio_end"


@frozen
class FillerCut:
    """What was said for a slow tool is not heard any further."""

    part: Part
    type: Literal["filler_cut"] = "filler_cut"


@frozen
class Tripped:
    """A guardrail forbids what was said.

    Attributes:
        results: of the guardrails that tripped.
        message: what was said, as far as it was checked.
    """

    results: tuple[OutputGuardrailResult | InputGuardrailResult, ...]
    message: str
    kind: Literal["output", "input"]
    type: Literal["guardrail_tripped"] = "guardrail_tripped"


@frozen
class LinkLost:
    """The link is lost, and another is tried.

    Attributes:
        attempt: counted from 1.
        delay_s: seconds until the attempt.
        close_code: of the link that was lost.
    """

    attempt: int
    delay_s: float
    close_code: int
    type: Literal["reconnecting"] = "reconnecting"


@frozen
class Fault:
    """Something of ours, or of the program's, went wrong, and the session goes on."""

    error: RealtimeError
    type: Literal["error"] = "error"
