"""The outputs around the one that answers are heard on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest

from realtime_sync._deadline import Deadline
from realtime_sync.agents import answer_outputs, hold_back
from realtime_sync.agents.answer_outputs import HeldOutput, OutputWrapper, TellingOutput
from realtime_sync.agents.hold_back import HoldBack
from realtime_sync.agents.notes import AudioNote, AudioOver, Fault
from realtime_sync.agents.output_checks import OutputCheck
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.voice.effects import Flush, Part, Play
from realtime_sync.voice.output import Output

PCM = SoundFormat("audio/pcm", 24_000)
PART, OTHER = ("item", 0), ("other", 0)
WORDS = "What nobody has looked at, nobody is to hear."


class Heard:
    """An output that keeps what it is told."""

    failure: BaseException | None = None
    dropped_ms = 7
    underruns = 3
    gone = False
    idle = True
    fits = True
    calls_program = True

    def __init__(self) -> None:
        self.calls: list[Any] = []
        for name in ("start", "skip", "resume"):
            setattr(self, name, lambda name=name: self.calls.append(name))

    start: Any
    skip: Any
    resume: Any

    def play(self, play: Play) -> bool:
        self.calls.append((len(play.audio), play.part))
        return self.fits

    def flush(self, end: Flush) -> bool:
        self.calls.append(("end", end.part))
        return self.fits

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        self.calls.append("silence")
        return dict.fromkeys(parts, 5)

    def pause(self) -> bool:
        return False

    def handed_ms(self, part: Part) -> int:
        return 11

    def played_ms(self, part: Part) -> int:
        return 13

    def drain(self, timeout: float) -> bool:
        return timeout > 1

    def close(self, deadline: Deadline) -> None:
        self.calls.append("close")


def sound(ms: int, part: Part = PART, response_id: str = "r") -> Play:
    return Play(bytes(48 * ms), part, response_id)


def check(text: str = WORDS, *, part: Part = PART, final: bool = True) -> OutputCheck:
    return OutputCheck("r", part, text, final)


class Held(HeldOutput):
    """With what goes out of it, and what it reports."""

    def __init__(self, mode: Literal["checked", "answer"] | None = "checked") -> None:
        self.out = Heard()
        self.reports: list[Any] = []
        report = self.reports.append
        super().__init__(
            self.out,
            HoldBack(mode),
            report,
            sound_format=lambda: PCM,
            is_out_of_band=lambda response_id: response_id == "aside",
        )

    def taken(self) -> list[Any]:
        calls, self.out.calls = self.out.calls, []
        return calls


@pytest.fixture
def held() -> Held:
    held = Held()
    held.words("r", PART, WORDS)
    return held


# -- what is passed on ---------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["wrapper", "telling", "held"])
def test_all_else_is_the_affair_of_the_one_inside(kind: str) -> None:
    inner = Heard()
    outer: Output = {
        "wrapper": lambda: OutputWrapper(inner),
        "telling": lambda: TellingOutput(inner, print, sound_format=lambda: PCM),
        "held": lambda: HeldOutput(
            inner, HoldBack(None), print, sound_format=lambda: PCM, is_out_of_band=lambda _: False
        ),
    }[kind]()
    assert (outer.dropped_ms, outer.underruns, outer.idle, outer.failure) == (7, 3, True, None)
    assert outer.calls_program
    assert (outer.handed_ms(PART), outer.played_ms(PART)) == (11, 13)
    assert (outer.pause(), outer.drain(2), outer.drain(1)) == (False, True, False)
    outer.start()
    outer.skip()
    outer.resume()
    assert outer.silence([PART]) == {PART: 5}
    outer.close(Deadline(0))
    assert inner.calls == ["start", "skip", "resume", "silence", "close"]
    assert not outer.gone
    inner.failure, inner.idle, inner.gone = OSError("gone"), False, True
    assert outer.failure is inner.failure
    assert not outer.idle
    assert outer.gone


def test_what_is_played_is_told() -> None:
    inner, told = Heard(), list[Any]()
    outer = TellingOutput(inner, told.append, sound_format=lambda: PCM)
    assert outer.play(sound(250))
    assert outer.flush(Flush(PART, "r"))
    note, over = told
    assert isinstance(note, AudioNote)
    assert (note.part, note.response_id, len(note.data), note.duration_s) == (
        PART, "r", 12_000, 0.25,
    )  # fmt: skip
    assert over == AudioOver(PART)
    assert inner.calls == [(12_000, PART), ("end", PART)]
    inner.fits = False
    assert not outer.play(sound(250))
    assert not outer.flush(Flush(PART, "r"))


# -- what is held --------------------------------------------------------------------------------


def test_nothing_is_heard_before_its_words_have_passed(held: Held) -> None:
    assert held.play(sound(2000))
    assert held.taken() == []
    assert not held.idle, "it is to be heard"
    held.passed(check(WORDS[:26], final=False))
    assert held.taken() == [(48 * 80, PART)]  # 2 characters of 25 a second


def test_the_final_check_counts_when_the_item_is_complete(held: Held) -> None:
    held.play(sound(10_000))
    held.flush(Flush(PART, "r"))
    held.passed(check())
    ms = (len(WORDS) - 24) * 1000 // 25
    assert held.taken() == [(48 * ms, PART)]
    held.item_over("another")
    assert held.taken() == []
    held.item_over("item")
    assert held.taken() == [(48 * (10_000 - ms), PART), ("end", PART)]
    assert held.idle


def test_or_when_its_response_is(held: Held) -> None:
    held.play(sound(10_000))
    held.passed(check())
    held.taken()
    held.response_over("r")
    ((size, _),) = held.taken()
    assert size == 48 * 10_000 - 48 * (len(WORDS) - 24) * 1000 // 25


@pytest.mark.parametrize("over", ["item", "response"])
def test_a_check_that_passes_after_that_counts_at_once(held: Held, over: str) -> None:
    held.play(sound(10_000))
    held.item_over("item") if over == "item" else held.response_over("r")
    assert held.taken() == []
    held.passed(check())
    assert held.taken() == [(48 * 10_000, PART)]


def test_of_a_response_that_was_cut_off_no_more_is_heard(held: Held) -> None:
    held.play(sound(10_000))
    held.passed(check(WORDS[:26], final=False))
    held.words("r", OTHER, WORDS)
    held.play(sound(100, OTHER))
    held.taken()
    held.cut_off("r")
    assert held.taken() == [("end", PART)], "what has begun has an end"
    held.passed(check())
    held.item_over("item")
    held.play(sound(100))
    assert held.taken() == []
    assert held.idle


def test_what_was_cut_off_keeps_no_later_answer(held: Held) -> None:
    held.play(sound(1000))
    held.words("r2", OTHER, WORDS)
    held.play(sound(1000, OTHER, "r2"))
    held.response_over("r2")
    held.passed(OutputCheck("r2", OTHER, WORDS, final=True))
    assert held.taken() == []
    held.cut_off("r")
    assert held.taken() == [(48_000, OTHER)]


def test_an_interruption_forgets_what_is_held(held: Held) -> None:
    held.play(sound(1000))
    assert held.silence([PART]) == {PART: 5}
    held.passed(check())
    held.item_over("item")
    assert held.taken() == ["silence"]
    assert held.idle


def test_a_trip_says_whether_anything_went_out(held: Held) -> None:
    held.play(sound(1000))
    assert not held.trip("r")
    assert held.idle
    other = Held(None)
    other.play(sound(1))
    assert other.trip("r")
    assert not Held().trip("nobody's")


def test_a_response_waits_for_the_words_that_it_answers() -> None:
    held = Held(None)
    held.hold("r")
    held.play(sound(100))
    held.flush(Flush(PART, "r"))
    assert held.taken() == []
    held.free("r")
    assert held.taken() == [(4800, PART), ("end", PART)]


def test_what_is_beside_the_conversation_is_held_by_nobody(held: Held) -> None:
    held.play(sound(100))
    held.play(sound(20, ("f", 0), "aside"))
    held.flush(Flush(("f", 0), "aside"))
    assert held.taken() == [(960, ("f", 0)), ("end", ("f", 0))]


def test_what_belongs_to_no_response_is_heard() -> None:
    held = Held(None)
    for n in range(100):
        assert held.play(sound(10, (f"item{n}", 0), ""))
    assert len(held.taken()) == 100
    checked = Held()
    checked.play(sound(10, PART, ""))
    assert checked.taken() == []


def test_a_faster_voice_says_more(held: Held) -> None:
    held.set_speed(1.5)
    held.words("r", OTHER, WORDS)
    held.play(sound(5000, OTHER))
    held.passed(check(WORDS[:39], part=OTHER, final=False))
    assert held.taken() == [(48 * 400, OTHER)]  # 15 characters of 37.5 a second


def test_sound_without_words_is_told(held: Held) -> None:
    held.play(sound(300, OTHER))
    held.response_over("r")
    (fault,) = held.reports
    assert isinstance(fault, Fault)
    assert str(fault.error).startswith("300 ms of sound of other came without words")
    assert held.taken() == []


def test_the_last_checks_have_their_time(held: Held) -> None:
    held.words("r2", OTHER, WORDS)
    held.play(sound(1000))
    held.play(sound(1000, OTHER, "r2"))
    held.response_over("r")
    assert not held.drain(2)
    assert held._hold.held_ms == 1000, "of a response that is not over nothing is waited for"
    held.passed(check())
    assert held.taken() == [(48_000, PART)]
    assert held.drain(2)


def test_but_not_for_ever(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_outputs, "_LAST_CHECKS_S", 0.0)
    held.play(sound(1000))
    held.response_over("r")
    assert held.drain(2)


def test_what_can_not_be_held_is_told(held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hold_back, "_MAX_BYTES", 48_000)
    assert held.play(sound(1000))
    assert not held.play(sound(10))
    assert held.dropped_ms == 7 + 10


def test_a_full_sink_is_told() -> None:
    held = Held(None)
    held.out.fits = False
    assert not held.play(sound(100))
    assert not held.flush(Flush(PART, "r"))


def test_the_memory_is_bounded(held: Held) -> None:
    for n in range(300):
        held.passed(OutputCheck("r", (f"item{n}", 0), "Hello", final=True))
        held.item_over(f"other{n}")
    assert len(held._finals) == len(held._complete) == 256
