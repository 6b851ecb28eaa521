"""What the server owes and never brings, so that nobody waits for it for ever."""

from __future__ import annotations

from collections.abc import Callable, Collection

from attrs import frozen

from ..events.wire_values import as_id

__all__ = ["OverdueWatch", "Owed"]


@frozen
class Owed:
    """What the server is to do next: end a response, or begin one.

    Attributes:
        response_id: the response that is to end; None for one that is to begin.
        request: the ``event_id`` of our request for it; None where the server begins it unasked.
    """

    response_id: str | None = None
    request: str | None = None


class OverdueWatch:
    """Measures for how long nothing has come of what the server owes.

    Args:
        timeout: seconds, after which it is overdue.
        clock: seconds, monotonic.

    Attributes:
        signs: of which responses something has come since `look`, by the id that the event had;
            None for one without a name. Whoever takes the events adds to it.

    Threads: one at a time.
    """

    def __init__(self, timeout: float, *, clock: Callable[[], float]) -> None:
        self._timeout = timeout
        self._clock = clock
        self._since: dict[Owed, float] = {}
        self.signs: set[str | None] = set()

    @property
    def reason(self) -> str:
        """What is told of something that is overdue."""
        return f"nothing has come of it for {self._timeout:g} s"

    def look(
        self, owed: Collection[Owed], *, is_held: bool, is_silent: Callable[[], bool]
    ) -> list[Owed]:
        """Return what is overdue.

        Args:
            owed: what the server owes now.
            is_held: nothing can be expected of it at this moment, so that time does not count.
            is_silent: whether nothing is left to be played. Only asked when something is due,
                since a sink takes the question for the end of what it is given.
        """
        now = self._clock()
        signs, self.signs = set(map(as_id, self.signs)), set()
        self._since = {
            each: now
            if is_held or None in signs or each.response_id in signs
            else self._since.get(each, now)
            for each in owed
        }
        due = [each for each, since in self._since.items() if now - since >= self._timeout]
        return due if due and is_silent() else []
