from __future__ import annotations

import ssl
from typing import Any

import pytest

from realtime_sync._net.proxy import Proxy, parse_proxy, proxy_for
from realtime_sync.errors import ConfigError, LocalProtocolError
from realtime_sync.transport import TransportOptions
from realtime_sync.transport.base import check_close


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("open_timeout", 0, "greater than 0"),
        ("open_timeout", None, "None"),
        ("open_timeout", "5", "'5'"),
        ("open_timeout", True, "True"),
        ("close_timeout", -1, "at least 0"),
        ("ping_interval", float("nan"), "or None to turn it off"),
        ("ping_timeout", float("inf"), "inf"),
        ("max_size", 0, "positive number of bytes"),
        ("max_size", 1.5, "1.5"),
        ("ssl_context", "cert.pem", "create_default_context"),
        ("proxy", "proxy.example:3128", "http://user:password@host:port"),
        ("proxy", "https://proxy.example:3128", "use http://host:port"),
        ("proxy", "ftp://proxy.example", "'ftp'"),
        ("proxy", "http://:3128", "no host"),
        ("proxy", "http://host:port", "not a valid URL"),
        ("proxy", 5, "not a URL"),
        ("subprotocols", "realtime", "pass a sequence"),
        ("subprotocols", ["two words"], "HTTP token"),
    ],
)
def test_a_wrong_option_names_itself_and_the_rule(name: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TransportOptions(**{name: value})
    assert name in str(caught.value)
    assert words in str(caught.value)


def test_good_options() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    options = TransportOptions(
        open_timeout=1, close_timeout=0, ping_interval=None, ping_timeout=None, max_size=1,
        proxy="", ssl_context=context, subprotocols=["realtime", "key.abc"],
    )  # fmt: skip
    assert options.subprotocols == ("realtime", "key.abc")


def test_secrets_are_in_no_repr_and_no_message() -> None:
    options = TransportOptions(proxy="http://me:hush@h:1", subprotocols=["key.hush"])
    assert "hush" not in repr(options)
    assert "hush" not in repr(parse_proxy("http://me:hush@h:1"))
    for url in ("https://me:hush@h:1", "me:hush@h:1", "ftp://me:hush@h", "http://me:hush@h:x"):
        with pytest.raises(ConfigError) as caught:
            TransportOptions(proxy=url)
        assert "hush" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        TransportOptions(subprotocols=["hush, hush"])
    assert "hush" not in str(caught.value)


def test_parse_proxy() -> None:
    assert parse_proxy("http://u%40x:p%3A@h:3128") == Proxy("http", "h", 3128, ("u@x", "p:"))
    assert parse_proxy("http://h") == Proxy("http", "h", 80)
    assert parse_proxy("socks5h://[::1]") == Proxy("socks5h", "::1", 1080)


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


@pytest.mark.parametrize("code", [1000, 3000, 4999])
def test_codes_that_a_client_may_send(code: int) -> None:
    check_close(code, "ü" * 61)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1001, "", "1001"),
        (1005, "", "3000 to 4999"),
        (2999, "", "2999"),
        (5000, "", "5000"),
        (1000, "ü" * 62, "124 bytes"),
        (1000, "\ud800", "surrogates"),
    ],
)
def test_codes_and_reasons_that_break_a_rule(code: int, reason: str, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        check_close(code, reason)
