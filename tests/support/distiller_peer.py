"""A Distiller whose every message the test decides, on a real port: its REST calls and WebSocket.

A test gives what happens on each link as a function of the `DistillerLine`:

    def talk(line):
        line.begin()
        line.expect("input_text")
        line.answer("Hello")

    with DistillerPeer(talk) as peer, open_session(peer.place()) as session:
        ...
"""

from __future__ import annotations

import base64
import json
import queue
import ssl
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from http_recorder import Asked, Reply, read_request_head, reply
from raw_server import CLOSE, PING, PONG, TEXT, RawPeer, RawServer, close_payload

from realtime_sync._headers import Headers
from realtime_sync.distiller import SessionPlace

__all__ = ["DistillerLine", "DistillerPeer", "LineClosed", "Talk"]

ACCOUNT = "org-123"


class LineClosed(Exception):  # noqa: N818 -- an outcome
    """The client has closed the link.

    Attributes:
        code: of its close frame; 1006 where it has just ended the link.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class DistillerLine:
    """The server's end of one WebSocket.

    Attributes:
        target: the path of the upgrade request.
        headers: of it.
        received: every message of the client's, in order, as far as it was read here.
    """

    def __init__(self, peer: RawPeer, target: str, headers: Headers) -> None:
        self.target = target
        self.headers = headers
        self.received: list[dict[str, Any]] = []
        self._peer = peer
        self._lock = threading.Lock()  # serialises the writes
        self._over = False

    # -- what the server says --------------------------------------------------------------------

    def begin(self, *, vad: bool = False, **fields: Any) -> None:
        """Send ``session.created``."""
        capabilities = {"capabilities": {"vad_enabled": True}} if vad else {}
        self.send({"type": "session.created", **capabilities, **fields})

    def send(self, *messages: Mapping[str, Any]) -> None:
        """Send messages."""
        for message in messages:
            self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        """Send a text as it is."""
        with self._lock:
            self._peer.send(TEXT, text.encode())

    def event(self, type: str, **fields: Any) -> None:
        """Send one message."""
        self.send({"type": type, **fields})

    def answer(
        self, *words: str, role: str = "Tutor", pcm: bytes = b"\x01\x00" * 160, done: bool = True
    ) -> None:
        """Send a whole response: its words, its sound, its end."""
        self.event("response.created")
        for word in words:
            self.event("response.text.delta", role=role, content=word)
        self.event("response.text.done")
        self.event("response.audio.delta", role=role, audio=base64.b64encode(pcm).decode())
        self.event("response.audio.done")
        if done:
            self.event("response.done")

    def call_agent(self, role: str, request_id: str = "req-1", **kwargs: Any) -> None:
        """Ask an agent that runs in the client."""
        self.send({"role": role, "status": "wait", "request_id": request_id, "kwargs": kwargs})

    # -- what the client says --------------------------------------------------------------------

    def receive(self) -> dict[str, Any]:
        """Return the client's next message.

        Raises:
            LineClosed: the client has closed the link instead.
        """
        while True:
            try:
                opcode, payload = self._peer.frame()
            except (EOFError, OSError):
                self._over = True
                raise LineClosed(1006) from None
            if opcode == TEXT:
                message: dict[str, Any] = json.loads(payload)
                self.received.append(message)
                return message
            if opcode == CLOSE:
                with self._lock:
                    self._peer.send(CLOSE, payload)
                self._over = True
                raise LineClosed(int.from_bytes(payload[:2], "big"))
            if opcode == PING:
                with self._lock:
                    self._peer.send(PONG, payload)

    def expect(self, type: str) -> dict[str, Any]:
        """Return the client's next message of this type, and pass over the others."""
        while (message := self.receive()).get("type") != type:
            pass
        return message

    def expect_answer(self) -> dict[str, Any]:
        """Return the next answer of an agent in the client."""
        while (message := self.receive()).get("request_type") != "executor":
            pass
        return message

    def ping(self) -> None:
        """Send a PING and wait for the client's PONG."""
        self.event("PING")
        self.expect("PONG")

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int, reason: str = "") -> None:
        """Close the link, and wait until the client has answered."""
        with self._lock:
            self._peer.send(CLOSE, close_payload(code, reason))
        self._over = True
        self._peer.expect_end()

    def cut(self) -> None:
        """End the link without a close frame."""
        self._over = True
        self._peer.sock.close()

    def wait_closed(self) -> None:
        """Take what the client still says, until it has closed the link."""
        with suppress(LineClosed):
            while not self._over:
                self.receive()


