"""A WebSocket of uvicorn's that tells a client why it hangs up."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

__all__ = ["PoliteWebSocket"]

_LINGER_S = 1.0  # what comes meanwhile is thrown away


class PoliteWebSocket(WebSocketsSansIOProtocol):
    """Answers handshakes that are none, and gives the reason where a text is no UTF-8.

    It stands on uvicorn's sans-I/O implementation, which is built on what websockets maintains and
    has back-pressure in both directions.

    uvicorn's own leaves such a handshake without an answer and its connection open, and closes on
    such a text without a reason, but with a traceback in the log. Its connection ends right behind
    the reason, and a client that is just sending is told of a reset instead.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._failed = False

    def data_received(self, data: bytes) -> None:
        """Take what the transport has read."""
        super().data_received(data)
        is_refused = self.transport.is_closing()
        if self.conn.handshake_exc is not None and not self.handshake_initiated and not is_refused:
            words = f"This is no WebSocket handshake: {self.conn.handshake_exc.__cause__}.\n"
            self.transport.write(self.conn.reject(HTTPStatus.BAD_REQUEST, words).serialize())
            self.transport.close()

    def send_receive_event_to_app(self) -> None:
        """Hand over a message that is complete."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError as exc:
                self.fail(CloseCode.INVALID_DATA, f"the text is no UTF-8: {exc.reason}")
                return
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """Send an ASGI message."""
        await self.writable.wait()
        if self._failed:  # which is no fault of the application, as uvicorn would have it
            raise ClientDisconnected
        await super().send(message)

    def fail(self, code: int, reason: str) -> None:
        """Close because of what the client does."""
        self.conn.fail(code, reason)
        self.handle_parser_exception()

    def handle_parser_exception(self) -> None:
        """Tell the client what is wrong, and let it read that before the connection is closed."""
        if self.close_timer is not None:
            return  # it is closing; what comes is thrown away
        self._failed = True
        assert self.conn.close_sent is not None
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.close_timer = self.loop.call_later(_LINGER_S, self.transport.close)
