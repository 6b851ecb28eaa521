"""What connect() returns is no connection, and says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from realtime_sync import ConfigError, OpenAI, RealtimeConnection, TranslationConnection
from realtime_sync.transport import memory_pair

OPENERS: list[Callable[[OpenAI], Any]] = [
    lambda client: client.realtime.connect(
        model="m", transport=lambda url, headers, options: memory_pair()[0]
    ),
    lambda client: client.realtime.translations.connect(model="m"),
]
OF_THE_MANAGER = {"enter", "on", "once", "off", "send"}


@pytest.fixture
def client() -> OpenAI:
    return OpenAI(api_key="sk-test")


def test_each_use_before_it_is_open(client: OpenAI) -> None:
    for opener, cls, path in zip(
        OPENERS, (RealtimeConnection, TranslationConnection), ("", "translations."), strict=True
    ):
        names = {name for name in vars(cls) if not name.startswith("_")}
        opening = opener(client)
        for name in {*names, "session"} - OF_THE_MANAGER:
            with pytest.raises(ConfigError, match=rf"^\.{name}: this connection is not open yet"):
                getattr(opening, name)
        call = re.escape(f"`with client.realtime.{path}connect(...) as connection`")
        with pytest.raises(ConfigError, match=call):
            list(opening)


def test_every_resource_is_known(client: OpenAI) -> None:
    transport, _ = memory_pair()
    connection, opening = RealtimeConnection(transport), OPENERS[0](client)
    for name in {name for name in vars(connection) if not name.startswith("_")} | {"wait_for"}:
        with pytest.raises(ConfigError, match=r"not open yet.*\.enter\(\)"):
            getattr(opening, name)
    transport.abort()


def test_the_use_of_the_opener_after_it_has_opened(client: OpenAI) -> None:
    opening = OPENERS[0](client)
    connection = opening.enter()
    with pytest.raises(ConfigError, match=re.escape("use what enter() returned")):
        opening.recv()
    connection._abort()


def test_what_nobody_has_is_an_attribute_error_as_ever(client: OpenAI) -> None:
    for opener in OPENERS:
        opening = opener(client)
        assert not hasattr(opening, "nothing")
        assert not hasattr(opening, "_consume"), "what is private is not looked for"
