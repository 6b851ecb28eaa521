"""The one event that no server sends: the connection says that it was made anew."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

from .._types import JsonDict
from .base import Event

__all__ = ["Reconnected"]


@frozen(kw_only=True, slots=False, eq=False, repr=False)
class Reconnected(Event):
    """The connection is a new one, with the session and the history of the old.

    Example:
        >>> event = Reconnected(code=1006, attempts=1, lost=[], lost_items=[])
        >>> event.type
        'reconnected'

    Attributes:
        code: the close code of the old link; 1000 when it was replaced on purpose.
        attempts: how many attempts it took.
        lost: client events, as JSON text, that were given to `send` meanwhile and were not sent,
            because they belonged to the old link: audio, commits, cancels, truncations. Oldest
            first; of a long interruption the latest mebibyte.
        lost_items: ids of items that could not be restored (speech without a transcript, an answer
            that was not done, items the server refused).
        new_items: items that were sent to the old session as its last, and that it had not
            confirmed, as they were created in the new one. No other event tells of them.
    """

    type: Literal["reconnected"] = "reconnected"
    code: int
    attempts: int
    lost: list[str]
    lost_items: list[str]
    new_items: list[JsonDict] = field(factory=list)
