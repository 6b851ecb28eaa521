"""One budget of time shared by the steps of one operation."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from numbers import Real

from ._shown import shown
from .errors import ConfigError

__all__ = ["LONGEST_S", "Deadline"]

# What the system's waits can take: 30 years. Whoever means "for ever" says None.
LONGEST_S = 1e9


class Deadline:
    """A point in time that several waits count down to.

    Args:
        timeout: seconds from now, or None for "never".
        clock: a monotonic clock; tests pass a virtual one.

    Attributes:
        timeout: as given, for messages.

    Raises:
        ConfigError: ``timeout`` is no number of seconds.
    """

    __slots__ = ("_at", "_clock", "timeout")

    def __init__(
        self, timeout: float | None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self.timeout = timeout
        if timeout is None:
            self._at = math.inf
            return
        # Inline, because `recv` makes one for each event; NaN fails the comparison as well.
        if type(timeout) not in (float, int) or not 0 <= timeout <= LONGEST_S:
            timeout = _seconds(timeout)
        self._at = clock() + timeout

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


def _seconds(timeout: object) -> float:
    """Return ``timeout`` as a float; the slow part of the check, for what is not plain."""
    number = None if isinstance(timeout, bool) else timeout
    if isinstance(number, Real):
        in_range = not number < 0 and number <= LONGEST_S  # NaN is not
        if in_range or number == math.inf:
            return float(number)
    raise ConfigError(
        f"timeout is {shown(timeout)}; pass seconds, from 0 (do not wait) to 1e9, or None (wait "
        "for ever)"
    )
