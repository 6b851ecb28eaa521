"""A WebSocket and its session: the one loop that serves sessions of every kind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..._types import JsonDict
from ...errors import ServerError
from ..protocol.wire import decode_json, error_event, fault
from .outbox import Outbox
from .unheard_sound import UnheardSound

__all__ = ["ServedSession", "SessionLoop"]

# Each value of a message costs microseconds from here to its answer; there could be ten million.
_MOST_COMMAS = 50_000
_FLUSH_S = 5.0  # how long a client may take to read why its session ends


class ServedSession(Protocol):
    """What the loop asks of a session, which does no I/O."""

    def open(self) -> None:
        """Greet the client."""

    def handle(self, request: Any) -> Iterator[None]:
        """Take one decoded client event; yield now and then during long work."""

    def close(self) -> None:
        """Let go of all sound at once: reference cycles keep a session for a while."""


class SessionLoop:
    """Serves one client from ``session.created`` to the close.

    Args:
        websocket: accepted already.
        session_limit_s: after how many seconds the session expires.
        error_message: how the protocol tells a client of an error.

    Attributes:
        outbox: the way to the client.
        unheard: the sound that waits to be recognised.
        expires_at: when the session expires, seconds since the epoch.
    """

    def __init__(
        self,
        websocket: WebSocket,
        *,
        session_limit_s: float,
        error_message: Callable[[ServerError], JsonDict] = error_event,
    ) -> None:
        self.outbox = Outbox(websocket.send_text)
        self.unheard = UnheardSound()
        self.expires_at = int(time.time() + session_limit_s)
        self._websocket = websocket
        self._limit_s = session_limit_s
        self._error_message = error_message
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, session: ServedSession, *beside: Coroutine[Any, Any, None]) -> None:
        """Serve until either side closes or the session expires; leave no task behind.

        Args:
            session: what handles the client's events.
            beside: further work for the whole session; the end of any of it ends the session.
        """
        session.open()
        works = {self.spawn(work) for work in (self.outbox.run(), self._receive(session), *beside)}
        try:
            done, _ = await asyncio.wait(
                works, timeout=self._limit_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                await self._expire()
            for task in done:
                failure = task.exception()
                # Raised, it would keep this frame, and this frame it, with the last message.
                if failure is not None and not isinstance(failure, WebSocketDisconnect):
                    raise failure
        finally:
            await self._end_tasks()
            self.outbox.stop()
            session.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run ``work`` until it is done, or the session is over."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, code: int, reason: str | None = None) -> None:
        """Close the WebSocket; what is still queued is not sent.

        A client that takes nothing does not learn why: its session must end all the same.
        """
        self.outbox.stop()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._websocket.close(code, reason), timeout=_FLUSH_S)

    async def _receive(self, session: ServedSession) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while await self._handle_next(session):
                # Messages that wait already are received without a pause: one a turn, or whoever
                # sends a burst has the server for himself.
                await asyncio.sleep(0)
                await self.outbox.not_full()
                await self.unheard.room()

    async def _handle_next(self, session: ServedSession) -> bool:
        """Take one message, and hold nothing of it afterwards; False when the client is gone."""
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            return False
        request = self._decode(message)
        if request is not None:
            for _ in session.handle(request):
                await asyncio.sleep(0)
        return True

    def _decode(self, message: Any) -> Any:
        text = message.get("text")
        if text is None:
            self._refuse(
                "Binary messages are not part of the protocol. Send events as JSON text; audio "
                "goes base64-encoded into 'input_audio_buffer.append'.",
                "invalid_message_type",
            )
            return None
        commas = text.count(",") if len(text) > _MOST_COMMAS else 0
        if commas > _MOST_COMMAS:
            self._refuse(
                f"The message has {commas} commas, and may have {_MOST_COMMAS}: so many values "
                "would make all other clients wait. Divide it.",
                "too_many_values",
            )
            return None
        try:
            return decode_json(text)
        except (ValueError, RecursionError) as exc:
            self._refuse(f"The message is not valid JSON: {exc}.", "invalid_json")
            return None

    def _refuse(self, message: str, code: str) -> None:
        self.outbox.put(self._error_message(fault(message, code=code)))

    async def _expire(self) -> None:
        error = ServerError(
            f"Your session hit the maximum duration of {self._limit_s / 60:g} minutes.",
            "invalid_request_error",
            "session_expired",
        )
        self.outbox.put(self._error_message(error))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.outbox.flush(), timeout=_FLUSH_S)
        await self.close(1001, error.message)

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
