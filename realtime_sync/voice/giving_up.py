"""What the server does not bring: it is given up, so that what waits for it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..conversation.tool_calls import ToolCalls
from ..events import ResponseCreated, ResponseDone, ServerEvent
from .answers import Answers
from .asks import Asks, Saying
from .effects import AskForOwed, CancelResponse, Effect, GiveUp, Part, Report
from .events import AnswerFailed
from .overdue import OverdueWatch, Owed
from .under_way import DueAnswer, UserTurn

__all__ = ["GivingUp"]

# What says of itself whether a response runs.
_BOUNDS = (ResponseCreated, ResponseDone)


class GivingUp:
    """Gives up what the server owes and of which nothing has come for too long.

    Args:
        watch: measures for how long.
        turn: the user's.
        due: the answer that the server owes of its own accord.
        answers: those that are under way.
        asks: what is asked for.
        calls: the calls of tools.
        handed_ms: how much of a part went to the sink's device.
        is_silent: whether all that was to be played is heard.

    Attributes:
        given_up: since the server's last event. Perhaps the link was dead, and is lost at last;
            then it is wanted all the same. What somebody wants to be said, or None for an answer.

    Threads: one at a time.
    """

    def __init__(
        self,
        watch: OverdueWatch,
        *,
        turn: UserTurn,
        due: DueAnswer,
        answers: Answers,
        asks: Asks,
        calls: ToolCalls,
        handed_ms: Callable[[Part], int],
        is_silent: Callable[[], bool],
    ) -> None:
        self.given_up: list[Saying | None] = []
        self._watch = watch
        self._turn = turn
        self._due = due
        self._answers = answers
        self._asks = asks
        self._calls = calls
        self._handed_ms = handed_ms
        self._is_silent = is_silent

    def came(self, event: ServerEvent) -> Sequence[Effect]:
        """Take that an event has come, over the link that there was, before its rules do."""
        if self.given_up:
            self.given_up.clear()
        if event.type.startswith("response.") and type(event) not in _BOUNDS:
            response_id = event.__dict__.get("response_id")
            self._watch.signs.add(response_id if type(response_id) is str else None)
        return ()

    def has(self, saying: Saying) -> bool:
        """Return whether something that was to be said is among what was given up."""
        return any(each is saying for each in self.given_up)

    def take(self) -> list[Saying | None]:
        """Return what was given up since the last event, for the last time."""
        given_up, self.given_up = self.given_up, []
        return given_up

    def look(self, *, is_held: bool) -> list[Effect]:
        """Give up what is overdue.

        Args:
            is_held: nothing can be expected of the server at this moment.
        """
        overdue = self._watch.look(self._owed, is_held=is_held, is_silent=self._is_silent)
        effects = [effect for each in overdue for effect in self._give_up(each)]
        return [*effects, AskForOwed()] if effects else []

    @property
    def _owed(self) -> list[Owed]:
        """What the server is to do next: what it is to begin may wait for what is to end."""
        if running := self._answers.running:
            return [Owed(response_id=response_id) for response_id in running]
        owed = [Owed(request=event_id) for event_id in self._asks.gone_out]
        return [*owed, Owed()] if self._due.is_due else owed

    def _give_up(self, overdue: Owed) -> list[Effect]:
        """Take that something is over, or will not begin; what else is owed goes out."""
        self._turn.is_open = False
        if overdue.response_id is not None:
            effects = self._give_up_response(overdue.response_id)
        elif overdue.request is not None:
            effects = [self._timed_out(None)]
            self.given_up.append(self._asks.give_up(overdue.request))
        else:
            effects = [self._timed_out(None)]
            self.given_up.append(None)
            self._due.clear()
        return [*effects, GiveUp(overdue)]

    def _give_up_response(self, response_id: str) -> list[Effect]:
        answer = self._answers.answer(response_id)
        interrupted = answer.dropped
        owed = self._calls.over(response_id, interrupted=interrupted)
        self._asks.owed = owed or self._asks.owed
        heard = self._answers.give_up(response_id, self._handed_ms)
        if interrupted:  # it is cancelled already, and nobody has waited for it
            return []
        if not heard and not owed:
            self.given_up.append(answer.saying)
        return [CancelResponse(response_id), self._timed_out(response_id)]

    def _timed_out(self, response_id: str | None) -> Report:
        reason = self._watch.reason
        failed = AnswerFailed(response_id=response_id, status="timed_out", reason=reason)
        return Report(failed)
