"""As whom a program speaks: keys, addresses and headers, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync import AIRefinery, ConfigError
from realtime_sync.distiller.account import SDK_VERSION, Account

DEFAULT = "https://api.airefinery.accenture.com"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "AIR_BASE_URL", "USE_LEGACY_API_URL"):
        monkeypatch.delenv(name, raising=False)


def known(
    base_url: str | None = None, account: str = "org-1", key: Any = "key", headers: Any = None
) -> Account:
    """Return an account whose id needs no server."""
    made = Account(key, base_url, headers)
    made._id = account
    return made


class Tokens:
    """A token provider, ours or that of the SDK."""

    def __init__(self) -> None:
        self.count = 0

    def token(self) -> str:
        self.count += 1
        return f"token-{self.count}"


def test_the_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"no API key: pass api_key=… or set API_KEY"):
        AIRefinery()
    monkeypatch.setenv("API_KEY", "from-there")
    assert known(key=None).headers()["Authorization"] == "Bearer from-there"
    assert known(key="mine").headers()["Authorization"] == "Bearer mine"


@pytest.mark.parametrize("as_function", [False, True])
def test_tokens_are_asked_for_each_time(as_function: bool) -> None:
    tokens = Tokens()
    account = known(key=tokens.token if as_function else tokens)
    assert tokens.count == 0
    shown = [account.headers()["Authorization"] for _ in range(2)]
    assert shown == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize("key", [7, object(), b"key"])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(ConfigError, match="pass a string, a function that returns one, or what"):
        AIRefinery(key)


def test_a_token_that_is_none() -> None:
    with pytest.raises(ConfigError, match="returned no key"):
        known(key=lambda: "").headers()


def test_headers() -> None:
    assert known().headers() == {
        "Authorization": "Bearer key",
        "sdk_version": SDK_VERSION,
        "Content-Type": "application/json",
        "airefinery_account": "org-1",
    }


def test_the_program_s_headers_win_but_over_the_account() -> None:
    account = known(headers={"authorization": "x", "X-Mine": "y", "AIRefinery_Account": "z"})
    headers = {name.lower(): value for name, value in account.headers().items()}
    assert (headers["authorization"], headers["x-mine"]) == ("x", "y")
    assert headers["airefinery_account"] == "org-1"


# -- the address -----------------------------------------------------------------------------------


@pytest.mark.parametrize("base_url", [None, ""])
def test_the_default_address(base_url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the SDK's own classes one takes the empty string for an address, and fails."""
    assert Account("key", base_url, None).base_url == DEFAULT
    monkeypatch.setenv("USE_LEGACY_API_URL", "True")
    assert Account("key", base_url, None).base_url == "https://legacy-api.airefinery.accenture.com"
    monkeypatch.setenv("AIR_BASE_URL", "https://other.example/v1/")
    assert Account("key", base_url, None).base_url == "https://other.example"


def test_positional_arguments_are_those_of_the_sdk() -> None:
    assert repr(AIRefinery("key", "http://h", {"X": "y"})) == "AIRefinery(base_url='http://h')"


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/"])
def test_the_version_is_left_out_of_the_address(end: str) -> None:
    assert Account("key", f"http://h:1/path{end}", None).base_url == "http://h:1/path"


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        (DEFAULT, "wss://api.airefinery.accenture.com/distiller/realtime/org-1/tutor:3/ann"),
        ("http://h:1/v1", "ws://h:1/distiller/realtime/org-1/tutor:3/ann"),
        # The SDK replaces every "http" in the address, wherever it stands.
        (
            "http://https-gateway/http/x",
            "ws://https-gateway/http/x/distiller/realtime/org-1/tutor:3/ann",
        ),
        ("https://[::1]:8/a", "wss://[::1]:8/a/distiller/realtime/org-1/tutor:3/ann"),
    ],
)
def test_the_address_of_a_session(base_url: str, expected: str) -> None:
    assert known(base_url).session_url("tutor:3", "ann") == expected


def test_an_account_is_one_part_of_the_address() -> None:
    url = known("http://h", "a/../b?c").session_url("p", "u")
    assert url == "ws://h/distiller/realtime/a%2F..%2Fb%3Fc/p/u"


@pytest.mark.parametrize("base_url", ["refinery.example.com", "ftp://h", "http://", "http://h:x"])
def test_what_is_no_address(base_url: str) -> None:
    with pytest.raises(ConfigError, match="base_url"):
        known(base_url).session_url("p", "u")


def test_nothing_shows_the_key() -> None:
    client = AIRefinery("a-key-that-nobody-may-see")
    assert "nobody" not in repr(client) + repr(client.realtime_distiller)
