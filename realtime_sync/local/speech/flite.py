"""Speech by the program flite, which a recogniser understands best."""

from __future__ import annotations

import io
import shutil
import subprocess
import wave
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ...audio.resample import Resampler
from ...errors import AudioError, ConfigError
from ..engines import SpeechChunk
from ._pieces import OUTPUT_HZ, cut, levelled, portions

__all__ = ["FliteSynthesizer"]

# Seconds; a portion takes a few tenths. Less than a worker may be silent: a program that hangs
# costs one request, not the worker.
_TIMEOUT = 8.0

_DEFAULT_VOICE = "slt"
_VOICES = {
    **dict.fromkeys(("ash", "ballad", "cedar", "echo", "onyx", "verse"), "rms"),
    "fable": "awb",
}


class FliteSynthesizer:
    """Says English text with one of three voices; an `engines.Synthesizer`.

    flite does not tell when it says which word: words are taken to be as long as their letters.

    Raises:
        ConfigError: flite is not installed.
    """

    def __init__(self) -> None:
        program = shutil.which("flite")
        if program is None:
            raise ConfigError(
                "the synthesizer 'flite' needs the program flite, which is not installed: "
                "apt-get install flite, or choose the synthesizer 'espeak'"
            )
        self._program = program

    def synthesize(self, text: str, *, voice: str, speed: float) -> Iterator[SpeechChunk]:
        """Yield the speech for ``text`` in pieces of at most 200 ms at 24 kHz.

        Args:
            text: what to say.
            voice: an OpenAI voice name; an unknown one gets the default.
            speed: 1.0 is normal.

        Raises:
            AudioError: flite fails.
        """
        for part in portions(text):
            samples, rate_hz = self._speak(part, _VOICES.get(voice, _DEFAULT_VOICE), speed)
            pcm = Resampler(rate_hz, OUTPUT_HZ).process(levelled(samples), last=True)
            duration_ms = len(pcm) * 1000 // (OUTPUT_HZ * 2)
            marks = [(at, duration_ms * at // len(part)) for at in range(len(part))]
            yield from cut(pcm, part, marks)

    def _speak(self, text: str, voice: str, speed: float) -> tuple[NDArray[np.int16], int]:
        stretch = ("--setf", f"duration_stretch={1 / speed:.3f}")
        words = text.replace("\0", " ").encode("utf-8", "replace")
        try:
            done = subprocess.run(  # noqa: S603 -- no shell, and the text is an option's value
                [self._program, "-voice", voice, *stretch, "-t", words, "-o", "/dev/stdout"],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=True,
                timeout=_TIMEOUT,
            )
            with wave.open(io.BytesIO(done.stdout)) as file:
                data = file.readframes(file.getnframes())
                return np.frombuffer(data, "<i2"), file.getframerate()
        except (OSError, subprocess.SubprocessError, wave.Error, EOFError) as exc:
            # Not the exception's own words: they hold the text.
            problem = type(exc).__name__
            raise AudioError(f"flite could not say {len(text)} characters ({problem})") from exc
