"""Keeps the server from answering and interrupting by itself, where the loop decides."""

from __future__ import annotations

from collections.abc import Collection

from .._types import JsonDict
from ..conversation.session import SessionState
from .effects import Effect, Report, UpdateTurns
from .events import RuleUnavailable

__all__ = ["TurnControl"]

_ENDS_BY_ITSELF = "the server ends a response by itself as soon as the user speaks"
_NOT_TAKEN = "the server does not switch off {} of its turn detection"


class TurnControl:
    """Switches off what a server with turn detection does about turns, and keeps it off.

    Only with ``interrupt_response`` *and* ``create_response`` off is the loop alone responsible.
    With the first one alone a server refuses the turn that is over while a response is running,
    and answers an "mhm". The second one alone is enough for who only wants to say when a turn is
    answered, and leaves it to the server what interrupts an answer.

    Args:
        known: what is known of the session.
        ends_on_speech: whether the server ends responses when the user speaks, whatever is set.
        interruptions: whether the loop decides about these, too; else only about answers.

    Attributes:
        active: whether the loop alone decides.
        interruptions: as it was given.

    Threads: one at a time.
    """

    def __init__(
        self, known: SessionState, *, ends_on_speech: bool, interruptions: bool = True
    ) -> None:
        self.active = False
        self.interruptions = interruptions
        self._known = known
        self._unavailable = _ENDS_BY_ITSELF if ends_on_speech and interruptions else ""
        self._told = False
        self._updates = 0
        self._latest: str | None = None
        self._before: JsonDict = {}  # what was switched off

    @property
    def is_possible(self) -> bool:
        """Whether the server lets the loop decide, as far as that is known."""
        return not self._unavailable

    def settle(self) -> list[Effect]:
        """Look at the session, whenever something was said of it."""
        turns = self._known.facts.turns
        is_off = turns.detected and not any(self._flags.values())
        if self._known.under_way:
            # What is under way may be our own request: it counts when the server has taken it.
            self.active = self.active and is_off
            return []
        self.active = is_off and not self._unavailable
        if not turns.detected:
            return []
        if not is_off and self._latest in self._known.sent_ids[-1:]:
            # Nothing was asked for since, so this is the answer to it.
            self._unavailable = self._unavailable or _NOT_TAKEN.format(" and ".join(self._flags))
        if self._unavailable:
            return self._tell()
        return [] if is_off else [self._update()]

    def link_lost(self) -> list[Effect]:
        """Look at the session of a new link, which may not know of our latest request."""
        self._latest = None
        return self.settle()

    def refused(self, requests: Collection[str]) -> list[Effect]:
        """Take which of our requests an error refuses."""
        return self.settle() if self._latest in requests else []

    def _tell(self) -> list[Effect]:
        told, self._told = self._told, True
        return [] if told else [Report(RuleUnavailable(reason=self._unavailable))]

    def _update(self) -> UpdateTurns:
        self._updates += 1
        self._latest = f"voice_turns_{self._updates}"
        self._before = self._flags
        return UpdateTurns(self._latest, {**self._detection, **dict.fromkeys(self._before, False)})

    def restore(self) -> list[Effect]:
        """Switch on again what was switched off, if it still is."""
        if not self._before or not self.active:
            return []
        return [
            UpdateTurns(f"voice_turns_{self._updates + 1}", {**self._detection, **self._before})
        ]

    @property
    def _flags(self) -> JsonDict:
        """What is to be off, as it is."""
        turns = self._known.facts.turns
        flags: JsonDict = {"interrupt_response": turns.interrupts} if self.interruptions else {}
        return {**flags, "create_response": turns.answers}

    @property
    def _detection(self) -> JsonDict:
        return self._known.turn_detection or {"type": self._known.facts.turns.kind}
