"""Servers of the Model Context Protocol, whose tools agents may have."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from attrs import field, frozen

from .._deadline import LONGEST_S
from .._required import is_absent, is_number, is_text
from .._shown import shown
from .._types import JsonDict
from .._typing import Required, Self, TypedDict, Unpack
from .._uncopied import Uncopied
from ..errors import UserError
from .function_tools import OF_FAILURES, ToolErrorFunction, check_tool_guardrails
from .given import require_flag, require_object, require_text, require_text_values, require_texts
from .mcp_link import McpLink, McpTarget, http_target, stdio_target
from .run_context import RunContextWrapper
from .tool_guardrails import ToolInputGuardrail, ToolOutputGuardrail
from .user_code import require_blocking, require_function

__all__ = [
    "UNSET",
    "MCPApproval",
    "MCPResult",
    "MCPServer",
    "MCPServerOptions",
    "MCPServerStdio",
    "MCPServerStdioParams",
    "MCPServerStreamableHttp",
    "MCPServerStreamableHttpParams",
    "MCPTool",
    "ToolFilter",
    "ToolFilterContext",
    "ToolFilterStatic",
    "create_static_tool_filter",
]

log = logging.getLogger(__name__)

UNSET: Any = object()
"""In the place of a function for failures: the agent's is used, or the default."""

_MOST_NAMED = 5
_TIMEOUT_S = 5.0
_HTTP_TIMEOUT_S = 5.0
_HTTP_READ_TIMEOUT_S = 300.0


@frozen
class MCPTool:
    """A tool, as its server describes it.

    Attributes:
        name: at the server.
        description: for the model; the title where there is none.
        input_schema: its arguments, as a JSON schema.
    """

    name: str
    description: str
    input_schema: JsonDict = field(factory=dict)


@frozen
class MCPResult:
    """What a tool of a server has returned.

    Attributes:
        content: blocks as the protocol writes them, such as ``{"type": "text", "text": "…"}``.
        structured_content: the same as an object, where the server has that.
        is_error: whether the tool has failed; the content says how.
    """

    content: list[JsonDict]
    structured_content: JsonDict | None = None
    is_error: bool = False


@frozen
class ToolFilterContext:
    """What a filter of tools is given beside the tool.

    Attributes:
        run_context: of the session.
        agent: for which the tools are listed.
        server_name: whose they are.
    """

    run_context: RunContextWrapper[Any]
    agent: Any
    server_name: str


class ToolFilterStatic(TypedDict, total=False):
    """Names of tools: those that may be used, by default all, without those that may not."""

    allowed_tool_names: list[str]
    blocked_tool_names: list[str]


# Which tools of an MCP server an agent has; None for all of them.
ToolFilter = ToolFilterStatic | Callable[[ToolFilterContext, MCPTool], bool] | None

MCPApproval = (
    bool
    | Literal["always", "never"]
    | Mapping[str, Any]
    | Callable[[RunContextWrapper[Any], Any, MCPTool], bool]
    | None
)
"""Which tools wait for the program's approval: all, none; by name ``"always"`` or ``"never"``;
``{"always": {"tool_names": [...]}}``; or a function of the context, the agent and the tool."""


def create_static_tool_filter(
    allowed_tool_names: list[str] | None = None, blocked_tool_names: list[str] | None = None
) -> ToolFilterStatic | None:
    """Return a filter by names; None where there are none.

    Raises:
        UserError: these are no lists of texts.
    """
    made: ToolFilterStatic = {}
    if allowed_tool_names is not None:
        made["allowed_tool_names"] = allowed_tool_names
    if blocked_tool_names is not None:
        made["blocked_tool_names"] = blocked_tool_names
    _check_filter(made)
    return made or None


class MCPServerOptions(TypedDict, total=False):
    """What all kinds of servers take; see `MCPServer`."""

    cache_tools_list: bool
    name: str | None
    client_session_timeout_seconds: float | None
    tool_filter: ToolFilter
    use_structured_content: bool
    require_approval: MCPApproval
    failure_error_function: ToolErrorFunction | None
    tool_input_guardrails: list[ToolInputGuardrail[Any]] | None
    tool_output_guardrails: list[ToolOutputGuardrail[Any]] | None


