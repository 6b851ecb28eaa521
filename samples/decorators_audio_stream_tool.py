"""Talk to a model that calls a tool, and watch the calls; Ctrl-C ends it. Wear headphones."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from realtime_sync import Realtime
from realtime_sync.app import Context, RealtimeTool, record_as_stream
from realtime_sync.audio import Sound, play

app = Realtime("gpt-realtime-2")


def get_weather(city: str) -> dict[str, object]:
    """Tell the weather in a city."""
    return {"city": city, "condition": "sunny", "temperature": 21}


@app.receiver("audio")
def receive_audio(response: Sound, context: Context) -> None:
    play(response)


@app.receiver("audio_transcript")
def receive_audio_transcript(response: str, context: Context) -> None:
    print(f"AI: {response}", flush=True)


@app.sender(tools=[get_weather])
def send_audio_as_stream(context: Context) -> Iterator[BytesIO]:
    print("Ask for the weather.", flush=True)
    yield from record_as_stream()


@app.receiver("tool")
def show_call(tool: RealtimeTool, context: Context) -> None:
    print(f"called: {tool} returns {tool.call()}", flush=True)


if __name__ == "__main__":
    try:
        app.run()
    except KeyboardInterrupt:
        print("Goodbye.")
