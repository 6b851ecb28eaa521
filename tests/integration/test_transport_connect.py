"""Opening a link: what the server sees, and what the caller is told when it fails."""

from __future__ import annotations

import contextlib
import json
import pickle
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest
import trustme
from raw_server import PING, PONG, TEXT, RawPeer, RawServer, server_frame

from realtime_sync.errors import (
    ApiError,
    AuthenticationError,
    ConfigError,
    ConnectError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
)
from realtime_sync.transport import Transport, TransportOptions, connect

SECRET = "sk-very-secret"
HEADERS = {"Authorization": f"Bearer {SECRET}"}
UPGRADE = b"HTTP/1.1 101 Fine\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
DIRECT = TransportOptions(proxy="")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(scope="module")
def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@contextlib.contextmanager
def opened(
    url: str, options: TransportOptions = DIRECT, headers: dict[str, str] | None = None
) -> Iterator[Transport]:
    transport = connect(url, headers=HEADERS if headers is None else headers, options=options)
    try:
        yield transport
    finally:
        transport.abort()


def failure(url: str, options: TransportOptions = DIRECT) -> Exception:
    with pytest.raises((ApiError, ConnectError, ConfigError)) as caught:
        connect(f"{url}?key={SECRET}", headers=HEADERS, options=options)
    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert type(pickle.loads(pickle.dumps(caught.value))) is type(caught.value)
    return caught.value


def greet(peer: RawPeer) -> None:
    peer.accept(server_frame(TEXT, b"hello"))
    peer.expect_end()


# -- what the server sees ------------------------------------------------------------------------


def test_the_request() -> None:
    heads: list[RawPeer] = []

    def script(peer: RawPeer) -> None:
        heads.append(peer)
        greet(peer)

    with RawServer(script) as server:
        with opened(f"{server.url}?model=m%20x") as transport:
            assert transport.read() == ["hello"]
        with opened(server.url, headers={"user-agent": "mine/1"}) as transport:
            assert transport.read() == ["hello"]
    first, second = heads
    assert first.head.startswith(b"GET /v1/realtime?model=m%20x HTTP/1.1\r\n")
    assert first.header("Authorization") == f"Bearer {SECRET}"
    assert (first.header("User-Agent") or "").startswith("realtime_sync/")
    assert first.header("Origin") is None
    assert first.header("Host") == f"localhost:{server.port}"
    assert second.header("User-Agent") == "mine/1"
    assert second.head.lower().count(b"user-agent") == 1


def test_subprotocols() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept(extra="Sec-WebSocket-Protocol: realtime\r\n")
        assert peer.header("Sec-WebSocket-Protocol") == "realtime, key.abc"
        peer.expect_end()

    def forgetful(peer: RawPeer) -> None:
        peer.accept()
        peer.expect_end()

    options = TransportOptions(proxy="", subprotocols=["realtime", "key.abc"])
    with RawServer(script) as server, opened(server.url, options):
        pass
    with RawServer(forgetful) as server:
        error = failure(server.url, options)
    assert "accepted none of the 2 subprotocols" in str(error)
    assert "key.abc" not in str(error)


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_frames_behind_the_answer(
    secure: bool, server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    """The first event travels in the same write, with TLS in the same record, as the 101."""

    def script(peer: RawPeer) -> None:
        behind = server_frame(TEXT, b"first") + server_frame(PING, b"?")
        peer.accept(behind + server_frame(TEXT, b"s" * 9000)[:5000])
        assert peer.frame() == (PONG, b"?")
        peer.sock.sendall(server_frame(TEXT, b"s" * 9000)[5000:])
        peer.expect_end()

    options = TransportOptions(proxy="", ssl_context=client_context)
    context = server_context if secure else None
    messages: list[str | bytes] = []
    with RawServer(script, context) as server, opened(server.url, options) as transport:
        # One read brings both if the rest of the second is there already.
        while len(messages) < 2:
            messages += transport.read()
    assert messages == ["first", "s" * 9000]


# -- refused by the server -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (429, RateLimitError),
        (500, InternalServerError),
    ],
)
def test_status(status: int, kind: type[ApiError]) -> None:
    body = json.dumps({"error": {"message": "in the server's words", "type": "x"}}).encode()

    def as_json(peer: RawPeer) -> None:
        peer.refuse(f"{status} Whatever", body, "X-Request-Id: req_1")

    def as_text(peer: RawPeer) -> None:
        peer.refuse(f"{status} Whatever", b"plain\nwords")

    with RawServer(as_json) as server:
        error = failure(server.url)
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.status, error.request_id) == (status, "req_1")
    assert error.message == "in the server's words"
    assert error.body == json.loads(body)
    with RawServer(as_text) as server:
        error = failure(server.url)
    assert type(error) is kind
    assert isinstance(error, ApiError)
    assert (error.message, error.body, error.request_id) == ("plain words", "plain\nwords", None)


def test_a_page_in_the_place_of_a_link() -> None:
    with RawServer(lambda peer: peer.refuse("200 OK", b"<h1>Welcome</h1>")) as server:
        error = failure(server.url)
    assert type(error) is ApiError
    assert error.message.startswith("a web server answered, and no WebSocket server: check")
    assert (error.status, error.body) == (200, "<h1>Welcome</h1>")


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"9\r\n{'error':\r\n11\r\n{'message': 'no'}\r\n1\r\n}\r\n0\r\n\r\n",
        b"Connection: close\r\n\r\n{'error': {'message': 'no'}}",
        b"Content-Length: 999\r\n\r\n{'error': {'message': 'no'}}",
    ],
    ids=["chunked", "until the end", "cut short"],
)
def test_bodies_of_every_framing(answer: bytes) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_head()
        peer.sock.sendall(b"HTTP/1.1 401 Unauthorized\r\n" + answer.replace(b"'", b'"'))

    with RawServer(script) as server:
        error = failure(server.url)
    assert isinstance(error, AuthenticationError)
    assert error.message == "no"


