"""Sentences, spoken words, and whether an utterance sounds complete."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.local.protocol.spoken import SpokenWords
from realtime_sync.local.speech.semantics import sounds_complete
from realtime_sync.local.speech.sentences import Sentences


@given(st.lists(st.text("ab .,!?\n\"'", max_size=12)))
def test_sentences_lose_nothing(deltas: list[str]) -> None:
    sentences = Sentences()
    pieces = [piece for delta in deltas for piece in sentences.add(delta)]
    whole = "".join(deltas)
    assert "".join([*pieces, *sentences.rest()]).rstrip() == whole.rstrip()
    assert sentences.rest() == []


def test_sentences_end_where_a_speaker_would_pause() -> None:
    sentences = Sentences()
    assert sentences.add("It costs 3.50 now. ") == []
    assert sentences.add("Really? Yes") == ["It costs 3.50 now. ", "Really? "]
    assert sentences.rest() == ["Yes"]
    assert sentences.add("a" * 200 + " " + "b" * 200) == ["a" * 200 + " "]
    assert [len(piece) for piece in Sentences().add("c" * 700)] == [300, 300]


def test_words_have_their_times() -> None:
    words = SpokenWords()
    words.add("One two ", 0, 1_000)
    words.add("", 1_000, 1_500)
    words.add("three.", 1_500, 2_000)
    assert words.text_until(499) == ""
    assert words.text_until(500) == "One"
    assert words.text_until(1_499) == "One"
    assert words.text_until(1_500) == "One two"
    assert words.text_until(1_999) == "One two", "the last word may have been cut"
    assert words.cut(1_600) == "One two"
    assert words.cut(1_600) == "One"


@pytest.mark.parametrize(
    ("text", "complete"),
    [
        ("what time is it", True),
        ("Stop!", True),
        ("yes", True),
        ("I would like a table for 2", True),
        ("", False),
        ("um", False),
        ("I would like to", False),
        ("what is the weather in", False),
        ("tell me about the", False),
        ("wait, because...", False),
        ("I'm", False),
    ],
)
def test_semantics(text: str, complete: bool) -> None:
    assert sounds_complete(text) is complete
