"""What errors mean for whoever waits for something."""

from __future__ import annotations

from collections.abc import Callable

from ..conversation.unconfirmed import Refusal
from ..errors import RealtimeTimeout
from ..events import ErrorEvent, ServerEvent
from ..events.server import words_of

__all__ = ["Complaints"]


class Complaints:
    """The errors that come during one wait.

    Args:
        refusal_of: returns which request an error refuses, None for nobody's.
    """

    def __init__(self, refusal_of: Callable[[ErrorEvent], Refusal | None]) -> None:
        self._refusal_of = refusal_of
        self._latest: ErrorEvent | None = None  # that is nobody's, and so perhaps ours

    def refuse(self, event: ServerEvent, request: str | None) -> bool:
        """Whether ``event`` is the server's refusal of ``request``."""
        if not isinstance(event, ErrorEvent):
            return False
        refusal = self._refusal_of(event)
        if refusal is None and event.severity != "benign":
            self._latest = event
        return refusal is not None and request in refusal.requests

    def quoted(self, timeout: RealtimeTimeout) -> RealtimeTimeout:
        """Return ``timeout`` with the words of the latest error that is nobody's."""
        if self._latest is None:
            return timeout
        return RealtimeTimeout(
            f"{timeout}; meanwhile the server complained: {words_of(self._latest)}"
        )
