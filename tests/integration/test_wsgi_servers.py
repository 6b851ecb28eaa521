"""WebSockets on werkzeug and on gunicorn's workers, plain and over TLS, with real clients."""

from __future__ import annotations

import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
import websocket
from guards import GUARD_S, Guard
from websockets.frames import Frame, Opcode
from websockets.sync.client import connect
from wsgi_servers import KINDS, WebServer, web_server

SERVERS = [(kind, tls) for kind in KINDS for tls in (False, True)]
NORMAL = struct.pack("!H", 1000)
COUNT = 300


@pytest.fixture(
    scope="module",
    params=SERVERS,
    ids=[f"{kind}-{'wss' if tls else 'ws'}" for kind, tls in SERVERS],
)
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WebServer]:
    kind, tls = request.param
    with web_server(kind, tmp_path_factory.mktemp("server"), tls=tls) as running:
        yield running


@pytest.fixture
def server(shared: WebServer) -> WebServer:
    """The server, on which no socket is open, and nothing is known of earlier ones."""
    Guard().until(lambda: shared.seen()["open"] == 0, "the end of all sockets")
    shared.get("forget")
    return shared


def close(client: websocket.WebSocket, code: int = 1000) -> tuple[int, bytes]:
    """Close, and return how the server answered, after which it ends the link."""
    client.send_close(code)
    return ended(client)


def ended(client: websocket.WebSocket) -> tuple[int, bytes]:
    """Return the close frame that comes next, and see that nothing comes behind it."""
    frame = client.recv_frame()
    assert frame.opcode == websocket.ABNF.OPCODE_CLOSE, frame
    try:
        behind = client.sock.recv(1000)
    except ssl.SSLEOFError:
        behind = b""
    assert behind == b"", "a second answer"
    client.shutdown()
    return struct.unpack("!H", frame.data[:2])[0], frame.data[2:]


def test_messages_of_all_sizes(server: WebServer) -> None:
    """Over TLS a message may lie decrypted in the socket, where no selector sees it."""
    client = server.connect("echo")
    sizes = [0, 1, 125, 126, 4999, 16_384, 16_385, 40_000, 65_535, 65_536, 1_000_000]
    for size in sizes:
        client.send("é" * (size // 2))
        assert client.recv() == "é" * (size // 2)
        client.send_binary(b"\xff" * size)
        assert client.recv() == b"\xff" * size
    assert close(client) == (1000, b"")
    assert server.outcome("echo") == {"name": "echo", "saw": 2 * len(sizes), "end": None}


def test_many_at_once(server: WebServer) -> None:
    """Sent without waiting for the answers, and read by another thread."""
    client = server.connect("echo")
    messages = [f"{number}" * (number % 50) for number in range(500)]
    sender = threading.Thread(target=lambda: [client.send(message) for message in messages])
    if server.context is None:
        sender.start()
    else:  # the client's TLS has no lock
        for message in messages:
            client.send(message)
    assert [client.recv() for _ in messages] == messages
    if server.context is None:
        Guard().join(sender)
    assert close(client)[0] == 1000


def test_fragments_and_pings(server: WebServer) -> None:
    client = server.connect("echo")
    frame = websocket.ABNF
    euro = "a€b".encode()
    client.send_frame(frame.create_frame(euro[:2], frame.OPCODE_TEXT, fin=0))
    client.ping(b"inside")
    client.send_frame(frame.create_frame(euro[2:], frame.OPCODE_CONT, fin=1))
    pong = client.recv_frame()
    assert (pong.opcode, pong.data) == (frame.OPCODE_PONG, b"inside")
    assert client.recv() == "a€b"
    assert close(client)[0] == 1000


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True), 1007),
        (Frame(Opcode.TEXT, b"unmasked").serialize(mask=False), 1002),
        (Frame(Opcode.BINARY, b"x" * 1_048_577).serialize(mask=True), 1009),
    ],
    ids=["utf-8", "unmasked", "too large"],
)
def test_a_client_that_breaks_a_rule_is_told(server: WebServer, wrong: bytes, code: int) -> None:
    client = server.connect("echo")
    client.sock.sendall(wrong)
    assert ended(client)[0] == code
    assert server.outcome("echo")["end"][0] == code


def test_three_threads_send_while_one_receives(server: WebServer) -> None:
    client = server.connect("crowd")
    client.send(str(COUNT))
    got: dict[str, list[int]] = {"a": [], "b": [], "c": [], "e": []}
    sizes = {"a": 100, "b": 640, "c": 20_000, "e": 3}
    sent = 0
    for _ in range(4 * COUNT):
        if sent < COUNT:
            client.send(f"e{sent:06}yyy")
            sent += 1
        message = client.recv()
        words = message if isinstance(message, str) else message.decode()
        assert isinstance(message, str) == (words[0] in "ae")
        assert len(words) == 7 + sizes[words[0]]
        got[words[0]].append(int(words[1:7]))
    # Whole, all, and each thread's in their order.
    assert got == {who: list(range(COUNT)) for who in got}
    assert ended(client)[0] == 1000


