"""A WebSocket and its session: the only part of the protocol that waits."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import time
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..._types import JsonDict
from ...errors import ServerError
from ..engine_set import EngineSet
from ..engines import ResponderEvent, ResponderPrompt
from ..protocol.conversation_session import ConversationSession, OnHeard
from ..protocol.generation import generate
from ..protocol.response_builder import ResponseBuilder
from ..protocol.stored_items import StoredPart
from ..protocol.wire import error_event, fault
from ..protocol.wire_formats import to_hearing
from ..responders.on_thread import iterate_on_thread
from .outbox import Outbox

__all__ = ["Connection"]


class Connection:
    """Serves one client from ``session.created`` to the close.

    Args:
        websocket: accepted already.
        parts: what hears, thinks and speaks; shared with other connections.
        type: of the session, ``"realtime"`` or ``"transcription"``.
        model: the model's name as the client gave it.
        session_limit_s: after how many seconds the session expires.
        start: the configuration to start with, instead of the type's own.
        until: when it is set, the connection is closed.
    """

    def __init__(
        self,
        websocket: WebSocket,
        parts: EngineSet,
        *,
        type: str,
        model: str | None,
        session_limit_s: float,
        start: JsonDict | None = None,
        until: asyncio.Event | None = None,
    ) -> None:
        self._websocket = websocket
        self._until = until
        self._parts = parts
        self._limit_s = session_limit_s
        self._outbox = Outbox(websocket.send_text)
        self._tasks: set[asyncio.Task[None]] = set()
        self._responses: dict[str, asyncio.Task[None]] = {}
        self._recognitions: dict[int, asyncio.Task[None]] = {}
        self._detector = parts.detectors.take()
        self._session = ConversationSession(
            type=type,
            model=model,
            expires_at=int(time.time() + session_limit_s),
            detector=self._detector,
            generator=self,
            recogniser=self,
            emit=self._outbox.put,
            start=start,
        )

    async def run(self) -> None:
        """Serve until either side closes; leaves no task behind."""
        self._session.open()
        sending = self._spawn(self._outbox.run())
        receiving = self._spawn(self._receive())
        works = {sending, receiving}
        if self._until is not None:
            works.add(self._spawn(self._close_at(self._until)))
        try:
            done, _ = await asyncio.wait(
                works, timeout=self._limit_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                await self._expire()
            for task in done:
                with contextlib.suppress(WebSocketDisconnect):
                    task.result()
        finally:
            await self._end_tasks()
            self._session.close()
            self._parts.detectors.give_back(self._detector)

    # -- what the session asks for ---------------------------------------------------------------

    def start(self, response: ResponseBuilder) -> None:
        """Begin to generate ``response``."""
        task = self._spawn(self._generate(response))
        self._responses[response.id] = task
        task.add_done_callback(lambda _: self._responses.pop(response.id, None))

    def stop(self, response: ResponseBuilder) -> None:
        """Generate no more of ``response``."""
        self._responses[response.id].cancel()

    def recognise(
        self, part: StoredPart, done: OnHeard, *, language: str | None, prompt: str | None
    ) -> None:
        """Begin to fill ``part.heard``; ``done`` is called afterwards."""
        task = self._spawn(self._recognise(part, done, language, prompt))
        self._recognitions[id(part)] = task
        task.add_done_callback(lambda _: self._recognitions.pop(id(part), None))

    # -- tasks -----------------------------------------------------------------------------------

    async def _receive(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                request = self._decode(message)
                if request is None:
                    continue
                for _ in self._session.handle(request):
                    await asyncio.sleep(0)
                await self._outbox.not_full()

    def _decode(self, message: Any) -> Any:
        text = message.get("text")
        if text is None:
            self._refuse(
                "Binary messages are not part of the protocol. Send events as JSON text; audio "
                "goes base64-encoded into 'input_audio_buffer.append'.",
                "invalid_message_type",
            )
            return None
        try:
            return json.loads(text, parse_constant=_no_number, parse_float=_finite)
        except (ValueError, RecursionError) as exc:
            self._refuse(f"The message is not valid JSON: {exc}.", "invalid_json")
            return None

    def _refuse(self, message: str, code: str) -> None:
        self._outbox.put(error_event(fault(message, code=code)))

    async def _generate(self, response: ResponseBuilder) -> None:
        await self._words_of(response)
        await generate(
            response,
            self._session.answers,
            respond=self._respond,
            speech=self._parts.speech,
            outbox=self._outbox,
        )

    def _respond(self, prompt: ResponderPrompt) -> AsyncGenerator[ResponderEvent, None]:
        responder = self._parts.responder
        return iterate_on_thread(lambda: responder.respond(prompt), name="local-responder")

    async def _words_of(self, response: ResponseBuilder) -> None:
        """Wait until all that was said before ``response`` is recognised."""
        waits = []
        for part in (part for item in response.context for part in item.content):
            if part.type == "input_audio" and part.heard is None:
                if id(part) not in self._recognitions:
                    self.recognise(part, _nobody_cares, language=None, prompt=None)
                waits.append(self._recognitions[id(part)])
        if waits:
            await asyncio.wait(waits)

    async def _recognise(
        self, part: StoredPart, done: OnHeard, language: str | None, prompt: str | None
    ) -> None:
        error: Exception | None = None
        heard = ""
        try:
            if part.audio and part.format is not None:
                pcm = await asyncio.to_thread(to_hearing, bytes(part.audio), part.format)
                heard = await self._parts.speech.transcribe(pcm, language=language, prompt=prompt)
        except Exception as exc:  # whatever a replaced part raises fails this utterance alone
            error = exc
        part.heard = heard
        done(part, error)

    async def _close_at(self, end: asyncio.Event) -> None:
        await end.wait()
        await self._websocket.close(1000, "the call has ended")

    async def _expire(self) -> None:
        minutes = self._limit_s / 60
        error = ServerError(
            f"Your session hit the maximum duration of {minutes:g} minutes.",
            "invalid_request_error",
            "session_expired",
        )
        self._outbox.put(error_event(error))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._outbox.flush(), timeout=5)
        await self._websocket.close(1001, f"{error.message}"[:120])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _nobody_cares(part: StoredPart, error: Exception | None) -> None:
    """Take a transcript that no event tells about."""


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number
