"""Every client, every place for a secret, every kind of failure: nothing shows a secret.

Looked at are the errors and all that is behind them, pickles, the ``repr`` of what a program holds,
and everything that any library logs.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, unquote_plus

import pytest
import websocket
from hidden import assert_hidden, assert_hidden_in_error
from http_recorder import read_request_head
from proxies import SocksProxy
from raw_server import CLOSE, RawPeer, RawServer, close_payload, server_frame
from tls import Authority

from realtime_sync import AIRefinery, AzureOpenAI, Local, OpenAI, YandexAIStudio
from realtime_sync.distiller import TokenProvider
from realtime_sync.errors import ConfigError, ConnectError, RealtimeError

KEY = "sk-0123456789+/key=="
HEADER = "sk-0123456789-header"
IN_QUERY = "sk/0123456789+query=&\u00e9"  # as it stands in no URL
IN_BASE = "sk-0123456789-base"
SHORT = "s3cr3t!"  # too short to be looked for in words
LOGIN = "sk-0123456789-login"
PROXY = "pw-0123456789@proxy/"
SECRETS = (
    *(KEY, HEADER, IN_QUERY, IN_BASE, LOGIN, PROXY, f"code={SHORT}"),
    *(quote(IN_QUERY), quote(IN_QUERY, safe=""), quote(PROXY), quote(PROXY, safe="")),
    *(base64.b64encode(f"me:{PROXY}".encode()).decode(), f"code={quote(SHORT, safe='')}"),
)

Client = OpenAI | AzureOpenAI | YandexAIStudio | AIRefinery


def openai(base_url: str, **options: Any) -> Client:
    return OpenAI(api_key=KEY, base_url=base_url, **options)


def azure(base_url: str, **options: Any) -> Client:
    return AzureOpenAI(api_key=KEY, base_url=base_url, api_version="preview", **options)


def yandex(base_url: str, **options: Any) -> Client:
    return YandexAIStudio(folder_id="b1g", api_key=KEY, base_url=base_url, **options)


def refinery(base_url: str, **options: Any) -> Client:
    options.pop("default_query", None)
    return AIRefinery(KEY, base_url, **options)


KINDS: dict[str, Callable[..., Client]] = {
    "openai": openai,
    "azure": azure,
    "yandex": yandex,
    "refinery": refinery,
}


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """Everything that any library logs; websocket-client logs all that passes through it."""
    caplog.set_level(logging.DEBUG)
    websocket.enableTrace(True, handler=logging.NullHandler())
    yield caplog
    websocket.enableTrace(False)
    assert_hidden(caplog.text, SECRETS)
    for record in caplog.records:
        assert_hidden(f"{record.msg} {record.args!r} {record.exc_info!r}", SECRETS)


@pytest.fixture(params=KINDS)
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Make a client with a secret wherever it takes one."""
    made: list[Client] = []

    def make(base_url: str, **options: Any) -> Client:
        client = KINDS[request.param](
            f"{base_url}?sig={IN_BASE}",
            default_query={"api-key": IN_QUERY, "code": SHORT, "filter": {"token": IN_QUERY}},
            default_headers={"X-Secret": HEADER},
            max_retries=0,
            **options,
        )
        made.append(client)
        assert_hidden(repr(client), SECRETS)
        assert_hidden(repr(vars(client)), SECRETS)
        return client

    yield make
    for client in made:
        client.close()


def over_rest(client: Client) -> object:
    if isinstance(client, AIRefinery):
        return client.realtime_distiller.download_project("p")
    return client.realtime.client_secrets.create()


def over_websocket(client: Client) -> object:
    if isinstance(client, AIRefinery):
        return client.realtime_distiller(project="p", uuid="u").enter()
    manager = client.realtime.connect(
        model="m", extra_query={"token": IN_QUERY}, extra_headers={"X-Key": HEADER}
    )
    assert_hidden(f"{manager!r} {vars(manager)!r}", SECRETS)
    return manager.enter()


def failure(work: Callable[[Client], object], client: Client) -> RealtimeError:
    with pytest.raises(RealtimeError) as caught:
        work(client)
    assert_hidden_in_error(caught.value, SECRETS)
    return caught.value


WORKS = pytest.mark.parametrize("work", [over_rest, over_websocket], ids=["rest", "websocket"])


