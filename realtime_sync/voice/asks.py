"""What the loop asks the model for: answers that are owed, and what somebody wants to be said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from typing import Literal

from attrs import frozen

from .._types import JsonDict
from ._voice_connection import ResponseFacts
from .effects import CreateResponse

__all__ = ["Asks", "Begun", "Fate", "Saying"]

Fate = Literal["waiting", "under_way", "heard", "unspoken", "cut", "lost"]
"""What has become of something that somebody wants to be said.

It waits until nothing else goes on, is asked for or plays, was heard to its end, was answered
without a sound, was interrupted or cut off with its link, or is not said, because the server has
refused it or failed.
"""

_WORD_FOR_WORD = 'Say exactly the following words, and nothing else: "{}"'


@frozen
class Saying:
    """What somebody wants to be said: the settings of its response."""

    params: JsonDict
    is_protected: bool

    @classmethod
    def word_for_word(cls, text: str, *, is_protected: bool) -> Saying:
        """Have ``text`` said and nothing else; the model would call a tool in its place."""
        instructions = _WORD_FOR_WORD.format(text)
        return cls({"instructions": instructions, "tool_choice": "none"}, is_protected)


@frozen
class Begun:
    """What a response that has begun answers.

    Attributes:
        asked: whether it was asked for here.
        saying: what somebody wants it to say.
        is_cut: it was interrupted before it began.
    """

    asked: bool
    saying: Saying | None
    is_cut: bool


class Asks:
    """Follows the requests of one conversation; the connection sends one at a time.

    Args:
        facts: what the connection knows of its responses.

    Attributes:
        owed: an answer is to be asked for, as soon as it may be.

    Threads: one at a time.
    """

    def __init__(self, facts: ResponseFacts) -> None:
        self.owed = False
        self._facts = facts
        self._asked: list[str] = []  # of which nothing was created yet, in order
        self._creates = 0
        self._withdrawable: str | None = None  # the latest request; it may still wait
        self._sayings: deque[Saying] = deque()
        self._asked_sayings: dict[str, Saying] = {}  # by the request, until something is created
        self._cut: frozenset[str] = frozenset()  # interrupted before they begin

    @property
    def is_due(self) -> bool:
        """Whether something is owed, or waits to be said."""
        return self.owed or bool(self._sayings)

    @property
    def is_awaited(self) -> bool:
        """Whether a response is asked for and was not interrupted."""
        return not self._cut.issuperset(self._asked)

    @property
    def is_open(self) -> bool:
        """Whether a response is asked for of which no beginning was taken, wanted or not."""
        return bool(self._asked)

    @property
    def is_protected(self) -> bool:
        """Whether one is asked for that nobody may interrupt."""
        return any(saying.is_protected for saying in self._asked_sayings.values())

    def say(self, saying: Saying) -> None:
        """Have a response with settings of its own asked for, when nothing else goes on."""
        self._sayings.append(saying)

    def stage_of(self, saying: Saying) -> Fate | None:
        """Return how far something has come that is to be said; None once it is not asked for."""
        if any(each is saying for each in self._sayings):
            return "waiting"
        asked = any(each is saying for each in self._asked_sayings.values())
        return "under_way" if asked else None

    def say_again(self, sayings: Collection[Saying]) -> None:
        """Have asked for once more, before all else, what was lost before anybody heard it."""
        self._sayings.extendleft(reversed([*sayings]))

    def next(self, *, is_quiet: Callable[[], bool]) -> CreateResponse | None:
        """Return what is to be asked for now; None for nothing.

        Args:
            is_quiet: whether no response is running or still heard. What is to be said waits for
                that; nothing else does, and then nobody is asked.
        """
        if self.owed:
            self.owed = False
            return self._create(None)
        if not self._sayings or self._asked or self._facts.busy or not is_quiet():
            return None
        saying = self._sayings.popleft()
        create = self._create(saying.params)
        self._asked_sayings[create.event_id] = saying
        return create

    def _create(self, params: JsonDict | None) -> CreateResponse:
        self._creates += 1
        event_id = f"voice_create_{self._creates}"
        self._asked = [*self.gone_out, event_id]  # of several that wait, the latest is sent
        # What somebody wants to be said is not withdrawn for a user's turn; it is interrupted.
        self._withdrawable = event_id if params is None else None
        return CreateResponse(event_id, params)

    @property
    def gone_out(self) -> list[str]:
        """The requests without an answer that do not wait for the end of a response."""
        return [event_id for event_id in self._asked if not self._facts.is_waiting(event_id)]

    def begun(self) -> Begun:
        """Take that a response has begun, and return what it answers."""
        begun = self.gone_out
        self._asked = [event_id for event_id in self._asked if event_id not in begun]
        sayings = [self._asked_sayings.pop(event_id, None) for event_id in begun]
        return Begun(
            asked=bool(begun),
            saying=next(filter(None, sayings), None),
            is_cut=not self._cut.isdisjoint(begun),
        )

    def refused(self, requests: Collection[str]) -> bool:
        """Take which requests an error refuses; return whether one of these is among them."""
        if set(requests).isdisjoint(self._asked):
            return False
        self._asked = [event_id for event_id in self._asked if event_id not in requests]
        for event_id in requests:
            self._asked_sayings.pop(event_id, None)
        return True

    def give_up(self, event_id: str) -> Saying | None:
        """Take that a request will not be answered; return what was to be said by it."""
        saying = self._asked_sayings.get(event_id)
        self.refused([event_id])
        return saying

    def cut(self, *, cancel: bool) -> None:
        """Take an interruption.

        Args:
            cancel: whether what is asked for is not wanted any more, either.
        """
        self._cut = frozenset(self._asked if cancel else ())

    def take_withdrawable(self) -> str | None:
        """Return the request that is to be taken back if it still waits; None for none."""
        request, self._withdrawable = self._withdrawable, None
        return request

    def withdrawn(self, event_id: str) -> None:
        """Take that a request had not gone out, and will not: it is owed again."""
        self._asked = [asked for asked in self._asked if asked != event_id]
        self.owed = True

    def link_lost(self) -> bool:
        """Take which requests are gone: those that went out over the link, unanswered.

        One that has waited, or was made since, goes out over the new link, and may be answered in
        full by now. What somebody wanted to be said is asked for again.

        Returns:
            Whether an answer is to be asked for again.
        """
        gone = [event_id for event_id in self._asked if self._facts.is_lost(event_id)]
        self._asked = [event_id for event_id in self._asked if event_id not in gone]
        sayings = [self._asked_sayings.pop(event_id, None) for event_id in gone]
        wanted = [
            saying
            for event_id, saying in zip(gone, sayings, strict=True)
            if event_id not in self._cut
        ]
        self._sayings.extendleft(saying for saying in reversed(wanted) if saying is not None)
        return not self._asked and None in wanted
