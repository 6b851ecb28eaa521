"""Samples of every width against exact arithmetic: one rounding, to even, and no offset."""

from __future__ import annotations

import math
import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_files import extensible, form, wav

from realtime_sync.audio import decode_alaw, decode_ulaw, read_wav

WIDE = {3: 24, 4: 32, 5: 40, 6: 48, 7: 56, 8: 64}


def mono(data: bytes, header: bytes) -> list[int]:
    samples: list[int] = np.frombuffer(read_wav(wav(data, header)), "<i2").tolist()
    return samples


def exact(value: Fraction) -> int:
    """The nearest step of PCM16, the even one between two, within its range."""
    return max(-32768, min(32767, round(value * 32768)))


@pytest.mark.parametrize("width", WIDE)
@settings(max_examples=50)
@given(data=st.data())
def test_wide_integers_are_rounded_once(width: int, data: st.DataObject) -> None:
    bits = WIDE[width]
    half = 1 << (bits - 1)
    near_a_tie = st.integers(-32768, 32767).flatmap(
        lambda step: st.sampled_from([-1, 0, 1]).map(
            lambda off: max(-half, min(half - 1, step * (half >> 15) + (half >> 16) + off))
        )
    )
    frames = data.draw(
        st.lists(st.tuples(*[near_a_tie | st.integers(-half, half - 1)] * 2), max_size=20)
    )
    for channels in (1, 2):
        octets = b"".join(
            v.to_bytes(width, "little", signed=True) for frame in frames for v in frame[:channels]
        )
        got = mono(octets, form(bits=bits, channels=channels))
        want = [exact(Fraction(sum(frame[:channels]), channels * half)) for frame in frames]
        if bits <= 48:  # two of these fit into the 53 bits of a float64
            assert got == want
        else:
            assert all(abs(a - b) <= 1 for a, b in zip(got, want, strict=True))


@pytest.mark.parametrize(("size", "code"), [(4, "f"), (8, "d")])
@given(data=st.data())
def test_floats_are_clipped_mixed_and_rounded_once(
    size: int, code: str, data: st.DataObject
) -> None:
    floats = st.floats(-2, 2, width=8 * size) | st.sampled_from([2.5 / 32768, 0.5 / 32768, -1.0])
    frames = data.draw(st.lists(st.tuples(floats, floats), max_size=20))
    octets = b"".join(struct.pack(f"<2{code}", *frame) for frame in frames)
    header = form(tag=3, bits=8 * size, channels=2)
    got = mono(octets, header)
    clipped = [[max(Fraction(-1), min(Fraction(1), Fraction(v))) for v in each] for each in frames]
    want = [exact(sum(each, Fraction()) / 2) for each in clipped]
    assert all(abs(a - b) <= 1 for a, b in zip(got, want, strict=True))
    one = b"".join(struct.pack(f"<{code}", a) for a, _ in frames)
    assert mono(one, form(tag=3, bits=8 * size)) == [exact(each[0]) for each in clipped]


@pytest.mark.parametrize(("tag", "bits"), [(1, 24), (1, 32), (3, 32), (3, 64)])
def test_neither_an_offset_nor_a_bias_comes_of_it(tag: int, bits: int) -> None:
    """Noise of less than a step, as quiet as it is everywhere in a recording."""
    noise = np.random.default_rng(1).uniform(-3, 3, 200_000) / 32768
    if tag == 3:
        data = noise.astype(f"<f{bits // 8}").tobytes()
    else:
        wide = np.rint(noise * 2 ** (bits - 1)).astype("<i4")
        data = wide.view(np.uint8).reshape(-1, 4)[:, : bits // 8].tobytes()
    got = np.array(mono(data, form(tag=tag, bits=bits)))
    assert abs(got.mean()) < 0.02
    assert abs((got - noise * 32768).mean()) < 0.002, "no part of a step is lost on the way"
    assert np.abs(got - noise * 32768).max() < 0.51


@pytest.mark.parametrize(("size", "code"), [(4, "f"), (8, "d")])
def test_odd_floats_are_defined(size: int, code: str) -> None:
    huge = 3e38 if size == 4 else 1.7e308
    odd = [math.nan, math.inf, -math.inf, huge, -huge, 1.0, -1.0, -0.0, 1e-40]
    header = form(tag=3, bits=8 * size)
    want = [0, 32767, -32768, 32767, -32768, 32767, -32768, 0, 0]
    assert mono(struct.pack(f"<9{code}", *odd), header) == want
    signalling = bytes.fromhex("010000000000f07f" if size == 8 else "0100807f")
    assert mono(signalling * 3, header) == [0, 0, 0]
    pair = struct.pack(f"<4{code}", math.inf, -math.inf, huge, huge)
    assert mono(pair, form(tag=3, bits=8 * size, channels=2)) == [0, 32767]


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8, 64])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_channels_are_mixed_without_overflow(channels: int, bits: int) -> None:
    """Full scale on all channels stays full scale, and opposite signs cancel out."""
    low, high = (0, 255) if bits == 8 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    zero = 128 if bits == 8 else 0

    def frame(*values: int) -> bytes:
        return b"".join(v.to_bytes(bits // 8, "little", signed=bits != 8) for v in values)

    loud = frame(*[high] * channels) + frame(*[low] * channels) + frame(*[zero] * channels)
    top = 127 << 8 if bits == 8 else 32767
    assert mono(loud, form(bits=bits, channels=channels)) == [top, -32768, 0]
    if channels % 2 == 0:
        data = frame(*[high, low] * (channels // 2))
        assert mono(data, form(bits=bits, channels=channels)) in ([0], [-128])


def test_twelve_and_twenty_bits_stand_at_the_upper_end() -> None:
    twelve = struct.pack("<4h", 0x7FF << 4, -0x800 << 4, 1 << 4, 0)
    want = [0x7FF0, -0x8000, 16, 0]
    assert mono(twelve, form(bits=12)) == want
    assert mono(twelve, extensible(1, valid_bits=12, bits=16)) == want
    twenty = b"".join((v << 4).to_bytes(3, "little", signed=True) for v in (0x7FFFF, -0x80000, 16))
    assert mono(twenty, form(bits=20)) == [32767, -32768, 1]
    assert mono(twenty, extensible(1, valid_bits=20, bits=24)) == [32767, -32768, 1]
    in_four = struct.pack("<3i", 0x7FFFF << 12, -0x80000 << 12, 16 << 12)
    assert mono(in_four, extensible(1, valid_bits=20, bits=32)) == [32767, -32768, 1]


def test_g711_is_decoded() -> None:
    codes = bytes(range(256))
    for tag, decode in ((6, decode_alaw), (7, decode_ulaw)):
        assert read_wav(wav(codes, form(tag=tag, bits=8, rate=24_000))) == decode(codes)
        twice = b"".join(bytes([c, c]) for c in codes)
        assert read_wav(wav(twice, form(tag=tag, bits=8, channels=2))) == decode(codes)
        assert read_wav(wav(codes, extensible(tag, valid_bits=8, bits=8))) == decode(codes)
