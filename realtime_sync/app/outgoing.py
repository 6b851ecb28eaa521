"""What senders give: text or sound in any of its forms, as the session wants it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from .._codec import encode_base64
from .._shown import shown
from .._types import JsonDict
from ..audio.file_magic import MOST_HEAD_BYTES, marked_kind
from ..audio.g711 import ENCODERS
from ..audio.resample import Resampler
from ..audio.sound import Sound
from ..conversation.session import SoundFormat
from ..errors import ConfigError, FormatError
from .realtime_tool import ToolLike

__all__ = ["Message", "SoundInput", "read_message", "split_tools", "user_item"]

Message = str | bytes | Sound
"""Text; sound in the session's own encoding; sound that knows its rate."""

_FORMS = "text, PCM or a sound file as bytes or io.BytesIO, a Sound, or (one of these, [tools])"


def split_tools(given: Any) -> tuple[Any, Sequence[ToolLike] | None]:
    """Return what a sender gives without its tools, and these; None for no tools."""
    if not isinstance(given, tuple):
        return given, None
    if len(given) != 2 or not isinstance(given[1], list | tuple):
        raise ConfigError(f"a sender gave a tuple of {len(given)}; give (value, [tools])")
    return given[0], given[1]


def read_message(value: Any) -> Message | None:
    """Return what is to be sent; None for nothing.

    Raises:
        ConfigError: it is no text and no sound.
        FormatError: it begins like a sound file, and can't be read as one.
    """
    if value is None or isinstance(value, str):
        return value or None
    if isinstance(value, Sound):
        return value if value.pcm else None
    if isinstance(value, io.BytesIO):
        value = value.getvalue()
    if not isinstance(value, bytes | bytearray | memoryview):
        raise ConfigError(f"a sender gave {shown(value)}; it gives {_FORMS}")
    data = bytes(value)
    if marked_kind(data[:MOST_HEAD_BYTES]):
        sound = Sound.from_wav(data)
        return sound if sound.pcm else None
    return data or None


class SoundInput:
    """Makes the session's encoding of the pieces of one recording, which may be cut anywhere.

    Args:
        form: the session's encoding.

    Raises (by its methods):
        FormatError: PCM16 ends in half a sample.
        FormatError: the session's encoding is none that can be made of a WAV file.
        ConfigError: the rates differ, and soxr is not installed.
    """

    def __init__(self, form: SoundFormat) -> None:
        self._form = form
        self._resampler: Resampler | None = None  # of the rate that the pieces have
        self._half = b""  # the first byte of a sample whose second is still to come

    def take(self, sound: bytes | Sound) -> bytes:
        """Return the next piece; some of it may come with the one after."""
        if isinstance(sound, bytes):
            return self._rest_of_resampler() + self._whole_samples(sound)
        before = b""
        if self._resampler is None or self._resampler.from_hz != sound.rate:
            before = self.rest()
            self._resampler = Resampler(sound.rate, self._form.hz)
        return before + self._encoded(self._resampler.process(sound.pcm))

    def rest(self) -> bytes:
        """Return what is left of the pieces so far."""
        if self._half:
            raise FormatError("a sender gave an odd number of bytes of PCM16: half a sample")
        return self._rest_of_resampler()

    def _rest_of_resampler(self) -> bytes:
        if self._resampler is None:
            return b""
        rest, self._resampler = self._resampler.process(b"", last=True), None
        return self._encoded(rest)

    def _whole_samples(self, data: bytes) -> bytes:
        if not self._form.is_pcm:
            return data
        data = self._half + data
        whole = len(data) // 2 * 2
        self._half = data[whole:]
        return data[:whole]

    def _encoded(self, pcm: bytes) -> bytes:
        if self._form.is_pcm:
            return pcm
        encode = ENCODERS.get(self._form.type)
        if encode is not None:
            return encode(pcm)
        raise FormatError(
            f"the session's input is {self._form.type!r}, which can't be made of a WAV file; send "
            "bytes of that encoding"
        )


def user_item(message: Message, form: SoundFormat) -> JsonDict:
    """Return a message of the user's with text or with a whole sound.

    Raises:
        FormatError, ConfigError: as `SoundInput`.
    """
    if isinstance(message, str):
        content = {"type": "input_text", "text": message}
    else:
        sound = SoundInput(form)
        data = sound.take(message) + sound.rest()
        content = {"type": "input_audio", "audio": encode_base64(data).decode()}
    return {"type": "message", "role": "user", "content": [content]}
