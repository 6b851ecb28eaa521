"""What the caller hears: answers, cut into frames that go out on one schedule."""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .._deadline import Deadline
from .._fork import Home
from .._required import is_whole, require_function
from .._shown import shown
from .._uncopied import Uncopied
from ..audio.base import Sink
from ..audio.pcm import Pcm, as_int16
from ..audio.playout import Playout
from ..errors import ConfigError
from .in_flight import FRAME_MS, FRAME_S, PHONE_HZ, Frame, InFlight

__all__ = ["PhoneSink", "Wire"]

_FRAME_SAMPLES = PHONE_HZ * FRAME_MS // 1000
_SILENCE = bytes(2 * _FRAME_SAMPLES)
_FADE_SAMPLES = PHONE_HZ * 5 // 1000
# Whoever is later than that does not catch up, or the far end got a burst after each hold-up.
_MOST_LATE_FRAMES = 5
_MOST_LEAD_MS = 1_000
_LOOK_S = 0.02


class Wire(Protocol):
    """How frames reach the far end. Only one thread calls; it may wait."""

    @property
    def can_recall(self) -> bool:
        """Whether the far end returns marks, and throws away what it has when it is told to."""

    def send_frame(self, pcm: bytes, mark: str) -> None:
        """Send 20 ms of PCM16 at 8 kHz and, if `can_recall`, a mark behind it."""

    def send_clear(self) -> None:
        """Tell the far end to throw away what it has not played."""


