"""Spoken conversations: a source, a connection and a sink, with interruptions and tools.

The names resolve on first use, so that importing the package loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._voice_connection import VoiceConnection
    from .events import (
        AnswerStarted,
        Interrupted,
        ToolFinished,
        ToolStarted,
        TurnMetrics,
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
    "VoiceConnection",
    "VoiceEvent",
    "VoiceLoop",
]


def __getattr__(name: str) -> object:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