Talk = Callable[[DistillerLine], None]


def just_begin(line: DistillerLine) -> None:
    """Begin a session and say nothing more."""
    line.begin()


class DistillerPeer:
    """Serves one project; each WebSocket goes by one of ``talks``, the last one by the rest.

    A talk that returns is followed by waiting until the client closes.

    Args:
        talks: what happens on each link.
        config: the project's configuration.
        tls: of the server, for https and wss.

    Attributes:
        lines: the links, in order.
        posted: the REST calls, in order.
        replies: a path such as ``"/distiller/create"``, or that of a WebSocket, to the answer that
            it has instead of the usual one.
        base_url: for a client.
        port: where it listens.
    """

    def __init__(
        self,
        *talks: Talk,
        config: Mapping[str, Any] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.lines: list[DistillerLine] = []
        self.posted: list[Asked] = []
        self.replies: dict[str, Reply] = {}
        self.config = dict(config or {})
        self.opened: queue.SimpleQueue[DistillerLine] = queue.SimpleQueue()
        self._talks = list(talks) or [just_begin]
        self._versions = 0
        self._lock = threading.Lock()  # guards all of the above but replies
        self._server = RawServer(self._serve, tls)
        self.port = self._server.port
        self.base_url = f"{'http' if tls is None else 'https'}://localhost:{self.port}"

    def place(self, **changes: Any) -> SessionPlace:
        """Return where a session is opened here."""
        values: dict[str, Any] = {
            "headers": lambda: {
                "Authorization": "Bearer key",
                "sdk_version": "1.33.2",
                "airefinery_account": ACCOUNT,
            },
            "account": ACCOUNT,
            "project": "proj_1",
            "uuid": "ann",
            "agents": self.config,
            **changes,
        }
        version = values.get("project_version")
        project = values["project"] if version is None else f"{values['project']}:{version}"
        where = f"/distiller/realtime/{values['account']}/{project}/{values['uuid']}"
        return SessionPlace(url=f"ws://localhost:{self.port}{where}", **values)

    def __enter__(self) -> DistillerPeer:
        self._server.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        self._server.__exit__(*exc)

    def _serve(self, peer: RawPeer) -> None:
        try:
            head = peer.read_head()
        except EOFError:
            return
        method, target, headers = read_request_head(head)
        if method == "GET" and target not in self.replies:
            self._serve_link(peer, DistillerLine(peer, target, headers))
            return
        asked = Asked(method, target, headers, peer.take(int(headers.get("content-length") or 0)))
        with self._lock:
            self.posted.append(asked)
        answer = self.replies.get(target)
        (answer or self._usual_reply(asked))(peer)

    def _serve_link(self, peer: RawPeer, line: DistillerLine) -> None:
        with self._lock:
            self.lines.append(line)
            talk = self._talks.pop(0) if len(self._talks) > 1 else self._talks[0]
        peer.accept_after_head()
        self.opened.put(line)
        with suppress(LineClosed):
            talk(line)
            line.wait_closed()

    def _usual_reply(self, asked: Asked) -> Reply:
        match asked.target:
            case "/authentication/validate":
                return reply(200, {"organization_id": ACCOUNT})
            case "/distiller/create":
                with self._lock:
                    self.config = asked.json()["config"]
                    version, self._versions = self._versions, self._versions + 1
                return reply(201, {"project_version": str(version)})
            case "/distiller/config/validate":
                return reply(200, {"message": "valid"})
            case "/distiller/download":
                return reply(200, {"config": json.dumps(json.dumps(self.config))})
        return reply(404, {"detail": "no such route"})
