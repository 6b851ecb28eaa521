"""When what the user says is checked, and what waits for it: the answer, or its sound. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from attrs import define, frozen

from .._latest import keep_latest

__all__ = [
    "AnswerTurn",
    "ForbidSound",
    "FreeSound",
    "InputCheck",
    "InputChecks",
    "InputOutcome",
    "TurnUnchecked",
]

_MAX_TURNS = 256  # far more than can wait: each ends when its time is over
_MAX_ANSWERS = 64


@frozen
class InputCheck:
    """Words of the user that guardrails are to look at.

    Attributes:
        item_id: of the user's turn.
        text: all words of the turn.
        before: the guardrails that the answer waits for; otherwise those beside it, for which
            only its sound waits.
    """

    item_id: str
    text: str
    before: bool


@frozen
class AnswerTurn:
    """The words of every turn so far have passed what the answer waits for: ask for it now."""


@frozen
class FreeSound:
    """The words that a response answers have passed: its sound may go out."""

    response_id: str


@frozen
class ForbidSound:
    """A response answers words that have not passed: nobody is to hear it."""

    response_id: str


@frozen
class TurnUnchecked:
    """The words of a turn can't be checked, which counts as forbidden.

    The model must not see them either: the item is to be deleted before anything is asked for.

    Attributes:
        item_id: of the user's turn.
        reason: there is no transcription of it, or not in time, or the guardrails were late.
    """

    item_id: str
    reason: Literal["transcription_failed", "transcription_late", "check_late"]


InputOutcome = InputCheck | AnswerTurn | FreeSound | ForbidSound | TurnUnchecked


@define(eq=False)
class _UncheckedTurn:
    """A turn whose words have not passed yet.

    Attributes:
        due: the checks that have not passed: True for those before the answer, False for those
            beside it.
        since: when the turn ended, or its checks began.
        has_words: its words have come.
    """

    due: set[bool]
    since: float
    has_words: bool = False


class InputChecks:
    """Says which words of the user are to be checked, and what may go on.

    A turn waits for its words, and then for its checks. Meanwhile no answer is asked for if it has
    checks ``before`` (`holds_asks`), and the sound of every response that begins is held
    (`answer`). Without a transcription in time, or with guardrails that are late, it counts as
    forbidden. A turn of no words has said nothing that could be, and passes.

    Args:
        clock: seconds, monotonic.
        words_s: how long a turn waits for its words.
        check_s: how long it waits for its checks then.

    Threads: one at a time.

    Example:
        >>> checks = InputChecks(clock=lambda: 0.0)
        >>> checks.turn("item_1", before=True, beside=False)
        >>> [check] = checks.words("item_1", "Hello!")
        >>> checks.holds_asks, checks.passed(check), checks.holds_asks
        (True, [AnswerTurn()], False)
    """

    def __init__(
        self, *, clock: Callable[[], float], words_s: float = 10.0, check_s: float = 5.0
    ) -> None:
        self._clock = clock
        self._words_s = words_s
        self._check_s = check_s
        self._turns: dict[str, _UncheckedTurn] = {}
        self._answers: dict[str, set[str]] = {}  # held responses: the turns that each waits for
        self._answer_due = False

    @property
    def holds_asks(self) -> bool:
        """Whether no answer may be asked for now: it would have words that were not checked."""
        return any(True in turn.due for turn in self._turns.values())

    @property
    def next_expiry_s(self) -> float | None:
        """In how many seconds `expired` has something to say; None for never."""
        if not self._turns:
            return None
        return max(0.0, min(map(self._ends_at, self._turns.values())) - self._clock())

    # -- what comes ------------------------------------------------------------------------------

    def turn(self, item_id: str, *, before: bool, beside: bool) -> None:
        """Take that a turn of the user's is over; its words are to come.

        Args:
            item_id: of the turn; ``""`` until it is known.
            before: there are guardrails that its answer waits for.
            beside: there are guardrails that the sound of its answer waits for.
        """
        due = {kind for kind, wanted in ((True, before), (False, beside)) if wanted}
        if due and item_id not in self._turns:
            self._turns[item_id] = _UncheckedTurn(due, self._clock())
            keep_latest(self._turns, _MAX_TURNS)

    def name(self, item_id: str) -> None:
        """Take which item the turn has become that was told as ``""``, if there is one."""
        if (turn := self._turns.pop("", None)) is None:
            return
        self._turns.setdefault(item_id, turn)
        for waits_for in self._answers.values():
            if "" in waits_for:
                waits_for.remove("")
                waits_for.add(item_id)

    def waits_for(self, item_id: str) -> bool:
        """Return whether the words of a turn have neither passed nor been forbidden yet."""
        return item_id in self._turns

    def words(self, item_id: str, text: str) -> list[InputOutcome]:
        """Take the words of a turn; return the checks that are to begin now, or what goes on."""
        turn = self._turns.get(item_id)
        if turn is None or turn.has_words:
            return []
        if not text.strip():
            return self._pass(item_id, set(turn.due))
        turn.has_words, turn.since = True, self._clock()
        return [InputCheck(item_id, text, before) for before in sorted(turn.due, reverse=True)]

    def no_words(self, item_id: str) -> list[InputOutcome]:
        """Take that the transcription of a turn has failed; return what comes of it."""
        turn = self._turns.get(item_id)
        if turn is None or turn.has_words:
            return []
        return self._forbid(item_id, TurnUnchecked(item_id, "transcription_failed"))

    def answer(self, response_id: str) -> bool:
        """Take that a response begins; return whether its sound is to be held."""
        if not self._turns:
            return False
        self._answers[response_id] = set(self._turns)
        keep_latest(self._answers, _MAX_ANSWERS)
        return True

    def link_lost(self) -> list[InputOutcome]:
        """Take that the turns are lost whose words have not come; return what comes of it.

        Nobody is to hear what answers them. The words of the others are still checked.
        """
        lost = [item_id for item_id, turn in self._turns.items() if not turn.has_words]
        return [outcome for item_id in lost for outcome in self._forbid(item_id)]

    def forget(self, item_id: str) -> list[InputOutcome]:
        """Take that a turn was none, or is lost: nothing waits for it; return what goes on."""
        if self._turns.pop(item_id, None) is None:
            return []
        return [*self._due(), *self._freed(item_id)]

    # -- what was decided ------------------------------------------------------------------------

    def passed(self, check: InputCheck) -> list[InputOutcome]:
        """Take that words have passed; return what goes on."""
        return self._pass(check.item_id, {check.before})

    def tripped(self, check: InputCheck) -> list[InputOutcome]:
        """Take that a guardrail forbids words of the user; return what comes of it."""
        return self._forbid(check.item_id)

    def expired(self) -> list[InputOutcome]:
        """Return what comes of the turns whose time is over."""
        now, outcomes = self._clock(), list[InputOutcome]()
        for item_id, turn in list(self._turns.items()):
            if self._ends_at(turn) <= now:
                late = TurnUnchecked(
                    item_id, "check_late" if turn.has_words else "transcription_late"
                )
                outcomes += self._forbid(item_id, late)
        return outcomes

    # -- inside ----------------------------------------------------------------------------------

    def _ends_at(self, turn: _UncheckedTurn) -> float:
        return turn.since + (self._check_s if turn.has_words else self._words_s)

    def _pass(self, item_id: str, kinds: set[bool]) -> list[InputOutcome]:
        turn = self._turns.get(item_id)
        if turn is None or not kinds <= turn.due:
            return []
        turn.due -= kinds
        self._answer_due = self._answer_due or True in kinds
        if turn.due:
            return self._due()
        del self._turns[item_id]
        return [*self._due(), *self._freed(item_id)]

    def _forbid(self, item_id: str, *why: TurnUnchecked) -> list[InputOutcome]:
        if self._turns.pop(item_id, None) is None:
            return []
        forbidden = [key for key, waits_for in self._answers.items() if item_id in waits_for]
        for response_id in forbidden:
            del self._answers[response_id]
        return [*why, *map(ForbidSound, forbidden), *self._due()]

    def _freed(self, item_id: str) -> list[InputOutcome]:
        freed = []
        for response_id, waits_for in list(self._answers.items()):
            waits_for.discard(item_id)
            if not waits_for:
                del self._answers[response_id]
                freed.append(FreeSound(response_id))
        return [*freed]

    def _due(self) -> list[InputOutcome]:
        """Return the answer that is due, if nothing holds it any more."""
        if not self._answer_due or self.holds_asks:
            return []
        self._answer_due = False
        return [AnswerTurn()]
