"""What the server has its client do: custom agents, and functions of tool agents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from ..._types import JsonDict
from ..protocol.wire import new_id

__all__ = ["AgentRequests"]

# Longer than the 600 s that clients give their functions before they answer in their place.
_LONGEST_S = 660.0
_MOST_MEMORY_CHARS = 1 << 20


class AgentRequests:
    """Asks the client, and keeps what its agents want remembered.

    Args:
        emit: sends a message to the client.

    Everything here belongs to one event loop.
    """

    def __init__(self, emit: Callable[[JsonDict], None]) -> None:
        self._emit = emit
        self._open: dict[str, asyncio.Future[str]] = {}
        self._variables: JsonDict = {}

    async def query(self, role: str, query: str) -> str:
        """Return what a custom agent answers."""
        return await self._ask(role, {"query": query, "env_variable": self._variables})

    async def call(self, role: str, function: str, arguments: JsonDict) -> str:
        """Return what a function of a tool agent gives."""
        return await self._ask(role, {**arguments, "__executor__": function})

    def answered(self, request_id: str, content: str, memory: JsonDict) -> None:
        """Take an answer; one that nobody waits for any more only changes the memory."""
        self._keep(memory.get("env_variable"))
        future = self._open.get(request_id)
        if future is not None and not future.done():
            future.set_result(content)

    async def _ask(self, role: str, kwargs: JsonDict) -> str:
        request_id = new_id("req")
        future = self._open[request_id] = asyncio.get_running_loop().create_future()
        self._emit({"role": role, "status": "wait", "request_id": request_id, "kwargs": kwargs})
        try:
            return await asyncio.wait_for(future, _LONGEST_S)
        except asyncio.TimeoutError:
            return f"{role} has given no answer."
        finally:
            del self._open[request_id]

    def _keep(self, changes: object) -> None:
        if isinstance(changes, dict):
            variables = {**self._variables, **changes}
            if len(json.dumps(variables)) <= _MOST_MEMORY_CHARS:
                self._variables = variables
