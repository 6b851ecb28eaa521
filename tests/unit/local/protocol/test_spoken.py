from __future__ import annotations

import pytest

from realtime_sync.local.protocol.spoken import SpokenWords


@pytest.mark.parametrize(
    ("time", "heard"),
    [
        (499, ""),
        (500, "One"),
        (1_499, "One"),
        (1_500, "One two"),
        (1_999, "One two"),  # the last word may have been cut
    ],
)
def test_words_have_their_times(time: int, heard: str) -> None:
    words = SpokenWords()
    words.add("One two ", 0, 1_000)
    words.add("", 1_000, 1_500)
    words.add("three.", 1_500, 2_000)
    assert words.cut(time) == heard


def test_what_was_cut_is_forgotten() -> None:
    words = SpokenWords()
    assert words.cut(1) == ""
    words.add("One two three.", 0, 1_500)
    assert words.cut(1_200) == "One two"
    assert words.cut(2_000) == "One"
