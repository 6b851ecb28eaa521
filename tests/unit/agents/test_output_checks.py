"""When the words of an answer are to be checked."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents.output_checks import MOST_PARTS, OutputCheck, OutputChecks
from realtime_sync.errors import UserError

PART = ("item", 0)


class Words:
    """One part of one response."""

    def __init__(self, debounce: int = 100) -> None:
        self.checks = OutputChecks(debounce)

    def delta(self, text: str) -> OutputCheck | None:
        return self.checks.delta("r", *PART, text)

    def done(self, text: str = "") -> OutputCheck | None:
        return self.checks.done("r", *PART, text)

    def passed(self, check: OutputCheck | None) -> OutputCheck | None:
        assert check is not None
        return self.checks.passed(check)


def checked(text: str, *, final: bool = False, known: bool = False) -> OutputCheck:
    return OutputCheck("r", PART, text, final, already_passed=known)


@pytest.mark.parametrize("debounce", [0, -1, True, 1.5, None, "100"])
def test_a_debounce_that_is_no_number_is_refused(debounce: Any) -> None:
    with pytest.raises(UserError, match="debounce_text_length"):
        OutputChecks(debounce)


# -- by the number of characters -----------------------------------------------------------------


@pytest.mark.parametrize(("size", "due"), [(99, False), (100, True), (101, True)])
def test_it_is_due_when_the_threshold_is_reached(size: int, due: bool) -> None:
    words = Words()
    assert words.delta("x" * 60) is None
    check = words.delta("x" * (size - 60))
    assert check == (checked("x" * size) if due else None)


def test_it_is_due_at_each_multiple_of_the_threshold() -> None:
    words = Words(10)
    found = []
    for _ in range(35):
        if check := words.delta("x"):
            found.append(len(check.text))
            assert words.passed(check) is None
    assert found == [10, 20, 30]


def test_several_thresholds_at_once_are_one_check() -> None:
    words = Words(10)
    assert words.passed(words.delta("x" * 35)) is None
    assert words.delta("x" * 4) is None
    assert words.delta("x") == checked("x" * 40)


def test_nothing_is_no_words() -> None:
    words = Words(1)
    assert words.delta("") is None
    assert words.done() is None
    assert words.checks.response_done("r") == []


# -- by sentences --------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "due"), [(18, False), (19, True)])
def test_a_sentence_is_due_when_it_brings_enough(size: int, due: bool) -> None:
    """With its full stop it has one character more."""
    words = Words()
    assert (words.delta("x" * size) or words.delta(".")) == (
        checked("x" * size + ".") if due else None
    )


def test_what_a_sentence_brings_counts_from_the_last_check() -> None:
    words = Words()
    words.passed(words.delta("This is a long sentence. And"))
    assert words.delta(" it was so.") is None, "14 characters"
    assert words.delta(" Well: it really was.") is not None


def test_a_short_sentence_is_looked_at_with_the_next() -> None:
    words = Words()
    assert words.delta("Yes. No. ") is None
    assert words.delta("And this is one more.") is not None


@pytest.mark.parametrize(
    "end", [".", "!", "?", "...", "\u2026", '."', "?\u201d", ".)", "\u3002", "\uff01", "\uff1f"]
)
def test_ends_of_sentences(end: str) -> None:
    words = Words()
    text = "y" * 20 + end
    assert words.delta(text) == checked(text)


@pytest.mark.parametrize("text", [". Next", "! Next", "\u3002Next", '." Next', ".\nNext"])
def test_the_end_may_stand_within_a_piece(text: str) -> None:
    words = Words()
    assert words.delta("y" * 20 + text) == checked("y" * 20 + text), "all that has come"


@pytest.mark.parametrize("text", [".5 ", "y", ",", ":", ".com", " "])
def test_what_is_no_end(text: str) -> None:
    assert Words().delta("y" * 20 + text) is None


def test_the_last_end_within_a_piece_counts() -> None:
    assert Words().delta("Yes. That is so, indeed. We") is not None


# -- one at a time -------------------------------------------------------------------------------


def test_what_comes_while_a_check_runs_waits_and_the_newest_text_is_next() -> None:
    words = Words(10)
    first = words.delta("x" * 10)
    assert words.delta("x" * 10) is None
    assert words.delta("x" * 15) is None
    second = words.passed(first)
    assert second == checked("x" * 35)
    assert words.passed(second) is None, "once"
    assert words.passed(second) is None


def test_an_outcome_that_nobody_waits_for_changes_nothing() -> None:
    words = Words(10)
    running = words.delta("x" * 10)
    words.delta("x" * 10)
    assert words.passed(checked("x")) is None
    assert words.checks.passed(OutputCheck("other", PART, "x")) is None
    assert words.checks.passed(OutputCheck("r", ("other", 0), "x")) is None
    assert words.passed(running) == checked("x" * 20)


def test_whether_one_runs() -> None:
    words = Words(debounce=5)
    assert not words.checks.running
    check = words.delta("12345")
    words.delta("67890")
    assert words.checks.running
    following = words.passed(check)
    assert words.checks.running
    assert words.passed(following) is None
    assert not words.checks.running
    last = words.done("1234567890!")
    assert words.checks.running
    assert last is not None
    words.checks.tripped(last)
    assert not words.checks.running


def test_each_part_for_itself() -> None:
    checks = OutputChecks(5)
    assert checks.delta("r", "item", 0, "first") == OutputCheck("r", ("item", 0), "first")
    assert checks.delta("r", "item", 1, "other") == OutputCheck("r", ("item", 1), "other")
    assert checks.delta("r2", "item2", 0, "third") == OutputCheck("r2", ("item2", 0), "third")


# -- the final check -----------------------------------------------------------------------------


def test_it_comes_with_the_end_of_the_words() -> None:
    words = Words()
    words.delta("Hello")
    final = words.done("Hello!")
    assert final == checked("Hello!", final=True)
    assert words.done("Hello!") is None, "once"
    assert words.checks.response_done("r") == []
    assert words.passed(final) is None
    assert words.done("Hello!") is None
    assert words.checks.response_done("r") == []


def test_it_takes_what_has_come_where_the_end_says_nothing() -> None:
    words = Words()
    words.delta("Hello")
    assert words.done() == checked("Hello", final=True)


def test_words_may_come_in_one_piece() -> None:
    assert Words().done("Hello") == checked("Hello", final=True)


def test_it_comes_with_the_end_of_the_response_for_each_part_that_lacks_it() -> None:
    checks = OutputChecks()
    checks.delta("r", "a", 0, "one")
    checks.delta("r", "b", 0, "two")
    checks.delta("r", "c", 0, "three")
    checks.delta("other", "d", 0, "four")
    checks.done("r", "b", 0, "two")
    assert checks.response_done("r") == [
        OutputCheck("r", ("a", 0), "one", final=True),
        OutputCheck("r", ("c", 0), "three", final=True),
    ]
    assert checks.response_done("r") == []
    assert checks.response_done("never heard of") == []


def test_it_waits_for_the_one_that_runs() -> None:
    words = Words(10)
    running = words.delta("x" * 10)
    assert words.done("x" * 12) is None
    assert words.checks.response_done("r") == []
    final = words.passed(running)
    assert final == checked("x" * 12, final=True)
    assert words.passed(final) is None


def test_the_same_text_is_not_looked_at_twice() -> None:
    words = Words(10)
    words.passed(words.delta("x" * 10))
    final = words.done("x" * 10)
    assert final == checked("x" * 10, final=True, known=True)
    assert words.passed(final) is None


def test_nor_is_it_while_a_check_of_it_runs() -> None:
    words = Words(10)
    running = words.delta("x" * 10)
    assert words.done("x" * 10) is None
    assert words.passed(running) == checked("x" * 10, final=True, known=True)


def test_a_text_that_was_corrected_is_looked_at() -> None:
    words = Words(10)
    words.passed(words.delta("x" * 10))
    final = words.done("y" * 10)
    assert final == checked("y" * 10, final=True)
    words.passed(final)
    assert words.done("z" * 10) == checked("z" * 10, final=True), "also when it comes late"


def test_words_that_come_after_the_end_have_an_end_of_their_own() -> None:
    words = Words()
    final = words.done("Hello.")
    assert words.delta(" You!") is None
    assert words.passed(final) is None
    assert words.checks.response_done("r") == [checked("Hello. You!", final=True)]


def test_a_check_of_such_words_is_not_the_final_one() -> None:
    words = Words(10)
    words.passed(words.done("Hello."))
    assert words.delta(" You!") == checked("Hello. You!")


# -- after a trip, and memory --------------------------------------------------------------------


def test_one_trip_of_a_response_counts() -> None:
    checks = OutputChecks(5)
    first = checks.delta("r", "a", 0, "12345")
    second = checks.delta("r", "b", 0, "12345")
    assert first is not None
    assert second is not None
    assert checks.tripped(first)
    assert not checks.tripped(second)


@pytest.mark.parametrize("how", ["tripped", "forget"])
def test_of_a_response_that_is_over_for_us_no_more_is_checked(how: str) -> None:
    words = Words(10)
    running = words.delta("x" * 10)
    assert running is not None
    words.delta("x" * 10)
    words.checks.tripped(running) if how == "tripped" else words.checks.forget("r")
    assert words.passed(running) is None
    assert words.delta("x" * 10) is None
    assert words.checks.delta("r", "item2", 0, "x" * 10) is None
    assert words.done("x" * 40) is None
    assert words.checks.response_done("r") == []
    assert words.checks.delta("r2", *PART, "x" * 10) is not None


def test_the_memory_is_bounded() -> None:
    checks = OutputChecks(1)
    for n in range(100):
        checks.delta(f"r{n}", "item", 0, "x")
    assert len(checks._responses) == 64
    for n in range(MOST_PARTS + 1):
        found = checks.delta("many", f"item{n}", 0, "x")
        assert (found is not None) == (n < MOST_PARTS)
