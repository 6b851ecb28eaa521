"""Talk to an agent with a tool: microphone and speaker, and every event on the screen.

Ctrl-C ends. Without a sound card, --input FILE.wav speaks instead of you and --output FILE.wav
keeps the answers. REALTIME_URL is the address of a server that is not OpenAI's.
"""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path

from realtime_sync.agents import (
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    RealtimeSessionEvent,
    tool,
)
from realtime_sync.audio import Microphone, Speaker, WavSink, WavSource


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


agent = RealtimeAgent(
    name="Assistant",
    instructions="You begin each answer with a proverb.",
    tools=[get_weather],
)


def where() -> RealtimeModelConfig:
    """Return the server to talk to, and how it is to find the turns."""
    config: RealtimeModelConfig = {
        "initial_model_settings": {
            "model_name": "gpt-realtime-2.1",
            "turn_detection": {
                "type": "semantic_vad",
                "interrupt_response": True,
                "create_response": True,
            },
        }
    }
    if url := os.environ.get("REALTIME_URL"):
        config["url"] = url
    return config


def show(event: RealtimeSessionEvent) -> None:
    """Print an event; sound and history would be too much."""
    if event.type == "agent_start":
        print(f"{event.agent.name} begins")
    elif event.type == "agent_end":
        print(f"{event.agent.name} is done")
    elif event.type == "handoff":
        print(f"{event.from_agent.name} hands over to {event.to_agent.name}")
    elif event.type == "tool_start":
        print(f"the tool {event.tool.name} begins")
    elif event.type == "tool_end":
        print(f"the tool {event.tool.name} returns {event.output}")
    elif event.type == "audio_end":
        print("that was the answer")
    elif event.type == "audio_interrupted":
        print("interrupted")
    elif event.type == "error":
        print(f"error: {event.error}")
    elif event.type == "raw_model_event" and event.data.type != "raw_server_event":
        print(f"  {event.data!s:.100}")


def main() -> None:
    """Hold the conversation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--input", type=Path, metavar="FILE.wav")
    parser.add_argument("--output", type=Path, metavar="FILE.wav")
    options = parser.parse_args()
    source = WavSource(options.input) if options.input else Microphone()
    sink = WavSink(options.output) if options.output else Speaker()
    with (
        source,
        sink,
        RealtimeRunner(agent).run(model_config=where(), audio=(source, sink)) as session,
    ):
        print("connected: say something")
        for event in session:
            show(event)
    print("the session has ended")


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        main()
