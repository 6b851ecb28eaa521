"""What becomes of a generator's sound when it ends: committed, answered, or nothing. Pure.

Without turn detection the end of the generator is the end of the turn. With it the server finds the
turns while the generator goes on, and only what it still hears at the end is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..conversation.session import TurnRules
from .exchanges import CommitSound, Effect, Exchange, Exchanges

__all__ = ["SpokenTurns"]

_SPEECH = "what the user says"


class SpokenTurns:
    """Follows what the server hears.

    Args:
        exchanges: ask for what follows.
        turns: who finds the turns of the user, at this moment.

    Threads: one at a time.
    """

    def __init__(self, exchanges: Exchanges, turns: Callable[[], TurnRules]) -> None:
        self._exchanges = exchanges
        self._turns = turns
        self._speaking = False
        self._no_more = False  # the generator has ended, and nothing was appended since
        self._unanswered = False  # a turn was committed, and the server answers none by itself
        self._commit: str | None = None  # ours, without an answer
        self._stopped = False  # the server has found the end of the turn since
        self._commits = 0

    def appended(self) -> None:
        """Take that sound goes to the server."""
        self._no_more = False

    def stream_ended(self, *, sound: bool, text: bool) -> tuple[Exchange | None, list[Effect]]:
        """Take that a generator has ended.

        Args:
            sound: it has yielded sound.
            text: it has yielded text.

        Returns:
            The exchange that comes of it, if one does, and what is to be done.
        """
        if self._turns().manual:
            exchange = Exchange()
            effects: list[Effect] = [CommitSound(self._new_id())] if sound else []
            return exchange, [*effects, *self._exchanges.ask(exchange)]
        self._no_more = sound
        if sound and self._speaking:
            return self._exchanges.spoken, self._commit_rest()
        if text or self._unanswered:
            self._unanswered = False
            exchange = Exchange()
            return exchange, self._exchanges.ask(exchange)
        if self._exchanges.spoken.done.is_set:
            self._exchanges.spoken = Exchange(is_certain=False)
        return self._exchanges.spoken, []

    def started(self) -> None:
        """Take that the server hears speech."""
        self._speaking = True
        self._exchanges.open_spoken(_SPEECH)

    def not_stopped(self) -> list[Effect]:
        """Take that the end of speech, which began late, was not found in what the server has."""
        waits = self._speaking and self._no_more and not self._turns().manual
        return self._commit_rest() if waits else []

    def stopped(self) -> None:
        """Take that the server has found the end of a turn."""
        self._speaking = False
        self._stopped = True
        if self._turns().answers:
            self._exchanges.expect_answer()
        self._exchanges.spoken.close(_SPEECH)

    def committed(self) -> list[Effect]:
        """Take that what was said has become a message."""
        effects: list[Effect] = []
        rules = self._turns()
        if self._commit is not None:
            if not self._stopped or not rules.answers:
                effects = self._exchanges.ask(self._exchanges.spoken)
            self._take_commit()
        elif not rules.manual and not rules.answers:
            self._unanswered = True
        return effects

    def refused(self, requests: Collection[str]) -> None:
        """Take which requests an error refuses."""
        if self._commit in requests:
            self._take_commit()

    def link_lost(self) -> None:
        """Take that what the server has heard is lost."""
        self._take_commit()

    def _commit_rest(self) -> list[Effect]:
        if self._commit is not None:
            return []
        self._no_more = self._stopped = False
        self._commit = self._new_id()
        self._exchanges.open_spoken(self._commit)
        return [CommitSound(self._commit)]

    def _take_commit(self) -> None:
        self._speaking = False
        self._exchanges.spoken.close(_SPEECH)
        commit, self._commit = self._commit, None
        if commit is not None:
            self._exchanges.spoken.close(commit)

    def _new_id(self) -> str:
        self._commits += 1
        return f"app_commit_{self._commits}"
