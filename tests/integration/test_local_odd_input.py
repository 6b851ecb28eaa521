"""Whatever comes in, the embedded server refuses or serves it, and serves all others meanwhile."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from embedded import Server, run_server
from framing import CLOSE, PONG, TEXT
from guards import GUARD_S
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_input import (
    REST,
    content_types,
    each_field,
    frames,
    heads,
    messages,
    requests,
)
from raw_client import RawClient, raw_client
from raw_distiller import agent, create, project
from raw_requests import UPGRADE, ask, linked
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

pytestmark = pytest.mark.timeout(120)

# The server's own clock is not looked at: no example has a deadline.
quick = settings(max_examples=40)

REALTIME = "/v1/realtime?model=gpt-realtime"
TRANSCRIPTION = "/v1/realtime?intent=transcription"
TRANSLATIONS = "/v1/realtime/translations?model=gpt-realtime"
DESK = "/distiller/realtime/local/desk/"
TARGETS = [REALTIME, TRANSCRIPTION, TRANSLATIONS, DESK + "me", *REST, "/v1/models", "/healthz"]
FAILED = ("The server had an error", "Internal Server Error")


class Witness:
    """Another session, which is served as if nothing happened, and what the server complains of.

    Attributes:
        server: the one that gets the odd input.
    """

    def __init__(self, server: Server, client: RawClient, log: Path) -> None:
        self.server = server
        self._client = client
        self._log = log
        self._read = 0  # so much of the log

    def is_served(self) -> None:
        """Ask for something small, and for the server's own word that nothing has failed."""
        self._client.send("input_audio_buffer.clear")
        assert self._client.next()["type"] == "input_audio_buffer.cleared"
        log = self._log.read_bytes()
        new, self._read = log[self._read :].decode(), len(log)
        assert "Traceback" not in new, new

    def is_answered(self) -> None:
        """Take a whole turn."""
        self._client.write("What is your name?")
        self._client.send("response.create")
        assert self._client.until("response.done")["response"]["status"] == "completed"
        self._client.events.clear()


@pytest.fixture(scope="module")
def witness(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Witness]:
    log = tmp_path_factory.mktemp("odd") / "stderr.txt"
    with log.open("wb") as stderr, run_server("--phrase", "hello", key="", stderr=stderr) as server:
        create(server, "desk", project(agent("Guide"), barge_in=True))
        # Without pings: they take from Python's one source of random numbers, as hypothesis does.
        with raw_client(server, ping_interval=None) as client:
            assert client.next()["type"] == "session.created"
            witness = Witness(server, client, log)
            yield witness
            witness.is_served()
            witness.is_answered()


# -- messages --------------------------------------------------------------------------------------


@contextmanager
def session(server: Server, target: str) -> Iterator[Connection]:
    url = server.url.removesuffix("/v1").replace("http", "ws", 1) + target
    with connect(url, proxy=None, max_size=None, ping_interval=None) as link:
        yield link


def exchange(
    link: Connection, sent: list[str | bytes]
) -> tuple[list[str], ConnectionClosed | None]:
    """Send messages; return the answers, and the server's end if it has closed."""
    mark = "the last message"
    answers: list[str] = []
    running = 0
    try:
        for message in sent:
            link.send(message)
        link.send(json.dumps({"type": mark}))
        while running or not any(mark in text for text in answers):
            answers.append(str(link.recv(GUARD_S)))
            kind = json.loads(answers[-1]).get("type")
            running += kind == "response.created"
            running -= kind in ("response.done", "response.interrupted")
    except ConnectionClosed as closed:
        return answers, closed
    return answers, None


def survives(witness: Witness, target: str, sent: list[str | bytes]) -> None:
    with session(witness.server, target) as link:
        answers, closed = exchange(link, sent)
    assert not [text for text in answers if any(words in text for words in FAILED)]
    if closed is not None:
        assert closed.rcvd is not None, "the connection was lost"
        asked = any("session.close" in str(text) for text in sent)
        assert closed.rcvd.reason or asked, "it says why"
    witness.is_served()


kinds_of_session = pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("conversation", REALTIME),
        ("transcription", TRANSCRIPTION),
        ("translation", TRANSLATIONS),
        ("distiller", DESK + "odd"),
    ],
    ids=lambda value: value if value.isalpha() else "",
)


@kinds_of_session
def test_messages(witness: Witness, kind: str, target: str) -> None:
    @quick
    @given(st.lists(messages(kind), min_size=1, max_size=12))
    def whatever(sent: list[str | bytes]) -> None:
        survives(witness, target, sent)

    whatever()


@kinds_of_session
def test_each_field_of_a_message(witness: Witness, kind: str, target: str) -> None:
    sent: list[str | bytes] = list(each_field(kind))
    for start in range(0, len(sent), 50):
        survives(witness, target, sent[start : start + 50])


# -- frames ----------------------------------------------------------------------------------------


