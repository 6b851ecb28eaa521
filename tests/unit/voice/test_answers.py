"""The answers that run or may still be playing, and what an interruption leaves of them."""

from __future__ import annotations

import pytest

from realtime_sync.conversation.session import SoundFormat
from realtime_sync.voice.answers import Answers, Cut
from realtime_sync.voice.asks import Saying

RATE = 24_000
PART, NEXT = ("a", 0), ("b", 0)


class Sound(Answers):
    """With what was heard, in ms, and a server that says which responses stand aside."""

    def __init__(self, format: SoundFormat | None = None) -> None:
        self.heard: dict[tuple[str, int], int] = {}
        super().__init__(
            is_out_of_band=lambda response_id: response_id.startswith("oob"),
            sound_format=lambda: format or SoundFormat("audio/pcm", RATE),
            sink_rate=RATE,
        )

    def played(self, part: tuple[str, int]) -> int:
        return self.heard.get(part, 0)

    def get(self, part: tuple[str, int], ms: int, response_id: str = "r") -> None:
        self.answer(response_id)
        self.received(part, response_id, ms * 48)


@pytest.fixture
def answers() -> Sound:
    return Sound()


def test_what_runs_is_awaited_until_it_is_dropped(answers: Sound) -> None:
    for response_id in ("r1", "oob", "r2"):
        answers.answer(response_id)
    assert answers.running == answers.awaited == ["r1", "r2"]
    answers.answer("r1").done = True
    assert answers.drop() == ["r2"]
    assert answers.drop() == []
    assert answers.running == ["r2"]
    assert answers.awaited == []
    assert answers.is_dropped("r2")
    assert not answers.is_dropped("r1")
    assert not answers.is_dropped("oob")
    assert not answers.is_dropped("never seen")


def test_one_without_an_id_owes_nothing(answers: Sound) -> None:
    assert answers.answer("").done
    assert answers.answer("") is not answers.answer("")
    assert answers.running == []


def test_whether_any_runs_is_asked_of_few(answers: Sound) -> None:
    for number in range(60):
        answers.answer(f"r{number}").done = True
    answers.answer("oob")
    assert not answers.any_running
    assert answers._open == {}
    answers.answer("r60")
    assert answers.any_running
    answers.answer("r60").done = True
    assert not answers.any_running


def test_one_that_is_forgotten_runs_no_more(answers: Sound) -> None:
    for number in range(200):
        answers.answer(f"r{number}")
    assert len(answers._open) == 64
    for number in range(136, 200):
        answers.answer(f"r{number}").done = True
    assert answers.running == []
    assert not answers.any_running


# -- what an interruption leaves -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("handed_ms", "done", "truncated", "deleted"),
    [
        (0, True, {}, ("a",)),
        (1, True, {PART: 1}, ()),
        (99, True, {PART: 99}, ()),
        (100, True, {}, ()),
        (100, False, {PART: 100}, ()),  # more of it was to come
        (101, True, {}, ()),
        (101, False, {PART: 100}, ()),  # the server has no more than it has sent
    ],
)
def test_an_item_is_truncated_at_what_was_handed_out(
    answers: Sound,
    handed_ms: int,
    done: bool,
    truncated: dict[tuple[str, int], int],
    deleted: tuple[str, ...],
) -> None:
    answers.get(PART, 100)
    answers.answer("r").done = done
    assert answers.cut({PART: handed_ms}) == Cut(truncated, deleted, {})
    assert answers.cut({PART: handed_ms}) == Cut({}, (), {})


def test_an_item_with_a_heard_part_is_not_deleted(answers: Sound) -> None:
    answers.get(PART, 100)
    answers.get(("a", 1), 100)
    answers.get(NEXT, 100)
    answers.answer("r").done = True
    assert answers.cut({PART: 100}) == Cut({}, ("b",), {})


def test_what_was_interrupted_is_over_when_the_server_knows_nothing_of_it(answers: Sound) -> None:
    answers.answer("r")
    answers.answer("other")
    answers.drop()
    answers.answer("next")
    answers.end_dropped()
    assert answers.running == ["next"]


def test_one_that_is_given_up_is_over_and_what_came_of_it_is_settled(answers: Sound) -> None:
    answers.get(PART, 100)
    answers.get(NEXT, 100, "other")
    assert not answers.give_up("r", lambda _: 0)
    assert answers.give_up("r", lambda part: 100 if part == PART else 0)
    assert answers.running == ["other"]
    assert answers.is_dropped("r")
    assert answers.answer("r").settled == {"a"}


def test_an_end_without_a_name_means_the_only_response_that_runs() -> None:
    answers = Answers(
        is_out_of_band=lambda key: key == "aside",
        sound_format=SoundFormat,
        sink_rate=24_000,
    )
    assert answers.only_running == ""
    answers.answer("r")
    assert answers.only_running == "r"
    answers.answer("aside")
    assert answers.only_running == "", "it may be that of the other one"
    answers.answer("r").done = True
    assert answers.only_running == "", "the conversation's is over"


