"""WSGI servers in processes of their own, with the app of `programs/wsgi_app.py` or another."""

from __future__ import annotations

import json
import os
import resource
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import websocket
from guards import GUARD_S, Guard
from programs import REPOSITORY
from tls import Authority

__all__ = ["KINDS", "WebServer", "descriptors", "web_server"]

PROGRAMS = REPOSITORY / "tests" / "integration" / "programs"
KINDS = ("werkzeug", "gthread", "gevent")
# What a server says when something has gone wrong.
ALARMS = ("Traceback", "ERROR", "CRITICAL", "ResourceWarning", "Exception ignored", "Invalid requ")


class WebServer:
    """A server that runs.

    Attributes:
        process: its process, gunicorn's arbiter.
        port: on 127.0.0.1.
        context: of a client, None without TLS.
        ending: `terminate` was called.
        faults: words of the log that are expected, such as those of a fault of the program.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], port: int, context: ssl.SSLContext | None, log: Path
    ) -> None:
        self.process = process
        self.port = port
        self.context = context
        self.faults: list[str] = []
        self.ending = False
        self._log = log

    def terminate(self) -> None:
        """Send SIGTERM; once, for a second one may strike when its handler has gone."""
        self.ending = True
        self.process.terminate()

    def url(self, path: str) -> str:
        return f"{'wss' if self.context else 'ws'}://localhost:{self.port}/{path}"

    def connect(self, path: str, **options: Any) -> websocket.WebSocket:
        """Open a WebSocket; its socket is single-threaded, over TLS as well."""
        return websocket.create_connection(
            self.url(path),
            timeout=GUARD_S,
            sslopt={"context": self.context} if self.context else None,
            http_no_proxy=["localhost"],
            **options,
        )

    def get(self, path: str) -> str:
        scheme = "https" if self.context else "http"
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self.context)
        )
        with opener.open(f"{scheme}://localhost:{self.port}/{path}", timeout=GUARD_S) as answer:
            text: str = answer.read().decode()
            return text

    def seen(self) -> Any:
        return json.loads(self.get("outcomes"))

    def outcome(self, name: str) -> Any:
        """What the newest function of this name saw; wait for its end."""

        def newest() -> Any:
            seen = self.seen()["outcomes"]
            return next((each for each in reversed(seen) if each["name"] == name), None)

        return Guard().until(newest, f"the end of {name}")

    def raw(self) -> socket.socket:
        """A connection without a protocol."""
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=GUARD_S)
        return self.context.wrap_socket(sock, server_hostname="localhost") if self.context else sock

    def log(self) -> str:
        return self._log.read_text()


@contextmanager
def web_server(
    kind: str,
    folder: Path,
    *options: str,
    tls: bool = False,
    environment: Mapping[str, str] | None = None,
    code: int = 0,
    app: str = "wsgi_app:app",
) -> Iterator[WebServer]:
    """Run a server; it ends with ``code`` at SIGTERM, and its log is to hold no alarm.

    Args:
        kind: one of `KINDS`.
        folder: for its log and its certificate.
        options: of gunicorn.
        tls: whether it speaks TLS.
        environment: of its process, beside that of this one.
        code: what the process is to return.
        app: the application, as MODULE:NAME.
    """
    authority = Authority() if tls else None
    pem = folder / "server.pem"
    if authority is not None:
        authority.write_server(pem)
    log = folder / f"{kind}.log"
    # Other versions of a package are put in front of those that are installed.
    in_front = filter(None, [os.environ.get("PYTHONPATH")])
    # Bound here: requests wait in its queue until the server is up, and no port is guessed.
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener, log.open("wb") as file:
        descriptor = str(listener.fileno())
        if kind == "werkzeug":
            command = [
                "-X",
                "dev",
                str(PROGRAMS / "werkzeug_server.py"),
                descriptor,
                app,
                *([str(pem)] if tls else []),
            ]
        else:
            command = ["-m", "gunicorn", "--worker-class", kind, "--bind", f"fd://{descriptor}"]
            command += ["--timeout", "60", "--graceful-timeout", "10", "--no-control-socket"]
            command += ["--threads", "12", "--pythonpath", str(PROGRAMS), *options]
            command += ["--certfile", str(pem)] if tls else []
            command += [app]
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=REPOSITORY,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join([*in_front, str(REPOSITORY)]),
                "NO_PROXY": "*",
                **(environment or {}),
            },
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=[listener.fileno()],
        )
        server = WebServer(
            process, listener.getsockname()[1], authority.client() if authority else None, log
        )
        try:
            with suppress(urllib.error.HTTPError):  # an app without such a page is up as well
                server.get("page")
            yield server
        finally:
            if not server.ending:
                server.terminate()
            ended = process.wait(GUARD_S)
            print(server.log())
    assert ended == (-15 if kind == "werkzeug" else code)
    said = "\n".join(
        line for line in server.log().splitlines() if not any(f in line for f in server.faults)
    )
    assert [word for word in ALARMS if word in said] == []


@contextmanager
def descriptors(wanted: int) -> Iterator[int]:
    """Raise the limit of descriptors, for the server as well; yields how many there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, allowed), hard))
    try:
        yield max(soft, allowed)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
