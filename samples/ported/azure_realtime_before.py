"""A written conversation with a deployment of Azure OpenAI; q ends it.

AZURE_OPENAI_ENDPOINT is https://RESOURCE.openai.azure.com, AZURE_OPENAI_DEPLOYMENT_NAME the
deployment. `token` may ask azure.identity as well.
"""

from __future__ import annotations

import asyncio
import os

from openai import AsyncOpenAI


async def token() -> str:
    """An Entra ID token, asked for at each connect."""
    return os.environ["AZURE_OPENAI_AD_TOKEN"]


async def main() -> None:
    """Take messages from the terminal until one is q."""
    endpoint = os.environ["AZURE_OPENAI_ENDPOINT"].replace("http", "ws", 1)
    deployment = os.environ["AZURE_OPENAI_DEPLOYMENT_NAME"]
    async with (
        AsyncOpenAI(websocket_base_url=f"{endpoint}/openai/v1", api_key=token) as client,
        client.realtime.connect(model=deployment) as connection,
    ):
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
                    print(f"\n[{event.response.status}]")
                    break


if __name__ == "__main__":
    asyncio.run(main())
