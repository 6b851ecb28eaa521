"""A page of samples/flask_voice without a browser: its HTTP, and its side of the wire."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import websocket
from guards import GUARD_S
from werkzeug.security import generate_password_hash
from wsgi_servers import WebServer, web_server

__all__ = ["Page", "Visitor", "voice_server"]

USERS = ("ada", "ben", "cleo")
PASSWORD = "of-the-tests"
_CSRF = re.compile(r'name="csrf-?_?token"\s+(?:value|content)="([^"]+)"')


@contextmanager
def voice_server(
    kind: str,
    folder: Path,
    environment: dict[str, str],
    *options: str,
    app: str = "samples.flask_voice.app:app",
) -> Iterator[WebServer]:
    """Run the sample under a server, with the users `USERS`.

    Args:
        kind: see `wsgi_servers.web_server`.
        folder: for its files.
        environment: where its model is, and its settings.
        options: of gunicorn.
        app: the application, as MODULE:NAME.
    """
    users = folder / "users"
    hashed = generate_password_hash(PASSWORD, "pbkdf2:sha256:1000")  # quickly, for once
    users.write_text("".join(f"{name}:{hashed}\n" for name in USERS))
    with web_server(
        kind,
        folder,
        *options,
        environment={"FLASK_VOICE_USERS": str(users), **environment},
        app=app,
    ) as server:
        yield server


class Visitor:
    """A browser of somebody's: its cookies, and what it asks for by HTTP.

    Args:
        server: of the page.
        user: whom it logs in; None does not.
    """

    def __init__(self, server: WebServer, user: str | None = "ada") -> None:
        self.url = f"http://localhost:{server.port}"
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Connection"] = "close"  # nothing of it is left when the test is over
        self.csrf = ""
        if user is not None:
            assert self.log_in(user).status_code == 200

    def get(self, path: str) -> requests.Response:
        """Load a page, and take the token in it."""
        answer = self.http.get(f"{self.url}/{path}", timeout=GUARD_S)
        if found := _CSRF.search(answer.text):
            self.csrf = found[1]
        return answer

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.http.post(f"{self.url}/{path}", timeout=GUARD_S, **options)

    def log_in(self, user: str, password: str = PASSWORD) -> requests.Response:
        """Fill the form in, and send it."""
        self.get("login")
        form = {"username": user, "password": password, "csrf_token": self.csrf}
        answer = self.post("login", data=form)
        if found := _CSRF.search(answer.text):
            self.csrf = found[1]
        return answer

    def log_out(self) -> requests.Response:
        return self.post("logout", data={"csrf_token": self.csrf})

    def ask(self, talk: object = None, csrf: str | None = None) -> requests.Response:
        """Ask for a ticket."""
        headers = {"X-CSRF-Token": self.csrf if csrf is None else csrf}
        return self.post("talks", json={"talk": talk}, headers=headers)

    def socket(self, ticket: str, origin: str | None = None, **options: Any) -> websocket.WebSocket:
        """Open the socket of a ticket."""
        cookies = "; ".join(f"{each.name}={each.value}" for each in self.http.cookies)
        return websocket.create_connection(
            f"{self.url.replace('http', 'ws')}/talk?ticket={ticket}",
            timeout=GUARD_S,
            cookie=cookies,
            origin=origin or self.url,
            http_no_proxy=["localhost"],
            **options,
        )

    def open(self, talk: str | None = None, **hello: Any) -> Page:
        """Ask for a talk, or one that goes on, and join it."""
        answer = self.ask(talk)
        assert answer.status_code == 201, answer.text
        return Page(self.socket(answer.json()["ticket"]), hello)


class Page:
    """The page's side of the wire. It notes all that comes, and answers `clear` by `on_clear`.

    Attributes:
        seen: messages in their order.
        sound: of each part, from the first sample that came on.
        first: the number of that sample.
        on_clear: returns the last reports, as arguments of `played`, before a clear is answered;
            None for a page that does not answer.
    """

    def __init__(self, socket: websocket.WebSocket, hello: dict[str, Any]) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []
        self.sound: dict[tuple[str, int], bytearray] = {}
        self.first: dict[tuple[str, int], int] = {}
        self.on_clear: Callable[[], list[tuple[str, int, int]]] | None = list
        self._part: tuple[str, int] | None = None
        self.tell("hello", **{"rate": 24_000, **hello})
        self.ready = self.until("ready")

    def tell(self, kind: str, **fields: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def say(self, pcm: bytes, size: int = 960) -> None:
        """Speak, in chunks of so many bytes."""
        for at in range(0, len(pcm), size):
            self.socket.send_binary(pcm[at : at + size])

    def played(self, item_id: str, content_index: int, samples: int) -> None:
        self.tell("played", item_id=item_id, content_index=content_index, samples=samples)

    def next(self) -> dict[str, Any] | None:
        """Take one message; return it, None for sound."""
        data = self.socket.recv()
        if isinstance(data, bytes) and data:
            assert self._part is not None
            self.sound.setdefault(self._part, bytearray()).extend(data)
            return None
        message: dict[str, Any] = json.loads(data)
        self.seen.append(message)
        if message["type"] == "audio":
            self._part = (message["item_id"], message["content_index"])
            self.first.setdefault(self._part, message["from"])
        if message["type"] == "clear" and self.on_clear is not None:
            for report in self.on_clear():
                self.played(*report)
            self.tell("cleared", n=message["n"])
        return message

    def until(self, kind: str, **fields: Any) -> dict[str, Any]:
        """Take messages until one of a type with these fields comes, and return it."""
        while True:
            message = self.next()
            if message and message["type"] == kind and fields.items() <= message.items():
                return message

    def until_heard(self, samples: int) -> tuple[str, int]:
        """Take messages until a part has so many samples; return the part."""
        while True:
            for part, pcm in self.sound.items():
                if len(pcm) >= 2 * samples:
                    return part
            self.next()

    def closed(self) -> tuple[int, str]:
        """Take messages until the close; return its code and its reason."""
        while True:
            opcode, data = self.socket.recv_data(control_frame=True)
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                self.socket.shutdown()  # the answer to the close has gone already
                return int.from_bytes(data[:2], "big"), data[2:].decode()
            if opcode == websocket.ABNF.OPCODE_TEXT:
                self.seen.append(json.loads(data))

    def drop(self) -> None:
        """Break the link without a word, as a lost network does."""
        self.socket.sock.close()

    def leave(self) -> None:
        """End the talk, and wait for the close."""
        self.tell("bye")
        assert self.closed() == (1000, "The talk is over.")

    def texts(self) -> list[tuple[str, str]]:
        """Who has said what, as it is shown in the end."""
        shown: dict[str, tuple[str, str]] = {}
        for message in self.seen:
            match message["type"]:
                case "item":
                    shown[message["item_id"]] = (message["role"], message["text"])
                case "words" if message["item_id"] in shown:
                    role, text = shown[message["item_id"]]
                    shown[message["item_id"]] = (role, text + message["delta"])
                case "gone":
                    shown.pop(message["item_id"], None)
        return list(shown.values())
