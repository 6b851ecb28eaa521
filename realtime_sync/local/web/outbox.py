"""The way out of a connection: events in order, sent by one task."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from ..._types import JsonDict
from ..protocol.wire import write_event

__all__ = ["Outbox"]

# Generated audio waits when so much is unsent (about 8 s of sound); all else queues on ...
_HIGH_WATER_BYTES = 512 * 1024
# ... up to here. Then the client, which sends and sends and takes no answer, is not read either;
# much sooner would make a deadlock with one that speaks for a while before it listens.
_FULL_BYTES = 16 * 1024 * 1024


class Outbox:
    """Queues events without blocking and sends them one after the other.

    Args:
        send: sends one text message and returns when the socket took it.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._queue: deque[str] = deque()
        self._bytes = 0
        self._stopped = False
        self._filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._not_full = asyncio.Event()
        self._not_full.set()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, event: JsonDict) -> None:
        """Queue ``event``."""
        text = write_event(event)
        self._queue.append(text)
        self._bytes += len(text)
        self._filled.set()
        self._empty.clear()
        if self._bytes > _HIGH_WATER_BYTES:
            self._has_room.clear()
        if self._bytes > _FULL_BYTES:
            self._not_full.clear()

    async def room(self) -> None:
        """Wait until the client has taken enough of what is queued."""
        await self._has_room.wait()

    async def not_full(self) -> None:
        """Wait while the client takes nothing at all."""
        await self._not_full.wait()

    async def flush(self) -> None:
        """Wait until everything queued was handed to the socket."""
        await self._empty.wait()

    def stop(self) -> None:
        """Send nothing more, and let go of it: the connection is about to be closed."""
        self._stopped = True
        self._queue.clear()

    async def run(self) -> None:
        """Send what is queued, for ever; an exception of ``send`` ends it."""
        while True:
            await self._filled.wait()
            while self._queue and not self._stopped:
                text = self._queue.popleft()
                await self._send(text)
                # A send that finds room does not yield; the loop must, to hear of a lost link
                # before the next one, and to let others have their turn.
                await asyncio.sleep(0)
                self._bytes -= len(text)
                if self._bytes <= _HIGH_WATER_BYTES:
                    self._has_room.set()
                if self._bytes <= _FULL_BYTES:
                    self._not_full.set()
            self._filled.clear()
            self._empty.set()
