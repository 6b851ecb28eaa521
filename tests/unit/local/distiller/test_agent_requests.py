"""What the server asks of its client, and what becomes of the answers."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from realtime_sync.local.distiller import agent_requests
from realtime_sync.local.distiller.agent_requests import AgentRequests

Message = dict[str, Any]


async def begin(work: Coroutine[Any, Any, str]) -> asyncio.Task[str]:
    task = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    return task


def test_a_custom_agent_and_what_it_wants_remembered() -> None:
    async def run() -> None:
        sent: list[Message] = []
        requests = AgentRequests(sent.append)
        first = await begin(requests.query("A", "hello"))
        request_id = sent[0]["request_id"]
        assert sent[0] == {
            "role": "A",
            "status": "wait",
            "request_id": request_id,
            "kwargs": {"query": "hello", "env_variable": {}},
        }
        requests.answered("another", "no", {})
        requests.answered(request_id, "yes", {"env_variable": {"a": 1}})
        requests.answered(request_id, "twice", {"env_variable": {"b": 2}})
        assert await first == "yes"
        second = await begin(requests.query("B", "and you"))
        assert sent[1]["kwargs"]["env_variable"] == {"a": 1, "b": 2}
        assert sent[0]["kwargs"]["env_variable"] == {}
        requests.answered(sent[1]["request_id"], "ok", {"env_variable": "odd"})
        assert await second == "ok"

    asyncio.run(run())


def test_a_function() -> None:
    async def run() -> None:
        sent: list[Message] = []
        requests = AgentRequests(sent.append)
        call = await begin(requests.call("Tools", "add", {"x": 3, "__executor__": "rm"}))
        assert sent[0]["kwargs"] == {"__executor__": "add", "x": 3}
        requests.answered(sent[0]["request_id"], "4", {})
        assert await call == "4"

    asyncio.run(run())


def test_memory_is_bounded() -> None:
    async def run() -> None:
        sent: list[Message] = []
        requests = AgentRequests(sent.append)
        requests.answered("", "", {"env_variable": {"a": "x" * 600_000}})
        requests.answered("", "", {"env_variable": {"b": "x" * 600_000}})
        await begin(requests.query("A", ""))
        assert set(sent[0]["kwargs"]["env_variable"]) == {"a"}

    asyncio.run(run())


def test_an_agent_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_requests, "_LONGEST_S", 0.0)

    async def run() -> None:
        requests = AgentRequests([].append)
        assert await requests.query("A", "hello") == "A has given no answer."
        assert requests._open == {}

    asyncio.run(run())
