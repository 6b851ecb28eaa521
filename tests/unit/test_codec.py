"""JSON and base64 give what the standard library gives, with the extra ``[fast]`` and without."""

from __future__ import annotations

import binascii
import json
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from with_fast import WANTED

from realtime_sync import RemoteProtocolError
from realtime_sync._codec import decode_base64, encode_base64
from realtime_sync.events import parse_event

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


def test_the_extra_is_used_if_and_only_if_it_is_wanted() -> None:
    assert (sys.modules.get("msgspec") is not None) == WANTED
    assert (sys.modules.get("pybase64") is not None) == WANTED


@given(_VALUES, st.booleans(), st.booleans())
def test_events(value: Any, ascii_only: bool, spaced: bool) -> None:
    text = json.dumps(
        {"type": "new.event", "value": value}, ensure_ascii=ascii_only, indent=1 if spaced else None
    )
    assert repr(parse_event(text).data) == repr(json.loads(text))


@pytest.mark.parametrize(
    "value",
    [
        '"\\ud800"',
        '"\\ud83d\\ude00"',
        "NaN",
        "-Infinity",
        "1e400",
        "-0",
        "18446744073709551616",
        "-9223372036854775809",
        "-0.0",
        "[" * 250 + "]" * 250,
    ],
    ids=lambda value: value[:12],
)
def test_what_decoders_differ_in(value: str) -> None:
    text = f'{{"type": "new.event", "value": {value}}}'
    assert repr(parse_event(text).data) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    ['{"type": "a"} x', '{"type": "a",}', '{"type": "a\x01"}', '{"type": "a"', "[" * 100_000, ""],
    ids=lambda text: text[:14] or "nothing",
)
def test_what_both_refuse(text: str) -> None:
    with pytest.raises(RemoteProtocolError, match="malformed json"):
        parse_event(text)


@given(st.binary(max_size=4_000))
def test_base64_of_audio(audio: bytes) -> None:
    encoded = binascii.b2a_base64(audio, newline=False)
    assert encode_base64(audio) == encoded
    assert encode_base64(memoryview(bytearray(audio))) == encoded
    assert decode_base64(encoded.decode()) == audio


def whole_base64(text: str) -> bytes:
    """The rule: either alphabet, padding and white space where there are any, and nothing else."""
    digits = re.sub(r"\s", "", text).replace("-", "+").replace("_", "/").rstrip("=")
    if not re.fullmatch("[A-Za-z0-9+/]*", digits) or len(digits) % 4 == 1:
        raise ValueError("damaged")
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))


def refused_or_bytes(decode: Callable[[str], bytes], text: str) -> bytes | None:
    try:
        return decode(text)
    except ValueError:
        return None


@given(st.text("AQgw/+= \n-_é!", max_size=24))
@example("AAE=AAE=")
@example("AA==AAAA==")
@example("A===")
@example("AAECAw")
@example("-_-_")
@example("AA!E")
def test_base64_of_all_kinds(text: str) -> None:
    assert refused_or_bytes(decode_base64, text) == refused_or_bytes(whole_base64, text)


@pytest.mark.parametrize(
    ("text", "audio"),
    [("-_8", b"\xfb\xff"), ("AAE", b"\0\1"), ("AA", b"\0"), ("", b""), ("AA\r\nE=", b"\0\1")],
)
def test_base64_that_is_not_the_usual(text: str, audio: bytes) -> None:
    assert decode_base64(text) == audio


@pytest.mark.parametrize("text", ["A", "AA!E", "AAE=AAE=", "é", "AA.="])
def test_base64_that_is_damaged(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode_base64(text)
