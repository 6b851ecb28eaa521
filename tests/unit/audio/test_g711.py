"""G.711 byte by byte against a reference written from the recommendation, bit by bit."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from realtime_sync.audio import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from realtime_sync.errors import FormatError

EVERY_SAMPLE = np.arange(-32768, 32768).astype("<i2")
EVERY_CODE = bytes(range(256))


def reference_ulaw(sample: int) -> int:
    """One sample after ITU-T G.711 table 2: sign, position of the leading one, four bits."""
    value = sample >> 2
    sign = 0x80 if value < 0 else 0
    value = min(abs(value), 8158) + 33
    exponent = value.bit_length() - 6
    return ~(sign | exponent << 4 | (value >> (exponent + 1)) & 15) & 0xFF


def reference_alaw(sample: int) -> int:
    """One sample after ITU-T G.711 table 1, with every second bit inverted."""
    value = sample >> 3
    sign = 0x80 if value >= 0 else 0
    value = value if value >= 0 else ~value
    exponent = max(value.bit_length() - 5, 0)
    return (sign | exponent << 4 | (value >> max(exponent, 1)) & 15) ^ 0x55


def reference_ulaw_value(code: int) -> int:
    code = ~code & 0xFF
    value = (((code & 15) * 2 + 33) << (code >> 4 & 7)) - 33
    return 4 * (-value if code & 0x80 else value)


def reference_alaw_value(code: int) -> int:
    code ^= 0x55
    exponent = code >> 4 & 7
    value = (code & 15) * 2 + 1
    if exponent:
        value = (value + 32) << (exponent - 1)
    return 8 * (value if code & 0x80 else -value)


def test_ulaw_encodes_every_sample() -> None:
    expected = bytes(reference_ulaw(int(s)) for s in EVERY_SAMPLE)
    assert encode_ulaw(EVERY_SAMPLE) == expected
    assert encode_ulaw(EVERY_SAMPLE.tobytes()) == expected


def test_alaw_encodes_every_sample() -> None:
    expected = bytes(reference_alaw(int(s)) for s in EVERY_SAMPLE)
    assert encode_alaw(EVERY_SAMPLE) == expected
    assert encode_alaw(EVERY_SAMPLE.tobytes()) == expected


def test_both_decode_every_code() -> None:
    ulaw = np.frombuffer(decode_ulaw(EVERY_CODE), "<i2")
    alaw = np.frombuffer(decode_alaw(EVERY_CODE), "<i2")
    assert ulaw.tolist() == [reference_ulaw_value(c) for c in range(256)]
    assert alaw.tolist() == [reference_alaw_value(c) for c in range(256)]


def test_known_values_of_the_recommendation() -> None:
    assert encode_ulaw(b"\x00\x00") == b"\xff"
    assert encode_alaw(b"\x00\x00") == b"\xd5"
    assert decode_ulaw(b"\x00\x80") == np.array([-32124, 32124], "<i2").tobytes()
    assert decode_alaw(b"\x2a\xaa") == np.array([-32256, 32256], "<i2").tobytes()


def test_decoding_and_encoding_again_changes_nothing() -> None:
    # µ-law has two codes for zero; encoding gives the positive one.
    expected = EVERY_CODE.replace(b"\x7f", b"\xff")
    assert encode_ulaw(decode_ulaw(EVERY_CODE)) == expected
    assert encode_alaw(decode_alaw(EVERY_CODE)) == EVERY_CODE


def test_the_reference_agrees_with_audioop() -> None:
    """Where Python still has it (until 3.12), the old C implementation judges the reference."""
    if sys.version_info >= (3, 13):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    pcm = EVERY_SAMPLE.tobytes()
    assert audioop.lin2ulaw(pcm, 2) == encode_ulaw(pcm)
    assert audioop.lin2alaw(pcm, 2) == encode_alaw(pcm)
    assert audioop.ulaw2lin(EVERY_CODE, 2) == decode_ulaw(EVERY_CODE)
    assert audioop.alaw2lin(EVERY_CODE, 2) == decode_alaw(EVERY_CODE)


def test_bad_input_is_refused() -> None:
    for encode in (encode_ulaw, encode_alaw):
        with pytest.raises(FormatError, match="3 bytes"):
            encode(b"abc")
    for decode in (decode_ulaw, decode_alaw):
        assert decode(b"") == b""
        with pytest.raises(FormatError, match="str"):
            decode("abc")  # type: ignore[arg-type]
