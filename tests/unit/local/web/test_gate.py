"""No route of the embedded server is beside the gate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, cast
from unittest.mock import Mock

import pytest
from starlette.routing import Route, WebSocketRoute

from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.web.asgi import create_app

# No request but that for its health comes as far as the engines.
APP = create_app(ServerSettings(), Mock(workers=dict))
PATHS = [(type(route), cast("Any", route).path) for route in APP.routes]


def first_answer(
    kind: str, path: str, method: str, headers: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """Return what the application sends first, and its body as ``"body"``."""
    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(APP(scope, receive, send))
    return {**sent[0], "body": sent[-1].get("body")}


@pytest.mark.parametrize(("kind", "path"), PATHS)
@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"host": "evil.example"}, "host_not_allowed"),
        ({"host": "evil.example", "origin": "http://evil.example"}, "host_not_allowed"),
        ({"host": "localhost", "origin": "http://evil.example"}, "origin_not_allowed"),
        ({"host": "localhost", "origin": "null"}, "origin_not_allowed"),
    ],
)
def test_foreigners(kind: type, path: str, headers: dict[str, str], code: str) -> None:
    if path == "/healthz":
        if "origin" not in headers:
            return
        code = "origin_not_allowed"
    assert kind in (Route, WebSocketRoute), "another kind of route has to be looked at here"
    of = "websocket" if kind is WebSocketRoute else "http"
    for method in ("GET", "POST", "OPTIONS", "DELETE"):
        answer = first_answer(of, path, method, [*headers.items()])
        assert answer["status"] == 403
        assert json.loads(answer["body"])["error"]["code"] == code


def test_healthz_has_no_name() -> None:
    evil = [("host", "evil.example")]
    assert first_answer("http", "/healthz", "GET", evil)["status"] == 200
    assert first_answer("http", "/healthz", "GET", [])["status"] == 200
    assert first_answer("http", "/healthz/", "GET", evil)["status"] == 403


def test_of_several_origins_none_counts() -> None:
    origins = [("origin", "http://localhost"), ("origin", "http://evil.example")]
    for each in (origins, origins[::-1], 2 * origins[:1]):
        answer = first_answer("http", "/v1/models", "GET", [("host", "localhost"), *each])
        assert answer["status"] == 403


def test_what_caches_and_browsers_are_told() -> None:
    """An answer is for one origin; and pages may ask a machine of the user's own network."""
    host, foreign = ("host", "localhost"), ("origin", "http://evil.example")
    answer = first_answer("http", "/v1/models", "GET", [host, foreign])
    assert (b"vary", b"Origin") in answer["headers"]
    preflight = [
        *(host, ("origin", "http://localhost:3000"), ("access-control-request-method", "POST")),
        ("access-control-request-headers", "authorization, openai-beta"),
        ("access-control-request-private-network", "true"),
    ]
    answer = first_answer("http", "/v1/realtime/client_secrets", "OPTIONS", preflight)
    assert answer["status"] == 200
    assert (b"access-control-allow-private-network", b"true") in answer["headers"]
    assert (b"access-control-allow-origin", b"http://localhost:3000") in answer["headers"]
    assert (b"access-control-allow-headers", b"authorization, openai-beta") in answer["headers"]
    read = [host, ("origin", "http://localhost:3000")]
    answer = first_answer("http", "/healthz", "GET", read)
    exposed = dict(answer["headers"])[b"access-control-expose-headers"]
    assert exposed == b"Location, x-request-id", "what a page has to read of an answer"
