"""MCP servers without a process: options, filters, approvals, and what their answers become."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from realtime_sync._installation import install_command
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.mcp_servers import (
    MCPResult,
    MCPServer,
    MCPServerStdio,
    MCPServerStreamableHttp,
    MCPTool,
    ToolFilterContext,
    create_static_tool_filter,
)
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.errors import ConfigError, UserError

CONTEXT = RunContextWrapper("mine")
AGENT: RealtimeAgent[Any] = RealtimeAgent("Shop")
TOOLS: list[dict[str, Any]] = [
    {"name": "look", "description": "Look.", "inputSchema": {"type": "object"}},
    {"name": "buy", "title": "Buy it"},
    {"name": "sell"},
]


class FakeLink:
    """Answers as a server does, and counts."""

    def __init__(self) -> None:
        self.listed = 0
        self.closed = 0
        self.called: list[Any] = []
        self.result: dict[str, Any] = {"content": [{"type": "text", "text": "Done."}]}

    def tools(self) -> list[dict[str, Any]]:
        self.listed += 1
        return TOOLS

    def call(self, name: str, arguments: Any, *, is_over: Any) -> dict[str, Any]:
        self.called.append((name, arguments))
        return self.result

    def close(self) -> None:
        self.closed += 1


def connected(**options: Any) -> tuple[MCPServer, FakeLink]:
    server = MCPServerStdio({"command": "shop"}, **options)
    link = server._link = FakeLink()  # type: ignore[assignment]
    return server, link


def names(server: MCPServer) -> list[str]:
    found = [tool.name for tool in server.list_tools(CONTEXT, AGENT)]
    server.cleanup()
    return found


def test_tools_as_the_server_describes_them() -> None:
    server, _ = connected()
    assert server.list_tools() == [
        MCPTool("look", "Look.", {"type": "object"}),
        MCPTool("buy", "Buy it", {}),
        MCPTool("sell", "", {}),
    ]
    server.cleanup()


@pytest.mark.parametrize(("caches", "listed"), [(False, 2), (True, 1)])
def test_the_cache(*, caches: bool, listed: int) -> None:
    server, link = connected(cache_tools_list=caches)
    assert server.list_tools() == server.list_tools()
    assert link.listed == listed
    server.invalidate_tools_cache()
    server.list_tools()
    assert link.listed == listed + 1
    server.cleanup()


@pytest.mark.parametrize(
    ("allowed", "blocked", "left"),
    [
        (None, None, ["look", "buy", "sell"]),
        (["look", "buy"], None, ["look", "buy"]),
        ([], None, []),
        (None, ["buy"], ["look", "sell"]),
        (["look", "buy"], ["buy"], ["look"]),
    ],
)
def test_a_filter_by_names(allowed: Any, blocked: Any, left: list[str]) -> None:
    server, _ = connected(tool_filter=create_static_tool_filter(allowed, blocked))
    assert names(server) == left


def test_a_filter_that_is_a_function() -> None:
    asked: list[ToolFilterContext] = []

    def chosen(context: ToolFilterContext, tool: MCPTool) -> bool:
        asked.append(context)
        if tool.name == "buy":
            raise ValueError("it can't be said")
        return tool.name == "look"

    server, _ = connected(tool_filter=chosen, name="shop")
    with pytest.raises(UserError, match="needs a run_context and an agent"):
        server.list_tools()
    assert names(server) == ["look"]  # what a filter can't decide is left out
    assert asked[0] == ToolFilterContext(CONTEXT, AGENT, "shop")


def test_results() -> None:
    server, link = connected()
    content = [{"type": "text", "text": "Done."}]
    assert server.call_tool("buy") == MCPResult(content)
    link.result = {"content": [], "structuredContent": {"a": 1}, "isError": True}
    assert server.call_tool("buy", {"n": 2}) == MCPResult([], {"a": 1}, is_error=True)
    assert link.called == [("buy", {}), ("buy", {"n": 2})]
    server.cleanup()


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        (None, ""),
        (False, ""),
        ("never", ""),
        (True, "look buy"),
        ("always", "look buy"),
        ({}, ""),
        ({"buy": "always", "look": "never"}, "buy"),
        ({"always": {"tool_names": ["buy"]}}, "buy"),
        ({"always": {"tool_names": ["buy"]}, "never": {"tool_names": ["look"]}}, "buy"),
        ({"never": {"tool_names": ["look"]}}, ""),
        (
            lambda context, agent, tool: (context, agent, tool.name) == (CONTEXT, AGENT, "buy"),
            "buy",
        ),
    ],
)
def test_approvals(given: Any, needed: str) -> None:
    server, _ = connected(require_approval=given)
    tools = [MCPTool("look", ""), MCPTool("buy", "")]
    asked = [tool.name for tool in tools if server.needs_approval(CONTEXT, AGENT, tool)]
    assert asked == needed.split()
    server.cleanup()


@pytest.mark.parametrize(
    "given",
    [
        "sometimes",
        7,
        {"buy": "maybe"},
        {"always": {"tool_names": "buy"}},
        {"always": {"tool_names": [7]}},
        {"always": {"tool_names": []}, "buy": "always"},
        {"often": {"tool_names": []}},
    ],
)
def test_approvals_that_cannot_be_meant(given: Any) -> None:
    with pytest.raises(UserError, match="require_approval="):
        MCPServerStdio({"command": "shop"}, require_approval=given)


def test_its_life() -> None:
    server, link = connected()
    with pytest.raises(UserError, match="is connected; call cleanup"):
        server.connect()
    server.list_tools()
    server.cleanup()
    server.cleanup()
    assert link.closed == 1
    with pytest.raises(UserError, match="'stdio: shop' is not connected; call connect"):
        server.list_tools()
    with pytest.raises(UserError, match="is not connected"):
        server.call_tool("buy")


def test_one_that_is_forgotten() -> None:
    server, _ = connected(name="shop")
    with pytest.warns(ResourceWarning, match="<MCPServerStdio 'shop'> was not cleaned up"):
        del server


async def awaited(*_: Any) -> Any:
    return True


@pytest.mark.parametrize("name", ["tool_filter", "require_approval", "failure_error_function"])
def test_async_functions(name: str) -> None:
    with pytest.raises(UserError, match="is async"):
        MCPServerStdio({"command": "shop"}, **{name: awaited})  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tool_filter": {"allowed": []}}, "tool_filter="),
        ({"tool_filter": 7}, "tool_filter="),
        ({"client_session_timeout_seconds": -1}, "is no time"),
        ({"client_session_timeout_seconds": float("nan")}, "is no time"),
        ({"client_session_timeout_seconds": True}, "is no time"),
    ],
)
def test_options_that_cannot_be_meant(options: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        MCPServerStdio({"command": "shop"}, **options)


@pytest.mark.parametrize(("given", "kept"), [(None, None), (0, None), (0.5, 0.5), (5, 5)])
def test_times(given: Any, kept: float | None) -> None:
    server = MCPServerStdio({"command": "shop"}, client_session_timeout_seconds=given)
    assert server._timeout == kept


@pytest.mark.parametrize(
    ("params", "why"),
    [
        ("shop", "are a dictionary"),
        ({}, "need 'command'"),
        ({"command": 7}, "need 'command'"),
        ({"command": "shop", "argv": []}, "have 'argv'; known are command, args"),
    ],
)
def test_params_that_cannot_be_meant(params: Any, why: str) -> None:
    with pytest.raises(UserError, match=why):
        MCPServerStdio(params)


def test_params_of_http() -> None:
    server = MCPServerStreamableHttp(
        {"url": "http://127.0.0.1:1/mcp", "timeout": timedelta(seconds=2), "sse_read_timeout": 0.5}
    )
    assert server.name == "streamable_http: http://127.0.0.1:1/mcp"
    with pytest.raises(UserError, match="need 'url'"):
        MCPServerStreamableHttp({})  # type: ignore[typeddict-item]
    for wrong in (0, -1, "soon", True, timedelta()):
        with pytest.raises(UserError, match="give seconds above 0"):
            MCPServerStreamableHttp({"url": "http://a/", "timeout": wrong})  # type: ignore[typeddict-item]


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mcp", None)
    with pytest.raises(ConfigError, match=re.escape(install_command("mcp"))):
        MCPServerStdio({"command": "shop"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": 7}, "the name of an MCP server must be a text, not 7"),
        ({"cache_tools_list": "no"}, "cache_tools_list must be True or False, not 'no'"),
        ({"use_structured_content": 7}, "use_structured_content must be True or False, not 7"),
        ({"client_session_timeout_seconds": 10**400}, "client_session_timeout_seconds=1000.* time"),
        ({"client_session_timeout_seconds": True}, "client_session_timeout_seconds=True is no"),
        ({"require_approval": 1}, "require_approval=1 can't be meant"),
    ],
)
def test_options_that_can_t_be_meant(options: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        MCPServerStdio({"command": "shop"}, **options)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (7, "params are a dictionary, not 7"),
        ({"command": 7}, "params need 'command', a text, and are {'command': 7}"),
        ({"command": "a", 7: 1, "b": 2}, "params have 'b', 7; known are command, args"),
    ],
)
def test_params_that_can_t_be_meant(params: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        MCPServerStdio(params)
    with pytest.raises(UserError, match="terminate_on_close of an MCP server must be True or"):
        MCPServerStreamableHttp({"url": "http://a", "terminate_on_close": "no"})  # type: ignore[typeddict-item]


def test_no_time_is_for_ever() -> None:
    for seconds in (None, 0):
        server = MCPServerStdio({"command": "shop"}, client_session_timeout_seconds=seconds)
        assert server._timeout is None
