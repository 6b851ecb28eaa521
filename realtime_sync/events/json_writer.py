"""The one place where JSON is written: what is sent, over the WebSocket and in REST bodies.

What the server would not understand is refused here, before a byte of it is sent. Events write
their own text here, too; what a server has sent is never refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._required import is_whole
from .._shown import shown
from ..errors import LocalProtocolError

__all__ = ["event_text", "write_json"]


_MOST_INDENT = 80


def write_json(value: Any, what: str) -> str:
    """Return compact JSON of something that is about to be sent; models may stand inside it.

    Args:
        value: a wire form.
        what: its name in the message of the error.

    Raises:
        LocalProtocolError: something in it has no JSON form: a number that is none, a value
            within itself or nested too deeply, half a surrogate pair, an object of another kind.

    Example:
        >>> write_json({"type": "response.cancel", "response_id": None}, "an event")
        '{"type":"response.cancel","response_id":null}'
    """
    try:
        text = _ENCODER.encode(value)
        if not text.isascii():
            text.encode()
    except (TypeError, ValueError, RecursionError) as exc:
        raise LocalProtocolError(f"{what} can't be written as JSON: {_why(exc)}") from exc
    return text


def event_text(values: Any, indent: int | None = None) -> str:
    """Return the JSON text of an event or model, also of one that a server has sent odd values in.

    Args:
        values: its wire form.
        indent: spaces for each level, or None for compact text.

    Raises:
        LocalProtocolError: something in it has no JSON form, which a server can't have sent.
    """
    if indent is not None and not is_whole(indent, 0, _MOST_INDENT):
        raise LocalProtocolError(
            f"indent={shown(indent)} is none; give 0 to {_MOST_INDENT} spaces, or None"
        )
    separators = (",", ":") if indent is None else None
    try:
        text = json.dumps(values, indent=indent, separators=separators, ensure_ascii=False)
        if _is_text(text):
            return text
        # Half of an emoji, cut in two by deltas, has no UTF-8 of its own.
        return json.dumps(values, indent=indent, separators=separators)
    except (TypeError, ValueError, RecursionError) as exc:
        raise LocalProtocolError(f"this can't be written as JSON: {_why(exc)}") from exc


def _why(exc: Exception) -> str:
    """Return in our words what JSON does not have."""
    words = str(exc)
    if isinstance(exc, RecursionError) or words.startswith("Circular"):
        return "something in it is nested too deeply, or stands within itself"
    if isinstance(exc, UnicodeEncodeError):
        return "a text in it has half a surrogate pair; decode it anew"
    if words.startswith("Exceeds"):
        return "a whole number in it has too many digits"
    if words.startswith("Out of range"):
        return "a number in it is not finite"
    return words


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _wire_form(value: Any) -> Any:
    """Let models, events and mappings of any kind stand inside a plain dict."""
    if isinstance(value, Mapping):
        return dict(value)
    as_dict = getattr(value, "to_dict", None)
    if as_dict is None:
        raise TypeError(f"{type(value).__name__} is neither JSON nor a model of this package")
    return as_dict()


_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_wire_form
)
