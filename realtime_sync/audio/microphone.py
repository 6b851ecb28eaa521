"""The microphone as an iterator of PCM16 chunks."""

from __future__ import annotations

import queue
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import DeviceError
from ._portaudio import Stream, open_stream
from .pcm import mix_down, require_rate
from .resample import Resampler
from .virtual import chunk_frames

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Microphone"]

# A device that delivers nothing for as long is gone: callbacks come every few ms, and up to
# 200 ms late on a busy machine.
_STALL_S = 5.0


class Microphone:
    """Captures sound and iterates it in exact chunks.

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
        DeviceError: when opened: no such device, or it is busy.

    Threads:
        One thread iterates; `close`, `mute` and `unmute` may be called from any.
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
        self._device = device
        self._most = max(1, queue_ms // chunk_ms)
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards _stream and _closed
        self._stream: Stream | None = None
        self._closed = False
        self._muted = False
        self.dropped_chunks = 0

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._rate

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
            self._stream = stream
        stream.start()

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
            stream = self._stream
            if stream is None and not self._closed:
                raise DeviceError("the microphone is not open; use: with Microphone() as …")
        if stream is None:
            return
        resampler = Resampler(stream.rate, self._rate)
        pending = bytearray()
        while (data := self._next(stream)) is not None:
            pending += resampler.process(mix_down(data, stream.channels))
            while len(pending) >= self._chunk_bytes:
                chunk = bytes(pending[: self._chunk_bytes])
                del pending[: self._chunk_bytes]
                yield bytes(len(chunk)) if self._muted else chunk

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_stream", None) is not None:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)

    def _next(self, stream: Stream) -> bytes | None:
        try:
            return self._queue.get(timeout=_STALL_S)
        except queue.Empty:
            if self._closed:
                return None
            state = "silent" if stream.active else "stopped"
            raise DeviceError(
                f"the microphone is {state}: nothing came for {_STALL_S:g} s; was it unplugged?"
            ) from None

    def _capture(self, data: bytes | None, _frames: int) -> None:
        # On PortAudio's thread: no lock of ours, no waiting.
        if data is None:
            return
        if self._queue.qsize() >= self._most:
            try:
                self._queue.get_nowait()
                self.dropped_chunks += 1
            except queue.Empty:
                pass  # the reader was faster
        self._queue.put(data)
