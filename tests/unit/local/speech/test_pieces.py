"""Portions of a text, and pieces of sound with the words that begin in them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.local.speech._pieces import cut, longest_s, portions

SECOND = bytes(48_000)
PIECE_BYTES = 9_600


def test_portions_end_with_sentences() -> None:
    assert list(portions("One. Two! “Three?” Four 3.5 five\nsix")) == [
        *("One. ", "Two! ", "“Three?” ", "Four 3.5 five\n", "six")
    ]


def test_a_long_sentence_is_split_at_clauses_words_or_anywhere() -> None:
    clauses = list(portions("some words here, " * 40))
    assert all(part.endswith(", ") for part in clauses)
    words = list(portions("word " * 200))
    assert all(part.endswith(" ") for part in words)
    assert [len(part) for part in portions("x" * 700)] == [300, 300, 100]


@given(st.text(alphabet="ab .,!?\n—。", max_size=1000))
def test_portions_lose_nothing(text: str) -> None:
    parts = list(portions(text))
    assert "".join(parts) == text
    assert all(0 < len(part) <= 300 for part in parts)


def test_how_long_the_longest_portion_sounds() -> None:
    assert longest_s("") == 0.0
    assert longest_s("x" * 150) == 10.0
    assert longest_s("x" * 300) == longest_s("x" * 90_000) == 20.0


def test_words_come_where_they_begin() -> None:
    text = " one two — three"
    marks = [(1, 0), (5, 390), (11, 400)]
    pieces = list(cut(SECOND, text, marks))
    assert [piece.text for piece in pieces] == [" one ", "two — ", "three", "", ""]
    assert b"".join(piece.pcm for piece in pieces) == SECOND


def test_words_after_the_last_sound_come_with_it() -> None:
    assert [piece.text for piece in cut(SECOND[:9000], "a b", [(0, 0), (2, 900)])] == ["a b"]
    assert [piece.text for piece in cut(b"", "...", [])] == ["..."]
    assert list(cut(b"", "", [])) == []


@given(
    st.text(alphabet="ab .\n", max_size=40),
    st.lists(st.tuples(st.integers(0, 45), st.integers(0, 1500)), max_size=12),
    st.integers(0, 24_000),
)
def test_whatever_the_engine_reports_nothing_is_lost(
    text: str, marks: list[tuple[int, int]], samples: int
) -> None:
    pieces = list(cut(bytes(2 * samples), text, sorted(marks)))
    assert "".join(piece.text for piece in pieces) == text
    assert sum(len(piece.pcm) for piece in pieces) == 2 * samples
    assert all(len(piece.pcm) <= PIECE_BYTES for piece in pieces)
