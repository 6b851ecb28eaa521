"""Through proxies: HTTP CONNECT and SOCKS, chosen by option or environment, good and bad ones."""

from __future__ import annotations

import contextlib
import pickle
import socket
import sys
import threading
from collections.abc import Iterator

import pytest
from guards import Guard
from proxies import HttpProxy, SocksProxy
from raw_server import TEXT, RawPeer, RawServer, server_frame
from tls import Authority

from realtime_sync._installation import install_command
from realtime_sync.errors import ApiError, ConfigError, ConnectError, ConnectionClosed
from realtime_sync.transport import TransportOptions, connect

SECRET = "sk-very-secret"
HEADERS = {"Authorization": f"Bearer {SECRET}"}
ENVIRONMENT = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ENVIRONMENT, "request_method"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def failure(url: str, options: TransportOptions) -> Exception:
    with pytest.raises((ApiError, ConnectError, ConfigError)) as caught:
        connect(f"{url}?key={SECRET}", headers=HEADERS, options=options)
    assert SECRET not in str(caught.value)
    assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)
    return caught.value


@contextlib.contextmanager
def greeting_server(authority: Authority, *, secure: bool) -> Iterator[RawServer]:
    """A server that greets, and expects an answer and then the end."""

    def script(peer: RawPeer) -> None:
        peer.accept(server_frame(TEXT, b"hello"))
        assert peer.header("Proxy-Authorization") is None
        assert peer.frame() == (TEXT, b"hi")
        peer.expect_end()

    with RawServer(script, authority.server() if secure else None) as server:
        yield server


def talk(url: str, options: TransportOptions) -> None:
    transport = connect(url, headers=HEADERS, options=options)
    try:
        assert transport.read() == ["hello"]
        transport.send("hi")
    finally:
        transport.abort()
    with pytest.raises(ConnectionClosed):
        transport.read()


