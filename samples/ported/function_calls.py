"""Ask about the weather, which a function of this program knows."""

from __future__ import annotations

import json
import time

from realtime_sync import OpenAI
from realtime_sync.events import ConversationItemParam, RealtimeFunctionToolParam

QUESTION: ConversationItemParam = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "What is the weather in London?"}],
}
TOOL: RealtimeFunctionToolParam = {
    "type": "function",
    "name": "get_weather",
    "description": "Tell the weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def get_weather(city: str) -> dict[str, object]:
    """Look the weather up, which takes a moment."""
    time.sleep(0.1)
    return {"city": city, "condition": "sunny", "temperature": 21}


def main() -> None:
    """Ask once, run what the model calls, and print what it says then."""
    with OpenAI() as client, client.realtime.connect(model="gpt-realtime") as connection:
        connection.session.update(
            session={"type": "realtime", "output_modalities": ["text"], "tools": [TOOL]}
        )
        connection.conversation.item.create(item=QUESTION)
        connection.response.create()
        for event in connection:
            if event.type == "response.function_call_arguments.done":
                output = get_weather(**json.loads(event.arguments))
                print(f"[{event.name}: {event.arguments}]")
                connection.conversation.item.create(
                    item={
                        "type": "function_call_output",
                        "call_id": event.call_id,
                        "output": json.dumps(output),
                    }
                )
                connection.response.create()
            elif event.type == "response.output_text.done":
                print(event.text)
                break
            elif event.type == "error":
                raise SystemExit(event.error.message)


if __name__ == "__main__":
    main()
