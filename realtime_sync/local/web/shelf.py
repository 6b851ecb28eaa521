"""Keeps what clients have made over REST, as much as the server wants to hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

from ..project_store import full

__all__ = ["Shelf"]

T = TypeVar("T")

_MOST_CHARS = 64 << 20


class Shelf(Generic[T]):
    """Values by their ids.

    Args:
        kind: what they are, for the error.
        most: how many there may be.
    """

    def __init__(self, kind: str, most: int) -> None:
        self._kind = kind
        self._most = most
        self._values: dict[str, T] = {}
        self._chars: dict[str, int] = {}
        self._total = 0  # of chars

    def __iter__(self) -> Iterator[tuple[str, T]]:
        return iter(list(self._values.items()))

    @property
    def is_full(self) -> bool:
        """Whether nothing more can be put on it."""
        return len(self._values) >= self._most or self._total >= _MOST_CHARS

    def put(self, key: str, value: T, *, chars: int) -> None:
        """Keep ``value`` under a key that is new, or in place of what it had.

        Args:
            key: its id.
            value: what is kept.
            chars: how long its longest text is.

        Raises:
            ServerError: there is no room; what was there stays.
        """
        if key not in self._values and self.is_full:
            raise full(self._kind, self._most)
        self._total += chars - self._chars.get(key, 0)
        self._values[key], self._chars[key] = value, chars

    def find(self, key: str) -> T | None:
        """Return the value, or None."""
        return self._values.get(key)

    def remove(self, key: str) -> None:
        """Keep it no more, if it is there."""
        if self._values.pop(key, None) is not None:
            self._total -= self._chars.pop(key)
