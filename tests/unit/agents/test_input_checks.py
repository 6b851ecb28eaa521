"""What waits until the words of the user were checked."""

from __future__ import annotations

import pytest
from guards import VirtualClock

from realtime_sync.agents.input_checks import (
    AnswerTurn,
    ForbidSound,
    FreeSound,
    InputCheck,
    InputChecks,
    TurnUnchecked,
)

BEFORE = InputCheck("item", "Hello", before=True)
BESIDE = InputCheck("item", "Hello", before=False)


class Checks(InputChecks):
    """With a clock to turn by hand."""

    def __init__(self) -> None:
        self.time = VirtualClock(100.0)
        super().__init__(clock=self.time, words_s=10, check_s=5)

    def at(self, seconds: float) -> None:
        self.time.now = 100.0 + seconds


@pytest.fixture
def checks() -> Checks:
    return Checks()


# -- what is checked -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "beside", "found"),
    [
        (True, False, [BEFORE]),
        (False, True, [BESIDE]),
        (True, True, [BEFORE, BESIDE]),
        (False, False, []),
    ],
)
def test_the_words_of_a_turn_are_checked_once(
    checks: Checks, before: bool, beside: bool, found: list[InputCheck]
) -> None:
    checks.turn("item", before=before, beside=beside)
    assert checks.words("item", "Hello") == found
    assert checks.words("item", "Hello") == []
    assert checks.holds_asks is before


def test_words_of_nobodys_turn_are_not_checked(checks: Checks) -> None:
    assert checks.words("item", "Hello") == []
    assert checks.no_words("item") == []
    assert checks.passed(BEFORE) == []
    assert checks.tripped(BEFORE) == []
    assert checks.forget("item") == []


def test_a_turn_is_told_twice_and_is_one(checks: Checks) -> None:
    checks.turn("item", before=True, beside=False)
    checks.words("item", "Hello")
    checks.turn("item", before=True, beside=True)
    assert checks.words("item", "Hello") == []
    assert checks.passed(BEFORE) == [AnswerTurn()]


@pytest.mark.parametrize("text", ["", " \n"])
def test_who_says_nothing_says_nothing_bad(checks: Checks, text: str) -> None:
    checks.turn("item", before=True, beside=True)
    assert checks.answer("r")
    assert checks.words("item", text) == [AnswerTurn(), FreeSound("r")]
    assert not checks.holds_asks


# -- the answer waits ----------------------------------------------------------------------------


def test_the_answer_is_asked_for_when_the_words_have_passed(checks: Checks) -> None:
    assert not checks.holds_asks
    checks.turn("item", before=True, beside=False)
    assert checks.holds_asks
    [check] = checks.words("item", "Hello")
    assert isinstance(check, InputCheck)
    assert checks.holds_asks
    assert checks.passed(check) == [AnswerTurn()]
    assert not checks.holds_asks
    assert checks.passed(check) == [], "once"


def test_not_before_the_words_of_all_turns_have(checks: Checks) -> None:
    other = InputCheck("other", "And you", before=True)
    for check in (BEFORE, other):
        checks.turn(check.item_id, before=True, beside=False)
        checks.words(check.item_id, check.text)
    assert checks.passed(BEFORE) == []
    assert checks.holds_asks
    assert checks.passed(other) == [AnswerTurn()], "one for both"


def test_it_does_not_wait_for_the_checks_beside_it(checks: Checks) -> None:
    checks.turn("item", before=True, beside=True)
    checks.words("item", "Hello")
    assert checks.passed(BEFORE) == [AnswerTurn()]
    assert checks.passed(BEFORE) == [], "once"
    assert checks.answer("r"), "but its sound does"
    assert checks.passed(BESIDE) == [FreeSound("r")]
    assert not checks.answer("r2")


def test_checks_beside_it_ask_for_nothing(checks: Checks) -> None:
    checks.turn("item", before=False, beside=True)
    checks.words("item", "Hello")
    assert not checks.holds_asks
    assert checks.passed(BESIDE) == []


# -- its sound waits -----------------------------------------------------------------------------


def test_the_sound_of_an_answer_waits_for_the_turns_before_it(checks: Checks) -> None:
    assert not checks.answer("greeting")
    checks.turn("item", before=False, beside=True)
    assert checks.answer("r")
    checks.turn("later", before=False, beside=True)
    assert checks.answer("r2")
    checks.words("item", "Hello")
    checks.words("later", "And")
    assert checks.passed(BESIDE) == [FreeSound("r")]
    assert checks.passed(InputCheck("later", "And", before=False)) == [FreeSound("r2")]


def test_and_for_all_checks_of_a_turn(checks: Checks) -> None:
    checks.turn("item", before=True, beside=True)
    checks.words("item", "Hello")
    assert checks.answer("r"), "a response that nobody here has asked for"
    assert checks.passed(BESIDE) == []
    assert checks.passed(BEFORE) == [AnswerTurn(), FreeSound("r")]


# -- forbidden -----------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [BEFORE, BESIDE])
def test_what_answers_forbidden_words_is_not_heard(checks: Checks, check: InputCheck) -> None:
    assert not checks.answer("r0")
    checks.turn("item", before=True, beside=True)
    checks.answer("r1")
    checks.answer("r2")
    checks.words("item", "Hello")
    assert checks.tripped(check) == [ForbidSound("r1"), ForbidSound("r2")]
    assert not checks.holds_asks
    assert checks.tripped(check) == [], "once"
    assert checks.passed(BEFORE) == []
    assert checks.passed(BESIDE) == []
    assert checks.next_expiry_s is None


