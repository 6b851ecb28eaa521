"""A WebSocket of uvicorn's that tells a client why it hangs up."""

from __future__ import annotations

from http import HTTPStatus

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode

__all__ = ["PoliteWebSocket"]


class PoliteWebSocket(WebSocketsSansIOProtocol):
    """Answers handshakes that are none, and gives the reason where a text is no UTF-8.

    It stands on uvicorn's sans-I/O implementation, which is built on what websockets maintains and
    has back-pressure in both directions.

    uvicorn's own leaves such a handshake without an answer and its connection open, and closes on
    such a text without a reason, but with a traceback in the log.
    """

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
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA, f"the text is no UTF-8: {exc.reason}")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()
