"""What `wait_for` looks for in an event."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import LocalProtocolError
from ..events import ServerEvent, canonical_type

__all__ = ["matcher"]


def matcher(event: str | Callable[[ServerEvent], bool]) -> Callable[[ServerEvent], bool]:
    """Return the predicate for a type, by its GA or its beta name; one that is given stays.

    Raises:
        LocalProtocolError: it is neither.
    """
    if isinstance(event, type) or not (isinstance(event, str) or callable(event)):
        raise LocalProtocolError(
            f"wait_for takes a type such as 'response.done' or a predicate, not {event!r}"
        )
    if callable(event):
        return event
    wanted = canonical_type(event)
    return lambda candidate: candidate.type == wanted
