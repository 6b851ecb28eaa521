"""What is under way between the user and the server: a turn, and the answer that is due to it."""

from __future__ import annotations

from attrs import define

__all__ = ["DueAnswer", "UserTurn"]


@define
class UserTurn:
    """The latest turn of the user's.

    Attributes:
        speaking: between its ``speech_started`` and its ``speech_stopped``.
        item_id: what it is or becomes; ``""`` where that is not known.
        is_open: its answer is due, or asked for, and has not begun.
        stopped_at: when its end was told, on the clock; None once audio of an answer has come.
    """

    speaking: bool = False
    item_id: str = ""
    is_open: bool = False
    stopped_at: float | None = None


@define
class DueAnswer:
    """The answer that the server owes of its own accord, which has no id before it begins.

    Attributes:
        is_due: whether it owes one.
        is_cut: it is interrupted already.
        is_forbidden: nothing may be heard of it.
    """

    is_due: bool = False
    is_cut: bool = False
    is_forbidden: bool = False

    def clear(self) -> None:
        """Take that nothing is owed any more: it has begun, is given up or is lost."""
        self.is_due = self.is_cut = self.is_forbidden = False
