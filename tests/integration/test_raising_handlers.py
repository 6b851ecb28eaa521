"""A signal handler raises while a link is being opened: it comes out as it is, nothing stays open.

In each case a call that waits raises it, as it would after the signal.
"""

from __future__ import annotations

import queue
import selectors
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.cookies import CookieError
from types import SimpleNamespace
from typing import Any

import pytest
from guards import Guard
from raw_server import RawPeer, RawServer
from scripted_server import client
from tls import Authority

from realtime_sync import ConnectError
from realtime_sync._deadline import Deadline
from realtime_sync.connection import manager
from realtime_sync.providers import OpenAIProvider
from realtime_sync.rest import Calls
from realtime_sync.rest.api import RestApi
from realtime_sync.transport import TransportOptions, _dial, connect
from realtime_sync.transport._dial import dial
from realtime_sync.transport._handshake_stream import HandshakeStream
from realtime_sync.transport.duplex import Duplex

REFUSED = b"HTTP/1.1 401 No\r\nContent-Length: 9\r\n\r\n"


class HandlerError(Exception):
    """What the handler raises."""


class Ends:
    """Sees that the server's end of every link is told of the end, while the exception is kept."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._ended: queue.SimpleQueue[None] = queue.SimpleQueue()

    def script(self, *answers: bytes) -> Callable[[RawPeer], None]:
        def talk(peer: RawPeer) -> None:
            for answer in answers:
                peer.read_head()
                peer.sock.sendall(answer)
            try:
                while peer.sock.recv(4096):
                    pass
            finally:
                self._ended.put(None)

        return talk

    def of(self, work: Callable[[], object], stop: HandlerError) -> None:
        with pytest.raises(HandlerError) as caught:
            work()
        assert caught.value is stop
        self._guard.get(self._ended, "the end of the link")


@pytest.fixture
def ends(guard: Guard) -> Ends:
    return Ends(guard)


@pytest.fixture
def stop() -> HandlerError:
    return HandlerError()


def raising(stop: BaseException, original: Any, *, calls: int = 0) -> Any:
    """Return a method that works ``calls`` times, and then raises; only on this thread."""
    here = threading.get_ident()
    left = [calls]

    def method(*arguments: Any, **options: Any) -> Any:
        if threading.get_ident() == here:
            if not left[0]:
                raise stop
            left[0] -= 1
        return original(*arguments, **options)

    return method


def after(stop: HandlerError, original: Any) -> Any:
    """Return a method that does its work and then raises."""

    def method(*arguments: Any, **options: Any) -> Any:
        original(*arguments, **options)
        raise stop

    return method


# -- WebSockets ------------------------------------------------------------------------------------


def open_websocket(server: RawServer, **options: Any) -> Callable[[], object]:
    chosen = TransportOptions(**{"proxy": "", **options})
    return lambda: connect(server.url, headers={}, options=chosen)


def test_while_a_name_is_looked_up(monkeypatch: pytest.MonkeyPatch, stop: HandlerError) -> None:
    class Waiting(queue.SimpleQueue):  # type: ignore[type-arg]
        get = raising(stop, None)

    monkeypatch.setattr(_dial.queue, "SimpleQueue", Waiting)
    with pytest.raises(HandlerError) as caught:
        dial("localhost", 1, Deadline(30))
    assert caught.value is stop


@pytest.mark.parametrize(
    ("owner", "name"), [(selectors.DefaultSelector, "select"), (socket.socket, "setsockopt")]
)
def test_while_it_dials(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError, owner: type, name: str
) -> None:
    with RawServer(ends.script()) as server:
        monkeypatch.setattr(owner, name, raising(stop, getattr(owner, name)))
        ends.of(open_websocket(server), stop)


@pytest.mark.parametrize("scheme", ["http", "socks4", "socks5"])
def test_while_a_proxy_thinks(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError, scheme: str
) -> None:
    monkeypatch.setattr(HandshakeStream, "read_on", raising(stop, None))
    with RawServer(ends.script()) as proxy:
        options = {"proxy": f"{scheme}://127.0.0.1:{proxy.port}"}
        ends.of(open_websocket(proxy, **options), stop)


def test_in_the_tls_handshake(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError
) -> None:
    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", raising(stop, ssl.SSLSocket.do_handshake))
    with RawServer(ends.script()) as server:
        server.url = server.url.replace("ws://", "wss://")
        ends.of(open_websocket(server, ssl_context=Authority().client()), stop)


def test_while_the_server_thinks(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError
) -> None:
    monkeypatch.setattr(HandshakeStream, "read_on", raising(stop, None))
    with RawServer(ends.script()) as server:
        ends.of(open_websocket(server), stop)


def test_while_a_refusal_is_read(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError
) -> None:
    monkeypatch.setattr(
        HandshakeStream, "read_on", raising(stop, HandshakeStream.read_on, calls=len(REFUSED))
    )
    with RawServer(ends.script(REFUSED)) as server:
        ends.of(open_websocket(server), stop)


def test_before_the_connection_has_its_link(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError
) -> None:
    monkeypatch.setattr(manager, "RealtimeConnection", raising(stop, None))

    def accept(peer: RawPeer) -> None:
        peer.accept()
        ends.script()(peer)

    with RawServer(accept) as server:
        ends.of(client(server).realtime.connect(model="m").enter, stop)


@pytest.mark.parametrize("kind", [BlockingIOError, TimeoutError])
def test_what_a_handler_raises_in_a_write_is_not_the_sockets(kind: type[OSError]) -> None:
    ours, theirs = socket.socketpair()
    duplex = Duplex(ours)
    stop = kind()
    duplex._sock = SimpleNamespace(send=raising(stop, None))  # type: ignore[arg-type,assignment]
    with pytest.raises(kind) as caught:
        duplex.write_some(memoryview(b"text"))
    assert caught.value is stop
    duplex._sock = ours
    duplex.release()
    theirs.close()


def test_what_the_library_itself_raises_is_translated() -> None:
    """Its cookie jar does not like this name."""

    def script(peer: RawPeer) -> None:
        peer.accept(extra="Set-Cookie: a/b=c\r\n")
        peer.expect_end()

    with RawServer(script) as server, pytest.raises(ConnectError, match="did not answer") as caught:
        open_websocket(server)()
    assert isinstance(caught.value.__cause__, CookieError)


# -- REST ------------------------------------------------------------------------------------------


@pytest.fixture
def hang_up() -> Iterator[Callable[..., Callable[[], object]]]:
    made: list[RestApi] = []

    def make(base_url: str, **options: Any) -> Callable[[], object]:
        provider = OpenAIProvider(api_key="sk-test", base_url=base_url)
        made.append(RestApi(lambda: provider, **{"proxy": "", **options}))
        return lambda: Calls(made[-1]).hangup("rtc_1")

    yield make
    for each in made:
        each.close()


def test_while_a_request_connects(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError, hang_up: Any
) -> None:
    with RawServer(ends.script()) as server:
        monkeypatch.setattr(socket.socket, "connect", after(stop, socket.socket.connect))
        ends.of(hang_up(f"http://127.0.0.1:{server.port}/v1"), stop)


def test_in_a_requests_tls_handshake(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError, hang_up: Any
) -> None:
    context = Authority().client()
    monkeypatch.setattr(ssl.SSLSocket, "do_handshake", raising(stop, ssl.SSLSocket.do_handshake))
    with RawServer(ends.script()) as server:
        ends.of(hang_up(f"https://localhost:{server.port}/v1", ssl_context=context), stop)


@pytest.mark.parametrize("secure", [False, True], ids=["direct", "through a tunnel"])
def test_while_an_answer_is_awaited(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError, hang_up: Any, secure: bool
) -> None:
    monkeypatch.setattr(socket.SocketIO, "readinto", raising(stop, socket.SocketIO.readinto))
    with RawServer(ends.script()) as server:
        options = {"proxy": f"http://127.0.0.1:{server.port}"} if secure else {}
        scheme = "https" if secure else "http"
        ends.of(hang_up(f"{scheme}://127.0.0.1:{server.port}/v1", **options), stop)


@pytest.mark.parametrize("status", [b"200 Fine", b"401 No"])
def test_while_a_body_is_read(
    monkeypatch: pytest.MonkeyPatch, ends: Ends, stop: HandlerError, hang_up: Any, status: bytes
) -> None:
    head = b"HTTP/1.1 " + status + b"\r\nContent-Length: 9\r\n\r\n"
    original = socket.SocketIO.readinto
    monkeypatch.setattr(socket.SocketIO, "readinto", raising(stop, original, calls=1))
    with RawServer(ends.script(head)) as server:
        ends.of(hang_up(f"http://127.0.0.1:{server.port}/v1"), stop)
