"""A source that delivers nothing but silence: a microphone that is muted, or not let in."""

from __future__ import annotations

__all__ = ["SilenceWatch", "is_silent"]

# Two steps of an int16: a microphone's own noise is louder.
_SILENT_DBFS = -84.0
_LIMIT_S = 5.0


def is_silent(dbfs: float) -> bool:
    """Whether a level is that of digital silence."""
    return dbfs <= _SILENT_DBFS


class SilenceWatch:
    """Tells a microphone from which nothing has come yet from one in a quiet room.

    Only the beginning counts: many a microphone lets nothing through while nobody speaks.

    Attributes:
        heard: whether anything has come.
    """

    def __init__(self) -> None:
        self.heard = False
        self._silent_s = 0.0
        self._told = False

    def hear(self, seconds: float, dbfs: float) -> bool:
        """Take a chunk's length and level; return whether it is time to tell, which is once."""
        if self.heard or self._told:
            self.heard = self.heard or not is_silent(dbfs)
            return False
        self.heard = not is_silent(dbfs)
        self._silent_s += seconds
        self._told = not self.heard and self._silent_s >= _LIMIT_S
        return self._told
