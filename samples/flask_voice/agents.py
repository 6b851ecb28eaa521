"""The two agents of the page, their tools, and whose model they are.

The guide knows the weather and the time, and hands over to the booking desk, which books a trip
when the user agrees to it on the page.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from realtime_sync import Local, OpenAI
from realtime_sync.agents import (
    RealtimeAgent,
    RealtimeRunConfig,
    function_tool,
    realtime_handoff,
)
from realtime_sync.clients.base import Client

__all__ = ["CONFIG", "PHRASES", "TOOLS", "guide", "make_client"]

SCRIPT = Path(__file__).parent / "travel.yaml"
# What may be said to the embedded server, in this order.
PHRASES = (
    "What is the weather in Paris?",
    "What time is it?",
    "Please tell me a story.",
    "I want to book a trip.",
    "Book a trip to Rome.",
)


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny and 21 degrees in {city}"


@function_tool
def get_time() -> str:
    """Tell what time it is."""
    return datetime.now().astimezone().strftime("%H:%M")


@function_tool(needs_approval=True)
def book_trip(city: str) -> str:
    """Book a trip; the user is asked first."""
    return f"a trip to {city} is booked"


# What the page shows as tools; handoffs are calls, too, and have their own place there.
TOOLS = frozenset({"get_weather", "get_time", "book_trip"})

booking = RealtimeAgent[None](
    name="Booking",
    handoff_description="Books trips.",
    instructions="Book the trip that the user wants. Ask for the city if you do not know it.",
    tools=[book_trip],
)
guide = RealtimeAgent[None](
    name="Guide",
    instructions=(
        "You are a friendly travel guide. Be brief. Use your tools for the weather and the time, "
        "and hand over to Booking as soon as the user wants a trip to be booked."
    ),
    tools=[get_weather, get_time],
    handoffs=[realtime_handoff(booking)],
)
booking.handoffs.append(realtime_handoff(guide))

CONFIG: RealtimeRunConfig = {
    "model_settings": {
        "audio": {"input": {"transcription": {"model": "gpt-4o-mini-transcribe"}}},
    },
}


def make_client() -> Client:
    """Return the client from the environment: OpenAI's, or without a key the embedded server."""
    if os.environ.get("OPENAI_API_KEY"):
        return OpenAI()
    return Local(responder=f"scripted:{SCRIPT}")
