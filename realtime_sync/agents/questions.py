"""What a program asks and waits for: when its answer is over, and what its words are. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field

from .._signal_safe import Latch
from .._types import JsonDict
from ..connection.reply import failure_of, server_error
from ..conversation.history_item import HistoryItem
from ..errors import AgentError, RealtimeError
from ..events import ErrorEvent, ResponseDone
from ..events.base import as_came
from ..events.wire_values import as_id, as_object
from ..voice.effects import Effect, Report
from ..voice.seams import Take
from .given import require
from .notes import Answered
from .run_config import RealtimeUserInput

__all__ = ["Question", "QuestionRules", "user_item"]

_LOOK_S = 0.2  # how soon it is noticed that the last call, check or refusal was the last


@define(eq=False)
class Question:
    """A message of the program's, and whoever waits until its answer is over.

    Attributes:
        item: the message, in wire form.
        done: set when nothing more comes of it.
        text: the words of the last answer, from then on; ``""`` for none.
        error: why there are none; None where nobody knows of a reason.
        before: the items that were there when it was asked.
    """

    item: JsonDict
    done: Latch = field(factory=Latch, init=False)
    text: str = field(default="", init=False)
    error: BaseException | None = field(default=None, init=False)
    before: frozenset[str] = field(default=frozenset(), init=False)


class QuestionRules:
    """Follows what was asked until nothing goes on: no answer, tool, guardrail or handoff.

    A call that waits for approval keeps nobody waiting.

    Args:
        is_busy: whether something goes on, or is still to be asked for.
        items: returns the conversation as it is now, in order.
        is_out_of_band: whether a response, by its id, is none of the conversation's.
        clock: seconds, monotonic.

    Attributes:
        handlers: see `FurtherRules.handlers`.

    Threads: one at a time: the engine's.
    """

    busy = False

    def __init__(
        self,
        is_busy: Callable[[], bool],
        items: Callable[[], Sequence[HistoryItem]],
        *,
        is_out_of_band: Callable[[str], bool],
        clock: Callable[[], float],
    ) -> None:
        self._is_busy = is_busy
        self._items = items
        self._is_out_of_band = is_out_of_band
        self._clock = clock
        self._open: list[Question] = []
        self._why: RealtimeError | None = None  # there is no answer, as far as events say so
        self._was_answered = False
        self.handlers: dict[type, Take] = {
            ErrorEvent: self._refused,
            ResponseDone: self._response_done,
        }

    @property
    def due_at(self) -> float | None:
        """See `FurtherRules.due_at`."""
        return self._clock() + _LOOK_S if self._open else None

    def ask(self, question: Question) -> None:
        """Follow a question that is sent right behind this."""
        question.before = frozenset(item.id for item in self._items())
        self._open.append(question)
        self._why, self._was_answered = None, False

    def over(self, error: BaseException) -> None:
        """Take that the session is over, and why nothing more is answered."""
        for question in self._open:
            question.error = error
            question.done.set()
        self._open.clear()

    def begin(self) -> list[Effect]:
        """Nothing is asked at the beginning."""
        return []

    def tick(self) -> list[Effect]:
        """Look whether anything still goes on."""
        if not self._open or self._is_busy():
            return []
        questions, self._open = self._open, []
        for question in questions:
            self._settle(question)
        return [Report(Answered(question)) for question in questions]

    def _refused(self, event: ErrorEvent) -> list[Effect]:
        self._why = server_error(event)
        return []

    def _response_done(self, event: ResponseDone) -> list[Effect]:
        response = as_object(as_came(event, "response"))
        if not self._is_out_of_band(as_id(response.get("id")) or ""):
            self._was_answered = True
            self._why = failure_of(response)
        return []

    def _settle(self, question: Question) -> None:
        said = [item for item in self._items() if _is_answer(item, question.before)]
        if said:
            question.text = " ".join(part.text for part in said[-1].parts if part.text)
        elif self._why is not None:
            question.error = self._why
        elif not self._was_answered:
            question.error = AgentError("no answer has come in time; ask again")
        question.done.set()


def _is_answer(item: HistoryItem, before: frozenset[str]) -> bool:
    return item.role == "assistant" and not item.ignored and item.id not in before


def user_item(message: RealtimeUserInput) -> JsonDict:
    """Return a message of the user's in wire form.

    Args:
        message: see `RealtimeSession.send_message`.

    Raises:
        UserError: it is none.
    """
    if isinstance(message, str):
        content: Any = [{"type": "input_text", "text": message}]
    else:
        content = as_object(message).get("content")
    fits = isinstance(content, list) and content and all(map(_is_part, content))
    rule = "a message is a text, or a dictionary with type, role and content, which is a list of"
    require(fits, f"{rule} dictionaries with a type", message)
    return {"type": "message", "role": "user", "content": content}


def _is_part(part: object) -> bool:
    return isinstance(part, Mapping) and isinstance(part.get("type"), str)
