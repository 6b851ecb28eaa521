"""The types of what a program passes to the connection's methods, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._shown import shown
from ..errors import LocalProtocolError
from ..events import Event, Model

__all__ = ["check_count", "check_flag", "check_mapping", "check_text"]


def check_text(name: str, value: object) -> None:
    """Raise LocalProtocolError unless ``value`` is a text with something in it."""
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, "a str that is not empty")


def check_mapping(name: str, value: object, example: str) -> None:
    """Raise LocalProtocolError unless ``value`` is an object of the wire, or a model of one.

    Args:
        name: of the argument.
        value: what was passed.
        example: of what is right, as Python.
    """
    if not isinstance(value, Mapping | Model) or isinstance(value, Event):
        raise _wrong(name, value, f"a mapping such as {example}")


def check_count(name: str, value: object) -> None:
    """Raise LocalProtocolError unless ``value`` is a whole number from 0 on."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _wrong(name, value, "an int from 0 on")


def check_flag(name: str, value: object) -> None:
    """Raise LocalProtocolError unless ``value`` is True or False."""
    if not isinstance(value, bool):
        raise _wrong(name, value, "True or False")


def _wrong(name: str, value: Any, rule: str) -> LocalProtocolError:
    return LocalProtocolError(f"{name} is {shown(value)}; pass {rule} (nothing was sent)")
