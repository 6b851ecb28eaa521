"""A program that keeps conversations and has tools of MCP servers, as mypy sees it."""

from __future__ import annotations

import json

from typing_extensions import assert_type

from realtime_sync.agents import (
    AssistantMessageItem,
    MCPServerStdio,
    MCPServerStreamableHttp,
    MCPTool,
    RealtimeAgent,
    RealtimeItem,
    RealtimeRunner,
    ToolFilterContext,
    create_static_tool_filter,
)


def is_harmless(context: ToolFilterContext, tool: MCPTool) -> bool:
    return context.server_name == "git" and tool.name.startswith("get_")


def talk(kept: str) -> str:
    with (
        MCPServerStdio(
            {"command": "git-server", "args": ["--verbose"], "env": {"A": "b"}},
            name="git",
            cache_tools_list=True,
            tool_filter=is_harmless,
            require_approval={"get_secrets": "always"},
        ) as git,
        MCPServerStreamableHttp(
            {"url": "http://127.0.0.1:8000/mcp", "timeout": 3},
            client_session_timeout_seconds=10,
            tool_filter=create_static_tool_filter(blocked_tool_names=["buy"]),
        ) as shop,
    ):
        agent: RealtimeAgent[None] = RealtimeAgent(name="Desk", mcp_servers=[git, shop])
        with RealtimeRunner(agent, config={"prices": {"input_text": 4.0}}).run() as session:
            history = session.history
            history.import_history(json.loads(kept))
            added = history.add("Hello!", after="root")
            history.replace(added, {"type": "message", "role": "user", "content": []})
            for item in history:
                assert_type(item, RealtimeItem)
                if isinstance(item, AssistantMessageItem) and item.heard:
                    history.replace(item.item_id, item.model_copy(update={"status": None}))
            assert_type(history[0], RealtimeItem)
            assert_type(history[1:], list[RealtimeItem])
            cost = session.talk(timeout=60.0).cost
            assert_type(cost, float | None)
            return json.dumps(history.export())
