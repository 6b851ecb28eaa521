"""Which calls are announced, talk, and have ended: each talks once."""

from __future__ import annotations

import secrets
from typing import Literal

from .store import Store

__all__ = ["Outcome", "Talks"]

# How a talk ended, for whoever goes on with the call.
Outcome = Literal["caller", "hung_up", "transferred", "busy", "failed", "cut"]


class Talks:
    """The talks of all workers.

    Twilio asks for TwiML once more when it did not get the first answer, so an announcement can be
    repeated. Its token opens one stream.

    Args:
        store: of all workers.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def announce(self, call_sid: str, greeting: str) -> str:
        """Expect the stream of a call, and return the token that it has to show."""
        with self._store.transaction() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO talks VALUES (?, ?, ?, 'announced')",
                (call_sid, secrets.token_urlsafe(24), greeting),
            )
            row = connection.execute(
                "SELECT token FROM talks WHERE call_sid = ?", (call_sid,)
            ).fetchone()
        return str(row["token"])

    def take(self, call_sid: str, token: str) -> str | None:
        """Begin the talk of a call; return its greeting, or None where there is none to begin."""
        with self._store.transaction() as connection:
            row = connection.execute(
                "SELECT token, greeting FROM talks WHERE call_sid = ? AND state = 'announced'",
                (call_sid,),
            ).fetchone()
            if row is None or not secrets.compare_digest(row["token"].encode(), token.encode()):
                return None
            connection.execute("UPDATE talks SET state = 'talking' WHERE call_sid = ?", (call_sid,))
        return str(row["greeting"])

    def end(self, call_sid: str, outcome: Outcome) -> None:
        """Note how the talk of a call has ended."""
        with self._store.transaction() as connection:
            connection.execute("UPDATE talks SET state = ? WHERE call_sid = ?", (outcome, call_sid))

    def state(self, call_sid: str) -> str | None:
        """Return ``"announced"``, ``"talking"``, an `Outcome`, or None for a call of nobody's.

        A call that is still ``"talking"`` when its stream is over lost its worker.
        """
        with self._store.transaction() as connection:
            row = connection.execute(
                "SELECT state FROM talks WHERE call_sid = ?", (call_sid,)
            ).fetchone()
        return None if row is None else str(row["state"])
