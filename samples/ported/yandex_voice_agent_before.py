"""A voice agent on Yandex AI Studio by the provider's own events; Ctrl-C ends it.

YANDEX_FOLDER_ID and YANDEX_API_KEY say whose agent it is, YANDEX_INDEX_ID which search index it
reads. Whoever speaks interrupts it, so use headphones.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import threading
from contextlib import suppress
from typing import Any
from zlib import crc32

import sounddevice
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

URL = os.environ.get("YANDEX_URL", "wss://ai.api.cloud.yandex.net/v1")
MODEL = "speech-realtime-260528"
UP_HZ = 24_000
DOWN_HZ = 44_100
SESSION: dict[str, Any] = {
    "instructions": (
        "You are a friendly assistant. Answer in one or two sentences. Ask get_weather about the "
        "weather, web_search about news, and file_search about the user's own documents."
    ),
    "output_modalities": ["text", "audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": UP_HZ, "channels": 1},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.5,
                "silence_duration_ms": 400,
            },
        },
        "output": {"format": {"type": "audio/pcm", "rate": DOWN_HZ}, "voice": "dasha"},
    },
    "tools": [
        {
            "type": "function",
            "name": "get_weather",
            "description": "Tell the weather in a city, now.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
        },
        {
            "type": "function",
            "name": "web_search",
            "description": "Web search",
            "parameters": "{}",
        },
        {
            "type": "function",
            "name": "file_search",
            "description": os.environ.get("YANDEX_INDEX_ID", "INDEX_ID"),
            "parameters": "{}",
        },
    ],
}


def get_weather(city: str) -> str:
    """Return the weather in a city as JSON; a real one would ask a service."""
    dice = crc32(city.lower().encode())
    condition = ["clear", "cloudy", "rainy", "foggy", "snowy"][dice % 5]
    weather = {"city": city, "condition": condition, "temperature_c": dice % 40 - 10}
    return json.dumps(weather, ensure_ascii=False)


class Speaker:
    """Plays PCM16; what waits to be played can be thrown away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _waiting
        self._waiting = bytearray()
        self._stream = sounddevice.RawOutputStream(
            samplerate=DOWN_HZ, channels=1, dtype="int16", callback=self._fill
        )
        self._stream.start()

    def _fill(self, block: Any, frames: int, time: Any, status: Any) -> None:
        with self._lock:
            pcm = bytes(self._waiting[: 2 * frames])
            del self._waiting[: len(pcm)]
        block[:] = pcm.ljust(2 * frames, b"\0")

    def write(self, pcm: bytes) -> None:
        """Play this after what waits already."""
        with self._lock:
            self._waiting += pcm

    def clear(self) -> None:
        """Throw away what waits."""
        with self._lock:
            self._waiting.clear()

    def close(self) -> None:
        """Give the device back."""
        self._stream.close()


class Microphone:
    """Captures PCM16 for a coroutine."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._captured: asyncio.Queue[bytes] = asyncio.Queue()
        self._stream = sounddevice.RawInputStream(
            samplerate=UP_HZ, channels=1, dtype="int16", blocksize=UP_HZ // 50, callback=self._take
        )
        self._stream.start()

    def _take(self, block: Any, frames: int, time: Any, status: Any) -> None:
        self._loop.call_soon_threadsafe(self._captured.put_nowait, bytes(block))

    async def read(self) -> bytes:
        """Return the next 20 ms."""
        return await self._captured.get()

    def close(self) -> None:
        """Give the device back."""
        self._stream.close()


async def uplink(socket: ClientConnection, microphone: Microphone) -> None:
    """Send what the microphone hears."""
    with suppress(ConnectionClosed):
        while True:
            pcm = await microphone.read()
            audio = base64.b64encode(pcm).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def downlink(socket: ClientConnection, speaker: Speaker) -> None:
    """Play and print what comes, and answer the calls of `get_weather`."""
    epoch = 0  # of what the user says: a new one with each time that speech begins
    answered_epoch: int | None = None  # that of the response whose audio comes
    async for message in socket:
        event = json.loads(message)
        kind = event["type"]
        if kind == "session.created":
            print(f"[session {event['session'].get('id')}]", flush=True)
        elif kind == "input_audio_buffer.speech_started":
            epoch += 1
            speaker.clear()
        elif kind == "conversation.item.input_audio_transcription.completed":
            print(f"\nyou: {event['transcript']}", flush=True)
        elif kind == "response.created":
            answered_epoch = epoch
        elif kind == "response.output_text.delta":
            print(event["delta"], end="", flush=True)
        elif kind == "response.output_audio.delta":
            if answered_epoch == epoch:
                speaker.write(base64.b64decode(event["delta"]))
        elif kind == "response.output_item.done":
            item = event["item"]
            if item["type"] == "function_call" and item["name"] == "get_weather":
                await answer(socket, item["call_id"], json.loads(item["arguments"]))
        elif kind == "error":
            print(f"\n[error: {event['error']['message']}]", flush=True)


async def answer(socket: ClientConnection, call_id: str, arguments: dict[str, str]) -> None:
    """Give the model the weather and ask it to go on."""
    output = get_weather(arguments["city"])
    print(f"\n[get_weather returned {output}]", flush=True)
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    await socket.send(json.dumps({"type": "conversation.item.create", "item": item}))
    response = {"modalities": ["audio", "text"], "conversation": "default"}
    await socket.send(json.dumps({"type": "response.create", "response": response}))


async def main() -> None:
    """Talk until the server closes or Ctrl-C is pressed."""
    url = f"{URL}/realtime?model=gpt://{os.environ['YANDEX_FOLDER_ID']}/{MODEL}"
    headers = {"Authorization": f"Api-Key {os.environ['YANDEX_API_KEY']}"}
    async with connect(url, additional_headers=headers, ping_timeout=None) as socket:
        await socket.send(json.dumps({"type": "session.update", "session": SESSION}))
        speaker, microphone = Speaker(), Microphone()
        up = asyncio.create_task(uplink(socket, microphone))
        down = asyncio.create_task(downlink(socket, speaker))
        print("Speak; Ctrl-C ends it.", flush=True)
        try:
            await down
        finally:
            microphone.close()
            up.cancel()
            speaker.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
    print("\nGoodbye.")
