"""A written conversation in typed functions: one builds what is sent, one looks at each event."""

from __future__ import annotations

from realtime_sync import OpenAI
from realtime_sync.events import (
    ConversationItemAdded,
    RealtimeClientEventParam,
    RealtimeConversationItemUserMessage,
    RealtimeErrorEvent,
    RealtimeResponse,
    RealtimeServerEvent,
    ResponseDoneEvent,
    ResponseTextDeltaEvent,
)


def requests(text: str) -> list[RealtimeClientEventParam]:
    """Return what is sent for one message of the user."""
    return [
        {
            "type": "conversation.item.create",
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            },
        },
        {"type": "response.create", "response": {"output_modalities": ["text"]}},
    ]


def look_at(event: RealtimeServerEvent) -> RealtimeResponse | None:
    """Show an event; return the response when it is over."""
    if isinstance(event, ConversationItemAdded):
        if isinstance(event.item, RealtimeConversationItemUserMessage):
            print(f"[{event.item.role}]", end=" ")
    elif isinstance(event, ResponseTextDeltaEvent):
        print(event.delta, end="", flush=True)
    elif isinstance(event, RealtimeErrorEvent):
        raise SystemExit(event.error.message)
    elif isinstance(event, ResponseDoneEvent):
        print()
        return event.response
    return None


def main() -> None:
    """Take messages from the terminal until one is q."""
    with OpenAI() as client, client.realtime.connect(model="gpt-realtime") as connection:
        while (text := input("Message: ")) != "q":
            for request in requests(text):
                connection.send(request)
            for event in connection:
                if response := look_at(event):
                    print(f"[{response.status}]")
                    break


if __name__ == "__main__":
    main()
