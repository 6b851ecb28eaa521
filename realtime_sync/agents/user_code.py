"""What holds for all functions that a program gives to its agents."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import _required
from .._required import is_absent, is_async
from .._shown import shown
from ..errors import UserError
from .run_context import RunContextWrapper

__all__ = [
    "Switch",
    "enabled",
    "name_of",
    "own_name",
    "require_blocking",
    "require_function",
    "require_switch",
]

Switch = bool | Callable[[RunContextWrapper[Any], Any], bool]
"""Whether something may be used: yes, no, or a function of the context and the agent."""


def require_blocking(function: object, what: str) -> None:
    """Refuse a function that nobody would await.

    Args:
        function: None, a bool and other values without code pass.
        what: names it in the error.

    Raises:
        UserError: ``function`` is async.
    """
    if is_async(function):
        raise UserError(
            f"{what} is async and nobody would await it; write def instead of async def: it runs "
            "on a thread of its own, where it may block"
        )


def require_function(function: object, what: str, takes: tuple[str, ...] | None = None) -> None:
    """Refuse what can't be called, what nobody would await, and what takes other arguments.

    Args:
        function: what the program has given.
        what: names it in the error.
        takes: what it will be called with, by position; None where that differs.

    Raises:
        UserError: it is no function, or async, or can't be called so.
    """
    require_blocking(function, what)  # first, since it says more than the rule for all
    _required.require_function(function, what, takes=takes, error=UserError)


def require_switch(
    switch: object, what: str, takes: tuple[str, ...] = ("context", "agent")
) -> None:
    """Refuse what is neither a bool nor a function that says so.

    Raises:
        UserError: it is neither, or async, or can't be called with ``takes``.
    """
    if isinstance(switch, bool):
        return
    if not callable(switch):
        raise UserError(f"{what} must be True, False or a function, not {shown(switch)}")
    require_function(switch, what, takes)


def enabled(switch: Switch, context: RunContextWrapper[Any], agent: object) -> bool:
    """Return whether something that has such a switch may be used now."""
    return bool(switch(context, agent)) if callable(switch) else switch


def own_name(given: Any, function: object) -> Any:
    """Return the name that was given, to be checked; else the function's own."""
    return name_of(function) if is_absent(given) else given


def name_of(function: object) -> str:
    """Return what a function is called in messages."""
    return getattr(function, "__name__", None) or type(function).__name__
