"""What REST callers see of servers that refuse, fail, stall, lie, or are not there."""

from __future__ import annotations

import contextlib
import email.utils
import gzip
import json
import logging
import os
import pickle
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
import trustme
from guards import Guard
from http_recorder import HttpRecorder, Reply, raw, reply, stall
from hypothesis import given, settings
from hypothesis import strategies as st
from proxies import SocksProxy
from raw_server import RawPeer, RawServer
from urllib3.exceptions import InsecureRequestWarning

from realtime_sync import (
    AnswerLostError,
    ApiError,
    AuthenticationError,
    ConfigError,
    ConnectError,
    InternalServerError,
    LocalProtocolError,
    OpenAI,
    RateLimitError,
    RealtimeError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from realtime_sync._installation import install_command
from realtime_sync.providers import OpenAIProvider
from realtime_sync.rest import Calls, ClientSecrets
from realtime_sync.rest.api import RestApi

pytestmark = pytest.mark.timeout(60)

KEY = "sk-a-key-that-nobody-may-see"
SECRET = {"value": "ek_hidden_value", "expires_at": 1, "session": {"type": "realtime"}}
GOOD = reply(200, SECRET)
NO = {"error": {"message": "in the server's words", "type": "t", "code": "c", "param": "p"}}

Make = Callable[..., RestApi]


@pytest.fixture
def naps() -> list[float]:
    return []


@pytest.fixture
def api(naps: list[float]) -> Iterator[Make]:
    made: list[RestApi] = []

    def make(base_url: str, **options: Any) -> RestApi:
        provider = OpenAIProvider(api_key=KEY, base_url=base_url)
        made.append(RestApi(lambda: provider, sleep=naps.append, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def failure(work: Callable[[], object]) -> RealtimeError:
    """Return the exception, which must not show the key, wherever one looks."""
    with pytest.raises(RealtimeError) as caught:
        work()
    chain: BaseException | None = caught.value
    while chain is not None:
        assert KEY not in f"{chain!r} {chain}"
        chain = chain.__cause__
    assert KEY.encode() not in pickle.dumps(caught.value)
    return caught.value


# -- trying again ----------------------------------------------------------------------------------


def retried(api: Make, answer: Reply, work: Callable[[RestApi], object]) -> int:
    """Return how often a server that always gives this answer is asked."""
    with HttpRecorder(answer) as server:
        made = api(server.base_url)
        failure(lambda: work(made))
    return len(server.asked)


def secret(api: RestApi) -> object:
    return ClientSecrets(api).create()


def begin(api: RestApi) -> object:
    return Calls(api).create(sdp="v=0")


@pytest.mark.parametrize("status", [408, 429, 503])
def test_what_was_not_done_is_tried_again(api: Make, naps: list[float], status: int) -> None:
    assert retried(api, reply(status, NO), begin) == 3
    assert 0.375 <= naps[0] <= 0.5
    assert 0.75 <= naps[1] <= 1.0


@pytest.mark.parametrize("answer", [reply(500), reply(502), reply(504), raw(b"")])
def test_what_may_have_been_done_is_repeated_where_that_does_no_harm(
    api: Make, answer: Reply
) -> None:
    harmless = [
        secret,
        lambda api: Calls(api).hangup("rtc_1"),
        lambda api: Calls(api).reject("rtc_1"),
    ]
    harmful = [
        begin,
        lambda api: Calls(api).accept("rtc_1", type="realtime"),
        lambda api: Calls(api).refer("rtc_1", target_uri="tel:+1"),
    ]
    assert [retried(api, answer, work) for work in harmless] == [3, 3, 3]
    assert [retried(api, answer, work) for work in harmful] == [1, 1, 1]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 501])
def test_a_refusal_is_final(api: Make, naps: list[float], status: int) -> None:
    assert retried(api, reply(status, NO), secret) == 1
    assert naps == []


def test_the_servers_word_counts(api: Make, naps: list[float]) -> None:
    never, always = {"x-should-retry": "false"}, {"x-should-retry": "true"}
    assert retried(api, reply(503, b"", never), secret) == 1
    assert retried(api, reply(409, b"", always), begin) == 3
    naps.clear()
    date = email.utils.formatdate(time.time() + 60, usegmt=True)
    for headers, low, high in (
        ({"Retry-After": "7"}, 7, 7),
        ({"Retry-After": "1.5"}, 1.5, 1.5),
        ({"retry-after-ms": "250", "Retry-After": "9"}, 0.25, 0.25),
        ({"Retry-After": date}, 30, 60),
        ({"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.375, 0.5),
        ({"Retry-After": "soon"}, 0.375, 0.5),
        ({"Retry-After": "-3"}, 0.375, 0.5),
        ({"Retry-After": "nan"}, 0.375, 0.5),
    ):
        assert retried(api, reply(429, NO, headers), begin) == 3
        assert low <= naps[0] <= high, headers
        naps.clear()


def test_a_long_break_is_the_callers(api: Make, naps: list[float]) -> None:
    with HttpRecorder(reply(429, NO, {"Retry-After": "3600"})) as server:
        error = failure(lambda: secret(api(server.base_url)))
    assert isinstance(error, RateLimitError)
    assert error.retry_after_s == 3600
    assert (len(server.asked), naps) == (1, [])


def test_it_works_in_the_end_and_says_how_often_it_was_tried(api: Make) -> None:
    with HttpRecorder(reply(503), raw(b""), GOOD) as server:
        raw_answer = ClientSecrets(api(server.base_url)).with_raw_response.create()
    assert raw_answer.retries_taken == 2
    assert raw_answer.parse().value == "ek_hidden_value"
    assert len({asked.body for asked in server.asked}) == 1, "the same body each time"


def test_no_retries(api: Make) -> None:
    with HttpRecorder(reply(503, NO)) as server:
        error = failure(lambda: secret(api(server.base_url, max_retries=0)))
    assert isinstance(error, InternalServerError)
    assert len(server.asked) == 1
    for wrong in (-1, True, 1.5, None):
        with pytest.raises(ConfigError, match="max_retries"):
            OpenAI(api_key=KEY, max_retries=wrong)  # type: ignore[arg-type]


def test_the_real_wait() -> None:
    busy = reply(429, NO, {"retry-after-ms": "1"})
    with (
        HttpRecorder(busy, GOOD) as server,
        OpenAI(api_key=KEY, base_url=server.base_url) as client,
    ):
        assert client.realtime.client_secrets.create().value == "ek_hidden_value"


# -- refusals --------------------------------------------------------------------------------------


def test_the_error_has_all_that_the_server_said(api: Make) -> None:
    headers = {"x-request-id": "req_1", "Retry-After": "2"}
    with HttpRecorder(reply(401, NO, headers)) as server:
        error = failure(lambda: secret(api(server.base_url)))
    assert type(error) is AuthenticationError
    assert str(error) == "in the server's words (http status 401)"
    assert (error.status, error.request_id, error.body) == (401, "req_1", NO)
    assert (error.code, error.param, error.type, error.retry_after_s) == ("c", "p", "t", 2.0)


@pytest.mark.parametrize(
    "body", [b"", b"plain\nwords", b"<html>502</html>", b"[1]", b"\xff\xfe", b"{" * 100_000]
)
def test_refusals_with_odd_bodies(api: Make, body: bytes) -> None:
    with HttpRecorder(reply(400, body)) as server:
        error = failure(lambda: secret(api(server.base_url)))
    assert isinstance(error, ApiError)
    assert error.code is None


def test_a_refusal_whose_body_never_comes_keeps_its_status(api: Make) -> None:
    half = b"HTTP/1.1 404 Not Found\r\nContent-Length: 100\r\n\r\nhalf of it"
    with HttpRecorder(stall(half)) as server:
        error = failure(lambda: secret(api(server.base_url, timeout=1.0, max_retries=0)))
    assert isinstance(error, ApiError)
    assert error.status == 404


def test_a_server_that_quotes_the_key(api: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with HttpRecorder(reply(401, {"error": {"message": f"wrong key {KEY}!"}})) as server:
        error = failure(lambda: secret(api(server.base_url)))
    assert "wrong key ***!" in str(error)
    assert KEY not in caplog.text


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(api: Make, status: int) -> None:
    with HttpRecorder(GOOD) as elsewhere:
        headers = {"Location": f"{elsewhere.base_url}/realtime/client_secrets?k={KEY}"}
        with HttpRecorder(reply(status, b"", headers)) as server:
            error = failure(lambda: secret(api(server.base_url)))
    assert isinstance(error, ApiError)
    assert "redirects to http://localhost;" in str(error)
    assert elsewhere.asked == []


# -- answers that are none -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"value": "ek_hidden_value"', b"null", b"\xff"]
)
def test_a_secret_that_is_none(api: Make, body: bytes) -> None:
    with HttpRecorder(reply(200, body)) as server:
        error = failure(lambda: secret(api(server.base_url)))
    assert isinstance(error, RemoteProtocolError)
    assert "ek_hidden" not in str(error)


@pytest.mark.parametrize("lacks", ["value", "expires_at"])
def test_a_secret_with_a_field_missing(api: Make, lacks: str) -> None:
    with HttpRecorder(reply(200, {**SECRET, lacks: None})) as server:
        error = failure(lambda: secret(api(server.base_url)))
    assert isinstance(error, RemoteProtocolError)
    assert "ek_hidden" not in str(error)


@pytest.mark.parametrize("body", [b"", b"{}", b"<html>", b"\xff"])
def test_an_answer_that_is_no_sdp(api: Make, body: bytes) -> None:
    with HttpRecorder(reply(201, body)) as server:
        error = failure(lambda: begin(api(server.base_url)))
    assert isinstance(error, RemoteProtocolError)


def test_the_call_id_of_a_location(api: Make) -> None:
    for headers, call_id in (
        ({"Location": "https://x/v1/realtime/calls/rtc_1%2F2?a=b"}, "rtc_1/2"),
        ({"location": "/v1/realtime/calls/rtc_1/"}, "rtc_1"),
        ({"Location": "rtc_2"}, "rtc_2"),
        ({"Location": "http://[/x"}, None),
        ({"Location": "/"}, None),
        ({}, None),
    ):
        with HttpRecorder(reply(201, b"v=0\r\n", headers)) as server:
            answer = Calls(api(server.base_url)).create(sdp="v=0")
        assert answer.call_id == call_id
        assert "v=0" not in repr(answer)


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"", AnswerLostError, "ended the link"),
        (b"SSH-2.0-OpenSSH_9\r\n", RemoteProtocolError, "not answer as an HTTP server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", AnswerLostError, "ended the link"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", RealtimeError, ""),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
            RemoteProtocolError,
            "content-encoding",
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\n{}", RemoteProtocolError, "HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n", RemoteProtocolError, "HTTP"),
    ],
)
def test_bytes_that_are_no_answer(
    api: Make, data: bytes, kind: type[RealtimeError], words: str
) -> None:
    with HttpRecorder(raw(data)) as server:
        error = failure(lambda: secret(api(server.base_url, max_retries=0)))
        assert isinstance(error, kind)
        assert words in str(error)


# -- answers without an end ------------------------------------------------------------------------

CONTEXT = ssl.create_default_context()
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
MEGABYTE = b"x" * (1 << 20)


def endless(head: bytes, again: bytes) -> Reply:
    """Answer with a head and then with the same bytes until the client hangs up."""

    def send(peer: RawPeer) -> None:
        with contextlib.suppress(OSError):
            peer.sock.sendall(head)
            while True:
                peer.sock.sendall(again)

    return send


# Which http.client and newer versions of urllib3 refuse by themselves.
LONG_LINES = (endless(CHUNKED + b"0\r\nX: ", MEGABYTE), endless(OK + b"X: ", MEGABYTE))


@pytest.mark.parametrize(
    "answer",
    [
        endless(OK + b"\r\n", MEGABYTE),
        endless(OK + b"Content-Length: %d\r\n\r\n" % (1 << 62), MEGABYTE),
        endless(CHUNKED, b"100000\r\n" + MEGABYTE + b"\r\n"),
        endless(CHUNKED + b"ffffffffffffffffffffffff\r\n", MEGABYTE),
        endless(CHUNKED + b"0\r\n", b"X: y\r\n" * 10_000),
        *LONG_LINES,
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000),
    ],
    ids=["to the end", "length", "chunks", "chunk", "trailers", "trailer", "header", "heads"],
)
def test_an_answer_without_an_end(api: Make, answer: Reply) -> None:
    with HttpRecorder(answer) as server:
        error = failure(lambda: secret(api(server.base_url)))
        assert isinstance(error, RemoteProtocolError)
        if answer not in LONG_LINES:
            assert "more than 16777216 bytes" in str(error)
            assert len(server.asked) == 1, "the next would be as long"


