"""MCP servers that are real: over stdio and HTTP, hanging, crashing, and in an agent's session."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mcp_server
import pytest

from realtime_sync._deadline import Deadline
from realtime_sync._signal_safe import Latch
from realtime_sync.agents import mcp_link
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import FAILURE_TEXT
from realtime_sync.agents.mcp_servers import (
    MCPServer,
    MCPServerStdio,
    MCPServerStdioParams,
    MCPServerStreamableHttp,
)
from realtime_sync.agents.runner import RealtimeRunner
from realtime_sync.errors import MCPServerError
from realtime_sync.testing import ScriptedClient, ScriptedServer, function_call, text_answer

GUARD_S = 30.0
PROGRAM = str(mcp_server.__file__)
TEA = {"article": "tea", "count": 2}


def params(marks: Path | None = None) -> MCPServerStdioParams:
    env = {"MARKS": str(marks)} if marks else {}
    return {"command": sys.executable, "args": [PROGRAM], "env": env}


@pytest.fixture
def stdio() -> Iterator[MCPServer]:
    with MCPServerStdio(params(), name="shop") as server:
        yield server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, PROGRAM, str(port)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline, looked = Deadline(GUARD_S), threading.Event()
    while not deadline.expired:
        assert process.poll() is None, "the MCP server has ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            looked.wait(0.05)
        else:
            return
    raise AssertionError("the MCP server does not listen")


@pytest.fixture(params=["stdio", "http"])
def server(request: pytest.FixtureRequest) -> Iterator[MCPServer]:
    if request.param == "stdio":
        yield request.getfixturevalue("stdio")
        return
    headers = {"X-Shop": "open"}
    with MCPServerStreamableHttp({"url": request.getfixturevalue("url"), "headers": headers}) as it:
        yield it


def test_tools_and_calls(server: MCPServer) -> None:
    assert [tool.name for tool in server.list_tools()] == [
        "price_of",
        "fail",
        "picture",
        "hang",
        "crash",
    ]
    result = server.call_tool("price_of", TEA)
    assert result.content == [{"type": "text", "text": "2 tea: 6 euros"}]
    assert result.structured_content == {"result": "2 tea: 6 euros"}
    assert server.call_tool("fail").is_error
    assert server.call_tool("picture").content[0]["mimeType"] == "image/png"
    assert server.call_tool("no such tool").is_error


def test_calls_from_several_threads(server: MCPServer) -> None:
    found: list[str] = []

    def call(count: int) -> None:
        result = server.call_tool("price_of", {**TEA, "count": count})
        found.append(result.content[0]["text"])

    threads = [threading.Thread(target=call, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(GUARD_S)
    assert sorted(found) == [f"{n} tea: {3 * n} euros" for n in range(8)]


def test_a_call_that_nobody_waits_for_is_cancelled_at_the_server(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    with MCPServerStdio(params(marks)) as server:

        def is_over() -> bool:
            return marks.exists()  # it hangs by now

        with pytest.raises(MCPServerError, match="has no result of 'hang': given up"):
            server.call_tool("hang", is_over=is_over)
        assert server.call_tool("price_of", TEA).content  # the server goes on
    assert "hang: cancelled" in marks.read_text()


def test_a_server_that_does_not_answer_in_time(url: str) -> None:
    with MCPServerStreamableHttp({"url": url}, client_session_timeout_seconds=3) as server:
        with pytest.raises(MCPServerError, match=r"has no result of 'hang': .*timed out"):
            server.call_tool("hang")
        assert server.call_tool("price_of", TEA).content


def test_a_server_that_crashes_in_a_call_and_is_connected_again(stdio: MCPServer) -> None:
    for tool in ("crash", "price_of"):
        with pytest.raises(MCPServerError, match=f"has no result of '{tool}': Connection closed"):
            stdio.call_tool(tool, TEA)
    with pytest.raises(MCPServerError, match="has not told its tools"):
        stdio.list_tools()
    stdio.cleanup()
    stdio.connect()
    assert stdio.call_tool("price_of", TEA).content


@pytest.mark.parametrize(
    ("start", "why"),
    [
        ({"command": "/no/such/program"}, "No such file"),
        ({"command": sys.executable, "args": ["-c", "pass"]}, "Connection closed"),
    ],
)
def test_a_server_that_does_not_start(start: Any, why: str) -> None:
    server = MCPServerStdio(start, name="shop")
    with pytest.raises(MCPServerError, match=f"'shop' could not be connected: .*{why}"):
        server.connect()
    server.cleanup()


class Struck(Latch):
    """What a thread waits for when Ctrl-C comes."""

    def wait(self, deadline: Deadline) -> bool:
        raise KeyboardInterrupt


def test_ctrl_c_while_it_connects() -> None:
    target = mcp_link.stdio_target({"command": "sleep", "args": ["600"]})
    link = mcp_link.McpLink(target, name="shop", timeout=None)
    link._settled = Struck()
    with pytest.raises(KeyboardInterrupt):
        link.open()
    assert not link._thread.is_alive()


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/mcp"
        with pytest.raises(MCPServerError, match="could not be connected"):
            MCPServerStreamableHttp({"url": url}).connect()


# -- in a session ----------------------------------------------------------------------------------


def test_an_agent_has_its_tools(server: MCPServer) -> None:
    script = [function_call("price_of", TEA, "call_1"), text_answer("Six euros.")]
    outputs = outputs_of(RealtimeAgent("Clerk", mcp_servers=[server]), script)
    assert outputs == ["2 tea: 6 euros"]


def test_the_model_is_told_of_a_crash(stdio: MCPServer) -> None:
    script = [
        function_call("crash", {}, "call_1"),
        function_call("price_of", TEA, "call_2"),
        function_call("price_of", "no JSON", "call_3"),
        text_answer("I am sorry."),
    ]
    outputs = outputs_of(RealtimeAgent("Clerk", mcp_servers=[stdio]), script)
    assert outputs[:2] == [FAILURE_TEXT, FAILURE_TEXT]
    assert "not JSON" in outputs[2]


def test_a_failure_that_ends_the_session(stdio: MCPServer) -> None:
    config = {"failure_error_function": None}
    agent: RealtimeAgent[Any] = RealtimeAgent("Clerk", mcp_servers=[stdio], mcp_config=config)
    client = ScriptedClient(ScriptedServer([function_call("crash", {}, "call_1")]))
    with RealtimeRunner(agent, client=client).run() as session:
        session.send_message("What does tea cost?")
        with pytest.raises(MCPServerError, match="has no result of 'crash'"):
            list(session)


def test_a_handoff_to_an_agent_whose_server_has_ended(stdio: MCPServer) -> None:
    other: RealtimeAgent[Any] = RealtimeAgent("Other", mcp_servers=[stdio])
    with pytest.raises(MCPServerError):
        stdio.call_tool("crash")
    script = [function_call("transfer_to_other", {}, "call_1"), text_answer("Not now.")]
    assert outputs_of(RealtimeAgent("Clerk", handoffs=[other]), script) == [FAILURE_TEXT]


def test_the_end_of_a_session_cancels_its_calls_at_the_server(tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    client = ScriptedClient(ScriptedServer([function_call("hang", {}, "call_1")]))
    with MCPServerStdio(params(marks), client_session_timeout_seconds=None) as server:
        agent: RealtimeAgent[Any] = RealtimeAgent("Clerk", mcp_servers=[server])
        with RealtimeRunner(agent, client=client).run() as session:
            session.send_message("Wait!")
            for event in session:
                if event.type == "tool_start":
                    break
            until_there(marks)
        assert server.call_tool("price_of", TEA).content
    assert marks.read_text().splitlines() == ["hang: begun", "hang: cancelled"]


def until_there(file: Path) -> None:
    deadline, looked = Deadline(GUARD_S), threading.Event()
    while not file.exists():
        assert not deadline.expired
        looked.wait(0.01)


def outputs_of(agent: RealtimeAgent[Any], script: list[Any]) -> list[str]:
    """Return what the tools have told the model when the last answer of ``script`` is over."""
    answers = 0
    with ScriptedServer(script) as server:
        runner = RealtimeRunner(agent, client=ScriptedClient(server))
        with runner.run() as session:
            session.send_message("What does tea cost?")
            for event in session:
                answers += event.type == "agent_end"
                if answers == len(script):
                    break
        return [
            sent["item"]["output"]
            for sent in server.sent
            if sent.get("item", {}).get("type") == "function_call_output"
        ]


def test_servers_that_the_provider_calls_pass_through() -> None:
    hosted = {"type": "mcp", "server_label": "docs", "server_url": "https://mcp.example.com"}
    asked = {"id": "item_9", "type": "mcp_approval_request", "name": "look", "arguments": "{}"}
    answer = {"type": "mcp_approval_response", "approval_request_id": "item_9", "approve": True}
    with ScriptedServer([]) as server:
        runner = RealtimeRunner(RealtimeAgent("a", tools=[hosted]), client=ScriptedClient(server))
        with runner.run() as session:
            told = server.wait_sent("session.update")["session"]["tools"]
            server.emit(
                [
                    {"type": "mcp_list_tools.completed", "item_id": "item_8"},
                    {"type": "conversation.item.done", "item": asked, "previous_item_id": None},
                ]
            )
            seen: list[str] = []
            while "conversation.item.done" not in seen:
                event = session.recv(GUARD_S)
                assert event.type not in ("error", "history_added", "tool_start"), event
                if event.type == "raw_model_event" and event.data.type == "raw_server_event":
                    seen.append(event.data.data["type"])
            session.send_raw({"type": "conversation.item.create", "item": answer})
            sent = server.wait_sent({"item": {"type": "mcp_approval_response"}})
        assert told == [hosted]
        assert "mcp_list_tools.completed" in seen
        assert sent["item"] == answer
        assert list(session.history) == []
