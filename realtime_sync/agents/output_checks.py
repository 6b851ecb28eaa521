"""When the words of an answer are to be checked, while they come and at their end. Pure."""

from __future__ import annotations

import re

from attrs import define, field, frozen

from .._latest import keep_latest
from .._shown import shown
from ..errors import UserError
from ..voice.effects import Part

__all__ = ["MOST_PARTS", "OutputCheck", "OutputChecks"]

MOST_PARTS = 64
"""More parts than these no response has; what a server puts into another one is not checked."""

_MAX_RESPONSES = 64
_LEAST_NEW = 20  # characters that a sentence must have brought to be checked at its end

# The end of a sentence, as far as a piece of text shows it. Wide marks need no space behind them.
_MARKS = ".!?\u2026\u0964\u061f\u06d4"
_CLOSING = "\"'\u201d\u2019\u00bb)\\]"
_WIDE_MARKS = "\u3002\uff01\uff1f\uff61"
_SENTENCE_END = re.compile(f"[{_MARKS}][{_CLOSING}]*(?=\\s|$)|[{_WIDE_MARKS}]")


@frozen
class OutputCheck:
    """Words that the guardrails are to look at.

    Attributes:
        response_id: whose words they are.
        part: the item and the index of its content.
        text: all words of the part so far, from its beginning.
        final: these are all: no more come.
        already_passed: the same text has passed before, so that nothing is to be run: take it as
            passed.
    """

    response_id: str
    part: Part
    text: str
    final: bool = False
    already_passed: bool = False


@define(eq=False)
class _PartWords:
    """The words of one part.

    Attributes:
        over: no more come.
        asked: the text of the latest check.
        asked_for_all: that check is the final one.
        running: that check has no outcome yet.
        waits: another one is due when it has.
    """

    text: str = ""
    over: bool = False
    asked: str = ""
    asked_for_all: bool = False
    running: bool = False
    waits: bool = False


@define(eq=False)
class _SpokenResponse:
    """The parts of a response; ``ended`` when none of its words is to be checked any more."""

    ended: bool = False
    parts: dict[Part, _PartWords] = field(factory=dict)


class OutputChecks:
    """Says which words of the answers are to be checked, and when.

    The words of a part are checked when their number reaches a multiple of ``debounce`` (once, if
    several are reached at once), at the end of each sentence that brings 20 new characters, and
    when they are complete. A check has the whole text so far. Of one part one check runs at a
    time; what comes meanwhile waits, and the next check has the newest text.

    Whoever runs a check says how it went, by `passed` or `tripped`. A check that was skipped counts
    as passed. What is known of the oldest is let go when there are more than 64 responses.

    Args:
        debounce: characters, at least 1.

    Raises:
        UserError: ``debounce`` is no such number.

    Threads: one at a time.

    Example:
        >>> checks = OutputChecks(debounce=10)
        >>> checks.delta("resp_1", "item_1", 0, "Hello, ")
        >>> check = checks.delta("resp_1", "item_1", 0, "dear caller")
        >>> check.text
        'Hello, dear caller'
        >>> checks.done("resp_1", "item_1", 0, "Hello, dear caller!")  # one check runs already
        >>> checks.passed(check).final
        True
    """

    def __init__(self, debounce: int = 100) -> None:
        if not isinstance(debounce, int) or isinstance(debounce, bool) or debounce < 1:
            raise UserError(
                f"debounce_text_length={shown(debounce)} is no number of characters; give 1 or more"
            )
        self._debounce = debounce
        self._responses: dict[str, _SpokenResponse] = {}

    def delta(self, response_id: str, item_id: str, index: int, text: str) -> OutputCheck | None:
        """Take more words of a part; return the check that is to begin now, if one is."""
        words = self._words(response_id, (item_id, index))
        if words is None or not text:
            return None
        before = len(words.text)
        words.text += text
        words.over = False  # some servers say of each sentence that it is done
        if not self._is_due(words, before, text):
            return None
        return self._ask(response_id, (item_id, index), words)

    def done(self, response_id: str, item_id: str, index: int, text: str) -> OutputCheck | None:
        """Take that the words of a part are complete; return the check that is to begin now.

        Args:
            response_id: as it came.
            item_id: as it came.
            index: of the part.
            text: all words; ``""`` for those that have come.
        """
        words = self._words(response_id, (item_id, index))
        if words is None:
            return None
        words.text = text or words.text
        return self._finish(response_id, (item_id, index), words)

    def response_done(self, response_id: str) -> list[OutputCheck]:
        """Take that a response is over, and so all of its words complete; return what begins."""
        response = self._responses.get(response_id)
        if response is None:
            return []
        ends = [self._finish(response_id, part, words) for part, words in response.parts.items()]
        return [check for check in ends if check is not None]

    @property
    def running(self) -> bool:
        """Whether a check has no outcome yet."""
        return any(
            words.running
            for response in self._responses.values()
            for words in response.parts.values()
        )

    def passed(self, check: OutputCheck) -> OutputCheck | None:
        """Take that a check has passed; return the one that waited for it, if one did."""
        response = self._responses.get(check.response_id)
        words = None if response is None else response.parts.get(check.part)
        if words is None or not words.running or words.asked != check.text:
            return None
        words.running = False
        return self._ask(check.response_id, check.part, words) if words.waits else None

    def tripped(self, check: OutputCheck) -> bool:
        """Take that a guardrail forbids what a check has: of its response no more is checked.

        Returns:
            Whether anything of it was still to be checked.
        """
        was_open = not self._response(check.response_id).ended
        self.forget(check.response_id)
        return was_open

    def forget(self, response_id: str) -> None:
        """Take that nobody will hear more of a response: none of its words is to be checked."""
        response = self._response(response_id)
        response.ended = True
        response.parts.clear()

    # -- inside ----------------------------------------------------------------------------------

    def _response(self, response_id: str) -> _SpokenResponse:
        response = self._responses.get(response_id)
        if response is None:
            response = self._responses[response_id] = _SpokenResponse()
            keep_latest(self._responses, _MAX_RESPONSES)
        return response

    def _words(self, response_id: str, part: Part) -> _PartWords | None:
        response = self._response(response_id)
        if response.ended:
            return None
        words = response.parts.get(part)
        if words is None and len(response.parts) < MOST_PARTS:
            words = response.parts[part] = _PartWords()
        return words

    def _is_due(self, words: _PartWords, before: int, new: str) -> bool:
        if before // self._debounce < len(words.text) // self._debounce:
            return True
        ends = [found.end() for found in _SENTENCE_END.finditer(new)]
        return bool(ends) and before + ends[-1] - len(words.asked) >= _LEAST_NEW

    def _finish(self, response_id: str, part: Part, words: _PartWords) -> OutputCheck | None:
        words.over = True
        if not words.text or (words.asked_for_all and words.asked == words.text):
            return None
        return self._ask(response_id, part, words)

    def _ask(self, response_id: str, part: Part, words: _PartWords) -> OutputCheck | None:
        if words.running:
            words.waits = True
            return None
        known = words.asked == words.text
        words.running, words.waits = True, False
        words.asked, words.asked_for_all = words.text, words.over
        return OutputCheck(response_id, part, words.text, words.over, already_passed=known)
