"""What a token says of its end, and what a provider needs."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from realtime_sync import ConfigError
from realtime_sync.distiller import TokenProvider
from realtime_sync.distiller.token_provider import _end_in

GIVEN = {"url": "https://h/token", "client_id": "app", "client_secret": "secret"}


def token(claims: Any) -> str:
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode()
    return f"head.{text.rstrip('=')}.signature"


@pytest.mark.parametrize("end", [0, 1767225600, 1767225600.5])
def test_the_end_of_a_web_token(end: float) -> None:
    for padding in ("", "a", "ab"):  # of the base64
        assert _end_in(token({"exp": end, "x": padding})) == end


@pytest.mark.parametrize(
    "odd",
    [
        *("", "opaque", "a.b", "a..c", "a.é.c", token([1]), token({})),
        *(token({"exp": end}) for end in ("1", True, float("nan"), float("inf"))),
    ],
)
def test_tokens_that_say_nothing(odd: str) -> None:
    assert _end_in(odd) is None


@pytest.mark.parametrize("name", sorted(GIVEN))
@pytest.mark.parametrize("value", ["", None])
def test_what_a_provider_needs(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{name} is missing"):
        TokenProvider(**{**GIVEN, name: value})


@pytest.mark.parametrize("fields", ["scope=a-secret", ["a-secret"], 7])
def test_fields_that_are_none(fields: Any) -> None:
    with pytest.raises(ConfigError, match=r"^extra_fields is a .*; pass a dictionary") as caught:
        TokenProvider(**GIVEN, extra_fields=fields)
    assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["token", "ftp://h/token", "http://[::1/token", "https:///token"])
def test_what_is_no_endpoint(url: str) -> None:
    with pytest.raises(ConfigError):
        TokenProvider(**{**GIVEN, "url": url}).token()
