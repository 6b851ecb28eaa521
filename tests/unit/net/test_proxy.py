"""Which proxy a connection goes through."""

from __future__ import annotations

import pytest

from realtime_sync._net.proxy import Proxy, parse_proxy, proxy_for
from realtime_sync.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_parse_proxy() -> None:
    assert parse_proxy("http://u%40x:p%3A@h:3128") == Proxy("http", "h", 3128, ("u@x", "p:"))
    assert parse_proxy("http://h") == Proxy("http", "h", 80)
    assert parse_proxy("socks5h://[::1]") == Proxy("socks5h", "::1", 1080)
    assert str(parse_proxy("socks5h://me:hush@[::1]")) == "[::1]:1080"
    assert "hush" not in repr(parse_proxy("http://me:hush@h:1"))
    with pytest.raises(ConfigError, match="not a valid URL") as caught:
        parse_proxy("http://me:hush\uff20h")
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def chosen(host: str = "api.example", *, secure: bool = True) -> str | None:
        proxy = proxy_for(host, 443, secure=secure, chosen=None)
        return proxy and proxy.host

    assert chosen() is None
    monkeypatch.setenv("all_proxy", "http://last")
    assert chosen() == "last"
    monkeypatch.setenv("https_proxy", "secure:3128")
    assert chosen() == "secure"
    assert chosen(secure=False) == "last"
    monkeypatch.setenv("http_proxy", "http://plain")
    assert chosen(secure=False) == "plain"
    monkeypatch.setenv("no_proxy", "localhost,.example")
    assert chosen() is None
    assert chosen("other.org") == "secure"
    assert proxy_for("h", 1, secure=True, chosen="") is None
    assert proxy_for("api.example", 1, secure=True, chosen="http://own") == Proxy("http", "own", 80)
    monkeypatch.setenv("https_proxy", "https://me:hush@h:1")
    with pytest.raises(ConfigError, match="https_proxy in the environment") as caught:
        chosen("other.org")
    assert "hush" not in str(caught.value)
