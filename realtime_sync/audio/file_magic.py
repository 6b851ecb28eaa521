"""What the first bytes of a file say about it: the one table of formats, for readers and for doors.

A door where raw samples are expected refuses a whole file; a reader picks who reads it. The former
looks at marks alone that no sound begins with by chance.
"""

from __future__ import annotations

from ..errors import FormatError

__all__ = [
    "HEAD_BYTES",
    "UNKNOWN",
    "foreign_kind",
    "is_wav",
    "libsndfile_kind",
    "marked_kind",
    "refuse_file",
]

HEAD_BYTES = 16
"""So many of the first bytes tell all that is told here."""

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


def is_wav(head: bytes) -> bool:
    """Whether a file is WAV, or RF64 or BW64: WAV with sizes of 64 bits."""
    return head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"


def marked_kind(head: bytes) -> str | None:
    """Return the name of a format whose mark is long enough to be no accident, or None."""
    if is_wav(head):
        return "WAV"
    if head.startswith(b"fLaC\0\0\0\x22"):
        return "FLAC"
    if head.startswith(b"OggS\0\x02"):
        return "Ogg"
    if head[:3] == b"ID3" and len(head) >= 10 and 0xFF not in head[3:5]:
        return "MP3" if max(head[_ID3_SIZE]) < 0x80 else None
    return None


def libsndfile_kind(head: bytes) -> str | None:
    """Return the name of a format that libsndfile reads (WAV aside), or None."""
    if is_wav(head):
        return None
    if kind := marked_kind(head):
        return kind
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[:4] == b"RIFX" and head[8:12] == b"WAVE":
        return "RIFX"
    if _is_mpeg_frame(head):
        return "MP3"
    return _LIBSNDFILE_MARKS.get(head[:4])


def foreign_kind(head: bytes) -> str:
    """Say what a file is that nothing here reads."""
    if head[4:8] == b"ftyp":
        return "an MP4 or M4A file"
    if head[:2] in (b"\xff\xf1", b"\xff\xf9"):
        return "an AAC file"
    marks = {b"\x1aE\xdf\xa3": "a WebM file", b"0&\xb2u": "a WMA file", b"#!AM": "an AMR file"}
    if kind := marks.get(head[:4]):
        return kind
    text = head.decode("ascii", "replace").replace("\n", " ")
    return "text" if text.isprintable() and text.isascii() else UNKNOWN


def refuse_file(head: bytes, what: str) -> None:
    """Refuse a sound file where its samples are expected: header and codes would be noise.

    Args:
        head: the first `HEAD_BYTES` of the audio, or more.
        what: the audio, as the message calls it.

    Raises:
        FormatError: it begins with the whole mark of a sound file.
    """
    if kind := marked_kind(head):
        raise FormatError(
            f"{what} is a whole {kind} file, header and all, and would be heard as noise: "
            "realtime_sync.audio.read_wav(file, rate=24000) gives its samples at any rate"
        )


def _is_mpeg_frame(head: bytes) -> bool:
    """Whether it begins like a frame of MPEG audio, with no value that the format reserves."""
    if len(head) < 3 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer != 0 and bit_rate != 15 and sample_rate != 3
