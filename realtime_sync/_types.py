"""Small shared types: the "not given" marker and the aliases for JSON."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final, Literal

__all__ = ["UNSET", "JsonDict", "Unset"]

JsonDict = dict[str, Any]


class Unset(Enum):
    """The type of `UNSET`, an enum so that ``x is UNSET`` narrows for type checkers."""

    UNSET = "UNSET"

    def __repr__(self) -> str:
        return "UNSET"

    def __bool__(self) -> Literal[False]:
        return False


# "Not given", where None is a value of its own (turn_detection=None turns detection off).
UNSET: Final = Unset.UNSET
