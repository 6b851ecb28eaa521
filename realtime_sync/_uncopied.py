"""What is bound to a link and to threads, so that there can't be a second one of it."""

from __future__ import annotations

from typing import Any

from .errors import ConcurrencyError

__all__ = ["Uncopied"]


class Uncopied:
    """Refuses to be copied or pickled, and says what to do instead."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> Any:
        raise ConcurrencyError(
            f"a {type(self).__name__} can't be copied or pickled, for its link belongs to this "
            "process: give others what they need to open one of their own"
        )
