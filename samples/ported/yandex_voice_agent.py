"""A voice agent on Yandex AI Studio by the provider's own events; Ctrl-C ends it.

YANDEX_FOLDER_ID and YANDEX_API_KEY say whose agent it is, YANDEX_INDEX_ID which search index it
reads. Whoever speaks interrupts it, so use headphones.
"""

from __future__ import annotations

import base64
import json
import os
import threading
from contextlib import suppress
from typing import Any
from zlib import crc32

from realtime_sync import ConnectionClosed, RealtimeConnection, YandexAIStudio
from realtime_sync.audio import Microphone, Speaker

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


def uplink(connection: RealtimeConnection, microphone: Microphone) -> None:
    """Send what the microphone hears."""
    with suppress(ConnectionClosed):
        for pcm in microphone:
            audio = base64.b64encode(pcm).decode()
            connection.send({"type": "input_audio_buffer.append", "audio": audio})


def downlink(connection: RealtimeConnection, speaker: Speaker) -> None:
    """Play and print what comes, and answer the calls of `get_weather`."""
    epoch = 0  # of what the user says: a new one with each time that speech begins
    answered_epoch: int | None = None  # that of the response whose audio comes
    for message in connection:
        event = message.to_dict()
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
                answer(connection, item["call_id"], json.loads(item["arguments"]))
        elif kind == "error":
            print(f"\n[error: {event['error']['message']}]", flush=True)


def answer(connection: RealtimeConnection, call_id: str, arguments: dict[str, str]) -> None:
    """Give the model the weather and ask it to go on."""
    output = get_weather(arguments["city"])
    print(f"\n[get_weather returned {output}]", flush=True)
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    connection.send({"type": "conversation.item.create", "item": item})
    response = {"modalities": ["audio", "text"], "conversation": "default"}
    connection.send({"type": "response.create", "response": response})


def main() -> None:
    """Talk until the server closes or Ctrl-C is pressed."""
    client = YandexAIStudio(base_url=URL, dialect=None)
    with (
        client.realtime.connect(model=MODEL) as connection,
        Speaker(rate=DOWN_HZ) as speaker,
        Microphone(rate=UP_HZ) as microphone,
    ):
        connection.send({"type": "session.update", "session": SESSION})
        up = threading.Thread(target=uplink, args=(connection, microphone))
        down = threading.Thread(target=downlink, args=(connection, speaker))
        up.start()
        down.start()
        print("Speak; Ctrl-C ends it.", flush=True)
        try:
            down.join()
        finally:
            microphone.close()
            connection.close()
            up.join()
            down.join()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
    print("\nGoodbye.")
