"""The agents of a hotel: a front desk that hands over to two others, who hand back.

One of them has a slow tool, the other one that somebody has to approve. `converse` writes to them
and approves what they ask for. REALTIME_URL is the address of a server that is not OpenAI's.
"""

from __future__ import annotations

import os
import sys
import time

from realtime_sync.agents import (
    RECOMMENDED_PROMPT_PREFIX,
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeRunner,
    realtime_handoff,
    tool,
)

FACTS = {
    "breakfast": "Breakfast is from seven to eleven, on the terrace.",
    "parking": "Guests park in the yard, for nothing.",
}


@tool(name_override="look_up", description_override="Find out about the house.")
def look_up_in_the_book(subject: str) -> str:
    time.sleep(0.5)  # it is a thick book
    return FACTS.get(subject.lower(), "The book says nothing about that.")


@tool(needs_approval=True)
def change_room(booking: str, room: str) -> str:
    """
    Give a guest another room.

    Args:
        booking: The number of the booking.
        room: The number of the room.
    """
    return f"Booking {booking} has room {room} now."


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"It is sunny in {city}."


house_agent = RealtimeAgent(
    name="House Agent",
    handoff_description="Knows everything about the house.",
    instructions=f"""{RECOMMENDED_PROMPT_PREFIX}
    You answer questions about the hotel from the book, never from what you believe.
    For anything else, hand back to the front desk.""",
    tools=[look_up_in_the_book],
)

rooms_agent = RealtimeAgent(
    name="Rooms Agent",
    handoff_description="Changes the rooms of guests.",
    instructions=f"""{RECOMMENDED_PROMPT_PREFIX}
    You ask for the number of the booking and of the room, and change it.
    For anything else, hand back to the front desk.""",
    tools=[change_room],
)

front_desk = RealtimeAgent(
    name="Front Desk",
    handoff_description="Finds out what a guest wants.",
    instructions=f"{RECOMMENDED_PROMPT_PREFIX} You are the front desk. Hand over what you can.",
    tools=[get_weather],
    handoffs=[
        realtime_handoff(house_agent, tool_name_override="ask_the_house"),
        realtime_handoff(rooms_agent, tool_name_override="ask_for_rooms"),
    ],
)

house_agent.handoffs.append(realtime_handoff(front_desk, tool_name_override="back_to_the_desk"))
rooms_agent.handoffs.append(realtime_handoff(front_desk, tool_name_override="back_to_the_desk"))


def get_starting_agent() -> RealtimeAgent:
    """Return who begins."""
    return front_desk


def where() -> RealtimeModelConfig:
    """Return the server to talk to."""
    url = os.environ.get("REALTIME_URL")
    return {"url": url} if url else {}


def converse(messages: list[str]) -> None:
    """Send a message after each answer, and print what happens meanwhile."""
    runner = RealtimeRunner(get_starting_agent())
    with runner.run(model_config=where()) as session:
        for message in messages:
            print(f"guest: {message}")
            session.send_message(message)
            for event in session:
                if event.type == "handoff":
                    print(f"{event.from_agent.name} -> {event.to_agent.name}")
                elif event.type == "tool_approval_required":
                    print(f"approved: {event.tool.name}")
                    session.approve_tool_call(event.call_id)
                elif event.type == "tool_end":
                    print(f"{event.agent.name}, {event.tool.name}: {event.output}")
                elif event.type == "audio_end":
                    break


if __name__ == "__main__":
    converse(sys.argv[1:])