def test_a_close_of_another_thread_wakes_recv(server: WebServer) -> None:
    client = server.connect("closed_elsewhere")
    frame = client.recv_frame()
    assert frame.data == struct.pack("!H", 4000) + b"enough"
    assert close_quietly(client, frame.data) == b""
    assert server.outcome("closed_elsewhere")["end"] == [4000, "enough", "this server"]


def close_quietly(client: websocket.WebSocket, data: bytes) -> bytes:
    """Answer a close; return what comes behind it."""
    client.send_frame(websocket.ABNF.create_frame(data, websocket.ABNF.OPCODE_CLOSE))
    try:
        behind: bytes = client.sock.recv(1000)
    except ssl.SSLEOFError:
        behind = b""
    client.shutdown()
    return behind


def test_a_program_that_leaves_while_the_client_talks(server: WebServer) -> None:
    """The close frame arrives: a link that is ended with unread bytes would be reset."""
    client = server.connect("talks_on")
    for _ in range(50):
        client.send_binary(b"\0" * 640)
    frame = client.recv_frame()
    assert frame.data == NORMAL
    for _ in range(50):
        client.send_binary(b"\0" * 640)
    assert close_quietly(client, NORMAL) == b""


def test_a_client_that_sends_faster_than_the_program_reads(server: WebServer) -> None:
    """It is held back by TCP: its own socket is full long before all is sent."""
    client = server.connect("slow")
    assert client.recv() == "ready"
    message = Frame(Opcode.BINARY, b"\0" * 60_000).serialize(mask=True)
    sent = sent_until_full(client.sock, message)
    assert sent < 1500 * len(message)
    server.get("go")
    client.sock.settimeout(GUARD_S)
    rest = -sent % len(message)
    client.sock.sendall(message[len(message) - rest :] if rest else b"")
    assert close(client)[0] == 1000
    whole = (sent + rest) // len(message)
    assert server.outcome("slow")["saw"] == whole * 60_000


def sent_until_full(sock: socket.socket, message: bytes) -> int:
    """Send a message again and again, as long as somebody takes it; return the bytes."""
    sock.settimeout(1.0)
    sent = 0
    with suppress(TimeoutError):
        while sent < 2000 * len(message):
            sent += sock.send(message[sent % len(message) :])
    return sent


def test_a_client_that_does_not_read(server: WebServer) -> None:
    client = server.connect("flood")
    code, reason, closed_by = server.outcome("flood")["end"]
    assert (code, closed_by) == (1006, "the client's network")
    assert reason == "the client did not take a message within 0.2 s"
    client.shutdown()


def test_a_client_that_is_silent(server: WebServer) -> None:
    client = server.connect("half_open")
    code, reason, _ = server.outcome("half_open")["end"]
    assert (code, reason) == (1006, "no answer to a ping within 0.1 s")
    client.shutdown()


def test_a_client_that_vanishes(server: WebServer) -> None:
    client = server.connect("echo")
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.shutdown()  # a reset
    assert server.outcome("echo")["end"][0] == 1006


def test_a_limit_that_is_full(server: WebServer) -> None:
    """What is refused is told at once, and pages are still answered."""
    here = {"origin": "https://here.test"}
    clients = [server.connect("limited", **here) for _ in range(2)]
    for number in range(12):
        with pytest.raises(websocket.WebSocketBadStatusException) as refused:
            server.connect("limited", **here)
        assert refused.value.status_code == 503
        assert refused.value.resp_headers["retry-after"] == "5"
        assert b"all 2 WebSockets of this server are taken" in refused.value.resp_body
        assert server.get("page") == "a page", number
    assert close(clients.pop())[0] == 1000
    Guard().until(lambda: server.seen()["few"] == 1, "room")
    clients.append(server.connect("limited", **here))
    for client in clients:
        client.send("still there")
        assert client.recv() == "still there"
        assert close(client)[0] == 1000
    Guard().until(lambda: server.seen()["few"] == 0, "the end of all")


def test_another_page(server: WebServer) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException) as refused:
        server.connect("limited", origin="https://elsewhere.test")
    assert refused.value.status_code == 403


def test_a_plain_request(server: WebServer) -> None:
    with server.raw() as sock:
        sock.sendall(b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert re.match(rb"HTTP/1\.[01] 400 ", sock.recv(1000))


def test_a_fault_of_the_program(server: WebServer) -> None:
    """It closes with 1011, and the framework tells of it."""
    server.faults += ["Traceback", "ERROR in app", "ERROR]"]
    client = server.connect("fails")
    frame = client.recv_frame()
    assert frame.data == struct.pack("!H", 1011)
    assert close_quietly(client, frame.data) == b""
    Guard().until(lambda: "ValueError: a fault of the program" in server.log(), "the traceback")
    assert server.get("page") == "a page"


def test_another_client(server: WebServer) -> None:
    """That of websockets, which is threaded; over TLS its threads disturb each other."""
    if server.context is not None:
        return
    with connect(server.url("echo"), proxy=None) as client:
        for number in range(200):
            client.send(f"{number}")
            assert client.recv(timeout=GUARD_S) == f"{number}"
    assert client.close_code == 1000
