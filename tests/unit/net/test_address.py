from __future__ import annotations

import pytest

from realtime_sync._net.address import server_url, show_address, split_url
from realtime_sync.errors import ConfigError

PORTS = {"ws": 80, "wss": 443}


def address(url: str) -> tuple[str, int]:
    _, host, port = server_url(url, name="the URL", ports=PORTS, example="wss://host/path")
    return host, port


def test_addresses() -> None:
    assert address("ws://h") == ("h", 80)
    assert address("wss://h/a?b=c") == ("h", 443)
    assert address("wss://[::1]:9/") == ("::1", 9)
    assert show_address("::1", 9) == "[::1]:9"
    assert show_address("h", 9) == "h:9"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h/?key=hush", "has the scheme 'http'; use ws:// or wss://"),
        ("ws://h:port/?key=hush", "a malformed host or port; use wss://host/path"),
        ("ws:///?key=hush", "names no host; use wss://host/path"),
        ("ws://hush@h/", "a user name or password"),
        ("ws://:hush@h/", "a user name or password"),
    ],
)
def test_what_is_no_server(url: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        address(url)
    assert str(caught.value).startswith("the URL ")
    assert words in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["ws://h:hush/", "ws://[hush]/", "ws://me:hush\uff20h/"])
def test_what_a_malformed_url_holds_is_in_no_cause(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        address(url)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert split_url(url) is None
