"""How long a server may be silent, by the pings that it sends; a clock and no I/O.

The Distiller's server pings in messages of its own, every ten seconds as far as is known, and the
SDK takes a link for lost after 1,000 s without.
"""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["ServerPings"]

_BEGIN_S = 30.0
# With two pings the server has shown that it sends them.
_RHYTHM = 2
_BETWEEN_S = 60.0
_UNKNOWN_S = 1000.0
# While nobody reads, time stands still; whoever watches looks again so soon.
_PAUSE_S = 1.0


class ServerPings:
    """Tells when a server was silent too long.

    Three limits: 30 s until the session begins; from then on 1,000 s without a ping, and 60 s once
    two have come. The time between two reads does not count: a ping may wait there.

    Attributes:
        begun: whether the session has begun.

    Threads: the reader's, but for `remaining` and `words`, which anybody may call.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.begun = False
        self._clock = clock
        self._count = 0
        self._since = clock()
        self._paused_at: float | None = None

    def begin(self) -> None:
        """Take that the session has begun."""
        self.begun = True
        self._since = self._clock()

    def note(self) -> None:
        """Take that a ping has come."""
        self._count += 1
        self._since = self._clock()

    def pause(self) -> None:
        """Take that nobody reads for a while."""
        self._paused_at = self._clock()

    def resume(self) -> None:
        """Take that somebody reads again."""
        if self._paused_at is not None:
            self._since += self._clock() - self._paused_at
            self._paused_at = None

    @property
    def _limit_s(self) -> float:
        if not self.begun:
            return _BEGIN_S
        return _BETWEEN_S if self._count >= _RHYTHM else _UNKNOWN_S

    def remaining(self) -> float:
        """Return the seconds until the link counts as lost; 0 when it does."""
        paused_at = self._paused_at
        now = self._clock() if paused_at is None else paused_at
        left = max(0.0, self._since + self._limit_s - now)
        return left if paused_at is None else max(left, _PAUSE_S)

    def words(self) -> str:
        """Return what was waited for in vain."""
        what = "PING" if self.begun else "session.created"
        return f"Connection timeout: the server sent no {what} for {self._limit_s:g} s"
