"""Which pages and which names the embedded server answers, over every route: Host, Origin, CORS."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from embedded import Server, run_server
from raw_requests import Answer, Lines, ask, upgrade

pytestmark = pytest.mark.timeout(60)

SOCKETS = [
    "/v1/realtime?model=gpt-realtime",
    "/v1/realtime?call_id=rtc_1",
    "/v1/realtime/translations?model=gpt-realtime",
    "/distiller/realtime/local/desk/me",
    "/nowhere",
]
POSTS = [
    "/v1/realtime/client_secrets",
    "/v1/realtime/translations/client_secrets",
    "/v1/realtime/calls",
    "/v1/realtime/calls/rtc_1/accept",
    "/v1/realtime/calls/rtc_1/reject",
    "/v1/realtime/calls/rtc_1/refer",
    "/v1/realtime/calls/rtc_1/hangup",
    "/test/incoming_calls",
    "/test/incoming_calls/rtc_1/audio",
    "/authentication/validate",
    "/distiller/create",
    "/distiller/config/validate",
    "/distiller/download",
    "/nowhere",
]
GETS = ["/v1/models", "/v1/realtime", "/test/incoming_calls/rtc_1", "/nowhere"]
EVIL = "http://evil.example"
PAGE = "http://localhost:3000"
LOOPBACK = "127.0.0.1"


@pytest.fixture(scope="module")
def open_server() -> Iterator[Server]:
    """A server without a key."""
    with run_server(key="") as server:
        yield server


def lines(host: str | None, *origins: str) -> Lines:
    named = [] if host is None else [("Host", host)]
    return [*named, *(("Origin", origin) for origin in origins)]


def key_of(server: Server) -> Lines:
    return [("Authorization", f"Bearer {server.key}")] if server.key else []


def answers(server: Server, headers: Lines) -> Iterator[tuple[str, Answer]]:
    """What every route says to such headers."""
    for target in SOCKETS:
        yield f"WebSocket {target}", upgrade(server, target, headers)
    for method, targets in (("POST", POSTS), ("GET", GETS), ("OPTIONS", POSTS)):
        for target in targets:
            yield f"{method} {target}", ask(server, method, target, headers)


# -- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["the key", "no key"])
@pytest.mark.parametrize(
    ("host", "origins", "code", "option"),
    [
        ("evil.example:8765", [], "host_not_allowed", "--allow-host evil.example;"),
        ("evil.example:8765", ["http://evil.example:8765"], "host_not_allowed", "--allow-host"),
        (LOOPBACK, [EVIL], "origin_not_allowed", f"--allow-origin {EVIL}."),
        (LOOPBACK, ["null"], "origin_not_allowed", "--allow-origin"),
        (LOOPBACK, ["http://localhost/"], "origin_not_allowed", "--allow-origin"),
    ],
)
def test_no_route_answers_foreigners(
    ws_server: Server, host: str, origins: list[str], code: str, option: str, shown: str
) -> None:
    key = key_of(ws_server) if shown == "the key" else []
    for route, answer in answers(ws_server, [*lines(host, *origins), *key]):
        assert answer.status == 403, route
        assert answer.headers["Content-Type"] == "application/json", route
        assert answer.error()["code"] == code, route
        assert option in answer.error()["message"], route
        assert answer.headers["Access-Control-Allow-Origin"] is None, route
        assert (answer.headers["Vary"] == "Origin") is (code == "origin_not_allowed"), route


def test_without_a_key_too(open_server: Server) -> None:
    for route, answer in answers(open_server, lines(LOOPBACK, EVIL)):
        assert answer.status == 403, route
    for route, answer in answers(open_server, lines("evil.example")):
        assert answer.status == 403, route
    target = "/v1/realtime/client_secrets"
    assert ask(open_server, "POST", target, lines(LOOPBACK, PAGE)).status == 200
    assert upgrade(open_server, SOCKETS[0], lines(LOOPBACK, PAGE)).status == 101


def test_behind_tls(wss_server: Server) -> None:
    key = key_of(wss_server)
    assert upgrade(wss_server, SOCKETS[0], [*lines(LOOPBACK, EVIL), *key]).status == 403
    assert upgrade(wss_server, SOCKETS[0], [*lines("evil.example"), *key]).status == 403
    assert upgrade(wss_server, SOCKETS[0], [*lines(LOOPBACK, PAGE), *key]).status == 101
    same = lines("192.168.1.5:8765", "https://192.168.1.5:8765")
    assert upgrade(wss_server, SOCKETS[0], [*same, *key]).status == 101


# What the libraries beneath refuse before the gate, and what only the gate sees.
@pytest.mark.parametrize("target", ["/v1/models", SOCKETS[0]])
def test_odd_heads(ws_server: Server, target: str) -> None:
    def status(*headers: tuple[str, str], to: str = target, version: str = "HTTP/1.1") -> int:
        every = [*headers, *key_of(ws_server)]
        if "realtime" in target and version == "HTTP/1.1":
            return upgrade(ws_server, to, every).status
        return ask(ws_server, "GET", to, every, version=version).status

    host = ("Host", LOOPBACK)
    assert status(host, ("X-Forwarded-Host", "evil.example")) in (101, 200), "it is ignored"
    assert status(("Host", "evil.example"), ("X-Forwarded-Host", "localhost")) == 403
    assert status(("Host", "evil.example"), ("Forwarded", "host=localhost")) == 403
    assert status(host, ("Host", "evil.example")) == 400
    assert status(host, host) == 400
    assert status() == 400, "HTTP/1.1 wants a Host"
    assert status(version="HTTP/1.0") == 403
    assert status(("Host", "")) == 403
    assert status(("Host", "evil.example"), to=f"http://127.0.0.1{target}") == 403
    assert status(host, to=f"http://evil.example{target}") in (403, 404), "this is no proxy"
    assert status(host, ("Origin", PAGE), ("Origin", PAGE)) in (400, 403)


def test_healthz_answers_under_every_name(ws_server: Server) -> None:
    def status(*headers: tuple[str, str], method: str = "GET", version: str = "HTTP/1.1") -> int:
        return ask(ws_server, method, "/healthz", list(headers), version=version).status

    assert status(("Host", "evil.example")) == 200
    assert status(("Host", "???")) == 200
    assert status(version="HTTP/1.0") == 200
    assert status(("Host", "[::1"), method="POST") == 405
    assert status(("Host", "evil.example"), ("Origin", EVIL)) == 403
    assert ask(ws_server, "GET", "/healthz/", lines("evil.example")).status == 403
    assert ask(ws_server, "GET", "//healthz", lines("evil.example")).status == 403


# -- accepted --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (LOOPBACK, None),
        ("[::1]:8765", None),
        ("LOCALHOST:8765", None),
        ("voice.localhost", None),
        ("192.168.1.5:8765", None),
        (LOOPBACK, PAGE),
        (LOOPBACK, "https://app.localhost"),
        (LOOPBACK, "http://[::1]:3000"),
        ("192.168.1.5:8765", "https://192.168.1.5:8765"),
    ],
)
def test_the_usual_ones(ws_server: Server, host: str, origin: str | None) -> None:
    headers = [*lines(host, *([origin] if origin else [])), *key_of(ws_server)]
    assert upgrade(ws_server, SOCKETS[0], headers).status == 101
    models = ask(ws_server, "GET", "/v1/models", headers)
    assert models.status == 200
    assert models.headers["Access-Control-Allow-Origin"] == origin
    assert "Origin" in models.headers["Vary"]


def test_what_the_options_allow() -> None:
    options = ["--allow-host", "*.voice.example", "--allow-host", "desk"]
    options += ["--allow-origin", "chrome-extension://abc", "--allow-origin", "https://*.example:*"]
    with run_server(*options) as server:

        def status(host: str, *origins: str) -> int:
            headers = [*lines(host, *origins), *key_of(server)]
            over_http = ask(server, "GET", "/v1/models", headers).status
            over_websocket = upgrade(server, SOCKETS[0], headers).status
            assert (over_http, over_websocket) in [(200, 101), (403, 403)]
            return over_http

        assert status("desk:8765") == 200
        assert status("a.voice.example") == 200
        assert status("voice.example") == 403
        assert status("desk", "chrome-extension://abc") == 200
        assert status("desk", "chrome-extension://abcd") == 403
        assert status("desk", "https://app.example:8443") == 200
        assert status("desk", "http://app.example") == 403
        assert status("desk", "https://desk") == 200
        assert status("desk", PAGE) == 200
        assert status("localhost") == 200


# -- CORS ------------------------------------------------------------------------------------------


def preflight(server: Server, target: str, *more: tuple[str, str], origin: str = PAGE) -> Answer:
    asked = [("Access-Control-Request-Method", "POST"), *more]
    return ask(server, "OPTIONS", target, [*lines(LOOPBACK, origin), *asked])


@pytest.mark.parametrize("target", POSTS)
def test_a_preflight(ws_server: Server, target: str) -> None:
    wanted = "authorization, content-type, openai-beta, x-stainless-os"
    answer = preflight(ws_server, target, ("Access-Control-Request-Headers", wanted))
    assert answer.status == 200, "it needs no key"
    assert answer.headers["Access-Control-Allow-Origin"] == PAGE
    assert answer.headers["Access-Control-Allow-Headers"] == wanted
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Origin" in answer.headers["Vary"]
    assert answer.headers["Access-Control-Allow-Private-Network"] is None
    assert answer.headers["Access-Control-Allow-Credentials"] is None, "no route reads cookies"


def test_a_preflight_from_a_public_network(ws_server: Server) -> None:
    wanted = ("Access-Control-Request-Private-Network", "true")
    answer = preflight(ws_server, POSTS[0], wanted)
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"
    refused = preflight(ws_server, POSTS[0], wanted, origin=EVIL)
    assert refused.status == 403
    assert not [name for name in refused.headers if name.startswith("Access-Control-")]


@pytest.mark.parametrize("method", ["DELETE", "PUT", "get", "", "\xff"])
def test_a_preflight_for_what_no_route_does(ws_server: Server, method: str) -> None:
    asked = [*lines(LOOPBACK, PAGE), ("Access-Control-Request-Method", method)]
    assert ask(ws_server, "OPTIONS", POSTS[0], asked).status == 400


def test_pages_may_read_every_answer(ws_server: Server) -> None:
    def shown(method: str, target: str, *headers: tuple[str, str], body: bytes = b"") -> Answer:
        answer = ask(ws_server, method, target, [*lines(LOOPBACK, PAGE), *headers], body=body)
        assert answer.headers["Access-Control-Allow-Origin"] == PAGE
        exposed = answer.headers["Access-Control-Expose-Headers"].split(", ")
        assert {"Location", "x-request-id"} <= set(exposed)
        return answer

    key = key_of(ws_server)
    assert shown("GET", "/v1/models").status == 401
    assert shown("GET", "/nowhere").status == 404
    assert shown("PUT", POSTS[0]).status == 405
    assert shown("POST", POSTS[0], *key, body=b"[]").status == 400
    made = shown("POST", POSTS[0], *key)
    secret = ("Authorization", f"Bearer {json.loads(made.body)['value']}")
    offer = b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    call = shown("POST", POSTS[2], secret, ("Content-Type", "application/sdp"), body=offer)
    assert call.status in (201, 400)


# -- the command line ------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["realtime_sync.local", "realtime_sync"])
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--allow-host", "http://voice"], "rror: 'http://voice' is no host to allow; give a name"),
        (["--allow-origin", "null"], "rror: 'null' is no origin to allow; give one such as"),
    ],
)
def test_a_wrong_option_is_a_plain_sentence(module: str, options: list[str], problem: str) -> None:
    command = [sys.executable, "-m", module, *(["serve"] if module == "realtime_sync" else [])]
    result: Any = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert result.returncode in (1, 2)
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1
