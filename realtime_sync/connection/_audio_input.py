"""``input_audio_buffer.append`` as JSON: built by concatenation, because it is sent 50 times a
second per speaker and a general JSON encoder would look at every character of the audio."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._codec import encode_base64
from ..errors import FormatError
from ..events.json_writer import write_json
from ._argument_checks import check_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["append_message", "audio_base64"]

_END = 64  # characters
_BASE64 = re.compile(r"[A-Za-z0-9+/=_-]*").fullmatch


def append_message(audio: str | bytes | NDArray[Any], event_id: str | None, *, pcm: bool) -> bytes:
    """Return the whole client event for ``audio``, in UTF-8; see `InputAudioBuffer.append`."""
    # As bytes from the beginning: text would be copied twice more, 8 µs for 32 kB of audio.
    encoded = audio_base64(audio, pcm=pcm)
    if event_id is None:
        return b'{"type":"input_audio_buffer.append","audio":"%b"}' % encoded
    check_text("event_id", event_id)
    given_id = write_json(event_id, "event_id").encode()
    return b'{"type":"input_audio_buffer.append","event_id":%b,"audio":"%b"}' % (given_id, encoded)


def audio_base64(audio: str | bytes | NDArray[Any], *, pcm: bool) -> bytes:
    """Return ``audio`` in base64.

    Args:
        audio: base64 text, bytes, or a mono int16 or float32 array.
        pcm: whether bytes are PCM16, that is whole samples of two bytes.

    Raises:
        FormatError: the audio is not of that form.
    """
    if isinstance(audio, str):
        return _checked_base64(audio)
    if not isinstance(audio, bytes | bytearray | memoryview):
        if not pcm:
            raise FormatError(
                "arrays are PCM16 and this session's input is G.711: encode them with "
                "realtime_sync.audio.g711 and append the bytes"
            )
        from ..audio.pcm import to_pcm16  # NumPy is loaded by whoever made the array

        audio = to_pcm16(audio)
    elif pcm and len(audio) % 2:
        raise FormatError(
            f"{len(audio)} bytes of PCM16 end in half a sample: append an even number of bytes, "
            "keeping an odd one for the next call"
        )
    return encode_base64(audio)


def _checked_base64(text: str) -> bytes:
    # The cheap part of the check: nothing in it can end the JSON string. Whether it decodes is
    # the server's business, which answers with an error event.
    plain = text.isascii() and text.isprintable() and '"' not in text and "\\" not in text
    # Its ends tell what else it may be, such as the path of a file.
    ends = text if len(text) <= 2 * _END else text[:_END] + text[-_END:]
    if not plain or len(text) % 4 or not _BASE64(ends):
        raise FormatError(
            f"{text[:20]!r}… is not base64 (ascii letters, digits, '+', '/', '=', in groups of "
            "four): pass bytes to have them encoded; realtime_sync.audio.read_wav() reads a file"
        )
    return text.encode("ascii")
