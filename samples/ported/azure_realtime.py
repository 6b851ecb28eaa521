"""A written conversation with a deployment of Azure OpenAI; q ends it.

AZURE_OPENAI_ENDPOINT is https://RESOURCE.openai.azure.com, AZURE_OPENAI_DEPLOYMENT_NAME the
deployment. `token` may ask azure.identity as well.
"""

from __future__ import annotations

import os

from realtime_sync import OpenAI


def token() -> str:
    """An Entra ID token, asked for at each connect."""
    return os.environ["AZURE_OPENAI_AD_TOKEN"]


def main() -> None:
    """Take messages from the terminal until one is q."""
    endpoint = os.environ["AZURE_OPENAI_ENDPOINT"].replace("http", "ws", 1)
    deployment = os.environ["AZURE_OPENAI_DEPLOYMENT_NAME"]
    with (
        OpenAI(websocket_base_url=f"{endpoint}/openai/v1", api_key=token) as client,
        client.realtime.connect(model=deployment) as connection,
    ):
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        while (text := input("Message: ")) != "q":
            connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": text}],
                }
            )
            connection.response.create()
            for event in connection:
                if event.type == "response.output_text.delta":
                    print(event.delta, end="", flush=True)
                elif event.type == "error":
                    raise SystemExit(event.error.message)
                elif event.type == "response.done":
                    print(f"\n[{event.response.status}]")
                    break


if __name__ == "__main__":
    main()
