"""Values of a program's, checked at the door: the errors name the rule and the value."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from typing import Any, TypeGuard

from ._shown import shown

__all__ = [
    "is_absent",
    "is_async",
    "is_list_of_texts",
    "is_number",
    "is_text",
    "is_whole",
    "path_text",
    "require",
    "require_count",
    "require_flag",
    "require_function",
    "require_length",
    "require_name",
    "require_object",
    "require_parameters",
    "require_path",
    "require_text",
    "require_text_values",
    "require_texts",
    "returned",
]

_LARGEST = sys.float_info.max  # a whole number may be larger, and then no float has it


def is_whole(value: object, least: int = 0, most: int | None = None) -> TypeGuard[int]:
    """Return whether a value is a whole number from ``least`` to ``most``; True is none."""
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return least <= value and (most is None or value <= most)


def is_number(
    value: object, least: float = -_LARGEST, most: float = _LARGEST
) -> TypeGuard[int | float]:
    """Return whether a value is a finite number from ``least`` to ``most``; True is none."""
    number = None if isinstance(value, bool) else value
    return isinstance(number, int | float) and least <= number <= most


def is_text(value: object) -> TypeGuard[str]:
    """Return whether a value is a text that can be sent: half a surrogate pair can't."""
    if not isinstance(value, str):
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_list_of_texts(value: object) -> bool:
    """Return whether a value is a list or a tuple of texts that can be sent."""
    return isinstance(value, list | tuple) and all(map(is_text, value))


def is_absent(value: object) -> bool:
    """Return whether an option is as good as left out: None, or a text without anything."""
    return value is None or (isinstance(value, str) and not value)


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
    require(is_text(value), f"{what} must be a text", value, error=error)


def require_name(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no text, or one with nothing in it."""
    fits = is_text(value) and value.strip()
    require(fits, f"{what} must be a text with something in it", value, error=error)


def require_texts(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no list of texts."""
    require(is_list_of_texts(value), f"{what} must be a list of texts", value, error=error)


def require_text_values(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no dictionary of texts by texts."""
    fits = isinstance(value, Mapping) and all(map(is_text, [*value, *value.values()]))
    require(fits, f"{what} must be a dictionary of texts", value, error=error)


def require_object(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no dictionary."""
    require(isinstance(value, Mapping), f"{what} must be a dictionary", value, error=error)


def require_count(value: object, what: str, *, least: int = 0, error: type[Exception]) -> None:
    """Refuse what is no whole number of at least ``least``."""
    fits = is_whole(value, least)
    require(fits, f"{what} must be a whole number, {least} or more", value, error=error)


def require_length(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is no length of time: anything but a finite number from 0 on."""
    require(is_number(value, 0), f"{what} must be a number, 0 or more", value, error=error)


def require_flag(value: object, what: str, *, error: type[Exception]) -> None:
    """Refuse what is neither True nor False."""
    require(isinstance(value, bool), f"{what} must be True or False", value, error=error)


def _signature(function: Any) -> inspect.Signature | None:
    """Return what a function takes; None for those of C that do not say it."""
    with suppress(Exception):  # what a program has put in place of a signature may raise anything
        return inspect.signature(function)
    return None


def is_async(function: object) -> bool:
    """Return whether somebody would have to await what a function, or an object's call, returns."""
    plain = function
    while isinstance(plain, functools.partial):
        plain = plain.func
    if not inspect.isroutine(plain) and not inspect.isclass(plain):
        plain = getattr(type(plain), "__call__", None)  # noqa: B004 -- its code, not whether it has any
    return inspect.iscoroutinefunction(plain) or inspect.isasyncgenfunction(plain)


def require_function(
    value: object,
    what: str,
    *,
    takes: tuple[str, ...] | None = None,
    named: tuple[str, ...] = (),
    error: type[Exception],
) -> None:
    """Refuse what can't be called, what nobody would await, and what takes other arguments.

    Args:
        value: the function.
        what: names it in the error.
        takes: what it will be called with, by position; None where that differs.
        named: what it will be called with beside it, by name.
        error: what is raised.
    """
    require(callable(value), f"{what} must be a function", value, error=error)
    if is_async(value):
        raise error(f"{what} is async and nobody would await it; write def instead of async def")
    if takes is not None:
        require_parameters(value, what, takes=takes, named=named, error=error)


def require_parameters(
    value: object,
    what: str,
    *,
    takes: tuple[str, ...],
    named: tuple[str, ...] = (),
    error: type[Exception],
) -> None:
    """Refuse a function that can't be called with so many arguments, if it says what it takes."""
    signature = _signature(value)
    if signature is None:
        return
    try:
        signature.bind(*takes, **dict.fromkeys(named))
    except TypeError:
        called_with = ", ".join([*takes, *(f"{name}=…" for name in named)])
        parameters = ", ".join(signature.parameters)  # their defaults may be anything
        raise error(
            f"{what} is called with ({called_with}), and takes ({parameters}): change its "
            "parameters"
        ) from None


def returned(value: object) -> str:
    """Return what an error calls the wrong result of a function; a coroutine is closed.

    The value itself may be a secret. A coroutine that is left alone makes Python warn that nobody
    awaits it.
    """
    if isinstance(value, Coroutine):
        value.close()
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"


def require_path(value: object, what: str, *, error: type[Exception]) -> str:
    """Return the path of a file as a text; refuse what can't be one, such as its content.

    Names that are no UTF-8 are texts with lone surrogates, as `os.fsdecode` makes them.
    """
    path = path_text(value)
    rule = f"{what} must be the path of a file, a text or a Path"
    if isinstance(value, bytes):
        rule += ", such as os.fsdecode(path)"
    require(path is not None, rule, value, error=error)
    return str(path)


def path_text(value: object) -> str | None:
    """Return the path of a file as a text; None for what no file can have as its name."""
    try:
        path = os.fsdecode(value) if isinstance(value, os.PathLike) else value
        return path if isinstance(path, str) and b"\0" not in os.fsencode(path) else None
    except (TypeError, ValueError):  # what __fspath__ returns is none; it can't be encoded
        return None