def test_what_was_settled_of_an_answer_is_known(answers: Sound) -> None:
    answers.get(PART, 100)
    answers.cut({PART: 50})
    assert answers.answer("r").settled == {"a"}


@pytest.mark.parametrize(
    ("format", "size", "ms"),
    [
        (SoundFormat("audio/pcm", 24_000), 482, 10),
        (SoundFormat("audio/pcm", 44_100), 882, 10),
        (SoundFormat("audio/pcm"), 480, 10),  # as the sink has it
        (SoundFormat("audio/pcmu", 8_000), 87, 10),
    ],
)
def test_a_length_is_in_whole_milliseconds_of_the_session_s(
    format: SoundFormat, size: int, ms: int
) -> None:
    answers = Sound(format)
    answers.received(PART, "r", size)
    assert answers.cut({PART: 999}) == Cut({}, (), {})
    answers.answer("r")
    answers.received(PART, "r", size)
    assert answers.cut({PART: 999}) == Cut({PART: ms}, (), {})


def test_nobody_can_say_which_item_has_no_id(answers: Sound) -> None:
    answers.get(("", 0), 100)
    assert answers.cut({("", 0): 50}) == Cut({}, (), {})


def test_an_item_that_is_gone_is_neither_truncated_nor_deleted(answers: Sound) -> None:
    for part in (PART, ("a", 1), NEXT):
        answers.get(part, 100)
    answers.deleted("a")
    answers.get(PART, 100)
    assert answers.cut({PART: 50, NEXT: 0}) == Cut({}, ("b",), {PART: 50})


@pytest.mark.parametrize(("handed_ms", "cut"), [(0, True), (79, True), (80, False), (100, False)])
def test_what_is_cut_after_its_link_is_the_server_s_no_more(
    answers: Sound, handed_ms: int, cut: bool
) -> None:
    answers.get(PART, 100)
    answers.get(("a", 1), 100)
    answers.link_lost(answers.played)
    only_here = {PART: handed_ms} if cut else {}
    assert answers.cut({PART: handed_ms}) == Cut({}, (), only_here), "the other is said again"
    assert answers.parts == ()


# -- what sounds ---------------------------------------------------------------------------------


def test_it_sounds_until_all_but_a_rounding_was_heard(answers: Sound) -> None:
    assert not answers.sounds(answers.played)
    answers.get(PART, 100)
    for heard_ms, sounds in ((0, True), (79, True), (80, False), (100, False)):
        answers.heard[PART] = heard_ms
        assert answers.sounds(answers.played) is sounds
    answers.get(NEXT, 100)
    assert answers.sounds(answers.played)


def test_what_the_server_has_no_more_sounds_all_the_same(answers: Sound) -> None:
    answers.get(PART, 100)
    answers.deleted("a")
    assert answers.sounds(answers.played)
    answers.link_lost(answers.played)
    assert answers.sounds(answers.played)
    answers.heard[PART] = 100
    assert not answers.sounds(answers.played)


def test_one_is_protected_while_it_runs_or_sounds(answers: Sound) -> None:
    answers.answer("r").saying = Saying({}, is_protected=True)
    assert answers.are_protected(answers.played)
    answers.get(PART, 100)
    answers.answer("r").done = True
    assert answers.are_protected(answers.played)
    answers.get(NEXT, 100, "r2")
    assert answers.are_protected(answers.played), "it plays before the next one"
    answers.heard[PART] = 80
    assert not answers.are_protected(answers.played)


def test_one_that_was_interrupted_protects_nothing(answers: Sound) -> None:
    answers.answer("r").saying = Saying({}, is_protected=True)
    answers.drop()
    assert not answers.are_protected(answers.played)


# -- what was to be said ---------------------------------------------------------------------------


@pytest.fixture
def saying(answers: Sound) -> Saying:
    """Something that an answer says, with 100 ms of sound."""
    said = answers.answer("r").saying = Saying({}, is_protected=False)
    answers.answer("r").answered = True
    answers.get(PART, 100)
    return said


def test_it_is_heard_when_the_response_is_over_and_all_of_it_was_played(
    answers: Sound, saying: Saying
) -> None:
    answers.heard[PART] = 100
    assert answers.fate_of(saying, answers.played) == "under_way"
    answers.answer("r").done = True
    for heard_ms, fate in ((79, "under_way"), (80, "heard")):
        answers.heard[PART] = heard_ms
        assert answers.fate_of(saying, answers.played) == fate


def test_another_one_that_says_the_same_is_not_it(answers: Sound, saying: Saying) -> None:
    assert answers.fate_of(Saying({}, is_protected=False), answers.played) == "lost"