def talkative(
    status: str, *, escaped: bool = False, takes: tuple[str, ...] = ()
) -> Callable[[RawPeer], None]:
    """A server that refuses and repeats all that it was told, but for the paths that it takes."""

    def script(peer: RawPeer) -> None:
        head = peer.read_head()
        method, target, headers = read_request_head(head)
        peer.take(int(peer.header("Content-Length") or 0))
        if target.partition("?")[0].endswith(takes):
            answer(peer, "200 OK", json.dumps({"organization_id": "o", "config": "{}"}))
            return
        words = f"{method} {target} {unquote_plus(target)} {dict(headers)} {KEY}"
        body = json.dumps({"error": {"message": words, "code": KEY, "param": [HEADER, {KEY: 1}]}})
        if escaped:  # as some serialisers write it
            body = "".join(rf"\u{ord(c):04x}" if c in "+/=-&" else c for c in body)
        answer(peer, status, body, f"X-Request-Id: req_{HEADER}", f"Location: http://h/?{IN_BASE}")

    return script


def answer(peer: RawPeer, status: str, body: str, *headers: str) -> None:
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "Connection: close"]
    peer.sock.sendall("\r\n".join([*lines, "", body]).encode())


@WORKS
@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("status", ["401 No", "404 No", "307 There", "500 Oops"])
def test_a_refusal_that_repeats_everything(
    make: Callable[..., Client], work: Callable[..., object], status: str, escaped: bool
) -> None:
    takes = ("/validate", "/download") if work is over_websocket else ("/validate",)
    with RawServer(talkative(status, escaped=escaped, takes=takes)) as server:
        client = make(f"http://127.0.0.1:{server.port}/v1", proxy="")
        error = failure(work, client)
    assert error.status == int(status[:3])  # type: ignore[attr-defined]


@WORKS
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"SSH " + HEADER.encode() + b"\r\n",
        b"HTTP/1.1 200 OK\r\nno header: " + KEY.encode() + b"\r\n" + KEY.encode() + b"\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + KEY.encode() + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + KEY.encode() + b"\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: " + KEY.encode() + b"\r\n\r\n{}",
    ],
    ids=["nothing", "ssh", "header", "length", "chunk", "encoding"],
)
def test_an_answer_that_is_none(
    make: Callable[..., Client], work: Callable[..., object], data: bytes
) -> None:
    def script(peer: RawPeer) -> None:
        peer.read_head()
        peer.take(int(peer.header("Content-Length") or 0))
        peer.sock.sendall(data)

    with RawServer(script) as server:
        failure(work, make(f"http://127.0.0.1:{server.port}/v1", proxy=""))


@WORKS
def test_no_link(
    make: Callable[..., Client], work: Callable[..., object], authority: Authority
) -> None:
    for place in ("127.0.0.1:1", "nowhere.invalid"):
        assert isinstance(failure(work, make(f"http://{place}/v1", proxy="")), ConnectError)
    with RawServer(lambda peer: None) as server:
        assert isinstance(
            failure(work, make(f"https://127.0.0.1:{server.port}/v1", proxy="")), ConnectError
        )

    def silent(peer: RawPeer) -> None:
        peer.expect_end()

    with RawServer(silent) as server:
        client = make(f"http://127.0.0.1:{server.port}/v1", proxy="", timeout=0.05)
        if work is over_rest:
            failure(work, client)
            client.close()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@WORKS
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_proxies(
    make: Callable[..., Client], work: Callable[..., object], scheme: str, secure: bool
) -> None:
    base_url = f"{'https' if secure else 'http'}://example.invalid/v1"
    login = f"{scheme}://me:{quote(PROXY, safe='')}@"

    def repeating(peer: RawPeer) -> None:
        head = peer.read_head().decode() if scheme == "http" else ""
        answer(peer, f"407 {HEADER}", f"{head} {PROXY} {login}", f"X-Seen: {KEY}")

    for place in ("127.0.0.1:1", "nowhere.invalid:1"):
        assert isinstance(failure(work, make(base_url, proxy=login + place)), ConnectError)
    with RawServer(repeating) as server:
        proxy = f"{login}127.0.0.1:{server.port}"
        assert isinstance(failure(work, make(base_url, proxy=proxy)), ConnectError)
    refusing = SocksProxy(1, ("me", "another"))
    with RawServer(refusing if scheme != "http" else lambda peer: None) as server:
        proxy = f"{login}127.0.0.1:{server.port}"
        assert isinstance(failure(work, make(base_url, proxy=proxy)), ConnectError)