def test_what_is_forbidden_once_is_not_forbidden_again(checks: Checks) -> None:
    checks.turn("item", before=False, beside=True)
    checks.turn("later", before=False, beside=True)
    checks.answer("r")
    checks.words("item", "Hello")
    assert checks.tripped(BESIDE) == [ForbidSound("r")]
    assert checks.no_words("later") == [TurnUnchecked("later", "transcription_failed")]


def test_an_earlier_turn_is_answered_when_a_later_one_is_forbidden(checks: Checks) -> None:
    later = InputCheck("later", "And", before=True)
    for check in (BEFORE, later):
        checks.turn(check.item_id, before=True, beside=False)
        checks.words(check.item_id, check.text)
    assert checks.passed(BEFORE) == []
    assert checks.tripped(later) == [AnswerTurn()]


def test_a_turn_without_a_transcription_is_forbidden(checks: Checks) -> None:
    checks.turn("item", before=True, beside=True)
    checks.answer("r")
    failed = TurnUnchecked("item", "transcription_failed")
    assert checks.no_words("item") == [failed, ForbidSound("r")]
    assert checks.words("item", "Hello") == [], "too late"
    assert not checks.holds_asks


def test_a_failure_after_the_words_is_none(checks: Checks) -> None:
    checks.turn("item", before=True, beside=False)
    checks.words("item", "Hello")
    assert checks.no_words("item") == []
    assert checks.passed(BEFORE) == [AnswerTurn()]


# -- time ----------------------------------------------------------------------------------------


def test_a_turn_waits_so_long_for_its_words(checks: Checks) -> None:
    assert checks.next_expiry_s is None
    checks.turn("item", before=False, beside=True)
    checks.answer("r")
    assert checks.next_expiry_s == 10
    checks.at(9.75)
    assert checks.next_expiry_s == 0.25
    assert checks.expired() == []
    checks.at(10)
    assert checks.next_expiry_s == 0
    late = TurnUnchecked("item", "transcription_late")
    assert checks.expired() == [late, ForbidSound("r")]
    assert checks.expired() == []
    assert checks.next_expiry_s is None
    assert checks.words("item", "Hello") == []


def test_and_so_long_for_its_checks(checks: Checks) -> None:
    checks.turn("item", before=True, beside=True)
    checks.at(9)
    checks.words("item", "Hello")
    assert checks.next_expiry_s == 5
    checks.at(12)
    checks.passed(BEFORE)
    assert checks.next_expiry_s == 2
    checks.at(13.75)
    assert checks.expired() == []
    checks.at(15)
    assert checks.next_expiry_s == 0
    assert checks.expired() == [TurnUnchecked("item", "check_late")]
    assert checks.passed(BESIDE) == []


def test_the_first_of_several_counts(checks: Checks) -> None:
    checks.turn("item", before=True, beside=False)
    checks.at(4)
    checks.turn("later", before=True, beside=False)
    assert checks.next_expiry_s == 6
    checks.at(11)
    assert checks.expired() == [TurnUnchecked("item", "transcription_late")]
    assert checks.holds_asks
    assert checks.next_expiry_s == 3


# -- turns that were none ------------------------------------------------------------------------


def test_nothing_waits_for_a_turn_that_was_none(checks: Checks) -> None:
    checks.turn("item", before=True, beside=True)
    checks.turn("cough", before=True, beside=True)
    checks.answer("r")
    checks.words("item", "Hello")
    assert checks.passed(BEFORE) == []
    assert checks.passed(BESIDE) == []
    assert checks.forget("cough") == [AnswerTurn(), FreeSound("r")]
    assert checks.forget("cough") == []


def test_nothing_is_asked_for_a_turn_that_was_none(checks: Checks) -> None:
    checks.turn("cough", before=True, beside=False)
    assert checks.forget("cough") == []
    assert not checks.holds_asks


def test_the_memory_is_bounded(checks: Checks) -> None:
    for n in range(300):
        checks.turn(f"item{n}", before=True, beside=False)
        checks.answer(f"r{n}")
    assert len(checks._turns) == 256
    assert len(checks._answers) == 64


# -- turns without a name, and lost ones ---------------------------------------------------------


def test_a_turn_gets_its_name_later(checks: Checks) -> None:
    checks.turn("", before=True, beside=False)
    checks.answer("r")
    checks.name("item")
    assert not checks.waits_for("")
    assert checks.waits_for("item")
    assert checks.words("item", "Hello") == [BEFORE]
    assert checks.passed(BEFORE) == [AnswerTurn(), FreeSound("r")]
    assert not checks.waits_for("item")


def test_a_name_for_no_turn_is_none(checks: Checks) -> None:
    checks.name("item")
    assert not checks.waits_for("item")


def test_a_turn_that_has_a_name_keeps_what_it_has(checks: Checks) -> None:
    checks.turn("item", before=True, beside=False)
    checks.words("item", "Hello")
    checks.turn("", before=True, beside=False)
    checks.name("item")
    assert checks.words("item", "Hello") == []
    assert checks.passed(BEFORE) == [AnswerTurn()]


def test_with_the_link_go_the_turns_without_words(checks: Checks) -> None:
    checks.turn("item", before=True, beside=False)
    checks.words("item", "Hello")
    checks.answer("r1")
    checks.turn("lost", before=True, beside=True)
    checks.answer("r2")
    assert checks.link_lost() == [ForbidSound("r2")]
    assert not checks.waits_for("lost")
    assert checks.passed(BEFORE) == [AnswerTurn(), FreeSound("r1")]
    assert checks.link_lost() == []
