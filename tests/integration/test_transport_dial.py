"""From a name to a connected socket: dead routes, slow lookups, what the socket is set to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from guards import GUARD_S, Guard
from raw_server import RawPeer, RawServer

from realtime_sync._deadline import Deadline
from realtime_sync.errors import ConnectError
from realtime_sync.transport import TransportOptions, connect
from realtime_sync.transport._dial import _interleaved, dial

LOOPBACK = "127.0.0.1"
Listener = socket.socket


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server((LOOPBACK, 0)) as sock:
        yield sock


@pytest.fixture
def dead_end() -> Iterator[tuple[str, int]]:
    """An address whose connection attempts are never answered: its queue is full."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        sock.listen(0)
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(sock.getsockname())
            fillers.append(filler)
        yield sock.getsockname()
        for filler in fillers:
            filler.close()


@pytest.fixture
def refusing() -> tuple[str, int]:
    with socket.create_server((LOOPBACK, 0)) as sock:
        address: tuple[str, int] = sock.getsockname()
        return address


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> None:
    """Let the name "many.example" have these addresses, of which every port is the right one."""
    original = socket.getaddrinfo

    def getaddrinfo(host: str, port: int, **options: int) -> list[object]:
        if host != "many.example":
            return list(original(host, port, **options))
        if options["flags"] & socket.AI_NUMERICHOST:
            raise socket.gaierror("a name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


def test_a_dead_route_gives_way_to_the_next_address(
    monkeypatch: pytest.MonkeyPatch, listener: Listener, dead_end: tuple[str, int]
) -> None:
    resolve_to(monkeypatch, dead_end, listener.getsockname())
    with dial("many.example", 1, Deadline(GUARD_S)) as sock:
        assert sock.getpeername() == listener.getsockname()


def test_a_refusal_gives_way_to_the_next_address(
    monkeypatch: pytest.MonkeyPatch, listener: Listener, refusing: tuple[str, int]
) -> None:
    resolve_to(monkeypatch, refusing, refusing, listener.getsockname())
    with dial("many.example", 1, Deadline(GUARD_S)) as sock:
        assert sock.getpeername() == listener.getsockname()


def test_a_refusal_does_not_end_the_wait_for_a_slow_address(
    monkeypatch: pytest.MonkeyPatch, dead_end: tuple[str, int], refusing: tuple[str, int]
) -> None:
    resolve_to(monkeypatch, dead_end, refusing)
    with pytest.raises(TimeoutError):
        dial("many.example", 1, Deadline(0.6))


def test_everything_refuses(monkeypatch: pytest.MonkeyPatch, refusing: tuple[str, int]) -> None:
    resolve_to(monkeypatch, refusing, refusing)
    with pytest.raises(ConnectionRefusedError):
        dial("many.example", 1, Deadline(GUARD_S))
    resolve_to(monkeypatch)
    with pytest.raises(OSError, match="no usable address"):
        dial("many.example", 1, Deadline(GUARD_S))


def test_families_alternate() -> None:
    six, four = socket.AF_INET6, socket.AF_INET
    addresses = [(six, "a"), (six, "b"), (six, "c"), (four, "d")]
    assert list(_interleaved(addresses)) == [(six, "a"), (four, "d"), (six, "b"), (six, "c")]


def test_a_server_on_ipv6() -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with listener, dial("::1", listener.getsockname()[1], Deadline(GUARD_S)) as sock:
        assert sock.family == socket.AF_INET6


def test_a_slow_name_lookup_is_bounded(monkeypatch: pytest.MonkeyPatch, guard: Guard) -> None:
    original, over = socket.getaddrinfo, threading.Event()

    def getaddrinfo(host: str, port: int, **options: int) -> object:
        if not options["flags"] & socket.AI_NUMERICHOST:
            guard.wait(over, "the end of the test")
        return original(host, port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    options = TransportOptions(proxy="", open_timeout=0.2)
    with pytest.raises(ConnectError) as caught:
        connect("ws://localhost:1/?key=sk-very-secret", headers={}, options=options)
    assert str(caught.value) == (
        "the lookup of the host name 'localhost' took too long; check DNS, or raise open_timeout"
    )
    over.set()
    for thread in threading.enumerate():
        if thread.name.startswith("realtime_sync."):
            guard.join(thread)


def test_no_delay_and_keepalive() -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        peer.expect_end()

    with RawServer(script) as server:
        transport = connect(server.url, headers={}, options=TransportOptions(proxy=""))
        sock: socket.socket = transport._duplex._sock  # type: ignore[attr-defined]
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 30
        transport.abort()
