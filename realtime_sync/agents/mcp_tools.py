"""The tools of MCP servers, as an agent has them."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from .._shown import shown
from .._types import JsonDict
from ..errors import MCPServerError, UserError
from ..tools.arguments import read_arguments
from .function_tools import (
    FunctionTool,
    ToolErrorFunction,
    default_tool_error_function,
    text_by,
)
from .mcp_servers import UNSET, MCPResult, MCPServer, MCPTool
from .run_context import RunContextWrapper, ToolContext

__all__ = ["mcp_tools"]

log = logging.getLogger(__name__)

# What an agent's ``mcp_config`` may have. The realtime API knows no strict schemas, so that is
# taken and changes nothing.
_CONFIG = ("convert_schemas_to_strict", "failure_error_function", "include_server_in_tool_names")
_MAX_NAME = 64  # the model's limit
_NO_PARAMETERS: JsonDict = {"type": "object", "properties": {}}


def mcp_tools(
    servers: Sequence[Any], context: RunContextWrapper[Any], agent: Any, config: Mapping[str, Any]
) -> list[FunctionTool]:
    """Return the tools of an agent's servers; it asks these for them.

    Args:
        servers: connected.
        context: of the session.
        agent: whose tools they become.
        config: its ``mcp_config``.

    Raises:
        UserError: something is no server, or is not connected; or a setting is unknown.
        MCPServerError: a server does not tell its tools.
    """
    unknown = sorted(config.keys() - set(_CONFIG))
    if unknown:
        raise UserError(f"mcp_config has {shown(unknown[0])}; known are {', '.join(_CONFIG)}")
    prefixed = bool(config.get("include_server_in_tool_names"))
    tell = config.get("failure_error_function", default_tool_error_function)
    made: list[FunctionTool] = []
    for server in servers:
        if not isinstance(server, MCPServer):
            raise UserError(
                f"{type(server).__name__} is no MCP server; give an MCPServerStdio or an "
                "MCPServerStreamableHttp"
            )
        for tool in server.list_tools(context, agent):
            name = _prefixed(server.name, tool.name) if prefixed else tool.name
            made.append(_function_tool(server, tool, name, agent, tell))
    return made


def _function_tool(
    server: MCPServer, tool: MCPTool, name: str, agent: Any, tell: ToolErrorFunction | None
) -> FunctionTool:
    if server.failure_error_function is not UNSET:
        tell = server.failure_error_function
    return FunctionTool(
        name=name,
        description=tool.description,
        params_json_schema={**_NO_PARAMETERS, **tool.input_schema},
        on_invoke_tool=McpInvocation(server, tool, tell),
        strict_json_schema=False,
        needs_approval=lambda given, arguments, call_id: server.needs_approval(given, agent, tool),
        tool_input_guardrails=server.tool_input_guardrails,
        tool_output_guardrails=server.tool_output_guardrails,
    )


class McpInvocation:
    """Takes the model's text, has the server's tool called, and returns what the model is told.

    Args:
        server: whose tool it is.
        tool: that.
        tell: says what the model is told of a failure; None ends the session with it.
    """

    def __init__(self, server: MCPServer, tool: MCPTool, tell: ToolErrorFunction | None) -> None:
        self._server = server
        self._tool = tool
        self._tell = tell

    def __call__(self, context: ToolContext[Any], text: str) -> Any:
        """Return the result as a text, or what the model is told of a failure.

        Raises:
            ArgumentError: the model's text is no JSON object.
            MCPServerError: there is no result, and that is to end the session.
        """
        arguments = read_arguments(text)
        call = context.call
        try:
            # An interruption ends no call: the tool may be half-way through what it changes.
            result = self._server.call_tool(
                self._tool.name, arguments, is_over=lambda: call.abandoned
            )
        except (MCPServerError, UserError) as exc:
            if self._tell is None:
                raise
            log.warning("tool %r failed", self._tool.name, exc_info=exc)
            return text_by(self._tell, context, exc)
        return output_of(result, structured=self._server.use_structured_content)


def output_of(result: MCPResult, *, structured: bool) -> Any:
    """Return what the model is told of a result: a text, or what becomes JSON.

    Args:
        result: of a tool.
        structured: whether its structured content is preferred.

    Example:
        >>> words = {"type": "text", "text": "Sunny."}
        >>> output_of(MCPResult([words, words]), structured=False)
        'Sunny.\\nSunny.'
        >>> output_of(MCPResult([words], {"sky": "clear"}), structured=True)
        {'sky': 'clear'}
    """
    # A tool that fails says in its content what is wrong.
    if structured and result.structured_content and not result.is_error:
        return result.structured_content
    if all(block.get("type") == "text" for block in result.content):
        return "\n".join(block.get("text", "") for block in result.content)
    return [_without_data(block) for block in result.content]


def _without_data(block: JsonDict) -> JsonDict:
    """Leave out the bytes of images and sound: as text they would only cost tokens."""
    return {
        name: _without_data(value) if isinstance(value, dict) else value
        for name, value in block.items()
        if name not in ("data", "blob")
    }


def _prefixed(server: str, tool: str) -> str:
    """Return a name that tells two servers' tools apart, within the model's limits."""
    parts = [re.sub(r"[^A-Za-z0-9_-]", "_", part).strip("_-") for part in (server, tool)]
    name = f"mcp_{parts[0] or 'server'}__{parts[1] or 'tool'}"
    if len(name) <= _MAX_NAME:
        return name
    suffix = "_" + hashlib.sha256(f"{server}\0{tool}".encode()).hexdigest()[:8]
    return name[: _MAX_NAME - len(suffix)].rstrip("_-") + suffix
