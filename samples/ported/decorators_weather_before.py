"""Ask for the weather of one city after the other; "exit" ends it."""

from __future__ import annotations

import asyncio
from typing import Any

from mirascope.beta.openai import Context, OpenAIRealtimeTool, Realtime, async_input

MODEL = "gpt-4o-realtime-preview-2024-10-01"


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


app = Realtime(MODEL, modalities=["text"], tools=[get_weather])


@app.sender(wait_for_text_response=True)
async def send_message(context: Context) -> str:
    """Take a city from the terminal."""
    city = await async_input("City: ")
    if city == "exit":
        raise asyncio.CancelledError
    return f"What is the weather in {city}?"


@app.receiver("text")
async def receive_text(response: str, context: dict[str, Any]) -> None:
    """Show the answer."""
    print(f"AI: {response}", flush=True)


@app.function_call(get_weather)
async def answer_call(tool: OpenAIRealtimeTool, context: Context) -> str:
    """Show the call, and answer it."""
    print(f"called for {tool.args['city']}", flush=True)
    result: str = tool.call()
    return result


if __name__ == "__main__":
    asyncio.run(app.run())
