"""The model's side: keys, and how far a program's own playback has come."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from realtime_sync.agents.model import (
    RealtimeModel,
    RealtimeModelListener,
    RealtimePlaybackTracker,
    get_api_key,
)

NOTHING = {"current_item_id": None, "current_item_content_index": None, "elapsed_ms": None}


def test_a_key_is_given_asked_for_or_from_the_environment(monkeypatch: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of the environment")
    assert get_api_key("given") == "given"
    assert get_api_key(lambda: "asked for") == "asked for"
    assert get_api_key(None) == "of the environment"
    monkeypatch.delenv("OPENAI_API_KEY")
    assert get_api_key(None) is None


def test_nothing_plays_at_first() -> None:
    tracker = RealtimePlaybackTracker()
    assert tracker.get_state() == NOTHING
    assert tracker.played_ms(("item_1", 0)) == 0


def test_what_was_played_adds_up_for_each_part() -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_ms("item_1", 0, 20)
    tracker.on_play_ms("item_2", 0, 30)
    tracker.on_play_ms("item_1", 1, 5.5)
    tracker.on_play_ms("item_1", 0, 20)
    assert tracker.get_state() == {
        "current_item_id": "item_1",
        "current_item_content_index": 0,
        "elapsed_ms": 40,
    }
    assert tracker.played_ms(("item_2", 0)) == 30
    assert tracker.played_ms(("item_1", 1)) == 5


@pytest.mark.parametrize(
    ("given", "ms"),
    [
        ("pcm16", 10),
        ({"type": "audio/pcm", "rate": 24000}, 10),
        ({"type": "audio/pcm", "rate": 8000}, 30),
        ("g711_ulaw", 60),
        ({"type": "audio/pcma"}, 60),
        ("a format of the server's own", 10),
    ],
)
def test_bytes_count_by_the_format(given: Any, ms: int) -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_bytes("item_1", 0, bytes(480))
    assert tracker.played_ms(("item_1", 0)) == 10  # before a session has told its format
    tracker.set_audio_format(given)
    tracker.on_play_bytes("item_2", 0, bytes(480))
    assert tracker.played_ms(("item_2", 0)) == ms


def test_milliseconds_are_rounded_down_but_pieces_of_one_add_up() -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_bytes("item_1", 0, bytes(482))  # 241 samples: 10.04 ms
    assert tracker.played_ms(("item_1", 0)) == 10
    for _ in range(300):
        tracker.on_play_bytes("item_2", 0, bytes(16))  # a third of a millisecond
    assert tracker.played_ms(("item_2", 0)) == 100


def test_after_an_interruption_nothing_plays_and_what_was_heard_is_known() -> None:
    tracker = RealtimePlaybackTracker()
    tracker.on_play_ms("item_1", 0, 20)
    tracker.on_interrupted()
    assert tracker.get_state() == NOTHING
    assert tracker.played_ms(("item_1", 0)) == 20


def test_a_long_conversation_does_not_cost_memory() -> None:
    tracker = RealtimePlaybackTracker()
    for number in range(300):
        tracker.on_play_ms("first", 0, 1)
        tracker.on_play_ms(f"item_{number}", 0, 1)
    assert len(tracker._played) == 256
    assert tracker.played_ms(("first", 0)) == 300
    assert tracker.played_ms(("item_44", 0)) == 0
    assert tracker.played_ms(("item_45", 0)) == 1


def test_threads_may_count_at_once() -> None:
    tracker = RealtimePlaybackTracker()

    def play(item_id: str) -> None:
        for _ in range(2000):
            tracker.on_play_ms(item_id, 0, 1)
            assert tracker.get_state()["elapsed_ms"]

    threads = [threading.Thread(target=play, args=(f"item_{n % 2}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [tracker.played_ms((f"item_{n}", 0)) for n in range(2)] == [4000, 4000]


@pytest.mark.parametrize("base", [RealtimeModel, RealtimeModelListener])
def test_a_base_says_what_is_to_be_written(base: Any) -> None:
    with pytest.raises(TypeError, match="abstract"):
        base()