def answer_frames(link: socket.socket, sent: bytes) -> Iterator[tuple[int, bytes]]:
    """Send bytes in the place of frames, and yield opcode and payload of each frame that comes."""
    head = [f"GET {REALTIME} HTTP/1.1", "Host: localhost", *(f"{n}: {v}" for n, v in UPGRADE)]
    link.sendall("\r\n".join([*head, "", ""]).encode())
    with link.makefile("rb") as stream:
        while stream.readline() not in (b"\r\n", b""):
            pass
        link.sendall(sent)
        while len(start := stream.read(2)) == 2:
            size = start[1]
            if size >= 126:
                size = int.from_bytes(stream.read(2 if size == 126 else 8), "big")
            yield start[0] & 0x0F, stream.read(size)


@quick
@given(st.lists(frames(), min_size=1, max_size=5))
def test_frames(witness: Witness, sent: list[bytes]) -> None:
    mark = b'{"type": "the last message"}'
    last = bytes([0x81, 0x80 | len(mark), 0, 0, 0, 0]) + mark
    with linked(witness.server) as link:
        for opcode, payload in answer_frames(link, b"".join([*sent, last])):
            if opcode == CLOSE:
                said_goodbye = any(frame[0] & 0x0F == CLOSE for frame in sent)
                assert said_goodbye or len(payload) > 2, "it says why"
                break
            if b"the last message" in payload:
                break
        else:
            pytest.fail("the connection was lost without a word")
    witness.is_served()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x81\x81\0\0\0\0\xff",
        b"\x01\x81\0\0\0\0\xc3\x80\x80\0\0\0\0",  # half a character, in two fragments
    ],
)
def test_a_text_that_is_no_utf8(witness: Witness, sent: bytes) -> None:
    with linked(witness.server) as link:
        *_, (opcode, payload) = answer_frames(link, sent)
    assert opcode == CLOSE
    assert int.from_bytes(payload[:2], "big") == 1007
    assert payload[2:].startswith(b"the text is no UTF-8: ")
    witness.is_served()


@quick
@given(st.binary(max_size=200))
def test_bytes_in_the_place_of_frames(witness: Witness, sent: bytes) -> None:
    with linked(witness.server) as link:
        answers = answer_frames(link, sent)
        assert next(answers)[0] == TEXT
        link.shutdown(socket.SHUT_WR)
        assert all(opcode in (TEXT, CLOSE, PONG) for opcode, _ in answers)
    witness.is_served()


# -- HTTP ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [REALTIME, "/healthz", "/nowhere"])
@pytest.mark.parametrize("method", ["POST", "OPTIONS", "XYZ"])
def test_a_handshake_with_another_method(witness: Witness, method: str, target: str) -> None:
    answer = ask(witness.server, method, target, [("Host", "localhost"), *UPGRADE])
    assert answer.status == 400
    assert answer.body.startswith(b"This is no WebSocket handshake: unsupported HTTP method")
    witness.is_served()


@quick
@given(heads(TARGETS))
def test_heads(witness: Witness, head: bytes) -> None:
    with linked(witness.server) as link:
        link.sendall(head)
        line = link.recv(4096).split(b"\r\n")[0].decode()
        assert line.startswith("HTTP/1.1 "), "some answer"
        assert 100 < int(line.split()[1]) < 500, line
    witness.is_served()


@quick
@given(st.binary(max_size=200))
def test_bytes_in_the_place_of_requests(witness: Witness, sent: bytes) -> None:
    with linked(witness.server) as link:
        link.sendall(sent)
        link.shutdown(socket.SHUT_WR)
        with link.makefile("rb") as stream:
            assert not stream.read().startswith(b"HTTP/1.1 5")
    witness.is_served()


def is_answered(witness: Witness, target: str, body: bytes, content_type: str) -> None:
    if "CALL" in target:
        rung = ask(witness.server, "POST", "/test/incoming_calls", [("Host", "localhost")])
        target = target.replace("CALL", json.loads(rung.body)["data"]["call_id"])
    headers = [("Host", "localhost"), ("Content-Type", content_type)]
    answer = ask(witness.server, "POST", target, headers, body=body)
    assert 200 <= answer.status < 500, answer.body
    if answer.status >= 400:
        assert answer.error()["message"]


@settings(quick, max_examples=150)
@given(requests(), content_types())
def test_bodies(witness: Witness, of: tuple[str, bytes], content_type: str) -> None:
    is_answered(witness, *of, content_type)
    witness.is_served()


# The others take no JSON, or the same as one of these.
@pytest.mark.parametrize(
    "target", sorted(REST.keys() - {"/v1/realtime/calls", "/distiller/config/validate"})
)
def test_each_field_of_a_body(witness: Witness, target: str) -> None:
    for body in each_field(target):
        is_answered(witness, target, body.encode(), "application/json")
    witness.is_served()
