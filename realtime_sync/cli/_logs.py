"""Warnings of the library's among the lines of a talk, instead of across them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["logs_to"]

_LOG = logging.getLogger("realtime_sync")
# The screen tells of these by itself.
_TOLD = ("realtime_sync.voice.engine", "realtime_sync.tools.pool")


class _Notes(logging.Handler):
    """Gives each warning's text to a function."""

    def __init__(self, note: Callable[[str], object]) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        if record.name not in _TOLD:
            self._note(record.getMessage())


@contextmanager
def logs_to(note: Callable[[str], object]) -> Iterator[None]:
    """Have ``note`` called with each warning of the library's, unless the screen shows it."""
    handler = _Notes(note)
    _LOG.addHandler(handler)
    try:
        yield
    finally:
        _LOG.removeHandler(handler)
