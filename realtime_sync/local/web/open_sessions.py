"""The sessions that are open on one server: counted, told in the log, refused and ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .refusals import refusal

__all__ = ["Doorkeeper", "OpenSessions"]

_log = logging.getLogger("realtime_sync.local")

# What ends a call is welcome also when nothing may begin any more.
_ENDS_OF_CALLS = ("/hangup", "/reject", "/refer")
_NAMED_CHARS = 200  # of a path, in the log


class OpenSessions:
    """Knows the open sessions, and ends them.

    Attributes:
        draining: whether new ones are refused.
    """

    def __init__(self) -> None:
        self.draining = False
        self._open: set[_Session] = set()
        self._begun = 0
        self._none = asyncio.Event()
        self._none.set()

    def __len__(self) -> int:
        return len(self._open)

    def __contains__(self, session: object) -> bool:
        return session in self._open

    async def none_open(self) -> None:
        """Wait until the last one has ended."""
        await self._none.wait()

    async def end_all(self, code: int, reason: str) -> None:
        """Close all, and wait until their clients have answered and are gone."""
        await asyncio.gather(*(session.end(code, reason) for session in self._open))
        await self.none_open()

    def add(self, session: _Session) -> int:
        """Note that ``session`` has begun, and return its number."""
        self._open.add(session)
        self._none.clear()
        self._begun += 1
        return self._begun

    def discard(self, session: _Session) -> None:
        """Note that ``session`` has ended."""
        self._open.discard(session)
        if not self._open:
            self._none.set()


class Doorkeeper:
    """ASGI middleware: lets requests and sessions in, as long as there may be new ones.

    Args:
        app: what is behind it.
        sessions: told of those that begin and end.
        hide: masks the keys in what the log is to show.
    """

    def __init__(
        self, app: ASGIApp, sessions: OpenSessions, hide: Callable[[str], str] = str
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._hide = hide

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or session."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        session = _Session(scope, receive, send, self._sessions, self._shown(scope))
        app = self._app
        if self._sessions.draining and _begins_something(scope):
            app = _unavailable()
        try:
            await app(scope, session.receive, session.send)
        finally:
            await session.leave()

    def _shown(self, scope: Scope) -> str:
        """Return the path as it may stand in a line; the query is left out, it might hold a key."""
        # Hidden before it is cut: half a key is no key that could be found.
        return repr(self._hide(scope["path"])[:_NAMED_CHARS])


def _begins_something(scope: Scope) -> bool:
    if scope["type"] == "websocket":
        return True
    return scope["method"] == "POST" and not scope["path"].endswith(_ENDS_OF_CALLS)


def _unavailable() -> JSONResponse:
    return refusal(
        503,
        "This server is shutting down and begins nothing new. Try another one, or this one later.",
        "server_shutting_down",
    )


class _Session:
    """One WebSocket on its way to the application, or one request, which is a short one.

    It is among the open sessions from its acceptance until the application has done with it; if the
    server has closed it, until the client has answered, too.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, sessions: OpenSessions, path: str
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._sessions = sessions
        self._path = path
        self._number = 0
        self._begun_s = 0.0
        self._code: int | None = None  # with which it has been closed
        self._ended = False  # by the server, against the application's will
        self._answer_due = False  # to the server's close

    async def receive(self) -> Message:
        """Pass on what the client sends."""
        message = await self._receive()
        if message["type"] == "websocket.disconnect" and self._code is None:
            self._code = message["code"]
        return message

    async def send(self, message: Message) -> None:
        """Pass on what the application sends; nothing any more once the session is ended."""
        if self._ended:
            return
        kind = message["type"]
        if kind == "websocket.accept":
            self._begin()
        elif kind == "websocket.close":
            self._code = message.get("code", 1000)
        elif kind.endswith("http.response.start"):
            self._answered(message["status"])
        await self._send(message)

    async def end(self, code: int, reason: str) -> None:
        """Close it now; the application hears that the client has gone."""
        if self._code is not None:
            return  # it is closing
        self._ended = True
        self._code = code
        with contextlib.suppress(OSError):  # the client has gone
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
            self._answer_due = True

    async def leave(self) -> None:
        """Take it off the open ones, when the client has gone as well."""
        if self not in self._sessions:
            return
        try:
            if self._answer_due:
                await self._receive()  # which returns when the connection is closed
        finally:
            self._sessions.discard(self)
            self._tell_end()

    def _begin(self) -> None:
        self._begun_s = time.monotonic()
        self._number = self._sessions.add(self)
        client, open_now = _client_of(self._scope), len(self._sessions)
        text = "session %d opened: %s from %s (%d open)"
        _log.info(text, self._number, self._path, client, open_now)

    def _tell_end(self) -> None:
        seconds, open_now = time.monotonic() - self._begun_s, len(self._sessions)
        text = "session %d closed with %s after %.1f s (%d open)"
        _log.info(text, self._number, self._code, seconds, open_now)

    def _answered(self, status: int) -> None:
        level = logging.DEBUG if status < 400 else logging.INFO
        method = self._scope.get("method", "WebSocket")
        client = _client_of(self._scope)
        _log.log(level, "answered %d: %s %s from %s", status, method, self._path, client)


def _client_of(scope: Scope) -> str:
    host, port = scope.get("client") or ("nowhere", 0)
    return f"{host}:{port}"
