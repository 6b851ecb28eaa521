"""An HTTP server that notes what it is asked and answers what the test says, byte by byte."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import policy
from email.parser import BytesParser
from typing import Any

from raw_server import RawPeer, RawServer

from realtime_sync._headers import Headers


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    method: str
    target: str
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)

    def parts(self) -> list[tuple[str | None, str | None, str, bytes]]:
        """Name, file name, content type and content of each part of a form."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=policy.HTTP).parsebytes(head + self.body)
        return [
            (
                part.get_param("name", header="content-disposition"),  # type: ignore[misc]
                part.get_filename(),
                part.get_content_type(),
                part.get_payload(decode=True),
            )
            for part in message.iter_parts()
        ]


def read_request_head(head: bytes) -> tuple[str, str, Headers]:
    """Return the method, the target and the headers of a request."""
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    pairs = [line.partition(":")[::2] for line in lines if line]
    return method, target, Headers((name, value.strip()) for name, value in pairs)


Reply = Callable[[RawPeer], None]


def reply(status: int = 200, body: object = b"", headers: Mapping[str, str] | None = None) -> Reply:
    """Answer with a status and a body: bytes, or a value for JSON."""
    kind = "text/plain" if isinstance(body, bytes) else "application/json"
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": kind, "Content-Length": str(len(data)), **(headers or {})}

    def send(peer: RawPeer) -> None:
        lines = [f"HTTP/1.1 {status} Whatever", *(f"{k}: {v}" for k, v in fields.items())]
        head = "\r\n".join([*lines, "Connection: close", "", ""]).encode()
        peer.sock.sendall(head + data)

    return send


def raw(data: bytes) -> Reply:
    """Answer with these bytes, and end the link."""
    return lambda peer: peer.sock.sendall(data)


def stall(first: bytes = b"") -> Reply:
    """Answer with these bytes at most, and then nothing until the client gives up."""

    def send(peer: RawPeer) -> None:
        peer.sock.sendall(first)
        peer.expect_end()

    return send


class HttpRecorder:
    """Answers one request per connection, with each reply in turn; the last one is for the rest.

    Attributes:
        asked: what came.
        base_url: for a client.
    """

    def __init__(self, *replies: Reply, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self._replies = list(replies)
        self._lock = threading.Lock()  # guards both lists
        self._server = RawServer(self._serve, context)
        scheme = "http" if context is None else "https"
        self.port = self._server.port
        self.base_url = f"{scheme}://localhost:{self.port}/v1"

    def __enter__(self) -> HttpRecorder:
        self._server.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._server.__exit__(*exc)

    def _serve(self, peer: RawPeer) -> None:
        try:
            head = peer.read_head()
        except EOFError:
            return
        body = peer.take(int(peer.header("Content-Length") or 0))
        method, target, headers = read_request_head(head)
        with self._lock:
            self.asked.append(Asked(method, target, headers, body))
            answer = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        answer(peer)
