"""What signed requests have in common."""

from __future__ import annotations

import email.message
import hashlib
import hmac
from base64 import b64decode
from typing import Any

import pytest
from websockets.datastructures import Headers as WebsocketsHeaders
from werkzeug.datastructures import Headers as WerkzeugHeaders

from realtime_sync._signed import body_bytes, header_pairs, hmac_base64, is_same, utf8
from realtime_sync.errors import ConfigError

PAIRS = [("A", "1"), ("B", "2"), ("A", "3")]


def test_headers_that_come_twice_are_both_there() -> None:
    message = email.message.Message()  # what http.server gives
    for name, value in PAIRS:
        message[name] = value
    for headers in (message, WerkzeugHeaders(PAIRS), WebsocketsHeaders(PAIRS)):
        assert sorted(header_pairs(headers)) == sorted(PAIRS)


@pytest.mark.parametrize("headers", [None, [], 7, {}, {"A": None}, {"": "1"}, {7: "1"}, {"A": ""}])
def test_what_is_no_header_is_left_out(headers: Any) -> None:
    assert header_pairs(headers) == []


def test_headers_in_bytes() -> None:
    assert header_pairs({b"A": b"\xfc"}) == [("A", "ü")]  # type: ignore[dict-item]


def test_bodies() -> None:
    for body in ("ü", "ü".encode(), bytearray("ü".encode()), memoryview("ü".encode())):
        assert body_bytes(body) == "ü".encode()
    for none in ({"a": "b"}, None, 7, ["a"]):
        with pytest.raises(ConfigError, match="pass the body as it came"):
            body_bytes(none)


def test_the_comparison() -> None:
    expected = hmac_base64(b"key", b"text", hashlib.sha1)
    assert b64decode(expected) == hmac.digest(b"key", b"text", "sha1")
    assert is_same(expected, expected)
    for other in ("", expected[:-1], f"{expected}=", expected.lower(), "ü", "\ud83d"):
        assert not is_same(expected, other)
    assert utf8("\ud83d") == b"\xed\xa0\xbd"
