"""The bodies of REST requests that are refused in words."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import Request

from realtime_sync import ServerError
from realtime_sync.local.web.bodies import read_json


def read(body: bytes) -> Any:
    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    return asyncio.run(read_json(Request({"type": "http", "headers": []}, receive)))


def test_json() -> None:
    assert read(b"") == {}
    assert read(b"{}".rjust(1 << 20)) == {}
    assert read(b'{"a": [1, 0.5, "\\ud83d"]}') == {"a": [1, 0.5, "\ud83d"]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"[]", "'body': expected an object, but got an array"),
        (b'{"a": NaN}', "NaN is no JSON number"),
        (b'{"a": -Infinity}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "1e999 is too large a number"),
        (b'{"a": 1' + b"0" * 5_000 + b"}", "'body' is not valid JSON"),
        (b'{"a": ' * 65 + b"1" + b"}" * 65, "'body' is nested deeper than 64 levels"),
        (b"[" * 100_000, "'body' is not valid JSON"),
        (b"\xff", "'body' is not valid JSON"),
        (b" " * (1 << 20) + b"{}", "larger than 1048576 bytes"),
    ],
)
def test_what_is_none(body: bytes, words: str) -> None:
    with pytest.raises(ServerError, match=words):
        read(body)
