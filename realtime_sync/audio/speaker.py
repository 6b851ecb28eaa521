"""The speaker: a ring buffer that an audio callback empties."""

from __future__ import annotations

import math
import os
import threading
import warnings
from collections.abc import Callable, Iterable
from contextlib import ExitStack, nullcontext
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .._deadline import Deadline
from .._required import is_whole, require_path
from .._shown import shown
from .._signal_safe import Stopped, StopSignal
from .._threads import Attempt
from .._typing import Self
from .._uncopied import Uncopied
from ..errors import ConfigError, DeviceError
from ._clock import SYSTEM_CLOCK, Clock
from ._input_file import StrPath
from ._sound_reader import SoundReader
from ._tap import Tap
from .base import Sink
from .file_magic import MOST_HEAD_BYTES, refuse_file
from .pcm import Pcm, as_int16, require_rate
from .playout import Playout
from .portaudio import Stream, open_stream, require_device
from .resample import Resampler
from .sound import Sound

Int16 = NDArray[np.int16]

__all__ = ["Speaker", "play"]

WhenFull = Literal["wait", "drop"]
Key = tuple["str | None", int]

# 40 ms: on a busy machine 20 ms blocks underrun now and then, and an interruption still falls
# silent within one block.
_BLOCK_MS = 40
_MOST_BUFFER_MS = 86_400_000
# 400 ms of jitter, one callback, and the last piece of the cushion, which may have come early.
_PREBUFFER_MS = 640
_FILE_BLOCK_MS = 100  # read at once, so that a long file takes no memory
# A callback that is as late means to look whether the device is still there; one that is there
# and asks for nothing for longer hangs.
_LOOK_S = 0.25
_STALL_S = 5.0


