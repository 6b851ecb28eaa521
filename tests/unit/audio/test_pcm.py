"""Conversion to and from PCM16 against exact arithmetic."""

from __future__ import annotations

import io
import math
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.audio import (
    Sound,
    VirtualMicrophone,
    from_pcm16,
    level_dbfs,
    mix_down,
    silence,
    to_pcm16,
)
from realtime_sync.audio.pcm import SampleJoiner, as_int16, require_rate, whole_pcm16
from realtime_sync.errors import ConfigError, FormatError
from realtime_sync.testing import MemorySource

SAMPLES = st.lists(st.integers(-32768, 32767), max_size=200)


def int16(values: list[int]) -> np.ndarray:
    return np.array(values, dtype=np.int16)


@given(st.lists(st.floats(-4, 4, width=32), max_size=100))
def test_floats_are_rounded_to_the_nearest_step_and_clipped(values: list[float]) -> None:
    got = np.frombuffer(to_pcm16(np.array(values, dtype=np.float32)), "<i2")
    exact = [max(-32768, min(32767, round(Fraction(v) * 32768))) for v in values]
    assert got.tolist() == exact


@given(SAMPLES)
def test_pcm16_survives_the_way_through_float32(values: list[int]) -> None:
    pcm = int16(values).tobytes()
    assert to_pcm16(from_pcm16(pcm)) == pcm


def test_bytes_pass_without_a_copy() -> None:
    pcm = b"\x01\x00\x02\x00"
    assert to_pcm16(pcm) is pcm
    assert to_pcm16(bytearray(pcm)) == pcm
    assert to_pcm16(memoryview(pcm)) == pcm
    assert to_pcm16(memoryview(b"\x01-\x00-\x02-\x00-")[::2]) == pcm
    assert as_int16(memoryview(b"\x01-\x00-\x02-\x00-")[::2]).tolist() == [1, 2]


@pytest.mark.parametrize(
    "array",
    [
        int16([1, -2]),
        int16([[1], [-2]]),
        np.array([1, -2], dtype=">i2"),
        int16([1, 9, -2, 9])[::2],
        np.array([1 / 32768, -2 / 32768], dtype=np.float32),
        np.array([[1 / 32768], [-2 / 32768]], dtype=np.float32),
    ],
)
def test_arrays_become_little_endian_mono(array: np.ndarray) -> None:
    assert to_pcm16(array) == b"\x01\x00\xfe\xff"


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (b"\x00", "1 bytes"),
        (bytearray(3), "3 bytes"),
        (memoryview(bytes(5)), "5 bytes"),
        (np.zeros(4), "float64"),
        (np.zeros(4, dtype=np.int32), "int32"),
        (np.zeros(4, dtype=np.uint16), "uint16"),
        (np.zeros((4, 2), dtype=np.int16), r"shape \(4, 2\)"),
        (np.zeros((2, 2, 2), dtype=np.float32), r"shape \(2, 2, 2\)"),
        (np.array([0.0, math.nan], dtype=np.float32), "NaN"),
        ("UklGRg==", "str"),
        ([0, 1], "list"),
        (None, "NoneType"),
    ],
)
def test_anything_else_is_refused_with_its_value(audio: object, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        to_pcm16(audio)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match=words):
        as_int16(audio)  # type: ignore[arg-type]


def test_a_whole_sound_is_no_file() -> None:
    pcm = b"\1\0\2\0"
    assert whole_pcm16(pcm) is pcm
    assert whole_pcm16(b"") == b""
    for file in (b"RIFF\0\0\0\0WAVE", np.frombuffer(b"fLaC\0\0\0\x22", "<i2")):
        for take in (whole_pcm16, VirtualMicrophone().say, MemorySource().say):
            with pytest.raises(FormatError, match=r"whole \w+ file"):
                take(file)


# -- advice, followed ------------------------------------------------------------------------------

SOUND = np.array([0.0, 0.5, -0.5, 0.25, -1.0, 0.99], dtype=np.float64)
# What `SOUND` is as PCM16, to the nearest step or the nearest of fewer bits.
STEPS = np.array([0, 16384, -16384, 8192, -32768, 32440])


