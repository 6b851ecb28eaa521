"""Words in step with the voice that says them."""

from __future__ import annotations

import pytest

from realtime_sync.cli._answers import Answers

SECOND = 48000


@pytest.fixture
def answers() -> Answers:
    """One item of two seconds, and another that follows it."""
    answers = Answers()
    for word in ("Once ", "upon "):
        answers.add_words("r1", "a", word)
        answers.add_audio("r1", "a", SECOND)
    answers.add_words("r1", "b", "a time")
    answers.add_audio("r1", "b", SECOND)
    return answers


def test_words_appear_when_they_are_heard(answers: Answers) -> None:
    assert answers.playing == "a"
    assert [answers.until(ms) for ms in (0, 999, 1000)] == ["Once", "Once", "Once upon"]


def test_an_answer_is_over_when_it_is_complete_and_heard(answers: Answers) -> None:
    assert answers.take_heard("a", 2000) == ""
    answers.complete("r1")
    assert answers.take_heard("a", 1500) == ""
    assert answers.take_heard("b", 1000) == ""
    assert answers.take_heard("a", 1999) == "Once upon"
    assert answers.take_heard(answers.playing, 1000) == "a time"
    assert answers.playing is None
    assert answers.take_heard(None, 0) == answers.until(0) == ""


def test_text_without_audio_is_over_when_it_is_complete() -> None:
    answers = Answers()
    answers.add_words("r1", "a", "Hello")
    answers.complete("r1")
    assert answers.take_heard("a", 0) == "Hello"


@pytest.mark.parametrize(
    ("item_id", "ms", "heard"),
    [
        ("a", 500, ["Once …"]),
        ("b", 10, ["Once upon", "a time …"]),
        (None, 0, []),
    ],
)
def test_an_interruption_leaves_what_was_heard(
    answers: Answers, item_id: str | None, ms: int, heard: list[str]
) -> None:
    assert answers.take_interrupted(item_id, ms) == heard
    answers.add_words("r1", "b", "late")
    answers.add_audio("r1", "b", SECOND)
    assert answers.take_all() == []
    answers.add_words("r2", "c", "All right.")
    assert answers.take_all() == ["All right."]
