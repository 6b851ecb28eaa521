"""Functions that run are told of an interruption, once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.dispatch import Dispatch
from realtime_sync.agents.rules import AgentRules, TellCalls
from realtime_sync.agents.usage import Usage
from realtime_sync.conversation.tool_calls import ToolCalls
from realtime_sync.voice.effects import RunAside


def test_functions_are_told_of_each_interruption_once() -> None:
    voice: Any = SimpleNamespace(cuts=3)
    rules = AgentRules(
        voice,
        ToolCalls((), declared=tuple),
        dispatch=Dispatch(RealtimeAgent("desk"), None, {}, {}),
        sent={},
        usage=Usage(),
        is_out_of_band=lambda _: False,
        is_checked=lambda _: False,
        gate=SimpleNamespace(),  # type: ignore[arg-type]  # nothing is said
    )
    assert rules.tick() == []  # what was before is nobody's affair
    voice.cuts += 2
    assert rules.tick() == [RunAside(TellCalls())]
    assert rules.tick() == []
