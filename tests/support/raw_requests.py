"""HTTP requests with exactly the headers that a test says, whatever libraries make of such."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from attrs import frozen
from embedded import Server
from guards import GUARD_S

__all__ = ["UPGRADE", "Answer", "Lines", "ask", "linked", "upgrade"]

Lines = list[tuple[str, str]]

# What makes a request that for a WebSocket; the nonce is any.
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]


@frozen
class Answer:
    """What the server says."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    def error(self) -> dict[str, Any]:
        """The error of a refusal, which is in the protocol's own form."""
        error: dict[str, Any] = json.loads(self.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert self.headers["x-request-id"].startswith("req_")
        return error


@contextlib.contextmanager
def linked(server: Server) -> Iterator[socket.socket]:
    """A connection to the server, with TLS where it has that, on which nothing was said yet."""
    where = urlsplit(server.url)
    assert where.hostname is not None
    assert where.port is not None
    with contextlib.ExitStack() as stack:
        plain = socket.create_connection((where.hostname, where.port), timeout=GUARD_S)
        link = stack.enter_context(plain)
        tls = server.tls()
        if tls is not None:
            link = stack.enter_context(tls.wrap_socket(link, server_hostname=where.hostname))
        yield link


def ask(
    server: Server,
    method: str,
    target: str,
    headers: Lines,
    *,
    body: bytes = b"",
    version: str = "HTTP/1.1",
) -> Answer:
    """Send a request on a connection of its own, and return the answer."""
    length = [("Content-Length", str(len(body)))] if body else []
    lines = [f"{method} {target} {version}", *(f"{n}: {v}" for n, v in [*headers, *length])]
    with linked(server) as link:
        link.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        with http.client.HTTPResponse(link, method=method) as response:
            response.begin()
            # After 101 come frames without an end.
            content = b"" if response.status == 101 else response.read()
            return Answer(response.status, response.headers, content)


def upgrade(server: Server, target: str, headers: Lines) -> Answer:
    """Ask for a WebSocket, and let it go."""
    return ask(server, "GET", target, [*headers, *UPGRADE])
