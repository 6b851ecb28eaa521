"""The headers of WAV files: those that are usual, those that lie, and those that are none."""

from __future__ import annotations

import io
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_files import RATE, chunk, extensible, form, riff, wav

from realtime_sync.audio import read_wav
from realtime_sync.audio._input_file import InputFile
from realtime_sync.audio._riff import Riff
from realtime_sync.errors import FormatError

SOUND = struct.pack("<8h", 1, -2, 300, -400, 5000, -6000, 32767, -32768)
FMT = chunk(b"fmt ", form())
DATA = chunk(b"data", SOUND)
OPEN = 0xFFFFFFFF
LIST = chunk(b"LIST", b"INFOISFT\x05\0\0\0Test\0")


def ds64(sound_bytes: int, *more: bytes) -> bytes:
    return chunk(b"ds64", struct.pack("<QQQI", 0, sound_bytes, 0, 0), *more)


SOUND_AS_EVER = {
    "usual": riff(FMT, DATA),
    "RIFF size 0": riff(FMT, DATA, size=0),
    "RIFF size open": riff(FMT, DATA, size=OPEN),
    "RIFF size too small": riff(FMT, DATA, size=20),
    "data size open": riff(FMT, chunk(b"data", SOUND, size=OPEN), size=OPEN),
    "data size 0": riff(FMT, chunk(b"data", SOUND, size=0), size=0),
    "data size 0 and a RIFF size that agrees": riff(FMT, chunk(b"data", SOUND, size=0), size=36),
    "data size of sox": riff(FMT, chunk(b"data", SOUND, size=0x7FFFF000)),
    "data larger than the file": riff(FMT, chunk(b"data", SOUND, size=1000)),
    "half a frame at the end": riff(FMT, chunk(b"data", SOUND + b"\1")),
    "half a frame without its pad": riff(FMT, chunk(b"data", SOUND + b"\1", pad=b"")),
    "chunks before": riff(chunk(b"JUNK", bytes(28)), FMT, LIST, chunk(b"fact", bytes(4)), DATA),
    "chunks behind": riff(FMT, DATA, LIST, chunk(b"id3 ", b"ID3\4\0\0\0\0\0\0")),
    "odd chunks": riff(chunk(b"bext", b"abc"), FMT, chunk(b"????", b"x"), DATA),
    "odd chunks, a pad that is not 0": riff(chunk(b"bext", b"abc", pad=b"A"), FMT, DATA),
    "odd chunks without pad": riff(
        chunk(b"bext", b"abc", pad=b""), FMT, chunk(b"LIST", b"x", pad=b""), DATA
    ),
    "format behind": riff(DATA, FMT),
    "format behind, with odd sound": riff(chunk(b"data", SOUND + b"\1"), LIST, FMT),
    "two formats": riff(FMT, chunk(b"fmt ", form(channels=2)), DATA),
    "two chunks of sound": riff(FMT, chunk(b"data", SOUND[:6]), LIST, chunk(b"data", SOUND[6:])),
    "half a frame between": riff(FMT, chunk(b"data", SOUND[:6] + b"\7"), chunk(b"data", SOUND[6:])),
    "garbage behind": riff(FMT, DATA) + b"\0\xff" * 50,
    "another file behind": riff(FMT, DATA) + riff(FMT, DATA),
    "format of 18 bytes": riff(chunk(b"fmt ", form() + bytes(2)), DATA),
    "format of 100 bytes": riff(chunk(b"fmt ", form() + bytes(84)), DATA),
    "format without bits": riff(chunk(b"fmt ", form()[:14]), DATA),
    "bits 0": riff(chunk(b"fmt ", form(bits=0, container=2)), DATA),
    "bytes of a frame 0": riff(chunk(b"fmt ", form(frame_bytes=0)), DATA),
    "bytes of a frame 1": riff(chunk(b"fmt ", form(frame_bytes=1)), DATA),
    "bytes of a frame 4": riff(chunk(b"fmt ", form(frame_bytes=4)), DATA),
    "bytes of a frame and a second 0": riff(
        chunk(b"fmt ", form(frame_bytes=0, bytes_per_s=0)), DATA
    ),
    "bits 32 against both others": riff(chunk(b"fmt ", form(bits=32, container=2)), DATA),
    "bytes of a second 0": riff(chunk(b"fmt ", form(bytes_per_s=0)), DATA),
    "extensible": riff(chunk(b"fmt ", extensible(1, valid_bits=16)), DATA),
    "extensible, 12 valid bits": riff(chunk(b"fmt ", extensible(1, valid_bits=12)), DATA),
    "RF64": riff(ds64(16), FMT, chunk(b"data", SOUND, size=OPEN), LIST, mark=b"RF64", size=OPEN),
    "BW64": riff(ds64(16), FMT, chunk(b"data", SOUND, size=OPEN), LIST, mark=b"BW64", size=OPEN),
    "RF64 with a size of 32 bits": riff(ds64(0), FMT, DATA, LIST, mark=b"RF64"),
    "RF64 without ds64": riff(FMT, chunk(b"data", SOUND, size=OPEN), mark=b"RF64"),
    "RF64 with a size beyond everything": riff(
        ds64(1 << 63), FMT, chunk(b"data", SOUND, size=OPEN), mark=b"RF64"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SOUND_AS_EVER)
def test_the_sound_is_found(name: str) -> None:
    assert read_wav(SOUND_AS_EVER[name], rate=RATE) == SOUND


@pytest.mark.parametrize("name", [name for name in SOUND_AS_EVER if "format behind" not in name])
def test_it_is_found_in_a_pipe(name: str) -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

        def seek(self, *_: int) -> int:
            raise io.UnsupportedOperation("seek")

        tell = seek  # type: ignore[assignment]

        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 3))

    assert read_wav(Pipe(SOUND_AS_EVER[name])) == SOUND


