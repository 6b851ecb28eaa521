"""URLs and headers of Azure OpenAI, and what the client makes of options and environment."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from realtime_sync import AzureOpenAI, ConfigError
from realtime_sync.providers import BetaDialect, Endpoint
from realtime_sync.providers.azure import azure_base_url

HOST = "https://res.openai.azure.com"
KEY = "azure-very-secret"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "AD_TOKEN", "ENDPOINT"):
        monkeypatch.delenv(f"AZURE_OPENAI_{name}", raising=False)
    for name in ("OPENAI_API_VERSION", "OPENAI_ORG_ID"):
        monkeypatch.delenv(name, raising=False)


def endpoint(client: AzureOpenAI, **call: Any) -> Endpoint:
    given: dict[str, Any] = {
        "model": "dep",
        "call_id": None,
        "extra_query": {},
        "extra_headers": {},
    }
    return client._provider.websocket(**given | call)


def make(**options: Any) -> AzureOpenAI:
    return AzureOpenAI(**{"azure_endpoint": HOST, "api_key": KEY} | options)


@pytest.mark.parametrize(
    ("options", "call", "url"),
    [
        ({}, {}, "/openai/v1/realtime?model=dep"),
        ({"azure_deployment": "mine"}, {"model": "other"}, "/openai/v1/realtime?model=mine"),
        ({}, {"model": None, "call_id": "rtc_1"}, "/openai/v1/realtime?call_id=rtc_1"),
        (
            {},
            {"model": None, "extra_query": {"intent": "transcription"}},
            "/openai/v1/realtime?intent=transcription",
        ),
        (
            {"api_version": "2025-04-01-preview"},
            {},
            "/openai/realtime?api-version=2025-04-01-preview&deployment=dep",
        ),
        (
            {"api_version": "v", "azure_deployment": "mine"},
            {"model": None, "extra_query": {"intent": "transcription"}},
            "/openai/realtime?api-version=v&deployment=mine&intent=transcription",
        ),
    ],
)
def test_urls(options: dict[str, Any], call: dict[str, Any], url: str) -> None:
    assert endpoint(make(**options), **call).url == f"wss://res.openai.azure.com{url}"


@pytest.mark.parametrize("tail", ["", "/", "/openai", "/openai/v1", "/openai/v1/"])
def test_what_the_portal_shows_behind_the_resource_may_be_left_on(tail: str) -> None:
    assert azure_base_url(HOST + tail, api_version=None) == f"{HOST}/openai/v1"
    assert azure_base_url(HOST + tail, api_version="v") == f"{HOST}/openai"


def test_other_bases() -> None:
    client = make(azure_endpoint=None, base_url="http://127.0.0.1:1/x")
    assert endpoint(client).url == "ws://127.0.0.1:1/x/realtime?model=dep"
    client = make(websocket_base_url="wss://gate/x?a=1")
    assert endpoint(client).url == "wss://gate/x/realtime?a=1&model=dep"


def test_the_preview_speaks_the_beta() -> None:
    assert endpoint(make()).dialect is None
    assert isinstance(endpoint(make(api_version="v")).dialect, BetaDialect)
    assert endpoint(make(api_version="v", dialect="ga")).dialect is None


def test_each_connection_has_a_dialect_of_its_own() -> None:
    client = make(api_version="v")
    assert endpoint(client).dialect is not endpoint(client).dialect


def test_the_key_or_a_token() -> None:
    assert endpoint(make()).headers == {"api-key": KEY}
    token = {"Authorization": "Bearer t"}
    assert endpoint(make(api_key=None, azure_ad_token="t")).headers == token
    tokens = iter(["one", "two"])
    client = make(api_key=None, azure_ad_token_provider=lambda: next(tokens))
    assert endpoint(client).headers == {"Authorization": "Bearer one"}
    assert endpoint(client).headers == {"Authorization": "Bearer two"}


def test_headers_of_the_call_win_in_any_case() -> None:
    client = make(default_headers={"X-A": "1"}, organization="org")
    headers = endpoint(client, extra_headers={"API-KEY": "other", "x-a": "2"}).headers
    assert headers == {"API-KEY": "other", "OpenAI-Organization": "org", "x-a": "2"}


def test_rest_says_the_version_where_there_is_one() -> None:
    assert dict(make()._provider.rest_query) == {}
    assert dict(make(api_version="v")._provider.rest_query) == {"api-version": "v"}
    assert make()._provider.rest_headers({}) == {"api-key": KEY}


def test_the_environment(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", HOST)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "env-key")
    assert endpoint(AzureOpenAI()).headers == {"api-key": "env-key"}
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "env-token")
    assert endpoint(AzureOpenAI()).headers == {"Authorization": "Bearer env-token"}
    assert endpoint(AzureOpenAI(api_key="mine")).headers == {"api-key": "mine"}
    monkeypatch.setenv("OPENAI_API_VERSION", "2025-04-01-preview")
    with caplog.at_level(logging.INFO, logger="realtime_sync"):
        assert "api-version=2025-04-01-preview" in endpoint(AzureOpenAI()).url
    assert "OPENAI_API_VERSION" in caplog.text
    assert "/openai/v1/realtime" in endpoint(AzureOpenAI(api_version="")).url


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"azure_endpoint": None}, "AZURE_OPENAI_ENDPOINT"),
        ({"api_key": None}, "AZURE_OPENAI_API_KEY or AZURE_OPENAI_AD_TOKEN"),
        ({"azure_ad_token": "t"}, "exclude each other"),
        ({"base_url": "https://x"}, "both given"),
        ({"dialect": "klingon"}, "'ga', 'beta', 'yandex'"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        make(**options)


def test_wrong_calls_are_named() -> None:
    with pytest.raises(ConfigError, match="name of the deployment"):
        endpoint(make(api_version="v"), model=None)
    with pytest.raises(ConfigError, match="needs model"):
        endpoint(make(), model=None)
    with pytest.raises(ConfigError, match="no translation sessions"):
        make().realtime.translations.connect("m").enter()


def test_no_secret_is_shown() -> None:
    client = make(default_headers={"X-Key": KEY})
    assert KEY not in repr(client) + repr(client._provider) + repr(endpoint(client))
