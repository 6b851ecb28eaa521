"""A link that was lost: what went with it, and what is asked for again over the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._latest import keep_latest
from ..conversation.history import History
from ..conversation.tool_calls import ToolCalls
from .answers import Answers
from .asks import Asks, Saying
from .effects import Effect, Part, Report, Silence
from .events import TurnLost
from .under_way import DueAnswer, UserTurn

__all__ = ["LostLink"]

_MOST_LOST = 64


class LostLink:
    """Settles what was under way when a link was lost; what is owed stays owed.

    Args:
        turn: the user's.
        due: the answer that the server owes of its own accord.
        answers: those that are under way.
        asks: what is asked for.
        calls: the calls of tools.
        history: what was said, as the new session has it.
        handed_ms: how much of a part went to the sink's device.

    Threads: one at a time.
    """

    def __init__(
        self,
        *,
        turn: UserTurn,
        due: DueAnswer,
        answers: Answers,
        asks: Asks,
        calls: ToolCalls,
        history: History,
        handed_ms: Callable[[Part], int],
    ) -> None:
        self._turn = turn
        self._due = due
        self._answers = answers
        self._asks = asks
        self._calls = calls
        self._history = history
        self._handed_ms = handed_ms
        self._lost_calls: dict[str, None] = {}

    def has_call(self, call_id: str) -> bool:
        """Return whether a call went with a link, so that no server takes its output."""
        return call_id in self._lost_calls

    def settle(self, lost_items: object, given_up: Sequence[Saying | None]) -> list[Effect]:
        """Take that no more comes over the old link, and have asked for what is still wanted.

        Args:
            lost_items: the ids of the items that the new session lacks.
            given_up: see `GivingUp.given_up`.
        """
        unheard, buffered = self._answers.link_lost(self._handed_ms)
        effects = self._settle_turn(lost_items, answer_lost=bool(unheard))
        turn_lost = bool(effects)
        self._settle_calls()
        wanted = [*given_up, *(each.saying for each in unheard)]
        self._asks.say_again([saying for saying in wanted if saying is not None])
        # While tools run, the answer comes with their outputs.
        lost = None in wanted and not self._calls.running
        if buffered:
            effects.append(Silence(()))  # none of it was heard, and it will be said again
        due = self._asks.link_lost() or lost or self._due.is_due
        # Without the turn, the model would answer once more what was answered before it.
        due = due and (not turn_lost or self._ends_with("user", "function_call_output"))
        self._due.clear()
        unanswered = self._turn.is_open and self._ends_with("user")
        self._asks.owed = self._asks.owed or due or unanswered
        self._turn.is_open = False
        return effects

    def _settle_turn(self, lost_items: object, *, answer_lost: bool) -> list[Effect]:
        turn = self._turn
        was_speaking, turn.speaking = turn.speaking, False
        lost = turn.item_id in lost_items if isinstance(lost_items, list) else False
        lost = lost and (turn.is_open or answer_lost)
        if not was_speaking and not lost:
            return []
        turn.is_open = self._due.is_due = False
        item_id, turn.item_id = turn.item_id, ""
        return [Report(TurnLost(item_id=item_id or None))]

    def _settle_calls(self) -> None:
        """Drop the calls of which the new session knows nothing; the outputs of the others wait."""
        restored = {item.call_id for item in self._history.items.values()}
        for call_id in self._calls.open_calls - restored:
            self._lost_calls[call_id] = None
            self._calls.lost(call_id)
        keep_latest(self._lost_calls, _MOST_LOST)
        self._asks.owed = self._calls.link_lost() or self._asks.owed

    def _ends_with(self, *kinds: str) -> bool:
        """Return whether the last item of the conversation has one of these roles or types."""
        items = [
            item
            for item in self._history.items.values()
            if item.status != "in_progress" and not self._history.is_ignored(item.id)
        ]
        return bool(items) and (items[-1].role in kinds or items[-1].type in kinds)
