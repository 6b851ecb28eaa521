"""Text into portions for a voice engine, and its sound into pieces that know their words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..engines import SpeechChunk

__all__ = ["OUTPUT_HZ", "cut", "levelled", "longest_s", "portions"]

OUTPUT_HZ = 24_000
_PIECE_BYTES = OUTPUT_HZ // 5 * 2  # 200 ms

_LEVEL = 10 ** (-20 / 20)  # RMS of the spoken parts, full scale = 1
_PEAK = 0.95
_AUDIBLE = 1e-3

# An engine speaks a portion in one go; shorter ones give the first sound earlier and let other
# texts have their turn, but each end of a portion costs the melody of the sentence.
_PORTION_CHARS = 300
_CHARS_PER_S = 15  # 150 words a minute, which is normal speech

# Escaped: curly quotes behind the stop, and the stops of Chinese and Japanese.
_SENTENCE_END = re.compile("[.!?\u2026][\"'\u201d\u2019)\\]]*\\s+|\\n\\s*|[\u3002\uff01\uff1f]")
_CLAUSE_END = re.compile("[,;:\u2014\u2013]\\s+")
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\S+\s*")


def portions(text: str) -> Iterator[str]:
    """Split ``text`` at sentence ends, and long sentences at clauses, words or anywhere."""
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield from _short_enough(text[start : match.end()])
        start = match.end()
    yield from _short_enough(text[start:])


def longest_s(text: str) -> float:
    """Return about how long the longest portion of ``text`` sounds, in seconds, at most 20."""
    return min(len(text), _PORTION_CHARS) / _CHARS_PER_S


def _short_enough(sentence: str) -> Iterator[str]:
    start = 0
    while len(sentence) - start > _PORTION_CHARS:
        limit = end = start + _PORTION_CHARS
        for pattern in (_CLAUSE_END, _SPACE):
            ends = [match.end() for match in pattern.finditer(sentence, start, limit)]
            if ends:
                end = ends[-1]
                break
        yield sentence[start:end]
        start = end
    if start < len(sentence):
        yield sentence[start:]


def cut(pcm: bytes, text: str, marks: Sequence[tuple[int, int]]) -> Iterator[SpeechChunk]:
    """Cut the speech of one portion into pieces with the words that begin in each.

    Args:
        pcm: int16 mono, 24 kHz.
        text: what ``pcm`` says.
        marks: ``(character, millisecond)`` where the engine began to speak something, in order.

    Yields:
        Pieces of at most 200 ms; one without sound if ``pcm`` is empty but ``text`` is not.
    """
    words = _timed_words(text, marks)
    done = 0
    for start in range(0, len(pcm), _PIECE_BYTES):
        end = start + _PIECE_BYTES
        end_ms = end * 1000 // (OUTPUT_HZ * 2)
        begun = done
        while done < len(words) and (words[done][1] < end_ms or end >= len(pcm)):
            done += 1
        yield SpeechChunk(pcm[start:end], "".join(word for word, _ in words[begun:done]))
    if not pcm and text:
        yield SpeechChunk(b"", text)


def _timed_words(text: str, marks: Sequence[tuple[int, int]]) -> list[tuple[str, int]]:
    """Return the words with their spacing and the millisecond in which each begins."""
    words: list[tuple[str, int]] = []
    queue = list(marks)
    begins_ms = 0
    leading = len(text) - len(text.lstrip())
    for match in _WORD.finditer(text, leading):
        while queue and queue[0][0] < match.start():
            queue.pop(0)
        if queue and queue[0][0] < match.end():
            begins_ms = max(begins_ms, queue[0][1])
        # Else the engine says nothing for it (a dash, an emoji): it comes with the word before.
        words.append((match.group(), begins_ms))
    if leading:
        first, first_ms = words[0] if words else ("", 0)
        words[:1] = [(text[:leading] + first, first_ms)]
    return words


def levelled(samples: NDArray[np.int16]) -> NDArray[np.int16]:
    """Return ``samples`` with the spoken parts at the common level, without clipping a peak."""
    sound = samples.astype(np.float32) / 32768
    spoken = sound[np.abs(sound) > _AUDIBLE]
    if not spoken.size:
        return samples
    gain = _LEVEL / float(np.sqrt(np.mean(spoken**2)))
    gain = min(gain, _PEAK / float(np.max(np.abs(sound))))
    levelled: NDArray[np.int16] = np.rint(sound * gain * 32768).astype(np.int16)
    return levelled
