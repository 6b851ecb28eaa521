from __future__ import annotations

from realtime_sync.local.protocol.spoken import SpokenWords, split_words


def test_split_words_are_the_text() -> None:
    assert split_words("  One two\n three. ") == ["  One ", "two\n ", "three. "]


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
