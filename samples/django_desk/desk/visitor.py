"""A visitor without a screen, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import requests
from requests.cookies import RequestsCookieJar

PATIENCE_S = 30


def lines_of(answer: requests.Response) -> Iterator[str]:
    """Yield the lines of an answer as they come; `iter_lines` keeps some back."""
    line = b""
    for byte in answer.iter_content(1):
        line += byte
        if byte == b"\n":
            yield line[:-1].decode()
            line = b""


def events_in(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Yield the events of a stream, of which each is a line with its type and one with its data."""
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line[7:]
        elif line.startswith("data: "):
            yield kind, json.loads(line[6:])


class Visitor:
    """A browser without a screen: it keeps cookies, and sends the token of the page's forms."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy
        self.page()

    @property
    def cookies(self) -> RequestsCookieJar:
        """The cookies of the browser."""
        return self._http.cookies

    def close(self) -> None:
        """Leave."""
        self._http.close()

    def page(self) -> str:
        """Return the page."""
        return self.get("/").text

    def get(self, path: str, **headers: str) -> requests.Response:
        """Get something."""
        return self._http.get(self._url + path, headers=headers, timeout=PATIENCE_S)

    def post(self, path: str, *, script: bool = True, **said: Any) -> requests.Response:
        """Send a form, as the page's script does it or as a browser without scripts."""
        data = {"csrfmiddlewaretoken": self._http.cookies["csrftoken"], **said.pop("data", {})}
        headers = {"Accept": "text/event-stream"} if script else {}
        headers |= said.pop("headers", {})
        return self._http.post(
            self._url + path, data=data, headers=headers, timeout=PATIENCE_S, **said
        )

    def events(self, path: str, **said: Any) -> list[tuple[str, Any]]:
        """Send a form, and return the events that come."""
        return list(events_in(self.post(path, **said).text.splitlines()))
