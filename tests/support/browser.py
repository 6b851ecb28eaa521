"""A web server whose pages a browser shows, and what they tell."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from guards import Guard

__all__ = ["PageServer", "serving_pages"]


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
