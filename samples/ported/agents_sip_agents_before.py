"""The agents of a telephone service, and the session that joins a call.

`observe` is for whoever answers the webhook of an incoming call. OPENAI_API_KEY is needed;
REALTIME_URL is the address of a server that is not OpenAI's, and takes the place of the call's.
"""

from __future__ import annotations

import asyncio
import os
import sys

from agents.decorators import tool
from agents.extensions.handoff_prompt import RECOMMENDED_PROMPT_PREFIX
from agents.realtime import (
    AssistantMessageItem,
    OpenAIRealtimeSIPModel,
    RealtimeAgent,
    RealtimeModelConfig,
    RealtimeModelSendRawMessage,
    RealtimeRunner,
    RealtimeSessionModelSettings,
    realtime_handoff,
)

WELCOME = "Good day, this is the Harbour Power Company."

SETTINGS: RealtimeSessionModelSettings = {
    "turn_detection": {"type": "semantic_vad", "interrupt_response": True}
}


@tool(name_override="find_tariff", description_override="Find out about a tariff.")
async def find_tariff_in_the_list(name: str) -> str:
    """Look into the list of tariffs."""
    await asyncio.sleep(0.5)
    return f"The tariff {name} costs thirty cents a kilowatt hour."


@tool
async def note_for_the_file(customer: str, note: str) -> str:
    """Write a note into a customer's file."""
    await asyncio.sleep(0.1)
    return f"Noted for {customer}: {note}"


tariff_agent = RealtimeAgent(
    name="Tariff Agent",
    handoff_description="Knows the tariffs.",
    instructions=f"""{RECOMMENDED_PROMPT_PREFIX}
    You answer questions about tariffs with find_tariff. Anything else goes back to the exchange.
    """,
    tools=[find_tariff_in_the_list],
)

file_agent = RealtimeAgent(
    name="File Agent",
    handoff_description="Writes into the files of customers.",
    instructions=f"""{RECOMMENDED_PROMPT_PREFIX}
    You ask for the customer's number and write a short note. Anything else goes back.
    """,
    tools=[note_for_the_file],
)

exchange = RealtimeAgent(
    name="Exchange",
    handoff_description="Greets callers and puts them through.",
    instructions=f"{RECOMMENDED_PROMPT_PREFIX} Begin each call with: '{WELCOME}' Then put through.",
    handoffs=[
        realtime_handoff(tariff_agent, tool_name_override="to_tariffs"),
        realtime_handoff(file_agent, tool_name_override="to_files"),
    ],
)

tariff_agent.handoffs.append(realtime_handoff(exchange, tool_name_override="to_the_exchange"))
file_agent.handoffs.append(realtime_handoff(exchange, tool_name_override="to_the_exchange"))


def get_starting_agent() -> RealtimeAgent:
    """Return who answers the telephone."""
    return exchange


async def observe(call_id: str) -> None:
    """Join a call that was accepted, greet the caller, and print what is said until it ends."""
    config: RealtimeModelConfig = {"call_id": call_id, "initial_model_settings": SETTINGS}
    if url := os.environ.get("REALTIME_URL"):
        config["url"] = url
    greeting = {"instructions": f"Say exactly '{WELCOME}' now."}
    runner = RealtimeRunner(get_starting_agent(), model=OpenAIRealtimeSIPModel())
    async with await runner.run(model_config=config) as session:
        await session.model.send_event(
            RealtimeModelSendRawMessage(
                message={"type": "response.create", "other_data": {"response": greeting}}
            )
        )
        async for event in session:
            if event.type == "history_added" and isinstance(event.item, AssistantMessageItem):
                print(f"{event.item.role} says something")
            elif event.type == "error":
                print(f"error: {event.error}")
            elif event.type == "agent_end":
                print(f"{event.agent.name} has finished")


if __name__ == "__main__":
    asyncio.run(observe(sys.argv[1]))
