"""The rules of a conversation, and the clock they go by."""

from __future__ import annotations

import pytest
from guards import VirtualClock
from scripted_voice import ScriptedFacts, make_state

from realtime_sync.voice.rules import VoiceState


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def state(clock: VirtualClock) -> VoiceState:
    return make_state(ScriptedFacts(), clock)
