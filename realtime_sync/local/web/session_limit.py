"""How many sessions may be open at once, of all kinds together."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from .refusals import refusal

__all__ = ["SessionLimit"]

_RETRY_S = 5  # clients that try again wait so long


class SessionLimit:
    """Refuses WebSockets while there are enough; an ASGI middleware.

    Args:
        app: what serves those that are let in.
        most: how many there may be at once.

    Attributes:
        open: how many there are.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.open = 0
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection or request."""
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
        elif self.open >= self._most:
            refused = refusal(
                429,
                f"{self.open} sessions are open, and there may be {self._most} (--max-sessions). "
                "Try again when one has ended.",
                "too_many_sessions",
                headers={"Retry-After": f"{_RETRY_S}"},
            )
            await WebSocket(scope, receive, send).send_denial_response(refused)
        else:
            self.open += 1
            try:
                await self._app(scope, receive, send)
            finally:
                self.open -= 1
