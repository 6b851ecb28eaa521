"""``input_audio_buffer.append`` as JSON: built by concatenation, because it is sent 50 times a
second per speaker and a general JSON encoder would look at every character of the audio."""

from __future__ import annotations

import re
from binascii import Error, a2b_base64

from .._codec import encode_base64
from .._types import Samples
from ..audio.file_magic import MOST_HEAD_BYTES, Beginning, refuse_file
from ..errors import FormatError
from ..events.json_writer import write_json
from ._argument_checks import check_text

__all__ = ["FirstSound", "append_message", "audio_base64", "check_beginning"]

_LOOKED_AT_CHARS = 64
_HEAD_CHARS = (MOST_HEAD_BYTES + 2) // 3 * 4
_ALPHABET = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_HEX = re.compile(r"[0-9a-f]+|[0-9A-F]+")
# Silence in base64 is "AAAA…", and hexadecimal digits as well; no sound has so many numerals.
_HEX_NUMERALS = 8
_MANY_DIGITS = 16


def append_message(encoded: bytes, event_id: str | None) -> bytes:
    """Return the client event for audio in base64, in UTF-8; see `InputAudioBuffer.append`."""
    # As bytes from the beginning: text would be copied twice more, 8 µs for 32 kB of audio.
    if event_id is None:
        return b'{"type":"input_audio_buffer.append","audio":"%b"}' % encoded
    check_text("event_id", event_id)
    given_id = write_json(event_id, "event_id").encode()
    return b'{"type":"input_audio_buffer.append","event_id":%b,"audio":"%b"}' % (given_id, encoded)


def audio_base64(audio: str | bytes | Samples, *, pcm: bool) -> bytes:
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
        refuse_file(audio, "audio")  # half of all files are of odd length
        raise FormatError(
            f"{len(audio)} bytes of PCM16 end in half a sample: append an even number of bytes, "
            "keeping an odd one for the next call"
        )
    return encode_base64(audio)


def check_beginning(audio: str | bytes | Samples, encoded: bytes) -> None:
    """Refuse what begins like anything but samples: a whole file, base64 that is no text, and
    text that is no base64.

    For whole sounds; `FirstSound` is for those that come in pieces.

    Args:
        audio: as it was given.
        encoded: what `audio_base64` made of it.

    Raises:
        FormatError: it is such a thing.
    """
    refuse_file(_decoded_head(audio, encoded), "audio")


class FirstSound:
    """The first sound of a connection, which is looked at as by `check_beginning`."""

    __slots__ = ("_beginning",)  # every connection has one

    def __init__(self) -> None:
        self._beginning = Beginning()

    def add(self, audio: str | bytes | Samples, encoded: bytes) -> bool:
        """Take its next piece.

        Args:
            audio: as it was given.
            encoded: what `audio_base64` made of it.

        Returns:
            Whether enough is known: it is sound.

        Raises:
            FormatError: as `check_beginning`, whatever the pieces are in which it comes.
        """
        return self._beginning.add(_decoded_head(audio, encoded), "audio")


def _decoded_head(audio: str | bytes | Samples, encoded: bytes) -> bytes:
    """Return the bytes with which it begins; refuse text that is no base64, or bytes that are."""
    if isinstance(audio, str):
        beginning = audio[:_LOOKED_AT_CHARS]
        if not _ALPHABET.fullmatch(beginning) or _is_hex(beginning):
            raise _no_base64(audio)
    elif isinstance(audio, bytes | bytearray | memoryview):
        _refuse_base64(bytes(audio[:_LOOKED_AT_CHARS]).decode("latin-1"))
    try:
        return a2b_base64(encoded[:_HEAD_CHARS])
    except Error:  # further on it is no base64, which is the server's business
        return a2b_base64(encoded[:_LOOKED_AT_CHARS])


def _checked_base64(text: str) -> bytes:
    # The cheap part of the check: nothing in it can end the JSON string. Whether it decodes is
    # the server's business, which answers with an error event.
    if not (text.isascii() and text.isprintable()) or len(text) % 4 or '"' in text or "\\" in text:
        raise _no_base64(text)
    return text.encode("ascii")


def _is_hex(beginning: str) -> bool:
    if len(beginning) < _LOOKED_AT_CHARS or not _HEX.fullmatch(beginning):
        return False
    return sum(map(str.isdigit, beginning)) >= _HEX_NUMERALS


def _refuse_base64(beginning: str) -> None:
    # A test's constant sound may be of such bytes, but not of so many different ones.
    is_long = len(beginning) == _LOOKED_AT_CHARS and len(set(beginning)) >= _MANY_DIGITS
    if is_long and _ALPHABET.fullmatch(beginning):
        raise FormatError(
            f"{beginning[:20]!r}… is base64 text in bytes: pass audio.decode(), or "
            "base64.b64decode(audio)"
        )


def _no_base64(text: str) -> FormatError:
    return FormatError(
        f"{text[:20]!r}… is not base64 (ascii letters, digits, '+', '/', '=', in groups of "
        f"four): {_way_from(text)}"
    )


def _way_from(text: str) -> str:
    """Say how text that is not base64 becomes sound."""
    beginning = text[:_LOOKED_AT_CHARS]
    if beginning.startswith("data:"):
        return "it is a data: URL; pass what follows its comma, or read_wav() of that, decoded"
    if "://" in beginning:
        return "it is a URL; download it and pass realtime_sync.audio.read_wav(file)"
    if _is_hex(beginning):
        return "it is hexadecimal; pass bytes.fromhex(text)"
    if _ALPHABET.fullmatch("".join(text.split())):
        return "it has line breaks or spaces, or is cut off; pass ''.join(text.split()), all of it"
    if re.fullmatch(r"[A-Za-z0-9_-]+={0,2}", text):
        return "it is URL-safe base64; pass base64.urlsafe_b64decode(text + '==')"
    if re.search(r"[/\\.]", beginning):
        return "if it is the path of a file, pass realtime_sync.audio.read_wav(path)"
    return "pass bytes to have them encoded"
