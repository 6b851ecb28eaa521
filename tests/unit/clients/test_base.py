"""Options of clients and of `connect`: a wrong one is told where it is given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from realtime_sync import AzureOpenAI, ConfigError, OpenAI, YandexAIStudio
from realtime_sync.providers import BetaDialect
from realtime_sync.transport import MemoryTransport

NOWHERE = "http://127.0.0.1:1/v1"


def openai(**options: Any) -> OpenAI:
    return OpenAI(**{"api_key": "sk-hush", "base_url": NOWHERE, **options})


def azure(**options: Any) -> AzureOpenAI:
    return AzureOpenAI(**{"api_key": "sk-hush", "azure_endpoint": NOWHERE, **options})


def yandex(**options: Any) -> YandexAIStudio:
    return YandexAIStudio(**{"api_key": "sk-hush", "folder_id": "f", **options})


def one(value: object) -> str:
    return str(value)


@pytest.mark.parametrize("client", [openai, azure, yandex])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dialect": 5}, "dialect is 5; pass one of 'ga', 'beta', 'yandex', or what makes a"),
        ({"dialect": "betta"}, "dialect is 'betta'; pass one of"),
        ({"dialect": BetaDialect()}, "dialect is <.*; pass one of"),
        ({"dialect": one}, r"is called with \(\), and takes \(value\)"),
        ({"api_key": one}, r"the api_key callable is called with \(\), and takes \(value\)"),
        ({"default_query": {"a": object()}}, r"default_query\['a'\] is an object that no URL"),
        ({"default_query": {"a": [b"b"]}}, r"default_query\['a'\] is a bytes that no URL"),
        ({"default_query": {"a": {"b": {1}}}}, r"default_query\['a'\] is a set that no URL"),
        ({"default_query": {"a": {1: "b"}}}, r"the name of a value in default_query\['a'\] must"),
        ({"default_query": {"a": "\ud800"}}, r"default_query\['a'\] is a str that no URL"),
        ({"default_query": {"a": float("nan")}}, r"default_query\['a'\] is a float that no URL"),
    ],
)
def test_a_wrong_option_is_told_where_it_is_given(
    client: Callable[..., object], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        client(**options)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("client", [openai, azure])
def test_a_webhook_secret_is_a_text(client: Callable[..., object]) -> None:
    with pytest.raises(ConfigError, match="webhook_secret is a int; pass a text, or set OPENAI_WE"):
        client(webhook_secret=5)


@pytest.mark.parametrize(
    ("provider", "words"),
    [("token", "azure_ad_token_provider must be a function"), (one, r"takes \(value\)")],
)
def test_a_token_provider_is_a_function(provider: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        AzureOpenAI(azure_endpoint=NOWHERE, azure_ad_token_provider=provider)


def test_a_list_in_a_query_that_holds_itself_is_told() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ConfigError, match=r"default_query\['a'\] is a list that no URL"):
        openai(default_query={"a": endless})


def test_values_that_a_url_can_hold_are_taken() -> None:
    openai(default_query={"a": ["b", 1, 0.5, True, None, ("c",)], "d": {"e": {"f": "g"}}})


# -- connect ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": ""}, "model must be a text with something in it, not ''"),
        ({"model": " "}, "model must be a text"),
        ({"model": 5}, "model must be a text"),
        ({"call_id": ""}, "call_id must be a text with something in it, not ''"),
        ({"extra_query": {"a": object()}}, r"extra_query\['a'\] is an object that no URL"),
        ({"max_retries": "5"}, "max_retries is '5'"),
        ({"initial_delay": -1}, "initial_delay is -1"),
        ({"max_delay": None}, "max_delay is None"),
        ({"on_reconnecting": lambda: None}, r"on_reconnecting is called with \(event\)"),
        ({"transport": lambda url: None}, r"called with \(url, headers, options\), and takes \(u"),
        ({"transport": MemoryTransport}, r"called with \(url, headers, options\)"),
    ],
)
def test_a_wrong_option_of_connect_is_told_before_it_is_opened(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        openai().realtime.connect(**{"model": "m", **options})


@pytest.mark.parametrize("model", ["", 5, None])
def test_a_translation_needs_the_name_of_a_model(model: Any) -> None:
    with pytest.raises(ConfigError, match="model must be a text with something in it"):
        openai().realtime.translations.connect(model)


@pytest.mark.parametrize(("made", "named"), [(None, "a NoneType"), (7, "an int"), ("x", "a str")])
def test_a_factory_that_makes_no_dialect_is_told(made: Any, named: str) -> None:
    client = openai(dialect=lambda: made)
    with pytest.raises(ConfigError, match=f"the dialect factory returned {named}; return a"):
        client.realtime.connect(model="m").enter()
