"""Spoken conversations: a source, a connection and a sink, with interruptions and tools.

The names resolve on first use, so that importing the package loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from ._voice_connection import VoiceConnection
    from .events import (
        AnswerStarted,
        Interrupted,
        ToolFinished,
        ToolStarted,
        TurnMetrics,
        UnreadableMessage,
        VoiceEvent,
    )
    from .loop import VoiceLoop
    from .playback import EchoControl

_HOME = {
    "AnswerStarted": "events",
    "EchoControl": "playback",
    "Interrupted": "events",
    "ToolFinished": "events",
    "ToolStarted": "events",
    "TurnMetrics": "events",
    "UnreadableMessage": "events",
    "VoiceConnection": "_voice_connection",
    "VoiceEvent": "events",
    "VoiceLoop": "loop",
}

__all__ = [
    "AnswerStarted",
    "EchoControl",
    "Interrupted",
    "ToolFinished",
    "ToolStarted",
    "TurnMetrics",
    "UnreadableMessage",
    "VoiceConnection",
    "VoiceEvent",
    "VoiceLoop",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
