"""A WebSocket and its translation session."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import re
import time
from contextlib import aclosing
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from ..._types import JsonDict
from ...errors import ServerError
from ..engine_set import EngineSet
from ..engines import SpeechEngine
from ..protocol.translation import Translation, Utterance, translate
from ..protocol.wire import error_event, event, fault
from ..protocol.wire_formats import format_of, to_hearing
from .outbox import Outbox

__all__ = ["Interpreter"]

_LOGGER = logging.getLogger("realtime_sync.local")
_PCM = {"type": "audio/pcm", "rate": 24000}
_WORD = re.compile(r"\s*\S+\s*")
_FLUSH_S = 5.0


class Interpreter:
    """Serves one client from ``session.created`` to ``session.closed``.

    Args:
        websocket: accepted already.
        parts: what hears and speaks; shared with other connections.
        model: the model's name as the client gave it.
        session_limit_s: after how many seconds the session expires.
        audio: the configuration to start with, instead of the usual one.
    """

    def __init__(
        self,
        websocket: WebSocket,
        parts: EngineSet,
        *,
        model: str,
        session_limit_s: float,
        audio: JsonDict | None = None,
    ) -> None:
        self._websocket = websocket
        self._speech: SpeechEngine = parts.speech
        self._limit_s = session_limit_s
        self._outbox = Outbox(websocket.send_text)
        self._said: asyncio.Queue[Utterance | None] = asyncio.Queue()
        self._detectors = parts.detectors
        self._detector = parts.detectors.take()
        self._session = Translation(
            model=model,
            expires_at=int(time.time() + session_limit_s),
            detector=self._detector,
            emit=self._outbox.put,
            interpret=self._said.put_nowait,
            audio=audio,
        )

    async def run(self) -> None:
        """Serve until either side closes; leaves no task behind."""
        self._session.open()
        works = (self._outbox.run(), self._receive(), self._interpret_all())
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            done, _ = await asyncio.wait(
                tasks, timeout=self._limit_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                await self._expire()
            for task in done:
                with contextlib.suppress(WebSocketDisconnect):
                    task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._detectors.give_back(self._detector)

    async def _receive(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                was_ending = self._session.ending
                for _ in self._session.handle(self._decoded(message)):
                    await asyncio.sleep(0)
                if self._session.ending and not was_ending:
                    self._said.put_nowait(None)
                await self._outbox.not_full()

    def _decoded(self, message: Any) -> Any:
        try:
            return json.loads(message.get("text") or "")
        except (ValueError, RecursionError) as exc:
            return f"no JSON text ({exc})"  # which the session refuses, as it does any non-object

    async def _interpret_all(self) -> None:
        while (utterance := await self._said.get()) is not None:
            await self._try_to_interpret(utterance)
        self._outbox.put(event("session.closed"))
        await self._outbox.flush()
        await self._websocket.close(1000)

    async def _try_to_interpret(self, utterance: Utterance) -> None:
        try:
            await self._interpret(utterance)
        except Exception as exc:  # a part's failure costs one utterance, never the session
            _LOGGER.warning("an utterance was not translated", exc_info=exc)
            error = fault(f"{type(exc).__name__}: {exc}", code="translation_failed")
            self._outbox.put(error_event(error))

    async def _interpret(self, utterance: Utterance) -> None:
        place = {"elapsed_ms": utterance.end_ms}
        pcm = await asyncio.to_thread(to_hearing, utterance.audio, format_of(_PCM))
        heard = await self._speech.transcribe(pcm, language=None, prompt=None)
        if utterance.shown:
            for word in _WORD.findall(heard):
                self._outbox.put(event("session.input_transcript.delta", delta=word, **place))
        words = translate(heard, utterance.language)
        if not words.strip():
            return
        async with aclosing(self._speech.synthesize(words, voice="alloy", speed=1.0)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    delta = chunk.text
                    self._outbox.put(event("session.output_transcript.delta", delta=delta, **place))
                if chunk.pcm:
                    delta = base64.b64encode(chunk.pcm).decode()
                    sound = {"format": "pcm16", "sample_rate": 24000, "channels": 1}
                    self._outbox.put(
                        event("session.output_audio.delta", delta=delta, **sound, **place)
                    )
                await self._outbox.room()

    async def _expire(self) -> None:
        error = ServerError(
            f"Your session hit the maximum duration of {self._limit_s / 60:g} minutes.",
            "invalid_request_error",
            "session_expired",
        )
        self._outbox.put(error_event(error))
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._outbox.flush(), timeout=_FLUSH_S)
        await self._websocket.close(1001, error.message)
