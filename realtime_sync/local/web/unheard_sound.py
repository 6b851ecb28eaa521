"""Sound that waits to be recognised: a client that brings it faster is not read for a while."""

from __future__ import annotations

import asyncio

__all__ = ["UnheardSound"]

_MOST_BYTES = 64 << 20  # 23 minutes at 24 kHz


class UnheardSound:
    """Counts the sound of one session that waits.

    Whoever sends a long file at once has all of it recognised, and the server's memory holds.
    """

    def __init__(self) -> None:
        self._bytes = 0
        self._has_room = asyncio.Event()
        self._has_room.set()

    def add(self, count: int) -> None:
        """Count ``count`` bytes that wait."""
        self._bytes += count
        if self._bytes > _MOST_BYTES:
            self._has_room.clear()

    def remove(self, count: int) -> None:
        """Count them no more."""
        self._bytes -= count
        if self._bytes <= _MOST_BYTES:
            self._has_room.set()

    async def room(self) -> None:
        """Wait until more may come."""
        await self._has_room.wait()
