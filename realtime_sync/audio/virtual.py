"""A microphone and a speaker without hardware: the same timing, no device.

For conversations from and to files, for machines without sound, and for tests of voice programs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Literal, cast

import numpy as np

from .._deadline import Deadline
from .._required import is_whole, require_function
from .._shown import shown
from .._typing import Self
from .._uncopied import Uncopied
from ..errors import AudioError, ConfigError
from ._clock import SYSTEM_CLOCK, Clock
from .base import Sink, Source
from .pcm import Pcm, as_int16, require_rate, whole_pcm16
from .playout import Playout

__all__ = ["Pace", "VirtualMicrophone", "VirtualSpeaker"]

Pace = Literal["realtime", "fast"]
_BLOCK_MS = 20


class VirtualMicrophone(Source, Uncopied):
    """A microphone line on which a program speaks: silence, until something is said into it.

    Args:
        rate: sample rate of the chunks in Hz.
        chunk_ms: length of the chunks that it iterates, in real time.
        clock: for tests.

    Threads:
        One thread iterates; `say`, `wait_said` and `close` may be called from any.
    """

    def __init__(
        self, *, rate: int = 24000, chunk_ms: int = 20, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._rate = require_rate(rate)
        self._chunk_bytes = 2 * chunk_frames(self._rate, chunk_ms)
        self._clock = clock
        self._closed = threading.Event()
        self._said = threading.Event()
        self._said.set()
        self._lock = threading.Lock()  # guards _pending, and _said where it follows from it
        self._pending = bytearray()

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._rate

    def say(self, audio: Pcm) -> None:
        """Speak ``audio`` (PCM16 at the line's rate) after what is being said.

        Raises:
            FormatError: ``audio`` is not PCM16, or is a whole file.
        """
        pcm = whole_pcm16(audio)
        if not pcm:
            return
        with self._lock:
            self._pending += pcm
            self._said.clear()

    def wait_said(self, timeout: float | None = None) -> bool:
        """Wait until everything was said; False when ``timeout`` seconds were not enough."""
        return self._said.wait(Deadline(timeout).remaining())

    def close(self) -> None:
        """End the iteration, and whoever waits in `wait_said`."""
        self._closed.set()
        self._said.set()

    def __iter__(self) -> Iterator[bytes]:
        pacer = Pacer(self._clock, self._closed)
        seconds = self._chunk_bytes / 2 / self._rate
        while pacer.wait_for(seconds):
            yield self._next_chunk()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _next_chunk(self) -> bytes:
        with self._lock:
            chunk = bytes(self._pending[: self._chunk_bytes])
            del self._pending[: self._chunk_bytes]
            if not self._pending:
                self._said.set()
        return chunk.ljust(self._chunk_bytes, b"\0")


class VirtualSpeaker(Sink, Uncopied):
    """A speaker that nobody hears, but that takes the time a real one would.

    What is cleared before its time is never played; its time begins with the first `write`.

    Args:
        rate: sample rate in Hz of what is written.
        pace: "realtime", or "fast": everything counts as played when it is written.
        tap: gets what is played, silence included, as PCM16 blocks in order.
        clock: for tests.

    Threads:
        Any thread may call any method.
    """

    def __init__(
        self,
        *,
        rate: int = 24000,
        pace: Pace = "realtime",
        tap: Callable[[bytes], object] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._fast = require_pace(pace) == "fast"
        self._playout = Playout(rate)
        if tap is not None:
            require_function(tap, "tap", error=ConfigError)
        self._tap = tap
        self._clock = clock
        self._closed = threading.Event()
        # Keeps blocks and their tap in one order (held across the tap's write, as a send lock
        # is), and guards _began and _block.
        self._output_lock = threading.Lock()
        self._began: float | None = None
        self._block = np.empty(self._playout.rate * _BLOCK_MS // 1000, dtype="<i2")

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._playout.rate

    @property
    def buffered_ms(self) -> int:
        """How many milliseconds wait to be played."""
        self.advance()
        return self._playout.buffered_ms

    def start(self) -> None:
        """Begin the speaker's time now, if it has not begun."""
        with self._output_lock:
            if self._began is None:
                self._began = self._clock()

    def write(self, audio: Pcm, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` after what was written before; waits while ten minutes are buffered.

        Raises:
            FormatError: ``audio`` is not PCM16.
            AudioError: the speaker is closed.
        """
        samples = as_int16(audio)
        self.start()
        while True:
            if self._closed.is_set():
                raise AudioError("the virtual speaker is closed; write before close()")
            self.advance()
            taken = self._playout.write(samples, item_id=item_id, content_index=content_index)
            samples = samples[taken:]
            if not samples.size:
                break
            self._clock.wait(self._closed, _BLOCK_MS / 1000)
        if self._fast:
            self.advance()

    def clear(self) -> None:
        """Fall silent but for a fade of 5 ms; forget what was not played."""
        self.advance()
        self._playout.clear()

    def pause(self) -> bool:
        """Fall silent but for a fade of 5 ms; keep what was not played.

        Returns:
            False with ``pace="fast"``, where nothing is left to be played.
        """
        if self._fast:
            return False
        self.advance()
        self._playout.pause()
        return True

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self.advance()  # the pause's time passes in silence
        self._playout.resume()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was played; while paused, that is until somebody calls `resume`.

        Returns:
            False when ``timeout`` seconds were not enough, or the speaker was closed meanwhile.
        """
        deadline = Deadline(timeout, clock=self._clock)
        while not self._closed.is_set():
            self.advance()
            seconds = self._playout.buffered_frames / self.rate
            if not seconds:
                return True
            if self._playout.paused:  # what is left does not tell when to look again
                seconds = _BLOCK_MS / 1000
            remaining = deadline.remaining()
            if remaining is not None and remaining <= 0:
                return False
            self._clock.wait(
                self._closed, seconds if remaining is None else min(seconds, remaining)
            )
        return False

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole milliseconds of an item were played."""
        self.advance()
        return self._playout.handed_ms(item_id, content_index)

    def advance(self) -> None:
        """Play what is due by now; every other method does it by itself."""
        with self._output_lock:
            if self._began is None or self._closed.is_set():
                return
            while (frames := self._due_locked()) > 0:
                block = self._block[:frames]
                self._playout.render_into(block)
                if self._tap is not None:
                    self._tap(block.tobytes())

    def close(self) -> None:
        """Stop; what was not played is lost (`drain` first to keep it). May be called again."""
        self.advance()
        self._closed.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _due_locked(self) -> int:
        if self._fast:
            return min(self._playout.buffered_frames, len(self._block))
        assert self._began is not None
        # From the beginning each time: rounding never adds up.
        due = round((self._clock() - self._began) * self.rate) - self._playout.position
        return min(due, len(self._block))


class Pacer:
    """Holds a stream to real time, measured from its beginning so that it never drifts."""

    def __init__(self, clock: Clock, stop: threading.Event) -> None:
        self._clock = clock
        self._stop = stop
        self._due = clock()

    def wait_for(self, seconds: float) -> bool:
        """Let ``seconds`` of the stream pass; False when it was stopped."""
        self._due += seconds
        late = self._clock() - self._due
        if late >= 0:
            return not self._stop.is_set()
        return not self._clock.wait(self._stop, -late)


def chunk_frames(rate: int, chunk_ms: int) -> int:
    """Return the samples in a chunk.

    Raises:
        ConfigError: ``chunk_ms`` is not a whole number of milliseconds from 1 to 1000.
    """
    if not is_whole(chunk_ms, 1, 1000):
        raise ConfigError(f"chunk_ms={shown(chunk_ms)} is out of range; give 1 to 1000, such as 20")
    return rate * chunk_ms // 1000


def require_pace(pace: object) -> Pace:
    """Return ``pace`` if it is one.

    Raises:
        ConfigError: it is neither "realtime" nor "fast".
    """
    if isinstance(pace, str) and pace in ("realtime", "fast"):
        return cast("Pace", pace)
    raise ConfigError(f"pace={shown(pace)} is unknown; choose 'realtime' or 'fast'")
