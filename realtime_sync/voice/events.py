"""What the voice loop reports beside the server's own events; ``type`` begins with ``voice.``."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from ..errors import RemoteProtocolError

__all__ = [
    "AnswerFailed",
    "AnswerStarted",
    "AudioDropped",
    "FalseInterruption",
    "IdleEnded",
    "IdlePrompted",
    "Interrupted",
    "Paused",
    "Resumed",
    "RuleUnavailable",
    "ToolFinished",
    "ToolOutputLost",
    "ToolStarted",
    "ToolsUnmatched",
    "TurnEnded",
    "TurnLost",
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
        item_id: the item that was playing, and is truncated if the server has it: not where its
            link was lost, or the program has deleted it. None when none was.
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


@frozen(kw_only=True)
class AnswerFailed:
    """An answer will not come, or not all of it; nobody waits for it any more.

    Attributes:
        response_id: None for one that never began.
        status: "failed" or "incomplete" as the server says; "refused"; or "timed_out": nothing has
            come of it for the loop's ``answer_timeout``.
        reason: what the server says about it, ``""`` when it says nothing; or for how long nothing
            has come.
    """

    type: Literal["voice.answer_failed"] = "voice.answer_failed"
    response_id: str | None
    status: Literal["failed", "incomplete", "refused", "timed_out"]
    reason: str


@frozen(kw_only=True)
class AudioDropped:
    """The sink takes audio so slowly that there was no more room: some of an answer is left out.

    Attributes:
        dropped_ms: how much, since the conversation began.
    """

    type: Literal["voice.audio_dropped"] = "voice.audio_dropped"
    dropped_ms: int


@frozen(kw_only=True)
class Paused:
    """The user speaks, and the sink pauses until it is known whether that is an interruption.

    Attributes:
        item_id: of what the user says; None where that is not known.
    """

    type: Literal["voice.paused"] = "voice.paused"
    item_id: str | None


@frozen(kw_only=True)
class Resumed:
    """The pause is over: the sink goes on where it paused, or was cleared by an interruption.

    Attributes:
        paused_ms: how long it was silent.
    """

    type: Literal["voice.resumed"] = "voice.resumed"
    paused_ms: int


@frozen(kw_only=True)
class FalseInterruption:
    """What the user said was no interruption: a cough, or "mhm". The answer goes on.

    Attributes:
        item_id: of what was said, which is deleted from the conversation; None where that is not
            known.
        transcript: the words; ``""`` where there are none.
        paused_ms: how long the sink was silent.
    """

    type: Literal["voice.false_interruption"] = "voice.false_interruption"
    item_id: str | None
    transcript: str
    paused_ms: int


@frozen(kw_only=True)
class TurnEnded:
    """A turn of the user's is over.

    Attributes:
        item_id: of what was said; None where that is not known.
        reason: "speech_stopped": the server found its end; "detected": this machine did;
            "released": the button; "too_short": it is ignored, because a server takes no less than
            100 ms; "false_interruption": it is ignored, see `FalseInterruption`.
        answered: whether an answer is asked for, or the server makes one. Of several turns within
            one pause, the answer to the last is that to all.
    """

    type: Literal["voice.turn_ended"] = "voice.turn_ended"
    item_id: str | None
    reason: Literal["speech_stopped", "detected", "released", "too_short", "false_interruption"]
    answered: bool


@frozen(kw_only=True)
class TurnLost:
    """The link broke while the user spoke, or before it was known what was said: it is gone.

    Attributes:
        item_id: of what was said; None where that is not known.
    """

    type: Literal["voice.turn_lost"] = "voice.turn_lost"
    item_id: str | None


@frozen(kw_only=True)
class ToolOutputLost:
    """A tool was called over a link that broke, and the call could not be restored.

    Its output is dropped, since no server takes one without its call.
    """

    type: Literal["voice.tool_output_lost"] = "voice.tool_output_lost"
    call_id: str
    name: str


@frozen(kw_only=True)
class ToolsUnmatched:
    """The session's tools and those of the loop are not the same; told once, at the start.

    Attributes:
        unanswered: functions that the session declares and this loop does not have: whoever
            declared them is to answer their calls.
        undeclared: functions of this loop that the session does not declare: the model will not
            call them.
    """

    type: Literal["voice.tools_unmatched"] = "voice.tools_unmatched"
    unanswered: tuple[str, ...]
    undeclared: tuple[str, ...]

    def __str__(self) -> str:
        """Say it, and what to do, for the log."""
        said = []
        if self.undeclared:
            tools = ", ".join(f"function_schema({name})" for name in self.undeclared)
            said.append(
                f"the session does not declare {', '.join(self.undeclared)}, so the model can't "
                f"call it: session.update(session={{'type': 'realtime', 'tools': [{tools}]}})"
            )
        if self.unanswered:
            said.append(
                f"the session declares {', '.join(self.unanswered)}, which this loop does not "
                "have: answer its calls, or pass tools=[...]"
            )
        return "; ".join(said)


@frozen(kw_only=True)
class RuleUnavailable:
    """The server does not let the loop decide what interrupts an answer; it does so by itself.

    Attributes:
        reason: what the server does.
    """

    type: Literal["voice.rule_unavailable"] = "voice.rule_unavailable"
    reason: str


@frozen(kw_only=True)
class IdlePrompted:
    """Nobody has said anything for a while, and something is said about it.

    Attributes:
        silent_s: for how long.
    """

    type: Literal["voice.idle_prompted"] = "voice.idle_prompted"
    silent_s: float


@frozen(kw_only=True)
class IdleEnded:
    """Nobody has said anything for so long that the conversation ends.

    Attributes:
        silent_s: for how long.
    """

    type: Literal["voice.idle_ended"] = "voice.idle_ended"
    silent_s: float


# What `VoiceLoop` tells beside the server's events.
VoiceEvent = (
    AnswerFailed
    | AnswerStarted
    | AudioDropped
    | FalseInterruption
    | IdleEnded
    | IdlePrompted
    | Interrupted
    | Paused
    | Resumed
    | RuleUnavailable
    | ToolFinished
    | ToolOutputLost
    | ToolStarted
    | ToolsUnmatched
    | TurnEnded
    | TurnLost
    | TurnMetrics
    | UnreadableMessage
)
