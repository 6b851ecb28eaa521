"""Which connections the limit on sessions counts, and until when."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime_sync.local.web.session_limit import SessionLimit


class Asgi:
    """An application whose sessions last until the test says so, and what refusals send."""

    def __init__(self, most: int) -> None:
        self.over = asyncio.Event()
        self.statuses: list[int] = []
        self.waits: list[bytes] = []
        self.limit = SessionLimit(self._app, most)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        await self.over.wait()
        if scope.get("fails"):
            raise RuntimeError

    async def _receive(self) -> Any:
        return {"type": "websocket.connect"}

    async def _send(self, message: Any) -> None:
        if "status" in message:
            self.statuses.append(message["status"])
            self.waits.append(dict(message["headers"])[b"retry-after"])

    def ask(self, type: str = "websocket", **scope: Any) -> asyncio.Task[None]:
        extensions = {"websocket.http.response": {}}
        whole = {"type": type, "extensions": extensions, **scope}
        return asyncio.ensure_future(self.limit(whole, self._receive, self._send))  # type: ignore[arg-type]  # a coroutine


def test_sessions_count_until_they_end_however_that_is() -> None:
    async def run() -> None:
        asgi = Asgi(2)
        first, second = asgi.ask(), asgi.ask(fails=True)
        request = asgi.ask("http")
        await asyncio.sleep(0)
        assert asgi.limit.open == 2
        await asgi.ask()
        assert (asgi.statuses, asgi.waits) == ([429], [b"5"])
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert asgi.limit.open == 1
        third = asgi.ask()
        asgi.over.set()
        with pytest.raises(RuntimeError):
            await second
        await asyncio.gather(third, request)
        assert asgi.limit.open == 0
        assert asgi.statuses == [429]

    asyncio.run(run())