def packed(times: int, kind: str = "gzip") -> Reply:
    """Answer with 64 MiB of zeros, packed so often."""
    body = bytes(64 << 20)
    for _ in range(times):
        body = gzip.compress(body, 9)
    return reply(200, body, {"Content-Encoding": kind})


def test_an_answer_that_is_large_when_it_is_unpacked(api: Make) -> None:
    with HttpRecorder(packed(1)) as server:
        made = api(server.base_url)
        for work in (secret, ClientSecrets(made).with_raw_response.create):
            error = failure(lambda w=work: w(made) if w is secret else w())  # type: ignore[misc]
            assert isinstance(error, RemoteProtocolError)
            assert "more than 16777216 bytes" in str(error)
        with ClientSecrets(made).with_streaming_response.create() as response:
            pieces = response.iter_bytes(1000)
            assert {len(next(pieces)) for _ in range(100)} == {1000}
            assert isinstance(failure(lambda: list(pieces)), RemoteProtocolError)
        made.close()


@pytest.mark.parametrize("kind", ["gzip, gzip", "br", "zstd", "deflate", "x" * 5000])
def test_a_packing_that_was_not_asked_for(api: Make, kind: str) -> None:
    with HttpRecorder(packed(2, kind)) as server:
        made = api(server.base_url, max_retries=0)
        error = failure(lambda: secret(made))
        assert isinstance(error, RemoteProtocolError)
        assert "content-encoding" in str(error)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("kind", ["gzip", "X-GZip"])
