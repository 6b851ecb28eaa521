"""Connections on which the client takes too long: they are closed, and leave room for others.

A client has some seconds until its first request is complete, its TLS handshake included, and as
many for each request after an answer; for each message of a WebSocket; and once its session is
over, to take what was sent.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from .fair_websocket import FairWebSocket
from .incoming import IncomingMessages
from .refusals import refusal

__all__ = ["MOST_WAITING", "TimedHttp", "TimedWebSocket", "Waiting"]

MOST_WAITING = 256
_MORE_COMES = (h11.IDLE, h11.SEND_BODY)  # the client's side of a request that is not complete
_MAY_ANSWER = (h11.IDLE, h11.SEND_RESPONSE)  # ours, when no answer has begun


class Waiting:
    """The connections of one server whose requests are not complete.

    When there are too many, the oldest is given up: who means it has sent its request by then.

    Args:
        limit_s: how long a client may take.
        most: how many there may be.
    """

    def __init__(self, limit_s: float, *, most: int = MOST_WAITING) -> None:
        self.limit_s = limit_s
        self._most = most
        self._timers: dict[TimedHttp, asyncio.TimerHandle] = {}

    def add(self, connection: TimedHttp) -> None:
        """Let the time of ``connection`` run, unless it does already."""
        if connection in self._timers:
            return
        loop = asyncio.get_running_loop()
        self._timers[connection] = loop.call_later(self.limit_s, self._give_up, connection)
        if len(self._timers) > self._most:
            self._give_up(next(iter(self._timers)))

    def remove(self, connection: TimedHttp) -> None:
        """Let its time run no more."""
        timer = self._timers.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self, connection: TimedHttp) -> None:
        self.remove(connection)
        connection.give_up()


class TimedHttp(H11Protocol):
    """One connection of a client, until it becomes a WebSocket.

    Args:
        config: of the server.
        server_state: of the server.
        waiting: those of its connections that are waited for.
        incoming: the messages that come on those that became WebSockets.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        waiting: Waiting,
        incoming: IncomingMessages,
    ) -> None:
        super().__init__(config, server_state, app_state={})
        self._waiting = waiting
        self.ws_protocol_class = partial(  # type: ignore[assignment]  # it is only called
            TimedWebSocket, limit_s=waiting.limit_s, incoming=incoming
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn's
        """Begin."""
        super().connection_made(transport)
        self._waiting.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._waiting.remove(self)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Look at what has come, and whether the request is complete by now."""
        super().handle_events()
        self._look_who_is_next()

    def on_response_complete(self) -> None:
        """Go on to the next request, if there is to be one."""
        super().on_response_complete()
        self._look_who_is_next()

    def give_up(self) -> None:
        """Close the connection, with an answer if there was none."""
        if self.conn.our_state in _MAY_ANSWER:
            self._refuse()
        if self.transport.get_write_buffer_size():
            self.transport.abort()  # or it would stay open until the client reads
        else:
            self.transport.close()

    def _look_who_is_next(self) -> None:
        """Let the time run while something is for the client to do: to send, or to take."""
        upgraded = self.transport.get_protocol() is not self
        sends = self.conn.their_state in _MORE_COMES
        if not upgraded and (sends or self.transport.is_closing()):
            self._waiting.add(self)
        else:
            self._waiting.remove(self)

    def _refuse(self) -> None:
        answer = refusal(
            408,
            f"No complete request has come within {self._waiting.limit_s:g} s "
            "(--request-timeout), or too many others have come since.",
            "request_timeout",
            headers={"Connection": "close"},
        )
        for event in (
            h11.Response(status_code=answer.status_code, headers=answer.raw_headers),
            h11.Data(data=bytes(answer.body)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")


class TimedWebSocket(FairWebSocket):
    """One WebSocket.

    Args:
        limit_s: how long the client may take to read the last messages, once its session is over.
        incoming: the messages of the whole server that have begun and not ended.
        options: see uvicorn's class.
    """

    def __init__(self, *, limit_s: float, incoming: IncomingMessages, **options: Any) -> None:
        super().__init__(**options)
        self._limit_s = limit_s
        self._incoming = incoming
        self._last: asyncio.TimerHandle | None = None

    def handle_parsed(self) -> None:
        """Tell what is held of a message."""
        if held := self.unfinished_bytes:
            self._incoming.hold(self, held)
        else:
            self._incoming.end(self)

    def give_up(self, code: int, reason: str) -> None:
        """Hold nothing of the message any more, and close."""
        if self.close_sent:
            self.transport.abort()  # it was told already
        else:
            self.fail(code, reason)

    async def run_asgi(self) -> None:
        """Serve the session."""
        await super().run_asgi()
        if not self.disconnected:
            self._last = self.loop.call_later(self._limit_s, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._incoming.end(self)
        if self._last is not None:
            self._last.cancel()
        super().connection_lost(exc)
