"""Spoken sessions of the Distiller: what they have done beside the loop of their socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

from starlette.websockets import WebSocket

from ..._types import JsonDict
from ...errors import ServerError
from ..distiller.agent_requests import AgentRequests
from ..distiller.team import Team
from ..distiller.voice_project import VoiceProject
from ..distiller.voice_session import Spoken, VoiceSession, Written, error_message
from ..engine_set import EngineSet
from ..responders.on_thread import respond_on_thread
from ..server_settings import ServerSettings
from .session_loop import SessionLoop

__all__ = ["serve_voice"]

_LOGGER = logging.getLogger("realtime_sync.local")

# A microphone sends every 300 ms; after three of them it is not merely late.
_QUIET_S = 1.0
_PONG = {"type": "PONG"}


async def serve_voice(
    websocket: WebSocket, engines: EngineSet, project: VoiceProject, settings: ServerSettings
) -> None:
    """Serve one client from ``session.created`` to the close.

    Args:
        websocket: accepted already.
        engines: what hears, thinks and speaks; shared with other sessions.
        project: who answers, and how.
        settings: of the server.
    """
    loop = SessionLoop(
        websocket, session_limit_s=settings.session_limit_s, error_message=error_message
    )
    service = _VoiceService(loop, engines, project, settings)
    await loop.run(
        service,
        service.converse(),
        _ping(loop, settings.ping_interval_s),
        service.close_when_idle(settings.idle_timeout_s),
    )


async def _ping(loop: SessionLoop, interval_s: float) -> None:
    while True:
        await asyncio.sleep(interval_s)
        loop.outbox.put({"type": "PING"})


class _VoiceService:
    """Recognises what was said in one session, and has it answered, turn by turn."""

    def __init__(
        self,
        loop: SessionLoop,
        engines: EngineSet,
        project: VoiceProject,
        settings: ServerSettings,
    ) -> None:
        self._loop = loop
        self._engines = engines
        self._clock = asyncio.get_running_loop()
        self._last_message = self._clock.time()
        self._quiet: asyncio.TimerHandle | None = None
        self._turns: asyncio.Queue[Spoken | Written] = asyncio.Queue()
        self._answer: asyncio.Task[None] | None = None
        self._preview: asyncio.Task[None] | None = None
        self._requests = AgentRequests(loop.outbox.put)
        self._session = VoiceSession(project, engines.detectors, self, loop.outbox.put, settings)
        self._team = Team(
            project,
            respond=respond_on_thread(engines.responder),
            speech=engines.speech,
            requests=self._requests,
            emit=loop.outbox.put,
            room=loop.outbox.room,
        )

    # -- the loop --------------------------------------------------------------------------------

    def open(self) -> None:
        """Greet the client."""
        self._session.open()

    def handle(self, request: Any) -> Iterator[None]:
        """Take one decoded message."""
        if request != _PONG:  # which says that the program is there, not that anybody uses it
            self._last_message = self._clock.time()
        return self._session.handle(request)

    def close(self) -> None:
        """Let go of all sound, of the clock, and of the session, which refers back."""
        self._stop_waiting()
        self._session.close()
        del self._session

    async def close_when_idle(self, limit_s: float) -> None:
        """Close the connection when for so long nothing came from the client or was due to it."""
        while (left := self._last_message + limit_s - self._clock.time()) > 0:
            await asyncio.sleep(left)
            if self._session.busy:
                self._last_message = self._clock.time()
        await self._loop.close(1011, f"Connection timeout (Idle for {limit_s / 60:g} minutes)")

    # -- what the session asks for ---------------------------------------------------------------

    def answer(self, turn: Spoken | Written) -> None:
        """Answer ``turn`` when those before it are answered."""
        self._stop_waiting()
        if self._preview is not None:
            self._preview.cancel()
        self._turns.put_nowait(turn)

    def preview(self, pcm: bytes, start_ms: int) -> None:
        """Recognise the beginning of a turn, unless that is being done."""
        if self._preview is None or self._preview.done():
            self._preview = self._loop.spawn(self._look_ahead(pcm, start_ms))

    def stop(self) -> None:
        """Go on no more with the answer that is being given."""
        if self._answer is not None:
            self._answer.cancel()

    def await_more(self) -> None:
        """Look after a while whether more audio has come."""
        self._stop_waiting()
        self._quiet = self._clock.call_later(_QUIET_S, self._session.nothing_more)

    def agent_answered(self, request_id: str, content: str, memory: JsonDict) -> None:
        """Take what a custom agent has answered."""
        self._requests.answered(request_id, content, memory)

    def _stop_waiting(self) -> None:
        if self._quiet is not None:
            self._quiet.cancel()

    # -- tasks -----------------------------------------------------------------------------------

    async def converse(self) -> None:
        """Answer turn after turn, for ever."""
        while True:
            turn = await self._turns.get()
            words = turn.text if isinstance(turn, Written) else await self._words_of(turn)
            self._answer = self._loop.spawn(self._respond_to(words))
            await asyncio.wait([self._answer])

    async def _words_of(self, turn: Spoken) -> str:
        words = await self._recognise(turn.pcm)
        self._session.heard(turn, words)
        return words

    async def _look_ahead(self, pcm: bytes, start_ms: int) -> None:
        self._session.previewed(await self._recognise(pcm), start_ms)

    async def _recognise(self, pcm: bytes) -> str:
        try:
            return await self._engines.speech.transcribe(pcm, language=None, prompt=None)
        except Exception as exc:  # it costs the words of this turn, never the session
            _LOGGER.warning("a turn was not recognised", exc_info=exc)
            self._tell("Recognition", exc)
            return ""

    async def _respond_to(self, words: str) -> None:
        self._team.hear(words)
        if not self._session.begin_response():
            return
        try:
            await self._team.answer(words)
        except Exception as exc:  # it costs this answer, never the connection
            _LOGGER.warning("an answer failed", exc_info=exc)
            self._tell("The answer", exc)
        self._session.end_response()

    def _tell(self, what: str, exc: Exception) -> None:
        error = ServerError(f"{what} failed: {type(exc).__name__}: {exc}")
        self._loop.outbox.put(error_message(error))
