"""WAV files: reading any PCM one as mono, writing one that is whole even after a crash."""

from __future__ import annotations

import os
import struct
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .._required import require_path
from .._shown import shown
from ..errors import AudioError, ConfigError, FormatError
from .pcm import mix_down

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int16 = NDArray[np.int16]

__all__ = ["StrPath", "WavFile", "WavWriter", "read_mono", "read_sound", "wav_rate"]

StrPath = str | os.PathLike[str]
WavFile = StrPath | BinaryIO
"""A path, or a file that is open and stands at its beginning; the latter is read once."""

_MAX_SIZE = 0xFFFFFFFF  # the sizes in the header have 32 bits
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_CONVERT = "convert it first, for example: sox in.wav -b 16 -e signed-integer out.wav"


def wav_rate(path: StrPath) -> int:
    """Return the sample rate of a WAV file in Hz.

    Raises:
        FormatError: it is no WAV file with PCM samples.
        AudioError: it can't be read.
    """
    with _open(path) as file:
        return file.getframerate()


def read_mono(path: StrPath, *, block_ms: int) -> Iterator[Int16]:
    """Yield the samples of a WAV file, mixed down to mono, in blocks of ``block_ms``.

    Raises:
        FormatError: it is no WAV file with PCM samples.
        AudioError: it can't be read.
    """
    with _open(path) as file:
        frames = max(1, file.getframerate() * block_ms // 1000)
        while data := file.readframes(frames):
            yield _mono(file, data)


def read_sound(path: WavFile) -> tuple[bytes, int]:
    """Return all of a WAV file as PCM16 mono, and its sample rate in Hz.

    Raises:
        FormatError: it is no WAV file with PCM samples.
        AudioError: it can't be read.
    """
    with _open(path) as file:
        return _mono(file, file.readframes(file.getnframes())).tobytes(), file.getframerate()


class WavWriter:
    """Writes PCM16 to a WAV file whose header is right after every call.

    Args:
        path: the file; an existing one is replaced.
        rate: sample rate in Hz.
        channels: interleaved channels in what `write` gets.

    Raises:
        ConfigError: ``path`` is none.
        AudioError: the file can't be created.

    Threads:
        One thread at a time.
    """

    def __init__(self, path: StrPath, *, rate: int, channels: int = 1) -> None:
        self._rate = rate
        self._channels = channels
        self._bytes = 0
        self._path = Path(require_path(path, "path", error=ConfigError))
        try:
            # Unbuffered: what was written is in the file, whatever happens to this process.
            self._file = self._path.open("wb", buffering=0)
        except OSError as exc:
            raise AudioError(f"can't write {shown(str(path))}: {exc.strerror}") from exc
        try:
            self._file.write(self._header())
        except OSError as exc:
            self._file.close()
            raise AudioError(f"can't write {shown(str(path))}: {exc.strerror}") from exc

    def write(self, pcm: bytes) -> None:
        """Append ``pcm`` and correct the header.

        Raises:
            AudioError: the disk is full or the file system refuses for another reason.
        """
        try:
            self._file.seek(0, os.SEEK_END)
            rest = memoryview(pcm)
            while rest:  # a disk that is nearly full takes a part of it, and refuses the next
                taken = self._file.write(rest)
                self._bytes += taken
                rest = rest[taken:]
            # Only now: a crash in between leaves a header that promises no more than is there.
            self._file.seek(0)
            self._file.write(self._header())
        except OSError as exc:
            raise AudioError(f"can't write {shown(str(self._path))}: {exc.strerror}") from exc

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        self._file.close()

    def _header(self) -> bytes:
        frame = 2 * self._channels
        data = min(self._bytes, _MAX_SIZE - 36)
        return _HEADER.pack(
            b"RIFF", data + 36, b"WAVE", b"fmt ", 16, 1, self._channels, self._rate,
            self._rate * frame, frame, 16, b"data", data,
        )  # fmt: skip


def _open(path: WavFile) -> wave.Wave_read:
    is_open = not isinstance(path, str | os.PathLike) and hasattr(path, "read")
    file: Any = path if is_open else require_path(path, "path", error=ConfigError)
    name = "the file" if is_open else shown(file)
    try:
        return wave.open(file, "rb")
    except (wave.Error, EOFError) as exc:
        reason = str(exc) or "it ends too early"
        raise FormatError(f"{name} is no WAV file with PCM samples ({reason}); {_CONVERT}") from exc
    except OSError as exc:
        raise AudioError(f"can't read {name}: {exc.strerror}; check the path") from exc


def _mono(file: wave.Wave_read, data: bytes) -> Int16:
    """Return frames of ``file`` as mono samples."""
    width, channels = file.getsampwidth(), file.getnchannels()
    whole = len(data) - len(data) % (width * channels)  # the file may be cut off
    return mix_down(_to_int16(data[:whole], width), channels)


def _to_int16(data: bytes, width: int) -> Int16:
    """Return samples of 1 to 4 bytes as int16: the two most significant bytes of each."""
    if width == 2:
        return np.frombuffer(data, dtype="<i2")
    if width == 1:  # the only width that WAV keeps unsigned
        return np.asarray((np.frombuffer(data, dtype=np.uint8).astype("<i2") - 128) << 8)
    octets = np.frombuffer(data, dtype=np.uint8).reshape(-1, width)
    return np.frombuffer(octets[:, -2:].tobytes(), dtype="<i2")
