"""Servers of other dialects: the embedded server behind a front that speaks one outward.

What a front takes and says follows the providers' documents (as collected for this project), not
the client's own translation, so that the two can disagree. The rules of each are in
`dialect_rules`.
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dialect_rules import Close, Rules
from embedded import Server
from websockets.exceptions import ConnectionClosed
from websockets.frames import OP_PONG
from websockets.http11 import Request, Response
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.sync.server import ServerConnection, serve

__all__ = ["Front", "open_front"]

_GUARD_S = 30.0


class Front:
    """A running front.

    Attributes:
        url: of its root, ``http://127.0.0.1:PORT``; paths are the dialect's.
        requests: path, query and headers (lower case) of every upgrade, oldest first.
        received: every client event, as it came.
        said: every event of the server's, as it went.
        rules: one per accepted connection.
    """

    def __init__(self, make_rules: type[Rules], server: Server) -> None:
        self._make_rules = make_rules
        self._server = server
        self.url = ""
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        self.received: list[dict[str, Any]] = []
        self.said: list[dict[str, Any]] = []
        self.rules: list[Rules] = []
        self._threads: list[threading.Thread] = []
        self.errors: list[BaseException] = []

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Look at an upgrade before it is answered."""
        parts = urlsplit(request.path)
        query = dict(parse_qsl(parts.query))
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        self.requests.append((parts.path, query, headers))
        refusal = self._make_rules.refusal(parts.path, query, headers, self._server.key)
        if refusal is None:
            return None
        status, message = refusal
        return connection.respond(HTTPStatus(status), message)

    def serve(self, connection: ServerConnection) -> None:
        """Serve one client, on a thread of its own."""
        self._threads.append(threading.current_thread())
        _, query, _ = self.requests[-1]
        rules = self._make_rules(query)
        self.rules.append(rules)
        try:
            if rules.ignores_pings:
                _never_pong(connection)
            rules.open()
            self._between(connection, rules)
        except Close as end:
            connection.close(end.code, end.reason)
        except ConnectionClosed:
            pass
        except BaseException as exc:
            self.errors.append(exc)
            connection.close(1011)

    def _between(self, connection: ServerConnection, rules: Rules) -> None:
        transcribing = "&intent=transcription" if rules.query.get("intent") else ""
        base = self._server.url.replace("http", "ws", 1)
        url = f"{base}/realtime?model=gpt-realtime{transcribing}"
        headers = {"Authorization": f"Bearer {self._server.key}"}
        with connect(url, additional_headers=headers, proxy=None, max_size=None) as upstream:
            down = threading.Thread(
                target=self._down, args=(upstream, connection, rules), name="front", daemon=True
            )
            down.start()
            try:
                self._up(connection, upstream, rules)
            finally:
                upstream.close()
                down.join(_GUARD_S)

    def _up(self, connection: ServerConnection, upstream: Connection, rules: Rules) -> None:
        for text in connection:
            event = json.loads(text)
            self.received.append(event)
            answers: list[dict[str, Any]] = []
            for translated in rules.up(event, answers.append):
                upstream.send(json.dumps(translated))
            for answer in answers:
                self.said.append(answer)
                connection.send(json.dumps(answer))

    def _down(self, upstream: Connection, connection: ServerConnection, rules: Rules) -> None:
        try:
            with contextlib.suppress(ConnectionClosed):
                for text in upstream:
                    for event in rules.down(json.loads(text)):
                        self.said.append(event)
                        connection.send(json.dumps(event))
            connection.close()
        except BaseException as exc:
            self.errors.append(exc)
            connection.close(1011)

    def join(self) -> None:
        """Wait until all connections have ended."""
        for thread in self._threads:
            thread.join(_GUARD_S)
            assert not thread.is_alive(), "a front does not end"


@contextmanager
def open_front(make_rules: type[Rules], server: Server) -> Iterator[Front]:
    """Run a front for ``server``; what its threads raise is raised in the end."""
    front = Front(make_rules, server)
    listener = serve(
        front.serve,
        "127.0.0.1",
        0,
        process_request=front.check,
        ping_interval=None,
        max_size=None,
        compression=None,
    )
    host, port = listener.socket.getsockname()
    front.url = f"http://{host}:{port}"
    thread = threading.Thread(target=listener.serve_forever, name="front listener", daemon=True)
    thread.start()
    try:
        yield front
    finally:
        listener.shutdown()
        thread.join(_GUARD_S)
        front.join()
    if front.errors:
        raise front.errors[0]


def _never_pong(connection: ServerConnection) -> None:
    send_frame = connection.protocol.send_frame

    def send(frame: Any) -> None:
        if frame.opcode is not OP_PONG:
            send_frame(frame)

    connection.protocol.send_frame = send  # type: ignore[method-assign]
