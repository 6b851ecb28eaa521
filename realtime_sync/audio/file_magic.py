"""What the first bytes of a file say about it: the one table of formats, for readers and for doors.

A door where raw samples are expected refuses a whole file; a reader picks who reads it. The former
looks at marks alone that no sound begins with by chance.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import FormatError
from ._mpeg import begins_mpeg_frame, is_aac, is_mp3

__all__ = [
    "HEAD_BYTES",
    "MOST_HEAD_BYTES",
    "UNKNOWN",
    "Beginning",
    "foreign_kind",
    "is_wav",
    "libsndfile_kind",
    "marked_kind",
    "refuse_file",
]

HEAD_BYTES = 64
"""So many of the first bytes tell all that is told here, but for frames without a mark."""

MOST_HEAD_BYTES = 6_000
"""So many tell whether frames of MP3 or AAC follow each other."""

UNKNOWN = "no sound file of a known format"

_LIBSNDFILE_MARKS = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b".snd": "AU",
    b"caff": "CAF",
    b"riff": "W64",
}
# ID3 version and revision are never 0xFF, and each byte of the size has seven bits.
_ID3_SIZE = slice(6, 10)
_W64 = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\0\0"
_ASF = b"0&\xb2u\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c"
_EBML = b"\x1aE\xdf\xa3"
_MOST_ENCODINGS = 27  # of AU


def is_wav(head: bytes) -> bool:
    """Whether a file is WAV, or RF64 or BW64: WAV with sizes of 64 bits."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def marked_kind(head: bytes) -> str | None:
    """Return the name of a format whose mark is long enough to be no accident, or None."""
    return next((kind for kind, is_kind in _MARKS.items() if is_kind(head)), None)


def libsndfile_kind(head: bytes) -> str | None:
    """Return the name of a format that libsndfile reads (WAV aside), or None."""
    if is_wav(head):
        return None
    kind = marked_kind(head)
    if kind:
        return None if kind in _UNREADABLE else kind
    return "MP3" if begins_mpeg_frame(head) else _LIBSNDFILE_MARKS.get(head[:4])


def foreign_kind(head: bytes) -> str:
    """Say what a file is that nothing here reads."""
    if head[4:8] == b"ftyp":
        return "an MP4 or M4A file"
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return "an AAC file"
    marks = {_EBML: "a WebM file", _ASF[:4]: "a WMA file", b"#!AM": "an AMR file"}
    if kind := marks.get(head[:4]):
        return kind
    text = head.decode("ascii", "replace").replace("\n", " ")
    return "text" if text.isprintable() and text.isascii() else UNKNOWN


def refuse_file(audio: bytes | bytearray | memoryview, what: str) -> None:
    """Refuse a sound file where its samples are expected: header and codes would be noise.

    Args:
        audio: what is given for samples; its beginning is looked at.
        what: the audio, as the message calls it.

    Raises:
        FormatError: it begins with the whole mark of a sound file, or with three frames of one.
    """
    kind = marked_kind(bytes(audio[:MOST_HEAD_BYTES]))
    if kind is None:
        return
    remedy = "realtime_sync.audio.read_wav(file, rate=24000) gives its samples at any rate"
    if kind in _UNREADABLE:
        remedy = "convert it to WAV, ffmpeg -i in.file out.wav, and read that"
    raise FormatError(
        f"{what} is a whole {kind} file, header and all, and would be heard as noise: {remedy}"
    )


class Beginning:
    """The first sound on a way where samples are expected, which may come in pieces.

    Threads:
        Any number; of what two add at once, one may go unseen.
    """

    __slots__ = ("_head",)

    def __init__(self) -> None:
        self._head = b""

    def add(self, audio: bytes | bytearray | memoryview, what: str) -> bool:
        """Take the next piece, of which `MOST_HEAD_BYTES` are enough.

        Args:
            audio: it.
            what: the audio, as the message calls it.

        Returns:
            Whether enough is known: it is sound.

        Raises:
            FormatError: a whole file begins here; the next piece counts as the first again.
        """
        head, self._head = self._head + bytes(audio[:MOST_HEAD_BYTES]), b""
        refuse_file(head, what)
        if len(head) < HEAD_BYTES or is_mp3(head) is None or is_aac(head) is None:
            self._head = head
            return False
        return True


def _is_id3(head: bytes) -> bool:
    if head[:3] != b"ID3" or len(head) < 10 or 0xFF in head[3:5]:
        return False
    return max(head[_ID3_SIZE]) < 0x80


def _is_au(head: bytes) -> bool:
    """Whether it is AU: its header is of 24 bytes to 64 kB, and it says how samples are written."""
    if head[:6] != b".snd\0\0" or int.from_bytes(head[6:8], "big") < 24:
        return False
    return 1 <= int.from_bytes(head[12:16], "big") <= _MOST_ENCODINGS


def _is_mp4(head: bytes) -> bool:
    return head[:2] == b"\0\0" and head[4:8] == b"ftyp" and head[8:11].isalnum()


def _is_webm(head: bytes) -> bool:
    near = head[:HEAD_BYTES]
    return head.startswith(_EBML) and (b"webm" in near or b"matroska" in near)


_MARKS: dict[str, Callable[[bytes], object]] = {
    "WAV": is_wav,
    "FLAC": lambda head: head.startswith(b"fLaC\0\0\0\x22"),
    "Ogg": lambda head: head.startswith(b"OggS\0\x02"),
    "MP3": lambda head: _is_id3(head) or is_mp3(head),
    "AIFF": lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"),
    "RIFX": lambda head: head[:4] == b"RIFX" and head[8:12] == b"WAVE",
    "AU": _is_au,
    "CAF": lambda head: head.startswith(b"caff\0\1\0\0"),
    "W64": lambda head: head.startswith(_W64),
    "MP4 or M4A": _is_mp4,
    "WebM or Matroska": _is_webm,
    "WMA": lambda head: head.startswith(_ASF),
    "AMR": lambda head: head.startswith(b"#!AMR"),
    "AAC": is_aac,
}
_UNREADABLE = frozenset(("MP4 or M4A", "WebM or Matroska", "WMA", "AMR", "AAC"))
