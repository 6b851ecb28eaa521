"""The speaker: a ring buffer that an audio callback empties."""

from __future__ import annotations

import threading
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from .._deadline import Deadline
from ..errors import DeviceError
from ._portaudio import Stream, open_stream
from .pcm import Pcm, as_int16, require_rate
from .playout import Playout
from .resample import Resampler

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Speaker"]

# 40 ms: on a busy machine 20 ms blocks underrun now and then, and an interruption still falls
# silent within one block.
_BLOCK_MS = 40
_STALL_S = 5.0  # a device that asks for nothing for as long is gone


class Speaker:
    """Plays PCM16 and knows how far it has come.

    ::

        with Speaker() as speaker:
            speaker.write(pcm, item_id="item_1")
            speaker.drain()

    Args:
        rate: sample rate in Hz of what is written. A device that can't play it is resampled.
        device: index, name or part of a name (see `devices`); None for the system's default.
        prebuffer_ms: the cushion gathered before playing begins, and again after an underrun:
            what a jittery network may be late without being heard.

    Raises:
        ConfigError: an option is wrong, or (when opened) PyAudio or soxr is missing.
        DeviceError: when opened: no such device, or it is busy.

    Threads:
        Any thread may call any method; what two threads write at once is played in turns.
    """

    def __init__(
        self, *, rate: int = 24000, device: int | str | None = None, prebuffer_ms: int = 60
    ) -> None:
        self._rate = require_rate(rate)
        self._device = device
        self._prebuffer_ms = prebuffer_ms
        self._lock = threading.Lock()  # guards _stream and _closed
        self._stream: Stream | None = None
        self._closed = False
        self._called = threading.Event()  # set by every callback
        self._called_at = 0.0  # by the callback; a float is replaced as a whole
        # These are of the device's rate and replaced before its callback is first called:
        self._playout = Playout(self._rate, prebuffer_ms=prebuffer_ms)
        self._latency_frames = 0
        self._block = np.empty(0, dtype="<i2")
        # Guards the resampler and whose audio it holds. Taken before no other lock.
        self._resampler_lock = threading.Lock()
        self._resampler = Resampler(self._rate, self._rate)
        self._key: tuple[str | None, int] | None = None

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

    def start(self) -> None:
        """Open the device; ``with`` does it.

        Raises:
            ConfigError: PyAudio or soxr is missing.
            DeviceError: no such device, it is busy, or this speaker was started before.
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
        self._playout = Playout(stream.rate, prebuffer_ms=self._prebuffer_ms)
        self._latency_frames = int(stream.latency_s * stream.rate)
        self._block = np.empty(stream.rate * _BLOCK_MS // 1000, dtype="<i2")
        self._called_at = time.monotonic()
        with self._lock:
            self._stream = stream
        try:
            self._resampler = Resampler(self._rate, stream.rate)
            stream.start()
        except BaseException:
            self.close()
            raise

    def write(self, audio: Pcm, *, item_id: str | None = None, content_index: int = 0) -> None:
        """Play ``audio`` (PCM16) after what was written before; waits while the buffer is full.

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
        with self._resampler_lock:
            before = self._key
            tail = b"" if key == before else self._resampler.process(b"", last=True)
            self._key = key
            pcm = self._resampler.process(samples)
        self._push(tail, before)
        self._push(pcm, key)

    def flush(self) -> None:
        """Say that the item is complete: its end plays now, and running dry is no underrun.

        Raises:
            DeviceError: the device went away.
        """
        self._finish_item()
        self._playout.flush()

    def clear(self) -> None:
        """Fall silent within one callback, with a fade of 5 ms; forget what was not played."""
        with self._resampler_lock:
            self._resampler.process(b"", last=True)
            self._key = None
        self._playout.clear()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all was heard.

        Returns:
            False when ``timeout`` seconds were not enough, or the speaker was closed meanwhile.

        Raises:
            DeviceError: the device went away.
        """
        deadline = Deadline(timeout)
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
        """Return how many whole milliseconds of an item are heard by now.

        What was handed to the device, less the device's output latency.
        """
        return self._playout.heard_ms(item_id, content_index, latency_frames=self._latency_frames)

    def handed_ms(self, item_id: str | None, content_index: int = 0) -> int:
        """Return how many whole milliseconds of an item were handed to the device.

        They can't be recalled and will be heard: the point at which to truncate the item.
        """
        return self._playout.handed_ms(item_id, content_index)

    def close(self) -> None:
        """Fall silent and close the device (`drain` first to hear the end). May be called again."""
        with self._lock:
            stream, self._stream = self._stream, None
            self._closed = True
        self._called.set()
        if stream is not None:
            stream.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)

    def _finish_item(self) -> None:
        """Bring out what the resampler still holds of the item."""
        with self._resampler_lock:
            tail = self._resampler.process(b"", last=True)
            key, self._key = self._key, None
        self._push(tail, key)

    def _push(self, pcm: bytes, key: tuple[str | None, int] | None) -> None:
        samples = as_int16(pcm)
        item_id, index = key or (None, 0)
        while samples.size:
            taken = self._playout.write(samples, item_id=item_id, content_index=index)
            samples = samples[taken:]
            if samples.size and not self._wait_for_callback(Deadline(None)):
                return

    def _wait_for_callback(self, deadline: Deadline) -> bool:
        """Wait until the device asked for more; False when the time is up or it was closed."""
        self._called.clear()
        remaining = deadline.remaining()
        self._called.wait(_STALL_S if remaining is None else min(remaining, _STALL_S))
        with self._lock:
            if self._closed:
                return False
        if time.monotonic() - self._called_at > _STALL_S:
            raise DeviceError(
                f"the speaker has asked for no audio for {_STALL_S:g} s; was it unplugged?"
            )
        return not deadline.expired

    def _require_open(self) -> None:
        with self._lock:
            if self._stream is None:
                state = "closed" if self._closed else "not open"
                raise DeviceError(f"the speaker is {state}; use: with Speaker() as speaker: …")

    def _play(self, _data: bytes | None, frames: int) -> bytes:
        # On PortAudio's thread: no I/O, no waiting; the ring's lock is only held for a copy.
        self._called_at = time.monotonic()
        if frames != len(self._block):
            self._block = np.empty(frames, dtype="<i2")
        self._playout.render_into(self._block)
        self._called.set()
        stream = self._stream
        if stream is None or stream.channels == 1:
            return self._block.tobytes()
        return np.repeat(self._block, stream.channels).tobytes()
