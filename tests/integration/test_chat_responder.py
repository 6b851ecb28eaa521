"""The chat responder against a real HTTP server that streams, refuses and breaks off."""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from attrs import evolve
from hidden import assert_hidden, assert_hidden_in_error

from realtime_sync import Local
from realtime_sync._threads import spawn
from realtime_sync.errors import (
    ApiError,
    AuthenticationError,
    ConnectError,
    RateLimitError,
    RealtimeError,
    RealtimeTimeout,
    RemoteProtocolError,
    ServerError,
    TransportError,
)
from realtime_sync.local.engines import Finish, ResponderEvent, ResponderPrompt, TextDelta, ToolCall
from realtime_sync.local.responders import make_responder
from realtime_sync.local.responders._chat import ChatResponder

KEY = "a-very-secret-key"


class Endpoint(ThreadingHTTPServer):
    """Answers each request with ``status`` and ``parts``; a part is sent as one chunk.

    Attributes:
        requests: the bodies received.
        headers: the headers of the last request.
        broken: end the connection in the middle of the body.
        stalled: send nothing after the parts, until `released` is set.
        chunked: with the chunked transfer encoding, else until the connection closes.
    """

    daemon_threads = True
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.parts: list[bytes] = []
        self.requests: list[Any] = []
        self.headers: Any = None
        self.broken = self.stalled = False
        self.chunked = True
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def do_POST(self) -> None:
        self.close_connection = True
        endpoint = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        endpoint.requests.append(json.loads(body))
        endpoint.headers = self.headers
        self.send_response(endpoint.status if self.path == "/v1/chat/completions" else 404)
        self.send_header("Location", f"{endpoint.url}/chat/completions")
        if endpoint.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in endpoint.parts:
            framed = b"%x\r\n%s\r\n" % (len(part), part) if endpoint.chunked else part
            self.wfile.write(framed)
            self.wfile.flush()
        if endpoint.stalled:
            endpoint.released.wait(30)
        if endpoint.chunked and not endpoint.broken:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        thread = spawn(lambda: server.serve_forever(poll_interval=0.01), name="chat-endpoint")
        yield server
        server.released.set()
        server.shutdown()
        thread.join()


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(finish: str | None = None, **fields: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]})


DONE = b"data: [DONE]\n\n"


def user(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    return {"type": "message", "role": "user", "content": content}


PROMPT = ResponderPrompt("Be brief.", [user("hi")])


def answer(endpoint: Endpoint, prompt: ResponderPrompt = PROMPT) -> list[ResponderEvent]:
    return list(ChatResponder(endpoint.url, model="m", api_key=KEY).respond(prompt))


@pytest.mark.parametrize("chunked", [True, False])
def test_text_comes_in_as_it_is_written(endpoint: Endpoint, chunked: bool) -> None:
    endpoint.chunked, endpoint.stalled = chunked, True
    endpoint.parts = [b": welcome\n\n", delta(role="assistant", content=""), delta(content="Hel")]
    stream = ChatResponder(endpoint.url).respond(PROMPT)
    assert next(stream) == TextDelta("Hel")  # while the endpoint still writes
    endpoint.released.set()
    with pytest.raises(TransportError, match="ended before it was finished"):
        next(stream)


def test_a_whole_answer(endpoint: Endpoint) -> None:
    text = delta(content="Hel") + delta(content="lo é")
    endpoint.parts = [
        text[:30],
        text[30:],
        delta("stop"),
        event({"choices": [], "usage": {}}),
        DONE,
    ]
    assert answer(endpoint) == [TextDelta("Hel"), TextDelta("lo é")]
    (request,) = endpoint.requests
    assert request == {
        "model": "m",
        "stream": True,
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hi"},
        ],
    }
    assert endpoint.headers["Authorization"] == f"Bearer {KEY}"


