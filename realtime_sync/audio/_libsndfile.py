"""Sound files that libsndfile reads: FLAC, Ogg, MP3 and others; the only door to soundfile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from .._installation import install_command
from ..errors import ConfigError, FormatError
from ._damage import CUT_OFF, damage
from ._flac import FlacFrames
from ._input_file import InputFile, WholeFile
from ._ogg import with_last_packets
from ._splice import SplicedFile
from ._wav_samples import mono_of_floats
from .pcm import RATES_HZ

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Int16 = NDArray[np.int16]
    _Decoded = tuple[NDArray[np.float64], str | None]

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
        self._soundfile = _soundfile(self._what)
        self._errors = (self._soundfile.SoundFileError, OSError, ValueError, RuntimeError)
        try:
            self._file = file.as_whole()
            whole = with_last_packets(self._file) if kind == "Ogg" else self._file
            self._sound = self._open(whole)
        except self._errors as exc:
            raise self._unreadable(_reason(exc)) from exc
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
        for block, reason in self._decoded(frames):
            if reason and fault is None:
                fault = f"{reason} {(done + len(block)) * 1000 // self.rate} ms into it"
            if len(block):
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

    def _decoded(self, frames: int) -> Iterator[_Decoded]:
        done = 0
        while True:
            block, reason = self._read(self._sound, frames)
            if reason and self._kind == "FLAC" and (flac := FlacFrames(self._file)).length:
                yield from self._frame_by_frame(flac, done, frames)
                yield block[:0], reason  # should it have been met in no frame
                return
            yield block, reason
            if not len(block):
                return
            done += len(block)

    def _frame_by_frame(self, flac: FlacFrames, done: int, frames: int) -> Iterator[_Decoded]:
        """Yield what is right behind ``done`` samples, and why something is left out."""
        for first, file in flac.all():
            at, reason = first, None
            if first + flac.length <= done:
                continue  # it was among the samples before
            with suppress(*self._errors), self._open(file) as sound:
                while not reason:
                    block, reason = self._read(sound, flac.length)
                    if reason or not len(block):
                        break
                    given = block[max(0, done - at) :]
                    done = at = at + len(block)
                    for part in range(0, len(given), frames):
                        yield given[part : part + frames], None
            if reason:
                yield np.empty((0, 1)), reason

    def _open(self, file: WholeFile | SplicedFile) -> Any:
        sound = self._soundfile.SoundFile(file)
        # Else soundfile seeks to where it stands after each read, which a damaged file can't.
        sound.seekable = lambda: False
        return sound

    def _read(self, sound: Any, frames: int) -> _Decoded:
        """Return the next frames, and what the decoder says is wrong with them.

        Where it fails, what it had decoded is in the array all the same, and nobody tells how much.
        So the array is full of NaN before, which no decoder makes.
        """
        block = np.full((frames, sound.channels), np.nan)
        try:
            return block[: sound.buffer_read_into(block, "float64")], None
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
