"""The formats that libsndfile reads, as it writes them."""

from __future__ import annotations

import io
import os
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime_sync._installation import install_command
from realtime_sync.audio import Sound, WavSource, level_dbfs, read_wav
from realtime_sync.audio._sound_reader import SoundReader
from realtime_sync.errors import AudioError, ConfigError, FormatError

RATE = 24_000
TONE = np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE) / 2
EXACT = [
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("AIFF", "PCM_16"),
    ("CAF", "PCM_16"),
    ("W64", "PCM_16"),
]
LOSSY = [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"), ("WAV", "MS_ADPCM")]


def written(kind: str, coding: str, sound: np.ndarray = TONE, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=kind, subtype=coding)
    return file.getvalue()


def power_at_440_hz(pcm: bytes) -> float:
    """The share of the sound that is the tone."""
    spectrum = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2") / 32768.0)) ** 2
    at = round(440 * len(pcm) / 2 / RATE)
    return float(spectrum[at - 4 : at + 5].sum() / spectrum.sum())


@pytest.mark.parametrize(("kind", "coding"), EXACT)
def test_lossless_formats_are_exact(kind: str, coding: str, tmp_path: Path) -> None:
    want = np.rint(TONE * 32768).astype("<i2")
    exact = want if coding == "PCM_16" else want / 32768
    data = written(kind, coding, exact)
    path = tmp_path / "named.raw"  # a name of which soundfile makes something of its own
    path.write_bytes(data)
    for file in (data, path, io.BytesIO(data)):
        assert read_wav(file) == want.tobytes()
    assert Sound.from_wav(data) == Sound(want.tobytes(), RATE)


@pytest.mark.parametrize(("kind", "coding"), LOSSY)
def test_lossy_formats_sound_alike(kind: str, coding: str, tmp_path: Path) -> None:
    path = tmp_path / "named.wav"
    path.write_bytes(written(kind, coding))
    pcm = read_wav(path, rate=RATE)
    assert RATE * 0.99 < len(pcm) / 2 < RATE * 1.1
    assert power_at_440_hz(pcm) > 0.98
    assert level_dbfs(pcm) == pytest.approx(-9, abs=0.7)


def test_more_than_sixteen_bits_are_rounded_and_not_cut_off() -> None:
    noise = np.random.default_rng(1).uniform(-3, 3, 50_000) / 32768
    got = np.frombuffer(read_wav(written("FLAC", "PCM_24", noise)), "<i2")
    assert abs((got - noise * 32768).mean()) < 0.01


def test_channels_and_rates(tmp_path: Path) -> None:
    both = np.stack([TONE, -TONE, TONE], axis=1)
    third = np.frombuffer(read_wav(written("FLAC", "PCM_16", both)), "<i2") / 32768
    assert np.abs(third - TONE / 3).max() < 1e-4
    half = read_wav(written("FLAC", "PCM_16", TONE, 48_000))
    assert len(half) == RATE


def test_a_source_speaks_them_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    path.write_bytes(b"in front" + written("FLAC", "PCM_16"))
    with path.open("rb") as file:
        file.seek(8)
        source = WavSource(file, pace="fast", trailing_silence_ms=0)
        first = b"".join(source)
        assert len(first) == 2 * RATE
        assert first == b"".join(source)
        assert not file.closed


def test_a_pipe_is_read() -> None:
    data = written("FLAC", "PCM_16")[:30_000]
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe:
        with os.fdopen(writing, "wb") as out:
            out.write(data)
        assert read_wav(pipe) == read_wav(data)


def test_a_coding_of_wav_that_must_go_back_is_refused_in_a_pipe() -> None:
    raw = io.BytesIO(written("WAV", "MS_ADPCM"))
    raw.seekable = lambda: False  # type: ignore[method-assign]
    with pytest.raises(FormatError, match="is a pipe"):
        read_wav(raw)


LONG = np.random.default_rng(2).normal(0, 0.05, 4 * RATE)
# What a file is, and how many samples are lost at most where it was cut off or damaged.
DAMAGED = {
    "FLAC": ("FLAC", "PCM_16", 4096),
    "Vorbis": ("OGG", "VORBIS", 0.4 * RATE),
    "Opus": ("OGG", "OPUS", 0.2 * RATE),
    "MP3": ("MP3", "MPEG_LAYER_III", 3 * 1152),
    "AIFF": ("AIFF", "PCM_16", 60),
}


@cache
def long_one(kind: str, coding: str) -> bytes:
    return written(kind, coding, LONG)


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("share", [0.4, 0.5, 0.62, 0.75, 0.9, 0.99])
def test_of_a_file_that_was_cut_off_all_is_read_that_is_there(
    name: str, share: float, caplog: pytest.LogCaptureFixture
) -> None:
    kind, coding, unit = DAMAGED[name]
    whole = long_one(kind, coding)
    data = whole[: int(share * len(whole))]
    samples = len(read_wav(data)) // 2
    assert samples >= share * len(LONG) - unit
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    told = f"what was given ({len(data)} bytes) ({kind.title() if kind == 'OGG' else kind})"
    assert record.getMessage().startswith(f"{told} is damaged: ")
    assert record.getMessage().endswith(f"; {samples * 1000 // RATE} ms of sound could be read")


@pytest.mark.parametrize("block_ms", [1, 20, 1000])
def test_what_is_read_before_the_fault_does_not_depend_on_the_pieces(block_ms: int) -> None:
    whole = long_one("FLAC", "PCM_16")
    exact = np.rint(LONG * 32768).astype("<i2")
    with SoundReader(whole[: len(whole) // 2]) as reader:
        got = np.concatenate([*reader.blocks(block_ms)])
    assert len(got) % 4096 == 0
    assert len(got) > len(exact) // 2 - 4096
    assert np.array_equal(got, exact[: len(got)])


@pytest.mark.parametrize("block_ms", [20, 1000])
@pytest.mark.parametrize("share", [0.01, 0.09, 0.3, 0.42, 0.51, 0.66, 0.8, 0.97, 0.9995])
def test_of_damaged_flac_one_frame_is_left_out(
    share: float, block_ms: int, caplog: pytest.LogCaptureFixture
) -> None:
    turned = bytearray(long_one("FLAC", "PCM_16"))
    turned[int(share * len(turned))] ^= 0x40
    with SoundReader(bytes(turned)) as reader:
        got = np.concatenate([*reader.blocks(block_ms)])
    exact = np.rint(LONG * 32768).astype("<i2")
    lost = 4096 if len(got) % 4096 else len(exact) % 4096  # the last one is shorter
    assert len(got) == len(exact) - lost
    where = int(np.argmin(got == exact[: len(got)])) if share < 0.99 else len(got)
    assert where % 4096 == 0
    assert np.array_equal(got, np.delete(exact, slice(where, where + lost)))
    (record,) = caplog.records
    assert f" {where * 1000 // RATE} ms into it; {len(got) * 1000 // RATE} ms of" in record.message


def test_flac_whose_frames_differ_in_length_is_read_up_to_the_fault(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turned = bytearray(long_one("FLAC", "PCM_16"))
    turned[8:10] = b"\0\x10"  # its shortest frame, it says
    got = np.frombuffer(read_wav(bytes(turned[: len(turned) // 2])), "<i2")
    assert len(got) == len(LONG) // 2 // 4096 * 4096
    assert np.array_equal(got, np.rint(LONG[: len(got)] * 32768))
    assert f" {len(got) * 1000 // RATE} ms into it; {len(got) * 1000 // RATE} ms" in caplog.text


def test_several_faults_in_flac_are_left_out_each() -> None:
    turned = bytearray(long_one("FLAC", "PCM_16"))
    for share in (0.2, 0.21, 0.5, 0.8):
        turned[int(share * len(turned))] ^= 0x40
    del turned[len(turned) * 3 // 5 : len(turned) * 3 // 5 + 500]
    got = np.frombuffer(read_wav(bytes(turned)), "<i2")
    assert len(got) == len(LONG) - 4 * 4096
    exact = np.rint(LONG * 32768).astype("<i2")
    frames = {exact[at : at + 4096].tobytes() for at in range(0, len(exact), 4096)}
    assert all(got[at : at + 4096].tobytes() in frames for at in range(0, len(got), 4096))


def test_a_flac_file_that_ends_between_two_frames_is_cut_off(
    caplog: pytest.LogCaptureFixture,
) -> None:
    whole = bytearray(written("FLAC", "PCM_16"))
    whole[21:26] = (int.from_bytes(whole[21:26], "big") + 2 * RATE).to_bytes(5, "big")
    assert len(read_wav(bytes(whole))) == 2 * RATE
    assert "(FLAC) is damaged: it was cut off; 1000 ms" in caplog.text


def test_a_flac_file_whose_end_nobody_knew_is_whole(caplog: pytest.LogCaptureFixture) -> None:
    whole = bytearray(written("FLAC", "PCM_16"))
    whole[21:26] = bytes([whole[21] & 0xF0, 0, 0, 0, 0])
    assert read_wav(bytes(whole)) == read_wav(written("FLAC", "PCM_16"))
    assert not caplog.records


@pytest.mark.parametrize(("kind", "coding"), [*EXACT, *LOSSY])
def test_nothing_is_said_of_a_file_that_is_right(
    kind: str, coding: str, caplog: pytest.LogCaptureFixture
) -> None:
    read_wav(long_one(kind, coding))
    read_wav(written(kind, coding, np.stack([TONE, -TONE], axis=1), 48_000))
    assert not caplog.records


@pytest.mark.parametrize("name", ["Vorbis", "Opus"])
def test_a_page_of_ogg_that_is_damaged_is_left_out(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    kind, coding, _ = DAMAGED[name]
    turned = bytearray(long_one(kind, coding))
    turned[len(turned) // 2] ^= 0xFF
    samples = len(read_wav(bytes(turned))) // 2
    assert len(LONG) - 1.2 * RATE <= samples < len(LONG), "a page is a second here"
    (record,) = caplog.records
    assert "(Ogg) is damaged: the page at byte " in record.getMessage()


CUT_VORBIS = written("OGG", "VORBIS", np.tile(TONE, 3))[:3600]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (written("FLAC", "PCM_16")[:100], r"\(FLAC\) can't be read"),
        (
            written("OGG", "VORBIS", np.tile(TONE, 3))[:3600],
            r"\(Ogg\) can't be read: it has no end",
        ),
        (b"OggS\0\x02" + bytes(100), r"\(Ogg\) can't be read"),
        (b"ID3\4\0\0\0\0\0\0" + bytes(100), r"\(MP3\) can't be read"),
        (written("AU", "PCM_16", TONE, 2_000), r"\(AU\) can't be read: 2000 Hz"),
        (written("AU", "PCM_16", TONE, 2_000_000_000), r"\(AU\) can't be read: 2000000000 Hz"),
    ],
    # Not the bytes: those of Ogg hold a number by chance, and both workers need the same names.
    ids=["FLAC", "Ogg", "no Ogg", "MP3", "AU at 2 kHz", "AU at 2 GHz"],
)
def test_what_can_not_be_read_says_why(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(data)
    for file in (data, path):
        with pytest.raises(FormatError, match=f"{words}.*ffmpeg"):
            read_wav(file)


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    flac, adpcm = written("FLAC", "PCM_16"), written("WAV", "MS_ADPCM")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    for data, kind in ((flac, "FLAC"), (adpcm, "WAV of coding 0x0002")):
        with pytest.raises(ConfigError, match=rf"\({kind}\) needs soundfile") as caught:
            read_wav(data)
        assert install_command("files") in str(caught.value)
    with pytest.raises(FormatError, match="is text"):
        read_wav(b"no sound")


_FILES = [written(kind, coding, TONE[:3000]) for kind, coding in (*EXACT, *LOSSY[:2], LOSSY[3])]


@settings(max_examples=150)
@given(st.data())
def test_any_file_gives_sound_or_an_error_of_ours(data: st.DataObject) -> None:
    damaged = bytearray(data.draw(st.sampled_from(_FILES)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(200, len(damaged) - 1)))
        damaged[at : at + 2] = data.draw(st.binary(max_size=4))
    try:
        pcm = read_wav(bytes(damaged), rate=RATE)
    except AudioError:
        return
    assert len(pcm) % 2 == 0