class Speaker(Sink, Uncopied):
    """Plays PCM16 and knows how far it has come.

    ::

        with Speaker() as speaker:
            speaker.write(pcm, item_id="item_1")
            speaker.drain()

    Args:
        rate: sample rate in Hz of what is written. A device that can't play it is resampled.
        device: index, name or part of a name (see `devices`); None for the system's default.
        prebuffer_ms: the cushion gathered before playing begins, and again after an underrun. The
            default outlasts a network that is up to 400 ms late, even when the server is never
            ahead of speech and sends pieces of up to 300 ms. It costs time only with such a
            server: one that is ahead fills the cushion in a burst. On a good network 60 will do.
        buffer_ms: the most that can wait to be played.
        when_full: what `write` does with more than that: "wait" for room, or "drop" what does
            not fit and count it in `dropped_ms`.
        tap: WAV file that gets exactly what is handed to the device, at the device's rate and
            pauses included; an existing one is replaced.
        clock: for tests.

    Raises:
        ConfigError: an option is wrong, or (when opened) PyAudio or soxr is missing.
        DeviceError: when opened: no such device, or it is busy.
        AudioError: when opened: the tap's file can't be written.

    Threads:
        Any thread may call any method; what two threads write at once is played in turns.
    """

    def __init__(
        self,
        *,
        rate: int = 24000,
        device: int | str | None = None,
        prebuffer_ms: int = _PREBUFFER_MS,
        buffer_ms: int = 600_000,
        when_full: WhenFull = "wait",
        tap: StrPath | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._rate = require_rate(rate)
        self._device = require_device(device)
        if not isinstance(when_full, str) or when_full not in ("wait", "drop"):
            raise ConfigError(f"when_full={shown(when_full)} is unknown; choose 'wait' or 'drop'")
        if not is_whole(buffer_ms, 1, _MOST_BUFFER_MS) or not is_whole(prebuffer_ms, 0, buffer_ms):
            raise ConfigError(
                f"prebuffer_ms={shown(prebuffer_ms)} must be from 0 to "
                f"buffer_ms={shown(buffer_ms)}, which must be above 0 and at most {_MOST_BUFFER_MS}"
            )
        if tap is not None:
            tap = require_path(tap, "tap", error=ConfigError)
        self._drops = when_full == "drop"
        self._prebuffer_ms = prebuffer_ms
        self._buffer_ms = buffer_ms
        self._tap_path = tap
        self._clock = clock
        self._lock = threading.Lock()  # guards _stream, _closed and _tap
        self._stream: Stream | None = None
        self._closed = False
        self._tap: Tap | None = None
        self._hear: Callable[[Int16], object] = len  # until somebody listens
        self._called = threading.Event()  # set by every callback
        self._called_at = 0.0  # by the callback; a float is replaced as a whole
        # These are of the device's rate and replaced before its callback is first called:
        self._playout = Playout(self._rate, prebuffer_ms=prebuffer_ms, buffer_ms=buffer_ms)
        self._channels = 1
        self._latency_frames = 0
        self._block: Int16 = np.empty(0, dtype="<i2")
        self._frames: Int16 = np.empty((0, 1), dtype="<i2")  # _block on every channel
        # Keeps what is written, resampled and cleared in one order, and guards the next four.
        # Held while _playout takes its locks, inside no other one.
        self._write_lock = threading.Lock()
        self._resampler = Resampler(self._rate, self._rate)
        self._key: Key | None = None  # whose audio the resampler holds
        self._epoch = 0  # how often it was cleared: what waits for room then is not played
        self._dropped_frames = 0

    @property
    def rate(self) -> int:
        """The sample rate in Hz of what is written."""
        return self._rate

    @property
    def buffered_ms(self) -> int:
        """How many milliseconds wait to be handed to the device."""
        return self._playout.buffered_ms

    @property
    def underruns(self) -> int:
        """How often audio ran out before an item was complete (see `flush`)."""
        return self._playout.underruns

    @property
    def dropped_ms(self) -> int:
        """How many milliseconds found no room, with ``when_full="drop"``."""
        with self._write_lock:
            return self._dropped_frames * 1000 // self._playout.rate

    @property
    def gain(self) -> float:
        """The volume as a factor: 1.0 unchanged, 0.0 silent; beyond full scale it clips.

        A change is spread over one callback, so that it does not click.

        Raises:
            ConfigError: when set: it is negative or no number.
        """
        return self._playout.gain

    @gain.setter
    def gain(self, value: float) -> None:
        if not 0 <= value < math.inf:
            raise ConfigError(f"gain={shown(value)} is no volume; give 0.0 or more, such as 0.5")
        self._playout.gain = float(value)

    @property
    def is_open(self) -> bool:
        """Whether the device is."""
        return self._stream is not None

    def start(self) -> None:
        """Open the device; ``with`` does it.

        Raises:
            ConfigError: PyAudio or soxr is missing.
            DeviceError: no such device, it is busy, or this speaker was started before.
            AudioError: the tap's file can't be written.
        """
        with self._lock:
            if self._stream is not None or self._closed:
                raise DeviceError("this speaker was started before; make a new one")
        stream = open_stream(
            "output",
            device=self._device,
            rate=self._rate,
            frames_per_buffer=lambda hz: hz * _BLOCK_MS // 1000,
            callback=self._play,
        )
        with self._lock:
            self._stream = stream
        try:
            self._prepare(stream)
            stream.start()
        except BaseException:
            self.close()
            raise

    def write(self, audio: Pcm, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` (PCM16) after what was written before.

        A full buffer makes it wait or drop (see ``when_full``); a `clear` from another thread
        ends the wait, and what waited is not played.

        Args:
            audio: int16 mono at `rate`, bytes or array.
            item_id: the conversation item it belongs to, for `played_ms`.
            content_index: the part of that item.

        Raises:
            FormatError: ``audio`` is not PCM16.
            DeviceError: the speaker is not open, or the device went away.
        """
        self._require_open()
        samples = as_int16(audio)
        key = (item_id, content_index)
        with self._write_lock:
            pieces = [] if key == self._key else self._finish_locked()
            self._key = key
            pieces.append((as_int16(self._resampler.process(samples)), key))
            epoch = self._epoch
            self._offer_locked(pieces)
        self._push(pieces, epoch)

    def flush(self) -> None:
        """Say that the item is complete: its end plays now, and running dry is no underrun.

        Raises:
            DeviceError: the device went away.
        """
        self._finish_item()
        self._playout.flush()

    def clear(self) -> None:
        """Fall silent within one callback, with a fade of 5 ms; forget what was not played."""
        with self._write_lock:
            self._finish_locked()
            self._epoch += 1
            self._playout.clear()

    def pause(self) -> bool:
        """Fall silent within one callback, with a fade of 5 ms; keep what was not played.

        Returns:
            True: it always can.
        """
        self._playout.pause()
        return True

    def resume(self) -> None:
        """Go on where `pause` stopped."""
        self._playout.resume()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was heard; while paused, that is until somebody calls `resume`.

        Returns:
            False when ``timeout`` seconds were not enough, or the speaker was closed meanwhile.

        Raises:
            DeviceError: the device went away.
        """
        deadline = Deadline(timeout, clock=self._clock)
        # In this order: as long as something waits, the item may be going on.
        for step in (self._finish_item, self._playout.flush):
            while self._playout.buffered_frames:
                if not self._wait_for_callback(deadline):
                    return False
            step()
        # Handed out is not heard: the device's latency is still to pass.
        while self._playout.position < self._playout.sound_end + self._latency_frames:
            if not self._wait_for_callback(deadline):
                return False
        return True

    def played_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole ms of an item are heard by now: handed, less the latency."""
        return self._playout.heard_ms(item_id, content_index, latency_frames=self._latency_frames)

    def handed_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole ms of an item were handed to the device: where to truncate it.

        They can't be recalled and will be heard.
        """
        return self._playout.handed_ms(item_id, content_index)

    def listen(self, hear: Callable[[bytes], object]) -> int:
        """Tell ``hear`` every block on its way to the device, in the callback; see `Sink.listen`.

        Returns:
            The device's sample rate in Hz.

        Raises:
            DeviceError: the speaker is not open, or the device went away.
        """
        self._require_open()
        self._hear = lambda block: hear(block.tobytes())
        return self._playout.rate

    def close(self) -> None:
        """Fall silent and close the device (`drain` first to hear the end). May be called again."""
        with self._lock:
            stream, self._stream = self._stream, None
            tap, self._tap = self._tap, None
            self._closed = True
        self._called.set()
        if stream is not None:
            stream.close()
        if tap is not None:
            tap.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)

    def _prepare(self, stream: Stream) -> None:
        """Make everything that the callback uses, at the device's own rate."""
        gain, rate = self._playout.gain, stream.rate
        self._resampler = Resampler(self._rate, rate)
        self._playout = Playout(rate, prebuffer_ms=self._prebuffer_ms, buffer_ms=self._buffer_ms)
        self._playout.gain = gain
        self._latency_frames = int(stream.latency_s * rate)
        self._channels = stream.channels
        self._shape_block(rate * _BLOCK_MS // 1000)
        if self._tap_path is not None:
            self._tap = Tap(self._tap_path, rate=rate, channels=stream.channels)
        self._called_at = self._clock()

    def _finish_item(self) -> None:
        """Bring out what the resampler still holds of the item."""
        with self._write_lock:
            pieces = self._finish_locked()
            epoch = self._epoch
            self._offer_locked(pieces)
        self._push(pieces, epoch)

    def _finish_locked(self) -> list[tuple[Int16, Key]]:
        tail = as_int16(self._resampler.process(b"", last=True))
        key, self._key = self._key, None
        return [(tail, key or (None, 0))] if tail.size else []

    def _offer_locked(self, pieces: list[tuple[Int16, Key]]) -> None:
        """Take from ``pieces`` what there is room for, or all of it when the rest is dropped."""
        while pieces:
            samples, (item_id, index) = pieces[0]
            taken = self._playout.write(samples, item_id=item_id, content_index=index)
            if taken < len(samples):
                if not self._drops:
                    pieces[0] = (samples[taken:], pieces[0][1])
                    return
                self._dropped_frames += len(samples) - taken
            del pieces[0]

    def _push(self, pieces: list[tuple[Int16, Key]], epoch: int) -> None:
        """Wait until there was room for all of ``pieces``, or they were cleared."""
        while pieces and self._wait_for_callback(Deadline(None)):
            with self._write_lock:
                if epoch != self._epoch:
                    return
                self._offer_locked(pieces)

    def _wait_for_callback(self, deadline: Deadline) -> bool:
        """Wait until the device asked for more; False when the time is up or it was closed."""
        self._called.clear()
        remaining = deadline.remaining()
        self._clock.wait(self._called, _LOOK_S if remaining is None else min(remaining, _LOOK_S))
        with self._lock:
            stream = self._stream
        return stream is not None and self._is_there(stream) and not deadline.expired

    def _require_open(self) -> None:
        with self._lock:
            stream = self._stream
        if stream is None or not self._is_there(stream):
            state = "closed" if self._closed else "not open"
            raise DeviceError(f"the speaker is {state}; use: with Speaker() as speaker: …")

    def _is_there(self, stream: Stream) -> bool:
        """Whether it is open; a device that went away raises."""
        active = stream.active
        with self._lock:
            if self._closed:
                return False
        if not active:
            raise DeviceError(
                "the speaker has stopped; was it unplugged? Choose another one of devices() "
                "and open a new Speaker"
            )
        if self._clock() - self._called_at > _STALL_S:
            raise DeviceError(
                f"the speaker has asked for no audio for {_STALL_S:g} s; was it unplugged?"
            )
        return True

    def _shape_block(self, frames: int) -> None:
        self._block = np.empty(frames, dtype="<i2")
        self._frames = np.empty((frames, self._channels), dtype="<i2")

    def _play(self, _data: bytes | None, frames: int) -> bytes:
        # On PortAudio's thread: no I/O, no waiting; the ring's lock is only held for a copy. All
        # that it makes is the bytes for PyAudio.
        self._called_at = self._clock()
        if frames != len(self._block):
            self._shape_block(frames)
        self._playout.render_into(self._block)
        self._called.set()
        self._frames[:] = self._block[:, None]
        out = self._frames.tobytes()
        if self._tap is not None:
            self._tap.take(out)
        self._hear(self._block)
        return out


def play(
    audio_or_path: Pcm | Sound | StrPath, *, rate: int = 24000, device: int | str | None = None
) -> None:
    """Play a whole sound, and return when it was heard.

    Ctrl-C ends it at once, and so does the end of the app whose function plays it.

    Args:
        audio_or_path: PCM16 bytes (int16 mono, little-endian); or an array of shape (n,) or
            (n, 1), int16, or float32 in -1.0 to 1.0; or a `Sound`; or the path of a sound file, as
            for `read_wav`.
        rate: sample rate of bytes and arrays in Hz; a sound and a file have their own.
        device: as for `Speaker`.

    Raises:
        FormatError: the audio is not PCM16, or the bytes of a file; the file is no sound file that
            `read_wav` reads.
        AudioError: the file can't be read.
        ConfigError: the rate is wrong; PyAudio or soxr is missing, or soundfile for such a file.
        DeviceError: no such device, it is busy, or it went away.

    Example:
        >>> from realtime_sync.audio import silence
        >>> play(silence(100))
    """
    blocks: Iterable[Int16]
    with ExitStack() as opened:
        if isinstance(audio_or_path, (str, os.PathLike)):
            reader = opened.enter_context(SoundReader(audio_or_path))
            blocks, rate = reader.blocks(_FILE_BLOCK_MS), reader.rate
        elif isinstance(audio_or_path, Sound):
            blocks, rate = [as_int16(audio_or_path.pcm)], audio_or_path.rate
        else:
            samples = as_int16(audio_or_path)
            refuse_file(samples[:MOST_HEAD_BYTES].tobytes(), "the audio")
            blocks = [samples]
        speaker = Speaker(rate=rate, device=device)
        _play_on_a_thread(speaker, blocks, opened.pop_all())


def _play_on_a_thread(speaker: Speaker, blocks: Iterable[Int16], opened: ExitStack) -> None:
    # On a thread of its own: Ctrl-C, which strikes the main thread anywhere, could leave the
    # event locked on which a speaker waits, and its callback for ever behind that.
    work = partial(_play_all, speaker, blocks, opened)
    attempt = Attempt(work, discard=lambda _: None, name="play")
    signal = StopSignal.current()
    with nullcontext() if signal is None else signal.waking(lambda: attempt.leave(Stopped())):
        attempt.wait()


def _play_all(speaker: Speaker, blocks: Iterable[Int16], opened: ExitStack) -> None:
    attempt = Attempt.current()
    assert attempt is not None
    attempt.on_leave(speaker.close)
    with opened, speaker:
        for block in blocks:
            speaker.write(block)
        speaker.flush()
        speaker.drain()
