"""Bodies, paths and URLs of REST requests, without any I/O."""

from __future__ import annotations

import json
import pickle
import re
from typing import Any
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync import ApiError, ConfigError, LocalProtocolError
from realtime_sync._headers import Headers
from realtime_sync._types import UNSET
from realtime_sync.errors import api_error, retry_after_s
from realtime_sync.events import Session
from realtime_sync.rest import ClientSecret
from realtime_sync.rest._url import request_url
from realtime_sync.rest.request import (
    FormPart,
    call_path,
    form_body,
    json_body,
    merged,
    parts_of,
    seconds,
)


def test_json_bodies() -> None:
    assert json_body({"a": "ü", "b": [1, None]}) == '{"a":"ü","b":[1,null]}'.encode()
    assert json.loads(json_body({"session": Session(instructions="x")})) == {
        "session": {"type": "realtime", "instructions": "x"}
    }


def test_what_is_not_given_is_not_sent() -> None:
    assert merged({"a": UNSET, "b": None, "c": 1}, None) == {"b": None, "c": 1}
    assert merged({"a": UNSET, "c": 1}, {"c": 2, "d": 3}) == {"c": 2, "d": 3}


def test_forms() -> None:
    parts = parts_of({"sdp": "v=0", "session": {"type": "realtime"}, "note": "x", "n": 1})
    assert parts == (
        FormPart("sdp", "application/sdp", b"v=0"),
        FormPart("session", "application/json", b'{"type":"realtime"}'),
        FormPart("note", None, b"x"),
        FormPart("n", "application/json", b"1"),
    )
    assert "v=0" not in repr(parts)
    with pytest.raises(LocalProtocolError):
        parts_of({"sdp": b"v=0"})


@given(st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda s: s not in (".", "..")))
def test_an_id_is_one_part_of_the_path(call_id: str) -> None:
    path = call_path(call_id, "hangup")
    start, _, rest = path.partition("/realtime/calls/")
    part, _, end = rest.partition("/")
    assert (start, end, unquote(part)) == ("", "hangup", call_id)
    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", part)


def test_forms_that_are_percent_encoded() -> None:
    fields = {"To": "+1 5", "Events": ["a", "b"], "Twiml": "<A b='ü&'/>", "Empty": ""}
    body = form_body(fields)
    assert body == b"To=%2B1+5&Events=a&Events=b&Twiml=%3CA+b%3D%27%C3%BC%26%27%2F%3E&Empty="
    assert parse_qs(body.decode(), keep_blank_values=True) == {
        name: value if isinstance(value, list) else [value] for name, value in fields.items()
    }


@pytest.mark.parametrize("call_id", ["", ".", "..", None, 1])
def test_ids_that_are_none(call_id: Any) -> None:
    with pytest.raises(ConfigError, match="call_id"):
        call_path(call_id, "hangup")


@pytest.mark.parametrize(
    ("base_url", "url", "port"),
    [
        ("https://x/v1", "https://x/v1/p?a=b", 443),
        ("https://x/v1/", "https://x/v1/p?a=b", 443),
        ("https://x/v1?c=d&c=e", "https://x/v1/p?c=d&c=e&a=b", 443),
        ("http://x:81", "http://x:81/p?a=b", 81),
        ("http://[::1]:81/v1", "http://[::1]:81/v1/p?a=b", 81),
    ],
)
def test_urls(base_url: str, url: str, port: int) -> None:
    assert request_url(base_url, "/p", {"a": "b"})[::2] == (url, port)


def test_timeouts() -> None:
    assert seconds(60) == (5.0, 60)
    assert seconds(2.0) == (2.0, 2.0)
    assert seconds((1, None)) == (1, None)
    assert seconds(None) == (None, None)
    assert seconds(UNSET, (1.0, 2.0)) == (1.0, 2.0)


def test_headers_in_any_case() -> None:
    headers = Headers([("X-A", "1"), ("x-a", "2"), ("B", "3")])
    assert (headers["X-a"], headers.get("b"), headers.get("c")) == ("2", "3", None)
    assert "B" in headers
    assert dict(headers) == {"x-a": "2", "B": "3"}
    assert "2" not in repr(headers)


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "40"}, 0.04),
        ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 99 Foo 2001"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_how_long_the_server_asks_to_wait(headers: dict[str, str], wait: float | None) -> None:
    assert retry_after_s(headers) == wait


@pytest.mark.parametrize(
    "body", [None, b"", b"x", b"[]", b'{"error": "words"}', b'{"error": {"code": 7}}', b"{}"]
)
def test_the_servers_details_are_there_or_none(body: bytes | None) -> None:
    error = api_error(400, {"Retry-After": "1"}, body)
    assert isinstance(error, ApiError)
    assert error.code == ("7" if body and b"7" in body else None)
    assert (error.param, error.type, error.retry_after_s) == (None, None, 1.0)
    assert pickle.loads(pickle.dumps(error)).retry_after_s == 1.0


def test_a_secret_is_a_value_that_does_not_show_itself() -> None:
    secret = ClientSecret(value="ek_hidden", expires_at=1, session={"type": "realtime"})
    assert "hidden" not in f"{secret!r} {secret}"
    assert secret.to_dict()["value"] == "ek_hidden"
    assert secret == pickle.loads(pickle.dumps(secret))
