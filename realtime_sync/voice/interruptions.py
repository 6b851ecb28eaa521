"""What interrupts an answer: the options, and the verdict on what the user says meanwhile."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal

from attrs import define, field, frozen

from .._deadline import LONGEST_S
from .._required import is_number, is_whole, require_flag
from .._shown import shown
from .._types import JsonDict
from ..errors import ConfigError
from ..events.wire_values import as_number

__all__ = ["BACKCHANNELS", "Interruptions", "Verdict", "Verdicts"]

BACKCHANNELS = (
    "mhm", "mm", "mm-hmm", "mmm", "hm", "hmm", "uh", "uh-huh", "um", "ah", "aha", "oh", "yeah",
    "yes", "yep", "ok", "okay", "right", "sure", "i see", "got it",
    "угу", "ага", "хм", "мм", "да", "ясно", "понятно",  # noqa: RUF001 - Cyrillic on purpose
)  # fmt: skip
"""What people say to show that they listen, without wanting the word.

>>> Interruptions(resume=True, backchannels=[*BACKCHANNELS, "genau"]).by_words
True
"""

Verdict = Literal["open", "real", "false"]

# The longest silence for which a semantic detector waits, by its eagerness.
# Source: the provider's guide to voice activity detection.
_SEMANTIC_MS = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}
# What a server detector has where the session does not tell.
_PADDING_MS = 300
_SILENCE_MS = 500


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\w+", text.casefold()))


def _to_phrases(words: Collection[str] | None) -> frozenset[tuple[str, ...]] | None:
    if words is None:
        return None
    is_list = isinstance(words, Iterable) and not isinstance(words, str)
    if not is_list or not all(isinstance(word, str) for word in words):
        raise ConfigError(
            f"backchannels={shown(words)} is no list of texts; give e.g. ['mhm', 'uh-huh'], or "
            "None to judge by length alone"
        )
    return frozenset(filter(None, map(_words, words)))


@frozen(kw_only=True)
class Interruptions:
    """When what the user says interrupts the answer that is playing or under way.

    With these rules the loop decides, and not the server: it switches ``interrupt_response`` and
    ``create_response`` of the session's turn detection off, and asks for the answer to each turn
    itself.

    Args:
        min_ms: the sink plays on until the user has spoken for so long; a shorter turn is
            answered when the answer before it is over. A detector tells that a turn is over only
            after its silence (a server's ``silence_duration_ms``, 500 ms by default), which counts
            as spoken until then: what is to let a cough pass is longer than that.
            Milliseconds, 0 or more.
        resume: the sink pauses as soon as the user speaks. If that was a cough, or no more than
            one of ``backchannels``, it goes on where it stopped, and the turn is deleted from the
            conversation; else the answer is interrupted.
        backchannels: the words that interrupt nothing, in any case and without punctuation. They
            need a session that writes down what the user says (``audio.input.transcription``).
            None judges by length alone.
        max_backchannel_ms: who speaks longer wants the word. While they speak, the detector's
            silence is added, since it may be running already. Milliseconds, 0 or more.
        verdict_s: how long after the end of a turn its words are waited for; then its length
            decides. Seconds, more than 0.

    Raises:
        ConfigError: an option is out of its range, or ``min_ms`` and ``resume`` at once.

    Example:
        >>> Interruptions(resume=True, max_backchannel_ms=800).max_backchannel_ms
        800
    """

    min_ms: int = 0
    resume: bool = False
    backchannels: Collection[str] | None = BACKCHANNELS
    max_backchannel_ms: int = 1000
    verdict_s: float = 1.5
    phrases: frozenset[tuple[str, ...]] | None = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        for name in ("min_ms", "max_backchannel_ms"):
            value = getattr(self, name)
            if not is_whole(value):
                raise ConfigError(
                    f"{name}={shown(value)} is no length; give milliseconds, 0 or more"
                )
        seconds = self.verdict_s
        if not is_number(seconds, 0, LONGEST_S) or not seconds:
            raise ConfigError(f"verdict_s={shown(seconds)} is no time; give seconds, more than 0")
        require_flag(self.resume, "resume", error=ConfigError)
        if self.min_ms and self.resume:
            raise ConfigError(
                "min_ms and resume exclude one another: with resume the sink pauses at once; "
                "leave min_ms out, and set max_backchannel_ms"
            )
        # The one way to set an attribute of a frozen value while it is made.
        object.__setattr__(self, "phrases", _to_phrases(self.backchannels))

    @property
    def by_words(self) -> bool:
        """Whether it takes the user's words to decide."""
        return self.resume and self.phrases is not None

    def check_transcription(self, transcription: JsonDict | None) -> None:
        """Take how a session writes down what the user says; None when it does not.

        Raises:
            ConfigError: it takes the user's words to decide.
        """
        if self.by_words and transcription is None:
            raise ConfigError(
                "these interruptions are judged by the user's words, and the session does not "
                "have them written down: set audio.input.transcription to {'model': …}, or "
                "judge by length alone with Interruptions(resume=True, backchannels=None)"
            )


@define
class _Utterance:
    """What the user says from one ``speech_started`` to its ``speech_stopped``.

    Attributes:
        item_id: of the item that it becomes; ``""`` where that is not known.
        began_at: when that was told, on the clock.
        began_ms: where it begins in the audio, as the server counts it, without the padding.
        stopped_at: when its end was told.
        length_ms: how long it was, once it has stopped; None where that can't be known.
        words: as far as they are written down.
        written: these are all.
        failed: they will not be known.
    """

    item_id: str
    began_at: float
    began_ms: float | None
    stopped_at: float | None = None
    length_ms: float | None = None
    words: str = ""
    written: bool = False
    failed: bool = False


class Verdicts:
    """Decides whether what the user says while the sink pauses is a real interruption.

    In doubt it is. One real utterance makes all of them real; all are false only when nobody
    speaks any more.

    Args:
        rule: the options.
        clock: seconds, monotonic.

    Threads: one at a time.
    """

    def __init__(self, rule: Interruptions, *, clock: Callable[[], float]) -> None:
        self._rule = rule
        self._clock = clock
        self._silence_ms: float = _SILENCE_MS
        self._padding_ms: float = _PADDING_MS
        self._is_semantic = False
        self._utterances: list[_Utterance] = []

    def follow(self, detection: Mapping[str, Any]) -> None:
        """Take how the server detects turns: how much silence is counted to each of them."""
        self._is_semantic = detection.get("type") == "semantic_vad"
        if self._is_semantic:
            self._silence_ms = _SEMANTIC_MS.get(str(detection.get("eagerness")), 4000)
            self._padding_ms = 0
            return
        silence, padding = (
            as_number(detection.get(name)) for name in ("silence_duration_ms", "prefix_padding_ms")
        )
        self._silence_ms = _SILENCE_MS if silence is None else silence
        self._padding_ms = _PADDING_MS if padding is None else padding

    def found_here(self, silence_ms: float) -> None:
        """Take that turns are found on this machine.

        Args:
            silence_ms: for how long the detector waits until it calls a turn over.
        """
        self._is_semantic = False
        self._silence_ms, self._padding_ms = silence_ms, 0

    @property
    def are_open(self) -> bool:
        """Whether a verdict is awaited."""
        return bool(self._utterances)

    @property
    def item_ids(self) -> tuple[str, ...]:
        """What the utterances without a verdict became; ``""`` for what is not known."""
        return tuple([each.item_id for each in self._utterances])

    @property
    def transcript(self) -> str:
        """What was said, as far as it is known."""
        return " ".join([each.words for each in self._utterances if each.words])

    def started(self, item_id: str, audio_ms: float | None) -> None:
        """Take that the user begins to speak.

        Args:
            item_id: of the item that it will be; ``""`` where that is not known.
            audio_ms: where in the audio, as the server tells; None where it does not.
        """
        if item_id and any(each.stopped_at is None for each in self._with(item_id)):
            return  # it was told twice
        self._utterances.append(_Utterance(item_id, self._clock(), audio_ms))

    def stopped(self, audio_ms: float | None = None, *, length_ms: float | None = None) -> None:
        """Take that the user has stopped.

        Args:
            audio_ms: as in `started`.
            length_ms: for how long they spoke, where that is known.
        """
        last = self._utterances[-1]
        last.stopped_at = self._clock()
        if length_ms is not None:
            last.length_ms = length_ms
            return
        begin, end = last.began_ms, audio_ms
        if begin is None or end is None or end < begin:
            begin, end = last.began_at * 1000 - self._padding_ms, last.stopped_at * 1000
        spoken = max(0.0, end - begin - self._padding_ms)
        if not self._is_semantic:
            last.length_ms = max(0.0, spoken - self._silence_ms)
        elif spoken <= self._rule.max_backchannel_ms:
            last.length_ms = spoken

    def committed(self, item_id: str) -> None:
        """Take which item an utterance became, where nobody knew before."""
        for each in self._utterances:
            if each.stopped_at is not None and not each.item_id:
                each.item_id = item_id
                return

    def heard(self, item_id: str, words: str) -> None:
        """Take some more words of an utterance."""
        for each in self._with(item_id):
            each.words += words

    def written(self, item_id: str, words: str) -> None:
        """Take all the words of an utterance."""
        for each in self._with(item_id):
            each.words, each.written = words.strip(), True

    def failed(self, item_id: str) -> None:
        """Take that the words of an utterance will not be known."""
        for each in self._with(item_id):
            each.failed = True

    def clear(self) -> None:
        """Begin anew, after a verdict or without one."""
        self._utterances.clear()

    def judge(self) -> Verdict:
        """Return the verdict on all that was said since the last `clear`."""
        each = [self._judge(utterance) for utterance in self._utterances]
        if "real" in each:
            return "real"
        return "false" if each and "open" not in each else "open"

    @property
    def due_at(self) -> float | None:
        """When time alone will bring a verdict, on the clock; None for never."""
        open_ones = [each for each in self._utterances if self._judge(each) == "open"]
        return min(map(self._limit_of, open_ones), default=None)

    def _with(self, item_id: str) -> list[_Utterance]:
        found = [each for each in self._utterances if each.item_id == item_id]
        # What has no name can only be meant where it is the only one.
        return found if item_id or len(found) == 1 else []

    def _limit_of(self, said: _Utterance) -> float:
        """Return when an utterance is judged at the latest, on the clock."""
        if said.stopped_at is not None:
            return said.stopped_at + self._rule.verdict_s
        # The detector's silence may be running: that is not spoken.
        return said.began_at + (self._rule.max_backchannel_ms + self._silence_ms) / 1000

    def _judge(self, said: _Utterance) -> Verdict:
        late = self._clock() >= self._limit_of(said)
        if said.stopped_at is None:
            return "real" if late or self._says_more(said.words) else "open"
        short = said.length_ms is not None and said.length_ms <= self._rule.max_backchannel_ms
        by_length: Verdict = "false" if short else "real"
        if self._rule.phrases is None:
            return by_length
        if said.written:
            if not _words(said.words):
                return "false"
            known_long = said.length_ms is not None and not short
            return "false" if self._is_listed(said.words) and not known_long else "real"
        if said.failed or late:
            return by_length
        return "real" if self._says_more(said.words) else "open"

    def _says_more(self, partial: str) -> bool:
        """Whether words of which more may come are certainly none of the list."""
        words = _words(partial)
        if self._rule.phrases is None or not words:
            return False
        known = {word for phrase in self._rule.phrases for word in phrase}
        *whole, last = words
        return not known.issuperset(whole) or not any(word.startswith(last) for word in known)

    def _is_listed(self, text: str) -> bool:
        """Whether it is one of the phrases, or several of them: "yeah, okay"."""
        words = _words(text)
        ends = {0}  # how many of the words phrases of the list can make up, from the beginning
        for end in range(1, len(words) + 1):
            if any(words[begin:end] in (self._rule.phrases or ()) for begin in ends):
                ends.add(end)
        return len(words) in ends
