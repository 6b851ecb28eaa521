"""Which word of an answer is spoken when."""

from __future__ import annotations

from bisect import bisect_right

from ..words import split_words

__all__ = ["SpokenWords"]


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

    def cut(self, time: float) -> str:
        """Forget the words that were not spoken to their end before ``time``; return the rest.

        A word ends where the next one begins; the last one counts as not ended, because whoever
        cuts the sound before its end has cut that word or a pause.
        """
        del self._words[bisect_right(self._words, time, lo=1, key=_begin) - 1 :]
        return "".join(word for _, word in self._words).rstrip()


def _begin(word: tuple[float, str]) -> float:
    return word[0]
