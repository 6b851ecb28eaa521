"""A Distiller client behind proxies, a private authority, and functions that give its key."""

from __future__ import annotations

import ssl
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from distiller_peer import DistillerLine, DistillerPeer
from proxies import HttpProxy
from raw_server import RawServer
from tls import Authority

from realtime_sync import AIRefinery, ConfigError, ConnectError, ReconnectPolicy
from realtime_sync.errors import DistillerConnectionError, RealtimeError

pytestmark = pytest.mark.timeout(60)

KEY = "a-key-that-nobody-may-see"
PASSWORD = "a-password-that-nobody-may-see"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


def answer_once(line: DistillerLine) -> None:
    line.begin()
    line.expect("input_text")
    line.answer("Hello")


@pytest.fixture
def peer(authority: Authority) -> Iterator[DistillerPeer]:
    """A server with a certificate of the private authority."""
    with DistillerPeer(answer_once, tls=authority.server()) as peer:
        yield peer


def ask(client: AIRefinery) -> str:
    """Ask one question; a REST call and a session."""
    with client, client.realtime_distiller(project="p", uuid="u") as session:
        session.send_text_query("Hello!")
        return "".join(event.content or "" for event in session.get_responses(30))


def failure(client: AIRefinery) -> RealtimeError:
    with pytest.raises(RealtimeError) as caught:
        ask(client)
    shown = "".join(traceback.format_exception(caught.value))
    assert KEY not in shown
    assert PASSWORD not in shown
    return caught.value


# -- a private authority ---------------------------------------------------------------------------


def test_an_authority_that_is_given_counts_for_rest_and_sessions(
    peer: DistillerPeer, authority: Authority
) -> None:
    assert ask(AIRefinery(KEY, peer.base_url, ssl_context=authority.client())) == "Hello"


def test_an_authority_of_the_environment(
    peer: DistillerPeer, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert ask(AIRefinery(KEY, peer.base_url)) == "Hello"


def test_an_authority_that_is_not_known(authority: Authority) -> None:
    with (
        pytest.raises(ssl.SSLError, match="UNKNOWN_CA"),  # the server is told, too
        DistillerPeer(tls=authority.server()) as peer,
    ):
        error = failure(AIRefinery(KEY, peer.base_url))
    assert isinstance(error, ConnectError)
    assert "pass ssl_context=ssl.create_default_context(cafile=...)" in str(error)


# -- proxies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["option", "environment"])
def test_rest_and_sessions_go_through_the_proxy(
    source: str, peer: DistillerPeer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = HttpProxy(peer.port, password=PASSWORD)
    with RawServer(proxy) as server:
        url = f"http://me:{PASSWORD}@127.0.0.1:{server.port}"
        options: dict[str, Any] = {"proxy": url} if source == "option" else {}
        if source == "environment":
            monkeypatch.setenv("https_proxy", url)
        client = AIRefinery(KEY, peer.base_url, ssl_context=authority.client(), **options)
        assert PASSWORD not in repr(client)
        assert ask(client) == "Hello"
    assert len(proxy.requests) == len(peer.posted) + len(peer.lines)
    assert {line.rpartition(" ")[0] for line in proxy.requests} == {
        f"CONNECT localhost:{peer.port}"
    }


@pytest.mark.parametrize("user", ["", f"me:not-{PASSWORD}@"], ids=["nobody", "wrong"])
def test_a_proxy_that_refuses(user: str, peer: DistillerPeer, authority: Authority) -> None:
    with RawServer(HttpProxy(peer.port, password=PASSWORD)) as server:
        url = f"http://{user}127.0.0.1:{server.port}"
        error = failure(AIRefinery(KEY, peer.base_url, ssl_context=authority.client(), proxy=url))
    assert isinstance(error, ConnectError)
    assert "status 407; give it a user name and password" in str(error)
    assert peer.posted == []


@pytest.mark.parametrize("way", ["no_proxy", "an empty option"])
def test_past_the_proxy(
    way: str, peer: DistillerPeer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = HttpProxy(peer.port)
    with RawServer(proxy) as server:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.port}")
        if way == "no_proxy":
            monkeypatch.setenv("NO_PROXY", "elsewhere.example,localhost")
        option = None if way == "no_proxy" else ""
        client = AIRefinery(KEY, peer.base_url, ssl_context=authority.client(), proxy=option)
        assert ask(client) == "Hello"
    assert proxy.requests == []


# -- keys ------------------------------------------------------------------------------------------


class Vault:
    """Gives the key so often, and then what it is told to."""

    def __init__(self, times: int, then: Any) -> None:
        self.left = times
        self._then = then

    def token(self) -> Any:
        self.left -= 1
        if self.left >= 0:
            return KEY
        if isinstance(self._then, Exception):
            raise self._then
        return self._then


@pytest.mark.parametrize("then", [None, 7, KEY.encode(), KEY + "\n"])
def test_a_key_that_is_none_is_not_sent(then: Any) -> None:
    with DistillerPeer(answer_once) as peer:
        error = failure(AIRefinery(Vault(0, then), peer.base_url))
        assert isinstance(error, ConfigError)
        assert (peer.posted, peer.lines) == ([], [])


def test_each_request_and_each_link_asks_for_the_key() -> None:
    vault = Vault(100, None)
    with DistillerPeer(answer_once) as peer:
        assert ask(AIRefinery(vault, peer.base_url)) == "Hello"
    assert 100 - vault.left >= len(peer.posted) + len(peer.lines)


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (None, "could not reconnect: the api_key callable returned no key"),
        (7, "could not reconnect: the api_key callable returned an int"),
        (LookupError("the vault is sealed"), "could not reconnect: the vault is sealed"),
    ],
)
def test_a_key_that_is_missing_when_the_link_is_made_anew_ends_the_session(
    then: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ReconnectPolicy, "delay", lambda *_: 0.0)

    def cut(line: DistillerLine) -> None:
        line.begin()
        line.expect("input_text")
        line.answer("Hello")
        line.cut()

    vault = Vault(100, then)
    with DistillerPeer(cut) as peer, AIRefinery(vault, peer.base_url) as client:
        with client.realtime_distiller(project="p", uuid="u") as session:
            vault.left = 0
            session.send_text_query("Hello!")
            list(session.get_responses(30))
            with pytest.raises(DistillerConnectionError) as caught:
                session.poll(30)
        assert len(peer.lines) == 1
    assert words in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))
