"""Who is asked about an event, in which order, and after which nothing is due."""

from __future__ import annotations

from typing import Any

from scripted_voice import ScriptedFacts, make_state

from realtime_sync.events import (
    ConversationItemInputAudioTranscriptionDelta,
    RateLimitsUpdated,
    Reconnected,
    ResponseDone,
    ResponseOutputTextDelta,
)
from realtime_sync.testing import VirtualClock
from realtime_sync.voice.takers import Takers


class Further:
    """Further rules, which take two types of events."""

    def __init__(self) -> None:
        self.handlers: Any = dict.fromkeys((Reconnected, ResponseOutputTextDelta), self.take)

    def take(self, _: Any) -> list[Any]:
        return []


def test_the_conversations_rules_come_first_but_over_a_new_link() -> None:
    state, further = make_state(ScriptedFacts(), VirtualClock()), Further()
    takers = Takers(state, [further])  # type: ignore[list-item]
    assert takers[ResponseDone] == (state.came, state.handlers[ResponseDone])
    assert takers[ResponseOutputTextDelta] == (state.came, further.take)
    assert takers[Reconnected] == (further.take, state.handlers[Reconnected])
    assert takers[RateLimitsUpdated] == (state.came,)


def test_after_what_nobody_takes_nothing_is_due() -> None:
    state = make_state(ScriptedFacts(), VirtualClock())
    takers = Takers(state, [Further()])  # type: ignore[list-item]
    for kind in (RateLimitsUpdated, ResponseDone, ResponseOutputTextDelta):
        takers[kind]
    assert takers.quiet == {ConversationItemInputAudioTranscriptionDelta, RateLimitsUpdated}
