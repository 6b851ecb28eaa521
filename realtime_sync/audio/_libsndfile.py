"""Sound files that libsndfile reads: FLAC, Ogg, MP3 and others; the only door to soundfile."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._installation import install_command
from ..errors import ConfigError, FormatError
from ._input_file import InputFile
from ._wav_samples import mono_of_floats
from .pcm import RATES_HZ

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Int16 = NDArray[np.int16]

__all__ = ["LibsndfileReader"]

log = logging.getLogger(__name__)


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
        soundfile = _soundfile(self._what)
        self._errors = (soundfile.SoundFileError, OSError, ValueError, RuntimeError)
        try:
            self._sound: Any = soundfile.SoundFile(file.as_whole())
        except self._errors as exc:
            raise self._unreadable(_reason(exc)) from exc
        self.rate: int = self._sound.samplerate
        self.frame_bytes: int = 8 * self._sound.channels
        if self.rate not in RATES_HZ or not self._sound.frames:
            fault = f"{self.rate} Hz" if self._sound.frames else "it has no end and no sound"
            self.close()
            raise self._unreadable(fault)

    def blocks(self, frames: int) -> Iterator[Int16]:
        """Yield the sound as PCM16 mono, ``frames`` at a time.

        A file that is damaged further on is read up to there, and the log says so.
        """
        done = 0
        while True:
            try:
                block = self._sound.read(frames, dtype="float64", always_2d=True)
            except self._errors as exc:
                if not done:
                    raise self._unreadable(_reason(exc)) from exc
                log.warning(
                    "%s is damaged after %d ms, which is where it ends here: %s",
                    self._what, done * 1000 // self.rate, _reason(exc),
                )  # fmt: skip
                return
            if not len(block):
                return
            done += len(block)
            yield mono_of_floats(block)

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
    return str(getattr(exc, "error_string", exc)).strip().rstrip(".")


def _soundfile(what: str) -> Any:
    try:
        import soundfile
    except (ImportError, OSError) as exc:  # OSError: its library is missing
        raise ConfigError(
            f"reading {what} needs soundfile, which is not installed: {install_command('files')}"
        ) from exc
    return soundfile
