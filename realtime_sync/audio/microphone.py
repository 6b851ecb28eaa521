"""The microphone as an iterator of PCM16 chunks."""

from __future__ import annotations

import math
import queue
import threading
import warnings
from collections.abc import Iterator

from .._required import is_whole
from .._shown import shown
from .._typing import Self
from .._uncopied import Uncopied
from ..errors import ConfigError, DeviceError
from .base import Source
from .pcm import level_dbfs, mix_down, require_rate
from .portaudio import Stream, open_stream, require_device
from .resample import Resampler
from .virtual import chunk_frames

__all__ = ["Microphone"]

# Callbacks come every few ms, and up to 200 ms late on a busy machine. Later than that it is time
# to look whether the device is still there; one that is and stays silent for longer hangs.
_LOOK_S = 0.25
_STALL_S = 5.0


class Microphone(Source, Uncopied):
    """Captures sound and iterates it in exact chunks; the last is filled up with silence.

    ::

        with Microphone() as microphone:
            for chunk in microphone:
                connection.input_audio_buffer.append(audio=chunk)

    Args:
        rate: sample rate of the chunks in Hz. A device that has another one is resampled, and
            several channels are mixed down.
        chunk_ms: length of each chunk.
        device: index, name or part of a name (see `devices`); None for the system's default.
        queue_ms: how much may wait for a slow reader; beyond it the oldest is dropped and
            counted in `dropped_chunks`.

    Raises:
        ConfigError: an option is wrong, or (when opened) PyAudio or soxr is missing.
        DeviceError: when opened: no such device, or it is busy. When iterated: it is not open,
            or the device went away; what it had delivered before comes out first.

    Attributes:
        dropped_chunks: how many callbacks' worth of sound a slow reader has lost.

    Threads:
        One thread iterates; everything else may be called from any.
    """

    def __init__(
        self,
        *,
        rate: int = 24000,
        chunk_ms: int = 20,
        device: int | str | None = None,
        queue_ms: int = 2000,
    ) -> None:
        self._rate = require_rate(rate)
        self._chunk_ms = chunk_ms
        self._chunk_bytes = 2 * chunk_frames(self._rate, chunk_ms)
        self._device = require_device(device)
        if not is_whole(queue_ms, chunk_ms):
            raise ConfigError(
                f"queue_ms={shown(queue_ms)} holds no chunk of {chunk_ms} ms; give more"
            )
        self._most = queue_ms // chunk_ms
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards _stream, _opened and _closed
        self._stream: Stream | None = None
        self._opened: Stream | None = None  # the same, and still when it is closed
        self._closed = False
        self._muted = False
        self._latest = b""  # by the callback; replaced as a whole
        self._resampler = Resampler(self._rate, self._rate)  # of the device, when it is open
        self.dropped_chunks = 0

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._rate

    @property
    def level_dbfs(self) -> float:
        """The level of what is heard now in dB relative to full scale, also while muted.

        0.0 at most, ``-inf`` for silence and before the first sound; see
        `realtime_sync.audio.level_dbfs`.
        """
        latest = self._latest
        return level_dbfs(latest) if latest else -math.inf

    @property
    def is_open(self) -> bool:
        """Whether the device is."""
        return self._stream is not None

    def start(self) -> None:
        """Open the device and begin to capture; ``with`` does it.

        Raises:
            ConfigError: PyAudio or soxr is missing.
            DeviceError: no such device, it is busy, or this microphone was started before.
        """
        with self._lock:
            if self._stream is not None or self._closed:
                raise DeviceError("this microphone was started before; make a new one")
        stream = open_stream(
            "input",
            device=self._device,
            rate=self._rate,
            frames_per_buffer=lambda hz: chunk_frames(hz, self._chunk_ms),
            callback=self._capture,
        )
        with self._lock:
            self._stream = self._opened = stream
        try:
            self._resampler = Resampler(stream.rate, self._rate)
            stream.start()
        except BaseException:
            self.close()
            raise

    def mute(self) -> None:
        """Deliver silence until `unmute`, at the same pace."""
        self._muted = True

    def unmute(self) -> None:
        """Deliver again what is heard."""
        self._muted = False

    def close(self) -> None:
        """End the iteration and close the device. May be called again."""
        with self._lock:
            stream, self._stream = self._stream, None
            self._closed = True
        if stream is not None:
            stream.close()
        self._queue.put(None)

    def __iter__(self) -> Iterator[bytes]:
        with self._lock:
            stream = self._opened
            if stream is None and not self._closed:
                raise DeviceError("the microphone is not open; use: with Microphone() as …")
        if stream is None:
            return
        pending = bytearray()
        while (data := self._next(stream)) is not None:
            pending += self._resampler.process(mix_down(data, stream.channels))
            while len(pending) >= self._chunk_bytes:
                yield self._take(pending)
        pending += self._resampler.process(b"", last=True)
        while pending:
            yield self._take(pending)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)

    def _take(self, pending: bytearray) -> bytes:
        """Take a chunk off ``pending``."""
        chunk = bytes(pending[: self._chunk_bytes]).ljust(self._chunk_bytes, b"\0")
        del pending[: self._chunk_bytes]
        return bytes(len(chunk)) if self._muted else chunk

    def _next(self, stream: Stream) -> bytes | None:
        for _ in range(round(_STALL_S / _LOOK_S)):
            active = stream.active  # before looking into the queue: its last words come first
            try:
                return self._queue.get(timeout=_LOOK_S if active else 0)
            except queue.Empty:
                pass
            if self._closed:
                return None
            if not active:
                raise DeviceError(
                    "the microphone has stopped; was it unplugged? Choose another one of "
                    "devices() and open a new Microphone"
                )
        raise DeviceError(
            f"the microphone is silent: nothing came for {_STALL_S:g} s; was it unplugged?"
        )

    def _capture(self, data: bytes | None, _frames: int) -> None:
        # On PortAudio's thread: no lock of ours, no waiting.
        if data is None:
            return
        self._latest = data
        if self._queue.qsize() >= self._most:
            try:
                self._queue.get_nowait()
                self.dropped_chunks += 1
            except queue.Empty:
                pass  # the reader was faster
        self._queue.put(data)
