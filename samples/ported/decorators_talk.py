"""Talk between two presses of Enter, and hear the answer; "exit" ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from realtime_sync.app import Realtime, async_input, record_as_stream
from realtime_sync.audio import Sound, play

app = Realtime("gpt-4o-realtime-preview-2024-10-01", turn_detection=None)


@app.receiver("audio")
def receive_audio(response: Sound, context: dict[str, Any]) -> None:
    """Play the answer."""
    play(response)


@app.receiver("audio_transcript")
def receive_audio_transcript(response: str, context: dict[str, Any]) -> None:
    """Show its words."""
    print(f"AI: {response}", flush=True)


@app.sender(wait_for_audio_transcript_response=True)
def send_audio_as_stream(context: dict[str, Any]) -> Iterator[BytesIO]:
    """Send what is said while it is said, and count the pieces."""
    if async_input("Enter to talk, or exit: ") == "exit":
        raise asyncio.CancelledError

    def wait_for_enter() -> str:
        return async_input("Enter when you have finished: ")

    for piece in record_as_stream(custom_blocking_event=wait_for_enter):
        context["pieces"] = context.get("pieces", 0) + 1
        yield piece


if __name__ == "__main__":
    app.run()
