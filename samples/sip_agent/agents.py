"""Who answers the telephone of a shop, and what is written down of each call."""

from __future__ import annotations

from realtime_sync.agents import (
    RealtimeAgent,
    RealtimeRunConfig,
    RealtimeSession,
    RunContextWrapper,
    function_tool,
)
from realtime_sync.telephony import Reject, SipCall, hang_up_tool, refer_tool

GREETING = "Good day, this is the shop. What can I do for you?"
BLOCKED = {"+19005550100"}
CONFIG: RealtimeRunConfig = {"model_settings": {"model_name": "gpt-realtime-2", "voice": "marin"}}


@function_tool
def find_order(context: RunContextWrapper[SipCall]) -> str:
    """Look up the caller's order, by the telephone number."""
    return f"The order of {context.context.number or 'nobody'} is on its way."


desk = RealtimeAgent[SipCall](
    name="Desk",
    instructions="You answer the telephone of a shop. Be brief. Say goodbye before you hang up.",
    tools=[
        find_order,
        hang_up_tool(),
        refer_tool({"refunds": "tel:+14155550199", "workshop": "sip:workshop@example.com"}),
    ],
)


def agent_for(call: SipCall) -> RealtimeAgent[SipCall] | Reject:
    """Decide about a call while it rings."""
    return Reject(486) if call.number in BLOCKED else desk


def talk(call: SipCall, session: RealtimeSession[SipCall]) -> None:
    """Stay with a call until it is over, and print which tools are called."""
    for event in session:
        if event.type == "tool_start":
            tell(call.number, f"the agent calls {event.tool.name}({event.arguments})")
        elif event.type == "error":
            tell(call.number, str(event.error))


def over(call: SipCall) -> None:
    """Print what was said in a call, and how it has ended."""
    for item in call.session.history if call.session is not None else ():
        if item.type == "message" and item.role != "system":
            words = [getattr(part, "transcript", None) for part in item.content]
            tell(call.number, f"{item.role}: {' '.join(filter(None, words))}")
    tell(call.number, f"ended by {call.ended_by}")


def tell(number: str | None, text: str) -> None:
    """Print a line about a call, in one piece: others print theirs at the same time."""
    print(f"{number}: {text}\n", end="", flush=True)
