"""Which requests become WebSockets, and what is answered to the others."""

from __future__ import annotations

import pickle
import socket as sockets
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.uri import parse_uri

from realtime_sync import ConfigError, ConnectionClosedError
from realtime_sync.wsgi import WebSocket, WebSocketLimit, WebSocketRefused, accept, serve

GOOD: dict[str, Any] = {
    "REQUEST_METHOD": "GET",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SERVER_SOFTWARE": "Werkzeug/3",
    "wsgi.multithread": True,
    "HTTP_CONNECTION": "Upgrade",
    "HTTP_UPGRADE": "websocket",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
}


@pytest.fixture
def pair() -> Iterator[tuple[sockets.socket, sockets.socket]]:
    """The server's socket, in blocking mode, and the client's."""
    ours, theirs = sockets.socketpair()
    theirs.settimeout(30)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def environ(pair: tuple[sockets.socket, sockets.socket]) -> dict[str, Any]:
    """A request that is granted; the client has hung up after it."""
    pair[1].shutdown(sockets.SHUT_WR)
    return {**GOOD, "werkzeug.socket": pair[0]}


def answer(pair: tuple[sockets.socket, sockets.socket]) -> Response:
    """What the client was answered."""
    client = ClientProtocol(parse_uri("ws://test"))
    client.receive_data(pair[1].recv(10_000))
    response = client.events_received()[0]
    assert isinstance(response, Response)
    return response


def refusal(environ: dict[str, Any], **options: Any) -> WebSocketRefused:
    with pytest.raises(WebSocketRefused) as caught:
        accept(environ, **options)
    return caught.value


@pytest.mark.parametrize("key", ["werkzeug.socket", "gunicorn.socket"])
def test_the_socket_of_either_server(
    pair: tuple[sockets.socket, sockets.socket], environ: dict[str, Any], key: str
) -> None:
    del environ["werkzeug.socket"]
    environ[key] = pair[0]
    pair[0].settimeout(7.0)
    with accept(environ) as socket:
        response = answer(pair)
        assert response.status_code == 101
        assert response.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        assert pair[0].gettimeout() == 0.0
        with pytest.raises(ConnectionClosedError):
            socket.recv(timeout=30)
    # The server gets it back as it was, open and shut down.
    assert pair[0].fileno() >= 0
    assert pair[0].gettimeout() == 7.0
    with pytest.raises(BrokenPipeError):
        pair[0].sendall(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        ({"HTTP_UPGRADE": None}, 426, "connect with ws:// or wss://"),
        ({"HTTP_CONNECTION": "keep-alive"}, 426, "this address is for WebSockets"),
        ({"HTTP_SEC_WEBSOCKET_KEY": None}, 400, "Sec-WebSocket-Key"),
        ({"HTTP_SEC_WEBSOCKET_KEY": "short"}, 400, "Sec-WebSocket-Key"),
        ({"HTTP_SEC_WEBSOCKET_VERSION": "8"}, 400, "Sec-WebSocket-Version"),
        ({"REQUEST_METHOD": "POST"}, 400, "begins with GET"),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, 400, "HTTP/1.1"),
        ({"HTTP_ORIGIN": "x\r\nSec-WebSocket-Key: y"}, 400, "the header Origin is too long, or"),
        ({"HTTP_ORIGIN": "x" * 4097}, 400, "the header Origin is too long"),
        ({"HTTP_SEC_WEBSOCKET_PROTOCOL": "a,,;"}, 400, "Sec-WebSocket-Protocol"),
    ],
)
def test_what_is_no_request_for_one(
    pair: tuple[sockets.socket, sockets.socket],
    environ: dict[str, Any],
    change: dict[str, Any],
    status: int,
    words: str,
) -> None:
    for key, value in change.items():
        if value is None:
            del environ[key]
        else:
            environ[key] = value
    refused = refusal(environ)
    assert refused.status == status
    assert words in refused.message
    assert str(refused).endswith(f"(http status {status})")
    # Nothing was written: the server still can answer.
    pair[0].sendall(b"!")
    assert pair[1].recv(10) == b"!"


def test_a_refusal_is_the_answer_itself(environ: dict[str, Any]) -> None:
    del environ["HTTP_UPGRADE"]
    refused = pickle.loads(pickle.dumps(refusal(environ)))
    said: list[Any] = []
    body = b"".join(refused(environ, lambda *args: said.append(args)))
    ((status, headers),) = said
    assert status == "426 Upgrade Required"
    assert ("Upgrade", "websocket") in headers
    assert ("Content-Length", str(len(body))) in headers
    assert body.decode() == refused.message + "\n"


