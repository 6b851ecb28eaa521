"""What an agent is made of, and what is refused when it is made."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.hooks import RealtimeAgentHooks
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.errors import UserError

CONTEXT = RunContextWrapper[Any]({"user": "Ann"})


@function_tool
def look_up() -> str:
    """Look something up."""
    return "found"


@function_tool(is_enabled=lambda context, agent: context.context["user"] == "Bob")
def for_bob() -> str:
    """Serve Bob."""
    return "served"


def test_an_agent_has_a_name_and_nothing_else() -> None:
    agent = RealtimeAgent[Any]("Desk")
    assert (agent.tools, agent.handoffs, agent.output_guardrails) == ([], [], [])
    assert agent.get_system_prompt(CONTEXT) is None
    assert agent.get_all_tools(CONTEXT) == []


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"name": 7}, "name must be a string, got int"),
        ({"name": "Desk", "tools": (look_up,)}, "tools must be a list, got tuple"),
        ({"name": "Desk", "handoffs": "Billing"}, "handoffs must be a list, got str"),
        ({"name": "Desk", "output_guardrails": None}, "output_guardrails must be a list, got None"),
        ({"name": "Desk", "input_guardrails": 7}, "input_guardrails must be a list, got int"),
        ({"name": "Desk", "hooks": RealtimeAgentHooks}, "hooks must be an object, not a class"),
        ({"name": "Desk", "instructions": 7}, "instructions must be a string, a function or None"),
    ],
)
def test_a_mistake_is_told_at_once(fields: Any, rule: str) -> None:
    with pytest.raises(TypeError, match=rule):
        RealtimeAgent(**fields)


def test_instructions_may_be_a_function() -> None:
    agent = RealtimeAgent[Any](
        "Desk", instructions=lambda context, agent: f"{agent.name}: {context.context['user']}"
    )
    assert agent.get_system_prompt(CONTEXT) == "Desk: Ann"
    wrong = RealtimeAgent[Any]("Desk", instructions=lambda context, agent: 7)  # type: ignore
    with pytest.raises(UserError, match="'Desk' must be a text, and its function returned int"):
        wrong.get_system_prompt(CONTEXT)


async def later(context: Any, agent: Any) -> str:
    return "Be brief."


class Later:
    async def __call__(self, context: Any, agent: Any) -> str:
        return "Be brief."


@pytest.mark.parametrize("function", [later, Later(), functools.partial(later)])
def test_instructions_that_nobody_would_await_are_refused_at_once(function: Any) -> None:
    with pytest.raises(UserError, match="instructions of 'Desk' is async"):
        RealtimeAgent("Desk", instructions=function)
    with pytest.raises(UserError, match="instructions of 'Desk' is async"):
        RealtimeAgent("Desk").clone(instructions=function)


def test_tools_are_those_that_are_enabled() -> None:
    agent = RealtimeAgent[Any]("Desk", tools=[look_up, for_bob])
    assert agent.get_all_tools(CONTEXT) == [look_up]
    assert agent.get_all_tools(RunContextWrapper({"user": "Bob"})) == [look_up, for_bob]


def test_a_clone_has_other_fields_and_leaves_the_first_alone() -> None:
    agent = RealtimeAgent[Any]("Desk", tools=[look_up], voice="ash")
    other = agent.clone(name="Billing", tools=[])
    assert (other.name, other.tools, other.voice) == ("Billing", [], "ash")
    assert (agent.name, agent.tools) == ("Desk", [look_up])
    assert other.handoffs is agent.handoffs