def test_a_gateways_html_page_is_no_message() -> None:
    def script(peer: RawPeer) -> None:
        peer.refuse("502 Bad Gateway", b"<html><h1>502</h1></html>")

    with RawServer(script) as server:
        error = failure(server.url)
    assert str(error) == "the server refused the request (http status 502)"


def test_redirects_are_not_followed() -> None:
    def script(peer: RawPeer) -> None:
        peer.refuse("307 Temporary", b"", f"Location: wss://elsewhere.example/p?key={SECRET}")

    with RawServer(script) as server:
        error = failure(server.url)
    assert isinstance(error, ApiError)
    assert error.status == 307
    assert "redirects to wss://elsewhere.example;" in str(error)


# -- no WebSocket server there ---------------------------------------------------------------------


def test_refused_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"ws://127.0.0.1:{port}/x")
    assert isinstance(error, ConnectError)
    assert str(error).startswith(f"127.0.0.1:{port} refused the connection")


def test_a_name_that_does_not_resolve() -> None:
    error = failure("ws://nowhere.invalid/x")
    assert isinstance(error, ConnectError)
    assert "'nowhere.invalid' does not resolve" in str(error)
    assert "does not resolve" in str(failure(f"ws://{'a' * 70}.example/x"))


def test_bad_certificate(server_context: ssl.SSLContext) -> None:
    def script(peer: RawPeer) -> None:
        raise AssertionError("the handshake succeeded")

    with contextlib.suppress(ssl.SSLError), RawServer(script, server_context) as server:
        error = failure(server.url)
        assert isinstance(error, ConnectError)
        assert f"certificate of localhost:{server.port} is not trusted" in str(error)
        assert "ssl_context=" in str(error)


def test_wrong_host_in_the_certificate(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext
) -> None:
    with contextlib.suppress(ssl.SSLError), RawServer(greet, server_context) as server:
        error = failure(
            f"wss://127.0.0.1:{server.port}/",
            TransportOptions(proxy="", ssl_context=client_context),
        )
        assert "IP address mismatch" in str(error)


def test_tls_where_there_is_none(server_context: ssl.SSLContext) -> None:
    def plain(peer: RawPeer) -> None:
        with contextlib.suppress(ConnectionError):
            peer.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            peer.expect_end()

    with RawServer(plain) as server:
        error = failure(server.url.replace("ws:", "wss:"))
    assert "does not speak TLS; use ws://" in str(error)
    with contextlib.suppress(ssl.SSLError), RawServer(greet, server_context) as server:
        error = failure(server.url.replace("wss:", "ws:"))
        assert isinstance(error, ConnectError)
        assert "wss:// for one with TLS" in str(error)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"SSH-2.0-OpenSSH_9\r\n", "did not answer as a WebSocket server"),
        (UPGRADE + b"Sec-WebSocket-Accept: wrong\r\n\r\n", "did not answer as a WebSocket server"),
        (b"", "ended the link during the handshake"),
        (b"HTTP/1.1 101 Fine\r\n" + b"x: y\r\n" * 20_000, "larger than 65536 bytes"),
    ],
    ids=["not http", "wrong accept", "nothing", "endless"],
)
def test_strange_answers(answer: bytes, words: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_head()
        with contextlib.suppress(ConnectionError):
            peer.sock.sendall(answer)

    with RawServer(script) as server:
        error = failure(server.url)
    assert isinstance(error, ConnectError)
    assert words in str(error)


@pytest.mark.parametrize("where", ["tcp", "tls", "drip", "refusal"])
def test_one_deadline_for_all_of_it(where: str) -> None:
    """A silent server, and one that sends a byte now and then, both run into the deadline."""
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        if where == "drip":
            peer.read_head()
            with contextlib.suppress(OSError):
                while not over.wait(0.02):
                    peer.sock.sendall(b"H")
        elif where == "refusal":
            peer.read_head()
            peer.sock.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\nwho?")
            over.wait(30)
        else:
            over.wait(30)

    # What the server does say must come in time.
    limit = 1.0 if where == "refusal" else 0.3
    with RawServer(script) as server:
        url = server.url.replace("ws:", "wss:") if where == "tls" else server.url
        error = failure(url, TransportOptions(proxy="", open_timeout=limit))
        over.set()
    if where == "refusal":
        assert isinstance(error, AuthenticationError)
    else:
        assert isinstance(error, ConnectError)
        assert "did not answer within 0.3 s" in str(error)


# -- what is wrong before anything is sent -------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h/", "'http'"),
        ("h:80/x", "use ws:// or wss://"),
        ("ws:///x", "no host"),
        ("ws://h:port/", "malformed"),
        ("ws://h:99999/", "malformed"),
        ("ws://me:sk-very-secret@h/", "user name or password"),
        ("ws://h/#sk-very-secret", "fragment"),
        ("ws://h/a b", "percent-encode"),
        ("ws://h/a\r\nX: y", "percent-encode"),
        ("ws://münchen.example/", "percent-encode"),
    ],
)
def test_malformed_url(url: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        connect(url, headers={})
    assert words in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {SECRET}\n"},
        {"Authorization": f"Bearer {SECRET}é"},
        {"Bad Name": SECRET},
        {"Host": "elsewhere"},
        {"Sec-WebSocket-Key": SECRET},
    ],
)
def test_malformed_header(headers: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        connect("ws://127.0.0.1:1/", headers=headers)
    assert SECRET not in str(caught.value)
