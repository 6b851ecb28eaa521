"""What the first bytes of a file say about it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sound_files import MARKED, adts_frame, mpeg_frame

from realtime_sync.audio import read_wav
from realtime_sync.audio._mpeg import mpeg_frame_bytes
from realtime_sync.audio.file_magic import (
    HEAD_BYTES,
    MOST_HEAD_BYTES,
    Beginning,
    foreign_kind,
    is_wav,
    libsndfile_kind,
    marked_kind,
    refuse_file,
)
from realtime_sync.audio.g711 import ENCODERS
from realtime_sync.errors import FormatError

QUESTION = Path(__file__).parents[3] / "samples" / "questions" / "time.wav"
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


@pytest.mark.parametrize("kind", MARKED)
def test_every_mark(kind: str) -> None:
    data = MARKED[kind]
    assert marked_kind(data) == kind
    assert marked_kind(bytes(1) + data) is None
    assert marked_kind(data[:4]) is None
    for form in (data, bytearray(data), memoryview(data)):
        with pytest.raises(FormatError, match=f"^audio is a whole {kind} file, header and all"):
            refuse_file(form, "audio")


def test_what_is_advised_is_what_helps() -> None:
    for kind, data in MARKED.items():
        with pytest.raises(FormatError) as caught:
            refuse_file(data, "audio")
        is_read = kind in ("WAV", libsndfile_kind(data))
        assert ("ffmpeg" in str(caught.value)) is not is_read
        assert ("read_wav(file" in str(caught.value)) is is_read


@pytest.mark.parametrize(
    "sound",
    [
        b".snd\0\0\0\x17\0\0\0\0\0\0\0\3",
        b".snd\0\0\0\x18\0\0\0\0\0\0\0\0",
        b".snd\0\0\0\x18\0\0\0\0\0\0\0\x1c",
        b".snd\0\1\0\x18\0\0\0\0\0\0\0\3",
        b"caff\0\2\0\0",
        b"riff\x2e\x91\xcf\x11",
        b"FORM\0\0\0\0ILBM",
        b"RIFX\0\0\0\0AVI ",
        b"\0\0\0\x20ftyp\0\0\0\0",
        b"\0\1\0\x20ftypM4A ",
        b"\x1aE\xdf\xa3" + bytes(100) + b"webm",
        b"0&\xb2u\x8e\x66\xcf\x11",
        mpeg_frame() * 2,
        adts_frame() * 2,
    ],
)
def test_a_part_of_a_mark_is_none(sound: bytes) -> None:
    assert marked_kind(sound) is None
    refuse_file(sound, "audio")


# -- sound that comes in pieces --------------------------------------------------------------------


@pytest.mark.parametrize("kind", MARKED)
@pytest.mark.parametrize("size", [1, 2, 7, 63, 500])
def test_a_file_in_pieces_is_refused_before_it_is_taken_for_sound(kind: str, size: int) -> None:
    data, beginning = MARKED[kind], Beginning()
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    with pytest.raises(FormatError, match=f"whole {kind} file"):
        assert not any(beginning.add(piece, "audio") for piece in pieces)
    # What follows is looked at as if nothing had been before.
    assert beginning.add(bytes(HEAD_BYTES), "audio")


def test_sound_is_known_as_soon_as_it_can_be() -> None:
    beginning = Beginning()
    assert not beginning.add(bytes(HEAD_BYTES - 1), "audio")
    assert beginning.add(b"\0", "audio")
    assert not Beginning().add(b"", "audio")
    assert Beginning().add(b"\xff" * HEAD_BYTES, "audio")
    beginning = Beginning()  # one frame may be chance: the place of the next one is waited for
    assert not beginning.add(mpeg_frame()[:160], "audio")
    assert not beginning.add(mpeg_frame()[160:], "audio")
    assert beginning.add(bytes(160), "audio")


def test_enough_is_always_known_in_the_end() -> None:
    # The longest frames there are, whose third is not in sight for long.
    longest = bytes.fromhex("ffe5e800")
    assert mpeg_frame_bytes(longest) == 2880
    for frame in (longest.ljust(2880, b"\0"), adts_frame(size=2880)):
        beginning = Beginning()
        pieces = [(frame * 3)[at : at + 160] for at in range(0, MOST_HEAD_BYTES, 160)]
        with pytest.raises(FormatError):
            assert not any(beginning.add(piece, "audio") for piece in pieces)
        refuse_file(frame, "audio")
        with pytest.raises(FormatError):
            refuse_file(frame * 3, "audio")


# -- no false alarm --------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["pcm", "audio/pcmu", "audio/pcma"])
def test_no_sound_is_taken_for_a_file(coding: str) -> None:
    """Noise of every level, tones and speech, begun at each of their samples."""
    encode = ENCODERS.get(coding, bytes)
    width = 2 if coding == "pcm" else 1
    noise = np.random.default_rng(7)
    times = np.arange(4_000) / 24_000
    sounds = [noise.normal(0, level, 9_000) for level in (1, 4, 30, 300, 3_000, 30_000)]
    sounds += [32_767 * np.sin(2 * np.pi * hz * times) for hz in (50, 220.5, 441, 3_000)]
    pcm = [np.clip(np.rint(sound), -32_768, 32_767).astype("<i2").tobytes() for sound in sounds]
    for sound in (*pcm, read_wav(QUESTION), bytes(20_000), b"\xff" * 20_000):
        data = encode(sound)
        marks = {0xFF, *(data[0] for data in MARKED.values())}
        for at in range(0, len(data) - MOST_HEAD_BYTES, width):
            assert data[at] not in marks or not marked_kind(data[at : at + MOST_HEAD_BYTES])