def test_a_file_without_sound_is_silent() -> None:
    assert read_wav(riff(FMT, chunk(b"data", b""))) == b""
    assert read_wav(riff(FMT, chunk(b"data", b""), LIST)) == b"", "the list is no sound"
    assert read_wav(riff(FMT, chunk(b"data", b"\1"))) == b"", "not even one sample"


WRONG = {
    "rate 0": (form(rate=0), "says 0 Hz, not 4000 to 384000"),
    "rate too low": (form(rate=3999), "3999 Hz"),
    "rate too high": (form(rate=2_000_000_000, bytes_per_s=0), "2000000000 Hz"),
    "channels 0": (form(channels=0), "0 channels"),
    "nothing about bits": (form(bits=0), "0 bits and 0 bytes"),
    "bits 65": (form(bits=65), "65 bits"),
    "bits 65535": (form(bits=65_535, frame_bytes=2, bytes_per_s=0), "65535 bits"),
    "floats of 16 bits": (form(tag=3, bits=16), "16 bits"),
    "16 bits of µ-law": (form(tag=7, bits=16), "16 bits"),
    "format cut off": (form()[:13], "cut off"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_format_that_can_not_be_is_named(name: str) -> None:
    header, words = WRONG[name]
    with pytest.raises(FormatError, match=f"WAV file with a wrong header: .*{words}.*ffmpeg"):
        read_wav(wav(SOUND, header))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (riff(), "without any format"),
        (riff(DATA), "without any format"),
        (riff(FMT), "without any sound"),
        (riff(FMT, LIST), "without any sound"),
        (riff(chunk(b"\0\1\2\3", bytes(4)), FMT, DATA), "without any format"),
        (riff(FMT, DATA)[:36], "without any sound"),
        (riff(FMT, DATA)[:30], "cut off"),
        (riff(DATA, chunk(b"LIST", bytes(4), size=OPEN), FMT), "without any format"),
    ],
)
def test_a_file_that_lacks_a_part_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        read_wav(data)


@pytest.mark.parametrize(
    ("header", "coding", "width"),
    [
        (form(bits=24), "pcm", 3),
        (form(bits=24, container=4), "pcm", 4),
        (form(bits=24, channels=2, frame_bytes=8, bytes_per_s=8 * RATE), "pcm", 4),
        (form(bits=24, channels=2, frame_bytes=8, bytes_per_s=6 * RATE), "pcm", 3),
        (form(bits=12), "pcm", 2),
        (form(bits=20), "pcm", 3),
        (form(bits=20, container=4), "pcm", 4),
        (form(bits=8), "pcm", 1),
        (form(bits=64), "pcm", 8),
        (form(tag=3, bits=64), "float", 8),
        (form(tag=6, bits=8), "audio/pcma", 1),
        (form(tag=7, bits=0, container=1), "audio/pcmu", 1),
        (extensible(3, valid_bits=32, bits=32), "float", 4),
        (extensible(1, valid_bits=20, bits=32), "pcm", 4),
        (form(tag=2, bits=4), "0x0002", 1),
        (form(tag=0xFFFE), "0xfffe", 2),
        (extensible(1, valid_bits=16)[:-1] + b"?", "0xfffe", 2),
    ],
)
def test_the_width_of_a_sample(header: bytes, coding: str, width: int) -> None:
    found = Riff(InputFile(wav(b"", header))).format
    assert (found.coding, found.width) == (coding, width)


def test_no_size_makes_us_take_memory(tmp_path: Path) -> None:
    """What is read at once is bounded whatever the header says, and so is what is passed over."""
    header = form(channels=65_535, bits=64, rate=384_000, frame_bytes=0, bytes_per_s=0)
    path = tmp_path / "a.wav"
    files = (
        riff(chunk(b"fmt ", form(), size=OPEN - 1)),
        riff(chunk(b"LIST", b"", size=OPEN - 1), FMT, DATA),
        riff(ds64(1 << 63), chunk(b"fmt ", header), chunk(b"data", SOUND, size=OPEN), mark=b"RF64"),
    )
    for data in files:
        path.write_bytes(data)
        for file in (path, SimpleNamespace(read=io.BytesIO(data).read)):
            with suppress(FormatError), traced() as peak:
                read_wav(file, rate=384_000)  # type: ignore[arg-type]
            assert peak() < 4_000_000


@contextmanager
def traced() -> Iterator[Callable[[], int]]:
    """Give what tells the highest amount of memory that was taken within the ``with``."""
    peak = 0
    tracemalloc.start()
    try:
        yield lambda: peak
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()


# -- headers that nobody thought of ----------------------------------------------------------------

_NUMBERS = st.sampled_from([0, 1, 2, 3, 7, 8, 0x7FFFFFFF, 0x80000000, OPEN - 1, OPEN])


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A good file with some numbers or bytes replaced, pieces moved, left out or cut off."""
    data = bytearray(draw(st.sampled_from(list(SOUND_AS_EVER.values()))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(data) - 4)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 4] = struct.pack("<I", draw(_NUMBERS))
            case 1:
                data[at : at + 2] = struct.pack("<H", draw(_NUMBERS) & 0xFFFF)
            case 2:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 3:
                del data[at : at + draw(st.integers(1, 8))]
            case 4:
                data[at:at] = draw(st.binary(max_size=9))
    return bytes(data)


@settings(max_examples=400)
@given(mutated())
def test_any_header_gives_sound_or_an_error_of_ours(data: bytes) -> None:
    try:
        pcm = read_wav(data, rate=RATE)
    except FormatError:
        return
    assert len(pcm) % 2 == 0
    assert len(pcm) <= 16 * len(data), "of one sample at 4000 Hz six are made"
