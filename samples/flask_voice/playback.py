"""What a page was sent of the answers, and how much of it was heard.

The sound that was not heard yet is kept: a page that comes back after a reload gets it again. An
interruption is exact, because the session's tracker knows what the page has really played.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from realtime_sync.agents import RealtimePlaybackTracker

from .messages import HZ

__all__ = ["PageTracker", "Part", "Piece", "Silencing", "Unheard"]

Part = tuple[str, int]  # an item, and the part of its content

_MAX_PARTS = 64
_BYTES_PER_SAMPLE = 2


@dataclass(frozen=True)
class Piece:
    """Some sound of a part, for the page.

    Attributes:
        first: which sample of the part it begins with.
        pcm: whole samples of 16 bits.
    """

    part: Part
    response_id: str
    first: int
    pcm: bytes


class _Sent:
    """What is known of a part: its unheard rest, and at which sample that begins."""

    def __init__(self, response_id: str) -> None:
        self.response_id = response_id
        self.heard = 0
        self.rest = bytearray()
        self.half = b""  # of a sample whose other half comes with the next piece
        self.is_complete = False

    @property
    def samples(self) -> int:
        return self.heard + len(self.rest) // _BYTES_PER_SAMPLE


class Unheard:
    """The sound that went to the page and was not heard yet, part by part.

    Threads: one at a time.
    """

    def __init__(self) -> None:
        self._parts: dict[Part, _Sent] = {}
        self._closed: dict[Part, None] = {}  # the latest of which nothing more is to be heard
        self.waiting_bytes = 0

    def add(self, part: Part, response_id: str, pcm: bytes) -> Piece | None:
        """Return what goes to the page of some sound; None if it belongs to what was silenced."""
        if part in self._closed:
            return None
        if part not in self._parts:
            self._parts[part] = _Sent(response_id)
            self._forget_oldest()
        sent = self._parts[part]
        pcm = sent.half + pcm
        whole = len(pcm) // _BYTES_PER_SAMPLE * _BYTES_PER_SAMPLE
        sent.half = pcm[whole:]
        piece = Piece(part, response_id, sent.samples, pcm[:whole])
        sent.rest += piece.pcm
        self.waiting_bytes += whole
        return piece

    def complete(self, part: Part) -> bool:
        """Take that no more comes of a part; False if it is none that the page has."""
        if part in self._parts:
            self._parts[part].is_complete = True
        return part in self._parts

    def heard(self, part: Part, samples: int) -> int:
        """Take how much of a part was heard by now; return how many samples of that are news.

        A page can't have heard more than it was sent, nor less than before.
        """
        sent = self._parts.get(part)
        if sent is None:
            return 0
        new = max(0, min(samples, sent.samples) - sent.heard)
        sent.heard += new
        del sent.rest[: new * _BYTES_PER_SAMPLE]
        self.waiting_bytes -= new * _BYTES_PER_SAMPLE
        return new

    def close(self) -> None:
        """Add nothing more to these parts; how much of them was heard may still be told."""
        self._closed.update(dict.fromkeys(self._parts))
        for part in [*self._closed][:-_MAX_PARTS]:
            del self._closed[part]

    def has(self, part: Part) -> bool:
        """Whether some of a part went to the page, and is not silenced."""
        return part in self._parts

    def is_closed(self, part: Part) -> bool:
        """Whether nothing more of a part goes to the page."""
        return part in self._closed

    def cut(self) -> None:
        """Forget everything that was not heard: the page is silent."""
        self.close()
        self._parts.clear()
        self.waiting_bytes = 0

    def again(self) -> Iterator[tuple[Piece, bool]]:
        """Yield what a page that knows nothing is to play, in order, and whether it is all."""
        for part, sent in self._parts.items():
            if sent.rest or not sent.is_complete:
                piece = Piece(part, sent.response_id, sent.heard, bytes(sent.rest))
                yield piece, sent.is_complete

    def _forget_oldest(self) -> None:
        while len(self._parts) > _MAX_PARTS:
            sent = self._parts.pop(next(iter(self._parts)))
            self.waiting_bytes -= len(sent.rest)


class PageTracker(RealtimePlaybackTracker):
    """Says how much of an answer the page has played, to the very sample.

    When an answer is interrupted, the session asks how much of it was heard. At that moment the
    page still plays, so it is told to stop, and what it says to have played by then is what counts.

    Args:
        silence: tells the page to stop, and returns when the page has said how far it came, or
            after a moment.

    Threads: any may call anything; the session's engine calls `on_interrupted`.
    """

    def __init__(self, silence: Callable[[], object]) -> None:
        super().__init__()
        self._silence = silence

    def on_interrupted(self) -> None:
        """Have the page silenced, and learn what it has played."""
        self._silence()
        super().on_interrupted()

    def heard(self, part: Part, samples: int) -> None:
        """Take that so many more samples of a part were heard."""
        self.on_play_ms(*part, samples * 1000 / HZ)


class Silencing:
    """The question to the page how far it came: numbered, so that no late answer counts.

    Threads: any may call anything.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below
        self._n = 0
        self._answered = threading.Event()

    def ask(self) -> int:
        """Return the number of a new question."""
        with self._lock:
            self._n += 1
            self._answered = threading.Event()
            return self._n

    def answer(self, n: int) -> None:
        """Take the page's answer; one to an older question says nothing."""
        with self._lock:
            if n == self._n:
                self._answered.set()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the answer to the newest question; return whether it came."""
        with self._lock:
            answered = self._answered
        return answered.wait(timeout_s)
