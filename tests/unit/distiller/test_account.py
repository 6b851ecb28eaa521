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


@pytest.mark.parametrize("key", [7, object(), b"key", Tokens, str])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(ConfigError, match="pass a string, a function that returns one, or what"):
        AIRefinery(key)


def test_a_blank_key() -> None:
    with pytest.raises(ConfigError, match="api_key is blank"):
        known(key="  ").headers()


async def of_later() -> str:
    return "key-of-an-async-function"


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda: None, "returned no key"),
        (lambda: "", "returned no key"),
        (lambda: " \n", "returned no key"),
        (lambda: 7, "returned an int; return the key as a text"),
        (lambda: b"key-in-bytes", "returned a bytes"),
        (lambda: ["key-in-a-list"], "returned a list"),
        (of_later, "returned a coroutine"),
    ],
)
@pytest.mark.parametrize("as_function", [False, True])
def test_what_a_function_returns_that_is_no_key(
    function: Any, words: str, as_function: bool
) -> None:
    class Gives:
        token = staticmethod(function)

    account = known(key=function if as_function else Gives())
    with pytest.raises(ConfigError, match=words) as caught:
        account.headers()
    assert "key-" not in str(caught.value)


def test_what_a_function_raises_is_the_program_s() -> None:
    def ask_vault() -> str:
        raise LookupError("the vault is sealed")

    with pytest.raises(LookupError, match="sealed"):
        known(key=ask_vault).headers()


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


NO_ADDRESSES = [
    "refinery.example.com", "localhost:8080", "ftp://h", "ws://h", "wss://h", "http://",
    "http://h:x", "http://[::1", " ", "http://me:a-secret@h",
]  # fmt: skip


@pytest.mark.parametrize("base_url", [*NO_ADDRESSES, 7, b"http://h"])
def test_what_is_no_address(base_url: Any) -> None:
    with pytest.raises(ConfigError, match=r"^base_url .*; (use|pass|send) ") as caught:
        AIRefinery("key", base_url)
    assert "a-secret" not in str(caught.value)


@pytest.mark.parametrize("base_url", NO_ADDRESSES)
def test_what_is_no_address_in_the_environment(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIR_BASE_URL", base_url)
    with pytest.raises(ConfigError, match=r"^AIR_BASE_URL "):
        AIRefinery("key")


def test_the_query_of_an_address_is_kept_and_not_shown() -> None:
    client = AIRefinery("key", "https://h/v1/?code=a-secret")
    assert repr(client) == "AIRefinery(base_url='https://h?code=***')"
    url = known("https://h/v1/?code=a-secret").session_url("p", "u")
    assert url == "wss://h/distiller/realtime/org-1/p/u?code=a-secret"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"default_headers": "X: a-secret"}, "default_headers is a str; pass a dictionary"),
        ({"default_headers": {"X": 7}}, "the value of the header 'X'"),
        ({"default_headers": {"X": "a-secret\n"}}, "the value of the header 'X'"),
        ({"default_headers": {7: "x"}}, "the header name 7"),
        ({"proxy": "a-secret"}, "proxy is not a URL with a scheme"),
        ({"ssl_context": "ca.pem"}, "ssl_context is a str; pass an ssl.SSLContext"),
    ],
)
def test_options_that_are_wrong(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        AIRefinery("key", **options)
    assert "a-secret" not in str(caught.value)


def test_nothing_shows_the_key() -> None:
    client = AIRefinery("a-key-that-nobody-may-see")
    assert "nobody" not in repr(client) + repr(client.realtime_distiller)
