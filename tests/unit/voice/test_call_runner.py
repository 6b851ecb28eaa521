"""Functions of a program, run in a pool beside the conversation."""

from __future__ import annotations

import queue
from typing import Any

import pytest
from guards import Guard
from scripted_voice import ScriptedFacts, make_state

from realtime_sync._deadline import Deadline
from realtime_sync.testing import VirtualClock
from realtime_sync.tools.schema import Tool
from realtime_sync.voice.call_runner import PooledTools
from realtime_sync.voice.effects import Report, RunTool, SendToolOutput
from realtime_sync.voice.events import ToolFinished


def weather(city: str) -> str:
    if city == "Atlantis":
        raise LookupError("no such city")
    return f"Sunny in {city}."


@pytest.mark.parametrize(
    ("city", "output", "failed"),
    [
        ("Oslo", "Sunny in Oslo.", False),
        ("Atlantis", '{"error": "LookupError: no such city"}', True),
    ],
)
def test_what_a_function_returns_is_reported_and_sent(
    guard: Guard, city: str, output: str, failed: bool
) -> None:
    clock = VirtualClock()
    state = make_state(ScriptedFacts(), clock)
    run = RunTool("c1", "weather", f'{{"city": "{city}"}}')
    decisions: queue.SimpleQueue[Any] = queue.SimpleQueue()
    runner = PooledTools({"weather": Tool.undeclared("weather", weather)}, state, timeout=None)
    runner.run(run, decisions.put)
    decide = guard.get(decisions, "the output")
    runner.close(Deadline(30))
    finished = ToolFinished(call_id="c1", name="weather", output=output, failed=failed)
    assert decide() == [Report(finished), SendToolOutput("c1", output)]


def test_nothing_else_is_run() -> None:
    runner = PooledTools({}, make_state(ScriptedFacts(), VirtualClock()), timeout=None)
    with pytest.raises(AssertionError):
        runner.run(object(), lambda _: None)  # type: ignore[arg-type]
