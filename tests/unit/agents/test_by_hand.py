"""Where a program has come to that plays the sound itself."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync.agents import by_hand
from realtime_sync.agents.by_hand import ByHandInput, ByHandOutput
from realtime_sync.agents.model import RealtimePlaybackTracker
from realtime_sync.agents.notes import AudioNote, AudioOver
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.voice.effects import Flush, Part, Play

A, B = ("item_a", 0), ("item_b", 0)


class Hand:
    """An output whose notes are taken one by one, at the times of a test."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.format = SoundFormat("audio/pcm", 24000)
        self.notes: list[Any] = []
        self.output = ByHandOutput(
            self.notes.append, sound_format=lambda: self.format, clock=self.clock, **options
        )

    def plays(self, part: Part, ms: int) -> AudioNote:
        assert self.output.play(Play(bytes(self.format.bytes_per_s * ms // 1000), part, "resp"))
        note = self.notes[-1]
        assert isinstance(note, AudioNote)
        return note

    def gets(self, part: Part, ms: int) -> None:
        assert self.output.deliver(self.plays(part, ms))


def test_what_the_program_is_told() -> None:
    hand = Hand()
    hand.plays(A, 100)
    assert hand.output.flush(Flush(A, "resp"))
    note, over = hand.notes
    assert (note.part, note.response_id, len(note.data)) == (A, "resp", 4800)
    assert note.duration_s == 0.1
    assert over == AudioOver(A)


def test_a_piece_plays_from_when_the_program_gets_it() -> None:
    hand = Hand()
    note = hand.plays(A, 1000)
    hand.clock.advance(5.0)
    assert hand.output.handed_ms(A) == 0
    hand.output.deliver(note)
    assert hand.output.handed_ms(A) == 0
    hand.clock.advance(0.3)
    assert hand.output.handed_ms(A) == 300
    assert hand.output.played_ms(A) == 300
    hand.clock.advance(9.0)
    assert hand.output.handed_ms(A) == 1000


def test_pieces_play_one_after_the_other() -> None:
    hand = Hand()
    hand.gets(A, 200)
    hand.gets(A, 200)
    hand.gets(B, 300)
    hand.clock.advance(0.3)
    assert (hand.output.handed_ms(A), hand.output.handed_ms(B)) == (300, 0)
    hand.clock.advance(0.1)
    assert (hand.output.handed_ms(A), hand.output.handed_ms(B)) == (400, 0)
    hand.clock.advance(0.1)
    assert (hand.output.handed_ms(A), hand.output.handed_ms(B)) == (400, 100)


def test_a_pause_between_two_pieces_is_not_heard() -> None:
    hand = Hand()
    hand.gets(A, 200)
    hand.clock.advance(2.0)
    hand.gets(A, 200)
    hand.clock.advance(0.1)
    assert hand.output.handed_ms(A) == 300


def test_thirds_of_a_second_add_up() -> None:
    hand = Hand()
    for _ in range(3):
        hand.gets(A, 100)
        hand.clock.advance(0.1)
    assert hand.output.handed_ms(A) == 300


def test_it_is_idle_when_all_was_taken_and_heard() -> None:
    hand = Hand()
    assert hand.output.idle
    note = hand.plays(A, 100)
    assert not hand.output.idle
    hand.output.deliver(note)
    assert not hand.output.idle
    hand.clock.advance(0.09)
    assert not hand.output.idle
    hand.clock.advance(0.02)
    assert hand.output.idle


def test_an_interruption_recalls_what_was_not_taken() -> None:
    hand = Hand()
    hand.gets(A, 400)
    waiting = hand.plays(A, 400), hand.plays(B, 100)
    hand.clock.advance(0.3)
    assert hand.output.silence([A, B]) == {A: 300, B: 0}
    assert not any(map(hand.output.deliver, waiting))
    assert hand.output.idle
    hand.clock.advance(1.0)
    assert (hand.output.handed_ms(A), hand.output.handed_ms(B)) == (300, 0), "it stays known"
    hand.gets(B, 100)
    hand.clock.advance(0.1)
    assert hand.output.handed_ms(B) == 100


def test_what_has_no_audience_counts_as_taken() -> None:
    hand = Hand(has_audience=False)
    assert hand.output.play(Play(bytes(4800), A, "resp"))
    assert hand.notes == []
    hand.clock.advance(0.05)
    assert hand.output.handed_ms(A) == 50
    hand.clock.advance(0.06)
    assert hand.output.idle


def test_old_parts_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(by_hand, "_LATEST_PARTS", 1)
    hand = Hand()
    for part in (A, B):
        hand.gets(part, 100)
        hand.clock.advance(0.1)
        assert hand.output.handed_ms(part) == 100
    assert hand.output.handed_ms(A) == 0


# -- with a tracker --------------------------------------------------------------------------------


def test_a_tracker_is_the_programs() -> None:
    assert Hand(tracker=RealtimePlaybackTracker()).output.calls_program
    assert not Hand().output.calls_program


def test_a_tracker_knows_better() -> None:
    tracker = RealtimePlaybackTracker()
    hand = Hand(tracker=tracker)
    hand.gets(A, 1000)
    hand.clock.advance(0.5)
    assert hand.output.handed_ms(A) == 0
    tracker.on_play_bytes("item_a", 0, bytes(4800))
    assert hand.output.handed_ms(A) == 100
    assert hand.output.silence([A]) == {A: 100}
    assert tracker.get_state()["current_item_id"] is None


@pytest.mark.parametrize("kind", ["audio/pcmu", "audio/pcma"])
def test_a_tracker_reckons_in_the_format_that_comes(kind: str) -> None:
    tracker = RealtimePlaybackTracker()
    hand = Hand(tracker=tracker)
    hand.gets(A, 100)
    tracker.on_play_bytes("item_a", 0, bytes(480))
    assert tracker.played_ms(A) == 10
    hand.format = SoundFormat(kind, 8000)
    hand.gets(B, 100)
    tracker.on_play_bytes("item_b", 0, bytes(480))
    assert tracker.played_ms(B) == 60


def test_a_tracker_says_when_it_is_idle() -> None:
    tracker = RealtimePlaybackTracker()
    hand = Hand(tracker=tracker)
    assert hand.output.idle
    hand.gets(A, 100)
    hand.clock.advance(0.1)
    assert not hand.output.idle, "the player is behind"
    tracker.on_play_ms("item_a", 0, 100)
    assert hand.output.idle


def test_a_tracker_without_a_player_is_not_waited_for() -> None:
    hand = Hand(tracker=RealtimePlaybackTracker())
    hand.gets(A, 100)
    hand.clock.advance(0.1 + 0.49)
    assert not hand.output.idle
    hand.clock.advance(0.02)
    assert hand.output.idle


# -- what there is nothing to do for ---------------------------------------------------------------


def test_the_rest_of_an_output() -> None:
    hand = Hand()
    output = hand.output
    output.start()
    output.skip()
    assert not output.pause()
    output.resume()
    assert output.drain(0)
    output.close(Deadline(0))
    assert (output.failure, output.dropped_ms, output.underruns) == (None, 0, 0)


def test_the_user_is_not_heard_here() -> None:
    line = ByHandInput()
    line.start()
    line.stop()
    line.close(Deadline(0))
    assert (line.failure, line.ended) == (None, False)
