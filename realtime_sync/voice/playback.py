"""What the sink is playing: whether it does, and the signal itself."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable
from typing import Protocol

import numpy as np

from ..audio.base import Sink
from ..audio.playout import Playout
from ..audio.resample import Resampler
from .effects import SLACK_MS, Part

__all__ = ["EchoControl", "PlayedSignal", "Playing"]

_STALL_S = 1.0  # what does not go on for as long is not playing: the sink has dropped it
_WINDOW = 50  # chunks, within which a device that was late must have caught up


class EchoControl(Protocol):
    """Takes the echo out of what is heard: `EchoGate`, `EchoCanceller`, or the caller's own."""

    def process(self, heard: bytes, played: bytes) -> bytes:
        """Return what is to be sent of ``heard``, given what was played in the same time."""


class Playing:
    """Whether a sink plays, found out from its positions.

    Args:
        sink: answers `played_ms` in any thread.
        clock: seconds, monotonic.

    Threads:
        Calling it belongs to one thread; all else to whoever does so to the sink.
    """

    def __init__(self, sink: Sink, *, clock: Callable[[], float]) -> None:
        self._sink = sink
        self._clock = clock
        # Replaced as a whole: what was written last, which is played last, and how much of it.
        self._last: tuple[Part, int] | None = None
        self._position: tuple[Part, int, int] | None = None
        self._moved_at = 0.0
        self._paused = False

    def write(self, audio: bytes, part: Part) -> None:
        """Note what is about to be written to the sink."""
        last = self._last
        before = last[1] if last is not None and last[0] == part else 0
        self._last = (part, before + len(audio))

    def clear(self) -> None:
        """Note that the sink was cleared."""
        self._last = None

    def pause(self) -> None:
        """Note that the sink was paused: it does not play."""
        self._paused = True

    def resume(self) -> None:
        """Note that the sink goes on."""
        self._position = None  # or it would have stalled since the pause began
        self._paused = False

    def __call__(self) -> bool:
        """Return whether something was written that is not heard yet, and the sink goes on."""
        last = self._last
        if last is None or self._paused:
            return False
        part, size = last
        position = (part, size, self._sink.played_ms(*part))
        if position != self._position:
            self._position, self._moved_at = position, self._clock()
        unheard_ms = size / 2 / self._sink.rate * 1000 - position[2]
        return unheard_ms > SLACK_MS and self._clock() - self._moved_at < _STALL_S


class PlayedSignal:
    """What the sink plays, chunk by chunk beside those of the microphone.

    A sink that can be listened to tells every block that it hands to its device. For any other
    one a twin plays the same by the clock. Both are one stream without gaps, silence included, so
    the signal and its echo stay as far apart as they are, from one answer to the next.

    Args:
        rate: sample rate in Hz of what `take` returns: the microphone's.
        clock: seconds, monotonic.

    Threads:
        `take` belongs to one thread; all else to whoever does so to the sink.
    """

    def __init__(self, sink: Sink, *, rate: int, clock: Callable[[], float]) -> None:
        self._sink = sink
        self._rate = rate
        self._clock = clock
        self._blocks: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards _twin and _began; only `take` replaces them
        # A sink tells only when it is open, so it is asked with the first chunk. Until then the
        # twin takes what is written, and has all of it if the sink turns out to tell nothing.
        self._twin: Playout | None = Playout(sink.rate)
        self._began = 0.0  # when the twin's time began
        # The rest belongs to the thread that takes.
        self._resampler: Resampler | None = None
        self._ready = bytearray()
        self._levels: deque[int] = deque(maxlen=_WINDOW)

    def write(self, audio: bytes) -> None:
        """Note what is about to be written to the sink."""
        with self._lock:
            if self._twin is not None:
                self._render_locked(self._twin)  # or it would begin where the last chunk ended
                self._twin.write(audio)

    def clear(self) -> None:
        """Note that the sink was cleared."""
        with self._lock:
            if self._twin is not None:
                self._render_locked(self._twin)
                self._twin.clear()

    def pause(self) -> None:
        """Note that the sink was paused: silence is played from now on."""
        with self._lock:
            if self._twin is not None:
                self._render_locked(self._twin)
                self._twin.pause()

    def resume(self) -> None:
        """Note that the sink goes on."""
        with self._lock:
            if self._twin is not None:
                self._render_locked(self._twin)  # the pause, in silence
                self._twin.resume()

    def take(self, samples: int) -> bytes:
        """Return what was played while the microphone took so many samples.

        Raises:
            DeviceError: the sink is not open.
        """
        size = 2 * samples
        if self._resampler is None:
            self._resampler = self._start(samples)
        with self._lock:
            if self._twin is not None:
                self._render_locked(self._twin)
        while not self._blocks.empty():
            self._ready += self._resampler.process(self._blocks.get())
        # Silence in front: what comes now comes later by as much, and then there is enough.
        if len(self._ready) < size:
            self._ready[:0] = bytes(size - len(self._ready))
        block = bytes(self._ready[:size])
        del self._ready[:size]
        if self._twin is None:
            self._catch_up()
        return block

    def _start(self, samples: int) -> Resampler:
        """Find out who tells what is played: the sink, or else its twin from now on."""
        told_hz = self._sink.listen(self._blocks.put)
        with self._lock:
            if told_hz is not None:
                self._twin = None
                return Resampler(told_hz, self._rate)
            self._began = self._clock() - samples / self._rate
        return Resampler(self._sink.rate, self._rate)

    def _render_locked(self, twin: Playout) -> None:
        if not self._began:
            return
        due = round((self._clock() - self._began) * twin.rate) - twin.position
        if due > 0:
            block = np.empty(due, dtype="<i2")
            twin.render_into(block)
            self._blocks.put(block.tobytes())

    def _catch_up(self) -> None:
        """Drop silence that a late device has put in front, or echo would outrun its signal."""
        self._levels.append(len(self._ready))
        excess = min(self._levels)
        if excess and len(self._levels) == _WINDOW and not any(self._ready[:excess]):
            del self._ready[:excess]
            self._levels.clear()
