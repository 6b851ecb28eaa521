"""Messages that wait to be sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable

__all__ = ["Backlog", "size_bytes", "text_of"]


class Backlog:
    """Messages in order, and how many bytes they are together."""

    __slots__ = ("_messages", "size")

    def __init__(self) -> None:
        # Not deques: a thousand messages at most, and an empty deque takes 0.7 kB.
        self._messages: list[str | bytes] = []
        self.size = 0

    def add(self, data: str | bytes) -> None:
        """Append a message."""
        self._messages.append(data)
        self.size += size_bytes(data)

    def add_latest(self, data: bytes, limit: int) -> None:
        """Append a message, and drop the oldest once there are twice ``limit`` bytes.

        Dropping costs more than all else here, so it is done once for many.
        """
        self._messages.append(data)
        self.size += len(data)
        if self.size > 2 * limit:
            self.trim(limit)

    def put_before(self, messages: Iterable[str | bytes]) -> None:
        """Put messages before all others, in their order."""
        before = list(messages)
        self._messages[:0] = before
        self.size += sum(map(size_bytes, before))

    def first(self) -> str | bytes | None:
        """Return the oldest message, None for none."""
        return self._messages[0] if self._messages else None

    def drop_first(self) -> None:
        """Drop the oldest message."""
        self.size -= size_bytes(self._messages.pop(0))

    def trim(self, limit: int) -> None:
        """Drop the oldest until no more than ``limit`` bytes are left."""
        while self.size > limit:
            self.drop_first()

    def move(self, chosen: Callable[[str | bytes], bool], to: Backlog) -> None:
        """Give the chosen ones to another backlog."""
        messages, self._messages, self.size = self._messages, [], 0
        for data in messages:
            (to if chosen(data) else self).add(data)

    def empty(self) -> list[str]:
        """Return all of it, as text, and keep nothing."""
        messages, self._messages, self.size = self._messages, [], 0
        return [text_of(data) for data in messages]


def text_of(data: str | bytes) -> str:
    """Return a message as text."""
    return data if isinstance(data, str) else data.decode(errors="replace")


def size_bytes(data: str | bytes) -> int:
    """Return how many bytes of UTF-8 a message has."""
    if isinstance(data, bytes) or data.isascii():
        return len(data)
    return len(data.encode(errors="replace"))
