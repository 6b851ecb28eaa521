"""Pages of Ogg, and those that were cut off."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
import soundfile

from realtime_sync.audio import read_wav
from realtime_sync.audio._input_file import WholeFile
from realtime_sync.audio._ogg import checksum, with_last_packets

RATE = 24_000
NOISE = np.random.default_rng(4).normal(0, 0.05, 4 * RATE)


@cache
def written(coding: str) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, NOISE, RATE, format="OGG", subtype=coding)
    return file.getvalue()


def page(*segments: bytes, flags: int = 0) -> bytes:
    """Return a page of these segments."""
    head = b"OggS\0" + bytes([flags]) + bytes(8) + b"abcd" + bytes(4)
    tail = bytes([len(segments), *map(len, segments)]) + b"".join(segments)
    return head + checksum(head + bytes(4) + tail).to_bytes(4, "little") + tail


def mended(data: bytes) -> bytes:
    return with_last_packets(WholeFile(io.BytesIO(b"in front" + data), 8)).read(10**7)


def test_the_checksum_is_that_of_the_format() -> None:
    data = written("VORBIS")
    first = data[: data.index(b"OggS", 4)]
    assert checksum(first[:22] + bytes(4) + first[26:]) == int.from_bytes(first[22:26], "little")
    assert checksum(b"") == 0


@pytest.mark.parametrize("coding", ["VORBIS", "OPUS"])
def test_a_whole_file_is_left_alone(coding: str) -> None:
    assert mended(written(coding)) == written(coding)
    assert mended(b"no pages at all") == b"no pages at all"
    assert mended(b"") == b""


def test_a_page_keeps_the_packets_that_are_whole() -> None:
    first, full = page(b"first"), bytes([7]) * 255
    last = (b"one", full, b"two", full, full, b"three")
    cut = page(*last, flags=1)
    for size, kept in (
        (len(cut) - 1, last[:3]),
        (33 + 3 + 255 + 3, last[:3]),
        (33 + 3 + 255 + 2, last[:1]),
        (33 + 3, last[:1]),
    ):
        assert mended(first + cut[:size]) == first + page(*kept, flags=1), size
    for size in (33 + 2, 33, 30, 27, 10, 5):
        assert mended(first + cut[:size]) == first + cut[:size], "there is none"


@pytest.mark.parametrize("coding", ["VORBIS", "OPUS"])
def test_wherever_it_was_cut_off_it_ends_with_a_page_that_is_right(coding: str) -> None:
    data, shortened = written(coding), 0
    for size in range(len(data) // 2, len(data), len(data) // 61):
        whole = mended(data[:size])
        at = whole.rindex(b"OggS")
        assert whole[:at] == data[:at]
        if whole != data[:size]:
            shortened += 1
            assert len(whole) < size
            assert size - len(whole) < 1500, "less than a packet"
            assert checksum(whole[at : at + 22] + bytes(4) + whole[at + 26 :]) == int.from_bytes(
                whole[at + 22 : at + 26], "little"
            )
    assert shortened > 25


@pytest.mark.parametrize("coding", ["VORBIS", "OPUS"])
def test_what_is_heard_of_it_is_the_beginning_of_the_whole(coding: str) -> None:
    data = written(coding)
    whole = np.frombuffer(read_wav(data), "<i2").astype(int)
    for share in (0.6, 0.75, 0.9):
        heard = np.frombuffer(read_wav(data[: int(share * len(data))]), "<i2").astype(int)
        assert len(heard) > (share - 0.1) * len(whole)
        assert np.abs(heard - whole[: len(heard)]).max() < 50
