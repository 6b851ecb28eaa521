from __future__ import annotations

import base64

import pytest

from realtime_sync._net.proxy import Proxy
from realtime_sync._net.secrets import Secrets, show_url, without_secrets


def test_what_counts_as_a_secret() -> None:
    secrets = Secrets(
        "wss://h/v1?model=a-long-model-name&api-key=in%20the%20query",
        {"Authorization": "Bearer in-a-header", "X-Tenant": "a-long-tenant-name"},
        ["a-subprotocol"],
        Proxy("http", "h", 80, ("a-user-name", "a-password")),
    )
    for secret in (
        "in%20the%20query",
        "in the query",
        "in-a-header",
        "a-subprotocol",
        "a-password",
    ):
        assert secrets.hide(f"<{secret}>") == "<***>"
        assert secrets.hide_in_body(f"<{secret}>".encode()) == b"<***>"
        assert secrets.are_in(f"<{secret}>")
    for word in ("a-long-model-name", "a-long-tenant-name", "a-user-name"):
        assert secrets.hide(word) == word
        assert not secrets.are_in(word)


def test_the_whole_goes_before_its_parts_and_short_values_are_words() -> None:
    secrets = Secrets("", {"Authorization": "Bearer in-a-header", "x-key": "eight888"})
    assert secrets.hide("Bearer in-a-header eight888 Bearer") == "*** *** Bearer"
    assert Secrets("", {"x-key": "seven77"}).hide("seven77") == "seven77"


def test_a_short_secret_is_known_by_its_name_or_its_place() -> None:
    proxy = Proxy("http", "h", 80, ("me", "pw"))
    secrets = Secrets("wss://h/v1?code=a%2Fb&encode=harmless-too", {}, (), proxy)
    assert secrets.hide("GET /v1?code=a%2Fb&encode=harmless-too") == (
        "GET /v1?code=***&encode=harmless-too"
    )
    assert secrets.hide("code=a/b, http://me:pw@h, a/b, pw") == "code=***, http://***@h, a/b, pw"


@pytest.mark.parametrize(
    "written",
    [
        r"a+key/with='odd'&\chars",
        r"a+key/with='odd'&\\chars",
        "a%2Bkey%2Fwith%3D%27odd%27%26%5Cchars",
    ],
    ids=["plain", "repr", "url"],
)
def test_a_secret_in_other_spellings(written: str) -> None:
    secrets = Secrets("", {"x-key": "a+key/with='odd'&\\chars"})
    assert secrets.hide(f"<{written}>") == "<***>"


def test_the_password_of_basic_authentication() -> None:
    coded = base64.b64encode(b"a-user-name:a-pass:word").decode()
    for scheme in ("Basic", "basic"):
        secrets = Secrets("", {"Authorization": f"{scheme} {coded}"})
        assert secrets.hide(f"<{coded}> <a-pass:word>") == "<***> <***>"
        assert secrets.hide("a-user-name") == "a-user-name"
    for odd in ("Basic", "Basic ", "Basic ####", "Basic /////w==", "Basic " + "QUFB" * 9):
        assert Secrets("", {"Authorization": odd}).hide("nothing else") == "nothing else"
    assert Secrets("", {"Authorization": f"Bearer {coded}"}).hide("a-pass:word") == "a-pass:word"


def test_a_secret_behind_escapes_of_json() -> None:
    secrets = Secrets("", {"x-key": "key+with/odd"})
    body = rb'{"a": ["key\u002Bwith\/odd", {"key\u002bwith\u002fodd": 1}], "b": 2}'
    assert secrets.hide_in_body(body) == b'{"a": ["***", {"***": 1}], "b": 2}'
    for other in (b'{"a" : "\\u002b"}', b"{", b"\xff", b"[" * 5000, b"[" * 5000 + b"]" * 5000):
        assert secrets.hide_in_body(other) == other


def test_the_cause_that_may_be_shown() -> None:
    secrets = Secrets("", {"x-key": "key-in-a-header"})
    root, middle, top = OSError("refused"), ValueError("key-in-a-header"), KeyError("clean")
    middle.__context__, top.__cause__ = root, middle
    assert secrets.clean_cause(top) is root
    assert secrets.clean_cause(root) is root
    root.__cause__ = RuntimeError("and key-in-a-header")
    assert secrets.clean_cause(top) is None
    assert secrets.clean_cause(None) is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/v1?tag=a#part", "https://h/v1?tag=a#part"),
        ("https://h/v1?api-key=hush&tag=&sig=hush", "https://h/v1?api-key=***&tag=&sig=***"),
        ("https://me:hu@sh@h/v1", "https://***@h/v1"),
        ("https://hush@[h/v1", "https://***@[h/v1"),
        ("me:hush@h", "***@h"),
        ("", ""),
    ],
)
def test_a_url_that_is_shown(url: str, shown: str) -> None:
    assert show_url(url) == repr(shown)
    assert show_url(None) == "None"


def test_an_environment_for_a_child_that_needs_no_secret() -> None:
    kept = {"PATH": "/bin", "LD_LIBRARY_PATH": "/lib", "LANG": "C", "HOME": "/home/me@host"}
    kept["HTTP_PROXY"] = "http://proxy:80"
    secret = {
        "REALTIME_SYNC_LOCAL_KEY": "k",
        "openai_api_key": "k",
        "AZURE_OPENAI_AD_TOKEN": "k",
        "DB_PASSWORD": "k",
        "HTTPS_PROXY": "http://me:hush@proxy:80",
        "REALTIME_SYNC_LOCAL_RESPONDER": "chat:http://me:hush@host/v1",
    }
    assert without_secrets({**kept, **secret}) == kept
