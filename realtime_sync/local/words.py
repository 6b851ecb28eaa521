"""The words of a text."""

from __future__ import annotations

import re

__all__ = ["split_words"]

# It begins at a letter: with spaces in front, a long run of them would be tried from each one.
_WORD = re.compile(r"\S+\s*")


def split_words(text: str) -> list[str]:
    """Return the words of ``text`` with their spacing; together they are the text.

    A text of nothing but spaces has no words.
    """
    words = _WORD.findall(text)
    if words:
        words[0] = text[: len(text) - len(text.lstrip())] + words[0]
    return words
