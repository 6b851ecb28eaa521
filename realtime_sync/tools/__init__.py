"""Functions that the model may call: how they are declared, and what they learn of a call.

``connection.ask(…, tools=[function])`` declares functions and answers their calls;
`function_schema` is for a session that declares them itself, and `describe` where their arguments
are to be checked all the same. The names resolve on first use, so
that importing the package loads nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy

if TYPE_CHECKING:
    from .call_context import CallContext
    from .schema import Tool, describe, function_schema

_HOME = {
    "CallContext": "call_context",
    "Tool": "schema",
    "describe": "schema",
    "function_schema": "schema",
}

__all__ = [
    "CallContext",
    "Tool",
    "describe",
    "function_schema",
]

__getattr__, __dir__ = _lazy.resolver(__name__, _HOME)
