"""The player: a thread that alone writes to the sink, so that nobody else waits for it."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from .._deadline import Deadline
from .._signal_safe import Latch
from .._threads import join_all, spawn
from ..audio.base import Sink
from .effects import Part
from .hearing import Hearing

__all__ = ["Player"]

log = logging.getLogger(__name__)

_LOOK_S = 0.02
_STALE_S = 0.05  # so long an interruption waits for a write that has just been called off


class Player:
    """Hands sound to a sink in order, on a thread of its own, since a sink's ``write`` may wait.

    ::

        player.start()
        player.play(pcm, ("item_1", 0))
        player.flush()
        handed_ms = player.silence([("item_1", 0)])
        player.close(Deadline(2))

    Args:
        sink: what it plays on. Nobody else writes to it, or clears or pauses it.
        hearing: is told what the sink is.
        capacity_ms: the most that waits here, beside what the sink itself buffers.
        on_failure: gets what the sink has raised, in the player's thread.

    Attributes:
        failure: what the sink has raised while it was written to; None as long as it has not.
            After that nothing is played any more; what the sink still has can be silenced.

    Threads:
        `play` and `flush` belong to one thread; all else may be called from any, and none of it
        but `close` waits for a write.
    """

    def __init__(
        self,
        sink: Sink,
        hearing: Hearing,
        *,
        capacity_ms: int = 600_000,
        on_failure: Callable[[BaseException], object] | None = None,
    ) -> None:
        self.failure: BaseException | None = None
        self._sink = sink
        self._hearing = hearing
        self._on_failure = on_failure
        self._capacity_bytes = _bytes_of(capacity_ms, sink.rate)
        self._thread: threading.Thread | None = None
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()  # one for each piece
        # Keeps the beginnings of writes, and what calls them off, in one order: what the sink does
        # without waiting is done under it, its `write` and `flush` are not. So whoever has it and
        # sees no write under way knows that nothing is added to the sink. It guards all below.
        self._lock = threading.Lock()
        self._pieces: deque[tuple[bytes, Part] | None] = deque()  # None is a flush
        self._waiting_bytes = 0  # in _pieces
        self._dropped_bytes = 0
        self._writing = False  # a piece was taken from _pieces, and the sink has not returned
        self._called_off: Latch | None = None  # the write under way: set when that is cleared, too
        self._over = False

    @property
    def dropped_ms(self) -> int:
        """How many milliseconds `play` has refused, because too much waited."""
        return _ms_of(self._dropped_bytes, self._sink.rate)

    @property
    def idle(self) -> bool:
        """Whether all was heard that was to be played; `drain` without waiting."""
        return self.drain(0)

    def drain(self, timeout: float) -> bool:
        """Wait until all was heard that was to be played, or nothing will be any more.

        The sink takes the question for the end of an item, as `Sink.drain` does.

        Args:
            timeout: seconds, at most. It may return earlier.

        Returns:
            Whether that is so.

        Raises:
            DeviceError: the sink's device went away.
        """
        if self._over:
            return True
        with self._lock:
            waits = bool(self._pieces) or self._writing
        if waits:
            time.sleep(min(timeout, _LOOK_S))
            return False
        return self._sink.drain(timeout)

    def start(self) -> None:
        """Begin to play; once.

        Raises:
            RealtimeError: the system gives no thread.
        """
        self._thread = spawn(self._run, name="voice-player")

    def play(self, pcm: bytes, part: Part) -> bool:
        """Have ``pcm`` played after what was given before; never waits for the sink.

        Args:
            pcm: int16 mono, little-endian, at the sink's rate.
            part: what it belongs to.

        Returns:
            False when it is not played: too much waits already, or the player is over.
        """
        with self._lock:
            if self._over:
                return False
            if self._waiting_bytes + len(pcm) > self._capacity_bytes:
                self._dropped_bytes += len(pcm)
                return False
            self._waiting_bytes += len(pcm)
            self._pieces.append((pcm, part))
        self._wake.put(None)
        return True

    def flush(self) -> None:
        """Tell the sink, after what was given before, that this is complete."""
        with self._lock:
            if self._over or (self._pieces and self._pieces[-1] is None):
                return
            self._pieces.append(None)
        self._wake.put(None)

    def silence(self, parts: Iterable[Part]) -> dict[Part, int]:
        """Fall silent, and forget all that was given so far. A pause goes on.

        A write that is under way is called off. One that does not return within 50 ms, though its
        sink was cleared, is cleared when it does, before anything else is written; what the sink
        hands out of it meanwhile is not in the result.

        Returns:
            How much of each part the sink has handed out, in whole milliseconds (`Sink.handed_ms`).
            No more of them will be.
        """
        with self._lock:
            self._pieces.clear()
            self._waiting_bytes = 0
            if self._writing and self._called_off is None:
                self._called_off = Latch()
            called_off = self._called_off
            self._clear_locked()  # this also ends a write that waits for room
            if called_off is None:
                return self._handed_ms(parts)
        called_off.wait(Deadline(_STALE_S))
        return self._handed_ms(parts)

    def pause(self) -> bool:
        """Fall silent, but keep what was not played for `resume`.

        Returns:
            False when the sink can't, and plays on.
        """
        with self._lock:
            paused = self._sink.pause()
            if paused:
                self._hearing.pause()
        return paused

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        with self._lock:
            self._sink.resume()
            self._hearing.resume()

    def close(self, deadline: Deadline) -> None:
        """End the thread, and forget what waits; may be called again.

        What the sink has is left to it (`silence` first to cut it). A write that has not returned
        by the deadline is left behind.
        """
        with self._lock:
            self._end_locked()
        self._wake.put(None)
        ended = self._thread is None or join_all([self._thread], deadline)
        if not ended and self._writing:
            log.warning("the sink's write has not returned; its thread is left behind")

    # -- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._over:
                self._wake.get()
                self._write_next()
        except BaseException as exc:  # whatever a sink raises, somebody must learn of it
            self.failure = exc  # first, so that whoever finds it idle can ask why
            with self._lock:
                self._end_locked()
            if self._on_failure is not None:
                self._on_failure(exc)

    def _write_next(self) -> None:
        with self._lock:
            if not self._pieces:
                return  # it was forgotten meanwhile
            piece = self._pieces.popleft()
            if piece is not None:
                self._waiting_bytes -= len(piece[0])
            self._writing = True
        try:
            self._write(piece)
        finally:
            self._written()

    def _write(self, piece: tuple[bytes, Part] | None) -> None:
        if piece is None:
            self._sink.flush()
            return
        pcm, part = piece
        item_id, index = part
        self._hearing.write(pcm, part)
        self._sink.write(pcm, item_id=item_id, content_index=index)

    def _written(self) -> None:
        """Throw away what was added to the sink by a write that had been called off."""
        with self._lock:
            self._writing = False
            called_off, self._called_off = self._called_off, None
            if called_off is not None:
                self._clear_locked()
                called_off.set()

    # -- under the lock --------------------------------------------------------------------------

    def _clear_locked(self) -> None:
        self._sink.clear()
        self._hearing.clear()

    def _end_locked(self) -> None:
        self._over = True
        self._pieces.clear()
        self._waiting_bytes = 0

    def _handed_ms(self, parts: Iterable[Part]) -> dict[Part, int]:
        return {part: self._sink.handed_ms(*part) for part in parts}


def _bytes_of(ms: int, rate: int) -> int:
    return 2 * (ms * rate // 1000)


def _ms_of(size: int, rate: int) -> int:
    return size // 2 * 1000 // rate
