"""Sound files that libsndfile reads: FLAC, Ogg, MP3 and others; the only door to soundfile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._installation import install_command
from ..errors import ConfigError, FormatError
from ._damage import CUT_OFF, damage
from ._input_file import InputFile
from ._wav_samples import mono_of_floats
from .pcm import RATES_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int16 = NDArray[np.int16]

__all__ = ["LibsndfileReader"]

log = logging.getLogger(__name__)

_UNKNOWN_FRAMES = (1 << 63) - 1  # what libsndfile says of a FLAC file that was written into a pipe


class LibsndfileReader:
    """A file that libsndfile reads, from its beginning to its end.

    Args:
        file: its bytes.
        kind: what it is, as messages call it.

    Attributes:
        rate: frames per second, in Hz.
        frame_bytes: what a frame takes in memory.

    Raises:
        ConfigError: soundfile is not installed.
        FormatError: libsndfile can't read it.
        AudioError: the file can't be read.
    """

    def __init__(self, file: InputFile, kind: str) -> None:
        self._what = f"{file.name} ({kind})"
        self._kind = kind
        soundfile = _soundfile(self._what)
        self._errors = (soundfile.SoundFileError, OSError, ValueError, RuntimeError)
        try:
            self._file = file.as_whole()
            self._sound: Any = soundfile.SoundFile(self._file)
        except self._errors as exc:
            raise self._unreadable(_reason(exc)) from exc
        # Else soundfile seeks to where it stands after each read, which a damaged file can't.
        self._sound.seekable = lambda: False
        self.rate: int = self._sound.samplerate
        self.frame_bytes: int = 8 * self._sound.channels
        if self.rate not in RATES_HZ or not self._sound.frames:
            fault = f"{self.rate} Hz" if self._sound.frames else "it has no end and no sound"
            self.close()
            raise self._unreadable(fault)

    def blocks(self, frames: int) -> Iterator[Int16]:
        """Yield the sound as PCM16 mono, up to ``frames`` at a time.

        Of a file that is damaged comes all that can be decoded, and then the log says so.

        Raises:
            FormatError: nothing can be decoded.
        """
        done, fault = 0, None
        while True:
            block, reason = self._read(frames)
            if reason and fault is None:
                fault = f"{reason} {(done + len(block)) * 1000 // self.rate} ms into it"
            if not len(block):
                break
            done += len(block)
            yield mono_of_floats(block)
        fault = fault or damage(self._kind, self._file)
        if fault is None and self._kind == "FLAC" and done < self._sound.frames < _UNKNOWN_FRAMES:
            fault = CUT_OFF
        if not done:
            raise self._unreadable(fault or "it has no sound")
        if fault is not None:
            log.warning(
                "%s is damaged: %s; %d ms of sound could be read",
                self._what, fault, done * 1000 // self.rate,
            )  # fmt: skip

    def _read(self, frames: int) -> tuple[NDArray[np.float64], str | None]:
        """Return the next frames, and what the decoder says is wrong with them.

        Where it fails, what it had decoded is in the array all the same, and nobody tells how much.
        So the array is full of NaN before, which no decoder makes.
        """
        block = np.full((frames, self._sound.channels), np.nan)
        try:
            return block[: self._sound.buffer_read_into(block, "float64")], None
        except self._errors as exc:
            decoded = np.flatnonzero(~np.isnan(block[:, 0]))
            return block[: decoded[-1] + 1 if decoded.size else 0], _reason(exc)

    def close(self) -> None:
        """Close it; more than once does no harm."""
        self._sound.close()

    def _unreadable(self, reason: str) -> FormatError:
        return FormatError(
            f"{self._what} can't be read: {reason}; get the whole file, or convert it: "
            "ffmpeg -i in.file out.wav"
        )


def _reason(exc: Exception) -> str:
    """Return libsndfile's own words, without the name of the file."""
    return str(getattr(exc, "error_string", exc)).removeprefix("Error : ").strip().rstrip(".")


def _soundfile(what: str) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as exc:  # OSError: its library is missing
        raise ConfigError(
            f"reading {what} needs soundfile, which is not installed: {install_command('files')}"
        ) from exc
    return soundfile
