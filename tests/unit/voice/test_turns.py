"""Who decides when the user's turn begins and ends."""

from __future__ import annotations

import numpy as np
import pytest
from embedded import question, silence

from realtime_sync.audio import Vad
from realtime_sync.errors import ConfigError
from realtime_sync.voice.effects import (
    Append,
    ClearInput,
    Effect,
    UserStarted,
    UserStopped,
)
from realtime_sync.voice.turns import LocalVad, PushToTalk, ServerTurns, make_turns

RATE = 24_000
CHUNK = b"\1\0" * 480  # 20 ms


def loud_part(pcm: bytes) -> bytes:
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 300)
    return pcm[2 * int(loud[0]) : 2 * int(loud[-1] + 1)]


def test_a_server_that_detects_turns_hears_everything() -> None:
    assert ServerTurns().hear(CHUNK) == [Append(CHUNK)]


def test_only_what_is_said_with_the_button_down_goes_up() -> None:
    turns = PushToTalk(RATE)
    assert turns.hear(CHUNK) == []
    assert turns.press() == [UserStarted(), ClearInput()]
    assert turns.press() == []
    assert [turns.hear(CHUNK) for _ in range(5)] == [[Append(CHUNK)]] * 5
    assert turns.release(respond=True) == [UserStopped(True, 100, "released")]
    assert turns.release(respond=True) == []
    assert turns.hear(CHUNK) == []


def test_a_turn_may_be_committed_without_an_answer() -> None:
    turns = PushToTalk(RATE)
    turns.press()
    for _ in range(5):
        turns.hear(CHUNK)
    assert turns.release(respond=False) == [UserStopped(False, 100, "released")]


def test_less_than_100_ms_is_not_committed() -> None:
    turns = PushToTalk(RATE)
    for count in (0, 4):  # each press counts for itself
        turns.press()
        for _ in range(count):
            turns.hear(CHUNK)
        assert turns.release(respond=True) == [UserStopped(False, 20 * count, "too_short")]


def test_a_detector_sends_what_is_said_and_a_moment_before_it() -> None:
    turns = LocalVad(RATE, Vad(silence_ms=480))
    said = silence(1000) + question("hello") + silence(1000)
    effects: list[Effect] = []
    for at in range(0, len(said), 960):
        effects += turns.hear(said[at : at + 960])
    assert effects[0] == UserStarted(silence_ms=480)
    stopped = effects[-1]
    assert isinstance(stopped, UserStopped)
    assert stopped.by == "detected"
    assert 200 < stopped.spoken_ms < 1500  # without the silence that ended it
    sent = b"".join(effect.audio for effect in effects if isinstance(effect, Append))
    assert len(effects) == 2 + sum(isinstance(effect, Append) for effect in effects)
    assert sent in said
    assert loud_part(said) in sent
    assert len(sent) < len(said) - 2 * 24 * 900


def test_options_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="exclude one another"):
        make_turns(RATE, push_to_talk=True, vad=Vad())
    with pytest.raises(ConfigError, match=r"Vad\(rate=24000\)"):
        make_turns(RATE, push_to_talk=False, vad=Vad(rate=16_000))
