"""Talk between two presses of Enter, and hear the answer; "exit" ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

from mirascope.beta.openai import Realtime, async_input, record_as_stream
from pydub import AudioSegment
from pydub.playback import play

app = Realtime("gpt-4o-realtime-preview-2024-10-01", turn_detection=None)


@app.receiver("audio")
async def receive_audio(response: AudioSegment, context: dict[str, Any]) -> None:
    """Play the answer."""
    play(response)


@app.receiver("audio_transcript")
async def receive_audio_transcript(response: str, context: dict[str, Any]) -> None:
    """Show its words."""
    print(f"AI: {response}", flush=True)


@app.sender(wait_for_audio_transcript_response=True)
async def send_audio_as_stream(context: dict[str, Any]) -> AsyncIterator[BytesIO]:
    """Send what is said while it is said, and count the pieces."""
    if await async_input("Enter to talk, or exit: ") == "exit":
        raise asyncio.CancelledError

    async def wait_for_enter() -> str:
        return await async_input("Enter when you have finished: ")

    async for piece in record_as_stream(custom_blocking_event=wait_for_enter):
        context["pieces"] = context.get("pieces", 0) + 1
        yield piece


if __name__ == "__main__":
    asyncio.run(app.run())
