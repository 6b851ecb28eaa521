"""The two ends of a spoken conversation for tests: no device, no sound, no waiting."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Iterator

from .._deadline import Deadline
from .._shown import shown
from .._uncopied import Uncopied
from ..audio import Source, VirtualSpeaker, to_pcm16
from ..audio.pcm import Pcm, require_rate, whole_pcm16
from .script_error import ScriptError, require, require_count, require_text
from .virtual_clock import VirtualClock

__all__ = ["MemorySink", "MemorySource"]

_CHUNK_MS = 20
_Tag = tuple[str | None, int]


class MemorySource(Source, Uncopied):
    """A microphone that gives what a test says, at once and nothing else.

    `realtime_sync.audio.VirtualMicrophone` is one that takes its time, and is silent in between.

    Args:
        rate: sample rate in Hz.

    Raises:
        ConfigError: it is no rate.

    Threads:
        One thread iterates; all else from any.
    """

    def __init__(self, *, rate: int = 24000) -> None:
        self._rate = require_rate(rate)
        self._chunks: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._closed = False

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._rate

    def say(self, audio: Pcm) -> None:
        """Say ``audio`` (PCM16 at `rate`), in chunks of 20 ms; the last one may be shorter.

        Raises:
            FormatError: ``audio`` is not PCM16, or is a whole file.
        """
        pcm, size = whole_pcm16(audio), 2 * (self._rate * _CHUNK_MS // 1000)
        for start in range(0, len(pcm), size):
            self._chunks.put(pcm[start : start + size])

    def end(self) -> None:
        """Have the iteration end after what was said."""
        self._chunks.put(None)

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
        self.end()

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self._chunks.get()) is not None and not self._closed:
            yield chunk


class MemorySink(VirtualSpeaker):
    """A speaker that keeps what it has played.

    Args:
        rate: sample rate in Hz of what is written.
        clock: what it plays by: after ``clock.advance(0.4)`` it has played 400 ms more. By default
            everything has been played as soon as it is written.

    Raises:
        ScriptError: ``clock`` is none.
        ConfigError: ``rate`` is none.

    Threads:
        Any thread may call any method.
    """

    def __init__(self, *, rate: int = 24000, clock: VirtualClock | None = None) -> None:
        if clock is not None:
            fits = callable(clock) and callable(getattr(clock, "wait", None))
            require(fits, "clock must be a VirtualClock", clock)
        self._played = bytearray()  # written with the speaker's own lock held
        self._changed = threading.Condition()
        # Both guarded by _changed:
        self._written_bytes = 0
        self._parts: dict[_Tag, bytearray] = defaultdict(bytearray)
        if clock is None:
            super().__init__(rate=rate, pace="fast", tap=self._played.extend)
        else:
            super().__init__(rate=rate, tap=self._played.extend, clock=clock)

    @property
    def played(self) -> bytes:
        """All that it has played as PCM16, with the silence between answers."""
        self.advance()
        return bytes(self._played)

    def heard(self, item_id: str | None, content_index: int = 0) -> bytes:
        """Return what was played of an item as PCM16, in whole milliseconds.

        Raises:
            ScriptError: this is the name of no item.
        """
        if item_id is not None:
            require_text(item_id, "item_id")
        require_count(content_index, "content_index")
        played = 2 * (self.played_ms(item_id, content_index) * self.rate // 1000)
        with self._changed:
            return bytes(self._parts[item_id, content_index][:played])

    def write(self, audio: Pcm, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` after what was written before."""
        super().write(audio, item_id=item_id, content_index=content_index)
        pcm = to_pcm16(audio)
        with self._changed:
            self._parts[item_id, content_index] += pcm
            self._written_bytes += len(pcm)
            self._changed.notify_all()

    def clear(self) -> None:
        """Fall silent; forget what was not played."""
        super().clear()
        with self._changed:
            tags = list(self._parts)
        for item_id, content_index in tags:
            # What is written to the item from now on follows what was heard.
            heard = self.heard(item_id, content_index)
            with self._changed:
                self._parts[item_id, content_index][:] = heard

    def wait_written(self, ms: int, *, timeout: float | None = 30.0) -> None:
        """Wait until so much was written, of all items together and whatever became of it.

        Args:
            ms: milliseconds.
            timeout: seconds; None for as long as it takes.

        Raises:
            ScriptError: it was not written in time; or ``ms`` is no number of them.
            ConfigError: ``timeout`` is no time.
        """
        require_count(ms, "ms")
        remaining_s = Deadline(timeout).remaining()
        wanted = 2 * (ms * self.rate // 1000)
        with self._changed:
            if not self._changed.wait_for(lambda: self._written_bytes >= wanted, remaining_s):
                written_ms = self._written_bytes * 500 // self.rate
                raise ScriptError(
                    f"{written_ms} of {shown(ms)} ms were written within {timeout:g} s"
                )
