"""Calls, as far as programs that control them can be tried out: their states, and no media."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from attrs import define, field

from ..._types import JsonDict
from ..protocol.wire import new_id

__all__ = ["Call", "OpenCalls", "incoming_event"]


@define(eq=False)
class Call:
    """One call.

    Attributes:
        id: ``rtc_…``.
        state: ``"ringing"`` until it is accepted.
        session: what the connections that join it start with, or None for the defaults.
        ended: set when it is over.
    """

    id: str
    state: Literal["ringing", "active"]
    session: JsonDict | None = None
    ended: asyncio.Event = field(factory=asyncio.Event)


class OpenCalls:
    """The calls that are not over."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}

    def ring(self) -> Call:
        """Return a new call that waits to be accepted."""
        return self._add(Call(new_id("rtc"), "ringing"))

    def begin(self, session: JsonDict | None) -> Call:
        """Return a new call that is active at once, as those over WebRTC are."""
        return self._add(Call(new_id("rtc"), "active", session))

    def find(self, call_id: str) -> Call | None:
        """Return a call that is not over."""
        return self._calls.get(call_id)

    def end(self, call: Call) -> None:
        """End a call and the connections that have joined it."""
        del self._calls[call.id]
        call.ended.set()

    def _add(self, call: Call) -> Call:
        self._calls[call.id] = call
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