def test_a_packed_answer(api: Make, kind: str, chunked: bool) -> None:
    body = gzip.compress(json.dumps(SECRET).encode())
    head = OK + f"Content-Encoding: {kind}\r\n".encode()
    if chunked:
        data = b"Transfer-Encoding: chunked\r\n\r\n5\r\n" + body[:5] + b"\r\n"
        data += b"%x\r\n" % len(body[5:]) + body[5:] + b"\r\n0\r\n\r\n"
    else:
        data = b"Content-Length: %d\r\n\r\n" % len(body) + body
    with HttpRecorder(raw(head + data)) as server:
        assert ClientSecrets(api(server.base_url)).create().value == SECRET["value"]
    with HttpRecorder(raw(head + data[:-9])) as server:
        assert isinstance(failure(lambda: secret(api(server.base_url))), RealtimeError)


def trickle(head: bytes, again: bytes) -> Reply:
    """Answer with a few bytes more whenever the client has begun to wait for them."""

    def send(peer: RawPeer) -> None:
        peer.sock.settimeout(0.005)
        with contextlib.suppress(ConnectionError):
            peer.sock.sendall(head)
            while True:
                peer.sock.sendall(again)
                with contextlib.suppress(TimeoutError):
                    if not peer.sock.recv(1):
                        return

    return send


