"""A written conversation, which was in the shape of the beta; q ends it."""

from __future__ import annotations

from realtime_sync import OpenAI


def main() -> None:
    """Take messages from the terminal until one is q."""
    with (
        OpenAI() as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        connection.session.update(
            session={
                "type": "realtime",
                "output_modalities": ["text"],
                "instructions": "Be brief.",
                "audio": {
                    "input": {
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
                    }
                },
                "max_output_tokens": 200,
            }
        )
        while (text := input("Message: ")) != "q":
            connection.conversation.item.create(
                item={
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": text}],
                }
            )
            connection.response.create(response={"output_modalities": ["text"]})
            for event in connection:
                if event.type == "response.output_text.delta":
                    print(event.delta, end="", flush=True)
                elif event.type == "error":
                    raise SystemExit(event.error.message)
                elif event.type == "response.done":
                    print()
                    break


if __name__ == "__main__":
    main()