def test_origins(pair: tuple[sockets.socket, sockets.socket], environ: dict[str, Any]) -> None:
    here = "https://example.org"
    assert refusal(environ, origins=[here]).status == 403
    environ["HTTP_ORIGIN"] = "https://example.org.evil.test"
    assert "this page may not connect here" in refusal(environ, origins=(here,)).message
    environ["HTTP_ORIGIN"] = here
    accept(environ, origins={here}).close()
    assert answer(pair).status_code == 101


@pytest.mark.parametrize(
    ("ours", "theirs", "chosen"),
    [
        (("b", "a"), "a, b", "b"),
        (("a",), "x, y", None),
        (("a",), None, None),
        ((), "a", None),
    ],
)
def test_subprotocols(
    pair: tuple[sockets.socket, sockets.socket],
    environ: dict[str, Any],
    ours: tuple[str, ...],
    theirs: str | None,
    chosen: str | None,
) -> None:
    if theirs is not None:
        environ["HTTP_SEC_WEBSOCKET_PROTOCOL"] = theirs
    with accept(environ, subprotocols=ours) as socket:
        assert socket.subprotocol == chosen
    assert answer(pair).headers.get("Sec-WebSocket-Protocol") == chosen


def test_compression_is_declined(
    pair: tuple[sockets.socket, sockets.socket], environ: dict[str, Any]
) -> None:
    environ["HTTP_SEC_WEBSOCKET_EXTENSIONS"] = "permessage-deflate"
    accept(environ).close()
    assert "Sec-WebSocket-Extensions" not in answer(pair).headers


@pytest.mark.parametrize("software", ["waitress", None])
def test_a_server_without_a_socket(environ: dict[str, Any], software: str | None) -> None:
    del environ["werkzeug.socket"]
    environ["SERVER_SOFTWARE"] = software
    environ["uwsgi.version"] = b"2"
    name = software or "uWSGI"
    with pytest.raises(ConfigError, match=f"the server '{name}' gives .*gunicorn with --worker"):
        accept(environ)


def test_a_server_with_one_thread(environ: dict[str, Any]) -> None:
    environ["wsgi.multithread"] = False
    with pytest.raises(ConfigError, match="'Werkzeug/3' runs with one thread"):
        accept(environ)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"limit": 20}, "limit= must be a WebSocketLimit, not 20"),
        ({"origins": "https://example.org"}, "origins= must be a list of texts"),
        ({"max_size": 0}, "max_size is 0"),
        ({"send_timeout": -1}, "send_timeout is -1"),
        ({"subprotocols": "a"}, "subprotocols is one string"),
    ],
)
def test_wrong_options(environ: dict[str, Any], options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        accept(environ, **options)


def test_no_descriptor_is_left(
    pair: tuple[sockets.socket, sockets.socket],
    environ: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none_left() -> None:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(sockets, "socketpair", none_left)
    limit = WebSocketLimit(1)
    assert "no descriptor left" in refusal(environ, limit=limit).message
    assert limit.open == 0
    assert pair[0].gettimeout() is None


# -- serve -----------------------------------------------------------------------------------------


def test_serving(pair: tuple[sockets.socket, sockets.socket]) -> None:
    environ = {**GOOD, "gunicorn.socket": pair[0]}
    pair[1].sendall(Frame(Opcode.TEXT, b"hello").serialize(mask=True))
    pair[1].shutdown(sockets.SHUT_WR)
    heard: list[Any] = []

    def handler(socket: WebSocket) -> None:
        heard.append(socket.recv(timeout=30))
        heard.append(socket.recv(timeout=30))  # raises: the end of the link, which is swallowed

    limit = WebSocketLimit(1)
    response = serve(environ, handler, limit=limit)
    assert heard == ["hello"]
    assert limit.open == 0
    said: list[Any] = []
    assert list(response(environ, lambda *args: said.append(args))) == []
    assert said == [("101 Switching Protocols", [])]


def test_serving_what_is_refused(environ: dict[str, Any]) -> None:
    del environ["HTTP_UPGRADE"]
    response = serve(environ, lambda socket: pytest.fail("called"))
    assert isinstance(response, WebSocketRefused)


@pytest.mark.parametrize("error", [ValueError("mine"), ConnectionClosedError(1011, "another")])
def test_other_errors_of_a_handler(environ: dict[str, Any], error: Exception) -> None:
    def handler(socket: WebSocket) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        serve(environ, handler)
    assert caught.value is error


def test_an_async_handler(environ: dict[str, Any]) -> None:
    async def handler(socket: WebSocket) -> None: ...

    with pytest.raises(ConfigError, match="write def instead of async def"):
        serve(environ, handler)
