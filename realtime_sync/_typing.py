"""Type hints that also hold at run time, on every Python from 3.10 on.

Programs ask for them: FastAPI for the body of a request, pydantic for a `TypeAdapter`, `tools` for
the parameters of a function. So a module imports what its public annotations name, and takes from
here what `typing` has only in later versions.
"""

from __future__ import annotations

import sys

if sys.version_info >= (3, 12):
    from typing import Required, Self, TypedDict, Unpack
else:  # pydantic takes no other TypedDict before 3.12
    from typing_extensions import Required, Self, TypedDict, Unpack

__all__ = ["Required", "Self", "TypedDict", "Unpack"]
