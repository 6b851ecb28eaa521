"""A WebSocket of uvicorn's that takes what a client sends in small portions."""

from __future__ import annotations

import asyncio
from typing import Any

from .polite_websocket import PoliteWebSocket

__all__ = ["FairWebSocket"]

# One read gives up to 256 KiB, in which there is room for 40,000 frames. Of the first portion at
# most ten are parsed; as long as it was the middle of one frame, the next may be twice as large.
_PORTION_BYTES = 64
_LARGEST_BYTES = 4096


class FairWebSocket(PoliteWebSocket):
    """Parses in one turn of the event loop no more than the first frames of what was read.

    uvicorn's own parses and queues all that one read has given, before it stops reading: no other
    connection is served meanwhile. Here the rest waits, unparsed, until the session has taken what
    was found, and nothing is read until it is parsed.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unparsed = bytearray()
        self._found = False  # a frame, in the last portion
        self._next_turn: asyncio.Handle | None = None
        self._late_pongs = b""
        self._continued = bytearray()  # a message, behind its first frame

    def data_received(self, data: bytes) -> None:
        """Take what the transport has read."""
        self._unparsed += data
        self._parse()

    async def receive(self) -> Any:
        """Return the next ASGI message."""
        message = await super().receive()
        self._parse()
        return message

    async def send(self, message: Any) -> None:
        """Send an ASGI message."""
        await super().send(message)
        if self._unparsed and self.close_sent:
            self._parse()  # nobody receives any more, but the client's close frame is awaited

    def handle_events(self) -> None:
        """Take what was parsed."""
        self._found = bool(self.conn.events)
        super().handle_events()

    def handle_cont(self, event: Any) -> None:
        """Add to a message: a million small fragments take less memory as one."""
        self._continued += event.data
        if event.fin:
            self.frames.append(bytes(self._continued))
            self._continued = bytearray()
            self.send_receive_event_to_app()

    def fail(self, code: int, reason: str) -> None:
        """Close because of what the client does, and let go of it."""
        self._let_go()
        super().fail(code, reason)

    def handle_ping(self) -> None:
        """Answer, and where the client takes nothing, only the last ones: RFC 6455, 5.5.3."""
        pongs = b"".join(self.conn.data_to_send())
        if self.writable.is_set() or self.conn.close_sent is not None:
            self.transport.write(pongs)
        elif pongs:
            self._late_pongs = pongs

    def resume_writing(self) -> None:
        """Go on when the client has taken what was written."""
        super().resume_writing()
        self.transport.write(self._late_pongs)
        self._late_pongs = b""

    @property
    def unfinished_bytes(self) -> int:
        """How much is held of a message that is expected to go on."""
        if not self._may_parse:
            return 0  # we are the ones who have to go on
        return sum(map(len, (*self.frames, self._continued, self.conn.reader.buffer)))

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and let go of messages at once: reference cycles keep a connection for a while."""
        super().connection_lost(exc)
        self._let_go()
        self.conn.parser.close()  # it holds the last frame
        self.conn.reader.discard()  # and this what there is of the next one

    def _let_go(self) -> None:
        self._unparsed.clear()
        self._continued = bytearray()
        self.frames = []  # the first one of a message that has not ended

    def handle_parsed(self) -> None:
        """Take that all was parsed that may be, for the time being."""

    def _parse(self) -> None:
        """Parse up to the first portion in which a frame ends."""
        self._parse_portions()
        self.handle_parsed()

    def _parse_portions(self) -> None:
        self._found = False
        size = _PORTION_BYTES
        while self._unparsed and self._may_parse and not self._found:
            portion = bytes(self._unparsed[:size])
            del self._unparsed[:size]
            size = min(2 * size, _LARGEST_BYTES)
            super().data_received(portion)
            if self.conn.parser_exc is not None:
                self._unparsed.clear()
        if not self._unparsed:
            return
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()
        if self._may_parse and self._next_turn is None:
            self._next_turn = self.loop.call_soon(self._parse_on)

    @property
    def _may_parse(self) -> bool:
        return self.queue.empty() or self.close_sent

    def _parse_on(self) -> None:
        self._next_turn = None
        self._parse()
        if self.read_paused and self._may_parse and not self._unparsed:
            self.read_paused = False
            self.transport.resume_reading()
