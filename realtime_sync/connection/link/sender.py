"""The sending half of a connection; resources hold it instead of the connection.

So a connection is in no reference cycle, and one that is forgotten is freed at once. While the
link is being renewed the sender holds what may wait, and sets aside what belongs to the old link.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any, Literal

from ..._shown import shown
from ..._types import JsonDict
from ...conversation.unconfirmed import LINK_BOUND
from ...errors import ConnectionClosed, LocalProtocolError, QueueFullError
from ...events import ClientEvent, Event
from ...events.json_writer import write_json
from ...events.wire_values import as_object
from ...providers.dialect import Dialect
from ...transport.base import Transport
from .._argument_checks import check_mapping, check_text
from ..reconnect import ReconnectPolicy
from ..settings import DEFAULT_MAX_QUEUE_SIZE
from ..state import WRONG_SHAPE, ConnectionState
from .backlog import Backlog, size_bytes, text_of
from .queue import EventQueue

__all__ = ["Sender", "message", "to_dict"]

Holding = Literal["lost", "renewal"]

_END_BUFFER = ("input_audio_buffer.commit", "input_audio_buffer.clear")
# The end of what was said goes to a renewed link as well, in case a word had just begun: 0.4 s of
# PCM16 in base64, the usual padding before a word and a little more.
_TAIL_CHARS = 25_000
# So many of a thread's requests may still be refused: more than a turn has.
_LATEST = 64


class _OfThread(threading.local):
    """What one thread has sent, and where its searches go on.

    One for both, because each `threading.local` takes 0.7 kB of every connection.
    """

    mark = 0
    event_id: str | None = None
    unanswered = False
    held_for = 0

    def __init__(self) -> None:
        self.requests: list[str] = []  # not a deque: an empty one takes 0.7 kB
        self.places: dict[object, int] = {}


class Sender:
    """Turns client events into messages.

    Threads: all methods may be called from any thread; the transport serialises the writes.
    """

    def __init__(
        self,
        transport: Transport,
        queue: EventQueue,
        state: ConnectionState,
        *,
        dialect: Dialect | None = None,
        policy: ReconnectPolicy | None = None,
        max_queue_size: int = DEFAULT_MAX_QUEUE_SIZE,
    ) -> None:
        self._queue = queue
        self._state = state
        self._policy = policy
        self._keeps_tail = policy is not None and policy.rotate
        self._max_queue_size = max_queue_size
        state.post = self.post
        self._last = _OfThread()
        self._ids = count(1)
        self.dialect = dialect  # the link's to set, like the next
        self.on_renewal_due: Callable[[], object] | None = None
        self.opened_by = ConnectionClosed.opened_by  # see `RealtimeConnection.opened_by`
        self._lock = threading.Lock()  # guards the seven below; never held while sending
        self._transport: Transport = transport
        self._link = 1  # the number of this one
        self._holding: Holding | None = None
        self._held = Backlog()
        self._set_aside = Backlog()
        self._tail = Backlog()  # what was appended last and belongs to no item yet
        self._given_up = False

    # -- for the program -------------------------------------------------------------------------

    def send(self, event: ClientEvent | Mapping[str, Any], *, is_retold: bool = True) -> None:
        """See `RealtimeConnection.send`.

        Args:
            event: it.
            is_retold: whether an item that it creates is told again, should the link be lost before
                it is confirmed. Not where the sender is told of the loss and may do it again.
        """
        self._transport.check_process()  # in a forked child the state's lock may be held for ever
        wire = to_dict(event)
        event_id = wire.get("event_id")
        if event_id is None:
            event_id = wire["event_id"] = f"event_{next(self._ids)}"
        text = message(wire, self.dialect)
        self._renew_if_due()
        last = self._last
        last.event_id = event_id
        last.unanswered = True
        last.requests.append(event_id)
        del last.requests[:-_LATEST]
        try:
            self._state.sent(wire)
            self._transmit(text, wire if is_retold else None)
        except BaseException:  # a signal handler's exception as well
            self._state.forget(event_id)
            raise
        if wire["type"] in _END_BUFFER:
            with self._lock:
                self._tail.empty()

    def send_when_idle(self, event: JsonDict) -> None:
        """Send a ``response.create`` now, or when the response that is running is done.

        Args:
            event: in wire form, with an ``event_id``.

        Raises:
            The same as `send`, at once.
        """
        self._transport.check_process()
        event = json.loads(
            write_json(event, event["type"])
        )  # a copy that can be written, whenever that will be
        try:
            if self._state.ask_when_idle(event):
                self.send(event)
        except BaseException:
            self._state.forget(event["event_id"])
            raise

    def post(self, event: JsonDict) -> None:
        """Have an event sent without waiting for the link; not kept in mind as this thread's.

        Args:
            event: in wire form, with an ``event_id``.

        Raises:
            ConnectionClosed: the connection is over.
        """
        text = message(event, self.dialect)
        try:
            self._state.sent(event)
            self._hand_over(text, event, post=True)
        except BaseException:
            self._state.forget(event["event_id"])
            raise

    def send_raw(self, data: str | bytes) -> None:
        """See `RealtimeConnection.send_raw`."""
        self._renew_if_due()
        self._transmit(data)

    def append(self, data: bytes) -> None:
        """Send an ``input_audio_buffer.append``, which is JSON already."""
        self._renew_if_due()
        self._state.appended()
        if self._transmit(data) and self._keeps_tail:
            with self._lock:
                self._tail.add_latest(data, _TAIL_CHARS)

    def _renew_if_due(self) -> None:
        if self.on_renewal_due is not None and self._state.renew_at <= time.monotonic():
            self.on_renewal_due()

    def _transmit(self, data: str | bytes, wire: JsonDict | None = None) -> bool:
        """Send or hold ``data``; return whether it was sent."""
        self._last.mark = self._queue.received
        if self._hand_over(data, wire):
            return True
        self._last.mark = self._queue.received  # it is the new link's
        return False

    def _hand_over(
        self, data: str | bytes, wire: JsonDict | None = None, *, post: bool = False
    ) -> bool:
        put = self._post_now if post else self._send_now
        while self._holding is None or not self._hold(data):
            transport = self._transport
            try:
                if put(transport, data, wire):
                    return True
            except ConnectionClosed as closed:
                # Not taken whole by the kernel, so the server can't have it: it may wait for the
                # new link like anything that is sent a moment later.
                if not self._another_comes(transport, closed):
                    closed.opened_by = self.opened_by
                    raise
        return False

    def _send_now(self, transport: Transport, data: str | bytes, wire: JsonDict | None) -> bool:
        """Send ``data``; return False if its link was lost meanwhile, so that the next gets it."""
        transport.send(data)
        if wire is None:
            return True
        # Either whoever finds the link lost sees it noted as gone, or it is seen here that one did.
        with self._lock:
            if transport is self._transport and self._holding != "lost":
                self._state.transmitted(wire)
                return True
        return not self._state.is_unsent(wire)

    def _post_now(self, transport: Transport, data: str | bytes, wire: JsonDict | None) -> bool:
        """Queue ``data`` in the link of the moment; return False if it is being replaced."""
        with self._lock:  # so that `take_back` finds it queued, or nobody does
            if transport is not self._transport or self._holding is not None:
                return False
            transport.post(data)
            if wire is not None:
                self._state.transmitted(wire)
        return True

    def _another_comes(self, failed: Transport, closed: ConnectionClosed) -> bool:
        """Whether there is a link after ``failed``, or will be."""
        with self._lock:
            if self._transport is not failed:  # while this thread waited in it
                return True
            if self._holding is None and not self._given_up and self._policy is not None:
                self._holding = "lost" if self._policy.covers(closed) else None
            return self._holding is not None

    @property
    def mark(self) -> int:
        """How many messages had come when this thread last sent; 0 if it never did."""
        return self._last.mark

    @property
    def last_event_id(self) -> str | None:
        """The id of the event that this thread sent last, unless `forget` was told of it."""
        return self._last.event_id

    @property
    def requests(self) -> tuple[str, ...]:
        """The ids of the latest events that this thread sent, without those of `forget`."""
        return tuple(self._last.requests)

    @property
    def places(self) -> dict[object, int]:
        """Where this thread's next search for the same begins; the observer's to change."""
        return self._last.places

    def forget(self, *event_ids: str) -> None:
        """Take note that this thread knows what became of events that it sent."""
        last = self._last
        for event_id in event_ids:
            with contextlib.suppress(ValueError):
                last.requests.remove(event_id)
            if last.event_id == event_id:
                last.event_id = None

    @property
    def link(self) -> int:
        """The number of the link of the moment, counted from 1."""
        return self._link

    @property
    def held_for(self) -> int:
        """The number of the link for which something of this thread's was held; 0 for none.

        Losses of earlier links do not concern it, also where they are told of only later.
        """
        return self._last.held_for

    def take_unanswered(self) -> bool:
        """Whether this thread has sent something and not waited for anything since; once."""
        unanswered, self._last.unanswered = self._last.unanswered, False
        return unanswered

    # -- for the link ----------------------------------------------------------------------------

    def hold(self, why: Holding) -> None:
        """Keep what is sent from now on until `release`, `adopt` or `give_up`.

        Args:
            why: "lost": set aside what belongs to the lost link. "renewal": the link is replaced
                at a quiet moment, when nothing belongs to the old one.
        """
        with self._lock:
            if self._given_up:
                return
            self._holding = why
            if why == "lost":  # a renewal may have held some that now have lost their link
                self._held.move(_is_link_bound, self._set_aside)

    def take_back(self, messages: Sequence[str]) -> None:
        """Hold what the lost link was given by `post` and did not send, before all else."""
        held = [data for data in messages if not _is_link_bound(data)]
        for data in held:
            self._state.transmitted(_wire_of(data), gone=False)
        with self._lock:
            self._held.put_before(held)

    def release(self, transport: Transport) -> None:
        """Hold no more, and let ``transport`` send what was held before anything else."""
        with self._lock:
            self._release_locked(transport)

    def adopt(
        self,
        transport: Transport,
        dialect: Dialect | None,
        *,
        with_tail: bool = False,
    ) -> list[str]:
        """Take ``transport`` for what is sent from now on; return what was set aside.

        Args:
            transport: the new link.
            dialect: what is spoken on it.
            with_tail: send the end of what was said over the old link once more, first of all.
        """
        with self._lock:
            self._transport = transport
            self._link += 1
            self.dialect = dialect
            self._tail.trim(_TAIL_CHARS)
            tail = self._tail.empty()
            if with_tail:
                self._held.put_before(tail)
            lost = self._set_aside.empty()
            self._release_locked(transport)
            return lost

    def _release_locked(self, transport: Transport) -> None:
        """Give ``transport`` all that is held; it sends in order, so new messages come after."""
        if self._given_up:
            return
        self._holding = None
        try:
            while (data := self._held.first()) is not None:
                transport.post(data)
                self._state.transmitted(_wire_of(data))
                self._held.drop_first()
        except ConnectionClosed:  # it has ended already, as its reader will find
            self._holding = "renewal"

    def withdraw(self, event_id: str) -> bool:
        """Forget a request that waits or is held, and so was not sent; return whether it was so."""
        withdrawn = Backlog()
        with self._lock:
            self._held.move(lambda data: f'"{event_id}"' in text_of(data), withdrawn)
        if not withdrawn.size:
            return self._state.withdraw(event_id)
        self._state.forget(event_id)
        return True

    def give_up(self) -> list[str]:
        """Stop holding, because there will be no new link; return what was not sent."""
        with self._lock:
            self._given_up = True
            self._holding = None
            return self._set_aside.empty() + self._held.empty()

    def _hold(self, data: str | bytes) -> bool:
        """Keep ``data`` if the link is being made anew; say whether it is."""
        self._transport.check_process()  # in a forked child the lock might be held for ever
        with self._lock:
            if self._holding is None:
                return False
            self._last.held_for = self._link + 1
            if self._holding == "lost" and _is_link_bound(data):
                self._set_aside.add(data)
                self._set_aside.trim(self._max_queue_size)
                return True
            if self._held.size + size_bytes(data) > self._max_queue_size:
                raise QueueFullError(
                    f"{self._held.size} bytes wait for the connection to be made anew and "
                    f"max_queue_size is {self._max_queue_size}: wait for the 'reconnected' event"
                )
            self._held.add(data)
            return True


def _is_link_bound(data: str | bytes) -> bool:
    return _wire_of(data).get("type") in LINK_BOUND


def _wire_of(data: str | bytes) -> JsonDict:
    try:
        return as_object(json.loads(data))
    except ValueError:  # sent as it is; the server will say what it is not
        return {}


def to_dict(event: ClientEvent | Mapping[str, Any]) -> JsonDict:
    """Return a client event's wire form, a copy of its own.

    Raises:
        LocalProtocolError: it is no event, or a mapping without ``type``, or its ``event_id`` or
            ``session`` is of another type than the protocol's.
    """
    if isinstance(event, Event):
        return _checked(event.to_dict())
    if not isinstance(event, Mapping):
        raise LocalProtocolError(
            f"send takes an event or its wire form as a mapping, not {type(event).__name__}; JSON "
            "text goes through send_raw"
        )
    if not isinstance(event.get("type"), str):
        raise LocalProtocolError(
            "a client event needs a 'type', such as 'session.update'; got the keys "
            f"{shown(list(event))}"
        )
    return _checked(dict(event))


def message(event: JsonDict, dialect: Dialect | None) -> str:
    """Return the text in which a client event is sent, in the server's dialect.

    Raises:
        LocalProtocolError: it has no JSON form, or none in the dialect.
    """
    kind = event["type"]
    try:
        wire = event if dialect is None else dialect.to_wire(event)
    except WRONG_SHAPE as exc:
        what = f"{kind} has a form that {dialect and dialect.name!r} can't say: {exc!r}"
        raise LocalProtocolError(what) from exc
    return write_json(wire, kind)


def _checked(wire: JsonDict) -> JsonDict:
    """Return ``wire``, of which the connection itself reads these fields."""
    if wire.get("event_id") is not None:
        check_text("event_id", wire["event_id"])
    if wire["type"] == "session.update" and "session" in wire:
        check_mapping("session", wire["session"], '{"type": "realtime"}')
    return wire
