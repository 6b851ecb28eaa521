"""Secrets: many failures, and nothing that is logged, raised, shown or pickled holds a secret."""

from __future__ import annotations

import contextlib
import io
import json
import logging
import ssl
import traceback
from collections.abc import Callable, Iterator

import pytest
import websocket
from hidden import assert_hidden, assert_hidden_in_error
from proxies import HttpProxy, SocksProxy
from raw_server import CLOSE, RawPeer, RawServer, Script, close_payload, server_frame
from tls import Authority

from realtime_sync import OpenAI
from realtime_sync.errors import (
    ApiError,
    ConfigError,
    ConnectError,
    ConnectionClosed,
    RealtimeError,
    RealtimeTimeout,
)
from realtime_sync.transport import TransportOptions, connect

KEY = "sk-0123456789-header"
QUERY = "sk%2D0123456789+query"
QUERY_PLAIN = "sk-0123456789 query"
PROXY = "pw-0123456789-proxy"
NAME = "realtime-key.0123456789-name"
SECRETS = (KEY, QUERY, QUERY_PLAIN, PROXY, NAME)
HEADERS = {"Authorization": f"Bearer {KEY}"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[], str]]:
    """Everything that any library logs."""
    caplog.set_level(logging.DEBUG)
    yield lambda: caplog.text
    assert_clean(caplog.text)


@pytest.fixture
def traced() -> Iterator[None]:
    """websocket-client is told to log all that passes through it."""
    websocket.enableTrace(True, handler=logging.NullHandler())
    yield
    websocket.enableTrace(False)


def assert_clean(text: str) -> None:
    assert_hidden(text, SECRETS)


def check(error: BaseException) -> None:
    assert_hidden_in_error(error, SECRETS)


def fails(url: str, options: TransportOptions) -> BaseException:
    with pytest.raises(RealtimeError) as caught:
        connect(f"{url}?model=gpt&api-key={QUERY}", headers=HEADERS, options=options)
    check(caught.value)
    return caught.value


def echoing(status: str, content_type: str = "text/plain") -> Script:
    """A server that refuses and repeats everything that it was told."""

    def script(peer: RawPeer) -> None:
        head = peer.read_head().decode()
        words = f"{head} {QUERY_PLAIN}"
        body = words if content_type == "text/plain" else json.dumps({"error": {"message": words}})
        answer = (
            f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            f"Location: wss://elsewhere.example/?api-key={QUERY}\r\nX-Echo: {KEY}\r\n"
            f"X-Request-Id: req_{KEY}\r\nSet-Cookie: last={KEY}\r\n\r\n{body}"
        )
        peer.sock.sendall(answer.encode())

    return script


@pytest.mark.parametrize("content_type", ["text/plain", "application/json"])
@pytest.mark.parametrize("status", ["401 No", "307 There", "500 Oops", "200 Fine"])
def test_refusals_that_repeat_the_key(status: str, content_type: str) -> None:
    options = TransportOptions(proxy="", subprotocols=[NAME])
    with RawServer(echoing(status, content_type)) as server:
        error = fails(server.url, options)
    assert isinstance(error, ApiError)
    assert error.status == int(status[:3])


