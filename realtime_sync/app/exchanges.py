"""What the app asks the model for, and when all that follows from it is over. Pure.

An *exchange* begins with a request of a sender's, or with what the server answers by itself. It
goes on with the calls in the response and the responses to their outputs, and is over when none of
these is open: completed, cancelled or failed, or lost with the link.

The connection sends one request at a time and unites those that wait. A sender's message is to have
an answer of its own, perhaps with its own tools, so the line is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Protocol

from attrs import define, field, frozen

from .._signal_safe import Latch
from .._types import JsonDict
from ..conversation.tool_calls import OpenCall, ToolCalls
from ..events.wire_values import as_id, as_object, as_text

__all__ = ["Ask", "CommitSound", "Effect", "Exchange", "Exchanges", "ResponseLookup"]

# The metadata key by which a response is known as the answer to a certain request.
_KEY = "realtime_sync_request"
_ANSWER = "the answer that the server owes"


@frozen
class Ask:
    """``response.create`` is to be sent, when no response is running, and the message before it."""

    event_id: str
    params: JsonDict | None
    message: JsonDict | None = None


@frozen
class CommitSound:
    """``input_audio_buffer.commit`` is to be sent."""

    event_id: str


Effect = Ask | CommitSound


class ResponseLookup(Protocol):
    """What the connection knows of its responses."""

    def is_out_of_band(self, response_id: str) -> bool:
        """Whether one is none of the conversation's."""

    def is_waiting(self, event_id: str) -> bool:
        """Whether a request waits for the end of a response."""

    def is_lost(self, event_id: str) -> bool:
        """Whether a lost link took a request along unanswered."""


@define(eq=False)
class Exchange:
    """One request and all that follows from it.

    Attributes:
        params: the settings of its responses, such as their tools.
        message: the item that is to be answered, until it goes out. That is right before its
            request: the answer to another one is not to see it.
        is_certain: something will come; else it is to be seen whether the server heard anything.
        begun: its request has gone out, or something has happened without one.
        done: nothing of it is open any more.
    """

    params: JsonDict | None = None
    message: JsonDict | None = None
    is_certain: bool = True
    begun: Latch = field(factory=Latch)
    done: Latch = field(factory=Latch)
    _open: set[str] = field(factory=set)

    @property
    def is_open(self) -> bool:
        """Whether something of it is."""
        return bool(self._open)

    def open(self, name: str) -> None:
        """Take that a request, a response or a call of it is under way."""
        self._open.add(name)

    def close(self, name: str) -> None:
        """Take that it is over; what was not under way changes nothing."""
        if name in self._open:
            self._open.remove(name)
            if not self._open:
                self.settle()

    def settle(self) -> None:
        """Let nobody wait for it any longer."""
        self.begun.set()
        self.done.set()


