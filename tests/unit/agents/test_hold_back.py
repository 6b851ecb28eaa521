"""How much of an answer's sound may go out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync.agents.hold_back import (
    Dropped,
    HoldBack,
    Outgoing,
    SoundEnd,
    UncheckedSound,
)
from realtime_sync.agents.output_checks import MOST_PARTS, OutputCheck, OutputChecks
from realtime_sync.conversation.session import SoundFormat
from realtime_sync.errors import UserError
from realtime_sync.voice.effects import Part, Play

PCM = SoundFormat("audio/pcm", 24_000)
G711 = SoundFormat("audio/pcmu")
PART = ("item", 0)
A, B = ("a", 0), ("b", 0)


def sound(size: int, part: Part = PART, response_id: str = "r") -> Play:
    return Play(bytes(size), part, response_id)


def passing(
    text: str, part: Part = PART, response_id: str = "r", *, final: bool = False
) -> OutputCheck:
    return OutputCheck(response_id, part, text, final)


def sizes(out: Iterable[Outgoing]) -> list[int]:
    """How much sound goes out, piece by piece."""
    return [len(each.audio) for each in out if isinstance(each, Play)]


def with_words(mode: Literal["checked", "answer"] = "checked", **options: Any) -> HoldBack:
    """One whose part has 1,000 characters of words, none of them checked."""
    hold = HoldBack(mode, **options)
    hold.words("r", PART, "x" * 1000)
    return hold


def test_a_mode_that_is_none_is_refused() -> None:
    with pytest.raises(UserError, match="hold_back='all' is unknown"):
        HoldBack("all")  # type: ignore[arg-type]


# -- how much is free ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chars", "free_bytes"),
    [(0, 0), (23, 0), (24, 0), (25, 1920), (26, 3840), (49, 48_000), (124, 192_000)],
)
def test_characters_that_passed_free_a_second_for_25_but_for_the_last_24(
    chars: int, free_bytes: int
) -> None:
    hold = with_words()
    assert hold.audio(sound(200_000), PCM) == []
    assert sum(sizes(hold.passed(passing("x" * chars)))) == free_bytes


@pytest.mark.parametrize(
    ("speed", "free_bytes"), [(0.25, 48_000), (1.0, 48_000), (1.25, 38_400), (1.5, 32_000)]
)
def test_a_faster_voice_says_more_in_a_second_and_a_slower_one_is_not_counted_on(
    speed: float, free_bytes: int
) -> None:
    hold = with_words(speed=speed)
    hold.audio(sound(200_000), PCM)
    assert sum(sizes(hold.passed(passing("x" * 49)))) == free_bytes


def test_the_speed_is_that_at_the_beginning_of_a_part() -> None:
    hold = with_words(speed=1.5)
    hold.speed = 1.0
    hold.audio(sound(200_000), PCM)
    assert sum(sizes(hold.passed(passing("x" * 49)))) == 32_000


@pytest.mark.parametrize(
    ("text", "free_s"),
    [
        ("字" * 32, 1.0),
        ("字" * 17 + "x" * 15, 1.0),
        ("字" * 16 + "x" * 16, 0.32),
        ("\uff58" * 32, 1.0),
        ("é" * 32, 0.32),
        ("ｱ" * 32, 0.32),
    ],
    ids=["wide", "mainly", "half", "fullwidth", "narrow", "halfwidth"],
)
def test_of_a_mainly_wide_text_8_characters_take_a_second(text: str, free_s: float) -> None:
    hold = with_words()
    hold.audio(sound(200_000), PCM)
    assert sum(sizes(hold.passed(passing(text)))) == int(free_s * 48_000)


def test_what_is_free_goes_out_when_it_comes() -> None:
    hold = with_words()
    assert hold.passed(passing("x" * 49)) == []
    assert sizes(hold.audio(sound(47_000), PCM)) == [47_000]
    assert sizes(hold.audio(sound(2_000), PCM)) == [1_000]
    assert hold.audio(sound(500), PCM) == []
    assert sizes(hold.passed(passing("x" * 50))) == [1_000, 500]


def test_it_is_cut_at_whole_samples() -> None:
    """Of 1/37.5 s at 8 kHz, 213 1/3 samples, whatever they take."""
    for sound_format, size in ((SoundFormat("audio/pcm", 8_000), 426), (G711, 213)):
        hold = with_words(speed=1.5)
        hold.audio(sound(1_000), sound_format)
        assert sizes(hold.passed(passing("x" * 25))) == [size]


def test_a_sample_may_be_split_between_two_pieces() -> None:
    hold = with_words()
    hold.passed(passing("x" * 25))
    out = [*hold.audio(sound(1_001), PCM), *hold.audio(sound(1_001), PCM)]
    assert sizes(out) == [1_001, 919], "1920 bytes, which is whole"


@pytest.mark.parametrize("chars", [999, 1000])
def test_the_final_check_frees_all_if_it_had_all_words(chars: int) -> None:
    hold = with_words()
    hold.audio(sound(10_000_000), PCM)
    out = sum(sizes(hold.passed(passing("x" * chars, final=True))))
    assert out == (10_000_000 if chars == 1000 else (999 - 24) * 1920)
    assert sizes(hold.audio(sound(100), PCM)) == ([100] if chars == 1000 else [])


def test_further_words_after_the_final_check_are_not_free() -> None:
    hold = HoldBack("checked")
    hold.words("r", PART, "Hello", whole=True)
    hold.passed(passing("Hello", final=True))
    assert sizes(hold.audio(sound(100), PCM)) == [100]
    hold.words("r", PART, "")
    assert sizes(hold.audio(sound(100), PCM)) == [100]
    hold.words("r", PART, " you")
    assert hold.audio(sound(100), PCM) == []
    assert sizes(hold.passed(passing("Hello you", final=True))) == [100]


def test_all_words_replace_those_that_came() -> None:
    hold = with_words()
    hold.audio(sound(100), PCM)
    hold.words("r", PART, "short", whole=True)
    assert sizes(hold.passed(passing("short", final=True))) == [100]


def test_an_earlier_check_does_not_take_back_what_is_free() -> None:
    hold = with_words()
    hold.passed(passing("x" * 49))
    hold.passed(passing("x" * 30))
    assert sizes(hold.audio(sound(100_000), PCM)) == [48_000]


# -- a whole answer ------------------------------------------------------------------------------


@pytest.mark.parametrize("last", ["over", "first", "second"])
def test_of_an_answer_nothing_goes_out_before_the_last_check_of_its_last_part(last: str) -> None:
    hold = HoldBack("answer")
    for part in (A, B):
        hold.words("r", part, "Hello")
        assert hold.audio(sound(100, part), PCM) == []
        assert hold.passed(passing("x" * 1000, part)) == [], "not the final one"
    steps = {
        "over": lambda: hold.response_over("r"),
        "first": lambda: hold.passed(passing("Hello", A, final=True)),
        "second": lambda: hold.passed(passing("Hello", B, final=True)),
    }
    for name in steps:
        if name != last:
            assert steps[name]() == []
    assert steps[last]() == [sound(100, A), sound(100, B)]


def test_words_without_sound_count_as_well() -> None:
    hold = HoldBack("answer")
    hold.words("r", A, "Hello")
    hold.audio(sound(100, A), PCM)
    hold.words("r", B, "a text beside it")
    hold.response_over("r")
    assert hold.passed(passing("Hello", A, final=True)) == []
    assert sizes(hold.passed(passing("a text beside it", B, final=True))) == [100]


def test_other_answers_are_not_concerned() -> None:
    hold = HoldBack("answer")
    for response_id, part in (("r1", A), ("r2", B)):
        hold.words(response_id, part, "Hello")
        hold.audio(sound(100, part, response_id), PCM)
    hold.response_over("r1")
    assert sizes(hold.passed(passing("Hello", A, "r1", final=True))) == [100]
    assert hold.passed(passing("Hello", B, "r2", final=True)) == []
    assert sizes(hold.response_over("r2")) == [100]


# -- sound without words -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_sound_without_words_is_dropped_and_told(mode: Literal["checked", "answer"]) -> None:
    hold = HoldBack(mode)
    hold.words("r", B, "Hello")
    hold.audio(sound(4_800, A), PCM)
    hold.flush("r", A)
    hold.audio(sound(100, B), PCM)
    assert hold.passed(passing("Hello", B, final=True)) == [], "it comes after the other"
    out = hold.response_over("r")
    assert out == [UncheckedSound("r", A, ms=100, released_ms=0), sound(100, B)]
    assert hold.audio(sound(96, A), PCM) == [UncheckedSound("r", A, ms=2, released_ms=0)]
    assert hold.response_over("r") == []


def test_a_part_that_has_words_or_no_sound_is_none_of_these() -> None:
    hold = with_words()
    hold.audio(sound(100), PCM)
    hold.flush("r", B)
    assert hold.response_over("r") == []
    assert sizes(hold.passed(passing("x" * 1000, final=True))) == [100]


# -- the order -----------------------------------------------------------------------------------


def test_what_has_passed_waits_for_what_came_before() -> None:
    hold = HoldBack("checked")
    for response_id, part in (("r1", A), ("r2", B)):
        hold.words(response_id, part, "Hello")
        hold.audio(sound(100, part, response_id), PCM)
        hold.flush(response_id, part)
    assert hold.passed(passing("Hello", B, "r2", final=True)) == []
    assert hold.passed(passing("Hello", A, "r1", final=True)) == [
        sound(100, A, "r1"),
        SoundEnd("r1", A),
        sound(100, B, "r2"),
        SoundEnd("r2", B),
    ]
    assert hold.held_ms == 0


def test_the_end_comes_after_the_last_of_the_sound() -> None:
    hold = with_words()
    hold.audio(sound(48_100), PCM)
    assert hold.flush("r", PART) == []
    assert sizes(hold.passed(passing("x" * 49))) == [48_000]
    assert hold.passed(passing("x" * 50)) == [sound(100), SoundEnd("r", PART)]
    assert hold.flush("r", PART) == [SoundEnd("r", PART)], "at once, if nothing is before it"


# -- a trip, an interruption ---------------------------------------------------------------------


def test_a_trip_drops_what_is_held_and_what_comes() -> None:
    hold = with_words()
    hold.words("r", B, "Hello")
    hold.words("r2", A, "Hello")
    hold.audio(sound(96_000), PCM)
    hold.audio(sound(100, B), PCM)
    hold.flush("r", B)
    hold.audio(sound(100, A, "r2"), PCM)
    hold.passed(passing("x" * 49))
    hold.passed(passing("Hello", A, "r2", final=True))
    assert hold.trip("r") == [
        Dropped("r", PART, ms=1000, released_ms=1000),
        Dropped("r", B, ms=2, released_ms=0),
        sound(100, A, "r2"),
    ]
    assert hold.held_ms == 0
    assert hold.audio(sound(100), PCM) == []
    assert hold.flush("r", PART) == []
    hold.words("r", ("c", 0), "more")
    assert hold.passed(passing("x" * 1000, final=True)) == []
    assert hold.audio(sound(100, ("c", 0)), PCM) == []
    assert hold.response_over("r") == []
    assert hold.trip("r") == [], "once"


def test_a_trip_tells_what_went_out_completely_too() -> None:
    hold = with_words()
    hold.passed(passing("x" * 1000, final=True))
    hold.audio(sound(480), PCM)
    assert hold.trip("r") == [Dropped("r", PART, ms=0, released_ms=10)]


def test_a_trip_before_the_first_sound() -> None:
    hold = with_words()
    assert hold.trip("r") == []
    assert hold.audio(sound(100), PCM) == []


def test_clear_drops_what_is_held_of_some_parts() -> None:
    hold = HoldBack("checked")
    for part in (A, B):
        hold.words("r", part, "Hello")
        hold.audio(sound(4_800, part), PCM)
        hold.flush("r", part)
    hold.passed(passing("Hello", B, final=True))
    assert hold.clear([("other", 0)]) == []
    assert hold.clear([A]) == [
        Dropped("r", A, ms=100, released_ms=0),
        sound(4_800, B),
        SoundEnd("r", B),
    ]
    hold.audio(sound(100, A), PCM)
    assert sizes(hold.passed(passing("Hello", A, final=True))) == [100], "and not what comes"


def test_clear_drops_all() -> None:
    hold = HoldBack("answer")
    for part in (A, B):
        hold.words("r", part, "Hello")
        hold.audio(sound(4_800, part), PCM)
    assert [each.ms for each in hold.clear() if isinstance(each, Dropped)] == [100, 100]
    assert hold.held_ms == 0
    assert hold.clear() == []


# -- held for another reason ---------------------------------------------------------------------


def test_without_a_mode_everything_goes_out_but_what_is_held_by_hand() -> None:
    hold = HoldBack(None)
    assert hold.audio(sound(100), PCM) == [sound(100)]
    hold.hold("r2")
    assert hold.audio(sound(100, B, "r2"), PCM) == []
    assert hold.flush("r2", B) == []
    assert hold.response_over("r2") == [], "nobody checks its words"
    assert hold.free("r2") == [sound(100, B, "r2"), SoundEnd("r2", B)]
    assert hold.audio(sound(100, B, "r2"), PCM) == [sound(100, B, "r2")]


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_what_is_held_by_hand_waits_for_its_checks_too(mode: Literal["checked", "answer"]) -> None:
    hold = with_words(mode)
    hold.hold("r")
    hold.audio(sound(100), PCM)
    hold.response_over("r")
    assert hold.passed(passing("x" * 1000, final=True)) == []
    assert sizes(hold.free("r")) == [100]
    hold.hold("r2")
    hold.words("r2", B, "Hello")
    hold.audio(sound(100, B, "r2"), PCM)
    hold.response_over("r2")
    assert hold.free("r2") == []
    assert sizes(hold.passed(passing("Hello", B, "r2", final=True))) == [100]


# -- memory --------------------------------------------------------------------------------------


def test_what_is_held_is_bounded() -> None:
    hold = with_words()
    size = 16 * 1024 * 1024
    assert hold.audio(sound(size), PCM) == []
    assert hold.audio(sound(size), PCM) == []
    assert hold.audio(sound(48), PCM) == [Dropped("r", PART, ms=1, released_ms=0)]
    hold.clear()
    assert hold.audio(sound(48), PCM) == []


def test_what_went_out_is_not_held() -> None:
    hold = with_words()
    hold.passed(passing("x" * 1000, final=True))
    for _ in range(3):
        assert len(hold.audio(sound(16 * 1024 * 1024), PCM)) == 1
    hold.words("r", PART, "more")
    assert hold.audio(sound(32 * 1024 * 1024), PCM) == []


def test_the_oldest_response_gives_way() -> None:
    hold = HoldBack("checked")
    for n in range(65):
        hold.words(f"r{n}", ("i", n), "Hello")
        hold.audio(sound(48, ("i", n), f"r{n}"), PCM)
    assert hold.held_ms == 64
    assert hold.passed(passing("Hello", ("i", 1), "r1", final=True)) == [sound(48, ("i", 1), "r1")]


def test_nothing_goes_out_of_more_parts_than_are_checked() -> None:
    hold = HoldBack("checked")
    for n in range(MOST_PARTS + 1):
        hold.words("r", ("i", n), "Hello")
        hold.audio(sound(48, ("i", n)), PCM)
    assert hold.held_ms == MOST_PARTS
    assert hold.passed(passing("Hello", ("i", MOST_PARTS), final=True)) == []


def test_no_sound_is_nothing() -> None:
    hold = HoldBack(None)
    assert hold.audio(sound(0), PCM) == []
    assert hold.response_over("r") == []


# -- whatever the order on the wire --------------------------------------------------------------

WORDS = st.text(st.sampled_from("ab. !"), max_size=120)
SPOKEN = st.lists(st.tuples(WORDS, st.floats(0, 3)), min_size=1, max_size=3)


def pieces(draw: st.DrawFn, length: int) -> list[int]:
    """Cut something into pieces; return their ends."""
    cuts = draw(st.lists(st.integers(0, length), max_size=6))
    return sorted({*cuts, length} - {0})


@st.composite
def traffic(draw: st.DrawFn) -> tuple[list[str], list[bytes], list[tuple[int, str, int, int]]]:
    """Words and sound of some parts, and an order of their pieces on the wire.

    The sound is numbered by its samples, and spoken as fast as a voice can.
    """
    texts, sounds, streams = [], [], []
    for number, (text, pause_s) in enumerate(draw(SPOKEN)):
        samples = int((len(text) / 25 + pause_s) * 100)  # of one byte, at 100 Hz
        audio = bytes(n % 251 for n in range(samples))
        texts.append(text)
        sounds.append(audio)
        for kind, length in (("words", len(text)), ("sound", samples)):
            ends = pieces(draw, length)
            streams.append(
                [(number, kind, a, b) for a, b in zip([0, *ends], ends, strict=False)]
                + [(number, f"{kind} done", 0, 0)]
            )
    wire = []
    while any(streams):
        stream = draw(st.sampled_from([each for each in streams if each]))
        wire.append(stream.pop(0))
    return texts, sounds, wire


class Conversation:
    """One response with its checks, which pass when the test says so."""

    def __init__(self, mode: Literal["checked", "answer"], draw: st.DataObject) -> None:
        self.hold = HoldBack(mode)
        self.checks = OutputChecks(debounce=30)
        self.draw = draw
        self.running: list[OutputCheck] = []
        self.looked_at: dict[Part, int] = {}
        self.out: list[Outgoing] = []

    def take(self, out: list[Outgoing]) -> None:
        self.out += out

    def begin(self, check: OutputCheck | None) -> None:
        if check is not None:
            self.running.append(check)

    def pass_one(self) -> None:
        number = self.draw.draw(st.integers(0, len(self.running) - 1))
        check = self.running.pop(number)
        self.looked_at[check.part] = len(check.text)
        self.take(self.hold.passed(check))
        self.begin(self.checks.passed(check))

    def heard(self, part: Part) -> bytes:
        return b"".join(p.audio for p in self.out if isinstance(p, Play) and p.part == part)


@pytest.mark.parametrize("mode", ["checked", "answer"])
@settings(max_examples=150)
@given(found=traffic(), data=st.data())
def test_no_unchecked_character_is_heard(
    mode: Literal["checked", "answer"],
    found: tuple[list[str], list[bytes], list[tuple[int, str, int, int]]],
    data: st.DataObject,
) -> None:
    texts, sounds, wire = found
    sound_format = SoundFormat("audio/pcmu", 100)
    talk = Conversation(mode, data)
    trips = data.draw(st.booleans())
    trip_at = data.draw(st.integers(0, len(wire))) if trips else None
    over = False

    def nothing_unchecked_was_heard() -> None:
        for number, text in enumerate(texts):
            part = ("item", number)
            heard = talk.heard(part)
            assert sounds[number].startswith(heard), "in order, and nothing twice"
            assert not heard or text, "sound without words"
            begun = min(len(text), -(-len(heard) * 25 // 100))  # characters
            assert begun <= talk.looked_at.get(part, 0)
            if mode == "answer" and heard:
                assert over
                assert all(
                    talk.looked_at.get(("item", n), 0) == len(t) for n, t in enumerate(texts) if t
                )

    for step, (number, kind, start, end) in enumerate(wire):
        part = ("item", number)
        if step == trip_at:
            talk.take(talk.hold.trip("r"))
            talk.checks.forget("r")
            talk.running.clear()
            before = len(talk.out)
        match kind:
            case "words":
                text = texts[number][start:end]
                talk.hold.words("r", part, text)
                talk.begin(talk.checks.delta("r", *part, text))
            case "words done":
                talk.hold.words("r", part, texts[number], whole=True)
                talk.begin(talk.checks.done("r", *part, texts[number]))
            case "sound":
                play = Play(sounds[number][start:end], part, "r")
                talk.take(talk.hold.audio(play, sound_format))
            case "sound done":
                talk.take(talk.hold.flush("r", part))
        nothing_unchecked_was_heard()
        while talk.running and data.draw(st.booleans()):
            talk.pass_one()
            nothing_unchecked_was_heard()
    over = True
    for check in talk.checks.response_done("r"):
        talk.begin(check)
    talk.take(talk.hold.response_over("r"))
    nothing_unchecked_was_heard()
    while talk.running:
        talk.pass_one()
        nothing_unchecked_was_heard()
    assert talk.hold.held_ms == 0
    if trip_at is not None and trip_at < len(wire):
        assert talk.out[before:] == [], "after a trip nothing goes out"
        return
    for number, text in enumerate(texts):
        assert talk.heard(("item", number)) == (sounds[number] if text else b"")
    ends = [each.part for each in talk.out if isinstance(each, SoundEnd)]
    assert len(ends) == len(set(ends))


# -- what nobody checks, and what has no end ------------------------------------------------------


@pytest.mark.parametrize("mode", ["checked", "answer"])
def test_sound_that_nobody_checks_goes_out_at_once(mode: Literal["checked", "answer"]) -> None:
    asked: list[str] = []

    def is_checked(response_id: str) -> bool:
        asked.append(response_id)
        return response_id == "r"

    hold = HoldBack(mode, is_checked=is_checked)
    assert sizes(hold.audio(sound(480, response_id="other"), PCM)) == [480]
    assert sizes(hold.audio(sound(480, response_id="other"), PCM)) == [480]
    assert hold.response_over("other") == [], "and needs no words"
    assert sizes(hold.audio(sound(480), PCM)) == []
    assert asked == ["other", "r"]


def test_of_what_goes_out_at_once_no_part_is_kept() -> None:
    hold = HoldBack(None)
    assert not hold.is_out("r")
    for n in range(100):
        assert sizes(hold.audio(sound(480, (f"item{n}", 0)), PCM)) == [480]
        assert hold.flush("r", (f"item{n}", 0)) == [SoundEnd("r", (f"item{n}", 0))]
    assert hold.is_out("r")
    assert hold.trip("r") == []
    assert hold.audio(sound(480), PCM) == []


def test_it_waits_for_what_is_held_before_it() -> None:
    hold = HoldBack("checked", is_checked=lambda response_id: response_id == "r")
    hold.words("r", A, "Hello")
    hold.audio(sound(480, A), PCM)
    assert hold.audio(sound(240, B, "other"), PCM) == []
    assert hold.flush("other", B) == []
    assert sizes(hold.passed(passing("Hello", A, final=True))) == [480, 240]
    assert not hold.is_out("other")


def test_it_may_be_held_all_the_same() -> None:
    hold = HoldBack("checked", is_checked=lambda _: False)
    hold.hold("r")
    assert sizes(hold.audio(sound(480), PCM)) == []
    assert sizes(hold.free("r")) == [480]


def test_at_the_end_goes_what_is_not_over() -> None:
    hold = with_words()
    hold.audio(sound(4800), PCM)
    hold.words("over", B, "Hello")
    hold.audio(sound(480, B, "over"), PCM)
    hold.response_over("over")
    assert hold.ended() == [Dropped("r", PART, 100, 0)]
    assert hold.audio(sound(480), PCM) == []
    assert sizes(hold.passed(passing("Hello", B, "over", final=True))) == [480]
    assert hold.ended() == []