@pytest.mark.parametrize(
    "answer",
    [
        f"SSH {KEY} {QUERY}\r\n\r\n",
        f"HTTP/1.1 {KEY}\r\n\r\n",
        f"HTTP/1.1 101 Fine\r\n{KEY}\r\n\r\n",
        f"HTTP/1.1 101 Fine\r\nX: {KEY}\xff\r\n\r\n",
        f"HTTP/1.1 101 Fine\r\nSec-WebSocket-Accept: {KEY}\r\n\r\n",
        f"HTTP/1.1 199 {KEY}\r\nContent-Length: {KEY}\r\n\r\n",
    ],
)
def test_answers_that_are_none(answer: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_head()
        peer.sock.sendall(answer.encode("latin-1"))

    with RawServer(script) as server:
        assert isinstance(fails(server.url, TransportOptions(proxy="")), ConnectError)


@pytest.mark.parametrize(
    "extra",
    [f"Sec-WebSocket-Protocol: {KEY}\r\n", f"Sec-WebSocket-Extensions: {KEY}\r\n"],
)
def test_answers_to_what_was_not_asked(extra: str) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept(extra=extra)
        peer.expect_end()

    options = TransportOptions(proxy="", subprotocols=[NAME], compression="deflate")
    with RawServer(script) as server:
        assert isinstance(fails(server.url, options), ConnectError)
        options = TransportOptions(proxy="", compression="deflate")
        if "Extensions" in extra:
            assert isinstance(fails(server.url, options), ConnectError)


def test_links_that_are_not_made(authority: Authority) -> None:
    for url in ("ws://127.0.0.1:1/", "ws://nowhere.invalid/", f"ws://{'a' * 70}.example/"):
        fails(url, TransportOptions(proxy=""))
    for url in (f"http://h/{KEY}", f"ws://{KEY}@h/", f"ws://h/#{KEY}", f"ws://h/{KEY} x"):
        assert isinstance(fails(url, TransportOptions(proxy="")), ConfigError)

    def silent(peer: RawPeer) -> None:
        peer.expect_end()

    with RawServer(silent) as server:
        fails(server.url, TransportOptions(proxy="", open_timeout=0.1))
        fails(server.url.replace("ws:", "wss:"), TransportOptions(proxy="", open_timeout=0.1))
    with contextlib.suppress(ssl.SSLError), RawServer(silent, authority.server()) as server:
        fails(server.url, TransportOptions(proxy=""))
    for value in (f"Bearer {KEY}\n", f"Bearer {KEY}é", f"\0{KEY}"):
        with pytest.raises(ConfigError) as caught:
            connect("ws://127.0.0.1:1/", headers={"Authorization": value})
        check(caught.value)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h"])
def test_proxies(scheme: str) -> None:
    script = HttpProxy(1) if scheme == "http" else SocksProxy(1, ("me", "another"))
    with RawServer(script) as proxy_server:
        for user in (f"me:{PROXY}@", f"{PROXY}:{PROXY}@"):
            proxy = f"{scheme}://{user}127.0.0.1:{proxy_server.port}"
            fails("ws://localhost:1/", TransportOptions(proxy=proxy))
    fails("ws://localhost:1/", TransportOptions(proxy=f"{scheme}://me:{PROXY}@127.0.0.1:1"))
    fails("ws://localhost:1/", TransportOptions(proxy=f"{scheme}://me:{PROXY}@nowhere.invalid"))
    for proxy in (f"https://me:{PROXY}@h", f"me:{PROXY}@h", f"http://me:{PROXY}@h:x"):
        with pytest.raises(ConfigError) as caught:
            TransportOptions(proxy=proxy)
        check(caught.value)

    def repeating(peer: RawPeer) -> None:
        head = peer.read_head().decode() if scheme == "http" else ""
        peer.sock.sendall(f"HTTP/1.1 407 {KEY}\r\nX: {head} {PROXY}\r\n\r\n".encode())

    with RawServer(repeating) as proxy_server:
        proxy = f"{scheme}://me:{PROXY}@127.0.0.1:{proxy_server.port}"
        fails("ws://localhost:1/", TransportOptions(proxy=proxy))


def test_a_close_that_repeats_the_key() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept(server_frame(CLOSE, close_payload(4001, f"bad key {KEY} ({QUERY})")))
        peer.expect_end()

    with RawServer(script) as server:
        transport = connect(
            f"{server.url}?api-key={QUERY}", headers=HEADERS, options=TransportOptions(proxy="")
        )
        assert_clean(repr(transport))
        for _ in range(2):
            with pytest.raises(ConnectionClosed, match=r"bad key \*\*\* \(\*\*\*\)") as caught:
                transport.read()
            check(caught.value)


@pytest.mark.usefixtures("traced")
def test_objects_and_a_conversation_show_nothing(logged: Callable[[], str]) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        while peer.frame()[0] != CLOSE:
            pass
        peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    with RawServer(script) as server:
        client = OpenAI(
            api_key=KEY,
            base_url=f"http://127.0.0.1:{server.port}/v1",
            default_query={"api-key": QUERY_PLAIN},
            default_headers={"X-Token": KEY},
            proxy=f"http://me:{PROXY}@127.0.0.1:1",
        )
        options = {"proxy": "", "subprotocols": ()}
        manager = client.realtime.connect(
            model="m", extra_headers={"X-Key": KEY}, websocket_connection_options=options
        )
        with manager as connection:
            connection.session.update(session={"type": "realtime", "instructions": KEY})
            with pytest.raises(RealtimeTimeout) as caught:
                connection.recv(timeout=0)
            check(caught.value)
            for thing in (client, client.realtime, manager, connection, connection.stats):
                assert_clean(repr(thing))
                assert_clean(str(thing))
        assert_clean(repr(TransportOptions(proxy=f"http://me:{PROXY}@h:1", subprotocols=[NAME])))
    assert "GET" in logged(), "websocket-client logs what it sees"


def test_what_is_no_secret_stays_readable() -> None:
    def script(peer: RawPeer) -> None:
        peer.refuse("404 No", b'{"error": {"message": "no model gpt-unknown-x"}}')

    with RawServer(script) as server, pytest.raises(ApiError, match="no model gpt-unknown-x"):
        connect(
            f"{server.url}?model=gpt-unknown-x",
            headers=HEADERS,
            options=TransportOptions(proxy=""),
        )


def test_a_printed_traceback_is_clean() -> None:
    """As a program's log would show it."""
    stream = io.StringIO()
    try:
        with RawServer(echoing("401 No")) as server:
            url = f"{server.url}?api-key={QUERY}"
            connect(url, headers=HEADERS, options=TransportOptions(proxy=""))
    except ApiError:
        traceback.print_exc(file=stream)
    assert "AuthenticationError" in stream.getvalue()
    assert_clean(stream.getvalue())
