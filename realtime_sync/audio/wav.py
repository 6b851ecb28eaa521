"""Sound files as the ends of a conversation: `WavSource` speaks one, `WavSink` records answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress

from .._required import is_whole
from .._shown import shown
from .._typing import Self
from .._uncopied import Uncopied
from ..errors import AudioError, ConfigError
from ._clock import SYSTEM_CLOCK, Clock
from ._input_file import SoundFile, StrPath
from ._sound_reader import SoundReader
from ._wavfile import WavWriter
from .base import Source
from .pcm import Pcm, require_rate, silence, whole_pcm16
from .resample import Resampler
from .virtual import Pace, Pacer, VirtualSpeaker, chunk_frames, require_pace

__all__ = ["WavSink", "WavSource", "read_wav", "write_wav"]

_BLOCK_MS = 100
_MOST_TRAILING_MS = 3_600_000
_WHOLE_BLOCK_MS = 1000  # nobody waits for the first one


def read_wav(path: SoundFile, *, rate: int = 24000) -> bytes:
    """Return a whole sound file as PCM16 (int16 mono, little-endian) at ``rate`` Hz.

    WAV, RF64 and BW64 need nothing else: PCM of 8 to 64 bits, floats, µ-law and A-law, any number
    of channels. FLAC, Ogg (Vorbis, Opus), MP3, AIFF and others need the extra ``files``. What
    a file is, its bytes say, not its name.

    Channels are mixed to their mean and samples are rounded to the nearest step, to even between
    two. Floats beyond full scale are clipped, and NaN is silence. A file that was cut off, or whose
    header tells wrong sizes, is read as far as it goes.

    Args:
        path: the file; or its bytes, or a file that is open for bytes, such as
            ``sys.stdin.buffer``, which is read from where it stands.
        rate: sample rate of what is returned, in Hz from 4000 to 384000.

    Raises:
        FormatError: it is no sound file that is read here, or its header can't be true.
        ConfigError: ``rate`` is wrong; the file has another one and soxr is not installed; it is no
            WAV file and soundfile is not installed.
        AudioError: it can't be opened or read.

    Example:
        >>> write_wav("second.wav", bytes(48_000))
        >>> len(read_wav("second.wav", rate=24_000))
        48000
        >>> with open("second.wav", "rb") as file:
        ...     read_wav(file) == read_wav("second.wav")
        True
    """
    require_rate(rate)
    with SoundReader(path) as reader:
        resampler = Resampler(reader.rate, rate)
        blocks = [resampler.process(block) for block in reader.blocks(_WHOLE_BLOCK_MS)]
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
        FormatError: ``audio`` is not PCM16, or a whole file; an existing file is left alone.
        ConfigError: ``rate`` is wrong; the same.
        AudioError: the file can't be written.

    Example:
        >>> write_wav("pause.wav", silence(250))
        >>> read_wav("pause.wav") == silence(250)
        True
    """
    pcm = whole_pcm16(audio)
    writer = WavWriter(path, rate=require_rate(rate))
    try:
        writer.write(pcm)
    finally:
        writer.close()


class WavSource(Source, Uncopied):
    """Speaks a sound file, chunk by chunk, as a microphone would deliver it.

    The file may be all that `read_wav` reads, and of any length: it is read while it is spoken.
    Each iteration begins at the file's start. A pipe is spoken as it comes, and only once; where
    it falls silent, so does this, also after `close`.

    Args:
        path: the file, as for `read_wav`. One that was open already must stay so.
        rate: sample rate of the chunks in Hz.
        chunk_ms: length of each chunk; the last is filled up with silence.
        pace: "realtime", or "fast": as fast as they are taken.
        trailing_silence_ms: follows the file. A server that detects turns needs to hear that the
            speaker has stopped; the default is above the usual 500 ms. Semantic detection may need
            8,000, and 0 is right where the program ends the turns.
        clock: for tests.

    Raises:
        FormatError, AudioError: as `read_wav`; the iteration, too.
        ConfigError: an option is wrong, or a package is missing, as for `read_wav`.

    Threads:
        One thread iterates; `close` may be called from any.

    Example:
        >>> write_wav("second.wav", bytes(48_000))
        >>> with WavSource("second.wav", pace="fast", trailing_silence_ms=0) as source:
        ...     chunks = list(source)
        >>> len(chunks), len(chunks[0])
        (50, 960)
    """

    def __init__(
        self,
        path: SoundFile,
        *,
        rate: int = 24000,
        chunk_ms: int = 20,
        pace: Pace = "realtime",
        trailing_silence_ms: int = 1000,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
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
        self._reader = SoundReader(path)
        # A pipe can't be opened twice: it waits open for the first iteration, or for `close`.
        self._waiting = [self._reader]
        if self._reader.can_be_read_again:
            self._close_waiting()
        try:
            Resampler(self._reader.rate, self._rate)  # what is wrong shows now, not later
        except ConfigError:
            self._close_waiting()
            raise

    @property
    def rate(self) -> int:
        """The sample rate in Hz."""
        return self._rate

    def close(self) -> None:
        """End the iteration."""
        self._closed.set()
        self._close_waiting()

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
        with self._opened() as reader:
            resampler = Resampler(reader.rate, self._rate)
            for block in reader.blocks(_BLOCK_MS):
                yield resampler.process(block)
        yield resampler.process(b"", last=True)
        yield self._tail

    def _opened(self) -> SoundReader:
        if self._reader.can_be_read_again:
            return self._reader.reopened()
        with suppress(IndexError):  # whoever takes it, `close` or the iteration, closes it
            return self._waiting.pop()
        raise AudioError("a pipe is spoken only once; make a WavSource of a file to repeat it")

    def _close_waiting(self) -> None:
        with suppress(IndexError):
            self._waiting.pop().close()


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
