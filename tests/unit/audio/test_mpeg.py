"""Frames of MP3 and AAC, by their headers."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from sound_files import adts_frame, mpeg_frame

from realtime_sync.audio._mpeg import (
    adts_frame_bytes,
    begins_mpeg_frame,
    is_aac,
    is_mp3,
    mpeg_frame_bytes,
)


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("fffb9000", 417),  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz
        ("fffb9200", 418),  # with a byte of padding
        ("fffb1400", 96),
        ("fffb1000", 104),  # 32 kbit/s, 44.1 kHz
        ("fffbe800", 1440),  # 320 kbit/s, 32 kHz
        ("fff384c4", 192),  # MPEG-2 layer III, 64 kbit/s, 24 kHz
        ("ffe3e8c4", 1440),  # MPEG-2.5 layer III, 160 kbit/s, 8 kHz
        ("fffde800", 1728),  # MPEG-1 layer II, 384 kbit/s, 32 kHz
        ("fff5e800", 1440),  # MPEG-2 layer II, 160 kbit/s, 16 kHz
        ("ffff1000", 32),  # MPEG-1 layer I, 32 kbit/s, 44.1 kHz
        ("ffff1200", 36),
        ("fffb0000", 0),  # a free bit rate
        ("fffbf000", 0),
        ("fffb9c00", 0),
        ("fffb9002", 0),
        ("ffeb9000", 0),
        ("fff99000", 0),
        ("fffb90", 0),
        ("ff1b9000", 0),
        ("fefb9000", 0),
        ("", 0),
    ],
)
def test_the_length_of_an_mpeg_frame(header: str, size: int) -> None:
    assert mpeg_frame_bytes(bytes.fromhex(header)) == size
    assert begins_mpeg_frame(bytes.fromhex(header)) or not size


def test_a_free_bit_rate_begins_a_frame_whose_length_nothing_tells() -> None:
    assert begins_mpeg_frame(b"\xff\xfb\x00")
    assert not begins_mpeg_frame(b"\xff\xfb")


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_an_encoder_writes_is_known_with_its_tag_and_without(rate: int, channels: int) -> None:
    noise = np.random.default_rng(rate).normal(0, 0.1, (rate, channels))
    file = io.BytesIO()
    soundfile.write(file, noise, rate, format="MP3")
    data = file.getvalue()
    assert is_mp3(data) is True
    assert is_mp3(data[mpeg_frame_bytes(data) :]) is True


def test_three_frames_tell_and_not_two() -> None:
    for is_kind, frame in ((is_mp3, mpeg_frame()), (is_aac, adts_frame())):
        assert is_kind(frame * 3) is True
        assert is_kind(frame * 2 + frame[:7]) is True
        assert is_kind(frame * 2 + frame[:6]) is None
        assert is_kind(frame * 2 + bytes(7)) is False
        assert is_kind(frame + bytes(7)) is False
        assert is_kind(frame) is None
        assert is_kind(b"") is None
        assert is_kind(bytes(7)) is False


def test_frames_of_one_stream_are_alike() -> None:
    first = mpeg_frame()
    assert (
        is_mp3(first + mpeg_frame(header="fffb5220", size=209) * 2) is True
    )  # other rates, joint stereo
    for other in ("fffa9000", "fff39000", "fffb9400", "fffb9040", "fffb9004", "fffb9001"):
        assert is_mp3(first * 2 + mpeg_frame(header=other)) is False
    assert is_aac(adts_frame() + adts_frame(size=60) * 2) is True
    for place in (1, 2, 3):
        other = bytearray(adts_frame())
        other[place] ^= 0x40 if place > 1 else 0x01
        assert is_aac(adts_frame() * 2 + bytes(other)) is False


def test_the_length_of_an_aac_frame() -> None:
    assert adts_frame_bytes(adts_frame(size=333)) == 333
    assert adts_frame_bytes(adts_frame(size=2880)) == 2880
    assert adts_frame_bytes(adts_frame(size=8)) == 8
    assert adts_frame_bytes(adts_frame(size=2881)) == 0
    assert adts_frame_bytes(adts_frame(size=7)) == 0
    assert adts_frame_bytes(adts_frame()[:6]) == 0
    for place, octet in ((0, 0xFE), (1, 0xF3), (1, 0xE1), (2, 0x74)):
        header = bytearray(adts_frame())
        header[place] = octet
        assert adts_frame_bytes(bytes(header)) == 0
