"""Ask a question from a WAV file (PCM16 mono, 24 kHz) and write the answer into another.

$ python spoken_question.py question.wav answer.wav
"""

from __future__ import annotations

import asyncio
import base64
import sys
import wave

from openai import AsyncOpenAI

CHUNK_MS = 100


async def main(question: str, answer: str) -> None:
    """Send the question at the pace of speech, and keep what is answered."""
    async with AsyncOpenAI() as client, client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(
            session={
                "type": "realtime",
                "audio": {
                    "input": {
                        "transcription": {"model": "gpt-4o-mini-transcribe"},
                        "turn_detection": None,
                    }
                },
            }
        )
        with wave.open(question) as file:
            while chunk := file.readframes(file.getframerate() * CHUNK_MS // 1000):
                await connection.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
                await asyncio.sleep(CHUNK_MS / 1000)
        await connection.input_audio_buffer.commit()
        await connection.response.create()
        spoken = bytearray()
        async for event in connection:
            if event.type == "conversation.item.input_audio_transcription.completed":
                print(f"[you said: {event.transcript}]")
            elif event.type == "response.output_audio.delta":
                spoken += base64.b64decode(event.delta)
            elif event.type == "response.output_audio_transcript.done":
                print(event.transcript)
            elif event.type == "error":
                raise SystemExit(event.error.message)
            elif event.type == "response.done":
                break
    with wave.open(answer, "wb") as file:
        file.setparams((1, 2, 24_000, 0, "NONE", ""))
        file.writeframes(spoken)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
