"""Stream what you say while you say it, until you press Enter; "exit" ends it.

There is no turn detection: the end of the generator is the end of the turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from realtime_sync import Realtime
from realtime_sync.app import Context, async_input, record_as_stream
from realtime_sync.audio import Sound, play

app = Realtime("gpt-realtime-2", turn_detection=None)


@app.receiver("audio")
def receive_audio(response: Sound, context: Context) -> None:
    play(response)


@app.receiver("audio_transcript")
def receive_audio_transcript(response: str, context: Context) -> None:
    print(f"AI: {response}", flush=True)


@app.sender(wait_for_audio_transcript_response=True)
def send_audio_as_stream(context: Context) -> Iterator[BytesIO]:
    if async_input("Press Enter to talk, or type exit: ") == "exit":
        app.stop()
        return
    yield from record_as_stream(lambda: async_input("Press Enter when you have finished: "))


if __name__ == "__main__":
    app.run()
