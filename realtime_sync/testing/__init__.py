"""For tests of programs with this library: a server that follows a script, and its client.

No network, no sound and no waiting; see docs/testing.md. The names resolve on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from .memory_sound import MemorySink, MemorySource
    from .script_error import ScriptError
    from .scripted_client import ScriptedClient
    from .scripted_server import ScriptedServer
    from .steps import Expectation, Step, UnconsumedSteps, UnexpectedSend
    from .traffic import (
        LinkEnd,
        Traffic,
        close_link,
        drop_link,
        error,
        function_call,
        one_response,
        parsed,
        session_created,
        spoken_answer,
        text_answer,
        user_turn,
    )
    from .virtual_clock import VirtualClock

_HOME = {
    "Expectation": "steps",
    "LinkEnd": "traffic",
    "MemorySink": "memory_sound",
    "MemorySource": "memory_sound",
    "ScriptError": "script_error",
    "ScriptedClient": "scripted_client",
    "ScriptedServer": "scripted_server",
    "Step": "steps",
    "Traffic": "traffic",
    "UnconsumedSteps": "steps",
    "UnexpectedSend": "steps",
    "VirtualClock": "virtual_clock",
    "close_link": "traffic",
    "drop_link": "traffic",
    "error": "traffic",
    "function_call": "traffic",
    "one_response": "traffic",
    "parsed": "traffic",
    "session_created": "traffic",
    "spoken_answer": "traffic",
    "text_answer": "traffic",
    "user_turn": "traffic",
}

__all__ = [
    "Expectation",
    "LinkEnd",
    "MemorySink",
    "MemorySource",
    "ScriptError",
    "ScriptedClient",
    "ScriptedServer",
    "Step",
    "Traffic",
    "UnconsumedSteps",
    "UnexpectedSend",
    "VirtualClock",
    "close_link",
    "drop_link",
    "error",
    "function_call",
    "one_response",
    "parsed",
    "session_created",
    "spoken_answer",
    "text_answer",
    "user_turn",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
