"""What the caller of a connection sees when the link, or the server behind it, misbehaves."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from guards import Guard
from raw_server import BINARY, CLOSE, TEXT, RawPeer, RawServer, close_payload, server_frame

from realtime_sync import (
    AuthenticationError,
    ConnectError,
    ConnectionClosed,
    ConnectionClosedError,
    OpenAI,
    RealtimeConnection,
    RemoteProtocolError,
)
from realtime_sync._threads import spawn

GUARD_S = 30.0


def connect(server: RawServer, **options: Any) -> RealtimeConnection:
    client = OpenAI(api_key="sk-test", base_url=f"http://127.0.0.1:{server.port}/v1")
    return client.realtime.connect(model="m", websocket_connection_options=options).enter()


def half_a_frame(peer: RawPeer) -> None:
    """Send one event and the beginning of another, then wait until the client says go on."""
    peer.accept(server_frame(TEXT, b'{"type":"n.1"}') + server_frame(TEXT, b'{"type":"n.2"}')[:9])
    peer.frame()


def reset(peer: RawPeer) -> None:
    half_a_frame(peer)
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@pytest.mark.parametrize("script", [half_a_frame, reset])
def test_every_waiter_is_told_of_a_link_that_drops_inside_a_frame(
    guard: Guard, script: Callable[[RawPeer], None]
) -> None:
    with RawServer(script) as server, connect(server) as connection:
        assert connection.recv(GUARD_S).type == "n.1"
        results: list[ConnectionClosed] = []

        def note(call: Callable[[], Any]) -> None:
            try:
                call()
            except ConnectionClosed as exc:
                results.append(exc)

        calls: list[Callable[[], Any]] = [
            lambda: next(iter(connection)),
            lambda: connection.wait_for("never"),
            lambda: connection.wait_for(lambda event: False),
        ]
        threads = [spawn(lambda c=call: note(c), name="waiter") for call in calls]  # type: ignore[misc]
        guard.until(connection._consumer.locked, "the consumer")
        guard.until(lambda: len(connection._queue._watchers) == 2, "the observers")
        start = time.monotonic()
        connection.send({"type": "go on"})
        for thread in threads:
            guard.join(thread)
        print(f"every waiter was told after {1000 * (time.monotonic() - start):.1f} ms")
        assert [(type(error), error.code) for error in results] == [
            (ConnectionClosedError, 1006)
        ] * 3
        with pytest.raises(ConnectionClosedError):
            connection.send({"type": "too late"})


def test_ask_is_told_of_a_dropped_link() -> None:
    with (
        RawServer(half_a_frame) as server,
        connect(server) as connection,
        pytest.raises(ConnectionClosedError),
    ):
        connection.ask("Hello!", timeout=GUARD_S)


def test_close_does_not_wait_for_a_silent_peer(guard: Guard) -> None:
    def script(peer: RawPeer) -> None:
        peer.accept()
        peer.expect_end()

    with RawServer(script) as server:
        connection = connect(server, close_timeout=0.2)
        received = threading.Event()

        def receive() -> None:
            with pytest.raises(ConnectionClosed):
                connection.recv()
            received.set()

        thread = spawn(receive, name="receiver")
        guard.until(connection._consumer.locked, "the consumer")
        start = time.monotonic()
        connection.close()
        print(f"close() with a silent peer took {1000 * (time.monotonic() - start):.0f} ms of 200")
        guard.wait(received, "the receiver's end")
        guard.join(thread)
        connection.close()


def test_what_is_no_event_and_what_is_unknown() -> None:
    unknown = json.dumps({"type": "brand.new", "x": {"y": [1]}})
    large = json.dumps({"type": "response.output_text.delta", "delta": "ü" * 1_000_000})

    def script(peer: RawPeer) -> None:
        peer.accept()
        peer.send(TEXT, b"{broken")
        peer.send(BINARY, b"\x00\x01")
        peer.send(TEXT, unknown.encode())
        peer.send(TEXT, large.encode())
        peer.send(CLOSE, close_payload(1011, "enough"))
        peer.expect_end()

    with RawServer(script) as server, connect(server) as connection:
        with pytest.raises(RemoteProtocolError, match="malformed json"):
            connection.recv(GUARD_S)
        with pytest.raises(RemoteProtocolError, match="binary message of 2 bytes"):
            connection.recv(GUARD_S)
        assert connection.recv(GUARD_S).to_dict() == json.loads(unknown)
        assert connection.recv(GUARD_S).to_dict() == json.loads(large)
        with pytest.raises(ConnectionClosedError, match="1011: enough"):
            connection.recv(GUARD_S)


def test_a_refused_upgrade_says_what_the_server_said() -> None:
    body = json.dumps({"error": {"message": "Incorrect API key provided."}}).encode()
    with (
        RawServer(lambda peer: peer.refuse("401 Unauthorized", body)) as server,
        pytest.raises(AuthenticationError, match="Incorrect API key provided") as caught,
    ):
        connect(server)
    assert caught.value.status == 401
    assert "sk-test" not in repr(caught.value)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    client = OpenAI(api_key="sk-test", base_url=f"http://127.0.0.1:{port}/v1")
    with pytest.raises(ConnectError, match=rf"127\.0\.0\.1:{port}") as caught:
        client.realtime.connect(model="m").enter()
    assert "sk-test" not in str(caught.value)


def test_a_name_that_does_not_resolve() -> None:
    client = OpenAI(api_key="sk-test", base_url="http://no-such-host.invalid/v1")
    with pytest.raises(ConnectError, match=r"no-such-host\.invalid"):
        client.realtime.connect(model="m").enter()
