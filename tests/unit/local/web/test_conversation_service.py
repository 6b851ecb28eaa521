"""What is recognised in a session, and in which order, by a recogniser that is held."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from bench import LOUD, Event, LoudnessDetector

from realtime_sync.errors import AudioError, ConfigError
from realtime_sync.local.engine_set import EngineSet
from realtime_sync.local.engines import EngineError, SpeechChunk
from realtime_sync.local.responders.echo import EchoResponder
from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.speech.voice_detector import DetectorPool
from realtime_sync.local.web.conversation_service import serve_conversation

GUARD_S = 30


class HeldRecogniser:
    """Recognises one utterance at a time, each when it is told the words.

    Attributes:
        order: what became of each utterance, by its number.
        begun: how many milliseconds of sound each has that was begun.
    """

    def __init__(self) -> None:
        self.order: list[str] = []
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self._words: asyncio.Queue[str | Exception] = asyncio.Queue()
        self._free = asyncio.Lock()
        self._count = 0

    def tell(self, words: str) -> None:
        self._words.put_nowait(words)

    def fail(self, error: Exception) -> None:
        self._words.put_nowait(error)

    async def transcribe(self, pcm16k: bytes, *, language: str | None, prompt: str | None) -> str:
        self._count += 1
        number = self._count
        async with self._free:
            self.order.append(f"{number} begins")
            self.begun.put_nowait(len(pcm16k) // 32)
            try:
                words = await self._words.get()
            except asyncio.CancelledError:
                self.order.append(f"{number} is dropped")
                raise
            self.order.append(f"{number} is heard")
            if isinstance(words, Exception):
                raise words
            return words

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        yield SpeechChunk(b"", text)


class Client:
    """A WebSocket without a network, and the client at its other end."""

    def __init__(self) -> None:
        self._sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._received: asyncio.Queue[Event] = asyncio.Queue()

    async def receive(self) -> dict[str, Any]:
        return await self._sent.get()

    async def send_text(self, text: str) -> None:
        self._received.put_nowait(json.loads(text))

    async def close(self, code: int, reason: str | None = None) -> None:
        self.leave()

    def leave(self) -> None:
        self._sent.put_nowait({"type": "websocket.disconnect"})

    def send(self, type: str, **fields: Any) -> None:
        text = json.dumps({"type": type, **fields})
        self._sent.put_nowait({"type": "websocket.receive", "text": text})

    def speak(self, ms: int, *, loud: bool) -> None:
        audio = (LOUD if loud else 0).to_bytes(2, "little") * (24 * ms)
        self.send("input_audio_buffer.append", audio=base64.b64encode(audio).decode())

    def listen(self, **turn_detection: Any) -> None:
        hearing = {"turn_detection": turn_detection or None}
        self.send("session.update", session={"type": "realtime", "audio": {"input": hearing}})

    async def until(self, type: str) -> Event:
        while True:
            event = await self._received.get()
            assert event["type"] != "error" or type == "error", event
            if event["type"] == type:
                return event


def talk(work: Callable[[Client, HeldRecogniser], Awaitable[None]]) -> list[str]:
    """Have a conversation, and return the recogniser's order."""

    async def run() -> list[str]:
        recogniser, client = HeldRecogniser(), Client()
        engines = EngineSet(
            detectors=DetectorPool(LoudnessDetector),
            speech=recogniser,
            responder=EchoResponder(),
            projects=None,  # type: ignore[arg-type]  # these sessions have none
        )
        serving = asyncio.ensure_future(
            serve_conversation(
                client,  # type: ignore[arg-type]  # as far as it is used
                engines,
                type="realtime",
                model="gpt-realtime",
                settings=ServerSettings(),
            )
        )
        await asyncio.wait_for(work(client, recogniser), GUARD_S)
        client.leave()
        await asyncio.wait_for(serving, GUARD_S)
        return recogniser.order

    return asyncio.run(run())


