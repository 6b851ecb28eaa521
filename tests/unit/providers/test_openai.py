"""URLs and headers of OpenAI-compatible servers."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync import AzureOpenAI, OpenAI
from realtime_sync.errors import ConfigError
from realtime_sync.providers import Endpoint, OpenAIProvider

KEY = "sk-very-secret"


def endpoint(provider: OpenAIProvider | None = None, **call: Any) -> Endpoint:
    given: dict[str, Any] = {
        "model": None,
        "call_id": None,
        "extra_query": {},
        "extra_headers": {},
    }
    return (provider or make()).websocket(**given | call)


def make(**settings: Any) -> OpenAIProvider:
    return OpenAIProvider(**{"api_key": KEY, "base_url": "https://api.openai.com/v1"} | settings)


def test_the_ga_url_with_a_bearer_token_and_no_beta_header() -> None:
    result = endpoint(model="gpt-realtime-2")
    assert result.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime-2"
    assert result.headers == {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://127.0.0.1:8765/v1/", "ws://127.0.0.1:8765/v1/realtime?model=m"),
        ("https://host/a/b", "wss://host/a/b/realtime?model=m"),
        ("wss://host", "wss://host/realtime?model=m"),
    ],
)
def test_bases(base: str, url: str) -> None:
    assert endpoint(make(base_url=base), model="m").url == url
    assert endpoint(make(websocket_base_url=base), model="m").url == url


def test_the_call_wins_over_the_client() -> None:
    provider = make(
        default_query={"a": "1", "b": "1"},
        default_headers={"X-A": "1", "X-B": "1"},
        organization="org",
        project="proj",
    )
    result = endpoint(provider, model="m m", extra_query={"b": "2"}, extra_headers={"X-B": "2"})
    assert result.url.endswith("/realtime?a=1&b=2&model=m+m")
    assert result.headers == {
        "Authorization": f"Bearer {KEY}",
        "OpenAI-Organization": "org",
        "OpenAI-Project": "proj",
        "X-A": "1",
        "X-B": "2",
    }


def test_a_running_call_or_an_intent_needs_no_model() -> None:
    assert endpoint(call_id="rtc_1").url.endswith("?call_id=rtc_1")
    assert endpoint(extra_query={"intent": "transcription"}).url.endswith("?intent=transcription")


def test_a_callable_key_is_asked_each_time() -> None:
    keys = iter(["one", "two"])
    provider = make(api_key=lambda: next(keys))
    tokens = [endpoint(provider, model="m").headers["Authorization"] for _ in range(2)]
    assert tokens == ["Bearer one", "Bearer two"]


@pytest.mark.parametrize(
    ("settings", "call", "words"),
    [
        ({}, {}, "needs model="),
        ({}, {"model": "m", "call_id": "c"}, "both given"),
        (
            {"base_url": "api.openai.com"},
            {"model": "m"},
            "the base URL has the scheme ''; use http://",
        ),
        ({"api_key": lambda: ""}, {"model": "m"}, "returned no key"),
    ],
)
def test_mistakes_are_named(settings: dict[str, Any], call: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        endpoint(make(**settings), **call)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"webhook_secret": 7}, "webhook_secret is a int; pass a text"),
        ({"dialect": 7}, "dialect is 7; pass one of"),
        ({"dialect": "gaga"}, "dialect is 'gaga'; pass one of"),
    ],
)
def test_wrong_options_of_a_client_are_named(options: dict[str, Any], words: str) -> None:
    for client in (OpenAI, AzureOpenAI):
        with pytest.raises(ConfigError, match=words):
            client(api_key=KEY, base_url="https://localhost/", **options)


def test_the_key_is_never_shown() -> None:
    provider = make(default_headers={"X-Key": KEY})
    assert KEY not in repr(provider)
    assert KEY not in repr(endpoint(provider, model="m"))
