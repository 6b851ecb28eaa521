"""How a session gets to its model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from realtime_sync import AzureOpenAI, ConfigError
from realtime_sync.agents import model_link
from realtime_sync.agents.model_link import connection_to
from realtime_sync.connection.reconnect import ReconnectPolicy
from realtime_sync.errors import UserError
from realtime_sync.testing import ScriptedClient, ScriptedServer
from realtime_sync.transport import TransportOptions


def told(event: Any) -> None:
    """Take note of nothing."""


class Client(ScriptedClient):
    """Notes what it is asked for instead of connecting."""

    def __init__(self) -> None:
        super().__init__(ScriptedServer())
        self.realtime = self  # type: ignore[assignment]

    def connect(self, **options: Any) -> Any:
        return options


def asked(
    client: Any = None,
    model: str | None = "gpt-realtime-2.1",
    transport: Any = None,
    **config: Any,
) -> Any:
    return connection_to(
        model,
        client=client or Client(),
        config=config,  # type: ignore[arg-type]
        transport=transport or {},
        on_reconnecting=told,
    )


def test_a_session_is_made_anew_when_its_link_is_lost() -> None:
    options = asked()
    assert options["model"] == "gpt-realtime-2.1"
    assert options["call_id"] is None
    assert isinstance(options["reconnect"], ReconnectPolicy)
    assert options["on_reconnecting"] is told
    assert options["transport"] is None


def test_a_call_is_not() -> None:
    options = asked(call_id="rtc_1", model="gpt-realtime-2.1")
    assert (options["model"], options["call_id"]) == (None, "rtc_1")
    assert options["reconnect"] is None
    assert options["on_reconnecting"] is None


def test_the_options_of_a_link_have_names_of_our_own() -> None:
    config = {"ping_interval": 5.0, "ping_timeout": None, "handshake_timeout": 3.0, "max_size": 9}
    assert asked(transport=config)["websocket_connection_options"] == {
        "ping_interval": 5.0,
        "ping_timeout": None,
        "open_timeout": 3.0,
        "max_size": 9,
    }
    with pytest.raises(UserError, match="no 'ping'; it knows handshake_timeout"):
        asked(transport={"ping": 5})


def test_a_key_in_the_config_counts_more_than_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[Any] = []

    class Made(Client):
        def __init__(self, *, api_key: Any) -> None:
            super().__init__()
            keys.append(api_key)

    monkeypatch.setattr(model_link, "OpenAI", Made)
    asked(api_key="sk-mine")
    assert keys == ["sk-mine"]
    connection_to(
        "m", client=None, config={"headers": {"api-key": "k"}}, transport={}, on_reconnecting=told
    )
    assert keys[1:] == ["in the headers"]


def test_without_a_key_nobody_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError):
        connection_to("m", client=None, config={}, transport={}, on_reconnecting=told).enter()


@pytest.mark.parametrize(
    ("config", "url", "headers"),
    [
        ({"url": "wss://mine/there?x=1"}, "wss://mine/there?x=1", {"Authorization": "of client"}),
        ({"headers": {"api-key": "k"}}, "wss://theirs", {"api-key": "k"}),
        ({"url": "wss://mine", "headers": {}}, "wss://mine", {}),
    ],
)
def test_an_address_and_headers_are_taken_as_they_are(
    monkeypatch: pytest.MonkeyPatch, config: Any, url: str, headers: Any
) -> None:
    opened: list[Any] = []

    def connect(url: str, *, headers: Mapping[str, str], options: TransportOptions) -> Any:
        opened.append((url, dict(headers)))

    monkeypatch.setattr(model_link, "connect", connect)
    transport = asked(**config)["transport"]
    if transport is not None:
        transport("wss://theirs", {"Authorization": "of client"}, TransportOptions())
    assert opened == [(url, headers)]


def test_any_client_will_do() -> None:
    client = AzureOpenAI(api_key="k", azure_endpoint="https://me.openai.azure.com")
    manager = connection_to("m", client=client, config={}, transport={}, on_reconnecting=told)
    assert manager is not None


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ({"url": 7}, "url=7 is no text"),
        ({"call_id": b"c"}, "call_id=b'c' is no text"),
        ({"headers": "Bearer"}, "headers must be a dictionary of texts"),
        ({"headers": {"a": 7}}, "headers must be a dictionary of texts"),
        ({"api_key": 7}, "must be a function, not 7"),
    ],
)
def test_what_can_not_reach_a_model_is_refused_at_once(config: Any, wrong: str) -> None:
    with pytest.raises(UserError, match=wrong):
        connection_to("m", client=None, config=config, transport={}, on_reconnecting=print)
