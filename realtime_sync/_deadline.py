"""One budget of time shared by the steps of one operation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["Deadline"]


class Deadline:
    """A point in time that several waits count down to.

    Args:
        timeout: seconds from now, or None for "never".
        clock: a monotonic clock; tests pass a virtual one.
    """

    __slots__ = ("_at", "_clock")

    def __init__(
        self, timeout: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._at = math.inf if timeout is None else clock() + timeout

    def remaining(self) -> float | None:
        """Return the seconds left (never negative), or None for "for ever"."""
        if self._at == math.inf:
            return None
        return max(0.0, self._at - self._clock())

    def cut(self) -> None:
        """Let it be over now; whoever waits for it must be woken otherwise."""
        self._at = -math.inf

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self._clock() >= self._at