class PhoneSink(Sink, Uncopied):
    """What a caller hears: PCM16 at 8 kHz, in frames of 20 ms on one schedule.

    `PhoneCall.sink` is one. Frame n is due at t0 + n · 20 ms, counted from the beginning of the
    call, so that nothing drifts. Only sound is sent: silence takes its time, and the far end is
    given nothing to play. Late frames catch up, five at most; what is later moves the schedule.

    The far end may be given ``lead_ms`` more than it has played, so that a late thread or a late
    packet is not heard. What it was given and has not played is recalled by `clear` and `pause`,
    where the far end can do that. Then `handed_ms` and `played_ms` are what it has told to have
    played, a frame at most behind (and the way of the telling); elsewhere they are what was sent.

    Args:
        wire: sends.
        lead_ms: how far the far end is kept ahead, 0 to 1000.
        prebuffer_ms: the cushion gathered before an answer begins, 0 to 1000; see
            `realtime_sync.audio.Speaker`.
        clock: for tests.

    Raises:
        ConfigError: an option is out of range.

    Threads:
        `advance` belongs to one thread; all else may be used from any.
    """

    def __init__(
        self,
        wire: Wire,
        *,
        lead_ms: int,
        prebuffer_ms: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        _require_ms(lead_ms, "lead_ms")
        _require_ms(prebuffer_ms, "prebuffer_ms")
        self._home = Home()
        self._wire = wire
        self._lead = lead_ms // FRAME_MS
        self._clock = clock
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._hear: Callable[[bytes], object] = len  # until somebody listens
        # Guards all below, and whatever is done with the playout but for writes.
        self._lock = threading.Lock()
        self._playout = Playout(PHONE_HZ, prebuffer_ms=prebuffer_ms)
        self._in_flight = InFlight(marked=wire.can_recall)
        self._recalled: deque[Frame] = deque()  # by a pause: they are sent once more
        self._fade: Frame | None = None  # comes before all else
        self._block: NDArray[np.int16] = np.empty(_FRAME_SAMPLES, dtype="<i2")
        self._began: float | None = None  # when frame 0 was due
        self._ticks = 0  # frames that were due by now
        self._ahead = 0  # frames that the far end has, if it plays at once; the one it plays, too
        self._told_ahead = 0  # frames that a listener was told and that are not due yet
        self._clear_due = False
        self._resumed = False  # the next frame that was recalled fades in
        self._paused = False
        self._over = False
        self._sent_frames = 0
        self._skipped_frames = 0
        self._lost_bytes = 0  # written after the end

    @property
    def rate(self) -> int:
        """The sample rate in Hz: 8000, the telephone's."""
        return PHONE_HZ

    # -- what a sink does ------------------------------------------------------------------------

    def write(self, audio: Pcm, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Have ``audio`` heard after what was written before; waits while ten minutes wait.

        After the end of the call it is thrown away: nobody is there to hear it.

        Raises:
            FormatError: ``audio`` is not PCM16.
        """
        self._home.check()
        samples = as_int16(audio)
        while samples.size:
            if self._over:
                self._lost_bytes += 2 * samples.size
                return
            taken = self._playout.write(samples, item_id=item_id, content_index=content_index)
            samples = samples[taken:]
            if samples.size:
                time.sleep(_LOOK_S)

    def flush(self) -> None:
        """Take that the item is complete: its end waits for no cushion."""
        self._home.check()
        self._playout.flush()

    def clear(self) -> None:
        """Fall silent but for a fade of 5 ms; forget and recall what was not heard."""
        with self._home.checked(self._lock):
            self._recall_locked()
            # What the playout has next is not what sounds now: its fade would be a click.
            is_behind = self._fade is not None or bool(self._recalled)
            self._playout.clear(fade=not is_behind)
            self._recalled.clear()
        self._wake.put(None)

    def pause(self) -> bool:
        """Fall silent but for a fade of 5 ms; keep, and recall, what was not heard.

        Returns:
            True.
        """
        with self._home.checked(self._lock):
            self._paused = True
            self._playout.pause()
            self._recalled.extendleft(reversed(self._recall_locked()))
        self._wake.put(None)
        return True

    def resume(self) -> None:
        """Go on where `pause` stopped; a frame that the far end had begun is heard anew."""
        with self._home.checked(self._lock):
            self._resumed = self._paused and bool(self._recalled)
            self._paused = False
            self._playout.resume()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was heard, or the call is over; while paused, until `resume`.

        Returns:
            False when ``timeout`` seconds were not enough.
        """
        deadline = Deadline(timeout)
        while not self._is_silent():
            remaining = deadline.remaining()
            if remaining == 0:
                return False
            time.sleep(_LOOK_S if remaining is None else min(_LOOK_S, remaining))
        return True

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole milliseconds of an item the caller has heard."""
        with self._home.checked(self._lock):
            return self._in_flight.heard((item_id, content_index)) * 1000 // PHONE_HZ

    @property
    def gone(self) -> bool:
        """Whether the call is over."""
        return self._over

    @property
    def underruns(self) -> int:
        """How often the far end has run dry before an item was complete."""
        return self._playout.underruns

    def listen(self, hear: Callable[[bytes], object]) -> int | None:
        """Tell ``hear`` every frame when it is sent, and silence where none is; 8 kHz."""
        require_function(hear, "hear", takes=("block",), error=ConfigError)
        self._hear = hear
        return PHONE_HZ

    # -- what the call does ----------------------------------------------------------------------

    @property
    def sent_frames(self) -> int:
        """How many frames were sent."""
        return self._sent_frames

    @property
    def skipped_frames(self) -> int:
        """By how many frames the schedule was moved, because this side was too late."""
        return self._skipped_frames

    @property
    def stale_marks(self) -> int:
        """How many marks came back that said nothing."""
        with self._home.checked(self._lock):
            return self._in_flight.stale

    @property
    def unreturned_marks(self) -> int:
        """How many marks did not come back in time."""
        with self._home.checked(self._lock):
            return self._in_flight.unreturned

    @property
    def lost_ms(self) -> int:
        """How many milliseconds were written after the end of the call."""
        return self._lost_bytes * 1000 // (2 * PHONE_HZ)

    def mark_returned(self, mark: str) -> bool:
        """Take that a mark has come back; False for one that says nothing."""
        with self._lock:
            return self._in_flight.returned(mark)

    def end(self) -> None:
        """Take that the call is over: nothing is sent or waited for any more."""
        with self._lock:
            self._over = True
            self._playout.clear()
            self._recalled.clear()
            self._in_flight.recall()
            self._fade = None
            self._clear_due = False
        self._wake.put(None)

    def run(self) -> None:
        """Send what is due, when it is, until `end`; what the wire raises leaves it."""
        while not self._over:
            wait = self.advance()
            try:
                self._wake.get(timeout=wait)
            except queue.Empty:
                continue

    def advance(self) -> float:
        """Send what is due by now, and return in how many seconds the next frame is."""
        with self._lock:
            if self._over:
                return 0.0
            now = self._clock()
            clear, self._clear_due = self._clear_due, False
            frames = self._after_clear_locked(now) if clear else []
            frames += self._due_locked(now)
            assert self._began is not None
            wait = self._began + self._ticks * FRAME_S - now
        if clear:
            self._wire.send_clear()
        for frame, mark in frames:
            self._hear(frame.pcm)
            if mark:
                self._wire.send_frame(frame.pcm, mark)
        return max(0.0, wait)

    # -- under the lock --------------------------------------------------------------------------

    def _is_silent(self) -> bool:
        with self._home.checked(self._lock):
            waits = self._playout.buffered_frames or self._recalled or self._fade
            if not waits:  # only then: as long as something waits, the item may be going on
                self._playout.flush()
            return self._over or not (waits or len(self._in_flight) or self._ahead)

    def _due_locked(self, now: float) -> list[tuple[Frame, str]]:
        """Return what is due with the marks behind it; no mark is silence that is not sent."""
        if self._began is None:
            self._began = now
        due = int((now - self._began) / FRAME_S + 1e-6) + 1 - self._ticks
        if due > _MOST_LATE_FRAMES:
            skipped = due - _MOST_LATE_FRAMES
            self._skipped_frames += skipped
            self._began += skipped * FRAME_S
            self._ahead = max(0, self._ahead - skipped)
            self._told_ahead = max(0, self._told_ahead - skipped)
            due = _MOST_LATE_FRAMES
        self._in_flight.give_up(now)
        frames: list[tuple[Frame, str]] = []
        for _ in range(due):
            frames += self._tick_locked(now)
        return frames

    def _tick_locked(self, now: float) -> Iterable[tuple[Frame, str]]:
        self._ticks += 1
        self._ahead = max(0, self._ahead - 1)
        self._told_ahead -= 1
        frames = []
        while self._ahead <= self._lead and (frame := self._next_locked()) is not None:
            frames.append(self._sent_locked(frame, now))
        # A listener was told what has been recalled since, too. Silence makes up for that, or what
        # it hears would grow longer than the call with each interruption.
        if self._told_ahead < 0:
            self._told_ahead = 0
            frames.append((Frame(_SILENCE), ""))
        return frames

    def _after_clear_locked(self, now: float) -> list[tuple[Frame, str]]:
        """Return the fade, which can't wait for the next frame to be due."""
        fade = self._next_locked()
        return [] if fade is None else [self._sent_locked(fade, now)]

    def _sent_locked(self, frame: Frame, now: float) -> tuple[Frame, str]:
        self._ahead += 1
        self._told_ahead += 1
        self._sent_frames += 1
        return frame, self._in_flight.send(frame, now)

    def _next_locked(self) -> Frame | None:
        """Return the next frame that holds sound, if it can be sent now."""
        if self._fade is not None:
            fade, self._fade = self._fade, None
            return fade
        if self._recalled:
            return None if self._paused else self._again_locked()
        # As long as the far end has something to play, a frame may wait to become full.
        is_whole_frame = self._playout.buffered_frames >= _FRAME_SAMPLES or self._playout.complete
        if self._ahead and not is_whole_frame:
            return None
        if not self._playout.render_into(self._block):
            return None
        return Frame(self._block.tobytes(), self._playout.rendered)

    def _again_locked(self) -> Frame:
        frame = self._recalled.popleft()
        if not self._resumed:
            return frame
        self._resumed = False
        samples = np.frombuffer(frame.pcm, "<i2").astype(np.float32)
        samples[:_FADE_SAMPLES] *= np.linspace(0, 1, _FADE_SAMPLES, dtype=np.float32)
        return Frame(np.rint(samples).astype("<i2").tobytes(), frame.parts)

    def _recall_locked(self) -> list[Frame]:
        """Have the far end throw away what it has; return that, and fade what it plays."""
        frames = self._in_flight.recall()
        if frames and not self._over:
            self._clear_due = True
            self._ahead = 0
            self._fade = _fade_of(frames[1]) if len(frames) > 1 else None
        return frames


def _fade_of(frame: Frame) -> Frame:
    """Return the beginning of a frame, falling silent. It belongs to no item."""
    samples = np.zeros(_FRAME_SAMPLES, dtype=np.float32)
    samples[:_FADE_SAMPLES] = np.frombuffer(frame.pcm, "<i2")[:_FADE_SAMPLES]
    samples[:_FADE_SAMPLES] *= np.linspace(1, 0, _FADE_SAMPLES, dtype=np.float32)
    return Frame(np.rint(samples).astype("<i2").tobytes())


def _require_ms(value: object, what: str) -> None:
    if not is_whole(value, 0, _MOST_LEAD_MS):
        raise ConfigError(
            f"{what}={shown(value)} is out of range; give 0 to {_MOST_LEAD_MS} milliseconds"
        )
