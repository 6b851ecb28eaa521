from __future__ import annotations

import ssl
from typing import Any

import pytest

from realtime_sync.errors import ConfigError, LocalProtocolError
from realtime_sync.transport import TransportOptions
from realtime_sync.transport.base import check_close


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
    for url in ("https://me:hush@h:1", "me:hush@h:1", "ftp://me:hush@h", "http://me:hush@h:x"):
        with pytest.raises(ConfigError) as caught:
            TransportOptions(proxy=url)
        assert "hush" not in str(caught.value)
    with pytest.raises(ConfigError) as caught:
        TransportOptions(subprotocols=["hush, hush"])
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
