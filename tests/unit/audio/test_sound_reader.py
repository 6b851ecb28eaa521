"""Files of any length, in pieces: nothing is held, and what was opened is closed."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from sound_files import chunk, form, riff, wav

from realtime_sync.audio import WavSource, read_wav
from realtime_sync.audio._sound_reader import SoundReader
from realtime_sync.errors import FormatError

RATE = 8_000
TWO_HOURS = 2 * 7200 * RATE


def open_descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_two_hours_are_spoken_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with path.open("wb") as file:
        file.write(wav(b"", form(rate=RATE))[:-4] + TWO_HOURS.to_bytes(4, "little"))
        file.truncate(44 + TWO_HOURS)  # a hole, which takes no room on the disk
    source = WavSource(path, rate=RATE, chunk_ms=1000, pace="fast", trailing_silence_ms=0)
    tracemalloc.start()
    try:
        seconds = iter(source)
        assert all(next(seconds) == bytes(2 * RATE) for _ in range(300))
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_blocks_have_the_length_asked_for_within_bounds() -> None:
    samples = np.arange(2_000, dtype="<i2")
    with SoundReader(wav(samples.tobytes(), form(rate=RATE))) as reader:
        blocks = list(reader.blocks(100))
    assert [len(block) for block in blocks] == [800, 800, 400]
    assert np.concatenate(blocks).tolist() == samples.tolist()
    wide = form(rate=384_000, bits=64, channels=200)
    with SoundReader(wav(bytes(1600 * 1000), wide)) as reader:
        assert [len(block) for block in reader.blocks(1000)] == [655, 345]
    widest = form(rate=4000, channels=65_535, bits=64, frame_bytes=0, bytes_per_s=0)
    with SoundReader(wav(bytes(3 * 8 * 65_535), widest)) as reader:
        assert [len(block) for block in reader.blocks(1000)] == [2, 1]


def test_every_file_is_closed_again(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    good.write_bytes(wav(bytes(48_000)))
    bad.write_bytes(riff(chunk(b"fmt ", form(channels=0))))
    before = open_descriptors()
    read_wav(good)
    source = WavSource(good, pace="fast")
    assert open_descriptors() == before
    chunks = iter(source)
    next(chunks)
    assert open_descriptors() == before + 1
    source.close()
    assert list(chunks) == []
    with pytest.raises(FormatError):
        read_wav(bad)
    with pytest.raises(FormatError):
        WavSource(bad)
    assert open_descriptors() == before


def test_a_file_that_was_replaced_meanwhile_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(wav(bytes(960)))
    source = WavSource(path, pace="fast", trailing_silence_ms=0)
    path.write_bytes(wav(b"\1\0" * 480, form(rate=24_000, channels=1)))
    assert b"".join(source) == b"\1\0" * 480
    path.write_bytes(b"no sound")
    with pytest.raises(FormatError, match="is text"):
        next(iter(source))


def test_what_nothing_reads_is_told_what_it_is() -> None:
    with pytest.raises(FormatError, match=r"is an MP4 or M4A file, not WAV.*ffmpeg[^;]*$"):
        read_wav(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(FormatError, match=r"no sound file of a known format.*sox -t raw"):
        read_wav(bytes(range(200)))
