"""Frames on their way: sent to the far end, and not yet known to be played there.

Pure: no thread, no socket and no clock of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable

from attrs import frozen

__all__ = ["FRAME_MS", "FRAME_S", "PHONE_HZ", "Frame", "InFlight"]

PHONE_HZ = 8_000
FRAME_MS = 20
FRAME_S = FRAME_MS / 1000

# Positions are asked for what plays or played just now; older parts would only pile up.
_MOST_PARTS = 256
# So long after its frame must have ended, a mark that has not come back never will: soon where none
# has ever come, for then the far end returns none; a stalled network brings them in the end.
_NO_MARKS_S = 2.0
_LOST_MARK_S = 10.0


@frozen
class Frame:
    """20 ms of sound for the far end.

    Attributes:
        pcm: int16 mono, little-endian, at 8 kHz.
        parts: the parts of items that it holds, and how many samples of each.
    """

    pcm: bytes
    parts: tuple[tuple[Hashable, int], ...] = ()


@frozen
class _Sent:
    mark: str
    frame: Frame
    ends: float  # when it is played to its end, if the far end plays at once


class InFlight:
    """What the far end was sent, and how much of it was heard there.

    A mark follows each frame, and comes back when that frame was played. Marks are returned for
    what was thrown away, too, when the far end is told to clear; so a mark names its generation,
    and `recall` begins the next one: what comes back of an earlier one counts for nothing.

    Args:
        marked: whether the far end returns marks. If not, a frame that was sent counts as heard.

    Attributes:
        stale: marks that came back of what was recalled, or that nobody has sent.
        unreturned: frames that count as heard because of the time, since no mark has come back.

    Threads:
        One at a time.
    """

    def __init__(self, *, marked: bool) -> None:
        self.stale = 0
        self.unreturned = 0
        self._marked = marked
        self._patience_s = _NO_MARKS_S
        self._generation = 0
        self._number = 0
        self._sent: deque[_Sent] = deque()  # oldest first
        self._heard: dict[Hashable, int] = {}  # samples, by part
        self._ends = 0.0

    def __len__(self) -> int:
        return len(self._sent)

    def send(self, frame: Frame, now: float) -> str:
        """Take that a frame is sent; return the name of the mark that follows it."""
        self._number += 1
        mark = f"{self._generation}.{self._number}"
        if not self._marked:
            self._count(frame)
            return mark
        self._ends = max(self._ends, now) + FRAME_S
        self._sent.append(_Sent(mark, frame, self._ends))
        return mark

    def returned(self, mark: str) -> bool:
        """Take that a mark has come back; False for one that says nothing.

        Marks come back in order: whatever was sent before it was played as well.
        """
        if not any(sent.mark == mark for sent in self._sent):
            self.stale += 1
            return False
        self._patience_s = _LOST_MARK_S
        while True:
            sent = self._sent.popleft()
            self._count(sent.frame)
            if sent.mark == mark:
                return True

    def give_up(self, now: float) -> None:
        """Count as heard what must have been long ago, though its mark did not come back.

        So a far end that returns none holds nobody up.
        """
        while self._sent and self._sent[0].ends + self._patience_s <= now:
            self.unreturned += 1
            self._count(self._sent.popleft().frame)

    def recall(self) -> list[Frame]:
        """Take back what was not heard, because the far end is told to throw it away."""
        frames = [sent.frame for sent in self._sent]
        self._sent.clear()
        self._generation += 1
        self._ends = 0.0
        return frames

    def heard(self, part: Hashable) -> int:
        """Return how many samples of a part were heard; 0 for one that is not known."""
        return self._heard.get(part, 0)

    def _count(self, frame: Frame) -> None:
        for part, samples in frame.parts:
            self._heard[part] = self._heard.pop(part, 0) + samples
        while len(self._heard) > _MOST_PARTS:
            del self._heard[next(iter(self._heard))]
