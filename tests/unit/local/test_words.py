from __future__ import annotations

import pytest

from realtime_sync.local.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("  One two\n three. ", ["  One ", "two\n ", "three. "]),
        ("One", ["One"]),
        (" \n ", []),
        ("", []),
        # Long runs of spaces: 10,000,000,000 steps, if each were tried from all of its spaces.
        (" " * 100_000, []),
        ("a" + " " * 100_000, ["a" + " " * 100_000]),
        (" " * 100_000 + "a", [" " * 100_000 + "a"]),
    ],
)
def test_split_words_are_the_text(text: str, words: list[str]) -> None:
    assert split_words(text) == words