def test_it_is_cut_while_it_comes(answers: Sound, saying: Saying) -> None:
    answers.drop()
    assert answers.fate_of(saying, answers.played) == "cut"


@pytest.mark.parametrize(("handed_ms", "fate"), [(79, "cut"), (80, "heard")])
def test_it_is_cut_while_it_plays(
    answers: Sound, saying: Saying, handed_ms: int, fate: str
) -> None:
    answers.answer("r").done = True
    answers.cut({PART: handed_ms})
    assert answers.fate_of(saying, answers.played) == fate


def test_without_a_sound_it_is_not_heard(answers: Sound) -> None:
    said = answers.answer("r").saying = Saying({}, is_protected=False)
    assert answers.fate_of(said, answers.played) == "under_way"
    answers.answer("r").done = True
    assert answers.fate_of(said, answers.played) == "unspoken"


@pytest.mark.parametrize(("done", "fate"), [(False, "cut"), (True, "heard")])
def test_what_a_lost_link_cuts_off_is_not_heard_to_its_end(
    answers: Sound, saying: Saying, done: bool, fate: str
) -> None:
    answers.answer("r").done = done
    answers.heard[PART] = 50
    for _ in range(2):  # over the next link it stays what it is
        answers.link_lost(answers.played)
    assert answers.fate_of(saying, answers.played) == "under_way", "it plays on"
    answers.heard[PART] = 100
    assert answers.fate_of(saying, answers.played) == fate


def test_it_is_lost_where_the_server_fails(answers: Sound, saying: Saying) -> None:
    answers.answer("r").failed = answers.answer("r").done = True
    assert answers.fate_of(saying, answers.played) == "lost"


def test_of_one_that_is_said_again_the_latest_answer_counts(answers: Sound, saying: Saying) -> None:
    answers.drop()
    answers.answer("r2").saying = saying
    assert answers.fate_of(saying, answers.played) == "under_way"


# -- a lost link ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("handed_ms", "lost", "buffered"), [(None, True, False), (0, True, True), (1, False, False)]
)
def test_an_answer_is_lost_before_its_first_sample(
    answers: Sound, handed_ms: int | None, lost: bool, buffered: bool
) -> None:
    answers.answer("r")
    if handed_ms is not None:
        answers.get(PART, 100)
        answers.heard[PART] = handed_ms
    unheard, waits = answers.link_lost(answers.played)
    assert (bool(unheard), waits) == (lost, buffered)
    assert answers.running == []


def test_what_plays_before_a_lost_answer_is_not_silenced(answers: Sound) -> None:
    answers.get(PART, 100, "r1")
    answers.answer("r1").done = True
    answers.heard[PART] = 50
    answers.get(NEXT, 100, "r2")
    unheard, buffered = answers.link_lost(answers.played)
    assert (len(unheard), buffered) == (1, False)


def test_one_that_is_over_or_was_interrupted_is_not_lost(answers: Sound) -> None:
    answers.get(PART, 100, "r1")
    answers.answer("r1").done = True
    answers.answer("r2")
    answers.drop()
    answers.answer("oob")
    assert answers.link_lost(answers.played) == ([], False)


def test_a_new_link_may_use_an_item_s_name_again(answers: Sound) -> None:
    answers.get(PART, 100, "r1")
    answers.link_lost(answers.played)
    answers.get(PART, 50, "r2")
    assert answers.parts == (PART,)
    assert answers.cut({PART: 60}) == Cut({PART: 50}, (), {})


def test_a_long_conversation_keeps_a_bounded_memory(answers: Sound) -> None:
    for number in range(200):
        answers.get((f"i{number}", 0), 10, f"r{number}")
    assert len(answers.parts) == len(answers.running) == 64
    assert answers.parts[-1] == ("i199", 0)


def test_what_is_forgotten_is_still_the_servers(answers: Sound) -> None:
    answers.received(("a", 0), "r1", 480)
    answers.received(("a", 1), "r1", 480)
    answers.received(("gone", 0), "r1", 480)
    answers.received(("", 0), "r1", 480)
    answers.received(("other", 0), "r2", 480)
    answers.deleted("gone")
    assert answers.forget("r1", lambda _: False) == ("a",)
    assert answers.forget("r1", lambda _: True) == ()
    assert answers.parts == (("other", 0),)
    answers.link_lost(lambda _: 0)
    answers.received(("more", 0), "r2", 480)
    assert answers.forget("r2", lambda item_id: item_id == "other") == ("more", "other")


def test_a_response_runs_from_its_beginning_to_its_end(answers: Sound) -> None:
    assert not answers.is_running("r1")
    answers.answer("r1")
    assert answers.is_running("r1")
    answers.answer("r1").done = True
    assert not answers.is_running("r1")
    answers.answer("r2").out_of_band = True
    assert not answers.is_running("r2")
