"""Recording from the microphone: a whole sound, or piece by piece while it goes on."""

from __future__ import annotations

import io
import logging
import wave
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

from .._deadline import Deadline
from .._signal_safe import StopSignal
from .._threads import join_all, spawn
from ..audio.microphone import Microphone

__all__ = ["record", "record_as_stream"]

log = logging.getLogger(__name__)

Until = Callable[[], Any]

_RATE_HZ = 24_000
_CHUNK_MS = 40
_QUEUE_MS = 30_000  # what may wait while the network does not take it
_JOIN_S = 1.0


def record(custom_blocking_event: Until, *, device: int | str | None = None) -> io.BytesIO:
    """Record until ``custom_blocking_event`` returns; return a WAV file in memory.

    Args:
        custom_blocking_event: waits for the end, as ``lambda: async_input("Enter to stop ")``
            does. It runs on a thread of its own.
        device: as for `realtime_sync.audio.Microphone`: by default the system's, of any rate.

    Returns:
        16 bits, mono, 24 kHz: all that the microphone has heard.

    Raises:
        DeviceError: no such device, it is busy, or it went away.
        ConfigError: PyAudio or soxr is missing.
        BaseException: what ``custom_blocking_event`` raises; or the app ends.
    """
    return _wav(b"".join(_capture(custom_blocking_event, device)))


def record_as_stream(
    custom_blocking_event: Until | None = None, *, device: int | str | None = None
) -> Iterator[io.BytesIO]:
    """Record, and yield what was heard as small WAV files, until ``custom_blocking_event`` returns.

    What the microphone has heard up to then is yielded to the last sample.

    Args:
        custom_blocking_event: as for `record`; None records until the app ends, or the iteration is
            left.
        device: as for `record`.

    Raises:
        BaseException: as `record`.
    """
    for chunk in _capture(custom_blocking_event, device):
        yield _wav(chunk)


def _capture(until: Until | None, device: int | str | None) -> Iterator[bytes]:
    signal = StopSignal.current()
    microphone = Microphone(rate=_RATE_HZ, chunk_ms=_CHUNK_MS, device=device, queue_ms=_QUEUE_MS)
    with nullcontext() if signal is None else signal.waking(microphone.close):
        yield from _capture_with(microphone, until, signal)
    if signal is not None:
        signal.check()
    if microphone.dropped_chunks:
        log.warning("%d pieces of the recording were lost", microphone.dropped_chunks)


def _capture_with(
    microphone: Microphone, until: Until | None, signal: StopSignal | None
) -> Iterator[bytes]:
    with microphone:
        end = None if until is None else _RecordingEnd(until, microphone, signal)
        yield from microphone
    if end is not None:
        end.join()


class _RecordingEnd:
    """Waits for the end of a recording on a thread of its own, and then closes the microphone."""

    def __init__(self, until: Until, microphone: Microphone, signal: StopSignal | None) -> None:
        self._until = until
        self._microphone = microphone
        self._failure: BaseException | None = None
        work = self._wait if signal is None else lambda: signal.run(self._wait)
        self._thread = spawn(work, name="app-record-until")

    def _wait(self) -> None:
        try:
            self._until()
        except BaseException as exc:  # whatever it is, whoever records is told
            self._failure = exc
        finally:
            self._microphone.close()

    def join(self) -> None:
        """Take that the recording is over; raise what waiting for its end has raised."""
        join_all([self._thread], Deadline(_JOIN_S))
        if self._failure is not None:
            raise self._failure


def _wav(pcm: bytes) -> io.BytesIO:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(_RATE_HZ)
        writer.writeframes(pcm)
    file.seek(0)
    return file
