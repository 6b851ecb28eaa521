"""A written conversation: type a message, read the answer; q ends it."""

from __future__ import annotations

import asyncio

from openai import AsyncOpenAI


async def main() -> None:
    """Take messages from the terminal until one is q."""
    async with AsyncOpenAI() as client, client.realtime.connect(model="gpt-realtime") as connection:
        await connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        while (text := await asyncio.to_thread(input, "Message: ")) != "q":
            await connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": text}],
                }
            )
            await connection.response.create()
            async for event in connection:
                if event.type == "response.output_text.delta":
                    print(event.delta, end="", flush=True)
                elif event.type == "error":
                    raise SystemExit(event.error.message)
                elif event.type == "response.done":
                    print()
                    break


if __name__ == "__main__":
    asyncio.run(main())
