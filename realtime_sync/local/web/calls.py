"""Calls, as far as programs that control them can be tried out: their states, and no media."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Literal

from attrs import define, field

from ..._latest import keep_latest
from ..._types import JsonDict
from ..protocol.wire import new_id
from .shelf import Shelf

__all__ = ["Call", "OpenCalls", "incoming_event"]

_MOST_SAID = 50  # pieces that wait for who joins the call
_MOST_ENDED = 1000  # of which is known how they ended


@define(eq=False)
class Call:
    """One call.

    Attributes:
        id: ``rtc_…``.
        state: ``"ringing"`` until it is accepted.
        over_at: when it is over at the latest, seconds.
        session_text: `session` as JSON, which takes less memory.
        joined: how many connections have joined it.
        said: what the caller says, base64 in the format of the session's input, for who joins it.
        ended: set when it is over.
    """

    id: str
    state: Literal["ringing", "active"]
    over_at: float
    session_text: str = "null"
    joined: int = 0
    said: asyncio.Queue[str] = field(factory=lambda: asyncio.Queue(_MOST_SAID))
    ended: asyncio.Event = field(factory=asyncio.Event)

    @property
    def session(self) -> JsonDict | None:
        """What who joins it starts with, or None for the defaults; each time a new one."""
        session: JsonDict | None = json.loads(self.session_text)
        return session


class OpenCalls:
    """The calls that are not over.

    Args:
        most: how many there may be.
        limit_s: how long one lasts, and how long it rings.
        clock: seconds, monotonic.
    """

    def __init__(
        self, most: int, *, limit_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._calls: Shelf[Call] = Shelf("calls", most)
        self._ended: dict[str, JsonDict] = {}
        self._limit_s = limit_s
        self._clock = clock

    def ring(self) -> Call:
        """Return a new call that waits to be accepted.

        Raises:
            ServerError: there are too many calls.
        """
        return self._add("ringing", None)

    def begin(self, session: JsonDict | None) -> Call:
        """Return a new call that is active at once, as those over WebRTC are.

        Raises:
            ServerError: there are too many calls.
        """
        return self._add("active", session)

    def accept(self, call: Call, session: JsonDict) -> None:
        """Take a call that rings."""
        call.state, call.session_text = "active", json.dumps(session)
        self._calls.put(call.id, call, chars=len(call.session_text))

    def find(self, call_id: str) -> Call | None:
        """Return a call that is not over."""
        call = self._calls.find(call_id)
        if call is not None and call.over_at <= self._clock():
            self.end(call, "limit")
            return None
        return call

    def state_of(self, call_id: str) -> JsonDict | None:
        """Return what has become of a call, for tests; None for one that there never was.

        ``state`` is ``"ringing"``, ``"active"`` or ``"ended"``, and ``ended_by`` then what has
        ended it, with its details; ``joined`` counts the connections that have joined it.
        """
        call = self.find(call_id)
        if call is None:
            return self._ended.get(call_id)
        return {"state": call.state, "joined": call.joined}

    def end(self, call: Call, ended_by: str, **details: object) -> None:
        """End a call and the connections that have joined it.

        Args:
            call: the call.
            ended_by: what has ended it, ``"refer"`` for example.
            details: what was said with that.
        """
        self._calls.remove(call.id)
        outcome = {"state": "ended", "joined": call.joined, "ended_by": ended_by}
        self._ended[call.id] = {**outcome, **details}
        keep_latest(self._ended, _MOST_ENDED)
        call.ended.set()

    def _add(self, state: Literal["ringing", "active"], session: JsonDict | None) -> Call:
        now = self._clock()
        for call_id, _ in self._calls:
            self.find(call_id)  # which ends those that have lasted too long
        call = Call(new_id("rtc"), state, now + self._limit_s, json.dumps(session))
        self._calls.put(call.id, call, chars=len(call.session_text))
        return call


def incoming_event(call: Call, sip_headers: list[dict[str, str]]) -> JsonDict:
    """Return the body of the webhook that a provider sends when a call comes in."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "created_at": int(time.time()),
        "type": "realtime.call.incoming",
        "data": {"call_id": call.id, "sip_headers": sip_headers},
    }
