"""The messages that have begun and not ended, of all WebSockets of one server together.

What has come of a message is held until the rest is there. So it has some seconds for that, and all
of them together a part of the memory.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from websockets.frames import CloseCode

__all__ = ["IncomingMessages", "MessageLink"]


class MessageLink(Protocol):
    """A connection on which a message comes."""

    def give_up(self, code: int, reason: str) -> None:
        """Hold nothing of the message any more, and close."""


class IncomingMessages:
    """Counts what is held, and has connections closed that take too long or too much.

    Where all take too much, the message that has begun first is given up: who means it has sent its
    own by then.

    Args:
        limit_s: how long a message may take, from its first byte to its last.
        most_bytes: how much may be held.

    Attributes:
        held_bytes: how much is.
    """

    def __init__(self, limit_s: float, most_bytes: int) -> None:
        self.held_bytes = 0
        self._limit_s = limit_s
        self._most_bytes = most_bytes
        self._begun: dict[MessageLink, tuple[int, asyncio.TimerHandle]] = {}  # the first one first

    def hold(self, link: MessageLink, size: int) -> None:
        """Take that so many bytes of a message are held, from which the last is missing."""
        if link in self._begun:
            before, timer = self._begun[link]
        else:
            loop = asyncio.get_running_loop()
            before, timer = 0, loop.call_later(self._limit_s, self._too_late, link)
        self._begun[link] = size, timer
        self.held_bytes += size - before
        while self.held_bytes > self._most_bytes:
            self._too_much(next(iter(self._begun)))

    def end(self, link: MessageLink) -> None:
        """Take that none is held, any more."""
        if link in self._begun:
            size, timer = self._begun.pop(link)
            self.held_bytes -= size
            timer.cancel()

    def _too_late(self, link: MessageLink) -> None:
        self.end(link)
        link.give_up(
            CloseCode.POLICY_VIOLATION,
            f"a message was not complete within {self._limit_s:g} s (--message-timeout)",
        )

    def _too_much(self, link: MessageLink) -> None:
        self.end(link)
        mib = self._most_bytes >> 20
        link.give_up(
            CloseCode.MESSAGE_TOO_BIG,
            f"unfinished messages of all clients take {mib} MiB (--max-incoming-mib), "
            "and this one is the oldest",
        )
