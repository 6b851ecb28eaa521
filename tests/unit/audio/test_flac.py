"""Frames of FLAC, found by their headers."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from realtime_sync.audio._flac import FlacFrames
from realtime_sync.audio._input_file import WholeFile

LENGTH = 4096
# More than 128 frames, so that their numbers are of one octet and of two; and more than 64 kB.
NOISE = np.random.default_rng(3).normal(0, 0.01, 140 * LENGTH + 100)


def written(sound: np.ndarray = NOISE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, 24_000, format="FLAC", subtype="PCM_16")
    return file.getvalue()


FLAC = written()


def frames_of(data: bytes) -> FlacFrames:
    return FlacFrames(WholeFile(io.BytesIO(b"in front" + data), 8))


def test_every_frame_is_found_once_and_in_order() -> None:
    flac = frames_of(FLAC)
    assert flac.length == LENGTH
    assert [first for first, _ in flac.all()] == [LENGTH * number for number in range(141)]


@pytest.mark.parametrize("number", [0, 1, 70, 139, 140])
def test_a_decoder_begins_at_any_of_them(number: int) -> None:
    first, file = [*frames_of(FLAC).all()][number]
    exact = np.rint(NOISE * 32768)[first : first + LENGTH]
    with soundfile.SoundFile(file) as sound:
        sound.seekable = lambda: False  # it would seek to the number of the frame
        assert np.array_equal(sound.read(len(exact)) * 32768, exact)


def test_what_only_looks_like_a_frame_is_none() -> None:
    places = [file._parts[1].start for _, file in frames_of(FLAC).all()]
    for octet in range(5):  # of the header of the third frame
        damaged = bytearray(FLAC)
        damaged[places[2] + octet] ^= 0x10
        assert [file._parts[1].start for _, file in frames_of(bytes(damaged)).all()] == [
            place for place in places if place != places[2]
        ]
    assert [*frames_of(FLAC[: places[1] + 5]).all()][1:] == []


def test_frames_of_several_lengths_are_left_alone() -> None:
    assert frames_of(FLAC[:8] + b"\1\0" + FLAC[10:]).length == 0


@pytest.mark.parametrize("size", [0, 3, 4, 7, 20])
def test_a_header_that_is_cut_off_has_no_frames(size: int) -> None:
    assert [*frames_of(FLAC[:size]).all()] == []
