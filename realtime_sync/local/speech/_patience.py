"""How long a worker may be silent, and how soon another one is started in its place."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["Patience", "pause_s"]

_BASE_S = 10.0
_PER_SOUND = 2.0
_LONGEST_PAUSE_S = 60.0


class Patience:
    """Counts the seconds in which a worker that has work says nothing.

    It may be silent for 10 s, and for twice the length of the sound that it may be working on.
    Seconds are counted, not read from a clock: a server that was stopped itself (by a debugger, or
    a laptop's lid) finds one more second afterwards, and not an hour for which the worker had no
    chance to answer.
    """

    def __init__(self) -> None:
        self._silent_s = 0

    def answered(self) -> None:
        """Begin to count anew."""
        self._silent_s = 0

    def second(self, sounds_s: Collection[float]) -> float | None:
        """Count one more second.

        Args:
            sounds_s: how long the sound behind its next answer is, for each of its jobs from which
                an answer is due; empty when it has nothing to do.

        Returns:
            How many seconds it was allowed, if those are over; else None.
        """
        if not sounds_s:
            self._silent_s = 0
            return None
        self._silent_s += 1
        allowed_s = _BASE_S + _PER_SOUND * max(sounds_s)
        # More, not as many: the first one counted may have been a part of a second.
        return allowed_s if self._silent_s > allowed_s else None


def pause_s(fruitless: int) -> float:
    """Return how long to wait before the next start of a worker.

    Args:
        fruitless: how many of its processes in a row have ended without one answer.
    """
    if fruitless < 2:  # an accident; most likely the next one does its work
        return 0.0
    return min(2.0 ** min(fruitless - 2, 10), _LONGEST_PAUSE_S)
