"""One conversation with `openai-agents` and one with ours: the same events in the same order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agents import function_tool as their_tool
from agents import realtime as peer
from embedded import Server, run_server

from realtime_sync import agents

pytestmark = pytest.mark.timeout(60)

# What comes when its turn is, beside what the server says: it may as well come later.
MEANWHILE = {"agent_end", "raw:turn_ended", "raw:usage"}
# Ours alone, and how often something has changed.
APART = {"raw:rate_limits", "raw:raw_server_event", "raw:item_updated", "history_updated"}
# In any mixture.
ANSWER = {"audio", "raw:audio", "raw:transcript_delta"}

OFFICE = r"""
rules:
  - pattern: '\bbill\b'
    tool: transfer_to_billing
    without_tool: "I can't."
  - output_of: transfer_to_billing
    reply: "This is billing."
default: "What can I do for you?"
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose model hands over."""
    script: Path = tmp_path_factory.mktemp("script") / "office.yaml"
    script.write_text(OFFICE, encoding="utf-8")
    with run_server("--responder", f"scripted:{script}") as server:
        yield server


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


def has_output(event: Any) -> bool:
    """Whether an event shows the output of a call."""
    items = getattr(event, "history", [])
    if event.type == "raw_model_event" and event.data.type == "item_updated":
        items = [event.data.item]
    return any(getattr(item, "output", None) is not None for item in items)


class Recorder:
    """Notes the names of events, and knows when an answer was spoken to its end.

    Attributes:
        names: in order, but for those that may differ.
        of_outputs: of the events that show the output of a call, each once.
    """

    def __init__(self) -> None:
        self.names: list[str] = []
        self.of_outputs: list[str] = []
        self._spoken = False

    def note(self, event: Any) -> bool:
        name = name_of(event)
        assert name != "error", event
        self._spoken |= name == "audio_end"
        if has_output(event) and name not in self.of_outputs:
            self.of_outputs.append(name)
        name = "the answer" if name in ANSWER else name
        if name not in APART and self.names[-1:] != [name]:
            self.names.append(name)
        return self._spoken and name == "agent_end"


def config_of(server: Server) -> Any:
    url = f"{server.url.replace('http', 'ws', 1)}/realtime?model=gpt-realtime-2.1"
    return {"url": url, "api_key": server.key}


def team(kit: Any, tool: Any) -> Any:
    """Two agents, made of their classes or of ours."""
    billing = kit.RealtimeAgent(name="Billing")
    return kit.RealtimeAgent(name="Desk", tools=[tool], handoffs=[billing])


def theirs(server: Server, message: str) -> Recorder:
    recorder = Recorder()

    async def talk() -> None:
        agent = team(peer, their_tool(get_weather))
        runner = peer.RealtimeRunner(agent, config={"tracing_disabled": True})
        async with await runner.run(model_config=config_of(server)) as session:
            await session.send_message(message)
            async for event in session:
                if recorder.note(event):
                    break

    asyncio.run(talk())
    return recorder


def ours(server: Server, message: str) -> Recorder:
    recorder = Recorder()
    agent = team(agents, agents.function_tool(get_weather))
    with agents.RealtimeRunner(agent).run(model_config=config_of(server)) as session:
        session.send_message(message)
        for event in session:
            if recorder.note(event):
                break
    return recorder


def in_order(names: list[str]) -> list[str]:
    return [name for name in names if name not in MEANWHILE]


def test_an_answer(ws_server: Server) -> None:
    names = ours(ws_server, "Hello!").names
    assert names == theirs(ws_server, "Hello!").names
    assert names.count("the answer") == 1


def test_a_tool(ws_server: Server) -> None:
    question = "What is the weather in Paris?"
    our, their = ours(ws_server, question), theirs(ws_server, question)
    assert in_order(our.names) == in_order(their.names)
    assert sorted(our.names) == sorted(their.names)
    assert our.of_outputs == their.of_outputs == ["raw:item_updated", "history_updated"]
    assert 'tool_end:get_weather({"city": "Paris"})' in our.names


def test_a_handoff(office: Server) -> None:
    """Its output is told as a tool's: the item, then the history."""
    our, their = ours(office, "My bill is wrong."), theirs(office, "My bill is wrong.")
    assert in_order(our.names) == in_order(their.names)
    assert sorted(our.names) == sorted(their.names)
    assert our.of_outputs == their.of_outputs == ["raw:item_updated", "history_updated"]
    assert "handoff" in our.names
