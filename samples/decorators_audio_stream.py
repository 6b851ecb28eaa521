"""Talk, and the server hears when you have finished; Ctrl-C ends it. Wear headphones."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from realtime_sync import Realtime
from realtime_sync.app import Context, record_as_stream
from realtime_sync.audio import Sound, play

app = Realtime("gpt-realtime-2")


@app.receiver("audio")
def receive_audio(response: Sound, context: Context) -> None:
    play(response)


@app.receiver("audio_transcript")
def receive_audio_transcript(response: str, context: Context) -> None:
    print(f"AI: {response}", flush=True)


@app.sender()
def send_audio_as_stream(context: Context) -> Iterator[BytesIO]:
    print("Say something.", flush=True)
    yield from record_as_stream()


if __name__ == "__main__":
    try:
        app.run()
    except KeyboardInterrupt:
        print("Goodbye.")
