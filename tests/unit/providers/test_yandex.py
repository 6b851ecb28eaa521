"""URLs, headers and tools of Yandex AI Studio, and what the client makes of the environment."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync import ConfigError, YandexAIStudio
from realtime_sync.clients.yandex import file_search, web_search
from realtime_sync.providers import BetaDialect, Endpoint, YandexDialect, YandexVerbatim

KEY = "yandex-very-secret"
MODEL = "speech-realtime-260528"


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOLDER_ID", "API_KEY", "IAM_TOKEN"):
        monkeypatch.delenv(f"YANDEX_{name}", raising=False)


class Own(YandexVerbatim):
    """A program's."""


def endpoint(client: YandexAIStudio, **call: Any) -> Endpoint:
    given: dict[str, Any] = {
        "model": MODEL,
        "call_id": None,
        "extra_query": {},
        "extra_headers": {},
    }
    return client._provider.websocket(**given | call)


def make(**options: Any) -> YandexAIStudio:
    return YandexAIStudio(**{"folder_id": "b1g", "api_key": KEY} | options)


QUERY = "model=gpt%3A%2F%2Fb1g%2Fspeech-realtime-260528"


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "wss://ai.api.cloud.yandex.net/v1/realtime"),
        ({"base_url": "http://127.0.0.1:1/v1/"}, "ws://127.0.0.1:1/v1/realtime"),
        ({"websocket_base_url": "wss://gate"}, "wss://gate/realtime"),
        (
            {"endpoint": "legacy"},
            "wss://rest-assistant.api.cloud.yandex.net/v1/realtime/openai",
        ),
    ],
)
def test_urls(options: dict[str, Any], url: str) -> None:
    assert endpoint(make(**options)).url == f"{url}?{QUERY}"


@pytest.mark.parametrize(
    ("model", "whole"),
    [
        (MODEL, f"gpt://b1g/{MODEL}"),
        ("speech-realtime-260528/latest", "gpt://b1g/speech-realtime-260528/latest"),
        ("gpt://other/x", "gpt://other/x"),
    ],
)
def test_short_names_of_models_get_the_folder(model: str, whole: str) -> None:
    assert make()._provider._target(model, None) == {"model": whole}


def test_the_key_or_a_token() -> None:
    assert endpoint(make()).headers == {"Authorization": f"Api-Key {KEY}"}
    tokens = iter(["one", "two"])
    client = make(api_key=None, iam_token=lambda: next(tokens))
    assert endpoint(client).headers == {"Authorization": "Bearer one"}
    assert endpoint(client).headers == {"Authorization": "Bearer two"}


def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YANDEX_FOLDER_ID", "b1g")
    monkeypatch.setenv("YANDEX_IAM_TOKEN", "env-token")
    assert endpoint(YandexAIStudio()).headers == {"Authorization": "Bearer env-token"}
    assert endpoint(YandexAIStudio()).url.endswith(QUERY)
    monkeypatch.setenv("YANDEX_API_KEY", "env-key")
    assert endpoint(YandexAIStudio()).headers == {"Authorization": "Api-Key env-key"}
    token = YandexAIStudio(iam_token="mine")
    assert endpoint(token).headers == {"Authorization": "Bearer mine"}


def test_pings_may_stay_unanswered_and_each_connection_has_its_dialect() -> None:
    client = make()
    made = endpoint(client)
    assert dict(made.options) == {"ping_timeout": None}
    assert isinstance(made.dialect, YandexDialect)
    assert made.dialect is not endpoint(client).dialect


@pytest.mark.parametrize("where", ["current", "legacy"])
@pytest.mark.parametrize(
    ("dialect", "spoken"),
    [("yandex", YandexDialect), (None, YandexVerbatim), ("beta", BetaDialect), (Own, Own)],
)
def test_the_dialect_is_the_programs_to_choose(where: str, dialect: Any, spoken: type) -> None:
    made = endpoint(make(endpoint=where, dialect=dialect))
    assert type(made.dialect) is spoken


@pytest.mark.parametrize(
    ("options", "call", "words"),
    [
        ({"api_key": None}, {}, "YANDEX_API_KEY"),
        ({"iam_token": "t"}, {}, "exclude each other"),
        ({"endpoint": "old"}, {}, "'legacy'"),
        ({"dialect": "russian"}, {}, "dialect is 'russian'"),
        ({"folder_id": None}, {}, "gpt://FOLDER/speech-realtime-260528"),
        ({}, {"model": None}, "needs model="),
        ({}, {"model": None, "call_id": "c"}, "no calls to join"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], call: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        endpoint(make(**options), **call)


def test_built_in_tools_are_functions_with_magic_names() -> None:
    assert web_search() == {
        "type": "function",
        "name": "web_search",
        "description": "Web search",
        "parameters": {},
    }
    assert file_search("index_1") == {
        "type": "function",
        "name": "file_search",
        "description": "index_1",
        "parameters": {},
    }


def test_no_secret_is_shown() -> None:
    client = make(default_headers={"X-Key": KEY})
    assert KEY not in repr(client) + repr(client._provider) + repr(endpoint(client))
