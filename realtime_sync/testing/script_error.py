"""A test that has not gone by its script, and what its script can't have meant."""

from __future__ import annotations

import inspect
from functools import partial

from .. import _required
from .._shown import shown

__all__ = [
    "ScriptError",
    "require",
    "require_count",
    "require_flag",
    "require_function_of_event",
    "require_object",
    "require_text",
]


class ScriptError(AssertionError):
    """A test has not gone by its script, or the script can't be meant."""


require = partial(_required.require, error=ScriptError)
require_count = partial(_required.require_count, error=ScriptError)
require_flag = partial(_required.require_flag, error=ScriptError)
require_object = partial(_required.require_object, error=ScriptError)
require_text = partial(_required.require_text, error=ScriptError)


def require_function_of_event(function: object, what: str) -> None:
    """Refuse what can't be called with an event, and what nobody would await."""
    _required.require_function(function, what, error=ScriptError)
    try:
        inspect.signature(function).bind({})  # type: ignore[arg-type]  # it can be called
    except TypeError:
        raise ScriptError(f"{what} must take the event alone, not {shown(function)}") from None
    except ValueError:
        return  # some functions written in C don't tell what they take
