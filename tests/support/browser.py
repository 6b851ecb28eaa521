"""Chromium without a window, and the web server whose pages it shows."""

from __future__ import annotations

import json
import os
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from guards import GUARD_S, Guard

__all__ = ["CHROMIUM", "PageServer", "browsing", "serving_pages"]

CHROMIUM = shutil.which("chromium")

_FLAGS = [
    "--headless",
    "--no-sandbox",  # the pages are ours, and containers often have no namespaces for one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


class PageServer:
    """Pages on loopback, and what they tell.

    A page tells something by ``POST /told/NAME`` with JSON.

    Attributes:
        port: where it listens.
        pages: the HTML of each path; may be filled while it runs.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.port = server.server_address[1]
        self.pages: dict[str, str] = {}
        self._told: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def told(self, guard: Guard, names: set[str]) -> dict[str, Any]:
        """Wait until all of ``names`` have told something, and return that."""
        found: dict[str, Any] = {}
        while names - set(found):
            name, what = guard.get(self._told, f"word of the pages {sorted(names - set(found))}")
            found[name] = what
        return found

    def tell(self, name: str, what: Any) -> None:
        """Note what a page tells."""
        self._told.put((name, what))


@contextmanager
def serving_pages() -> Iterator[PageServer]:
    """Run the server of the pages."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            html = pages.pages.get(self.path)
            self._answer(404 if html is None else 200, html or "")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(200, "")
            pages.tell(self.path.removeprefix("/told/"), json.loads(body))

        def _answer(self, status: int, html: str) -> None:
            body = html.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        pages = PageServer(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="pages")
        thread.start()
        try:
            yield pages
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def browsing(url: str, folder: Path, hosts: Mapping[str, str]) -> Iterator[None]:
    """Show a page.

    Args:
        url: of the page.
        folder: for the browser's profile and what it writes.
        hosts: the names that lead somewhere, and the addresses; no other name does.
    """
    assert CHROMIUM is not None
    known = [f"MAP {name} {address}" for name, address in hosts.items()]
    rules = ", ".join([*known, "MAP * ~NOTFOUND", "EXCLUDE *localhost", "EXCLUDE 127.0.0.1"])
    command = [CHROMIUM, *_FLAGS, f"--user-data-dir={folder}", f"--host-resolver-rules={rules}"]
    with (folder / "chromium.log").open("wb") as log:
        # A session of its own: the browser is many processes.
        process = subprocess.Popen([*command, url], stdout=log, stderr=log, start_new_session=True)
        try:
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(GUARD_S)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
