"""Enters a session and ends without closing it. The argument says how."""

from __future__ import annotations

import sys
import threading
from typing import Any

from realtime_sync.agents import RealtimeAgent, RealtimeRunHooks, RealtimeRunner, function_tool
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    function_call,
    spoken_answer,
)

case = sys.argv[1]
never = threading.Event()


class Stuck(RealtimeRunHooks[Any]):
    """A hook that does not return."""

    def on_agent_start(self, context: object, agent: object) -> None:
        """Wait for nothing."""
        never.wait()


def main() -> list[Any]:
    """Leave a session open; return what keeps it."""
    kept: list[Any] = []

    @function_tool
    def stay() -> str:
        """Wait for nothing, and know the session."""
        never.wait()
        return str(kept)

    steps = [function_call("stay")] if case == "by_a_tool" else [spoken_answer("Hello.")]
    agent = RealtimeAgent[Any](name="Desk", tools=[stay])
    server = ScriptedServer(steps)
    audio = (MemorySource(), MemorySink()) if case == "playing" else None
    hooks = Stuck() if case == "hook_waits" else None
    runner = RealtimeRunner(agent, client=ScriptedClient(server))
    session = runner.run(audio=audio, hooks=hooks).enter()
    session.send_message("Hello!")
    for event in session:
        if event.type in ("agent_end", "tool_start"):
            break
    if case != "plain":
        kept.append(session)
    return kept


open_sessions = main()
print("the end")
