"""Values of the wire that may be of any type: each reader returns what it names, or nothing.

For whoever must go on whatever a server sends.
"""

from __future__ import annotations

from typing import Any

from .._types import JsonDict

__all__ = ["as_code", "as_id", "as_index", "as_number", "as_object", "as_text"]

# Beyond it nothing that a server counts has a meaning, and not every int has a float.
_HIGHEST = 1e15


def as_text(value: Any) -> str | None:
    """Return a text, None for anything else."""
    return value if isinstance(value, str) else None


def as_code(value: Any) -> str | None:
    """Return a code as text, which some servers send as a whole number."""
    return str(value) if type(value) is int else as_text(value)


def as_id(value: Any) -> str | None:
    """Return an id that can be sent back; None for anything else, half a surrogate pair too."""
    if not isinstance(value, str) or not value:
        return None
    if value.isascii():
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def as_index(value: Any) -> int:
    """Return the place of something in a list, 0 for anything else."""
    if type(value) is int and 0 <= value <= _HIGHEST:
        return value
    return max(0, int(as_number(value) or 0))


def as_object(value: Any) -> JsonDict:
    """Return a JSON object, ``{}`` for anything else."""
    return value if isinstance(value, dict) else {}


def as_number(value: Any) -> float | None:
    """Return a number as float; None for anything else, infinite and absurd numbers included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -_HIGHEST <= value <= _HIGHEST else None
