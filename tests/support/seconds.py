"""Time for what sleeps on an event loop: it passes when a test says so."""

from __future__ import annotations

import asyncio

__all__ = ["Seconds", "turns"]

_TURNS = 20  # of the loop: enough for whoever was woken to act, and to sleep again


class Seconds:
    """Takes the place of ``asyncio.sleep``; `go` lets time pass."""

    def __init__(self) -> None:
        self._now = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Return when so much time has passed."""
        waking = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, waking))
        await waking

    async def go(self, seconds: int) -> None:
        """Let time pass, second by second."""
        for _ in range(seconds):
            self._now += 1
            due = [waking for until, waking in self._sleepers if until <= self._now]
            self._sleepers = [each for each in self._sleepers if each[0] > self._now]
            for waking in due:
                if not waking.done():  # its sleeper may have been cancelled
                    waking.set_result(None)
            await turns()


async def turns() -> None:
    """Let everybody act who can."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
