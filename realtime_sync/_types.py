"""Small shared types: the "not given" marker, the aliases for JSON, and what is loaded late."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from ssl import SSLContext

    from numpy.typing import NDArray

    Samples = NDArray[Any]
else:  # whoever asks for the hints of a function need not load OpenSSL and NumPy
    Samples = SSLContext = Any

__all__ = ["UNSET", "JsonDict", "SSLContext", "Samples", "Unset"]

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
