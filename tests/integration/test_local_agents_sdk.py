"""The published OpenAI Agents SDK talks to the embedded server: a spoken and a tool turn."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeRunner, RealtimeSession
from embedded import Server, question, silence

pytestmark = pytest.mark.timeout(30)

cities: list[str] = []


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    cities.append(city)
    return '{"city": "London", "condition": "sunny", "temperature": 21}'


async def session_with(server: Server, agent: RealtimeAgent[Any]) -> RealtimeSession:
    model = "gpt-realtime-2.1"
    ws_url = server.url.replace("http", "ws", 1)
    runner = RealtimeRunner(agent, config={"tracing_disabled": True})
    return await runner.run(
        model_config={
            "url": f"{ws_url}/realtime?model={model}",
            "api_key": server.key,
            "initial_model_settings": {"model_name": model},
        }
    )


async def turn(session: RealtimeSession, question_name: str) -> tuple[bytes, set[str]]:
    """Ask and return the answer's audio and the types of all events up to its end."""
    audio = b""
    seen: set[str] = set()
    await session.send_audio(question(question_name) + silence(1_500))
    async for event in session:
        seen.add(event.type)
        assert event.type != "error", event
        if event.type == "audio":
            audio += event.audio.data
        if event.type == "audio_end":
            return audio, seen
    raise AssertionError("the session ended in the middle of a turn")


def test_spoken_turn(ws_server: Server) -> None:
    async def run() -> None:
        session = await session_with(ws_server, RealtimeAgent(name="Friend"))
        async with session:
            audio, _ = await turn(session, "hello")
            # The SDK's own defaults: semantic VAD and a transcript of the user.
            assert 1 < len(audio) / 48_000 < 6

    asyncio.run(run())


def test_tool_turn(ws_server: Server) -> None:
    async def run() -> None:
        agent = RealtimeAgent(name="Friend", tools=[get_weather])
        async with await session_with(ws_server, agent) as session:
            audio, seen = await turn(session, "weather")
            assert {"tool_start", "tool_end", "history_added"} <= seen
            assert cities == ["London"]
            assert len(audio) > 48_000

    cities.clear()
    asyncio.run(run())
