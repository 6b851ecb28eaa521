"""A test that has not gone by its script, and what its script can't have meant."""

from __future__ import annotations

from functools import partial

from .. import _required

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
require_function_of_event = partial(_required.require_function, takes=("event",), error=ScriptError)
require_object = partial(_required.require_object, error=ScriptError)
require_text = partial(_required.require_text, error=ScriptError)
