"""How long a filler keeps the answer waiting."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from guards import VirtualClock

from realtime_sync.agents.by_hand import ByHandOutput
from realtime_sync.agents.filler_output import FillerOutput
from realtime_sync.agents.notes import FillerCut
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.voice.effects import Flush, Part, Play

FILLER, ANSWER = ("fill", 0), ("answer", 0)


class Sink:
    """An output that has played what a test says."""

    def __init__(self) -> None:
        self.done: list[Any] = []
        self.played: dict[Part, int] = {}
        self.idle = True
        self.fits = True

    def play(self, play: Play) -> bool:
        self.done.append((play.part[0], len(play.audio) // 48))
        return self.fits

    def flush(self, end: Flush) -> bool:
        self.done.append((end.part[0], "end"))
        return True

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        self.done.append("silence")
        return dict.fromkeys(parts, 7)

    def played_ms(self, part: Part) -> int:
        return self.played.get(part, 0)


class Bench:
    def __init__(self, clock: VirtualClock) -> None:
        self.clock, self.sink = clock, Sink()
        self.reports: list[object] = []
        self.wanted = True
        self.output = FillerOutput(
            self.sink,  # type: ignore[arg-type]  # as much of it as is asked for
            self.reports.append,
            sound_format=lambda: SoundFormat("audio/pcm", 24_000),
            is_wanted=lambda: self.wanted,
            clock=clock,
        )

    def say(self, ms: int) -> bool:
        return self.output.play(Play(bytes(48 * ms), FILLER, "r_fill"))

    def answer(self, ms: int) -> bool:
        return self.output.play(Play(bytes(48 * ms), ANSWER, "r_answer"))

    def end_answer(self) -> bool:
        return self.output.flush(Flush(ANSWER, "r_answer"))


@pytest.fixture
def bench(virtual_clock: VirtualClock) -> Bench:
    bench = Bench(virtual_clock)
    bench.output.expect("r_fill")
    return bench


def test_without_a_filler_an_answer_begins_at_once(virtual_clock: VirtualClock) -> None:
    bench = Bench(virtual_clock)
    assert bench.answer(100)
    assert bench.end_answer()
    assert bench.sink.done == [("answer", 100), ("answer", "end")]
    assert not bench.output.sounds
    assert bench.output.due_at is None
    assert not bench.output.look()


def test_before_the_first_sound_an_answer_begins_at_once(bench: Bench) -> None:
    bench.answer(100)
    assert bench.sink.done == [("answer", 100)]


def test_one_that_is_not_wanted_any_more_does_not_begin(bench: Bench) -> None:
    bench.wanted = False
    assert bench.say(20)
    assert bench.sink.done == []
    assert not bench.output.sounds


def test_one_that_has_begun_goes_on(bench: Bench) -> None:
    bench.say(20)
    bench.wanted = False
    bench.say(30)
    assert bench.sink.done == [("fill", 20), ("fill", 30)]


def test_what_does_not_fit_does_not_sound(bench: Bench) -> None:
    bench.sink.fits = False
    assert not bench.say(20)
    assert not bench.output.sounds


@pytest.mark.parametrize(("played", "sounds"), [(0, True), (79, True), (80, False)])
def test_it_sounds_until_all_but_a_rounding_was_heard(
    bench: Bench, played: int, sounds: bool
) -> None:
    bench.say(40)
    bench.say(60)
    bench.output.complete()
    bench.sink.played[FILLER] = played
    assert bench.output.sounds is sounds


def test_it_sounds_while_more_may_come(bench: Bench) -> None:
    bench.say(100)
    bench.sink.played[FILLER] = 100
    assert bench.output.sounds


@pytest.mark.parametrize(("ms", "waits"), [(2000, False), (2001, True)])
def test_an_answer_queues_behind_one_that_ends_in_time(bench: Bench, ms: int, waits: bool) -> None:
    bench.say(ms)
    bench.output.complete()
    bench.answer(100)
    assert (bench.sink.done == [("fill", ms)]) is waits
    assert bench.output.idle is not waits


def test_an_answer_waits_for_one_of_which_more_comes(bench: Bench) -> None:
    bench.say(500)
    bench.answer(100)
    bench.answer(50)
    bench.end_answer()
    assert bench.sink.done == [("fill", 500)]
    assert not bench.output.idle
    assert bench.output.due_at == bench.clock.now + 2
    assert not bench.output.look()
    bench.output.complete()
    assert not bench.output.look()  # half a second is left, which it queues behind
    assert bench.sink.done[1:] == [("answer", 100), ("answer", 50), ("answer", "end")]
    assert bench.output.due_at is None
    assert bench.reports == []


def test_what_the_filler_may_take_shrinks_while_the_answer_waits(bench: Bench) -> None:
    bench.say(3000)
    bench.output.complete()
    bench.answer(100)
    bench.clock.advance(1.5)
    bench.sink.played[FILLER] = 2499
    bench.output.look()
    assert len(bench.sink.done) == 1
    bench.sink.played[FILLER] = 2500
    bench.output.look()
    assert bench.sink.done[1:] == [("answer", 100)]


def test_after_two_seconds_it_falls_silent(bench: Bench) -> None:
    bench.say(9000)
    bench.answer(100)
    bench.end_answer()
    bench.clock.advance(1.999)
    assert not bench.output.look()
    bench.clock.advance(0.001)
    assert bench.output.look()
    assert bench.sink.done == [("fill", 9000), "silence", ("answer", 100), ("answer", "end")]
    assert bench.reports == [FillerCut(FILLER)]
    assert not bench.output.sounds
    assert not bench.output.look()


def test_an_interruption_drops_what_waits(bench: Bench) -> None:
    bench.say(9000)
    bench.answer(100)
    assert bench.output.silence([ANSWER]) == {ANSWER: 7}
    assert bench.reports == [FillerCut(FILLER)]
    assert not bench.output.sounds
    bench.clock.advance(3)
    bench.output.look()
    assert bench.sink.done == [("fill", 9000), "silence"]


def test_an_interruption_of_an_answer_is_none_of_a_filler(bench: Bench) -> None:
    bench.say(100)
    bench.output.complete()
    bench.sink.played[FILLER] = 100
    bench.answer(100)
    bench.output.silence([ANSWER])
    assert bench.reports == []


def test_the_next_filler_is_an_item_of_its_own(bench: Bench) -> None:
    bench.say(100)
    bench.output.complete()
    bench.sink.played[FILLER] = 100
    bench.output.expect("")
    bench.output.play(Play(bytes(4800), ("clip", 0), ""))
    bench.output.complete()
    assert bench.output.sounds
    bench.sink.played["clip", 0] = 100
    assert not bench.output.sounds


def test_the_end_of_the_filler_is_told_while_an_answer_waits(bench: Bench) -> None:
    bench.say(100)
    bench.answer(20)
    bench.output.flush(Flush(FILLER, "r_fill"))
    assert bench.sink.done == [("fill", 100), ("fill", "end")]


def test_a_filler_that_is_cut_leaves_known_what_a_program_has_heard_before(
    virtual_clock: VirtualClock,
) -> None:
    notes: list[Any] = []
    told = SoundFormat("audio/pcm", 24_000)
    by_hand = ByHandOutput(notes.append, sound_format=lambda: told, clock=virtual_clock)
    by_hand.play(Play(bytes(4800), ANSWER, "r_answer"))
    by_hand.play(Play(bytes(4800), FILLER, "r_fill"))
    for note in notes:
        by_hand.deliver(note)
    virtual_clock.advance(0.125)
    assert by_hand.silence([ANSWER, FILLER]) == {ANSWER: 100, FILLER: 25}
    virtual_clock.advance(1)
    assert by_hand.silence([ANSWER]) == {ANSWER: 100}
    assert by_hand.idle
