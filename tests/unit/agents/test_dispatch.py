"""Snapshots of agents: what is enabled, what the session is told, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.dispatch import Dispatch, dispatch_of
from realtime_sync.agents.function_tools import FunctionTool, function_tool, tool_namespace
from realtime_sync.agents.handoffs import realtime_handoff
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.errors import UserError

CONTEXT = RunContextWrapper("mine")
BILLING: RealtimeAgent[Any] = RealtimeAgent("Billing")


@function_tool
def add(a: int) -> int:
    """Add."""
    return a


def test_what_the_session_is_told() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent(
        "front",
        instructions=lambda context, own: f"{own.name} {context.context}",
        tools=[add],
        handoffs=[BILLING, realtime_handoff(BILLING, tool_name_override="pay")],
    )
    found = dispatch_of(agent, CONTEXT)
    assert (found.agent, found.instructions) == (agent, "front mine")
    assert found.tools == {"add": add}
    assert list(found.handoffs) == ["transfer_to_billing", "pay"]
    first, second, third = found.declarations()
    assert first == {
        "type": "function",
        "name": "add",
        "description": "Add.",
        "parameters": add.params_json_schema,
    }
    assert second["name"] == "transfer_to_billing"
    assert second["description"].startswith("Handoff to the Billing agent")
    assert second["parameters"]["properties"] == {}
    assert third["name"] == "pay"


def test_an_agent_alone() -> None:
    found = dispatch_of(BILLING, CONTEXT)
    assert (found.instructions, found.tools, found.handoffs) == (None, {}, {})
    assert found.declarations() == Dispatch(BILLING).declarations() == []


def test_what_is_not_enabled_is_left_out() -> None:
    asked: list[Any] = []

    def ask(context: RunContextWrapper[Any], agent: Any) -> bool:
        asked.append((context, agent))
        return False

    off = function_tool(lambda: 1, name_override="off", is_enabled=False)
    agent: RealtimeAgent[Any] = RealtimeAgent(
        "front",
        tools=[off, function_tool(lambda: 1, name_override="off", is_enabled=ask), add],
        handoffs=[realtime_handoff(BILLING, is_enabled=ask), BILLING],
    )
    found = dispatch_of(agent, CONTEXT)
    assert list(found.tools) == ["add"]
    assert list(found.handoffs) == ["transfer_to_billing"]
    assert asked == [(CONTEXT, agent)] * 2


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [add, add]},
        {"handoffs": [BILLING, BILLING]},
        {"tools": [add], "handoffs": [realtime_handoff(BILLING, tool_name_override="add")]},
    ],
)
def test_names_that_are_there_twice(fields: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="'front' has two tools or handoffs that are called '"):
        dispatch_of(RealtimeAgent("front", **fields), CONTEXT)


def raw(**fields: Any) -> FunctionTool:
    return FunctionTool("raw", "", {}, lambda context, text: "", **fields)


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        (len, "the function len is no tool"),
        ({"type": "web_search"}, "dict is no tool .* @function_tool"),
        (raw(defer_loading=True), "'raw' of 'front' uses defer_loading, which the realtime"),
        (raw(allowed_callers=[], output_json_schema={}), "allowed_callers, output_json_schema"),
        (tool_namespace(name="a", description="b", tools=[raw()])[0], r"uses tool_namespace\(\)"),
    ],
)
def test_tools_that_are_none(tool: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        dispatch_of(RealtimeAgent("front", tools=[tool]), CONTEXT)


def test_handoffs_that_are_none() -> None:
    with pytest.raises(UserError, match=r"str is no handoff .'front' has it"):
        dispatch_of(RealtimeAgent("front", handoffs=["Billing"]), CONTEXT)
