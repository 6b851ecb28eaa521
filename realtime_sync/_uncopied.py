"""What is bound to links, threads, locks or devices, so that there can't be a second one of it."""

from __future__ import annotations

from typing import Any

from .errors import ConcurrencyError

__all__ = ["Uncopied"]


class Uncopied:
    """Refuses to be copied or pickled, and says what to do instead.

    For everything that a program holds and that has one of these, also where it gets them later:
    a client that was not used yet could be copied, and one that was could not.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> Any:
        raise ConcurrencyError(
            f"a {type(self).__name__} can't be copied or pickled, for what it holds (links, "
            "threads, locks) belongs to this process: make another where it is needed, or pass a "
            "function that makes it"
        )
