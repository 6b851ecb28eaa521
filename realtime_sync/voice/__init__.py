"""Spoken conversations: a source, a connection and a sink, with interruptions and tools.

The names resolve on first use, so that importing the package loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from ._voice_connection import VoiceConnection
    from .events import (
        AnswerFailed,
        AnswerStarted,
        AudioDropped,
        FalseInterruption,
        IdleEnded,
        IdlePrompted,
        Interrupted,
        Paused,
        Resumed,
        RuleUnavailable,
        ToolFinished,
        ToolOutputLost,
        ToolStarted,
        ToolsUnmatched,
        TurnEnded,
        TurnLost,
        TurnMetrics,
        UnreadableMessage,
        VoiceEvent,
    )
    from .idle import IdleRule
    from .interruptions import BACKCHANNELS, Interruptions
    from .loop import VoiceLoop
    from .playback import EchoControl
    from .transcript import HistoryItem, HistoryPart

_HOME = {
    "BACKCHANNELS": "interruptions",
    "AnswerFailed": "events",
    "AnswerStarted": "events",
    "AudioDropped": "events",
    "EchoControl": "playback",
    "FalseInterruption": "events",
    "HistoryItem": "transcript",
    "HistoryPart": "transcript",
    "IdleEnded": "events",
    "IdlePrompted": "events",
    "IdleRule": "idle",
    "Interrupted": "events",
    "Interruptions": "interruptions",
    "Paused": "events",
    "Resumed": "events",
    "RuleUnavailable": "events",
    "ToolFinished": "events",
    "ToolOutputLost": "events",
    "ToolStarted": "events",
    "ToolsUnmatched": "events",
    "TurnEnded": "events",
    "TurnLost": "events",
    "TurnMetrics": "events",
    "UnreadableMessage": "events",
    "VoiceConnection": "_voice_connection",
    "VoiceEvent": "events",
    "VoiceLoop": "loop",
}

__all__ = [
    "BACKCHANNELS",
    "AnswerFailed",
    "AnswerStarted",
    "AudioDropped",
    "EchoControl",
    "FalseInterruption",
    "HistoryItem",
    "HistoryPart",
    "IdleEnded",
    "IdlePrompted",
    "IdleRule",
    "Interrupted",
    "Interruptions",
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
    "VoiceConnection",
    "VoiceEvent",
    "VoiceLoop",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
