"""The words of a text, and which word of an answer is spoken when."""

from __future__ import annotations

import re

__all__ = ["SpokenWords", "split_words"]

_WORD = re.compile(r"\s*\S+\s*")


def split_words(text: str) -> list[str]:
    """Return the words of ``text`` with their spacing; together they are the text."""
    return _WORD.findall(text)


class SpokenWords:
    """The words of one piece of speech, each with the time at which it begins.

    Synthesis says which words begin in which chunk of sound; inside a chunk they are taken to
    be spread evenly.
    """

    def __init__(self) -> None:
        self._words: list[tuple[float, str]] = []

    def add(self, text: str, begin: float, end: float) -> None:
        """Note that the words of ``text`` begin between ``begin`` and ``end`` (any unit)."""
        words = split_words(text)
        for index, word in enumerate(words):
            self._words.append((begin + (end - begin) * index / len(words), word))

    def text_until(self, time: float) -> str:
        """Return the words that were spoken to their end before ``time``.

        A word ends where the next one begins; the last one counts as not ended, because whoever
        cuts the sound before its end has cut that word or a pause.
        """
        heard = [
            word
            for (_, word), (next_begin, _) in zip(self._words, self._words[1:], strict=False)
            if next_begin <= time
        ]
        return "".join(heard).rstrip()

    def cut(self, time: float) -> str:
        """Forget the words that were not spoken before ``time`` and return the others' text."""
        text = self.text_until(time)
        kept = sum(1 for begin, _ in self._words[1:] if begin <= time)
        self._words = self._words[:kept]
        return text
