"""What clients may take of the embedded server: sessions, time, memory; and what is refused."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest
import requests
import uvicorn
from embedded import KEY, Server, run_server
from framing import PING, TEXT
from guards import GUARD_S, Guard
from programs import REPOSITORY
from raw_client import raw_client
from raw_distiller import agent, post, project
from server_bursts import masked, read_until, websocket
from uvicorn.server import ServerState
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from realtime_sync import Local, RateLimitError
from realtime_sync.local.server_settings import OPTIONS
from realtime_sync.local.web.incoming import IncomingMessages
from realtime_sync.local.web.timed_connections import TimedHttp, Waiting

pytestmark = pytest.mark.timeout(60)

HEAD = (
    "POST /v1/realtime/client_secrets HTTP/1.1\r\nHost: localhost\r\n"
    f"Authorization: Bearer {KEY}\r\n"
)
CLOSING = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture(scope="module")
def hasty() -> Iterator[Server]:
    """A server that waits for no client, and holds little of what is not complete."""
    limits = ("--request-timeout", "0.3", "--message-timeout", "0.3", "--max-incoming-mib", "1")
    with run_server(*limits) as server:
        yield server


@contextmanager
def opened(server: Server) -> Iterator[socket.socket]:
    host, _, port = server.url.removeprefix("http://").removesuffix("/v1").partition(":")
    with socket.create_connection((host, int(port)), GUARD_S) as sock:
        yield sock


def all_of(sock: socket.socket) -> bytes:
    """Return what comes until the server has closed the connection."""
    data = b""
    while chunk := sock.recv(4_096):
        data += chunk
    return data


# -- sessions --------------------------------------------------------------------------------------


def test_sessions_beyond_the_limit_are_refused_until_one_ends(guard: Guard) -> None:
    with run_server("--max-sessions", "2") as server:
        root = server.url.removesuffix("/v1").replace("http", "ws", 1)
        key = {"Authorization": f"Bearer {server.key}"}
        paths = (
            "/v1/realtime?model=gpt-realtime",
            "/v1/realtime?intent=transcription",
            "/v1/realtime/translations?model=gpt-realtime",
            "/distiller/realtime/local/desk/user",
        )
        client = Local(url=server.url, api_key=server.key)
        with raw_client(server) as first:
            first.next()
            with raw_client(server) as second:
                second.next()
                for path in paths:
                    with pytest.raises(InvalidStatus) as refused:
                        connect(root + path, additional_headers=key, proxy=None).close()
                    response = refused.value.response
                    assert response.status_code == 429
                    assert response.headers["Retry-After"] == "5"
                    error = json.loads(response.body or b"")["error"]
                    assert error["code"] == "too_many_sessions"
                    assert (
                        "2 sessions are open, and there may be 2 (--max-sessions)"
                        in (error["message"])
                    )
                with pytest.raises(RateLimitError, match="--max-sessions"):
                    client.realtime.connect(max_retries=0).enter()
                health = requests.get(server.url.removesuffix("/v1") + "/healthz", timeout=GUARD_S)
                assert health.status_code == 200, "which are no sessions"
            guard.until(lambda: _gets_in(server), "a free place")


def _gets_in(server: Server) -> bool:
    try:
        with raw_client(server) as client:
            return client.next()["type"] == "session.created"
    except InvalidStatus:
        return False


# -- connections -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    ["", "GET /healthz HT", HEAD, HEAD + "Content-Length: 10\r\n\r\n{"],
    ids=["nothing", "half a line", "half a head", "half a body"],
)
def test_a_request_that_does_not_become_complete(hasty: Server, sent: str) -> None:
    with opened(hasty) as sock:
        sock.sendall(sent.encode())
        head, _, body = all_of(sock).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    error = json.loads(body.splitlines()[1] if b"chunked" in head else body)["error"]
    assert error["code"] == "request_timeout"
    assert "within 0.3 s (--request-timeout)" in error["message"]


def test_a_body_that_ends_too_early_is_no_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with run_server("--request-timeout", "0.3") as server:
        for waits in (True, False):
            with opened(server) as sock:
                sock.sendall((HEAD + "Content-Length: 10\r\n\r\n{").encode())
                if waits:
                    assert b" 408 " in all_of(sock)
        assert requests.get(server.url.removesuffix("/v1") + "/healthz", timeout=GUARD_S).ok
    assert capfd.readouterr().err == ""


def test_a_second_request_that_does_not_become_complete(hasty: Server) -> None:
    with opened(hasty) as sock:
        whole = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
        sock.sendall((whole + HEAD + "Content-Length: 10\r\n\r\n{").encode())
        answers = all_of(sock)
    assert answers.startswith(b"HTTP/1.1 200 ")
    assert b"HTTP/1.1 408 " in answers


def test_sessions_and_complete_requests_take_their_time(hasty: Server, guard: Guard) -> None:
    with raw_client(hasty) as client, opened(hasty) as sock:
        client.next()
        assert b"408" in all_of(sock), "the time is over"
        client.write("Hello")
        client.until("conversation.item.done")


@pytest.mark.parametrize("upgrades", [True, False])
def test_a_client_that_does_not_take_the_last_of_what_it_gets_is_cut(upgrades: bool) -> None:
    large = "x" * 16_000_000

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if upgrades:
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": large})
        else:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": large.encode()})

    async def run() -> None:
        config, state, waiting = uvicorn.Config(app, log_config=None), ServerState(), Waiting(0.2)
        config.load()
        loop = asyncio.get_running_loop()
        incoming = IncomingMessages(GUARD_S, 1 << 20)
        server = await loop.create_server(
            lambda: TimedHttp(config, state, waiting, incoming), "127.0.0.1"
        )
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), limit=1_000
        )
        writer.write(UPGRADE if upgrades else CLOSING)
        await reader.readuntil(b"\r\n")
        while state.connections:
            await asyncio.sleep(0.01)
        server.close()
        writer.close()

    asyncio.run(asyncio.wait_for(run(), GUARD_S))


def test_half_a_tls_handshake(guard: Guard, tmp_path_factory: pytest.TempPathFactory) -> None:
    import trustme

    ca = trustme.CA()
    pem = tmp_path_factory.mktemp("tls") / "server.pem"
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    with run_server("--tls-cert", str(pem), "--request-timeout", "0.3", ca=ca) as server:
        port = int(server.url.removesuffix("/v1").rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), GUARD_S) as sock:
            sock.sendall(b"\x16\x03\x01")
            assert all_of(sock) == b""


def test_too_many_connections_that_wait_cost_the_oldest(ws_server: Server) -> None:
    with opened(ws_server) as oldest:
        others = [stack_of(ws_server) for _ in range(256)]
        try:
            assert all_of(oldest).startswith(b"HTTP/1.1 408 ")
            with raw_client(ws_server) as client:
                assert client.next()["type"] == "session.created", "who asks at once gets in"
        finally:
            for sock in others:
                sock.close()


def stack_of(server: Server) -> socket.socket:
    port = int(server.url.removesuffix("/v1").rpartition(":")[2])
    return socket.create_connection(("127.0.0.1", port), GUARD_S)


# -- messages --------------------------------------------------------------------------------------

BEGUN = masked(TEXT, b"x" * 800_000)[:-1]  # the last byte is missing


def address(server: Server) -> tuple[str, int]:
    return "127.0.0.1", int(server.url.removesuffix("/v1").rpartition(":")[2])


@pytest.mark.parametrize("how", ["a frame", "fragments", "byte by byte", "pings in between"])
def test_a_message_that_does_not_become_complete(hasty: Server, how: str) -> None:
    """However much of it still comes."""
    more = {"byte by byte": b"x", "pings in between": masked(PING)}.get(how, b"")
    begun = masked(TEXT, b"x", fin=False) if "ing" in how or how == "fragments" else BEGUN[:1_000]
    with websocket(address(hasty), key=KEY) as sock, raw_client(hasty) as other:
        other.until("session.created")
        sock.sendall(begun)
        received, reason = b"", b"was not complete within 0.3 s (--message-timeout)"
        sock.settimeout(0.01)
        while reason not in received:
            with suppress(TimeoutError):
                received += sock.recv(4_096)
            sock.sendall(more)
        assert b"\x03\xf0a message " + reason in received, "1008"
        sock.settimeout(GUARD_S)
        assert all_of(sock) == b""
        other.write("Hello")
        other.until("conversation.item.done")


def test_unfinished_messages_beyond_the_limit_cost_the_oldest() -> None:
    with run_server("--max-incoming-mib", "1") as server, ExitStack() as stack:
        links = [stack.enter_context(websocket(address(server), key=KEY)) for _ in range(3)]
        first, second, third = links
        first.sendall(BEGUN)
        second.sendall(BEGUN[:300_000])
        assert b"\x03\xf1unfinished messages of all" in all_of(first), "1009"
        second.sendall(BEGUN[300_000:])
        third.sendall(BEGUN[:300_000])
        assert b"\x03\xf1unfinished messages of all" in all_of(second)
        third.sendall(BEGUN[300_000:] + b"x")
        read_until(third, b'"invalid_json"')


# -- what is made over REST ------------------------------------------------------------------------


def test_what_is_made_over_rest_is_bounded() -> None:
    config = project(agent("Clerk"))
    with run_server("--max-stored", "1") as server:
        for path, body in (
            ("/v1/realtime/client_secrets", {}),
            ("/test/incoming_calls", {}),
            ("/distiller/create", {"project": "desk", "config": config}),
        ):
            assert post(server, path, body).ok
            refused = post(server, path, body)
            error = refused.json()["error"]
            assert (refused.status_code, error["code"]) == (429, "too_many_stored")
            assert "(--max-stored)" in error["message"]


# -- the document ----------------------------------------------------------------------------------


def test_the_document_tells_the_limits_as_they_are() -> None:
    document = (REPOSITORY / "docs" / "local_server.md").read_text(encoding="utf-8")
    limits = [each for each in OPTIONS if each.name.startswith(("max_", "request_", "message_"))]
    rows = {f"| `{each.flag}` | {each.default:g} |" for each in limits}
    assert len(rows) == 9
    assert {row for row in rows if row not in document} == set()


def test_the_document_tells_all_options_with_their_defaults() -> None:
    """A row each, or one for several; and no cell of any table is left open."""
    others = {"port": "8765", "projects": "a temporary folder", "drain_s": "20"}
    rows = list(table_rows((REPOSITORY / "docs" / "local_server.md").read_text(encoding="utf-8")))
    for option in OPTIONS:
        default = others.get(option.name, str(option.default or "none").removesuffix(".0"))
        told = [row[1] for row in rows if f"`{option.flag}`" in row[0].split(", ")]
        assert any(default in cell for cell in told), (option.flag, default, told)
    assert [row for row in rows if not all(row) or "…" in row] == []


def table_rows(document: str) -> Iterator[list[str]]:
    """Give the cells of each row below a table's head."""
    lines = document.splitlines()
    for line, above in zip(lines[1:], lines, strict=False):
        if line.startswith("|") and above.startswith("|") and not line.startswith("|--"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