def test_model_and_key_from_url_and_environment(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REALTIME_SYNC_CHAT_API_KEY", "from-the-environment")
    endpoint.parts = [delta("stop", content="ok"), DONE]
    responder = make_responder(f"chat:{endpoint.url}/chat/completions?model=tiny")
    assert list(responder.respond(PROMPT)) == [TextDelta("ok")]
    assert endpoint.requests[0]["model"] == "tiny"
    assert endpoint.headers["Authorization"] == "Bearer from-the-environment"


def test_tool_calls_are_put_together(endpoint: Endpoint) -> None:
    def part(index: int, name: str | None, arguments: str) -> dict[str, Any]:
        return {"index": index, "function": {"name": name, "arguments": arguments}}

    endpoint.parts = [
        delta(content="Let me see. "),
        delta(tool_calls=[{**part(0, "get_weather", ""), "id": "a"}]),
        delta(tool_calls=[part(0, None, '{"city": ')]),
        delta(tool_calls=[part(0, None, '"Rome"}'), part(1, "get_time", "")]),
        delta("tool_calls"),
        DONE,
    ]
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}}
    prompt = ResponderPrompt(
        "", [user("hi")], [tool], {"type": "function", "name": "get_weather"}, 50
    )
    assert answer(endpoint, prompt) == [
        TextDelta("Let me see. "),
        ToolCall("get_weather", '{"city": "Rome"}'),
        ToolCall("get_time", "{}"),
    ]
    request = endpoint.requests[0]
    function = {"name": "get_weather", "parameters": {"type": "object"}}
    assert request["tools"] == [{"type": "function", "function": function}]
    assert request["tool_choice"] == {"type": "function", "function": {"name": "get_weather"}}
    assert request["max_tokens"] == 50
    assert "parallel_tool_calls" not in request, "which not all endpoints know"
    answer(endpoint, evolve(prompt, parallel_tool_calls=False))
    assert endpoint.requests[1]["parallel_tool_calls"] is False


def test_calls_without_an_index(endpoint: Endpoint) -> None:
    calls = [{"function": {"name": name, "arguments": "{}"}} for name in ("a", "b")]
    endpoint.parts = [delta("tool_calls", tool_calls=calls), DONE]
    assert answer(endpoint) == [ToolCall("a", "{}"), ToolCall("b", "{}")]


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("length", "max_output_tokens"), ("content_filter", "content_filter")],
)
def test_why_the_answer_ended(endpoint: Endpoint, finish: str, reason: str) -> None:
    cut = [{"index": 0, "function": {"name": "a", "arguments": '{"x'}}]
    endpoint.parts = [delta(content="Hel"), delta(tool_calls=cut), delta(finish), DONE]
    assert answer(endpoint) == [TextDelta("Hel"), Finish(reason)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        (401, b'{"error": {"message": "bad key"}}', AuthenticationError, "bad key"),
        (429, b'{"error": "slow down"}', RateLimitError, "slow down"),
        (500, b"<html>", ApiError, "/v1/chat/completions: the server refused the request"),
        (307, b"", ApiError, "the server redirects to http://127.0.0.1;"),
    ],
)
def test_a_refusal(
    endpoint: Endpoint, status: int, body: bytes, kind: type[ApiError], message: str
) -> None:
    endpoint.status, endpoint.parts = status, [body]
    with pytest.raises(kind, match=message) as caught:
        answer(endpoint)
    assert caught.value.status == status
    assert len(endpoint.requests) == 1
    assert_hidden_in_error(caught.value, [KEY])


@pytest.mark.parametrize(
    ("parts", "kind", "message"),
    [
        ([delta(content="a"), b"data: {oops\n\n"], RemoteProtocolError, "which is not JSON"),
        ([delta(content="a"), b"data: [1]\n\n"], RemoteProtocolError, "not an object"),
        ([delta(content="a"), event({"error": {"message": "gone"}})], ServerError, "gone"),
        ([delta(content="a"), event({"error": "gone"})], ServerError, "gone"),
        ([delta(content="a")], TransportError, "ended before it was finished"),
    ],
)
def test_an_answer_that_goes_wrong(
    endpoint: Endpoint, parts: list[bytes], kind: type[RealtimeError], message: str
) -> None:
    endpoint.parts = parts
    stream = ChatResponder(endpoint.url).respond(PROMPT)
    assert next(stream) == TextDelta("a")
    with pytest.raises(kind, match=message):
        next(stream)


