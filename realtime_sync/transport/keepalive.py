"""When to ping a silent peer and when to give it up; a clock and no I/O."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto

__all__ = ["Keepalive", "Verdict"]


class Verdict(Enum):
    """What a silence calls for."""

    WAIT = auto()
    PING = auto()
    DEAD = auto()


class Keepalive:
    """The watchdog of one reader. Any byte received is a sign of life.

    Args:
        interval: seconds of silence before a ping, or None for no pings and no limit.
        timeout: seconds to wait for a byte after it. None waits for ever and goes on pinging, which
            keeps routers on the way from forgetting a link whose server never answers pings.
        clock: a monotonic clock.
    """

    def __init__(
        self,
        interval: float | None,
        timeout: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval = interval
        self._timeout = timeout
        self._clock = clock
        self._since: float | None = None  # when the silence, or the wait for the pong, began
        self._pinged = False
        self._bytes_out = 0

    def restart(self) -> None:
        """Begin a new silence: bytes have arrived, or reading goes on after a pause."""
        self._since = None
        self._pinged = False

    def remaining(self) -> float | None:
        """Return the seconds until `check` is due, or None for never."""
        limit = self._limit()
        if limit is None:
            return None
        now = self._clock()
        if self._since is None:
            self._since = now
        return max(0.0, self._since + limit - now)

    def check(self, *, bytes_out: int, ping_queued: bool) -> Verdict:
        """Decide what to do now.

        Args:
            bytes_out: how much was ever written.
            ping_queued: whether the ping waits behind a message that is being written. While that
                makes progress the peer lives, however slow its link is.
        """
        if self.remaining() != 0:
            return Verdict.WAIT
        progress = bytes_out != self._bytes_out
        self._bytes_out = bytes_out
        again = self._pinged and self._timeout is not None
        if not again or (ping_queued and progress):
            verdict = Verdict.WAIT if again else Verdict.PING
            self._since = self._clock()
            self._pinged = True
            return verdict
        return Verdict.DEAD

    def _limit(self) -> float | None:
        if self._interval is None or not self._pinged or self._timeout is None:
            return self._interval
        return self._timeout
