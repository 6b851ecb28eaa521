"""Calls that others order: each order is placed once, whatever happens meanwhile."""

from __future__ import annotations

import logging
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from realtime_sync import ConfigError, RealtimeError
from realtime_sync.errors import CallUnknownError
from realtime_sync.telephony import TwilioCalls

from .settings import Settings
from .store import Store

__all__ = ["KeyTakenError", "Order", "Outbound"]

log = logging.getLogger(__name__)

# An order that is still being placed after this lost its worker: Twilio has 10 s to answer.
_PLACING_S = 30.0
_LONGEST_CALL_S = 1800
_RINGING_S = 30
# Twilio's reports may come in another order than they were sent.
_RANKS = {"queued": 0, "initiated": 1, "ringing": 2, "in-progress": 3}
_FINAL = 4
_TOLD = {
    "busy": "the line was busy",
    "no-answer": "nobody has answered",
    "failed": "Twilio could not connect the call",
    "canceled": "the call was cancelled",
}
_LOST = (
    "the process that placed the call to {callee} ended meanwhile; look at the account's calls "
    "whether it was placed"
)


class KeyTakenError(ConfigError):
    """An idempotency key was used for another call."""


@dataclass(frozen=True)
class Order:
    """A call that was ordered.

    Attributes:
        key: its idempotency key.
        callee: who is called.
        greeting: what is said first.
        state: ``"placing"``; ``"placed"`` when Twilio has taken it; ``"refused"`` when Twilio has
            not, so that nobody was called; ``"unknown"`` when its answer did not come. An unknown
            order becomes a placed one as soon as Twilio tells of its call.
        call_sid: Twilio's name of the call, None where it is not known.
        status: of the call, in Twilio's words, such as ``"no-answer"``.
        answered_by: ``"human"``, ``"machine_start"`` … or None.
        error: why it was refused, or is unknown.
    """

    key: str
    callee: str
    greeting: str
    state: str
    call_sid: str | None
    status: str | None
    answered_by: str | None
    error: str | None

    def as_json(self) -> dict[str, Any]:
        """Return what clients are told."""
        return {
            "key": self.key,
            "to": self.callee,
            "state": self.state,
            "call_sid": self.call_sid,
            "status": self.status,
            "answered_by": self.answered_by,
            "told": self.told,
        }

    @property
    def told(self) -> str | None:
        """In words what went wrong, or who has answered; None where a person was called."""
        if self.error is None and self.by_machine:
            return "an answering machine has answered"
        return self.error or _TOLD.get(self.status or "")

    @property
    def by_machine(self) -> bool:
        """Whether a machine has answered."""
        return (self.answered_by or "").startswith(("machine", "fax"))


class Outbound:
    """Places calls, and knows what became of them.

    An order is written down before Twilio is asked. So whoever orders it again, at the same
    moment, in another worker or after a crash, gets what became of the first.

    Args:
        settings: of the bridge.
        twilio: places the calls.
        store: of all workers.
        clock: seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        twilio: TwilioCalls,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._twilio = twilio
        self._store = store
        self._clock = clock

    def place(self, key: str, callee: str, greeting: str) -> Order:
        """Call somebody, unless this was ordered before.

        Raises:
            KeyTakenError: the key belongs to another call.
        """
        ref = secrets.token_urlsafe(24)
        with self._store.transaction() as connection:
            new = connection.execute(
                "INSERT OR IGNORE INTO orders (key, ref, callee, greeting, state, ordered_at)"
                " VALUES (?, ?, ?, ?, 'placing', ?)",
                (key, ref, callee, greeting, self._clock()),
            ).rowcount
        if new:
            self._place(ref, callee)
        order = self.find(key)
        assert order is not None, "orders stay"
        if (order.callee, order.greeting) != (callee, greeting):
            raise KeyTakenError(
                f"the key {key!r} was used for another call; take a new one for each call"
            )
        return order

    def find(self, key: str) -> Order | None:
        """Return an order, None where there is none."""
        with self._store.transaction() as connection:
            row = connection.execute("SELECT * FROM orders WHERE key = ?", (key,)).fetchone()
        return None if row is None else self._order(row)

    def note(
        self, ref: str, call_sid: str, *, status: str = "", answered_by: str = ""
    ) -> Order | None:
        """Take what Twilio tells of a call; return its order, None where there is none.

        Args:
            ref: the order's, which only Twilio was told.
            call_sid: of the call.
            status: the call's; what is older than what is known is passed over.
            answered_by: who has answered.
        """
        with self._store.transaction() as connection:
            row = connection.execute("SELECT * FROM orders WHERE ref = ?", (ref,)).fetchone()
            if row is None or row["call_sid"] not in (None, call_sid):
                return None
            before = self._order(row)
            if _rank(status) < _rank(before.status) or _rank(before.status) == _FINAL:
                status = ""
            connection.execute(
                "UPDATE orders SET state = 'placed', error = NULL, call_sid = ?,"
                " status = coalesce(nullif(?, ''), status),"
                " answered_by = coalesce(nullif(?, ''), answered_by) WHERE ref = ?",
                (call_sid, status, answered_by, ref),
            )
            row = connection.execute("SELECT * FROM orders WHERE ref = ?", (ref,)).fetchone()
        order = self._order(row)
        if order.told and order.told != before.told:
            log.info("call %s: %s", call_sid, order.told)
        return order

    def _place(self, ref: str, callee: str) -> None:
        here, query = self._settings.public_url, urlencode({"ref": ref})
        try:
            call = self._twilio.create(
                to=callee,
                from_=self._settings.caller_number,
                url=f"{here}/voice?{query}",
                status_callback=f"{here}/status?{query}",
                machine_detection="Enable",
                ring_timeout=_RINGING_S,
                time_limit=_LONGEST_CALL_S,
            )
        except CallUnknownError as exc:
            self._not_placed(ref, "unknown", exc)
        except RealtimeError as exc:
            self._not_placed(ref, "refused", exc)
        else:
            self.note(ref, call.sid, status=call.status)

    def _not_placed(self, ref: str, state: str, exc: Exception) -> None:
        log.warning("the order of a call is %s: %s", state, exc)
        with self._store.transaction() as connection:
            # Twilio may have told of the call meanwhile: then it was placed.
            connection.execute(
                "UPDATE orders SET state = ?, error = ? WHERE ref = ? AND state = 'placing'",
                (state, str(exc), ref),
            )

    def _order(self, row: sqlite3.Row) -> Order:
        state, error = row["state"], row["error"]
        if state == "placing" and self._clock() - row["ordered_at"] > _PLACING_S:
            state, error = "unknown", _LOST.format(callee=row["callee"])
        return Order(
            row["key"], row["callee"], row["greeting"], state, row["call_sid"], row["status"],
            row["answered_by"], error,
        )  # fmt: skip


def _rank(status: str | None) -> int:
    return _RANKS.get(status, _FINAL) if status else -1
