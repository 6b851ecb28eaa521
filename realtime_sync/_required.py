"""Values of a program's, checked at the door: the errors name the rule and the value."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ._shown import shown

__all__ = [
    "require",
    "require_count",
    "require_length",
    "require_object",
    "require_text",
    "require_text_values",
    "require_texts",
]


def require(fits: object, rule: str, value: object, *, error: type[Exception]) -> None:
    """Refuse a value that can't be meant.

    Args:
        fits: whether it can.
        rule: what is to be given, such as "a handoff leads to a RealtimeAgent".
        value: what was given.
        error: what is raised.

    Raises:
        Exception: ``error``, if it does not fit; so do all functions here.
    """
    if not fits:
        raise error(f"{rule}, not {shown(value)}")


def require_text(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no text that can be sent: half a surrogate pair can't."""
    require(_is_text(value), f"{what} must be a text", value, error=error)


def require_texts(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no list of texts."""
    fits = isinstance(value, list | tuple) and all(map(_is_text, value))
    require(fits, f"{what} must be a list of texts", value, error=error)


def require_text_values(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no dictionary of texts by texts."""
    fits = isinstance(value, Mapping) and all(map(_is_text, [*value, *value.values()]))
    require(fits, f"{what} must be a dictionary of texts", value, error=error)


def require_object(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no dictionary."""
    require(isinstance(value, Mapping), f"{what} must be a dictionary", value, error=error)


def require_count(value: object, what: str, *, least: int = 0, error: type[Exception]) -> None:
    """Refuse what is no whole number of at least ``least``."""
    fits = isinstance(value, int) and not isinstance(value, bool) and value >= least
    require(fits, f"{what} must be a whole number, {least} or more", value, error=error)


def require_length(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no length of time: anything but a finite number from 0 on."""
    number = None if isinstance(value, bool) else value
    fits = isinstance(number, int | float) and 0 <= number < math.inf
    require(fits, f"{what} must be a number, 0 or more", value, error=error)


def _is_text(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
