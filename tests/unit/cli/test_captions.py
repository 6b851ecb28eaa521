"""Words in step with the voice that says them."""

from __future__ import annotations

import pytest

from realtime_sync.cli._captions import Captions

SECOND = 1000


@pytest.fixture
def captions() -> Captions:
    """One item of two seconds, and another that follows it."""
    captions = Captions()
    for word in ("Once ", "upon "):
        captions.add_words("r1", "a", word)
        captions.add_audio("r1", "a", SECOND)
    captions.add_words("r1", "b", "a time")
    captions.add_audio("r1", "b", SECOND)
    return captions


def test_words_appear_when_they_are_heard(captions: Captions) -> None:
    assert captions.playing == "a"
    assert [captions.until(ms) for ms in (0, 999, 1000)] == ["Once", "Once", "Once upon"]


def test_an_answer_is_over_when_it_is_complete_and_heard(captions: Captions) -> None:
    assert captions.take_heard("a", 2000) == ""
    captions.complete("r1")
    assert captions.take_heard("a", 1500) == ""
    assert captions.take_heard("b", 1000) == ""
    assert captions.take_heard("a", 1999) == "Once upon"
    assert captions.take_heard(captions.playing, 1000) == "a time"
    assert captions.playing is None
    assert captions.take_heard(None, 0) == captions.until(0) == ""


def test_text_without_audio_is_over_when_it_is_complete() -> None:
    captions = Captions()
    captions.add_words("r1", "a", "Hello")
    captions.complete("r1")
    assert captions.take_heard("a", 0) == "Hello"


@pytest.mark.parametrize(
    ("item_id", "ms", "heard"),
    [
        ("a", 500, ["Once …"]),
        ("b", 10, ["Once upon", "a time …"]),
        (None, 0, []),
    ],
)
def test_an_interruption_leaves_what_was_heard(
    captions: Captions, item_id: str | None, ms: int, heard: list[str]
) -> None:
    assert captions.take_interrupted(item_id, ms) == heard
    captions.add_words("r1", "b", "late")
    captions.add_audio("r1", "b", SECOND)
    assert captions.take_all() == []
    captions.add_words("r2", "c", "All right.")
    assert captions.take_all() == ["All right."]