@pytest.mark.parametrize(
    "answer",
    [
        trickle(b"", b"H"),
        trickle(OK + b"X: ", b"y"),
        trickle(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        trickle(OK + b"\r\n", b" "),
        trickle(OK + b"Content-Length: 100000\r\n\r\n", b" "),
        trickle(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:-8], b""),
        trickle(CHUNKED, b"1\r\n \r\n"),
        trickle(CHUNKED + b"1;", b"x"),
        trickle(CHUNKED + b"0\r\n", b"X: y\r\n"),
    ],
    ids=["status", "head", "heads", "close", "length", "packed", "chunks", "chunk", "trailers"],
)
def test_a_server_that_trickles(api: Make, answer: Reply) -> None:
    with HttpRecorder(answer) as server:
        made = api(server.base_url, timeout=0.05)
        error = failure(lambda: begin(made))
        assert isinstance(error, RealtimeTimeout)
        made.close()


@pytest.mark.parametrize(
    "size", [b"-1", b"-5", b"-ffffffffffffffffff", b"", b"x", b"0x5", b"5;", b"\xff", b"1" * 70_000]
)
@pytest.mark.parametrize("packing", [b"", b"Content-Encoding: gzip\r\n"])
def test_odd_sizes_of_chunks(api: Make, size: bytes, packing: bytes) -> None:
    head = OK + packing + b"Transfer-Encoding: chunked\r\n\r\n"
    with HttpRecorder(raw(head + size + b"\r\nhello\r\n")) as server:
        error = failure(lambda: secret(api(server.base_url, max_retries=0)))
        assert isinstance(error, (ConnectError, RemoteProtocolError))


