"""Sound of an answer that goes out only as far as its words have passed their checks. Pure.

How far that is can't be known exactly, since words and sound come apart. But nobody speaks faster
than so many characters a second: of words that have passed, their least time is free. A word more
is kept back, so that the one which is not checked yet has not begun.
"""

from __future__ import annotations

import unicodedata
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Literal

from attrs import define, field, frozen

from .._shown import shown
from ..conversation.session import SoundFormat
from ..errors import UserError
from ..voice.effects import Part, Play
from .output_checks import MOST_PARTS, OutputCheck

__all__ = ["Dropped", "HoldBack", "Outgoing", "SoundEnd", "UncheckedSound"]

_CHARS_PER_S = 25  # no voice says more, at the speed 1.0
_WIDE_CHARS_PER_S = 8  # of Chinese, Japanese and Korean, whose characters are syllables and words
_WORD_CHARS = 24  # so many of the last characters do not count: a word that may go on

_MAX_RESPONSES = 64
_MAX_BYTES = 32 * 1024 * 1024  # 11 minutes of PCM16 at 24 kHz


@frozen
class SoundEnd:
    """The sound of a part is complete, and all of it went out before."""

    response_id: str
    part: Part


@frozen
class Dropped:
    """Sound was dropped that was held back.

    Attributes:
        response_id: whose sound it was.
        part: the item and the index of its content.
        ms: how long it was, whole milliseconds.
        released_ms: how much of the part went out before; 0 if nobody can have heard any of it.
    """

    response_id: str
    part: Part
    ms: int
    released_ms: int


@frozen
class UncheckedSound(Dropped):
    """Sound was dropped because the server has not sent its words, so that nobody can check it."""


Outgoing = Play | SoundEnd | Dropped


