"""The agent that talks, and whose model it is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from realtime_sync import Local, OpenAI
from realtime_sync.agents import RealtimeAgent, RealtimeRunConfig, function_tool

__all__ = ["AGENT", "CONFIG", "GREETING", "provider"]

# What the embedded server listens for: of eight kilohertz any word would be too much for it.
PHRASES = ["what is the weather in london", "thank you and goodbye"]
GREETING = "Hello, this is the front desk. How can I help you?"
CONFIG: RealtimeRunConfig = {
    "model_settings": {
        # The telephone's own format, in both directions.
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_ulaw",
    }
}


@function_tool
def hang_up() -> str:
    """End the call, when the caller wants that."""
    return "Say goodbye in one short sentence; after it the line is closed."


AGENT: RealtimeAgent[None] = RealtimeAgent(
    name="Desk",
    instructions="You answer the telephone of a small hotel. Answer in one or two short "
    "sentences. When the caller wants to end the call, call hang_up, and then say goodbye.",
    tools=[hang_up],
)


def provider(environment: Mapping[str, str] = os.environ) -> OpenAI | Local:
    """Return ``OpenAI()`` where there is a key, else the embedded server with its script."""
    if environment.get("OPENAI_API_KEY"):
        return OpenAI()
    return Local(responder=f"scripted:{Path(__file__).parent / 'desk.yaml'}", grammar=PHRASES)
