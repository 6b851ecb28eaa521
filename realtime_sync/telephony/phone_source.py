"""What the caller says, from whoever reads the line to whoever iterates it."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator

from .._fork import Home
from .._uncopied import Uncopied
from ..audio.base import Source
from .in_flight import PHONE_HZ

__all__ = ["PhoneSource"]

_MOST_MS = 2_000
_BYTES_PER_MS = 2 * PHONE_HZ // 1000


class PhoneSource(Source, Uncopied):
    """What a caller says: PCM16 at 8 kHz, in pieces as they come, 20 ms each as a rule.

    `PhoneCall.source` is one. Two seconds may wait for whoever iterates; beyond that the oldest
    sound is dropped and counted.

    Threads:
        One thread iterates; all else may be used from any.
    """

    def __init__(self) -> None:
        self._home = Home()
        # A token says that there is something new to look at.
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        # Guards all below.
        self._lock = threading.Lock()
        self._pieces: deque[bytes] = deque()  # oldest first
        self._waiting_bytes = 0  # in _pieces
        self._dropped_bytes = 0
        self._ended = False  # nothing is added
        self._closed = False  # nothing is iterated

    @property
    def rate(self) -> int:
        """The sample rate in Hz: 8000, the telephone's."""
        return PHONE_HZ

    @property
    def dropped_ms(self) -> int:
        """How many milliseconds were dropped, because nobody iterated them in time."""
        return self._dropped_bytes // _BYTES_PER_MS

    def take(self, pcm: bytes) -> None:
        """Have ``pcm`` heard after what was taken before; for whoever reads the line."""
        with self._lock:
            self._pieces.append(pcm)
            self._waiting_bytes += len(pcm)
            self._drop_locked()
        if self._wake.empty():  # or they would pile up while nobody iterates
            self._wake.put(None)

    def end(self) -> None:
        """End the iteration, after what waits: the caller says nothing more."""
        self._ended = True
        self._wake.put(None)

    def close(self) -> None:
        """End the iteration now. The call goes on: `PhoneCall.close` hangs up."""
        self._closed = True
        self._wake.put(None)

    def __iter__(self) -> Iterator[bytes]:
        while not self._closed:
            if (pcm := self._next()) is not None:
                yield pcm
            elif self._ended:
                return
            else:
                self._wake.get()

    def _next(self) -> bytes | None:
        with self._home.checked(self._lock):
            if not self._pieces:
                return None
            pcm = self._pieces.popleft()
            self._waiting_bytes -= len(pcm)
            return pcm

    def _drop_locked(self) -> None:
        while (too_many := self._waiting_bytes - _MOST_MS * _BYTES_PER_MS) > 0:
            oldest = self._pieces.popleft()
            # One piece may be longer than all that may wait; its end is heard.
            if rest := oldest[too_many:]:
                self._pieces.appendleft(rest)
            self._waiting_bytes -= len(oldest) - len(rest)
            self._dropped_bytes += len(oldest) - len(rest)
