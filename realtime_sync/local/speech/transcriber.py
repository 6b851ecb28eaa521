"""Speech recognition by pocketsphinx, whose English model comes inside its wheel."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..._installation import install_command
from ...errors import ConfigError
from ._utterance import RATE_HZ, prepare, segments
from .voice_detector import SileroDetector

__all__ = ["PocketsphinxTranscriber", "check_transcriber", "grammar_of", "make_transcriber"]

# Small enough that the process notices the end of its input while it recognises: pocketsphinx
# holds the interpreter's lock for a sixth of a block's duration.
_BLOCK_BYTES = RATE_HZ // 4 * 2

# A recogniser finds words in any noise; one frame must sound like speech.
_SPEECH = 0.5

_VARIANT = re.compile(r"\(\d+\)$")  # "read(2)": the second pronunciation

# Rejection: the logarithm of the acoustic score per frame, times 1e4, compared with the best that
# the acoustic model can do (0). Four flite voices, 120 sentences of a grammar of 30: the worst had
# -50, its worst word -91. 96 sentences outside the grammar: all but 4 (one sentence that differs
# by two sounds from one inside) were empty or below one of these.
_MIN_SCORE = -60.0
_MIN_WORD_SCORE = -100.0
_MIN_WORD_FRAMES = 9  # the score of a word as short as "a" is chance

_PUNCTUATION = re.compile(r"[.,:;!?\"]")

_NOT_TERMINAL = re.compile(
    r"//.*?$|/\*.*?\*/|\{.*?\}|/[\d.]+/|<[^>]*>|^#JSGF.*?$|\b(?:grammar|import|public)\b[^=;]*[=;]",
    re.MULTILINE | re.DOTALL,
)
_TERMINAL = re.compile(r"[^\s|()\[\]*+;=\"]+")


class PocketsphinxTranscriber:
    """Recognises English: anything at all, or the sentences of a grammar; an `engines.Transcriber`.

    Args:
        grammar: a JSGF grammar, or None for general English. With a grammar, what does not sound
            like one of its sentences gives no words.

    Raises:
        ConfigError: pocketsphinx is not installed, or the grammar is malformed or has words that
            the pronouncing dictionary lacks.
    """

    def __init__(self, grammar: str | None = None) -> None:
        decoder = _decoder_class()
        if grammar is None:
            self._decoder = decoder(samprate=RATE_HZ, loglevel="FATAL")
        else:
            # Scores of all senones, so that those of any two utterances compare.
            self._decoder = decoder(
                samprate=RATE_HZ, loglevel="FATAL", lm=None, compallsen=True, bestpath=False
            )
            _use_grammar(self._decoder, grammar)
        self._rejects = grammar is not None
        self._detector = SileroDetector()
        self._probe = decoder(samprate=RATE_HZ, loglevel="FATAL", lm=None, cmn="batch")
        _use_grammar(self._probe, grammar_of(["a"]))

    def transcribe(self, pcm: bytes, *, language: str | None, prompt: str | None) -> str:
        """Return the words of ``pcm`` in lower case, ``""`` when there are none.

        Args:
            pcm: int16 mono little-endian, 16 kHz.
            language: ``"en"``, a variety of it, or None.
            prompt: ignored, the model takes no hints.

        Raises:
            ConfigError: another language than English.
        """
        return " ".join(filter(None, self.pieces(pcm, language=language, prompt=prompt)))

    def pieces(self, pcm: bytes, *, language: str | None, prompt: str | None) -> Iterator[str]:
        """Yield the words of a few seconds after the other, ``""`` for seconds without any.

        It takes and raises the same as `transcribe`.
        """
        del prompt
        if language is not None and language.lower()[:2] != "en":
            raise ConfigError(
                f"language {language!r} is not available: the model that comes with pocketsphinx "
                "knows English only; use 'en' or leave the language out"
            )
        samples = prepare(pcm)
        if samples is not None:
            for segment in segments(samples):
                yield self._recognise(segment) if self._has_speech(segment) else ""

    def _has_speech(self, pcm: bytes) -> bool:
        self._detector.reset()
        size = self._detector.frame_bytes
        starts = range(0, len(pcm) - size + 1, size)
        return any(self._detector.probability(pcm[at : at + size]) >= _SPEECH for at in starts)

    def _recognise(self, pcm: bytes) -> str:
        # The mean of the whole utterance, which the decoder would else learn from those before.
        self._decoder.set_cmn(self._mean(pcm))
        self._decoder.start_utt()
        for start in range(0, len(pcm), _BLOCK_BYTES):
            self._decoder.process_raw(pcm[start : start + _BLOCK_BYTES])
        self._decoder.end_utt()
        found = self._decoder.hyp()
        if found is None or (self._rejects and not _fits(list(self._decoder.seg()))):
            return ""
        return _words(found.hypstr)

    def _mean(self, pcm: bytes) -> str:
        self._probe.start_utt()
        self._probe.process_raw(pcm, no_search=True, full_utt=True)
        self._probe.end_utt()
        mean: str = self._probe.get_cmn(False)
        return mean


def _decoder_class() -> Any:
    try:
        from pocketsphinx import Decoder
    except ImportError as exc:
        raise ConfigError(
            "recognising speech needs pocketsphinx, which is not installed: "
            f"{install_command('local')}"
        ) from exc
    return Decoder


def _use_grammar(decoder: Any, grammar: str) -> None:
    unknown = [word for word in _terminals(grammar) if decoder.lookup_word(word) is None]
    if unknown:
        raise ConfigError(
            f"the pronouncing dictionary lacks {', '.join(map(repr, unknown))}; write each of "
            "them as words that sound like it, in lower case: 'nineteen' for '19'"
        )
    try:
        decoder.add_jsgf_string("grammar", grammar)
        decoder.activate_search("grammar")
    except (RuntimeError, ValueError, KeyError) as exc:
        raise ConfigError(
            "the grammar is not JSGF; it must begin with '#JSGF V1.0;' and have a public rule, "
            "see https://www.w3.org/TR/jsgf/"
        ) from exc


def _terminals(grammar: str) -> list[str]:
    return sorted(set(_TERMINAL.findall(_NOT_TERMINAL.sub(" ", grammar))))


def _is_word(token: str) -> bool:
    return token[0] not in "<[+("  # <sil>, [NOISE], ++BREATH++, (NULL)


def _words(hypothesis: str) -> str:
    """Drop noise tags and the numbers of pronunciations."""
    words = (_VARIANT.sub("", token) for token in hypothesis.split() if _is_word(token))
    return " ".join(words).lower()


def _fits(parts: list[Any]) -> bool:
    """Return whether the sound is like the sentence that was found for it."""
    total = frames = 0.0
    for part in parts:
        # The binding gives scores as probabilities, which for the impossible are 0.0.
        score = 1e4 * math.log(part.ascore) if part.ascore > 0.0 else -math.inf
        duration = part.end_frame - part.start_frame + 1
        total += score
        frames += duration
        long_enough = _is_word(part.word) and duration >= _MIN_WORD_FRAMES
        if long_enough and score / duration < _MIN_WORD_SCORE:
            return False
    return total / max(frames, 1.0) >= _MIN_SCORE


def grammar_of(sentences: Iterable[str]) -> str:
    """Return the JSGF grammar of exactly these sentences, in lower case and without punctuation.

    Example:
        >>> print(grammar_of(["Stop!", "Turn (on | off) the lamp."]))
        #JSGF V1.0;
        grammar sentences;
        public <sentence> = stop | turn (on | off) the lamp ;
        <BLANKLINE>
    """
    choices = " | ".join(map(_plain, sentences))
    return f"#JSGF V1.0;\ngrammar sentences;\npublic <sentence> = {choices} ;\n"


def _plain(sentence: str) -> str:
    return _PUNCTUATION.sub(" ", sentence.lower()).strip()


def check_transcriber(spec: str) -> None:
    """See that ``spec`` names a transcriber and a grammar that can be read, without loading it.

    Raises:
        ConfigError: no such transcriber, or there is no such grammar.
    """
    _grammar_in(spec)


def make_transcriber(spec: str) -> PocketsphinxTranscriber:
    """Return the transcriber that ``spec`` names.

    Args:
        spec: ``"pocketsphinx"``; ``"pocketsphinx:FILE"`` with a JSGF grammar or one sentence
            per line in FILE; or ``"phrases:TEXT"`` with one sentence per line in the text.

    Raises:
        ConfigError: no such transcriber, its package is missing, or the grammar is wrong.
    """
    return PocketsphinxTranscriber(_grammar_in(spec))


def _grammar_in(spec: str) -> str | None:
    kind, _, argument = spec.partition(":")
    if kind == "phrases":
        return _grammar_of_lines(argument, "of phrases")
    if kind == "pocketsphinx":
        return _read_grammar(argument) if argument else None
    raise ConfigError(
        f"transcriber {spec!r} is unknown; choose 'pocketsphinx', 'pocketsphinx:GRAMMAR_FILE' or "
        "'phrases:TEXT'"
    )


def _read_grammar(path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(f"grammar {path!r} can't be read: {exc}") from exc
    if text.lstrip().startswith("#JSGF"):
        return text
    return _grammar_of_lines(text, repr(path))


def _grammar_of_lines(text: str, name: str) -> str:
    sentences = [line for line in text.splitlines() if _plain(line)]
    if not sentences:
        raise ConfigError(f"the grammar {name} is empty; write one sentence per line, or JSGF")
    return grammar_of(sentences)
