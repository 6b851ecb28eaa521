"""The reader thread: reads messages, makes events of them and fills the queue; nothing else."""

from __future__ import annotations

from sys import getsizeof

from ..errors import (
    ConnectionClosed,
    ConnectionClosedError,
    RemoteProtocolError,
)
from ..events import ServerEvent, parse_event
from ..transport.base import Transport
from ._queue import EventQueue, Malformed
from .state import ConnectionState

__all__ = ["Reader"]

# What an event costs beside its text: the fields that were decoded, and the queue's own entry.
# Measured with tracemalloc for a small delta: 1.1 kB.
_EVENT_BYTES = 1_100


class Reader:
    """One connection's reader; it does not know the connection, so a forgotten one is freed.

    Threads: `run` is the reader thread. It runs no user code.
    """

    def __init__(self, transport: Transport, queue: EventQueue, state: ConnectionState) -> None:
        self._transport = transport
        self._queue = queue
        self._state = state
        self.closing = False

    def run(self) -> None:
        """Read until the link ends; the queue is told how."""
        try:
            while True:
                for message in self._transport.read():
                    if not self._queue.full or self._found_space():
                        self._deliver(message)
        except ConnectionClosed as closed:
            end = closed
        except BaseException as exc:  # a reader that dies silently would leave everybody waiting
            end = ConnectionClosedError(1006, f"the reader thread failed: {exc!r}")
            end.__cause__ = exc
        self._transport.abort()
        self._queue.finish(end)

    def _found_space(self) -> bool:
        """Wait for a consumer; False when the connection is being closed instead.

        Then nobody makes room any more: what still comes before the peer's close frame is let
        go, so that neither the bound nor the closing handshake is broken.
        """
        while self._queue.full and not self.closing:
            self._queue.wait_for_space()
        return not self._queue.full

    def _deliver(self, message: str | bytes) -> None:
        item = _binary(message) if isinstance(message, bytes) else self._parsed(message)
        self._queue.put(item, getsizeof(message) + _EVENT_BYTES)

    def _parsed(self, text: str) -> ServerEvent | Malformed:
        try:
            event = parse_event(text)
        except RemoteProtocolError as error:
            return Malformed(text.encode(), error)
        self._state.receive(event)  # before anybody can see the event
        return event


def _binary(message: bytes) -> Malformed:
    error = RemoteProtocolError(
        f"the server sent a binary message of {len(message)} bytes where the protocol has JSON "
        "text; recv_bytes() returns such messages as they are"
    )
    return Malformed(message, error)
