"""Speech by espeak-ng, whose library and data come inside the ``espeakng-loader`` wheel."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._installation import install_command
from ...audio.resample import Resampler
from ...errors import AudioError, ConfigError
from ..engines import SpeechChunk
from ._pieces import OUTPUT_HZ, cut, levelled, portions

__all__ = ["EspeakSynthesizer"]

# From espeak-ng's speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_END_PAUSE = 0x1000
_POS_CHARACTER = 1
_EVENT_LIST_TERMINATED = 0
_EVENT_WORD = 1
_PARAMETER_RATE = 1
_PARAMETER_PITCH = 3
_RATE_MIN, _RATE_MAX = 80, 449  # words per minute; beyond, espeak switches to another method

_WORDS_PER_MINUTE = 150
_DEFAULT_VOICE = "alloy"
# OpenAI's names onto espeak's variants and pitch (0 to 99, 50 is the variant's own). pocketsphinx
# gets 27 to 32 % of the words of klatt3, klatt4 and klatt5 wrong, 37 to 50 % of the others' here,
# and 66 % of espeak's plain voice.
_VOICES = {
    "alloy": ("en-us+klatt4", 50),
    "ash": ("en-us+klatt3", 30),
    "ballad": ("en-us+m6", 50),
    "cedar": ("en-us+klatt3", 55),
    "coral": ("en-us+f5", 50),
    "echo": ("en-us+klatt5", 35),
    "fable": ("en-gb-x-rp+klatt4", 50),
    "marin": ("en-us+klatt4", 75),
    "nova": ("en-us+f1", 55),
    "onyx": ("en-us+klatt4", 10),
    "sage": ("en-us+f2", 50),
    "shimmer": ("en-us+f3", 65),
    "verse": ("en-us+klatt5", 65),
}


class _EventId(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class EspeakSynthesizer:
    """Says English text with one of thirteen voices; an `engines.Synthesizer`.

    espeak-ng keeps its state in global variables: one instance per process.

    Raises:
        ConfigError: espeakng-loader is not installed or does not work here.
    """

    def __init__(self) -> None:
        self._library, self._rate_hz = _load()
        self._pcm: list[bytes] = []
        self._marks: list[tuple[int, int]] = []
        self._callback = _Callback(self._collect)  # kept: ctypes does not own it
        self._library.espeak_SetSynthCallback(self._callback)
        for _ in self.synthesize("ready", voice=_DEFAULT_VOICE, speed=1.0):
            pass  # reads the voice's files, so that the first answer does not

    def synthesize(self, text: str, *, voice: str, speed: float) -> Iterator[SpeechChunk]:
        """Yield the speech for ``text`` in pieces of at most 200 ms at 24 kHz.

        Args:
            text: what to say.
            voice: an OpenAI voice name; an unknown one gets the default.
            speed: 1.0 is normal.

        Raises:
            AudioError: espeak-ng fails.
        """
        parts = list(portions(text))
        for number, part in enumerate(parts, 1):
            # The settings are global, and another text may have had its turn in between.
            self._set_voice(voice, speed)
            samples = levelled(self._speak(part, pause=number < len(parts)))
            marks = self._marks
            pcm = Resampler(self._rate_hz, OUTPUT_HZ).process(samples, last=True)
            yield from cut(pcm, part, marks)

    def _set_voice(self, voice: str, speed: float) -> None:
        name, pitch = _VOICES.get(voice, _VOICES[_DEFAULT_VOICE])
        rate = min(max(round(_WORDS_PER_MINUTE * speed), _RATE_MIN), _RATE_MAX)
        if self._library.espeak_SetVoiceByName(name.encode()):
            raise AudioError(
                f"espeak-ng does not have the voice {name!r}; reinstall espeakng-loader"
            )
        self._library.espeak_SetParameter(_PARAMETER_RATE, rate, 0)
        self._library.espeak_SetParameter(_PARAMETER_PITCH, pitch, 0)

    def _speak(self, text: str, *, pause: bool) -> NDArray[np.int16]:
        self._pcm, self._marks = [], []
        data = text.replace("\0", " ").encode("utf-8", "replace")  # a lone surrogate becomes "?"
        flags = _CHARS_UTF8 | (_END_PAUSE if pause else 0)
        status = self._library.espeak_Synth(
            data, len(data) + 1, 0, _POS_CHARACTER, 0, flags, None, None
        )
        if status:
            raise AudioError(f"espeak-ng could not say {len(text)} characters (status {status})")
        return np.frombuffer(b"".join(self._pcm), np.int16)

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count:
            self._pcm.append(ctypes.string_at(samples, count * 2))
        index = 0
        while events[index].type != _EVENT_LIST_TERMINATED:
            event = events[index]
            if event.type == _EVENT_WORD:
                # Positions count from 1.
                self._marks.append((event.text_position - 1, event.audio_position))
            index += 1
        return 0  # go on


def _load() -> tuple[Any, int]:
    try:
        import espeakng_loader
    except ImportError as exc:
        raise ConfigError(
            "the embedded server's voice needs espeakng-loader, which is not installed: "
            f"{install_command('local')}"
        ) from exc
    try:
        library = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = espeakng_loader.get_data_path()
    except (OSError, RuntimeError) as exc:
        raise ConfigError(f"espeak-ng does not load; reinstall espeakng-loader ({exc})") from exc
    rate_hz = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 200, data_path.encode(), _INITIALIZE_DONT_EXIT
    )
    if rate_hz <= 0:
        raise ConfigError(f"espeak-ng does not start with the data in {data_path}")
    return library, rate_hz
