"""One conversation with `openai-agents` and one with ours: the same events in the same order."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import function_tool as their_tool
from agents import realtime as peer
from embedded import Server

from realtime_sync import agents

pytestmark = pytest.mark.timeout(60)

# What comes when its turn is, beside what the server says: it may as well come later.
MEANWHILE = {"agent_end", "raw:turn_ended", "raw:usage"}
# Ours alone, and how often something has changed.
APART = {"raw:rate_limits", "raw:raw_server_event", "raw:item_updated", "history_updated"}
# In any mixture.
ANSWER = {"audio", "raw:audio", "raw:transcript_delta"}


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"sunny in {city}"


def name_of(event: Any) -> str:
    match event.type:
        case "raw_model_event":
            return f"raw:{event.data.type}"
        case "history_added":
            return f"history_added:{event.item.type}"
        case "tool_start" | "tool_end":
            return f"{event.type}:{event.tool.name}({event.arguments})"
    return str(event.type)


class Recorder:
    """Notes the names of events, and knows when an answer was spoken to its end."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._spoken = False

    def note(self, event: Any) -> bool:
        name = name_of(event)
        assert name != "error", event
        self._spoken |= name == "audio_end"
        name = "the answer" if name in ANSWER else name
        if name not in APART and self.names[-1:] != [name]:
            self.names.append(name)
        return self._spoken and name == "agent_end"


def config_of(server: Server) -> Any:
    url = f"{server.url.replace('http', 'ws', 1)}/realtime?model=gpt-realtime-2.1"
    return {"url": url, "api_key": server.key}


def theirs(server: Server, message: str) -> list[str]:
    async def talk() -> list[str]:
        agent: Any = peer.RealtimeAgent(name="Desk", tools=[their_tool(get_weather)])
        runner = peer.RealtimeRunner(agent, config={"tracing_disabled": True})
        recorder = Recorder()
        async with await runner.run(model_config=config_of(server)) as session:
            await session.send_message(message)
            async for event in session:
                if recorder.note(event):
                    break
        return recorder.names

    return asyncio.run(talk())


def ours(server: Server, message: str) -> list[str]:
    agent: Any = agents.RealtimeAgent(name="Desk", tools=[agents.function_tool(get_weather)])
    recorder = Recorder()
    with agents.RealtimeRunner(agent).run(model_config=config_of(server)) as session:
        session.send_message(message)
        for event in session:
            if recorder.note(event):
                break
    return recorder.names


def test_an_answer(ws_server: Server) -> None:
    names = ours(ws_server, "Hello!")
    assert names == theirs(ws_server, "Hello!")
    assert names.count("the answer") == 1


def test_a_tool(ws_server: Server) -> None:
    def in_order(names: list[str]) -> list[str]:
        return [name for name in names if name not in MEANWHILE]

    question = "What is the weather in Paris?"
    our_names, their_names = ours(ws_server, question), theirs(ws_server, question)
    assert in_order(our_names) == in_order(their_names)
    assert sorted(our_names) == sorted(their_names)
    assert 'tool_end:get_weather({"city": "Paris"})' in our_names
