"""What a query becomes in a URL."""

from __future__ import annotations

import doctest
from urllib.parse import parse_qs, urlsplit

import pytest

from realtime_sync.providers import OpenAIProvider, base


@pytest.mark.parametrize(
    ("query", "encoded"),
    [
        ({}, ""),
        ({"a": "x y", "b": 1, "c": 0.5}, "a=x+y&b=1&c=0.5"),
        ({"a": True, "b": False}, "a=true&b=false"),
        ({"a": ["1", 2], "b": ("3", None)}, "a=1&a=2&b=3"),
        ({"a": {"b": "1", "c": {"d": [2, 3]}}}, "a%5Bb%5D=1&a%5Bc%5D%5Bd%5D=2&a%5Bc%5D%5Bd%5D=3"),
        ({"a": None, "b": ""}, "b="),
    ],
)
def test_values_of_every_kind(query: dict[str, object], encoded: str) -> None:
    assert base.encode_query(query) == encoded


def test_the_query_of_a_base_url_is_kept_and_can_be_replaced_or_taken_out() -> None:
    provider = OpenAIProvider(
        api_key="k",
        base_url="https://unused.example/v1?rest=only",
        websocket_base_url="wss://host/v1?keep=1&keep=2&blank=&route=url&gone=url",
        default_query={"client": "kept", "route": "client"},
    )
    endpoint = provider.websocket(
        model="m",
        call_id=None,
        extra_query={"route": ["new", "last"], "gone": None},
        extra_headers={},
    )
    assert parse_qs(urlsplit(endpoint.url).query, keep_blank_values=True) == {
        "keep": ["1", "2"],
        "blank": [""],
        "client": ["kept"],
        "model": ["m"],
        "route": ["new", "last"],
    }


def test_examples() -> None:
    result = doctest.testmod(base)
    assert result.attempted
    assert not result.failed
