"""From the JSON text that the model wrote to the arguments of a function."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from .._types import JsonDict
from .call_context import CallContext
from .kinds import ArgumentError, words_for
from .schema import Tool

__all__ = ["bind", "read_arguments"]


def bind(tool: Tool, call: CallContext) -> dict[str, Any]:
    """Return the keyword arguments for a call, checked and converted.

    Raises:
        ArgumentError: the text is not what the tool takes; the error says why.
    """
    values = read_arguments(call.arguments)
    arguments: dict[str, Any] = (
        values if tool.arguments is None else tool.arguments.build(values, "")
    )
    return arguments if tool.context_name is None else {**arguments, tool.context_name: call}


def read_arguments(text: object) -> JsonDict:
    """Return the object that the model wrote; an empty text means no arguments.

    Raises:
        ArgumentError: it is no JSON object.
    """
    if not isinstance(text, str):
        raise ArgumentError("the arguments must be the text of a JSON object")
    try:
        values = json.loads(text.strip() or "{}", parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise ArgumentError(f"the arguments are not JSON: {exc}") from exc
    if not isinstance(values, dict):
        raise ArgumentError(f"the arguments must be an object, not {words_for(values)}")
    return values


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