class Exchanges:
    """Follows the exchanges of one connection.

    Args:
        responses: what the connection knows of them.
        calls: the calls of tools.
        echoes_metadata: whether the server takes metadata and tells them again.
        follow_up: settings of the responses to outputs of tools.

    Attributes:
        spoken: the exchange of what the server answers by itself.

    Threads: one at a time.
    """

    def __init__(
        self,
        *,
        responses: ResponseLookup,
        calls: ToolCalls,
        echoes_metadata: bool = True,
        follow_up: JsonDict | None = None,
    ) -> None:
        self.spoken = Exchange(is_certain=False)
        self._lookup = responses
        self._calls = calls
        self._with_metadata = echoes_metadata
        self._follow_up = follow_up or {}
        self._line: deque[tuple[str, Exchange]] = deque()
        self._asked: tuple[str, Exchange] | None = None  # has gone out, and has no answer
        self._requests: dict[str, Exchange] = {}  # all without an answer
        self._running: dict[str, Exchange] = {}  # by the response
        self._called: dict[str, Exchange] = {}  # by the call
        self._echoed = False  # the server has told our metadata again
        self._creates = 0
        self._ended = False

    def ask(self, exchange: Exchange) -> list[Effect]:
        """Have a response asked for, as soon as all earlier requests have their answer."""
        self._put_in_line(exchange)
        return self._next()

    def _put_in_line(self, exchange: Exchange, *, first: bool = False) -> None:
        if self._ended:
            exchange.settle()
            return
        self._creates += 1
        event_id = f"app_create_{self._creates}"
        exchange.open(event_id)
        self._requests[event_id] = exchange
        (self._line.appendleft if first else self._line.append)((event_id, exchange))

    def _next(self) -> list[Effect]:
        """Return the request that is to be sent now."""
        if self._asked is not None or self._running or not self._line:
            return []
        self._asked = event_id, exchange = self._line.popleft()
        params = dict(exchange.params or {})
        if self._with_metadata:
            params["metadata"] = {_KEY: event_id}
        message, exchange.message = exchange.message, None
        exchange.begun.set()
        return [Ask(event_id, params or None, message)]

    def expect_answer(self) -> None:
        """Take that the server owes an answer to what it has heard."""
        self.open_spoken(_ANSWER)

    def open_spoken(self, name: str) -> None:
        """Take that something goes on in the server's ears, of which an answer may come."""
        if self._ended:
            return
        if self.spoken.done.is_set:
            self.spoken = Exchange(is_certain=False)
        self.spoken.open(name)
        self.spoken.begun.set()

    # -- responses -------------------------------------------------------------------------------

    def created(self, response: JsonDict) -> None:
        """Take a response that has begun."""
        response_id = as_id(response.get("id")) or ""
        if self._ended or self._lookup.is_out_of_band(response_id):
            return
        answered = self._answered_by(response)
        if answered is None:
            self.open_spoken(response_id)
            self._running[response_id] = self.spoken
            self.spoken.close(_ANSWER)
            return
        exchange = self._requests.pop(answered)
        if self._asked is not None and self._asked[0] == answered:
            self._asked = None
        exchange.open(response_id)
        self._running[response_id] = exchange
        exchange.close(answered)

    def _answered_by(self, response: JsonDict) -> str | None:
        """Return the request that a response answers; None when the server made it by itself."""
        named = as_text(as_object(response.get("metadata")).get(_KEY))
        if named is not None:
            self._echoed = True
            return named if named in self._requests else None
        if self._asked is None or self._echoed:
            return None
        event_id, _ = self._asked
        return None if self._lookup.is_waiting(event_id) else event_id

    def done(self, response: JsonDict) -> list[Effect]:
        """Take a response that is over; return what is to be asked for now."""
        response_id = as_id(response.get("id"))
        if response_id is None:
            response_id = next(iter(self._running), "") if len(self._running) == 1 else ""
        exchange = self._running.pop(response_id, None)
        if exchange is not None:
            interrupted = response.get("status") == "cancelled"
            if self._calls.over(response_id, interrupted=interrupted):
                self._owe(exchange)
            exchange.close(response_id)
        return self._next()

    def interrupted(self) -> list[Effect]:
        """Take that the server has ended what was running, without a word, as the user speaks."""
        ends = [{"id": response_id, "status": "cancelled"} for response_id in self._running]
        return [effect for end in ends for effect in self.done(end)]

    def _owe(self, exchange: Exchange) -> None:
        """Have the answer to outputs of tools asked for, before all else."""
        if self._follow_up:
            exchange.params = {**(exchange.params or {}), **self._follow_up}
        self._put_in_line(exchange, first=True)

    def refused(self, requests: Collection[str]) -> list[Effect]:
        """Take which requests an error refuses; return what is to be asked for instead."""
        for event_id in requests:
            exchange = self._requests.pop(event_id, None)
            if exchange is not None:
                self._line = deque(each for each in self._line if each[0] != event_id)
                if self._asked is not None and self._asked[0] == event_id:
                    self._asked = None
                exchange.close(event_id)
        return self._next()

    # -- calls -----------------------------------------------------------------------------------

    def called(self, response_id: object, item: JsonDict) -> OpenCall | None:
        """Take an item that is complete; return the call if it is ours to answer."""
        if self._ended or self._lookup.is_out_of_band(as_id(response_id) or ""):
            return None
        call = self._calls.called(response_id, item)
        if call is None:
            return None
        exchange = self._running.get(as_id(response_id) or "") or self._exchange_of_unnamed()
        exchange.open(call.call_id)
        self._called[call.call_id] = exchange
        return call

    def _exchange_of_unnamed(self) -> Exchange:
        """Return the exchange of a call that names no response that is known."""
        return next(iter(self._running.values())) if len(self._running) == 1 else self.spoken

    def finished(self, call_id: str) -> list[Effect]:
        """Take that a call's output was sent; return what is to be asked for now."""
        exchange = self._called.pop(call_id, None)
        owed = self._calls.finished(call_id)
        if exchange is not None:
            if owed:
                self._owe(exchange)
            exchange.close(call_id)
        return self._next()

    # -- ends ------------------------------------------------------------------------------------

    def link_lost(self) -> list[Effect]:
        """Take that the conversation goes on over a new link; return what is to be asked again."""
        if self._calls.link_lost():
            self._owe(self.spoken)
        for response_id, exchange in self._running.items():
            exchange.close(response_id)
        self._running.clear()
        self.spoken.close(_ANSWER)
        if self._asked is not None and self._lookup.is_lost(self._asked[0]):
            event_id, exchange = self._asked
            self._asked = None
            self._put_in_line(exchange, first=True)
            self._requests.pop(event_id, None)
            exchange.close(event_id)
        return self._next()

    def end(self) -> None:
        """Let nobody wait for anything any longer."""
        self._ended = True
        for exchange in self._exchanges():
            exchange.settle()

    def _exchanges(self) -> list[Exchange]:
        found = (self._requests, self._running, self._called)
        return [self.spoken, *(exchange for exchanges in found for exchange in exchanges.values())]
