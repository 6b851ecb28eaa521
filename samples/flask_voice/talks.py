"""All talks of this process: how many there may be, who may join which, and how long they wait."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

from realtime_sync.agents import RealtimeSession

from .playback import PageTracker
from .talk import Talk

__all__ = ["Refused", "Talks"]

TICKET_S = 30.0
_LOOK_S = 0.2


class Refused(Exception):  # noqa: N818 -- an answer, not a fault of the program
    """What a page asks for is not to be had; its text is a sentence for the user.

    Attributes:
        code: for the page.
        status: of the HTTP answer.
    """

    def __init__(self, code: str, status: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.status = status


class Talks:
    """Hands out tickets for talks, old and new, and ends those that no page comes back to.

    A ticket is for one socket, and for the login that has asked for it.

    Args:
        open_session: returns a session that is not entered, for a playback tracker.
        most: talks in all.
        most_per_user: talks of one user.
        rejoin_s: how long a talk waits for a page that was lost.
        is_ending: whether the server is about to end: no new talk, and nobody comes back.
        drain_s: how long pages may go on then.
        clock: seconds, monotonic.

    Threads: any may call anything. One thread looks after waiting talks; it runs while there are
        talks.
    """

    def __init__(
        self,
        open_session: Callable[[PageTracker], RealtimeSession[Any]],
        *,
        most: int,
        most_per_user: int,
        rejoin_s: float,
        is_ending: Callable[[], bool] = lambda: False,
        drain_s: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_session = open_session
        self._most = most
        self._most_per_user = most_per_user
        self._rejoin_s = rejoin_s
        self._is_ending = is_ending
        self._drain_s = drain_s
        self._clock = clock
        self._closing = threading.Event()
        self._lock = threading.Lock()  # guards all below
        self._talks: dict[str, Talk] = {}
        self._tickets: dict[str, tuple[Talk, str, float]] = {}  # the talk, the login, until when
        self._watcher: threading.Thread | None = None

    def __len__(self) -> int:
        with self._lock:
            return len(self._talks)

    def ticket(self, user: str, login: str, talk_id: str | None = None) -> tuple[str, str]:
        """Return a ticket for a new talk, or for one that goes on, and the talk's id.

        Raises:
            Refused: there is no room, or no such talk of this user's.
        """
        if self._is_ending():
            words = "The server is about to be restarted. Try again in a minute."
            raise Refused("ending", 503, words)
        with self._lock:
            talk = self._new_locked(user, login) if talk_id is None else self._talks.get(talk_id)
            if talk is None or talk.user != user:
                words = "This talk is over. Begin a new one."
                raise Refused("talk_over", 404, words)
            ticket = secrets.token_urlsafe(24)
            self._tickets[ticket] = (talk, login, self._clock() + TICKET_S)
            self._watch_locked()
        return ticket, talk.id

    def redeem(self, ticket: str, login: str) -> Talk:
        """Return the talk of a ticket, which is worth nothing from now on.

        Raises:
            Refused: it is none, it is somebody else's, or too old.
        """
        with self._lock:
            talk, owner, until = self._tickets.pop(ticket, (None, "", 0.0))
            if talk is None or owner != login or self._clock() >= until:
                raise Refused("ticket", 403, "this ticket is not valid any more; get another one")
        return talk

    def give_up(self, user: str, talk_id: str) -> None:
        """End a talk of this user's, whose page has no socket; nothing if there is none."""
        with self._lock:
            talk = self._talks.get(talk_id)
        if talk is not None and talk.user == user:
            talk.end(1000)

    def end_all(self, login: str) -> None:
        """End the talks that were begun by a login which is over."""
        with self._lock:
            talks = [talk for talk in self._talks.values() if talk.login == login]
        for talk in talks:
            talk.end(4001, "You have logged out.")

    def close(self) -> None:
        """End all talks, and wait for that."""
        self._closing.set()
        with self._lock:
            talks, watcher = [*self._talks.values()], self._watcher
        for talk in talks:
            talk.end()
        for talk in talks:
            talk.join()
        if watcher is not None:
            watcher.join()

    def _new_locked(self, user: str, login: str) -> Talk:
        if sum(talk.user == user for talk in self._talks.values()) >= self._most_per_user:
            words = (
                f"Nobody has more than {self._most_per_user} at a time. End another talk first, "
                f"or wait for {self._rejoin_s:g} s if you have closed its page."
            )
            raise Refused("user_limit", 429, words)
        if len(self._talks) >= self._most:
            words = f"All {self._most} lines are taken. Try again in a few minutes."
            raise Refused("server_full", 503, words)
        talk = Talk(
            secrets.token_urlsafe(16),
            user=user,
            login=login,
            open_session=self._open_session,
            on_over=self._forget,
            expires_at=self._clock() + TICKET_S,
            rejoin_s=self._rejoin_s,
            clock=self._clock,
        )
        self._talks[talk.id] = talk
        return talk

    def _forget(self, talk: Talk) -> None:
        with self._lock:
            self._talks.pop(talk.id, None)

    # -- the thread that looks after them ---------------------------------------------------------

    def _watch_locked(self) -> None:
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, name="talks", daemon=True)
            self._watcher.start()

    def _watch(self) -> None:
        has_told = False
        while True:
            with self._lock:
                self._drop_old_tickets_locked()
                if not self._talks:
                    self._watcher = None
                    return
                talks = [*self._talks.values()]
            if self._is_ending() and not has_told:
                has_told = True
                for talk in talks:
                    talk.tell({"type": "ending", "seconds": self._drain_s})
            for talk in talks:
                if talk.is_due(float("inf") if has_told else self._clock()):
                    talk.end(4002, "Nobody has come back to this talk in time.")
            self._closing.wait(_LOOK_S)

    def _drop_old_tickets_locked(self) -> None:
        now = self._clock()
        for ticket in [each for each, (*_, until) in self._tickets.items() if now >= until]:
            del self._tickets[ticket]
