"""An agent introduces itself: a session that is written to, and what it tells.

REALTIME_URL is the address of a server that is not OpenAI's.
"""

from __future__ import annotations

import os

from realtime_sync.agents import RealtimeAgent, RealtimeModelConfig, RealtimeRunner

agent = RealtimeAgent(
    name="Receptionist",
    instructions="You greet the guests of a small hotel. One sentence is enough.",
)
runner = RealtimeRunner(
    starting_agent=agent,
    config={
        "model_settings": {
            "model_name": "gpt-realtime-2.1",
            "audio": {
                "input": {
                    "format": "pcm16",
                    "transcription": {"model": "gpt-4o-mini-transcribe"},
                    "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
                },
                "output": {"format": "pcm16", "voice": "marin"},
            },
        }
    },
)


def where() -> RealtimeModelConfig:
    """Return the server to talk to."""
    url = os.environ.get("REALTIME_URL")
    return {"url": url} if url else {}


def main() -> None:
    """Have the agent answer one message."""
    session = runner.run(model_config=where())
    sound = b""
    with session:
        session.send_message("Good evening!")
        for event in session:
            if event.type == "audio":
                sound += event.audio.data
            elif event.type == "history_added":
                print(f"new: {event.item.type} {event.item.item_id}")
            elif event.type == "error":
                print(f"error: {event.error}")
            elif event.type == "agent_end":
                break
    print(f"{agent.name} has spoken for {len(sound) / 48_000:.1f} s")


if __name__ == "__main__":
    main()
