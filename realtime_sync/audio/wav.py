"""WAV files as the ends of a conversation: `WavSource` speaks one, `WavSink` records the answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .._required import is_whole, require_path
from .._shown import shown
from ..errors import ConfigError
from ._clock import SYSTEM_CLOCK, Clock
from ._wavfile import StrPath, WavWriter, read_mono, wav_rate
from .base import Source
from .pcm import Pcm, require_rate, silence, to_pcm16
from .resample import Resampler
from .virtual import Pace, Pacer, VirtualSpeaker, chunk_frames, require_pace

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["WavSink", "WavSource", "read_wav", "write_wav"]

_BLOCK_MS = 100
_MOST_TRAILING_MS = 3_600_000


def read_wav(path: StrPath, *, rate: int = 24000) -> bytes:
    """Return a whole WAV file as PCM16 mono at ``rate`` Hz.

    Raises:
        FormatError: it is no WAV file with PCM samples.
        AudioError: it can't be read.
        ConfigError: ``rate`` is wrong, or the file has another one and soxr is not installed.
    """
    resampler = Resampler(wav_rate(path), rate)
    blocks = [resampler.process(block) for block in read_mono(path, block_ms=_BLOCK_MS)]
    return b"".join((*blocks, resampler.process(b"", last=True)))


def write_wav(path: StrPath, audio: Pcm, *, rate: int = 24000) -> None:
    """Write a whole sound as a WAV file: 16 bits, mono.

    At any moment the file is a WAV file, even if the program crashes.

    Args:
        path: the file; an existing one is replaced.
        audio: PCM16 bytes (int16 mono, little-endian); or an array of shape (n,) or (n, 1),
            int16, or float32 in -1.0 to 1.0.
        rate: sample rate of ``audio`` in Hz, and of the file.

    Raises:
        FormatError: ``audio`` is not PCM16; an existing file is left alone.
        ConfigError: ``rate`` is wrong; the same.
        AudioError: the file can't be written.

    Example:
        >>> write_wav("pause.wav", silence(250))
        >>> read_wav("pause.wav") == silence(250)
        True
    """
    pcm = to_pcm16(audio)
    writer = WavWriter(path, rate=require_rate(rate))
    try:
        writer.write(pcm)
    finally:
        writer.close()


class WavSource(Source):
    """Speaks a WAV file, chunk by chunk, as a microphone would deliver it.

    The file may have any rate, 8 to 32 bits and several channels: it is converted. Each iteration
    begins at the file's start.

    Args:
        path: the file.
        rate: sample rate of the chunks in Hz.
        chunk_ms: length of each chunk; the last is filled up with silence.
        pace: "realtime", or "fast": as fast as they are taken.
        trailing_silence_ms: follows the file. A server that detects turns needs to hear that the
            speaker has stopped; the default is above the usual 500 ms.
        clock: for tests.

    Raises:
        FormatError: it is no WAV file with PCM samples.
        AudioError: it can't be read.
        ConfigError: an option is wrong, or soxr is not installed and the rates differ.

    Threads:
        One thread iterates; `close` may be called from any.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        rate: int = 24000,
        chunk_ms: int = 20,
        pace: Pace = "realtime",
        trailing_silence_ms: int = 1000,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._path = Path(require_path(path, "path", error=ConfigError))
        self._rate = require_rate(rate)
        self._chunk_bytes = 2 * chunk_frames(self._rate, chunk_ms)
        self._fast = require_pace(pace) == "fast"
        if not is_whole(trailing_silence_ms, 0, _MOST_TRAILING_MS):
            raise ConfigError(
                f"trailing_silence_ms={shown(trailing_silence_ms)} is out of range; give 0 to "
                f"{_MOST_TRAILING_MS}"
            )
        self._tail = silence(trailing_silence_ms, rate_hz=self._rate)
        self._clock = clock
        self._closed = threading.Event()
        Resampler(wav_rate(path), self._rate)  # what is wrong with them shows now, not later

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._rate

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()

    def __iter__(self) -> Iterator[bytes]:
        pacer = Pacer(self._clock, self._closed)
        seconds = 0.0 if self._fast else self._chunk_bytes / 2 / self._rate
        for chunk in self._chunks():
            if not pacer.wait_for(seconds):
                return
            yield chunk

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _chunks(self) -> Iterator[bytes]:
        pending = bytearray()
        size = self._chunk_bytes
        for block in self._blocks():
            pending += block
            while len(pending) >= size:
                yield bytes(pending[:size])
                del pending[:size]
        if pending:
            yield bytes(pending).ljust(size, b"\0")

    def _blocks(self) -> Iterator[bytes]:
        resampler = Resampler(wav_rate(self._path), self._rate)
        for block in read_mono(self._path, block_ms=_BLOCK_MS):
            yield resampler.process(block)
        yield resampler.process(b"", last=True)
        yield self._tail


class WavSink(VirtualSpeaker):
    """Plays into a WAV file: it holds what a listener would have heard, pauses included.

    With ``pace="realtime"`` the audio gets into the file at the moment a speaker would play it,
    so what an interruption cleared is not in it. The file begins with the first sound and is
    whole at any moment, even if the program crashes.

    Args:
        path: the file; an existing one is replaced.
        rate: sample rate in Hz of what is written, and of the file.
        pace: "realtime", or "fast": everything counts as played when it is written.
        clock: for tests.

    Raises:
        AudioError: the file can't be written.
        ConfigError: an option is wrong.

    Threads:
        Any thread may call any method.
    """

    def __init__(
        self,
        path: StrPath,
        *,
        rate: int = 24000,
        pace: Pace = "realtime",
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        require_pace(pace)
        self._writer = WavWriter(path, rate=require_rate(rate))
        super().__init__(rate=rate, pace=pace, tap=self._writer.write, clock=clock)

    def close(self) -> None:
        """Close the file; what was not played yet is not in it (`drain` first to keep it)."""
        super().close()
        self._writer.close()