@define(eq=False)
class _HeldResponse:
    """What is known of a response.

    Attributes:
        is_checked: guardrails look at its words.
        stopped: nothing of it goes out for now, whatever was checked.
        over: no more parts come.
        tripped: nothing of it goes out any more.
        is_out: some of it went out at once, since nothing was held.
        parts: those that have words or sound.
    """

    is_checked: bool = True
    stopped: bool = False
    over: bool = False
    tripped: bool = False
    is_out: bool = False
    parts: dict[Part, _HeldPart] = field(factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether its sound goes out as it comes."""
        return not (self.is_checked or self.stopped or self.tripped)


@define(eq=False)
class _HeldPart:
    """What is known of a part.

    Attributes:
        has_sound: some of it has come.
        bytes_per_s: of its sound.
        sample_bytes: of its sound.
        received_chars: how many characters of its words have come.
        passed_chars: how many of these have passed.
        chars_per_s: the most that are said of them.
        whole: all of its words have passed.
        released_bytes: how much of its sound went out.
        held_bytes: how much did not.
    """

    response_id: str
    part: Part
    speed: float
    has_sound: bool = False
    bytes_per_s: int = 1
    sample_bytes: int = 1
    received_chars: int = 0
    passed_chars: int = 0
    chars_per_s: int = _CHARS_PER_S
    whole: bool = False
    released_bytes: int = 0
    held_bytes: int = 0

    @property
    def is_unchecked(self) -> bool:
        """Whether there is sound without words."""
        return self.has_sound and not self.received_chars and not self.whole

    @property
    def free_bytes(self) -> int:
        """How much sound is free because its words have passed, in whole samples."""
        chars = max(0, self.passed_chars - _WORD_CHARS)
        hz = self.bytes_per_s // self.sample_bytes
        return int(chars * hz / (self.chars_per_s * self.speed)) * self.sample_bytes

    def ms(self, size: int) -> int:
        """Return how long so many bytes of its sound are."""
        return size * 1000 // self.bytes_per_s


class HoldBack:
    """Holds the sound of answers back until their words have passed.

    What comes in goes out in the same order, over all parts and responses: sound whose words have
    passed waits for what came before it.

    Args:
        mode: ``"checked"``: of a part with K characters that have passed, no more goes out than
            the first ``max(0, K - 24) / (r * max(1, speed))`` seconds, where r is 25, or 8 if more
            than half of the characters are wide; all of it when its final check has passed.
            ``"answer"``: nothing until the response is over and the final checks of all of its
            parts have passed. None: everything goes out, except for what `hold` holds.
        speed: of the voice, as the session has it.
        is_checked: whether guardrails look at the words of a response; asked once for each. Sound
            of others goes out as if ``mode`` were None.

    Attributes:
        speed: set it before a response begins whose voice has another one.

    Every method that may set sound free returns what is to be done now, in order. More than 32 MiB
    are not held: what comes then is dropped. Nor is anything known of more than 64 responses: the
    oldest is dropped.

    Raises:
        UserError: there is no such mode.

    Threads: one at a time.

    Example:
        >>> hold = HoldBack("checked")
        >>> hold.words("resp_1", ("item_1", 0), "What nobody has looked at, nobody is to hear.")
        >>> sound = Play(bytes(96_000), ("item_1", 0), "resp_1")
        >>> hold.audio(sound, SoundFormat("audio/pcm", 24_000)), hold.held_ms
        ([], 2000)
        >>> check = OutputCheck("resp_1", ("item_1", 0), "What nobody has looked at,")
        >>> [len(play.audio) for play in hold.passed(check)], hold.held_ms
        ([3840], 1920)
    """

    def __init__(
        self,
        mode: Literal["checked", "answer"] | None,
        *,
        speed: float = 1.0,
        is_checked: Callable[[str], bool] = lambda _: True,
    ) -> None:
        if mode not in ("checked", "answer", None):
            raise UserError(f"hold_back={shown(mode)} is unknown; use 'checked', 'answer' or None")
        self.speed = speed
        self._mode = mode
        self._is_checked = is_checked
        self._responses: dict[str, _HeldResponse] = {}
        # In the order of the wire: pieces of sound, and None where that of a part is complete.
        self._queue: deque[tuple[_HeldPart, bytes | None]] = deque()
        self._held_bytes = 0

    @property
    def held_ms(self) -> int:
        """How much sound is held back now, in whole milliseconds of each part."""
        parts = {id(part): part for part, _ in self._queue}.values()
        return sum(part.ms(part.held_bytes) for part in parts)

    # -- what comes ------------------------------------------------------------------------------

    def words(self, response_id: str, part: Part, text: str, *, whole: bool = False) -> None:
        """Take words of a part, before their check.

        Args:
            response_id: whose they are.
            part: the item and the index of its content.
            text: the words.
            whole: they are all words of the part, not further ones.
        """
        held = self._part(response_id, part)
        if held is None or not text:
            return
        held.received_chars = len(text) if whole else held.received_chars + len(text)
        held.whole = held.whole and held.passed_chars >= held.received_chars

    def audio(self, play: Play, format: SoundFormat) -> list[Outgoing]:
        """Take sound; return what goes out now.

        Args:
            play: the sound, as it came.
            format: of the session's output at this moment.
        """
        size = len(play.audio)
        if not size:
            return []
        response = self._response(play.response_id)
        if response.is_open and not self._queue:
            response.is_out = True
            return [play]
        held = self._part(play.response_id, play.part)
        if held is None:
            return []
        held.has_sound = True
        held.bytes_per_s = format.bytes_per_s
        held.sample_bytes = 2 if format.is_pcm else 1
        if self._held_bytes + size > _MAX_BYTES:
            return [
                Dropped(held.response_id, held.part, held.ms(size), held.ms(held.released_bytes))
            ]
        held.held_bytes += size
        self._held_bytes += size
        self._queue.append((held, play.audio))
        return [*self._drop_unchecked(play.response_id), *self._release()]

    def lets_through(self, response_id: str) -> bool:
        """Return whether further sound of a response goes out as it comes."""
        response = self._responses.get(response_id)
        return response is not None and response.is_out and response.is_open and not self._queue

    def flush(self, response_id: str, part: Part) -> list[Outgoing]:
        """Take that the sound of a part is complete; return what goes out now."""
        if self._response(response_id).is_open and not self._queue:
            return [SoundEnd(response_id, part)]
        held = self._part(response_id, part)
        if held is None:
            return []
        self._queue.append((held, None))
        return self._release()

    def response_over(self, response_id: str) -> list[Outgoing]:
        """Take that no more comes of a response; return what goes out now.

        Sound without words will have none any more: it is dropped, and told as `UncheckedSound`.
        """
        self._response(response_id).over = True
        return [*self._drop_unchecked(response_id), *self._release()]

    # -- what was decided ------------------------------------------------------------------------

    def passed(self, check: OutputCheck) -> list[Outgoing]:
        """Take that words have passed; return what goes out now."""
        held = self._part(check.response_id, check.part)
        if held is None:
            return []
        held.passed_chars = max(held.passed_chars, len(check.text))
        held.chars_per_s = _WIDE_CHARS_PER_S if _is_mainly_wide(check.text) else _CHARS_PER_S
        held.whole = check.final and len(check.text) >= held.received_chars
        return self._release()

    def hold(self, response_id: str) -> None:
        """Let nothing of a response go out until `free`, whatever of its words has passed."""
        self._response(response_id).stopped = True

    def free(self, response_id: str) -> list[Outgoing]:
        """End what `hold` began; return what goes out now."""
        self._response(response_id).stopped = False
        return self._release()

    def trip(self, response_id: str) -> list[Outgoing]:
        """Drop a response, and whatever comes of it later; return what goes out now.

        Each of its parts that has sound is told as `Dropped`, also one that went out completely;
        but for what nobody has held, of which only `is_out` tells.
        """
        response = self._response(response_id)
        if response.tripped:
            return []
        response.tripped = True
        return [*self._drop(p for p in response.parts.values() if p.has_sound), *self._release()]

    def ended(self) -> list[Outgoing]:
        """Take that nothing more comes at all: the responses that are not over are dropped."""
        running = [key for key, response in self._responses.items() if not response.over]
        return [each for response_id in running for each in self.trip(response_id)]

    def is_out(self, response_id: str) -> bool:
        """Return whether some of a response went out as it came, since nothing was held."""
        return self._response(response_id).is_out

    def clear(self, parts: Collection[Part] | None = None) -> list[Outgoing]:
        """Drop what is held of some parts, or of all; return what goes out now.

        What comes of them later is held as before.
        """
        held = {id(p): p for p, _ in self._queue if parts is None or p.part in parts}
        return [*self._drop(held.values()), *self._release()]

    # -- inside ----------------------------------------------------------------------------------

    def _response(self, response_id: str) -> _HeldResponse:
        response = self._responses.get(response_id)
        if response is None:
            while len(self._responses) >= _MAX_RESPONSES:
                oldest = self._responses.pop(next(iter(self._responses)))
                self._drop(oldest.parts.values())
            is_checked = self._mode is not None and self._is_checked(response_id)
            response = self._responses[response_id] = _HeldResponse(is_checked)
        return response

    def _part(self, response_id: str, part: Part) -> _HeldPart | None:
        """Return what is known of a part; None for one of which nothing is to go out."""
        response = self._response(response_id)
        if response.tripped:
            return None
        held = response.parts.get(part)
        if held is None and len(response.parts) < MOST_PARTS:
            held = response.parts[part] = _HeldPart(response_id, part, max(1.0, self.speed))
        return held

    def _drop_unchecked(self, response_id: str) -> list[Outgoing]:
        response = self._response(response_id)
        if not response.is_checked or not response.over:
            return []
        unchecked = [part for part in response.parts.values() if part.is_unchecked]
        return self._drop((p for p in unchecked if p.held_bytes), told_as=UncheckedSound)

    def _drop(
        self, parts: Iterable[_HeldPart], *, told_as: type[Dropped] = Dropped
    ) -> list[Outgoing]:
        gone = {id(part): part for part in parts}
        told: list[Outgoing] = []
        for part in gone.values():
            ms, released_ms = part.ms(part.held_bytes), part.ms(part.released_bytes)
            told.append(told_as(part.response_id, part.part, ms, released_ms))
            self._held_bytes -= part.held_bytes
            part.held_bytes = 0
        self._queue = deque(entry for entry in self._queue if id(entry[0]) not in gone)
        return told

    def _release(self) -> list[Outgoing]:
        out: list[Outgoing] = []
        while self._queue:
            held, audio = self._queue[0]
            if audio is None:
                self._queue.popleft()
                out.append(SoundEnd(held.response_id, held.part))
                continue
            size = self._free_now(held, len(audio))
            if not size:
                break
            out.append(Play(audio[:size], held.part, held.response_id))
            held.released_bytes += size
            held.held_bytes -= size
            self._held_bytes -= size
            if size < len(audio):
                self._queue[0] = (held, audio[size:])
                break
            self._queue.popleft()
        return out

    def _free_now(self, held: _HeldPart, size: int) -> int:
        """Return how much of the next ``size`` bytes of a part may go out."""
        response = self._responses[held.response_id]
        if response.stopped:
            return 0
        if not response.is_checked:
            return size
        if self._mode == "answer":
            parts = response.parts.values()
            passed = all(part.whole or not part.received_chars for part in parts)
            return size if response.over and passed else 0
        if held.whole:
            return size
        return max(0, min(size, held.free_bytes - held.released_bytes))


def _is_mainly_wide(text: str) -> bool:
    if text.isascii():
        return False
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return wide * 2 > len(text)
