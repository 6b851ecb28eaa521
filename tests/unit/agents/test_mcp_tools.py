"""The tools of MCP servers as an agent has them: names, calls, failures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.dispatch import dispatch_of
from realtime_sync.agents.function_tools import FAILURE_TEXT, FunctionTool, function_tool
from realtime_sync.agents.mcp_servers import MCPResult, MCPServerStdio, MCPTool
from realtime_sync.agents.mcp_tools import output_of
from realtime_sync.agents.run_context import RunContextWrapper, ToolContext
from realtime_sync.errors import MCPServerError, UserError
from realtime_sync.tools.kinds import ArgumentError

CONTEXT = RunContextWrapper(None)
TEXT = {"type": "text", "text": "Done."}


class Shop(MCPServerStdio):
    """A server without a process."""

    def __init__(self, *tools: str, **options: Any) -> None:
        super().__init__({"command": "shop"}, **{"name": "The shop!", **options})
        self.given = [MCPTool(name, f"To {name}.", {"type": "object"}) for name in tools]
        self.called: list[Any] = []
        self.failure: Exception | None = None

    def list_tools(self, *_: Any) -> list[MCPTool]:
        return self.given

    def call_tool(
        self,
        tool_name: str,
        arguments: dict[str, Any] | None = None,
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> MCPResult:
        self.called.append((tool_name, arguments, is_over()))
        if self.failure is not None:
            raise self.failure
        return MCPResult([TEXT], {"done": True})


def agent_with(*servers: Any, **fields: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent("Clerk", mcp_servers=list(servers), **fields)


def only_tool(server: Shop, **fields: Any) -> FunctionTool:
    (found,) = agent_with(server, **fields).get_mcp_tools(CONTEXT)
    assert isinstance(found, FunctionTool)
    return found


def called(tool: FunctionTool, text: str = "{}") -> Any:
    return tool.on_invoke_tool(ToolContext(None, tool_name=tool.name), text)


@function_tool
def look() -> str:
    """Look."""
    return "seen"


def test_they_stand_before_the_agents_own() -> None:
    agent = agent_with(Shop("buy", "sell"), tools=[look])
    assert list(dispatch_of(agent, CONTEXT).tools) == ["buy", "sell", "look"]
    assert dispatch_of(agent, CONTEXT).declarations()[0] == {
        "type": "function",
        "name": "buy",
        "description": "To buy.",
        "parameters": {"type": "object", "properties": {}},
    }


def test_two_with_one_name() -> None:
    for agent in (agent_with(Shop("buy"), Shop("buy")), agent_with(Shop("look"), tools=[look])):
        with pytest.raises(UserError, match="has two tools or handoffs that are called"):
            dispatch_of(agent, CONTEXT)


def test_names_with_their_server() -> None:
    config = {"include_server_in_tool_names": True}
    agent = agent_with(Shop("buy"), Shop("buy", name="b"), Shop("x" * 90), mcp_config=config)
    first, second, third = dispatch_of(agent, CONTEXT).tools
    assert (first, second) == ("mcp_The_shop__buy", "mcp_b__buy")
    assert len(third) == 64
    assert third.startswith("mcp_The_shop__xxx")
    other = agent_with(Shop("x" * 91), mcp_config=config)
    assert third not in dispatch_of(other, CONTEXT).tools
    server = Shop("buy")
    tool = only_tool(server, mcp_config=config)
    called(tool)
    assert server.called[0][0] == "buy"  # as the server knows it


def test_a_call() -> None:
    server = Shop("buy")
    assert called(only_tool(server), '{"article": "tea"}') == "Done."
    assert server.called == [("buy", {"article": "tea"}, False)]
    with pytest.raises(ArgumentError, match="not JSON"):
        called(only_tool(server), "{")


def test_the_server_learns_that_nobody_takes_the_result() -> None:
    server = Shop("buy")
    context = ToolContext[Any](None, tool_name="buy")
    context.call.cancel()  # the user has interrupted
    only_tool(server).on_invoke_tool(context, "")
    context.call.abandon()
    only_tool(server).on_invoke_tool(context, "")
    assert server.called == [("buy", {}, False), ("buy", {}, True)]


def test_failures() -> None:
    server = Shop("buy")
    server.failure = MCPServerError("it has ended")
    assert called(only_tool(server)) == FAILURE_TEXT
    told = only_tool(server, mcp_config={"failure_error_function": lambda _, exc: f"Oh: {exc}"})
    assert called(told) == "Oh: it has ended"
    fatal = only_tool(server, mcp_config={"failure_error_function": None})
    with pytest.raises(MCPServerError, match="it has ended"):
        called(fatal)


def test_the_servers_own_words_for_failures_come_first() -> None:
    config = {"failure_error_function": lambda _, exc: "the agent's"}
    server = Shop("buy", failure_error_function=lambda _, exc: "the server's")
    server.failure = MCPServerError("it has ended")
    assert called(only_tool(server, mcp_config=config)) == "the server's"
    fatal = Shop("buy", failure_error_function=None)
    fatal.failure = server.failure
    with pytest.raises(MCPServerError):
        called(only_tool(fatal, mcp_config=config))


def test_approvals() -> None:
    tool = only_tool(Shop("buy", require_approval={"buy": "always"}))
    assert callable(tool.needs_approval)
    assert tool.needs_approval(CONTEXT, {}, "call_1") is True


def test_structured_content() -> None:
    assert called(only_tool(Shop("buy", use_structured_content=True))) == {"done": True}


@pytest.mark.parametrize(
    ("result", "structured", "told"),
    [
        (MCPResult([]), False, ""),
        (MCPResult([TEXT, TEXT]), False, "Done.\nDone."),
        (MCPResult([TEXT], {"a": 1}), False, "Done."),
        (MCPResult([TEXT], {}), True, "Done."),
        (MCPResult([TEXT], {"a": 1}, is_error=True), True, "Done."),
        (
            MCPResult([TEXT, {"type": "image", "data": "AAAA", "mimeType": "image/png"}]),
            False,
            [TEXT, {"type": "image", "mimeType": "image/png"}],
        ),
        (
            MCPResult([{"type": "resource", "resource": {"uri": "a:b", "blob": "AAAA"}}]),
            False,
            [{"type": "resource", "resource": {"uri": "a:b"}}],
        ),
    ],
)
def test_what_the_model_is_told(result: MCPResult, *, structured: bool, told: Any) -> None:
    assert output_of(result, structured=structured) == told


def test_what_is_refused() -> None:
    with pytest.raises(UserError, match="str is no MCP server"):
        dispatch_of(agent_with("shop"), CONTEXT)
    with pytest.raises(UserError, match="mcp_config has 'strict'; known are"):
        dispatch_of(agent_with(Shop(), mcp_config={"strict": True}), CONTEXT)
    with pytest.raises(TypeError, match="mcp_servers must be a list"):
        RealtimeAgent("a", mcp_servers=())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="mcp_config must be a dict"):
        RealtimeAgent("a", mcp_config=[])  # type: ignore[arg-type]


def test_servers_that_the_provider_calls() -> None:
    hosted = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example.com"}
    found = dispatch_of(RealtimeAgent("a", tools=[look, hosted]), CONTEXT)
    assert found.hosted == (hosted,)
    assert found.declarations()[1:] == [hosted]
    assert found.names == {"look"}
    with pytest.raises(UserError, match="is no tool of a realtime agent"):
        dispatch_of(RealtimeAgent("a", tools=[{"type": "web_search"}]), CONTEXT)
