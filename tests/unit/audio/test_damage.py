"""What is wrong with a file whose decoder says nothing."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from sound_files import mpeg_frame

from realtime_sync.audio._damage import CUT_OFF, damage
from realtime_sync.audio._input_file import WholeFile
from realtime_sync.audio._mpeg import mpeg_frame_bytes

RATE = 24_000
NOISE = np.random.default_rng(5).normal(0, 0.1, 3 * RATE)


def written(kind: str, coding: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, NOISE, RATE, format=kind, subtype=coding)
    return file.getvalue()


VORBIS, OPUS = written("OGG", "VORBIS"), written("OGG", "OPUS")
MP3, AIFF = written("MP3", "MPEG_LAYER_III"), written("AIFF", "PCM_16")
WHOLE = {
    "Vorbis": ("Ogg", VORBIS),
    "Opus": ("Ogg", OPUS),
    "MP3": ("MP3", MP3),
    "AIFF": ("AIFF", AIFF),
}
FRAME = mpeg_frame()


def of(kind: str, data: bytes, *, start: int = 0) -> str | None:
    return damage(kind, WholeFile(io.BytesIO(data), start))


def pages(data: bytes) -> list[bytes]:
    return [b"OggS" + page for page in data.split(b"OggS")[1:]]


@pytest.mark.parametrize("name", WHOLE)
def test_nothing_is_seen_in_a_file_that_is_right(name: str) -> None:
    kind, data = WHOLE[name]
    assert of(kind, data) is None
    assert of(kind, b"in front" + data, start=8) is None


def test_of_other_formats_nothing_is_known() -> None:
    assert of("FLAC", b"fLaC") is None


@pytest.mark.parametrize("name", WHOLE)
def test_a_file_that_was_cut_off_anywhere_is(name: str) -> None:
    kind, data = WHOLE[name]
    for size in range(len(data) // 8, len(data) - 1, len(data) // 97):
        assert of(kind, data[:size]) == CUT_OFF, size


@pytest.mark.parametrize("data", [VORBIS, OPUS], ids=["Vorbis", "Opus"])
def test_a_bit_that_was_turned_in_ogg_is_seen_wherever_it_was(data: bytes) -> None:
    for at in range(0, len(data), len(data) // 97):
        turned = bytearray(data)
        turned[at] ^= 1 << at % 8
        assert of("Ogg", bytes(turned)), at


def test_the_page_is_told() -> None:
    whole = pages(VORBIS)
    at = len(whole[0]) + len(whole[1])
    turned = bytearray(VORBIS)
    turned[at + 100] ^= 1
    assert of("Ogg", bytes(turned)) == f"the page at byte {at} is damaged"
    assert of("Ogg", VORBIS[:at] + b"x" + VORBIS[at:]) == f"no page begins at byte {at}"
    assert of("Ogg", VORBIS[:at] + b"".join(whole[3:])) == f"pages are missing before byte {at}"
    assert of("Ogg", VORBIS[:-1] + b"Og") is not None
    assert of("Ogg", VORBIS + b"Og") == CUT_OFF
    assert of("Ogg", b"".join(whole[:-1])) == CUT_OFF


def test_streams_in_one_file_are_counted_each() -> None:
    one, other = pages(VORBIS), pages(OPUS)
    assert of("Ogg", VORBIS + OPUS) is None, "one after the other"
    assert of("Ogg", b"".join([one[0], other[0], *one[1:], *other[1:]])) is None
    assert of("Ogg", b"".join([one[0], *other, *one[1:-1]])) == CUT_OFF


def test_mp3_is_walked_from_frame_to_frame() -> None:
    assert of("MP3", FRAME * 9) is None
    assert of("MP3", FRAME * 8 + FRAME[:-1]) == CUT_OFF
    assert of("MP3", FRAME * 8 + b"\xff\xfb") == CUT_OFF
    assert of("MP3", FRAME * 2 + b"junk" + FRAME * 7) == f"no frame begins at byte {2 * len(FRAME)}"
    assert of("MP3", FRAME * 2 + FRAME[9:] + FRAME * 7) is not None
    free = b"\xff\xfb\x00\x00".ljust(300, b"\1")
    assert of("MP3", free * 3) is None, "nothing tells how long its frames are"


@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX", b"ID3\4", b"\0\0\0\0\0", b"\n"])
def test_what_follows_the_last_frame_is_no_damage(tag: bytes) -> None:
    assert of("MP3", FRAME * 9 + tag) is None


@pytest.mark.parametrize("flags", [0, 0x10])
def test_tags_before_the_first_frame_are_passed_over(flags: int) -> None:
    tag = b"ID3\4\0" + bytes([flags, 0, 0, 1, 2]) + bytes(130 + (10 if flags else 0))
    assert of("MP3", tag + FRAME * 9) is None
    assert of("MP3", tag * 2 + FRAME * 9) is None
    assert of("MP3", tag + b"junk" + FRAME * 9) == f"no frame begins at byte {len(tag)}"


@pytest.mark.parametrize(
    ("header", "size", "place"),
    [("fffb9000", 417, 36), ("fffb90c0", 417, 21), ("fff340c0", 104, 13), ("fff34000", 104, 21)],
)
@pytest.mark.parametrize("mark", [b"Xing", b"Info"])
def test_frames_that_the_first_one_promises_are_counted(
    header: str, size: int, place: int, mark: bytes
) -> None:
    frame = mpeg_frame(header=header, size=size)

    def told(number: int, flags: int = 1) -> bytes:
        tag = mark + bytes([0, 0, 0, flags]) + number.to_bytes(4, "big")
        return frame[:place] + tag + frame[place + 12 :]

    assert of("MP3", told(8) + frame * 8) is None
    assert of("MP3", told(9) + frame * 8) is None, "some count the first one, too"
    assert of("MP3", told(10) + frame * 8) == CUT_OFF
    assert of("MP3", told(10, flags=6) + frame * 8) is None, "it tells something else"


def test_an_encoders_promise_is_found() -> None:
    sizes = []
    at = 0
    while size := mpeg_frame_bytes(MP3[at : at + 4]):
        at += size
        sizes.append(at)
    assert of("MP3", MP3[: sizes[-3]]) == CUT_OFF, "between two frames"


@pytest.mark.parametrize(
    ("size", "is_cut"), [(4, False), (5, True), (0x7EFF_FFFF, True), (0x7F00_0000, False)]
)
def test_the_size_of_aiff_is_believed_where_it_can_be(size: int, is_cut: bool) -> None:
    data = b"FORM" + size.to_bytes(4, "big") + b"AIFF"
    assert (of("AIFF", data) == CUT_OFF) is is_cut
    assert (of("RIFX", data) == CUT_OFF) is is_cut
