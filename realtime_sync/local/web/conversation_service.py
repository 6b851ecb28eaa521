"""Conversation and transcription sessions: what they have done beside the loop of their socket."""

from __future__ import annotations

import asyncio
import logging

from starlette.websockets import WebSocket

from ..._types import JsonDict
from ...errors import AudioError
from ..engine_set import EngineSet
from ..engines import EngineError
from ..protocol.caller_line import CallerLine
from ..protocol.conversation_session import ConversationSession, OnHeard
from ..protocol.generation import fail, generate, with_pauses
from ..protocol.response_builder import ResponseBuilder
from ..protocol.stored_items import StoredPart
from ..protocol.wire_formats import to_hearing
from ..responders.on_thread import respond_on_thread
from ..server_settings import ServerSettings
from .calls import Call
from .session_loop import SessionLoop

__all__ = ["serve_conversation"]

_LOGGER = logging.getLogger("realtime_sync.local")


async def serve_conversation(
    websocket: WebSocket,
    engines: EngineSet,
    *,
    type: str,
    model: str | None,
    settings: ServerSettings,
    start: JsonDict | None = None,
    call: Call | None = None,
) -> None:
    """Serve one client from ``session.created`` to the close.

    Args:
        websocket: accepted already.
        engines: what hears, thinks and speaks; shared with other sessions.
        type: of the session, ``"realtime"`` or ``"transcription"``.
        model: the model's name as the client gave it.
        settings: of the server.
        start: the configuration to start with, instead of the type's own.
        call: what the client joins. Its caller is heard beside what the client sends, and hears
            the answers at their pace; its end closes the connection.
    """
    loop = SessionLoop(websocket, session_limit_s=settings.session_limit_s)
    line = None if call is None else CallerLine(loop.outbox.put, asyncio.get_running_loop())
    service = _ConversationService(
        loop, engines, settings, type=type, model=model, start=start, line=line
    )
    beside = [] if call is None else [_close_at(call.ended, loop), service.hear(call)]
    try:
        await loop.run(service.session, *beside)
    finally:
        del service.session  # which refers back: its memory waits for no garbage collector


async def _close_at(end: asyncio.Event, loop: SessionLoop) -> None:
    await end.wait()
    await loop.close(1000, "the call has ended")


class _ConversationService:
    """Recognises what was said in one session, and generates its responses."""

    def __init__(
        self,
        loop: SessionLoop,
        engines: EngineSet,
        settings: ServerSettings,
        *,
        type: str,
        model: str | None,
        start: JsonDict | None,
        line: CallerLine | None,
    ) -> None:
        self._loop = loop
        self._engines = engines
        self._generations: dict[str, asyncio.Task[None]] = {}
        self._recognitions: dict[int, asyncio.Task[None]] = {}
        self.session = ConversationSession(
            type=type,
            model=model,
            expires_at=loop.expires_at,
            detectors=engines.detectors,
            generator=self,
            recogniser=self,
            emit=loop.outbox.put,
            settings=settings,
            start=start,
            line=line,
        )

    # -- what the session asks for ---------------------------------------------------------------

    def start(self, response: ResponseBuilder) -> None:
        """Begin to generate ``response``."""
        task = self._loop.spawn(self._generate(response))
        self._generations[response.id] = task
        task.add_done_callback(lambda _: self._generations.pop(response.id, None))

    def stop(self, response: ResponseBuilder) -> None:
        """Generate no more of ``response``."""
        self._generations[response.id].cancel()

    def recognise(
        self, part: StoredPart, done: OnHeard, *, language: str | None, prompt: str | None
    ) -> None:
        """Begin to fill ``part.heard``; ``done`` is called afterwards."""
        size = len(part.audio or b"")
        self._loop.unheard.add(size)
        task = self._loop.spawn(self._recognise(part, done, language, prompt))
        self._recognitions[id(part)] = task
        task.add_done_callback(lambda _: self._recognitions.pop(id(part), None))
        task.add_done_callback(lambda _: self._loop.unheard.remove(size))

    def drop(self, part: StoredPart) -> None:
        """Recognise ``part`` no more, if it still is."""
        task = self._recognitions.get(id(part))
        if task is not None:
            task.cancel()

    # -- tasks -----------------------------------------------------------------------------------

    async def hear(self, call: Call) -> None:
        """Take what the caller says as if the client had sent it, until the session is over."""
        while True:
            said = {"type": "input_audio_buffer.append", "audio": await call.said.get()}
            for _ in self.session.handle(said):
                await asyncio.sleep(0)
            await self._loop.outbox.not_full()
            await self._loop.unheard.room()

    async def _generate(self, response: ResponseBuilder) -> None:
        try:
            await self._words_of(response)
        except AudioError as exc:
            fail(response, self.session.responses, exc)
            return
        await generate(
            response,
            self.session.responses,
            respond=respond_on_thread(self._engines.responder),
            speech=self._engines.speech,
            room=self._loop.outbox.room,
        )

    async def _words_of(self, response: ResponseBuilder) -> None:
        """Wait until all that was said before ``response``, and not deleted, is recognised.

        Raises:
            AudioError: a worker has failed; the next response tries again.
        """
        unheard, waits = [], []
        async for item in with_pauses(response.context):
            for part in () if item.deleted else item.content:
                if part.type == "input_audio" and part.heard is None:
                    if id(part) not in self._recognitions:
                        self.recognise(part, _nobody_cares, language=None, prompt=None)
                    unheard.append((item, part))
                    waits.append(self._recognitions[id(part)])
        if waits:
            await asyncio.wait(waits)
        if any(part.heard is None and not item.deleted for item, part in unheard):
            raise AudioError("what the user has said was not recognised; ask again")

    async def _recognise(
        self, part: StoredPart, done: OnHeard, language: str | None, prompt: str | None
    ) -> None:
        error: Exception | None = None
        heard = ""
        try:
            if part.audio and part.format is not None:
                pcm = await asyncio.to_thread(to_hearing, bytes(part.audio), part.format)
                heard = await self._engines.speech.transcribe(pcm, language=language, prompt=prompt)
        except Exception as exc:  # whatever a replaced engine raises fails this utterance alone
            _LOGGER.warning("an utterance was not recognised", exc_info=exc)
            error = exc
        if isinstance(error, EngineError) or not isinstance(error, AudioError):
            part.heard = heard  # nothing, once it has failed: no later response tries it again
        done(part, error)


def _nobody_cares(part: StoredPart, error: Exception | None) -> None:
    """Take a transcript that no event tells about."""
