"""A program's tools, checks, handoffs and hooks for agents, as a type checker sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from typing_extensions import assert_type

from realtime_sync.agents import (
    FunctionTool,
    Handoff,
    RealtimeAgent,
    RealtimeAgentHooks,
    RealtimeRunHooks,
    RunContextWrapper,
    ToolContext,
    ToolErrorFormatterArgs,
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    function_tool,
    realtime_handoff,
    tool,
    tool_input_guardrail,
    tool_output_guardrail,
)


@dataclass
class Shop:
    orders: dict[str, str]


# -- tools -----------------------------------------------------------------------------------------


def explain(context: RunContextWrapper[Any], error: Exception) -> str:
    return f"That did not work: {type(error).__name__}"


def is_open(context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> bool:
    return agent.name != "closed"


def is_dear(context: RunContextWrapper[Any], arguments: dict[str, Any], call_id: str) -> bool:
    return float(arguments["amount"]) > 100


def for_the_model(args: ToolErrorFormatterArgs[Shop]) -> str | None:
    return f"{args.tool_name} is not allowed" if args.kind == "approval_rejected" else None


@function_tool
def find_order(context: ToolContext[Shop], number: Annotated[str, "as on the bill"]) -> str:
    """Find an order."""
    return context.context.orders[number]


@tool_input_guardrail
def short(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
    if len(data.context.tool_arguments) > 1000:
        return ToolGuardrailFunctionOutput.reject_content("Say it in fewer words.")
    return ToolGuardrailFunctionOutput.allow()


@tool_output_guardrail(name="no cards")
def no_cards(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
    return ToolGuardrailFunctionOutput.allow({"length": len(str(data.output))})


@function_tool(
    name_override="refund",
    needs_approval=is_dear,
    is_enabled=is_open,
    timeout=5.0,
    timeout_behavior="error_as_result",
    timeout_error_function=explain,
    failure_error_function=explain,
    tool_input_guardrails=[short],
    tool_output_guardrails=[no_cards],
)
def give_back(amount: float, reason: str = "") -> bool:
    """Give money back."""
    return amount > 0


@tool
def now() -> str:
    """Tell the time."""
    return "noon"


assert_type(find_order, FunctionTool)
assert_type(give_back, FunctionTool)
assert_type(now, FunctionTool)
assert_type(function_tool(is_open, strict_mode=False), FunctionTool)
assert_type(function_tool(timeout=1.0), Callable[[Callable[..., Any]], FunctionTool])
assert_type(short, ToolInputGuardrail[Any])
assert_type(no_cards, ToolOutputGuardrail[Any])


def wrong_tools() -> None:
    RealtimeAgent(name="Desk", tools=[is_open])  # type: ignore[list-item]
    now()  # type: ignore[operator]
    function_tool(timeout="soon")  # type: ignore[call-overload]
    function_tool(unheard_of=1)  # type: ignore[call-overload]


# -- handoffs and hooks ----------------------------------------------------------------------------


@dataclass
class Reason:
    words: str


def note(context: RunContextWrapper[Shop], reason: Reason) -> None:
    print(reason.words)


class Log(RealtimeRunHooks[Shop]):
    def on_tool_end(
        self,
        context: RunContextWrapper[Shop],
        agent: RealtimeAgent[Any],
        tool: FunctionTool,
        result: object,
    ) -> None:
        print(tool.name, result, context.usage.total_tokens)

    def on_idle(self, context: RunContextWrapper[Shop], silent_s: float) -> None:
        print(len(context.context.orders), silent_s)


class Greeter(RealtimeAgentHooks[Shop]):
    def on_start(self, context: RunContextWrapper[Shop], agent: RealtimeAgent[Any]) -> None:
        print(agent.name)


def team() -> RealtimeAgent[Shop]:
    billing = RealtimeAgent[Shop](name="Billing", tools=[give_back], hooks=Greeter())
    to_billing = realtime_handoff(billing, on_handoff=note, input_type=Reason)
    assert_type(to_billing, Handoff[Shop, RealtimeAgent[Shop]])
    assert_type(realtime_handoff(billing), Handoff[Shop, RealtimeAgent[Shop]])
    realtime_handoff(billing, on_handoff=note)  # type: ignore[arg-type]
    docs = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example.com"}
    front = RealtimeAgent[Shop](name="Front", tools=[find_order, docs], handoffs=[to_billing])
    front.tools.append(now)
    return front
