"""JSON and base64 give what the standard library gives, with the extra ``[fast]`` and without."""

from __future__ import annotations

import binascii
import json
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


def outcome(function: Callable[[Any], object], value: Any) -> object:
    try:
        return repr(function(value))  # two that are not a number are not equal
    except (TypeError, ValueError) as exc:
        return type(exc)


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
        "[" * 900 + "]" * 900,
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


@given(st.text("AQgw/+= \n-_é", max_size=24))
@example("AAE=AAE=")
@example("AA==AAAA==")
@example("A===")
def test_damaged_base64(text: str) -> None:
    assert outcome(decode_base64, text) == outcome(binascii.a2b_base64, text)
