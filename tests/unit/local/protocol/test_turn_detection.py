from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.local.protocol.conversation_config import default_session, merge_session
from realtime_sync.local.protocol.turn_detection import (
    FRAME_MS,
    IdleTimeout,
    Probe,
    SpeechStarted,
    SpeechStopped,
    TurnDetector,
    TurnEvent,
)


def detector(type: str = "server_vad", **fields: Any) -> TurnDetector:
    update = {"type": "realtime", "audio": {"input": {"turn_detection": {"type": type, **fields}}}}
    session = merge_session(default_session("realtime"), update, spoken=False)
    return TurnDetector(session["audio"]["input"]["turn_detection"])


def feed(turns: TurnDetector, probability: float, ms: int) -> list[TurnEvent]:
    return [event for _ in range(-(-ms // FRAME_MS)) for event in turns.step(probability)]


def test_a_turn_of_server_vad() -> None:
    turns = detector(prefix_padding_ms=200, silence_duration_ms=400)
    assert feed(turns, 0.0, 640) == []
    assert feed(turns, 0.9, 320) == [SpeechStarted(640 - 200)]
    assert feed(turns, 0.0, 384) == []
    assert feed(turns, 0.0, 32) == [SpeechStopped(960 + 400)]
    assert not turns.speaking


def test_a_click_is_no_speech_and_a_short_pause_no_end() -> None:
    turns = detector()
    assert feed(turns, 1.0, 32) == []
    assert feed(turns, 0.0, 320) == []
    assert len(feed(turns, 1.0, 320)) == 1
    assert feed(turns, 0.0, 480) == []
    assert feed(turns, 1.0, 64) == []
    assert feed(turns, 0.0, 480) == []
    assert feed(turns, 0.0, 32) == [SpeechStopped(32 + 320 + 320 + 480 + 64 + 500)]


def test_the_threshold_starts_speech_and_a_lower_one_keeps_it() -> None:
    turns = detector(threshold=0.6)
    assert feed(turns, 0.59, 320) == []
    assert len(feed(turns, 0.6, 64)) == 1
    assert feed(turns, 0.46, 3200) == []
    assert len(feed(turns, 0.44, 640)) == 1


def test_padding_does_not_reach_into_the_turn_before() -> None:
    turns = detector(prefix_padding_ms=1_000, silence_duration_ms=200)
    feed(turns, 1.0, 64)
    (stopped,) = feed(turns, 0.0, 320)
    assert stopped == SpeechStopped(264)
    assert feed(turns, 1.0, 64) == [SpeechStarted(264)]
    assert detector(prefix_padding_ms=1_000).step(1.0) == []


def test_semantic_vad_ends_where_the_words_are_complete() -> None:
    turns = detector("semantic_vad", eagerness="high")
    feed(turns, 1.0, 320)
    (probe,) = feed(turns, 0.0, 640)
    assert isinstance(probe, Probe)
    assert turns.settle(probe, complete=True) == [SpeechStopped(probe.end_ms)]
    assert turns.settle(probe, complete=True) == [], "the turn is over"


@pytest.mark.parametrize(
    ("eagerness", "limit"), [("low", 8), ("medium", 4), ("auto", 4), ("high", 2)]
)
def test_semantic_vad_waits_for_its_timeout_when_words_are_missing(
    eagerness: str, limit: int
) -> None:
    turns = detector("semantic_vad", eagerness=eagerness)
    feed(turns, 1.0, 320)
    found = feed(turns, 0.0, limit * 1000 - 64)
    (probe,) = found
    assert isinstance(probe, Probe)
    assert turns.settle(probe, complete=False) == []
    assert feed(turns, 0.0, 64) == [SpeechStopped(320 + limit * 1000)]


def test_a_late_judgement_is_void_when_speech_went_on() -> None:
    turns = detector("semantic_vad")
    feed(turns, 1.0, 320)
    (probe,) = feed(turns, 0.0, 640)
    assert isinstance(probe, Probe)
    assert turns.awaits(probe)
    feed(turns, 1.0, 64)
    assert not turns.awaits(probe)
    assert turns.settle(probe, complete=True) == []
    (second,) = feed(turns, 0.0, 640)
    assert isinstance(second, Probe), "the next pause is looked at again"
    assert not turns.awaits(probe)
    assert turns.awaits(second)
    turns.reset()
    assert not turns.awaits(second)


def test_idle_timeout_counts_from_the_end_of_the_answers_sound() -> None:
    turns = detector(idle_timeout_ms=1_000)
    assert feed(turns, 0.0, 5_000) == [], "nothing was answered yet"
    start = turns.position_ms
    turns.answered(640)
    assert feed(turns, 0.0, 1_600) == []
    assert feed(turns, 0.0, 64) == [IdleTimeout(start + 640, turns.position_ms)]
    assert feed(turns, 0.0, 5_000) == [], "once per answer"
    turns.answered(0)
    turns.answering()
    assert feed(turns, 0.0, 5_000) == []
    turns.answered(0)
    feed(turns, 1.0, 64)
    assert [type(e) for e in feed(turns, 0.0, 5_000)] == [SpeechStopped]


def test_music_has_to_end() -> None:
    turns = detector()
    found = feed(turns, 1.0, 310_000)
    assert [type(event) for event in found] == [SpeechStarted, SpeechStopped, SpeechStarted]


def test_reset_forgets_the_turn() -> None:
    turns = detector()
    feed(turns, 1.0, 320)
    turns.reset()
    assert not turns.speaking
    assert feed(turns, 0.0, 3_200) == []
    assert feed(turns, 1.0, 64) == [SpeechStarted(3_220)]
