"""Time that only passes when a test says so."""

from __future__ import annotations

import threading

from .._required import require, require_length
from ..errors import ConfigError

__all__ = ["VirtualClock"]

_POLL_S = 0.005  # how soon a wait notices that the clock was moved


class VirtualClock:
    """A monotonic clock that a test moves; called like `time.monotonic`.

    For everything that takes a ``clock``: `MemorySink`, `realtime_sync.audio.VirtualMicrophone`,
    `realtime_sync.voice.VoiceLoop`.

    Args:
        now: where it begins, in seconds.

    Raises:
        ConfigError: that is no time.

    Attributes:
        now: what it shows.

    Threads:
        One thread moves it; any may read it and wait.
    """

    def __init__(self, now: float = 1000.0) -> None:
        require_length(now, "now", error=ConfigError)
        self.now = now

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass.

        Raises:
            ConfigError: they are no number, or negative: a monotonic clock does not go back.
        """
        require_length(
            seconds, "the seconds of a clock, which does not go back,", error=ConfigError
        )
        self.now += seconds

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait until ``event`` is set, or until the clock was moved by ``seconds``.

        Returns:
            Whether it is set.

        Raises:
            ConfigError: that is no event, or no time.
        """
        fits = isinstance(event, threading.Event)
        require(fits, "event must be a threading.Event", event, error=ConfigError)
        require_length(seconds, "seconds", error=ConfigError)
        due = self.now + seconds
        while not event.is_set() and self.now < due:
            event.wait(_POLL_S)
        return event.is_set()
