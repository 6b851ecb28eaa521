"""The reader thread: reads messages, makes events of them and fills the queue; nothing else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from sys import getsizeof

from ...errors import ConnectionClosed, ConnectionClosedError, RemoteProtocolError
from ...events import ErrorEvent, ServerEvent, parse_event
from ...events.server import detail_of
from ...providers.dialect import Dialect
from ...transport.base import Transport
from ..state import FOLLOWED, WRONG_SHAPE, ConnectionState
from .queue import EventQueue, Malformed

__all__ = ["Reader", "parse_all"]

log = logging.getLogger(__name__)

# What an event costs beside its text: the fields that were decoded, and the queue's own entry.
# Measured with tracemalloc for a small delta: 1.1 kB.
_EVENT_BYTES = 1_100


class Reader:
    """One link's reader; it does not know the connection, so a forgotten one is freed.

    Args:
        transport: read from now on by nobody else.
        queue: gets the events.
        state: is told of the events that it follows.
        dialect: what the server speaks, None for the GA protocol.
        received: messages that somebody else has read before.
        decode: makes an event of a text message, for another protocol than this one; raises
            RemoteProtocolError for what is none. Its events are only queued: neither followed
            nor translated.

    Attributes:
        closing: nobody makes room in the queue any more.

    Threads: `run` is the reader thread. It runs no user code.
    """

    def __init__(
        self,
        transport: Transport,
        queue: EventQueue,
        state: ConnectionState,
        dialect: Dialect | None = None,
        received: Sequence[str | bytes] = (),
        decode: Callable[[str], ServerEvent] | None = None,
    ) -> None:
        self._received = received
        self._transport = transport
        self._queue = queue
        self._state = state
        self._dialect = dialect
        # Types of which more is to be done than to queue them.
        self._special = FOLLOWED if dialect is None else FOLLOWED | set(dialect.server_types)
        self._decode: Callable[[str], ServerEvent] = parse_event
        # Whether the queue may keep the text of what was consumed, and make the event of it again.
        self._keeps_text = decode is None
        if decode is not None:
            self._decode, self._special = decode, frozenset()
        self.closing = False

    def run(self) -> ConnectionClosed:
        """Read until the link ends; return how it did."""
        try:
            self._deliver_all(self._received)
            self._received = ()
            while True:
                self._queue.rest()
                self._deliver_all(self._transport.read())
        except ConnectionClosed as closed:
            return closed
        except BaseException as exc:  # a reader that dies silently would leave everybody waiting
            end = ConnectionClosedError(1006, f"the reader thread failed: {exc!r}")
            end.__cause__ = exc
            return end
        finally:
            self._transport.abort()

    def _deliver_all(self, messages: Sequence[str | bytes]) -> None:
        queue, special, decode = self._queue, self._special, self._decode
        for message in messages:
            if queue.full and not self._found_space():
                continue
            size = getsizeof(message) + _EVENT_BYTES
            if isinstance(message, bytes):
                self._put_malformed(_binary(message), size)
                continue
            try:
                event = decode(message)
            except RemoteProtocolError as error:
                self._put_malformed(Malformed(message.encode(), error), size)
                continue
            if event.type not in special:
                queue.put(event, size, message if self._keeps_text else None)
            elif self._dialect is not None:
                self._put_translated(event, size)
            elif self._state.receive(event):  # first, so that it is up to date for the consumer
                if event.type == "error":
                    self._note_error(event)
                queue.put(event, size, message)

    def _found_space(self) -> bool:
        """Wait for a consumer; False when the connection is being closed instead.

        Then nobody makes room any more: what still comes before the peer's close frame is let
        go, so that neither the bound nor the closing handshake is broken.
        """
        while self._queue.full and not self.closing:
            self._queue.wait_for_space(lambda: self.closing)
        return not self._queue.full

    def _put_translated(self, event: ServerEvent, size: int) -> None:
        for translated in _translate(event, self._dialect):
            if translated.type not in FOLLOWED or self._state.receive(translated):
                if translated.type == "error":
                    self._note_error(translated)
                self._queue.put(translated, size, translated.raw)

    def _put_malformed(self, message: Malformed, size: int) -> None:
        self._queue.note(message)
        self._queue.put(message, size)

    def _note_error(self, event: ServerEvent) -> None:
        """Take note of an error, and log it unless a call waits for the request that it refuses.

        Here and nowhere else, so that each is logged once, whoever takes it. The server's words may
        repeat what was said or a key, so they are left out.
        """
        assert isinstance(event, ErrorEvent)
        self._queue.note(event)
        error, refusal = detail_of(event), self._state.refusal_of(event)
        if refusal is None or self._queue.awaited.isdisjoint(refusal.requests):
            log.log(
                logging.DEBUG if event.severity == "benign" else logging.WARNING,
                "the server sent an error event that no call waits for: type %.80r, code %.80r, "
                "param %.80r, event_id %.80r",
                error.type,
                error.code,
                error.param,
                error.event_id,
            )


def parse_all(message: str | bytes, dialect: Dialect | None) -> list[ServerEvent]:
    """Return the events in one message, translated where the server speaks a dialect.

    Raises:
        RemoteProtocolError: it is no event.
    """
    return _translate(parse_event(message), dialect)


def _translate(event: ServerEvent, dialect: Dialect | None) -> list[ServerEvent]:
    if dialect is None or event.type not in dialect.server_types:
        return [event]
    try:
        return [parse_event(json.dumps(wire)) for wire in dialect.from_wire(event.to_dict())]
    except (*WRONG_SHAPE, RemoteProtocolError) as exc:  # the program gets the event as it came
        log.warning("%s has an unexpected form and is not translated: %r", event.type, exc)
        return [event]


def _binary(message: bytes) -> Malformed:
    error = RemoteProtocolError(
        f"the server sent a binary message of {len(message)} bytes where the protocol has JSON "
        "text; recv_bytes() returns such messages as they are"
    )
    return Malformed(message, error)