class MCPServer(Uncopied):
    """A server whose tools agents may have; `MCPServerStdio` and `MCPServerStreamableHttp` are.

    The program connects it and cleans up, best with ``with``, and gives it to as many agents and
    sessions as it likes::

        with MCPServerStdio({"command": "uvx", "args": ["mcp-server-git"]}) as server:
            agent = RealtimeAgent(name="Developer", mcp_servers=[server])

    A server that has ended answers each call with an error, of which the model is told; after
    `cleanup` it can be connected again.

    Args:
        target: where it is.
        place: the same in words.
        name: for messages; by default ``place``.
        cache_tools_list: whether its tools are asked for once; else for each agent that begins.
        client_session_timeout_seconds: how long it may take for each answer; None for ever.
        tool_filter: which of its tools may be used.
        use_structured_content: whether the model is told the structured content of a result, where
            there is some, in place of its texts.
        require_approval: which tools wait for the program's approval.
        failure_error_function: says what the model is told of a failure; None ends the session
            with it. By default that of the agent's ``mcp_config``, else a fixed text.
        tool_input_guardrails: check each call of its tools.
        tool_output_guardrails: check each output.

    Raises:
        ConfigError: the ``mcp`` package is not installed.
        UserError: an option can't be meant.

    Threads: all of it may be used from any thread.
    """

    def __init__(
        self,
        target: McpTarget,
        place: str,
        *,
        name: str | None = None,
        cache_tools_list: bool = False,
        client_session_timeout_seconds: float | None = _TIMEOUT_S,
        tool_filter: ToolFilter = None,
        use_structured_content: bool = False,
        require_approval: MCPApproval = None,
        failure_error_function: ToolErrorFunction | None = UNSET,
        tool_input_guardrails: list[ToolInputGuardrail[Any]] | None = None,
        tool_output_guardrails: list[ToolOutputGuardrail[Any]] | None = None,
    ) -> None:
        if name is None or is_absent(name):
            name = place
        require_text(name, "the name of an MCP server")
        require_flag(cache_tools_list, "cache_tools_list")
        require_flag(use_structured_content, "use_structured_content")
        require_blocking(tool_filter, f"tool_filter of the MCP server {shown(name)}")
        require_blocking(require_approval, f"require_approval of the MCP server {shown(name)}")
        if failure_error_function is not None and failure_error_function is not UNSET:
            require_function(failure_error_function, "failure_error_function", OF_FAILURES)
        _check_filter(tool_filter)
        check_tool_guardrails(
            tool_input_guardrails, tool_output_guardrails, f"the MCP server {shown(name)}"
        )
        self.name = name
        self.use_structured_content = use_structured_content
        self.failure_error_function = failure_error_function
        self.tool_input_guardrails = tool_input_guardrails
        self.tool_output_guardrails = tool_output_guardrails
        self._target = target
        self._timeout = _timeout(client_session_timeout_seconds)
        self._caches = cache_tools_list
        self._filter = tool_filter
        self._approval = _approval(require_approval)
        self._tools: list[MCPTool] | None = None
        self._link: McpLink | None = None

    def connect(self) -> None:
        """Start the server, or connect to it.

        Raises:
            MCPServerError: it can't be reached, or does not speak MCP.
            UserError: it is connected.
        """
        if self._link is not None:
            raise UserError(f"the MCP server {shown(self.name)} is connected; call cleanup() first")
        link = McpLink(self._target, name=self.name, timeout=self._timeout)
        link.open()
        self._link = link

    def cleanup(self) -> None:
        """Part from the server, and end its process if it is ours; more than once is fine."""
        link, self._link = self._link, None
        self.invalidate_tools_cache()
        if link is not None:
            link.close()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cleanup()

    def __del__(self) -> None:
        if getattr(self, "_link", None) is not None:
            warnings.warn(f"{self!r} was not cleaned up", ResourceWarning, 2, source=self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shown(self.name)}>"

    # -- its tools ---------------------------------------------------------------------------------

    def list_tools(
        self, run_context: RunContextWrapper[Any] | None = None, agent: Any = None
    ) -> list[MCPTool]:
        """Return the tools that may be used.

        Args:
            run_context: for a filter that is a function.
            agent: the same.

        Raises:
            MCPServerError: the server does not tell them.
            UserError: it is not connected, or the filter needs a context and an agent.
        """
        tools = self._tools
        if tools is None:
            tools = [_tool(wire) for wire in self._connected().tools()]
            if self._caches:
                self._tools = tools
        return [tool for tool in tools if self._may_use(tool, run_context, agent)]

    def invalidate_tools_cache(self) -> None:
        """Ask the server for its tools the next time."""
        self._tools = None

    def call_tool(
        self,
        tool_name: str,
        arguments: JsonDict | None = None,
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> MCPResult:
        """Call a tool and wait for its result.

        Args:
            tool_name: at the server.
            arguments: for it.
            is_over: asked now and then, whether nobody needs the result any more. The server is
                told then that the call is cancelled.

        Raises:
            MCPServerError: there is no result: the server has refused the call, was too slow, or
                has ended; or nobody needs it any more.
            UserError: it is not connected; or there can't be such a tool, or such arguments.
        """
        require_text(tool_name, "tool_name")
        if arguments is not None:
            require_object(arguments, "arguments")
        require_function(is_over, "is_over")
        wire = self._connected().call(tool_name, arguments or {}, is_over=is_over)
        return MCPResult(
            content=wire.get("content", []),
            structured_content=wire.get("structuredContent"),
            is_error=bool(wire.get("isError")),
        )

    def needs_approval(self, context: RunContextWrapper[Any], agent: Any, tool: MCPTool) -> bool:
        """Return whether a call of a tool is to wait for the program."""
        return self._approval(context, agent, tool)

    def _connected(self) -> McpLink:
        if self._link is None:
            raise UserError(
                f"the MCP server {shown(self.name)} is not connected; call connect(), or use with"
            )
        return self._link

    def _may_use(self, tool: MCPTool, context: RunContextWrapper[Any] | None, agent: Any) -> bool:
        chosen = self._filter
        if chosen is None:
            return True
        if not callable(chosen):
            allowed = chosen.get("allowed_tool_names")
            blocked = chosen.get("blocked_tool_names", ())
            return (allowed is None or tool.name in allowed) and tool.name not in blocked
        if context is None or agent is None:
            raise UserError("a tool_filter that is a function needs a run_context and an agent")
        try:
            return bool(chosen(ToolFilterContext(context, agent, self.name), tool))
        except Exception:  # a filter is there to keep tools away
            log.exception("the tool_filter of %r failed; %r is left out", self.name, tool.name)
            return False


# -- the kinds of servers --------------------------------------------------------------------------


class MCPServerStdioParams(TypedDict, total=False):
    """How a server is started; ``env`` is added to the few variables that it gets anyway."""

    command: Required[str]
    args: list[str]
    env: dict[str, str]
    cwd: str | Path
    encoding: str
    encoding_error_handler: Literal["strict", "ignore", "replace"]


class MCPServerStdio(MCPServer):
    """A server that is a process of ours, and speaks on its standard input and output.

    Args:
        params: how it is started.
        **options: see `MCPServer`.
    """

    def __init__(self, params: MCPServerStdioParams, **options: Unpack[MCPServerOptions]) -> None:
        given = _checked(params, MCPServerStdioParams, "command")
        super().__init__(stdio_target(given), f"stdio: {params['command']}", **options)


class MCPServerStreamableHttpParams(TypedDict, total=False):
    """Where a server is; ``auth`` is an authentication of the HTTP client that ``mcp`` uses."""

    url: Required[str]
    headers: dict[str, str]
    timeout: timedelta | float
    sse_read_timeout: timedelta | float
    terminate_on_close: bool
    auth: Any


class MCPServerStreamableHttp(MCPServer):
    """A server behind a URL, over the streamable HTTP transport.

    Args:
        params: where it is.
        **options: see `MCPServer`.
    """

    def __init__(
        self, params: MCPServerStreamableHttpParams, **options: Unpack[MCPServerOptions]
    ) -> None:
        _checked(params, MCPServerStreamableHttpParams, "url")
        if params.get("headers") is not None:
            require_text_values(params["headers"], "the headers of an MCP server")
        ends = params.get("terminate_on_close", True)
        require_flag(ends, "terminate_on_close of an MCP server")
        target = http_target(
            params["url"],
            headers=params.get("headers"),
            timeout=_seconds(params.get("timeout", _HTTP_TIMEOUT_S)),
            read_timeout=_seconds(params.get("sse_read_timeout", _HTTP_READ_TIMEOUT_S)),
            auth=params.get("auth"),
            terminate_on_close=ends,
        )
        super().__init__(target, f"streamable_http: {params['url']}", **options)


# -- checks ----------------------------------------------------------------------------------------


def _tool(wire: JsonDict) -> MCPTool:
    description = wire.get("description") or wire.get("title") or ""
    return MCPTool(wire["name"], description, wire.get("inputSchema") or {})


def _checked(params: object, known: type, needed: str) -> JsonDict:
    if not isinstance(params, Mapping):
        raise UserError(f"an MCP server's params are a dictionary, not {shown(params)}")
    if not is_text(params.get(needed)):
        raise UserError(f"an MCP server's params need {needed!r}, a text, and are {shown(params)}")
    unknown = [shown(name) for name in params if name not in known.__annotations__]
    if unknown:
        raise UserError(
            f"an MCP server's params have {', '.join(sorted(unknown)[:_MOST_NAMED])}; known are "
            f"{', '.join(known.__annotations__)}"
        )
    return dict(params)


def _seconds(value: timedelta | float) -> float:
    seconds = value.total_seconds() if isinstance(value, timedelta) else value
    if not is_number(seconds, 0, LONGEST_S) or not seconds:
        raise UserError(f"a timeout of an MCP server is {shown(value)}; give seconds above 0")
    return seconds


def _timeout(seconds: float | None) -> float | None:
    if seconds is None:
        return None
    if not is_number(seconds, 0, LONGEST_S):
        raise UserError(
            f"client_session_timeout_seconds={shown(seconds)} is no time; give seconds, or None "
            "for ever"
        )
    return seconds or None


def _check_filter(chosen: object) -> None:
    if chosen is None or callable(chosen):
        return
    known = ToolFilterStatic.__annotations__.keys()
    if not isinstance(chosen, Mapping) or not chosen.keys() <= known:
        raise UserError(
            f"tool_filter={shown(chosen)} is neither a function nor a dictionary with "
            f"{' and '.join(known)}"
        )
    for name, listed in chosen.items():
        require_texts(listed, f"{name} of a tool_filter")


def _approval(given: MCPApproval) -> Callable[[RunContextWrapper[Any], Any, MCPTool], bool]:
    """Return the rule that an option for approvals means."""
    if callable(given):
        decide = given
        return lambda context, agent, tool: bool(decide(context, agent, tool))
    if isinstance(given, Mapping):
        names = _names_to_approve(given)
        return lambda context, agent, tool: tool.name in names
    if given is not None and not isinstance(given, bool) and not _is_choice(given):
        raise _no_approval(given)
    is_needed = given in (True, "always")
    return lambda context, agent, tool: is_needed


def _names_to_approve(given: Mapping[str, Any]) -> frozenset[str]:
    listed = [entry for entry in given.values() if isinstance(entry, Mapping)]
    if not listed:
        if not all(map(_is_choice, given.values())):
            raise _no_approval(given)
        return frozenset(name for name, value in given.items() if value == "always")
    if len(listed) != len(given) or not given.keys() <= {"always", "never"}:
        raise _no_approval(given)
    names = given.get("always", {}).get("tool_names", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise _no_approval(given)
    return frozenset(names)


def _is_choice(value: object) -> bool:
    return isinstance(value, str) and value in ("always", "never")


def _no_approval(given: object) -> UserError:
    return UserError(
        f"require_approval={shown(given, 120)} can't be meant; give True, False, 'always', "
        "'never', "
        "{'a_tool': 'always'}, {'always': {'tool_names': ['a_tool']}} or a function"
    )
