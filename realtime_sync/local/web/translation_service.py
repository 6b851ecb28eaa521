"""Translation sessions: the utterances that they have spoken beside the loop of their socket."""

from __future__ import annotations

import asyncio
import base64
import logging
from contextlib import aclosing
from typing import Any

from starlette.websockets import WebSocket

from ..._types import JsonDict
from ..engine_set import EngineSet
from ..engines import SpeechEngine
from ..protocol.translation import Translation, Utterance
from ..protocol.wire import error_event, event, fault
from ..protocol.wire_formats import PCM16, to_hearing
from ..responders.dictionary import translate
from ..server_settings import ServerSettings
from ..words import split_words
from .outbox import Outbox
from .session_loop import SessionLoop

__all__ = ["serve_translation"]

_LOGGER = logging.getLogger("realtime_sync.local")


async def serve_translation(
    websocket: WebSocket,
    engines: EngineSet,
    *,
    model: str,
    settings: ServerSettings,
    audio: JsonDict | None = None,
) -> None:
    """Serve one client from ``session.created`` to ``session.closed``.

    Args:
        websocket: accepted already.
        engines: what hears and speaks; shared with other sessions.
        model: the model's name as the client gave it.
        settings: of the server.
        audio: the configuration to start with, instead of the usual one.
    """
    loop = SessionLoop(websocket, session_limit_s=settings.session_limit_s)
    said: asyncio.Queue[Utterance | None] = asyncio.Queue()
    interpreter = _Interpreter(engines.speech, loop.outbox)

    def interpret(utterance: Utterance | None) -> None:
        if utterance is not None:
            loop.unheard.add(len(utterance.audio))
        said.put_nowait(utterance)

    session = Translation(
        model=model,
        expires_at=loop.expires_at,
        detectors=engines.detectors,
        settings=settings,
        emit=loop.outbox.put,
        interpret=interpret,
        audio=audio,
    )
    await loop.run(session, _interpret_all(said, interpreter, loop))


async def _interpret_all(
    said: asyncio.Queue[Utterance | None], interpreter: _Interpreter, loop: SessionLoop
) -> None:
    while (utterance := await said.get()) is not None:
        await interpreter.interpret(utterance)
        loop.unheard.remove(len(utterance.audio))
    loop.outbox.put(event("session.closed"))
    await loop.outbox.flush()
    await loop.close(1000)


class _Interpreter:
    """Says utterances in another language."""

    def __init__(self, speech: SpeechEngine, outbox: Outbox) -> None:
        self._speech = speech
        self._outbox = outbox

    async def interpret(self, utterance: Utterance) -> None:
        """Send the events of one utterance; a failure costs it alone, never the session."""
        try:
            await self._interpret(utterance)
        except Exception as exc:
            _LOGGER.warning("an utterance was not translated", exc_info=exc)
            error = fault(f"{type(exc).__name__}: {exc}", code="translation_failed")
            self._outbox.put(error_event(error))

    async def _interpret(self, utterance: Utterance) -> None:
        pcm = await asyncio.to_thread(to_hearing, utterance.audio, PCM16)
        heard = await self._speech.transcribe(pcm, language=None, prompt=None)
        if utterance.shown:
            for word in split_words(heard):
                self._put("session.input_transcript.delta", utterance, word)
        words = translate(heard, utterance.language)
        if words.strip():
            await self._speak(words, utterance)

    async def _speak(self, words: str, utterance: Utterance) -> None:
        async with aclosing(self._speech.synthesize(words, voice="alloy", speed=1.0)) as chunks:
            async for chunk in chunks:
                if chunk.text:
                    self._put("session.output_transcript.delta", utterance, chunk.text)
                if chunk.pcm:
                    sound: JsonDict = {"format": "pcm16", "sample_rate": 24000, "channels": 1}
                    delta = base64.b64encode(chunk.pcm).decode()
                    self._put("session.output_audio.delta", utterance, delta, **sound)
                await self._outbox.room()

    def _put(self, type: str, utterance: Utterance, delta: str, **fields: Any) -> None:
        self._outbox.put(event(type, delta=delta, elapsed_ms=utterance.end_ms, **fields))
