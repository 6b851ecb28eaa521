"""A client that brings sound faster than it is recognised waits, and loses nothing."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable
from typing import Any

import pytest
from bench import LOUD, LoudnessDetector

from realtime_sync.local.engine_set import EngineSet
from realtime_sync.local.engines import SpeechChunk
from realtime_sync.local.responders.echo import EchoResponder
from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.speech.voice_detector import DetectorPool
from realtime_sync.local.web import unheard_sound
from realtime_sync.local.web.conversation_service import serve_conversation
from realtime_sync.local.web.translation_service import serve_translation
from realtime_sync.local.web.unheard_sound import UnheardSound

SECOND = base64.b64encode(LOUD.to_bytes(2, "little") * 24_000 + bytes(48_000)).decode()
TURNS = 10


def test_room_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unheard_sound, "_MOST_BYTES", 10)

    async def run() -> None:
        sound = UnheardSound()
        sound.add(10)
        await sound.room()
        sound.add(1)
        waiting = asyncio.ensure_future(sound.room())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        sound.remove(1)
        await waiting

    asyncio.run(run())


class SlowSpeech:
    """Recognises one utterance after the other, each when nothing else is left to do."""

    def __init__(self) -> None:
        self.heard = 0

    async def transcribe(self, pcm: bytes, *, language: str | None, prompt: str | None) -> str:
        for _ in range(200):
            await asyncio.sleep(0)
        self.heard += 1
        return "words"

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        yield SpeechChunk(b"", text)


class Sender:
    """A WebSocket whose client has sent all its turns before the server reads the first."""

    def __init__(self, speech: SlowSpeech, append: str, last: str) -> None:
        self._speech = speech
        self._last = last
        self._ended = asyncio.Event()
        self._messages = [{"type": append, "audio": SECOND} for _ in range(TURNS)]
        self.behind = 0  # turns that waited, at most
        self._taken = 0
        self._done = 0

    async def receive(self) -> dict[str, Any]:
        self.behind = max(self.behind, self._taken - self._speech.heard)
        if not self._messages:
            if self._last == "session.closed" and self._taken == TURNS:
                self._taken += 1
                return {"type": "websocket.receive", "text": json.dumps({"type": "session.close"})}
            await self._ended.wait()
            return {"type": "websocket.disconnect"}
        self._taken += 1
        return {"type": "websocket.receive", "text": json.dumps(self._messages.pop(0))}

    async def send_text(self, text: str) -> None:
        self._done += json.loads(text)["type"] == self._last
        if self._done == (1 if self._last == "session.closed" else TURNS):
            self._ended.set()

    async def close(self, code: int, reason: str | None = None) -> None:
        self._ended.set()


def serve(kind: str, append: str, last: str) -> Sender:
    async def run() -> Sender:
        speech = SlowSpeech()
        engines = EngineSet(
            detectors=DetectorPool(LoudnessDetector),
            speech=speech,
            responder=EchoResponder(),
            projects=None,  # type: ignore[arg-type]  # these sessions have none
        )
        socket, settings = Sender(speech, append, last), ServerSettings()
        serving: Awaitable[None]
        if kind == "translation":
            serving = serve_translation(socket, engines, model="m", settings=settings)  # type: ignore[arg-type]  # as far as it is used
        else:
            serving = serve_conversation(
                socket,  # type: ignore[arg-type]  # as above
                engines,
                type="transcription",
                model=None,
                settings=settings,
            )
        await asyncio.wait_for(serving, 30)
        assert speech.heard == TURNS
        return socket

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("kind", "append", "last"),
    [
        (
            "transcription",
            "input_audio_buffer.append",
            "conversation.item.input_audio_transcription.completed",
        ),
        ("translation", "session.input_audio_buffer.append", "session.closed"),
    ],
)
def test_turns_that_come_too_fast(
    kind: str, append: str, last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unheard_sound, "_MOST_BYTES", 100_000)  # two turns are more
    assert serve(kind, append, last).behind <= 4
