"""The ring buffer between whoever writes audio and the device that plays it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable

import numpy as np
from attrs import define
from numpy.typing import NDArray

from ..errors import ConfigError

Int16 = NDArray[np.int16]

__all__ = ["Ring"]

# Positions are asked for what plays or played just now; older tags would only pile up.
_MAX_TAGS = 256


@define
class _Segment:
    tag: Hashable
    left: int  # frames not handed out yet


class Ring:
    """Int16 samples on their way to a device, each with a tag that says what it belongs to.

    Args:
        capacity_frames: how many samples it can hold. The memory is reserved at once but, as the
            system hands out pages on first touch, costs only what was really filled.

    Threads:
        One writer and one reader; `clear` and the counts may be used from any thread. The lock
        is only ever held for a copy, so the reader may be an audio callback.
    """

    def __init__(self, capacity_frames: int) -> None:
        if capacity_frames < 1:
            raise ConfigError(f"capacity_frames={capacity_frames} holds no audio; give at least 1")
        # Guards everything below.
        self._lock = threading.Lock()
        self._data: Int16 = np.empty(capacity_frames, dtype="<i2")
        self._start = 0  # where the oldest sample is
        self._size = 0
        self._segments: deque[_Segment] = deque()  # oldest first
        self._fade: Int16 = np.empty(0, dtype="<i2")
        self._position = 0  # frames handed out since the beginning, silence included
        self._handed: dict[Hashable, tuple[int, int]] = {}  # tag -> frames, position of the last

    def write(self, samples: Int16, tag: Hashable = None) -> int:
        """Append as many of ``samples`` (int16, shape (n,)) as there is room for.

        Returns:
            How many were taken.
        """
        with self._lock:
            taken = min(len(samples), len(self._data) - self._size)
            if not taken:
                return 0
            end = (self._start + self._size) % len(self._data)
            first = min(taken, len(self._data) - end)
            self._data[end : end + first] = samples[:first]
            self._data[: taken - first] = samples[first:taken]
            self._size += taken
            self._tag_locked(tag, taken)
            return taken

    def read_into(self, out: Int16, *, hold: bool = False) -> int:
        """Fill ``out`` with the oldest samples and, when they run out, with silence.

        Args:
            out: int16, shape (n,).
            hold: leave the samples where they are: only a fade comes out, and silence.

        Returns:
            How many samples are sound rather than filled-in silence.
        """
        with self._lock:
            faded = self._read_fade_locked(out)
            size = 0 if hold else min(len(out) - faded, self._size)
            self._copy_out_locked(out[faded : faded + size])
            out[faded + size :] = 0
            self._count_locked(size, self._position + faded)
            self._position += len(out)
            return faded + size

    def clear(self, *, fade_frames: int = 0) -> None:
        """Forget what was not handed out, but for a fade of ``fade_frames`` that avoids a click.

        The fade counts for no tag: what is heard of it is nothing one could understand.
        """
        with self._lock:
            length = min(fade_frames, self._size)
            if length:
                tail: Int16 = np.empty(length, dtype="<i2")
                self._copy_out_locked(tail)
                slope = np.arange(length, 0, -1, dtype=np.int32)
                self._fade = np.asarray(tail * slope // length, dtype="<i2")
            self._size = 0
            self._start = 0
            self._segments.clear()

    @property
    def buffered(self) -> int:
        """How many samples wait to be handed out; a fade does not count."""
        with self._lock:
            return self._size

    @property
    def position(self) -> int:
        """How many frames were handed out since the beginning, silence included."""
        with self._lock:
            return self._position

    def handed(self, tag: Hashable, *, behind: int = 0) -> int:
        """Return how many of the samples written under ``tag`` were handed out.

        Args:
            tag: as given to `write`; 0 comes back for an unknown one, and for one that has been
                followed by more than 256 others.
            behind: leave out what is among the last ``behind`` frames: with the latency of the
                device, what is heard now.
        """
        with self._lock:
            frames, last = self._handed.get(tag, (0, 0))
            unheard = last - (self._position - behind)
            return max(0, frames - max(0, unheard))

    def _tag_locked(self, tag: Hashable, frames: int) -> None:
        if self._segments and self._segments[-1].tag == tag:
            self._segments[-1].left += frames
        else:
            self._segments.append(_Segment(tag, frames))

    def _read_fade_locked(self, out: Int16) -> int:
        size = min(len(out), len(self._fade))
        if size:
            out[:size] = self._fade[:size]
            self._fade = self._fade[size:]
        return size

    def _copy_out_locked(self, out: Int16) -> None:
        size = len(out)
        first = min(size, len(self._data) - self._start)
        out[:first] = self._data[self._start : self._start + first]
        out[first:] = self._data[: size - first]
        self._size -= size
        # An empty ring starts over, so that short answers keep touching the same few pages.
        self._start = (self._start + size) % len(self._data) if self._size else 0

    def _count_locked(self, frames: int, position: int) -> None:
        while frames:
            segment = self._segments[0]
            part = min(frames, segment.left)
            frames -= part
            position += part
            handed = self._handed.pop(segment.tag, (0, 0))[0] + part
            self._handed[segment.tag] = (handed, position)
            segment.left -= part
            if not segment.left:
                self._segments.popleft()
        while len(self._handed) > _MAX_TAGS:
            del self._handed[next(iter(self._handed))]
