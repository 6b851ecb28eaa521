"""An output text of whatever a tool returns or raises: the model gets one in every case."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["MAX_OUTPUT_CHARS", "error_text", "exception_text", "output_text"]

# More than a realtime model's whole context of 32,000 tokens; a server may close the connection for
# a message that is too long.
MAX_OUTPUT_CHARS = 128 * 1024

_MAX_DEPTH = 50


def output_text(result: object, *, max_chars: int | None = MAX_OUTPUT_CHARS) -> str:
    """Return what the model is told a tool has returned: a text as it is, else JSON.

    Whatever has no JSON form is told as its text; what can't even be told so, by its class. Half a
    surrogate, which no message can carry, becomes the replacement character.

    Args:
        result: anything.
        max_chars: what is longer is cut; None for no limit.
    """
    text = result if isinstance(result, str) else _bytes_or_json(result)
    text = _sendable(text)
    if max_chars is None or len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}… (cut here: the output has {len(text)} characters)"


def error_text(message: str) -> str:
    """Return what the model is told of a call that failed."""
    return output_text({"error": message})


def exception_text(exc: BaseException) -> str:
    """Return an exception in one line: its class and its message."""
    message = _described(exc)
    name = type(exc).__name__
    return f"{name}: {message}" if message else name


def _bytes_or_json(result: object) -> str:
    if isinstance(result, bytes | bytearray):
        return bytes(result).decode(errors="replace")
    try:
        return json.dumps(_plain(result, ()), ensure_ascii=False)
    except ValueError:  # an integer of more digits than Python writes
        return _described(result)


def _sendable(text: str) -> str:
    """Return ``text`` as Unicode: two halves that belong together become one character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _plain(value: Any, outer: tuple[int, ...]) -> Any:
    """Return ``value`` as what JSON has.

    Args:
        value: anything.
        outer: the ids of what it stands inside of.
    """
    if isinstance(value, enum.Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | str):
        return value if type(value) in (bool, int, str, type(None)) else _simple(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode(errors="replace")
    if id(value) in outer or len(outer) >= _MAX_DEPTH:
        return "…"
    try:
        parts = _parts(value)
    except Exception:  # the program's own code: properties, methods
        return _described(value)
    inside = (*outer, id(value))
    if isinstance(parts, dict):
        return {_key(key, inside): _plain(part, inside) for key, part in parts.items()}
    if isinstance(parts, list):
        return [_plain(part, inside) for part in parts]
    return _described(value) if parts is None else _plain(parts, inside)


def _simple(value: Any) -> Any:
    """Return an object of a subclass as one of the class itself."""
    return str.__str__(value) if isinstance(value, str) else int(value)


def _parts(value: Any) -> Any:
    """Return what an object consists of: a dict, a list, another value, or None for nothing."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    for name in ("model_dump", "tolist"):  # pydantic's models and ours; NumPy's arrays and scalars
        if callable(method := getattr(value, name, None)):
            return method()
    if attrs.has(type(value)):
        return {f.name: getattr(value, f.name) for f in attrs.fields(type(value))}
    return None


def _key(key: Any, outer: tuple[int, ...]) -> str:
    plain = _plain(key, outer)
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _described(value: object) -> str:
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"
