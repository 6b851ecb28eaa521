"""A written conversation in the shape of the beta; q ends it."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI


async def main() -> None:
    """Take messages from the terminal until one is q."""
    async with (
        AsyncOpenAI() as client,
        client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection,
    ):
        await connection.session.update(
            session={
                "modalities": ["text"],
                "instructions": "Be brief.",
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                "max_response_output_tokens": 200,
            }
        )
        while (text := await asyncio.to_thread(input, "Message: ")) != "q":
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": text}],
                }
            )
            await connection.response.create(response={"modalities": ["text"]})
            async for event in connection:
                if event.type == "response.text.delta":
                    print(event.delta, end="", flush=True)
                elif event.type == "error":
                    raise SystemExit(event.error.message)
                elif event.type == "response.done":
                    print()
                    break


if __name__ == "__main__":
    asyncio.run(main())
