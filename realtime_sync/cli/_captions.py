"""The assistant's words in step with its voice: audio comes faster than it is heard."""

from __future__ import annotations

import math
from collections import deque

from attrs import define, field

__all__ = ["Captions"]

_SLACK_MS = 100  # the last of an item may never count as heard, for the sake of rounding


@define
class _Caption:
    """The words of one item, in step with its audio."""

    item_id: str
    response_id: str
    received_ms: float = 0
    words: list[tuple[float, str]] = field(factory=list)  # at which ms of the audio, what
    complete: bool = False

    def until(self, ms: float) -> str:
        return "".join(text for at_ms, text in self.words if at_ms <= ms).strip()


class Captions:
    """The answers that are said and not shown as a whole yet, oldest first.

    Threads:
        One at a time; whoever uses it has a lock.
    """

    def __init__(self) -> None:
        self._captions: deque[_Caption] = deque()
        self._cut: deque[str] = deque(maxlen=64)  # interrupted responses, of which more may come

    @property
    def playing(self) -> str | None:
        """The item whose answer is next to be heard to its end."""
        return self._captions[0].item_id if self._captions else None

    def add_words(self, response_id: str, item_id: str, text: str) -> None:
        """Take some words; they belong to the audio that comes next."""
        if response_id not in self._cut:
            caption = self._find(response_id, item_id)
            caption.words.append((caption.received_ms, text))

    def add_audio(self, response_id: str, item_id: str, ms: float) -> None:
        """Take the length of some audio."""
        if response_id not in self._cut:
            self._find(response_id, item_id).received_ms += ms

    def complete(self, response_id: str) -> None:
        """Note that no more comes of a response."""
        for caption in self._captions:
            caption.complete = caption.complete or caption.response_id == response_id

    def take_heard(self, item_id: str | None, heard_ms: int) -> str:
        """Return the answer that plays if it was heard to its end, and forget it.

        Args:
            item_id: its item, from `playing`.
            heard_ms: how much of it is heard by now.
        """
        if item_id is None or item_id != self.playing:
            return ""
        caption = self._captions[0]
        if not caption.complete or heard_ms < caption.received_ms - _SLACK_MS:
            return ""
        return self._captions.popleft().until(math.inf)

    def take_interrupted(self, item_id: str | None, audio_end_ms: int) -> list[str]:
        """Return what was heard of all answers when one was interrupted, and forget them.

        Args:
            item_id: the one that played, None when none did. Those before it were heard, those
                behind it were not.
            audio_end_ms: how much of it was heard.
        """
        heard = []
        for caption in self._captions:
            if caption.item_id == item_id:
                heard.append(caption.until(audio_end_ms) + " …")
                break
            if item_id is not None:
                heard.append(caption.until(math.inf))
        self._cut.extend(caption.response_id for caption in self._captions)
        self._captions.clear()
        return [text for text in heard if text]

    def take_all(self) -> list[str]:
        """Return everything, heard or not, and forget it."""
        rest = [caption.until(math.inf) for caption in self._captions]
        self._captions.clear()
        return [text for text in rest if text]

    def until(self, heard_ms: int) -> str:
        """Return what was heard of the answer that plays, after so much of its audio."""
        return self._captions[0].until(heard_ms) if self._captions else ""

    def _find(self, response_id: str, item_id: str) -> _Caption:
        for caption in self._captions:
            if caption.item_id == item_id:
                return caption
        self._captions.append(_Caption(item_id, response_id))
        return self._captions[-1]