def test_a_turn_that_is_deleted_while_it_is_recognised_is_not_answered() -> None:
    async def work(client: Client, recogniser: HeldRecogniser) -> None:
        client.listen(type="server_vad", silence_duration_ms=320)
        client.speak(640, loud=True)
        client.speak(640, loud=False)
        turn = (await client.until("input_audio_buffer.committed"))["item_id"]
        await recogniser.begun.get()
        client.send("conversation.item.delete", item_id=turn)
        response = (await client.until("response.done"))["response"]
        assert (response["status"], response["output"]) == ("cancelled", [])

    assert talk(work) == ["1 begins", "1 is dropped"]


def test_what_is_deleted_does_not_hold_up_the_answer_to_the_rest() -> None:
    async def work(client: Client, recogniser: HeldRecogniser) -> None:
        client.listen()
        for _ in range(2):
            client.speak(200, loud=True)
            client.send("input_audio_buffer.commit")
        client.send("response.create", response={"output_modalities": ["text"]})
        first = (await client.until("input_audio_buffer.committed"))["item_id"]
        await client.until("response.created")
        await recogniser.begun.get()
        client.send("conversation.item.delete", item_id=first)
        await recogniser.begun.get()
        recogniser.tell("what is left")
        response = (await client.until("response.done"))["response"]
        assert response["output"][0]["content"][0]["text"] == "what is left"

    assert talk(work) == ["1 begins", "1 is dropped", "2 begins", "2 is heard"]


def test_what_is_deleted_while_a_long_conversation_is_looked_through_is_not_recognised() -> None:
    async def work(client: Client, recogniser: HeldRecogniser) -> None:
        client.listen()
        content = [{"type": "input_text", "text": "and"}]
        for _ in range(300):  # others have their turn behind each 50 of them
            item = {"type": "message", "role": "user", "content": content}
            client.send("conversation.item.create", item=item)
        client.speak(200, loud=True)
        client.send("input_audio_buffer.commit")
        turn = (await client.until("input_audio_buffer.committed"))["item_id"]
        await recogniser.begun.get()
        client.send("response.create", response={"output_modalities": ["text"]})
        client.send("conversation.item.delete", item_id=turn)
        response = (await client.until("response.done"))["response"]
        assert response["output"][0]["content"][0]["text"] == "and"

    assert talk(work) == ["1 begins", "1 is dropped"]


@pytest.mark.parametrize("kind", [EngineError, ConfigError, AudioError])
def test_what_could_not_be_recognised_is_tried_again_if_that_may_help(
    kind: type[Exception],
) -> None:
    again = kind is AudioError

    async def work(client: Client, recogniser: HeldRecogniser) -> None:
        client.listen()
        client.speak(200, loud=True)
        client.send("input_audio_buffer.commit")
        await recogniser.begun.get()
        recogniser.fail(kind("no"))
        await client.until("conversation.item.done")
        for _ in range(2):
            client.send("response.create", response={"output_modalities": ["text"]})
            if again:
                await recogniser.begun.get()
                recogniser.fail(kind("no"))
            response = (await client.until("response.done"))["response"]
            assert response["status"] == ("failed" if again else "completed")

    order = talk(work)
    assert len(order) == (6 if again else 2), order


def test_a_probe_that_is_void_does_not_hold_up_the_next_one() -> None:
    async def work(client: Client, recogniser: HeldRecogniser) -> None:
        client.listen(type="semantic_vad", eagerness="high")
        client.speak(640, loud=True)
        client.speak(640, loud=False)
        first = await recogniser.begun.get()
        client.speak(320, loud=True)  # the user speaks on, and nobody has told what was said
        client.speak(640, loud=False)
        assert await recogniser.begun.get() > first
        recogniser.tell("all of it")
        await client.until("response.done")

    assert talk(work) == ["1 begins", "1 is dropped", "2 begins", "2 is heard"]
