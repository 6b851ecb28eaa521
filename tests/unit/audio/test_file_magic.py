"""What the first bytes of a file say about it."""

from __future__ import annotations

import pytest

from realtime_sync.audio.file_magic import (
    HEAD_BYTES,
    foreign_kind,
    is_wav,
    libsndfile_kind,
    marked_kind,
    refuse_file,
)
from realtime_sync.errors import FormatError

WAV = b"RIFF\0\0\0\0WAVEfmt "


@pytest.mark.parametrize("mark", [b"RIFF", b"RF64", b"BW64"])
def test_wav(mark: bytes) -> None:
    head = mark + WAV[4:]
    assert is_wav(head)
    assert (marked_kind(head), libsndfile_kind(head)) == ("WAV", None)
    for other in (mark, mark + b"\0\0\0\0AVI ", mark + b"\0\0\0\0WEBP", b"", b"WAVE" + head):
        assert not is_wav(other)
        assert marked_kind(other) is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"fLaC\0\0\0\x22", "FLAC"),
        (b"fLaC\x84\0\0\x22", "FLAC"),
        (b"OggS\0\x02", "Ogg"),
        (b"OggS\0\x00", "Ogg"),
        (b"ID3\4\0\0\0\0\x0f\x7f", "MP3"),
        (b"\xff\xfb\x90\x00", "MP3"),
        (b"\xff\xf3\x84\xc4", "MP3"),
        (b"FORM\0\0\0\0AIFF", "AIFF"),
        (b"FORM\0\0\0\0AIFC", "AIFF"),
        (b"RIFX\0\0\0\0WAVE", "RIFX"),
        (b".snd\0\0\0\x18", "AU"),
        (b"caff\0\1", "CAF"),
        (b"riff\x2e\x91\xcf\x11", "W64"),
        (b"", None),
        (b"\xff", None),
        (b"\xff\xff\xff\xff", None),
        (b"\xff\xeb\x90\x00", None),
        (b"\xff\xf9\x50\x80", None),
        (b"\xff\xfb\xf0\x00", None),
        (b"\xff\xfb\x9c\x00", None),
        (b"FORM\0\0\0\0ILBM", None),
        (b"ID3\xff\0\0\0\0\0\0", None),
        (b"plain text", None),
    ],
)
def test_what_libsndfile_reads(head: bytes, kind: str | None) -> None:
    assert libsndfile_kind(head) == kind


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x20ftypM4A \0\0\0\0", "an MP4 or M4A file"),
        (b"\x1aE\xdf\xa3\x9f", "a WebM file"),
        (b"0&\xb2u\x8e\x66", "a WMA file"),
        (b"#!AMR\n", "an AMR file"),
        (b"\xff\xf1\x50\x80", "an AAC file"),
        (b"<html>\n<body>", "text"),
        (b"\0\1\2\3", "no sound file of a known format"),
        (b"caf\xc3\xa9 \x80", "no sound file of a known format"),
    ],
)
def test_what_nothing_here_reads(head: bytes, kind: str) -> None:
    assert libsndfile_kind(head) is None
    assert foreign_kind(head) == kind


def test_a_file_is_refused_by_its_whole_mark_alone() -> None:
    for head in (b"RIFF", b"fLaC", b"OggS\0", b"ID3", b"ID3\4\0\0\0\0\0", b"\xff\xfb\x90\0", b""):
        refuse_file(head, "audio")
    for head in (WAV, b"fLaC\0\0\0\x22", b"OggS\0\x02", b"ID3\4\0\0\0\0\0\0"):
        assert len(head) <= HEAD_BYTES
        with pytest.raises(FormatError, match=r"^audio is a whole \w+ file, .*read_wav"):
            refuse_file(head + bytes(100), "audio")
