"""A voice agent on Yandex AI Studio: speak, hear the answers and read both sides; Ctrl-C ends it.

It tells the weather by a function of this program. The web, and with --index the files of a search
index, are searched by the provider's own tools. Whoever speaks interrupts the agent, so use
headphones. YANDEX_FOLDER_ID and YANDEX_API_KEY (or YANDEX_IAM_TOKEN) say whose agent it is.
"""

from __future__ import annotations

import argparse
from contextlib import suppress
from typing import Any
from zlib import crc32

from realtime_sync import ReconnectPolicy, YandexAIStudio
from realtime_sync.audio import Microphone, Speaker
from realtime_sync.clients.yandex import file_search, web_search
from realtime_sync.events import ServerEvent
from realtime_sync.tools import function_schema
from realtime_sync.voice import VoiceEvent, VoiceLoop

UP_HZ = 24_000
DOWN_HZ = 44_100
INSTRUCTIONS = (
    "You are a friendly assistant. Answer in one or two sentences. Ask get_weather about the "
    "weather, web_search about news, and file_search about what the user's own documents say."
)
SKIES = {
    "clear": "A cap will do you good.",
    "cloudy": "A light jacket will do.",
    "rainy": "Take an umbrella.",
    "foggy": "Drive slowly.",
    "snowy": "Wear warm boots.",
}


def get_weather(city: str) -> dict[str, object]:
    """Tell the weather in a city, now."""
    dice = crc32(city.lower().encode())  # a real one would ask a weather service
    condition = list(SKIES)[dice % len(SKIES)]
    return {
        "city": city,
        "condition": condition,
        "temperature_c": dice % 40 - 10,
        "wind_m_s": dice % 12,
        "advice": SKIES[condition],
    }


def session(index_id: str | None) -> Any:
    """Return what the agent is told to be."""
    tools = [function_schema(get_weather), web_search()]
    return {
        "instructions": INSTRUCTIONS,
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": UP_HZ},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "silence_duration_ms": 400,
                },
            },
            "output": {"format": {"type": "audio/pcm", "rate": DOWN_HZ}, "voice": "dasha"},
        },
        "tools": [*tools, file_search(index_id)] if index_id else tools,
    }


class Screen:
    """Shows the words of both sides as they come, a line for each turn."""

    def __init__(self) -> None:
        self._item_id = ""  # whose line it is
        self._heard = ""  # of what the user says in it

    def show(self, event: ServerEvent | VoiceEvent) -> None:
        """Take an event of the conversation."""
        if event.type == "conversation.item.input_audio_transcription.completed":
            # It comes several times, with more words each time.
            new = event.item_id != self._item_id
            known = "" if new else self._heard
            self._say("you", event.item_id, event.transcript.removeprefix(known))
            self._heard = event.transcript
        elif event.type == "response.output_audio_transcript.delta":
            self._say("agent", event.item_id, event.delta)
        elif event.type == "voice.tool_started":
            self._note(f"{event.name} {event.arguments}")
        elif event.type == "voice.tool_finished":
            self._note(f"{event.name} returned {event.output}")
        elif event.type == "voice.interrupted":
            self._note("interrupted")
        elif event.type == "error" and event.severity != "benign":
            self._note(f"error: {event.error.message}")

    def _say(self, who: str, item_id: str, words: str) -> None:
        if item_id != self._item_id:
            self._item_id = item_id
            print(f"\n{who}: ", end="")
        print(words, end="", flush=True)

    def _note(self, what: str) -> None:
        self._item_id = ""
        print(f"\n[{what}]", end="", flush=True)


def main() -> None:
    """Talk until Ctrl-C."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default="speech-realtime-260528")
    parser.add_argument("--index", metavar="ID", help="the search index of file_search")
    parser.add_argument("--url", help="another base URL than the provider's")
    options = parser.parse_args()
    client = YandexAIStudio(base_url=options.url)
    with (
        suppress(KeyboardInterrupt),
        # A session lasts five minutes; the talk goes on in the next one.
        client.realtime.connect(model=options.model, reconnect=ReconnectPolicy()) as connection,
        Microphone(rate=UP_HZ) as microphone,
        Speaker(rate=DOWN_HZ) as speaker,
    ):
        connection.session.update(session=session(options.index))
        loop = VoiceLoop(
            connection, microphone, speaker, tools=[get_weather], on_event=Screen().show
        )
        print("Speak; Ctrl-C ends it.", end="", flush=True)
        loop.run()
    print("\nGoodbye.")


if __name__ == "__main__":
    main()