def refusal(audio: np.ndarray) -> str:
    with pytest.raises(FormatError) as caught:
        to_pcm16(audio)
    return str(caught.value)


def follow(advice: str, audio: np.ndarray) -> np.ndarray:
    """Do what an error says and return the PCM16 that comes of it."""
    taken = eval(advice, {"np": np, "mix_down": mix_down, "x": audio})
    return np.frombuffer(to_pcm16(taken), "<i2").astype(int)


def advised(text: str) -> list[str]:
    """Return the expressions in a message, in their order."""
    return re.findall(
        r"(?:\(\(?x |\(x\)|x[.[ ]|mix_down\(x)[^;,:]*?(?:\)|\])(?=$|[;,:]| where)", text
    )


def scaled(bits: int, dtype: type) -> np.ndarray:
    return np.clip(np.rint(SOUND * 2.0 ** (bits - 1)), -(2.0 ** (bits - 1)), None).astype(dtype)


@pytest.mark.parametrize(
    ("audio", "most"),
    [
        (scaled(8, np.int8), 256),
        (scaled(32, np.int32), 0),
        (scaled(24, np.int32), 0),
        (scaled(16, np.int32), 0),
        (scaled(16, np.int64), 0),
        (scaled(24, np.int64), 0),
        (scaled(32, np.int64), 0),
        (scaled(62, np.int64) * 4, 0),
        (SOUND, 0),
        (SOUND.astype(np.float16), 16),
        (SOUND.astype(np.longdouble), 0),
        (scaled(16, np.float32), 0),
        (scaled(16, np.float64), 0),
        (scaled(24, np.float32), 0),
        (scaled(32, np.float64), 0),
    ],
    ids=lambda value: str(getattr(value, "dtype", value)),
)
def test_advice_on_a_dtype_gives_the_same_sound(audio: np.ndarray, most: int) -> None:
    text = refusal(audio)
    got = follow(advised(text)[0], audio)
    assert np.abs(got - STEPS).max() <= most + 1, text


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_advice_on_unsigned_samples(dtype: type) -> None:
    half = 2.0 ** (8 * np.dtype(dtype).itemsize - 1)
    audio = np.rint(SOUND * half + half).astype(dtype)
    got = follow(advised(refusal(audio))[0], audio)
    assert np.abs(got - STEPS).max() <= (257 if dtype is np.uint8 else 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_advice_on_pcm16_that_was_read_as_something_unsigned(dtype: type) -> None:
    audio = np.frombuffer(STEPS.astype("<i2").tobytes(), dtype)
    got = follow(advised(refusal(audio))[1], audio)
    assert got.tolist() == STEPS.tolist()


def test_advice_on_what_may_only_be_quiet_names_both() -> None:
    quiet = np.array([100, -200], np.int32)
    text = refusal(quiet)
    assert "is one of 16 bits, (x / 2.0**15)" in text
    assert "if it is only quiet, divide by 2.0**31" in text
    assert "2.0**31" in refusal(np.zeros(4, np.int32)), "of silence nothing can be told"
    assert "make it one of these" in refusal(np.zeros(4, bool))
    assert "make it one of these" in refusal(np.zeros(4, complex))


def test_floats_far_beyond_full_scale_are_integers_in_truth() -> None:
    loud = np.array([1.5, -15.9], np.float32)
    assert as_int16(loud).tolist() == [32767, -32768], "a mix may exceed it"
    for peak in (16.0, -16.0, 1e30):
        with pytest.raises(FormatError, match=r"full scale is 1\.0: divide"):
            as_int16(np.array([0.5, peak, math.inf], np.float32))
    assert as_int16(np.array([], np.float32)).size == 0


@pytest.mark.parametrize("shape", [(6, 2), (2, 6), (1, 6)])
def test_advice_on_a_shape_gives_the_same_sound(shape: tuple[int, int]) -> None:
    channels = min(shape)
    stereo = np.tile(STEPS.astype(np.int16).reshape(-1, 1), channels)
    audio = stereo if shape[0] == 6 else stereo.T
    advice = refusal(np.ascontiguousarray(audio)).rpartition("for example with ")[2]
    assert follow(advice, audio).tolist() == STEPS.tolist()


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (Path("a.wav"), r"Path; .*read_wav\(file\) reads it"),
        (io.BytesIO(), r"BytesIO; .*read_wav\(file\) reads it"),
        (Sound(b"ab"), r"Sound; .*pass its \.pcm"),
    ],
)
def test_advice_on_what_is_no_array(audio: object, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        to_pcm16(audio)  # type: ignore[arg-type]


# --------------------------------------------------------------------------------------------------


def test_infinite_floats_are_clipped() -> None:
    assert as_int16(np.array([math.inf, -math.inf], dtype=np.float32)).tolist() == [32767, -32768]


@given(st.lists(st.tuples(*[st.integers(-32768, 32767)] * 3), max_size=50))
def test_mixing_down_is_the_rounded_mean(frames: list[tuple[int, int, int]]) -> None:
    pcm = np.array(frames, dtype="<i2").reshape(-1, 3)
    expected = [round(Fraction(sum(f), 3)) for f in frames]
    assert mix_down(pcm, 3).tolist() == expected
    assert mix_down(pcm.tobytes(), 3).tolist() == expected


def test_mixing_down_needs_whole_frames() -> None:
    with pytest.raises(FormatError, match="3 samples"):
        mix_down(bytes(6), 2)
    with pytest.raises(FormatError, match="0 channels"):
        mix_down(bytes(6), 0)
    assert mix_down(b"\x05\x00", 1).tolist() == [5]


def test_levels() -> None:
    turns = np.arange(24000) / 24000
    sine = (np.sin(2 * np.pi * 480 * turns) * 32767).astype(np.int16)
    assert level_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(int16([-32768, -32768])) == 0.0
    assert level_dbfs(bytes(100)) == -math.inf
    assert level_dbfs(b"") == -math.inf


def test_silence_has_the_length_asked_for() -> None:
    assert silence(20) == bytes(960)
    assert silence(20, rate_hz=8000) == bytes(320)
    assert silence(0) == b""


@pytest.mark.parametrize("rate", [0, -1, 3999, 24000.0, "24000", True, None, 400_000])
def test_a_wrong_rate_is_refused(rate: object) -> None:
    with pytest.raises(ConfigError, match="not a sample rate"):
        require_rate(rate)


def test_the_package_loads_neither_numpy_nor_pyaudio_until_used() -> None:
    code = (
        "import sys, realtime_sync.audio as a\n"
        "from realtime_sync.audio import to_pcm16\n"
        "to_pcm16(b'ab')\n"
        "print(sorted({'numpy', 'pyaudio', 'soxr'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert out.stdout.strip() == "[]"


def test_every_public_name_resolves() -> None:
    from realtime_sync import audio

    assert set(audio.__all__) == set(audio._HOME)
    assert set(audio.__all__) <= set(dir(audio))
    for name in audio.__all__:
        assert getattr(audio, name).__name__ == name
    with pytest.raises(AttributeError, match="nothing_here"):
        audio.nothing_here  # noqa: B018 - the access is the test


# -- pieces --------------------------------------------------------------------------------------


def test_pieces_become_whole_samples() -> None:
    joiner, part = SampleJoiner(), ("a", 0)
    assert joiner.join(b"\1\2\3", part) == b"\1\2"
    assert joiner.join(b"", part) == b""
    assert joiner.join(b"\4\5\6", part) == b"\3\4\5\6"
    assert joiner.join(b"\7\x08", part) == b"\7\x08"
    assert joiner.join(b"\x09", part) == b""
    assert joiner.join(b"\x0a", part) == b"\x09\x0a"


def test_half_a_sample_belongs_to_its_part_alone() -> None:
    joiner = SampleJoiner()
    joiner.join(b"\1", ("a", 0))
    assert joiner.join(b"\2\3", ("a", 1)) == b"\2\3"
    joiner.join(b"\1", ("a", 1))
    joiner.clear()
    assert joiner.join(b"\2\3", ("a", 1)) == b"\2\3"
