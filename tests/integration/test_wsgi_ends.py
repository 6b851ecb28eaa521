"""The end of a server with open WebSockets, and a crowd of idle ones in one process."""

from __future__ import annotations

import socket
import struct
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
import websocket
from guards import GUARD_S, Guard
from websockets.frames import Frame, Opcode
from wsgi_servers import WebServer, descriptors, web_server

GOING_AWAY = struct.pack("!H", 1001) + b"the server is ending"
CROWD = 1000
UPGRADE = (
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def answered(client: websocket.WebSocket, data: bytes) -> None:
    """See this close frame, and answer it."""
    frame = client.recv_frame()
    assert (frame.opcode, frame.data) == (websocket.ABNF.OPCODE_CLOSE, data)
    client.send_frame(websocket.ABNF.create_frame(data, websocket.ABNF.OPCODE_CLOSE))
    assert client.sock.recv(100) == b""
    client.shutdown()


@pytest.mark.parametrize("kind", ["werkzeug", "gthread"])
def test_sigterm_closes_what_does_not_end_by_itself(kind: str, tmp_path: Path) -> None:
    with web_server(kind, tmp_path, environment={"DRAIN_S": "0.2"}) as server:
        clients = [server.connect("echo") for _ in range(5)]
        server.terminate()
        for client in clients:
            answered(client, GOING_AWAY)


def test_after_sigterm_open_ones_go_on_and_new_ones_are_refused(tmp_path: Path) -> None:
    with web_server("werkzeug", tmp_path, environment={"DRAIN_S": "60"}) as server:
        client = server.connect("echo")
        server.terminate()
        refused = Guard().until(lambda: refusal(server), "a refusal")
        assert refused.status_code == 503
        assert b"this server is ending" in refused.resp_body
        client.send("still here")
        assert client.recv() == "still here"
        client.send_close(1000)
        assert client.recv_frame().data == struct.pack("!H", 1000)
        client.shutdown()
        assert server.process.wait(GUARD_S) == -15, "when the last one has ended"


def refusal(server: WebServer) -> websocket.WebSocketBadStatusException | None:
    """Try to connect; return how that is refused, None when it is not."""
    try:
        server.connect("echo").shutdown()
    except websocket.WebSocketBadStatusException as refused:
        return refused
    return None


def test_a_worker_without_draining_ends_all_the_same(tmp_path: Path) -> None:
    with web_server("gthread", tmp_path, "--graceful-timeout", "1") as server:
        client = server.connect("echo")
        server.terminate()
        # The process ends wherever its thread may be, so with or without a close frame.
        with suppress(websocket.WebSocketConnectionClosedException, ConnectionError):
            assert client.recv() == ""
        client.shutdown()


def test_a_crowd_of_idle_ones(tmp_path: Path) -> None:
    """Each takes a thread and three descriptors of the server, and no time."""
    with descriptors(4 * CROWD + 200) as allowed, ExitStack() as stack:
        crowd = min(CROWD, (allowed - 200) // 4)
        server = stack.enter_context(web_server("werkzeug", tmp_path))
        process = psutil.Process(server.process.pid)
        before = process.memory_info().rss
        clients = [stack.enter_context(server.raw()) for _ in range(crowd)]
        for client in clients:
            client.sendall(UPGRADE)
        for client in clients:
            head = received(client, b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 ")
        assert server.seen()["open"] == crowd
        each = (process.memory_info().rss - before) / crowd / 1024
        print(f"{crowd} idle sockets: {process.num_threads()} threads, {each:.0f} KiB each")
        assert server.get("page") == "a page"
        for number, client in enumerate(clients):
            client.sendall(Frame(Opcode.TEXT, b"%06d" % number).serialize(mask=True))
        for number, client in enumerate(clients):
            assert received(client, b"%06d" % number).endswith(b"\x81\x06%06d" % number)
        for client in clients:
            client.sendall(Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=True))
        for client in clients:
            assert received(client, b"\x88\x02\x03\xe8")
            assert client.recv(10) == b""
            client.close()
        Guard().until(lambda: server.seen()["open"] == 0, "the end of all")
        assert all_gone(process)


def received(client: socket.socket, end: bytes) -> bytes:
    """Read until these bytes; there may be pings before them, if it takes long."""
    data = b""
    while not data.endswith(end):
        more = client.recv(4096)
        assert more, data
        data += more
    return data


def all_gone(process: psutil.Process) -> bool:
    """Whether nothing of the crowd is left in the server."""
    return Guard().until(
        lambda: process.num_threads() < 10 and process.num_fds() < 30, "the end of the threads"
    )