PARTS = (
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9", b" ", b"200", b"201", b"99", b"1000", b"-2", b"OK"),
    *(b"\r\n", b"\n", b"\r\n\r\n", b":", b": ", b",", b";", b"\0", b"\xff", b"\xc2\xb2", b"="),
    *(b"Content-Length", b"5", b"-5", b"5, 6", b"5,5", b"9" * 30, b"Transfer-Encoding", b"0\r\n"),
    *(b"chunked", b"gzip", b"Content-Encoding", b"identity", b"Set-Cookie", b"a=b; Max-Age=x"),
    *(b"Location", b"http://[", b"Retry-After", b"x-should-retry", b"true", b"Connection", b"{}"),
    *(b"keep-alive", b"Content-Type", b"text/plain; charset=x", b'{"value":1}', KEY.encode()),
)


@settings(max_examples=60)
@given(data=st.data())
def test_answers_of_any_form(data: st.DataObject) -> None:
    """Whatever bytes come, it is an answer or an error of ours."""
    line = st.lists(st.sampled_from(PARTS) | st.binary(max_size=3), max_size=5).map(b"".join)
    head = st.sampled_from([b"", OK, CHUNKED[:-2], b"HTTP/1.1 204 No\r\n", b"HTTP/1.1 404 No\r\n"])
    answer = data.draw(head) + b"\r\n".join(data.draw(st.lists(line, max_size=6)))
    with (
        HttpRecorder(raw(answer)) as server,
        OpenAI(api_key=KEY, base_url=server.base_url, max_retries=0, ssl_context=CONTEXT) as client,
        contextlib.suppress(RealtimeError),
    ):
        client.realtime.client_secrets.with_raw_response.create()


# -- silence ---------------------------------------------------------------------------------------

