"""An agent: what it is told, which tools it has, and to whom it can hand over."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from ..errors import UserError
from ..events import ResponsePromptParam
from .function_tools import FunctionTool, Tool
from .mcp_servers import MCPServer
from .mcp_tools import mcp_tools
from .run_context import RunContextWrapper, TContext
from .user_code import enabled, require_blocking

__all__ = ["RealtimeAgent"]


@dataclass
class RealtimeAgent(Generic[TContext]):
    """One specialist of a conversation.

    Attributes:
        name: for handoffs and the program.
        handoff_description: when the others are to hand over to it.
        tools: made with `function_tool`; or dictionaries with the type ``"mcp"``, for servers
            that the provider calls.
        mcp_servers: whose tools it has as well; the program connects them and cleans up.
        mcp_config: settings for these: ``include_server_in_tool_names`` and
            ``failure_error_function``.
        instructions: what the model is told: a text, or a function of the context and the agent
            that returns one.
        prompt: a prompt that is stored at the provider.
        handoffs: agents, or what `realtime_handoff` has made of them.
        output_guardrails: check what it says.
        hooks: called as it works.
        voice: of its own, where the session has not spoken yet.
        input_guardrails: check what the user says.

    Raises:
        UserError: a field has the wrong type (then it is a TypeError, too), or the function for
            ``instructions`` is async.
    """

    name: str
    handoff_description: str | None = None
    tools: list[Tool] = field(default_factory=list)
    mcp_servers: list[MCPServer] = field(default_factory=list)
    mcp_config: dict[str, Any] = field(default_factory=dict)
    instructions: (
        str | Callable[[RunContextWrapper[TContext], RealtimeAgent[TContext]], str] | None
    ) = None
    prompt: ResponsePromptParam | None = None
    # Classes that know of agents can't be named here: that would be a circle.
    handoffs: list[Any] = field(default_factory=list)
    output_guardrails: list[Any] = field(default_factory=list)
    hooks: Any = None
    voice: str | Mapping[str, Any] | None = field(default=None, kw_only=True)
    input_guardrails: list[Any] = field(default_factory=list, kw_only=True)

    def __post_init__(self) -> None:
        """Check what a mistake would make fail much later."""
        _require(isinstance(self.name, str), "name must be a string", self.name)
        more = self.handoff_description
        is_text = more is None or isinstance(more, str)
        _require(is_text, "handoff_description must be a string or None", more)
        _require(isinstance(self.tools, list), "tools must be a list", self.tools)
        _require(isinstance(self.handoffs, list), "handoffs must be a list", self.handoffs)
        servers, config = self.mcp_servers, self.mcp_config
        _require(isinstance(servers, list), "mcp_servers must be a list", servers)
        _require(isinstance(config, dict), "mcp_config must be a dict", config)
        output, heard = self.output_guardrails, self.input_guardrails
        _require(isinstance(output, list), "output_guardrails must be a list", output)
        _require(isinstance(heard, list), "input_guardrails must be a list", heard)
        is_class = isinstance(self.hooks, type)
        _require(not is_class, "hooks must be an object, not a class", self.hooks)
        told = self.instructions
        _require(
            told is None or isinstance(told, str) or callable(told),
            "instructions must be a string, a function or None",
            told,
        )
        require_blocking(told, f"the function for the instructions of {self.name!r}")

    def clone(self, **changes: Any) -> RealtimeAgent[TContext]:
        """Return a copy with some fields changed; lists that are not given are shared."""
        return dataclasses.replace(self, **changes)

    def get_mcp_tools(self, run_context: RunContextWrapper[TContext]) -> list[FunctionTool]:
        """Return the tools of its MCP servers, which are asked for them.

        Raises:
            UserError: a server is not connected.
            MCPServerError: one does not tell its tools.
        """
        if not self.mcp_servers:
            return []
        return mcp_tools(self.mcp_servers, run_context, self, self.mcp_config)

    def get_all_tools(self, run_context: RunContextWrapper[TContext]) -> list[Tool]:
        """Return the tools that the model may call now: those that are enabled.

        Raises:
            UserError, MCPServerError: as `get_mcp_tools`.
        """
        own = [tool for tool in self.tools if _is_enabled(tool, run_context, self)]
        return [*self.get_mcp_tools(run_context), *own]

    def get_system_prompt(self, run_context: RunContextWrapper[TContext]) -> str | None:
        """Return what the model is told.

        Raises:
            UserError: a function for ``instructions`` returns no text.
        """
        if not callable(self.instructions):
            return self.instructions
        text = self.instructions(run_context, self)
        if not isinstance(text, str):
            raise UserError(
                f"the instructions of {self.name!r} must be a text, and its function returned "
                f"{type(text).__name__}"
            )
        return text


class _WrongFieldError(UserError, TypeError):
    """A field of an agent has the wrong type; programs know that as a TypeError."""


def _require(fine: bool, rule: str, value: object) -> None:
    if not fine:
        raise _WrongFieldError(f"RealtimeAgent {rule}, got {type(value).__name__}")


def _is_enabled(tool: Tool, context: RunContextWrapper[Any], agent: RealtimeAgent[Any]) -> bool:
    """Return whether a tool may be used now; the provider's own have no switch."""
    return isinstance(tool, dict) or enabled(tool.is_enabled, context, agent)