# -- http ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["option", "environment"])
@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_through_an_http_proxy(
    secure: bool, source: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with greeting_server(authority, secure=secure) as server:
        proxy = HttpProxy(server.port, password=SECRET)
        with RawServer(proxy) as proxy_server:
            url = f"http://me:{SECRET}@127.0.0.1:{proxy_server.port}"
            if source == "environment":
                monkeypatch.setenv("https_proxy" if secure else "http_proxy", url)
            chosen = url if source == "option" else None
            talk(server.url, TransportOptions(proxy=chosen, ssl_context=authority.client()))
    assert proxy.requests == [f"CONNECT localhost:{server.port} HTTP/1.1"]


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_no_proxy_leads_past_it(
    name: str, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with greeting_server(authority, secure=False) as server:
        proxy = HttpProxy(server.port)
        with RawServer(proxy) as proxy_server:
            monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy_server.port}")
            monkeypatch.setenv(name, "elsewhere.example,localhost")
            talk(server.url, TransportOptions())
        monkeypatch.setenv(name, "*")
        talk(server.url, TransportOptions())
    assert proxy.requests == []


def test_an_empty_option_leads_past_it(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with greeting_server(authority, secure=False) as server:
        talk(server.url, TransportOptions(proxy=""))


def test_an_http_proxy_that_refuses() -> None:
    with RawServer(HttpProxy(1, password=SECRET)) as proxy_server:
        proxy = f"http://127.0.0.1:{proxy_server.port}"
        error = failure("ws://localhost:1/x", TransportOptions(proxy=proxy))
        assert isinstance(error, ConnectError)
        assert f"proxy 127.0.0.1:{proxy_server.port} refused localhost:1 with status 407" in str(
            error
        )
        wrong = f"http://me:not-{SECRET}@127.0.0.1:{proxy_server.port}"
        assert "status 407" in str(failure("ws://localhost:1/x", TransportOptions(proxy=wrong)))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"", "gave no HTTP answer"),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "gave no HTTP answer"),
        (b"HTTP/1.1 200 Fine\r\n" + b"x: y\r\n" * 20_000, "without an end"),
        (b"HTTP/1.1 503 No\r\n\r\n", "with status 503; check that it may reach this server"),
        (b"HTTP/1.1 200 Fine\r\n\r\nwelcome", "sent bytes of its own"),
    ],
)
def test_strange_http_proxies(answer: bytes, words: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_head()
        with contextlib.suppress(ConnectionError):
            peer.sock.sendall(answer)

    with RawServer(script) as proxy_server:
        proxy = TransportOptions(proxy=f"http://127.0.0.1:{proxy_server.port}")
        error = failure("ws://localhost:1/x", proxy)
    assert isinstance(error, ConnectError)
    assert words in str(error)


@pytest.mark.parametrize("kind", ["http", "socks5"])
@pytest.mark.parametrize("how", ["silent", "drip"])
def test_a_slow_proxy_is_under_the_same_deadline(kind: str, how: str) -> None:
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.take(1)
        if kind == "socks5":
            peer.sock.sendall(b"\x05\x00" + b"\x05\x00\x00\x03\xff")
        with contextlib.suppress(OSError):
            while not over.wait(0.02):
                if how == "drip":
                    peer.sock.sendall(b"H")

    with RawServer(script) as proxy_server:
        proxy = f"{kind}://127.0.0.1:{proxy_server.port}"
        error = failure("ws://127.0.0.1:1/x", TransportOptions(proxy=proxy, open_timeout=0.3))
        over.set()
    assert isinstance(error, ConnectError)
    assert "did not answer within 0.3 s" in str(error)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_proxy_that_is_not_there(kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    proxy = TransportOptions(proxy=f"{kind}://me:{SECRET}@127.0.0.1:{port}")
    error = failure("ws://localhost:1/x", proxy)
    assert isinstance(error, ConnectError)
    assert f"(proxy 127.0.0.1:{port}) refused the connection" in str(error)
    proxy = TransportOptions(proxy=f"{kind}://me:{SECRET}@nowhere.invalid:{port}")
    assert "'nowhere.invalid' does not resolve" in str(failure("ws://localhost:1/x", proxy))


def test_an_https_proxy_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"https://me:{SECRET}@proxy.example")
    error = failure("ws://127.0.0.1:1/", TransportOptions())
    assert isinstance(error, ConfigError)
    assert "use http://host:port" in str(error)


# -- socks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize(
    ("scheme", "auth", "host"),
    [
        ("socks5", None, "127.0.0.1"),
        ("socks5", ("me", SECRET), "127.0.0.1"),
        ("socks5h", None, "localhost"),
        ("socks4", None, "127.0.0.1"),
        ("socks4a", None, "localhost"),
    ],
)
def test_through_a_socks_proxy(
    secure: bool,
    scheme: str,
    auth: tuple[str, str] | None,
    host: str,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    only_ipv4(monkeypatch)
    with greeting_server(authority, secure=secure) as server:
        proxy = SocksProxy(server.port, auth)
        with RawServer(proxy) as proxy_server:
            user = f"{auth[0]}:{auth[1]}@" if auth else ""
            url = f"{scheme}://{user}127.0.0.1:{proxy_server.port}"
            talk(server.url, TransportOptions(proxy=url, ssl_context=authority.client()))
    assert proxy.destinations == [(host, server.port)]


def only_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    original = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, *_: int, **options: int) -> object:
        return original(host, port, **{**options, "family": socket.AF_INET})

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_socks_proxy_in_the_environment(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with greeting_server(authority, secure=False) as server:
        proxy = SocksProxy(server.port)
        with RawServer(proxy) as proxy_server:
            monkeypatch.setenv("ALL_PROXY", f"socks5h://127.0.0.1:{proxy_server.port}")
            talk(server.url, TransportOptions())
    assert proxy.destinations == [("localhost", server.port)]


def test_a_socks_proxy_that_refuses() -> None:
    proxy = SocksProxy(1, ("me", SECRET))
    with RawServer(proxy) as proxy_server:
        for user, words in [("", "authentication"), (f"me:not-{SECRET}@", "authentication")]:
            url = f"socks5h://{user}127.0.0.1:{proxy_server.port}"
            error = failure("ws://localhost:1/x", TransportOptions(proxy=url))
            assert isinstance(error, ConnectError)
            assert words in str(error)
        proxy.refuse_with = 2
        url = f"socks5h://me:{SECRET}@127.0.0.1:{proxy_server.port}"
        error = failure("ws://localhost:1/x", TransportOptions(proxy=url))
        assert f"proxy 127.0.0.1:{proxy_server.port} refused localhost:1: " in str(error)
        assert "not allowed by ruleset" in str(error)


def test_a_server_that_is_no_socks_proxy(guard: Guard) -> None:
    done = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.sock.sendall(b"HTTP/1.1 400 What?\r\n\r\n")
        guard.wait(done, "the refusal")

    with RawServer(script) as proxy_server:
        options = TransportOptions(proxy=f"socks5h://127.0.0.1:{proxy_server.port}")
        error = failure("ws://localhost:1/x", options)
        done.set()
    assert isinstance(error, ConnectError)


def test_a_socks_proxy_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_socks.sync", None)
    error = failure("ws://localhost:1/x", TransportOptions(proxy="socks5://127.0.0.1:1"))
    assert isinstance(error, ConfigError)
    assert install_command("socks") in str(error)