SILENT = [
    stall(),
    stall(b"HTTP/1.1 200 OK\r\nContent-"),
    stall(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"value'),
]


@pytest.mark.parametrize("answer", SILENT)
def test_a_silent_server(api: Make, answer: Reply) -> None:
    with HttpRecorder(answer) as server:
        made = api(server.base_url, timeout=0.1)
        error = failure(lambda: begin(made))
        assert isinstance(error, RealtimeTimeout)
        assert f"localhost:{server.port} was silent for 0.1 s" in str(error)
        Guard().until(lambda: server.asked, "the request")
        assert len(server.asked) == 1, "it may have begun the call"
        made.close()


def test_silence_is_tried_again_where_that_does_no_harm(api: Make) -> None:
    with HttpRecorder(stall(), GOOD) as server:
        made = api(server.base_url, timeout=60.0)
        assert ClientSecrets(made).create(timeout=(5.0, 1.0)).expires_at == 1
        made.close()


def test_wrong_timeouts(api: Make) -> None:
    class Theirs:  # as httpx.Timeout
        connect, read = 5.0, 0.1

    for wrong in (0, -1, "5", float("nan"), (1,), (1, 2, 3), (0, 1), True):
        with pytest.raises(ConfigError, match="timeout"):
            OpenAI(api_key=KEY, timeout=wrong)  # type: ignore[arg-type]
    with HttpRecorder(stall()) as server:
        made = api(server.base_url, timeout=None)
        error = failure(lambda: Calls(made).create(sdp="v=0", timeout=Theirs()))  # type: ignore[arg-type]
        assert isinstance(error, RealtimeTimeout)


# -- no server -------------------------------------------------------------------------------------


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_nobody_listens(api: Make, naps: list[float]) -> None:
    port = unused_port()
    error = failure(lambda: begin(api(f"http://127.0.0.1:{port}/v1")))
    assert isinstance(error, ConnectError)
    assert f"127.0.0.1:{port} refused the connection" in str(error)
    assert len(naps) == 2, "nothing was done, so even a call is tried again"


def test_a_name_that_nobody_has(api: Make) -> None:
    error = failure(lambda: secret(api("http://nowhere.invalid/v1")))
    assert isinstance(error, ConnectError)
    assert "'nowhere.invalid' does not resolve" in str(error)


@pytest.mark.parametrize(
    "base_url",
    ["", "localhost:1/v1", "ftp://localhost/v1", "http://", "http://x:y/v1", "http://u:p@x/v1"],
)
def test_base_urls_that_are_none(api: Make, base_url: str) -> None:
    error = failure(lambda: secret(api(base_url)))
    assert isinstance(error, ConfigError)


def test_keys_that_no_header_can_hold(api: Make) -> None:
    for key in (f"{KEY}\n", "sk-ü", f"{KEY}\r\nX: y"):
        with pytest.raises(ConfigError) as caught:
            OpenAIProvider(api_key=key, base_url="http://localhost:1/v1")
        assert key.strip() not in str(caught.value)
        provider = OpenAIProvider(api_key=lambda k=key: k, base_url="http://localhost:1/v1")  # type: ignore[misc]
        error = failure(lambda p=provider: secret(RestApi(lambda: p)))  # type: ignore[misc]
        assert isinstance(error, ConfigError)


def test_bodies_that_have_no_json_form(api: Make) -> None:
    made = api("http://localhost:1/v1")
    for wrong in (object(), float("nan"), b"x", "\ud800"):
        error = failure(lambda w=wrong: ClientSecrets(made).create(extra_body={"x": w}))  # type: ignore[misc]
        assert isinstance(error, LocalProtocolError)
    assert isinstance(failure(lambda: Calls(made).create(sdp="\ud800")), LocalProtocolError)


# -- TLS -------------------------------------------------------------------------------------------


def test_tls_that_breaks_when_the_request_was_sent(api: Make) -> None:
    authority = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(serving)
    authority.configure_trust(trusting)

    def garbage(peer: RawPeer) -> None:
        os.write(peer.sock.fileno(), b"no record of TLS")  # beneath the session

    with HttpRecorder(garbage, context=serving) as server:
        error = failure(lambda: begin(api(server.base_url, ssl_context=trusting)))
        assert isinstance(error, AnswerLostError)
        assert f"the TLS session with localhost:{server.port} broke before" in str(error)
        assert len(server.asked) == 1, "it may have begun the call"


def test_tls(api: Make) -> None:
    ca, other = trustme.CA(), trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(serving)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    wrong = ssl.create_default_context()
    other.configure_trust(wrong)
    with HttpRecorder(GOOD, context=serving) as server:
        before = len(trusting.get_ca_certs())
        made = api(server.base_url, ssl_context=trusting)
        assert ClientSecrets(made).create().value
        assert len(trusting.get_ca_certs()) == before, "nothing was added to the caller's context"
    with RawServer(lambda peer: None) as server_without:
        error = failure(
            lambda: secret(api(f"https://localhost:{server_without.port}/v1", max_retries=0))
        )
        assert isinstance(error, ConnectError)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            for _ in range(2):
                sock, _ = listener.accept()
                with sock, pytest.raises((ssl.SSLError, OSError)):
                    serving.wrap_socket(sock, server_side=True)

        thread = threading.Thread(target=refuse)
        thread.start()
        url = f"https://localhost:{listener.getsockname()[1]}/v1"
        for context in (wrong, None):
            error = failure(lambda c=context: secret(api(url, ssl_context=c)))  # type: ignore[misc]
            assert type(error) is ConnectError, "nothing was sent"
            assert "is not trusted" in str(error)
        thread.join(30)


def test_an_unchecked_context_stays_unchecked(api: Make) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere").configure_cert(serving)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with HttpRecorder(GOOD, context=serving) as server:
        made = api(server.base_url, ssl_context=context)
        with pytest.warns(InsecureRequestWarning):  # urllib3's own, and deserved
            assert ClientSecrets(made).create().value
    assert context.verify_mode is ssl.CERT_NONE


# -- proxies ---------------------------------------------------------------------------------------


def test_a_proxy(api: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpRecorder(GOOD) as proxy:
        url = f"http://me:p%40ss@localhost:{proxy.port}"
        made = api("http://example.invalid/v1", proxy=url)
        assert ClientSecrets(made).create().value
        monkeypatch.setenv("http_proxy", url)
        assert ClientSecrets(api("http://example.invalid/v1")).create().value
        assert isinstance(
            failure(lambda: secret(api("http://example.invalid/v1", proxy="", max_retries=0))),
            ConnectError,
        )
        monkeypatch.setenv("no_proxy", "example.invalid")
        failure(lambda: secret(api("http://example.invalid/v1", max_retries=0)))
    assert len(proxy.asked) == 2
    for asked in proxy.asked:
        assert asked.target == "http://example.invalid/v1/realtime/client_secrets"
        assert asked.headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
        assert asked.headers["authorization"] == f"Bearer {KEY}"


def test_a_tunnel(api: Make) -> None:
    ca = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("example.invalid").configure_cert(serving)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    heads: list[bytes] = []
    body = json.dumps(SECRET).encode()

    def tunnel(peer: RawPeer) -> None:
        heads.append(peer.read_head())
        peer.sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        inner = RawPeer(serving.wrap_socket(peer.sock, server_side=True))
        heads.append(inner.read_head())
        inner.take(2)
        if len(heads) == 2:  # the link breaks, so that it has to be made again
            inner.sock.close()
            return
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        inner.sock.sendall(head.encode() + body)
        inner.sock.close()

    with RawServer(tunnel) as proxy:
        made = api(
            "https://example.invalid/v1",
            proxy=f"http://me:secret-password@localhost:{proxy.port}",
            ssl_context=trusting,
        )
        assert ClientSecrets(made).create().value
    assert heads[0].startswith(b"CONNECT example.invalid:443 ")
    assert b"Basic " in heads[0]
    assert KEY.encode() not in heads[0], "the key goes to the server, not to the proxy"
    assert KEY.encode() in heads[1]


def test_proxies_that_refuse(api: Make) -> None:
    with HttpRecorder(reply(407)) as proxy:
        for scheme in ("http", "https"):
            url = f"http://me:secret-password@localhost:{proxy.port}"
            made = api(f"{scheme}://example.invalid/v1", proxy=url)
            error = failure(lambda m=made: secret(m))  # type: ignore[misc]
            assert isinstance(error, ConnectError)
            assert "407" in str(error)
            assert "secret-password" not in f"{error!r}{error.__cause__!r}"
    error = failure(
        lambda: secret(api("http://x.invalid/v1", proxy=f"http://localhost:{unused_port()}"))
    )
    assert isinstance(error, ConnectError)
    assert "proxy" in str(error)
    error = failure(lambda: secret(api("http://x.invalid/v1", proxy="http://nowhere.invalid:1")))
    assert "'nowhere.invalid' does not resolve" in str(error)


def test_socks(api: Make) -> None:
    with HttpRecorder(GOOD) as server:
        proxy = SocksProxy(server.port, ("me", "secret-password"))
        with RawServer(proxy) as proxy_server:
            url = f"socks5h://me:secret-password@127.0.0.1:{proxy_server.port}"
            assert ClientSecrets(api("http://example.invalid:81/v1", proxy=url)).create().value
            wrong = f"socks5h://me:other-password@127.0.0.1:{proxy_server.port}"
            made = api("http://example.invalid/v1", proxy=wrong, max_retries=0)
            error = failure(lambda: secret(made))
            assert isinstance(error, ConnectError)
            assert "password" not in f"{error} {error.__cause__}"
    assert proxy.destinations == [("example.invalid", 81)]


def test_socks_without_its_package(api: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    monkeypatch.setattr("requests.adapters.SOCKSProxyManager", missing)
    error = failure(lambda: secret(api("http://x.invalid/v1", proxy="socks5://127.0.0.1:1")))
    assert isinstance(error, ConfigError)
    assert install_command("socks") in str(error)


# -- what is kept between calls --------------------------------------------------------------------


def test_links_are_kept_and_cookies_and_netrc_are_not(
    api: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine localhost login me password netrc-password\n")
    monkeypatch.setenv("NETRC", str(netrc))
    body = json.dumps(SECRET).encode()
    heads: list[bytes] = []

    def script(peer: RawPeer) -> None:
        for _ in range(2):
            heads.append(peer.read_head())
            peer.take(int(peer.header("Content-Length") or 0))
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nSet-Cookie: a=b\r\n\r\n"
            peer.sock.sendall(head.encode() + body)
        peer.expect_end()

    with RawServer(script) as server:
        made = api(f"http://localhost:{server.port}/v1")
        ClientSecrets(made).create()
        ClientSecrets(made).create()
        made.close()
    assert len(heads) == 2, "both on one link"
    assert all(f"Bearer {KEY}".encode() in head for head in heads)
    assert not any(b"ookie" in head for head in heads)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_links_of_its_own(api: Make) -> None:
    body = json.dumps(SECRET).encode()
    links: list[int] = []

    def script(peer: RawPeer) -> None:
        links.append(0)
        while True:
            try:
                peer.read_head()
            except (EOFError, OSError):
                return
            links[-1] += 1
            peer.take(int(peer.header("Content-Length") or 0))
            peer.sock.sendall(
                f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )

    with RawServer(script) as server:
        made = api(f"http://localhost:{server.port}/v1")
        ClientSecrets(made).create()
        child = os.fork()
        if child == 0:
            try:
                good = ClientSecrets(made).create().value == SECRET["value"]
            finally:
                os._exit(0 if good else 1)
        assert os.waitpid(child, 0)[1] == 0
        ClientSecrets(made).create()
        made.close()
    assert sorted(links) == [1, 2] or links == [2, 1]


def test_streaming(api: Make) -> None:
    with HttpRecorder(reply(200, SECRET, {"x-request-id": "req_1"})) as server:
        secrets = ClientSecrets(api(server.base_url)).with_streaming_response
        with secrets.create() as response:
            assert (response.status_code, response.request_id) == (200, "req_1")
            assert response.headers["Content-Type"] == "application/json"
            pieces = list(response.iter_bytes(10))
        assert json.loads(b"".join(pieces)) == SECRET
        assert max(map(len, pieces)) == 10
        with pytest.raises(RealtimeError, match="in pieces already"):
            response.read()
        with secrets.create() as response:
            assert response.parse().value == "ek_hidden_value"
            assert response.json() == json.loads(response.text()) == SECRET
            assert b"".join(response.iter_bytes(3)) == response.read()
        manager = secrets.create()
        with manager:
            pass  # left unread
    assert len(server.asked) == 3, "nothing is sent before the with block"
    with HttpRecorder(reply(404, NO)) as server:
        streamed = ClientSecrets(api(server.base_url)).with_streaming_response.create()
        assert isinstance(failure(streamed.__enter__), ApiError)