def test_a_connection_that_breaks(endpoint: Endpoint) -> None:
    endpoint.parts, endpoint.broken = [delta(content="a")], True
    stream = ChatResponder(endpoint.url).respond(PROMPT)
    assert next(stream) == TextDelta("a")
    with pytest.raises(TransportError, match="broke off"):
        next(stream)


def test_an_endpoint_that_falls_silent(endpoint: Endpoint) -> None:
    endpoint.parts, endpoint.stalled = [delta(content="a")], True
    stream = ChatResponder(endpoint.url, timeout=1.0).respond(PROMPT)
    assert next(stream) == TextDelta("a")
    with pytest.raises(RealtimeTimeout, match="stopped in mid-answer"):
        next(stream)


def test_an_answer_that_is_no_longer_wanted(endpoint: Endpoint) -> None:
    endpoint.parts, endpoint.stalled = [delta(content="a")], True
    stream = ChatResponder(endpoint.url).respond(PROMPT)
    assert next(stream) == TextDelta("a")
    stream.close()  # type: ignore[attr-defined]  # a generator: the connection goes with it


def test_nobody_listens(endpoint: Endpoint) -> None:
    url = endpoint.url
    endpoint.server_close()
    with pytest.raises(ConnectError, match="can't be reached; is it running"):
        list(ChatResponder(url).respond(PROMPT))


def test_a_password_in_the_url_is_not_shown(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    password = "pw-0123456789/+"
    token = base64.b64encode(f"me:{password}".encode()).decode()
    secrets = [password, quote(password, safe=""), token]
    url = endpoint.url.replace("://", f"://me:{quote(password, safe='')}@")

    def fails(url: str = url) -> None:
        with pytest.raises(RealtimeError) as caught:
            list(ChatResponder(url).respond(PROMPT))
        assert_hidden_in_error(caught.value, secrets)

    words = f"you are {password} and {token}"
    endpoint.parts = [json.dumps({"error": {"message": words}}).encode()]
    endpoint.status = 401
    fails()
    assert endpoint.headers["Authorization"] == f"Basic {token}"
    endpoint.status = 200
    for parts in ([event({"error": words})], [event({"error": {"message": words}})]):
        endpoint.parts = parts
        fails()
    for place in ("127.0.0.1:9", "nowhere.invalid"):
        fails(url.replace(url.rpartition("@")[2].partition("/")[0], place))
    assert_hidden(caplog.text, secrets)


def test_netrc_has_no_say(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password netrc-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    endpoint.parts = [delta("stop"), DONE]
    answer(endpoint)
    assert endpoint.headers["Authorization"] == f"Bearer {KEY}"


def test_nobody_can_read_the_password_on_a_command_line(endpoint: Endpoint) -> None:
    """Neither that of the server nor those of its workers; the client's error is clean, too."""
    endpoint.status, endpoint.parts = 401, [b'{"error": "who is pw-0123456789?"}']
    url = endpoint.url.replace("://", "://me:pw-0123456789@")
    with (
        Local(responder=f"chat:{url}") as client,
        client.realtime.connect() as connection,
    ):
        server = psutil.Process(client._server().pid)
        family = [server, *server.children(recursive=True)]
        lines = [" ".join(process.cmdline()) for process in family]
        assert len(lines) > 1, "there are workers"
        assert_hidden(f"{lines} {server.environ()} {client!r}", ["pw-0123456789"])
        with pytest.raises(RealtimeError) as caught:
            connection.ask("hello", response={"output_modalities": ["text"]})
        assert_hidden_in_error(caught.value, ["pw-0123456789"])
    assert endpoint.headers["Authorization"].startswith("Basic ")
