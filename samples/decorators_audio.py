"""Record a question between two presses of Enter, and hear the answer; "exit" ends it."""

from __future__ import annotations

from io import BytesIO

from realtime_sync import Realtime
from realtime_sync.app import Context, async_input, record
from realtime_sync.audio import Sound, play

app = Realtime("gpt-realtime-2", turn_detection=None)


@app.receiver("audio")
def receive_audio(response: Sound, context: Context) -> None:
    play(response)


@app.receiver("audio_transcript")
def receive_audio_transcript(response: str, context: Context) -> None:
    print(f"AI: {response}", flush=True)


@app.sender(wait_for_audio_transcript_response=True)
def send_audio(context: Context) -> BytesIO:
    if async_input("Press Enter to record, or type exit: ") == "exit":
        raise StopIteration
    return record(lambda: async_input("Press Enter to stop: "))


if __name__ == "__main__":
    app.run()
