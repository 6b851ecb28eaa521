"""Time for whoever keeps a pace, as a seam: tests put a clock there that waits without waiting."""

from __future__ import annotations

import threading
import time
from typing import Protocol

__all__ = ["SYSTEM_CLOCK", "Clock"]


class Clock(Protocol):
    """A monotonic clock, and a wait that is measured by it."""

    def __call__(self) -> float:
        """Return the time in seconds from some fixed moment, as `time.monotonic` does."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until ``event`` is set, at most ``seconds``; returns whether it is."""


class _SystemClock:
    def __call__(self) -> float:
        return time.monotonic()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        return event.wait(seconds)


SYSTEM_CLOCK: Clock = _SystemClock()
