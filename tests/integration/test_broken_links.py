"""What the caller sees when the link, or the server behind it, misbehaves."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from guards import Guard
from websockets.frames import Frame, Opcode

from realtime_sync import (
    ApiError,
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
Script = Callable[[socket.socket], None]


def text_frame(text: str) -> bytes:
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class RawServer:
    """Takes one connection, reads its request, then does as the script says and hangs up."""

    def __init__(self, script: Script, *, upgrade: bool = True) -> None:
        self._script = script
        self._upgrade = upgrade
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"
        self.release = threading.Event()
        self._thread = spawn(self._run, name="raw-server")

    def _run(self) -> None:
        link, _ = self._listener.accept()
        with link:
            request = b""
            while b"\r\n\r\n" not in request:
                request += link.recv(4096)
            if self._upgrade:
                link.sendall(self._switching(request))
            self._script(link)
            self.release.wait(GUARD_S)

    def _switching(self, request: bytes) -> bytes:
        key = next(
            line.split(b":")[1].strip()
            for line in request.split(b"\r\n")
            if line.lower().startswith(b"sec-websocket-key")
        )
        magic = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key + magic).digest())
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def close(self) -> None:
        self.release.set()
        self._thread.join(GUARD_S)
        self._listener.close()


Serve = Callable[..., RawServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers = []

    def start(script: Script, **options: Any) -> RawServer:
        servers.append(RawServer(script, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def connect(server: RawServer, **options: Any) -> RealtimeConnection:
    client = OpenAI(api_key="sk-test", base_url=server.url)
    return client.realtime.connect(model="m", websocket_connection_options=options).enter()


def hang_up_inside_a_frame(link: socket.socket) -> None:
    link.sendall(text_frame('{"type":"n.1"}') + text_frame('{"type":"n.2"}')[:9])
    link.recv(1)  # until every waiter waits
    link.shutdown(socket.SHUT_RDWR)


def reset_inside_a_frame(link: socket.socket) -> None:
    link.sendall(text_frame('{"type":"n.1"}') + b"\x81")
    link.recv(1)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    link.close()


@pytest.mark.parametrize("script", [hang_up_inside_a_frame, reset_inside_a_frame])
def test_every_waiter_is_told_of_a_link_that_drops_inside_a_frame(
    serve: Serve, guard: Guard, script: Script
) -> None:
    with connect(serve(script)) as connection:
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
        connection.send({"type": "now"})
        for thread in threads:
            guard.join(thread)
        print(f"every waiter was told after {1000 * (time.monotonic() - start):.1f} ms")
        assert len(results) == 3
        for result in results:
            assert isinstance(result, ConnectionClosedError)
            assert result.code == 1006
        with pytest.raises(ConnectionClosedError):
            connection.send({"type": "too late"})


def test_ask_is_told_of_a_dropped_link(serve: Serve) -> None:
    def script(link: socket.socket) -> None:
        link.recv(1)
        link.shutdown(socket.SHUT_RDWR)

    with connect(serve(script)) as connection, pytest.raises(ConnectionClosedError):
        connection.ask("Hello!", timeout=GUARD_S)


def test_close_does_not_wait_for_a_silent_peer(serve: Serve, guard: Guard) -> None:
    connection = connect(serve(lambda link: None), close_timeout=0.2)
    receiving = threading.Event()

    def receive() -> None:
        with pytest.raises(ConnectionClosed):
            connection.recv()
        receiving.set()

    thread = spawn(receive, name="receiver")
    guard.until(connection._consumer.locked, "the consumer")
    start = time.monotonic()
    connection.close()
    print(f"close() with a silent peer took {1000 * (time.monotonic() - start):.0f} ms of 200")
    guard.wait(receiving, "the receiver's end")
    guard.join(thread)
    connection.close()


def test_what_is_no_event_and_what_is_unknown(serve: Serve) -> None:
    unknown = json.dumps({"type": "brand.new", "x": {"y": [1]}})
    large = json.dumps({"type": "response.output_text.delta", "delta": "ü" * 30_000})

    def script(link: socket.socket) -> None:
        link.sendall(text_frame("{broken") + b"\x82\x02\x00\x01" + text_frame(unknown))
        link.sendall(text_frame(large))

    with connect(serve(script), close_timeout=0.2) as connection:
        with pytest.raises(RemoteProtocolError, match="malformed json"):
            connection.recv(GUARD_S)
        with pytest.raises(RemoteProtocolError, match="binary message of 2 bytes"):
            connection.recv(GUARD_S)
        assert connection.recv(GUARD_S).to_dict() == json.loads(unknown)
        assert connection.recv(GUARD_S).to_dict() == json.loads(large)


def test_a_frame_that_breaks_the_rules_ends_the_connection(serve: Serve) -> None:
    masked = b"\x81\x85\x00\x00\x00\x00hello"  # a server never masks, RFC 6455 §5.1
    with (
        connect(serve(lambda link: link.sendall(masked)), close_timeout=0.2) as connection,
        pytest.raises(ConnectionClosedError) as caught,
    ):
        connection.recv(GUARD_S)
    assert caught.value.code == 1002


def test_text_that_is_not_utf8_ends_the_connection(serve: Serve) -> None:
    with (
        connect(serve(lambda link: link.sendall(b"\x81\x01\xff")), close_timeout=0.2) as connection,
        pytest.raises(ConnectionClosedError) as caught,
    ):
        connection.recv(GUARD_S)
    assert caught.value.code == 1007


@pytest.mark.parametrize(("code", "reason"), [(1008, "policy"), (1011, "oops"), (4000, "custom")])
def test_the_servers_reason_is_kept(serve: Serve, code: int, reason: str) -> None:
    payload = struct.pack("!H", code) + reason.encode()
    frame = b"\x88" + bytes([len(payload)]) + payload
    with (
        connect(serve(lambda link: link.sendall(frame))) as connection,
        pytest.raises(ConnectionClosedError) as caught,
    ):
        connection.recv(GUARD_S)
    assert (caught.value.code, caught.value.reason) == (code, reason)


def test_a_refused_upgrade_says_what_the_server_said(serve: Serve) -> None:
    body = json.dumps({"error": {"message": "Incorrect API key provided.", "code": "x"}})
    answer = (
        "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\n"
        f"x-request-id: req_7\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    server = serve(lambda link: link.sendall(answer.encode()), upgrade=False)
    with pytest.raises(AuthenticationError, match="Incorrect API key provided") as caught:
        connect(server)
    assert isinstance(caught.value, ApiError)
    assert (caught.value.status, caught.value.request_id) == (401, "req_7")


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
