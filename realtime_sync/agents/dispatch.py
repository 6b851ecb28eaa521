"""What an agent's model may call: a snapshot, as the session is told of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, field, frozen

from .._types import JsonDict
from ..errors import UserError
from .agent import RealtimeAgent
from .function_tools import FunctionTool
from .handoffs import Handoff, realtime_handoff
from .run_context import RunContextWrapper
from .session_settings import SessionSettings, session_payload
from .user_code import enabled

__all__ = ["Dispatch", "dispatch_of", "first_dispatch", "session_of"]


@frozen(eq=False)
class Dispatch:
    """An agent with what it is told and may call; its calls are answered by this snapshot.

    Attributes:
        agent: whose it is.
        instructions: what the model is told, or None.
        tools: by name; only those that are enabled.
        handoffs: by name; only those that are enabled.
        hosted: MCP servers that the provider calls itself, as the session is told of them.
    """

    agent: RealtimeAgent[Any]
    instructions: str | None = None
    tools: dict[str, FunctionTool] = field(factory=dict)
    handoffs: dict[str, Handoff[Any, Any]] = field(factory=dict)
    hosted: tuple[JsonDict, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """What the model may call."""
        return frozenset(self.tools) | frozenset(self.handoffs)

    def declarations(self) -> list[JsonDict]:
        """Return what the session is told of the tools and the handoffs."""
        tools = [
            _declaration(tool.name, tool.description, tool.params_json_schema)
            for tool in self.tools.values()
        ]
        handoffs = [
            _declaration(each.tool_name, each.tool_description, each.input_json_schema)
            for each in self.handoffs.values()
        ]
        return [*tools, *handoffs, *self.hosted]


def dispatch_of(agent: RealtimeAgent[Any], context: RunContextWrapper[Any]) -> Dispatch:
    """Take the snapshot of an agent. It calls the program's functions, which may block.

    Args:
        agent: its instructions, tools and handoffs.
        context: is given to these functions.

    Raises:
        UserError: something is no tool and no handoff, can't be used here, or two have one name.
        MCPServerError: a server does not tell its tools.
        Exception: whatever the program's functions raise.
    """
    for tool in agent.tools:
        if not _is_hosted(tool):
            _check_tool(tool, agent)
    tools: dict[str, FunctionTool] = {}
    handoffs: dict[str, Handoff[Any, Any]] = {}
    hosted: list[JsonDict] = []
    for tool in agent.get_all_tools(context):
        if isinstance(tool, dict):
            hosted.append(dict(tool))
        else:
            _add(tools, tool.name, tool, agent)
    for each in agent.handoffs:
        made = _handoff(each, agent)
        if enabled(made.is_enabled, context, agent):
            _add(handoffs, made.tool_name, made, agent)
    for name in tools:
        if name in handoffs:
            raise _twice(name, agent)
    return Dispatch(agent, agent.get_system_prompt(context), tools, handoffs, tuple(hosted))


def _is_hosted(tool: object) -> bool:
    return isinstance(tool, dict) and tool.get("type") == "mcp"


def first_dispatch(
    agent: RealtimeAgent[Any], context: RunContextWrapper[Any], starting: Mapping[str, Any]
) -> Dispatch:
    """Take the snapshot of the agent that begins.

    Args:
        agent: who begins.
        context: see `dispatch_of`.
        starting: what is said in the place of its own, see `SessionSettings`.

    Raises:
        UserError, Exception: as `dispatch_of`.
    """
    told = ("instructions", "tools", "handoffs")
    changes = {name: starting[name] for name in told if name in starting}
    return evolve(dispatch_of(agent.clone(**changes), context), agent=agent)


def session_of(
    dispatch: Dispatch, settings: SessionSettings, starting: Mapping[str, Any]
) -> JsonDict:
    """Return the session that an agent has, in GA's form.

    Args:
        dispatch: the agent's.
        settings: of all agents.
        starting: for the one that begins, what is said in the place of its own.

    Raises:
        UserError: its prompt or its voice can't be meant.
    """
    agent = dispatch.agent
    return session_payload(
        settings,
        instructions=dispatch.instructions,
        prompt=starting.get("prompt", agent.prompt),
        tools=dispatch.declarations(),
        voice=agent.voice,
    )


def _declaration(name: str, description: str, parameters: JsonDict) -> JsonDict:
    return {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
    }


def _check_tool(tool: object, agent: RealtimeAgent[Any]) -> None:
    if not isinstance(tool, FunctionTool):
        what = (
            f"the function {tool.__name__}" if callable(tool) and hasattr(tool, "__name__") else ""
        )
        raise UserError(
            f"{what or type(tool).__name__} is no tool of a realtime agent ({agent.name!r} has it "
            "among its tools); make one with @function_tool"
        )
    used = {
        "tool_namespace()": tool.namespace is not None,
        "defer_loading": tool.defer_loading,
        "allowed_callers": tool.allowed_callers is not None,
        "output_json_schema": tool.output_json_schema is not None,
    }
    refused = [name for name, is_used in used.items() if is_used]
    if refused:
        raise UserError(
            f"the tool {tool.name!r} of {agent.name!r} uses {', '.join(refused)}, which the "
            "realtime API does not have; leave that out"
        )


def _handoff(given: object, agent: RealtimeAgent[Any]) -> Handoff[Any, Any]:
    if isinstance(given, RealtimeAgent):
        return realtime_handoff(given)
    if isinstance(given, Handoff):
        return given
    raise UserError(
        f"{type(given).__name__} is no handoff ({agent.name!r} has it among its handoffs); give a "
        "RealtimeAgent, or what realtime_handoff() returns"
    )


def _add(found: dict[str, Any], name: str, value: object, agent: RealtimeAgent[Any]) -> None:
    if name in found:
        raise _twice(name, agent)
    found[name] = value


def _twice(name: str, agent: RealtimeAgent[Any]) -> UserError:
    return UserError(
        f"{agent.name!r} has two tools or handoffs that are called {name!r}; the model could not "
        "tell them apart: rename one (name_override, tool_name_override)"
    )
