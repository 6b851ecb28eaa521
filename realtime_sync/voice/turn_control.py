"""Keeps the server from answering and interrupting by itself, where the loop decides."""

from __future__ import annotations

from collections.abc import Collection

from ..conversation.session import SessionState
from ..errors import ConfigError
from .effects import Effect, Report, UpdateTurns
from .events import RuleUnavailable
from .interruptions import Interruptions

__all__ = ["TurnControl"]

_ENDS_BY_ITSELF = "the server ends a response by itself as soon as the user speaks"
_NOT_TAKEN = (
    "the server does not switch off interrupt_response and create_response of its turn detection"
)


class TurnControl:
    """Switches off what a server with turn detection does about turns, and keeps it off.

    Only with ``interrupt_response`` *and* ``create_response`` off is the loop alone responsible.
    With the first one alone a server refuses the turn that is over while a response is running,
    and answers an "mhm".

    Args:
        known: what is known of the session.
        rule: the rules of interruptions; None for answers that can't be interrupted.
        ends_on_speech: whether the server ends responses when the user speaks, whatever is set.

    Attributes:
        active: whether the loop alone decides.

    Threads: one at a time.
    """

    def __init__(
        self, known: SessionState, rule: Interruptions | None, *, ends_on_speech: bool
    ) -> None:
        self.active = False
        self._known = known
        self._rule = rule
        self._unavailable = _ENDS_BY_ITSELF if ends_on_speech else ""
        self._told = False
        self._checked = False
        self._updates = 0
        self._latest: str | None = None

    def settle(self) -> list[Effect]:
        """Look at the session, whenever something was said of it.

        Raises:
            ConfigError: the rules need the user's words, and the session does not have them
                written down.
        """
        turns, under_way = self._known.facts.turns, self._known.under_way
        self.active = False
        if under_way or not turns.detected:
            return []
        if not self._unavailable:
            self._check_transcription()  # nobody decides by words where the server does
        if not self._unavailable and self._latest in self._known.sent_ids[-1:]:
            # Nothing was asked for since, so this is the answer to it.
            self._unavailable = _NOT_TAKEN if turns.answers or turns.interrupts else ""
        if self._unavailable:
            return self._tell()
        if turns.answers or turns.interrupts:
            return [self._update()]
        self.active = True
        return []

    def refused(self, requests: Collection[str]) -> list[Effect]:
        """Take which of our requests an error refuses."""
        return self.settle() if self._latest in requests else []

    def _check_transcription(self) -> None:
        if self._checked or self._rule is None or not self._rule.by_words:
            return
        self._checked = True
        if self._known.transcription is None:
            raise ConfigError(
                "these interruptions are judged by the user's words, and the session does not "
                "have them written down: set audio.input.transcription to {'model': …}, or "
                "judge by length alone with Interruptions(resume=True, backchannels=None)"
            )

    def _tell(self) -> list[Effect]:
        told, self._told = self._told, True
        return [] if told else [Report(RuleUnavailable(reason=self._unavailable))]

    def _update(self) -> UpdateTurns:
        self._updates += 1
        self._latest = f"voice_turns_{self._updates}"
        detection = self._known.turn_detection or {"type": self._known.facts.turns.kind}
        off = {"create_response": False, "interrupt_response": False}
        return UpdateTurns(self._latest, {**detection, **off})
