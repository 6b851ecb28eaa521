"""A voice app out of decorated functions: senders, receivers and tools, each on its own thread.

The names resolve on first use, so that importing the package loads nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from .capture import record, record_as_stream
    from .realtime import Context, Realtime
    from .realtime_tool import OpenAIRealtimeTool, RealtimeTool
    from .terminal_input import async_input

_HOME = {
    "Context": "realtime",
    "OpenAIRealtimeTool": "realtime_tool",
    "Realtime": "realtime",
    "RealtimeTool": "realtime_tool",
    "async_input": "terminal_input",
    "record": "capture",
    "record_as_stream": "capture",
}

__all__ = [
    "Context",
    "OpenAIRealtimeTool",
    "Realtime",
    "RealtimeTool",
    "async_input",
    "record",
    "record_as_stream",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