@WORKS
@pytest.mark.parametrize(
    "url",
    [
        f"http://me:{LOGIN}@127.0.0.1:1/v1",
        f"http://{LOGIN}@127.0.0.1:1/v1",
        f"http://me:{LOGIN}\uff20127.0.0.1:1/v1",
        f"http://127.0.0.1:{LOGIN}/v1",
        f"http://[{LOGIN}]/v1",
        f"me:{LOGIN}@127.0.0.1/v1",
        f"ftp://me:{LOGIN}@127.0.0.1/v1",
        f"http:///v1?key={LOGIN}",
        "",
    ],
)
def test_addresses_that_are_wrong(work: Callable[..., object], url: str) -> None:
    """A login has no place in an address, and what is malformed may hold one."""
    for kind in KINDS.values():
        try:
            client = kind(url or f"?key={LOGIN}", max_retries=0, proxy="")
        except ConfigError as exc:
            assert_hidden_in_error(exc, SECRETS)
            continue
        if "@" in url or "?" in url:
            assert_hidden(repr(client), SECRETS)
        failure(work, client)
        client.close()
    if "://" in url:
        with pytest.raises(ConfigError) as caught:
            OpenAI(api_key=KEY, proxy=url.replace("http:", "https:").replace("ftp:", "https:"))
        assert_hidden_in_error(caught.value, SECRETS)


def test_what_a_program_holds() -> None:
    for thing in (
        Local(url=f"http://me:{LOGIN}@h/v1?api-key={IN_BASE}", api_key=KEY),
        TokenProvider(
            url=f"https://me:{LOGIN}@h/token?key={IN_BASE}", client_id="a", client_secret=KEY
        ),
    ):
        assert_hidden(repr(thing), SECRETS)
    client = OpenAI(
        api_key=KEY,
        base_url=f"http://me:{LOGIN}@h/v1?sig={IN_BASE}",
        websocket_base_url=f"ws://h/v1?sig={IN_BASE}",
        default_query={"key": IN_QUERY},
        default_headers={"X-Key": HEADER},
        webhook_secret=KEY,
        proxy=f"http://me:{quote(PROXY, safe='')}@h:1",
    )
    provider = client._provider
    endpoint = provider.websocket(model="m", call_id=None, extra_query={}, extra_headers={})
    for thing in (client, provider, endpoint, client.realtime, client.webhooks):
        assert_hidden(f"{thing!r} {thing}", SECRETS)
    assert repr(client) == "OpenAI(base_url='http://***@h/v1?sig=***')"


def test_what_works_is_logged_without_secrets(logged: pytest.LogCaptureFixture) -> None:
    """The names, and what is no secret, stay in urllib3's log."""

    def script(peer: RawPeer) -> None:
        if b"websocket" in peer.read_head():
            peer.accept_after_head(server_frame(CLOSE, close_payload(4001, f"no {HEADER}")))
            peer.expect_end()
            return
        peer.take(int(peer.header("Content-Length") or 0))
        answer(peer, "200 OK", json.dumps({"value": "ek_1", "expires_at": 1, "session": {}}))

    with RawServer(script) as server:
        client = openai(
            f"http://127.0.0.1:{server.port}/v1?sig={IN_BASE}",
            default_query={"api-key": IN_QUERY, "code": SHORT, "tag": "harmless-value"},
            default_headers={"X-Key": HEADER},
            proxy="",
        )
        over_rest(client)
        with over_websocket(client) as connection:  # type: ignore[attr-defined]
            failure(lambda _: connection.recv(), client)
        client.close()
    assert "sig=***&api-key=***&code=***&tag=harmless-value" in logged.text


def test_another_requests_secrets_are_left_alone(logged: pytest.LogCaptureFixture) -> None:
    """What is a secret of one client is a plain word elsewhere."""
    logging.getLogger("urllib3.connectionpool").debug("of somebody else: %s", "harmless-value")
    client = openai("http://127.0.0.1:1/v1", default_query={"key": "harmless-value"}, proxy="")
    failure(over_rest, client)
    logging.getLogger("urllib3.connectionpool").debug("and again: %s", "harmless-value")
    assert "of somebody else: harmless-value" in logged.text
    assert "and again: harmless-value" in logged.text
