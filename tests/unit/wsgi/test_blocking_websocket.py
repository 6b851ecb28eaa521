"""The server's side of a WebSocket on a scripted socket and a virtual clock."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from fake_duplex import FakeDuplex
from guards import VirtualClock
from websockets.client import ClientProtocol
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from realtime_sync import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
    RealtimeTimeout,
)
from realtime_sync.transport.options import TransportOptions
from realtime_sync.wsgi import WebSocket
from realtime_sync.wsgi.upgrade import _handshake

ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SCRIPT_NAME": "/app",
    "PATH_INFO": "/media",
    "QUERY_STRING": "call=7",
    "REMOTE_ADDR": "192.0.2.1",
    "REMOTE_PORT": "4711",
    "HTTP_CONNECTION": "keep-alive, Upgrade",
    "HTTP_UPGRADE": "websocket",
    "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ==",
    "HTTP_SEC_WEBSOCKET_VERSION": "13",
    "HTTP_X_REQUEST_ID": "r1",
}


class Call:
    """One open WebSocket and its client."""

    def __init__(self, **options: Any) -> None:
        self.clock = VirtualClock()
        self.duplex = FakeDuplex(self.clock)
        self.left: list[WebSocket] = []
        given = TransportOptions(**{"max_size": 1000, "send_timeout": 10.0, **options})
        protocol, answer = _handshake(ENVIRON, given, None)
        self.socket = WebSocket(ENVIRON, protocol, given, self.left.append, self.clock)
        self.socket._open(self.duplex, answer)  # type: ignore[arg-type]  # as good as one
        assert self.duplex.written.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
        assert self.duplex.written.endswith(b"\r\n\r\n")
        self.duplex.written.clear()
        self._begun = self.clock()

    def passed(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self._begun

    def then(self, *steps: bytes | float | Callable[[], object]) -> None:
        self.duplex.steps.extend(steps)

    def sent(self) -> list[tuple[Opcode, bytes]]:
        """The frames that the client has got since the last call."""
        client = ClientProtocol(parse_uri("ws://test"), state=OPEN)
        client.receive_data(bytes(self.duplex.written))
        self.duplex.written.clear()
        return [(each.opcode, bytes(each.data)) for each in client.events_received()]  # type: ignore[union-attr]


def frame(opcode: Opcode, data: bytes, *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def text(words: str) -> bytes:
    return frame(Opcode.TEXT, words.encode())


def close(code: int, reason: str = "") -> bytes:
    return frame(Opcode.CLOSE, Close(code, reason).serialize())


def closed_with(code: int, reason: str = "") -> tuple[Opcode, bytes]:
    return Opcode.CLOSE, Close(code, reason).serialize()


@pytest.fixture
def call() -> Call:
    return Call()


# -- receiving -------------------------------------------------------------------------------------


def test_what_the_request_said(call: Call) -> None:
    socket = call.socket
    assert (socket.path, socket.query) == ("/app/media", "call=7")
    assert socket.headers["x-request-id"] == "r1"
    assert socket.remote_address == ("192.0.2.1", "4711")
    assert socket.subprotocol is None
    assert repr(socket) == "<WebSocket /app/media open>"


def test_messages_in_their_order_and_type(call: Call) -> None:
    call.then(text("one") + frame(Opcode.BINARY, b"\x00\xff"), text(""))
    assert [call.socket.recv() for _ in range(3)] == ["one", b"\x00\xff", ""]


def test_frames_cut_at_every_byte() -> None:
    whole = text("one") + frame(Opcode.BINARY, b"two" * 50) + text("three")
    call = Call()
    call.then(*(whole[at : at + 1] for at in range(len(whole))))
    assert [call.socket.recv() for _ in range(3)] == ["one", b"two" * 50, "three"]


def test_fragments_with_a_ping_between(call: Call) -> None:
    euro = "a€b".encode()
    call.then(
        frame(Opcode.TEXT, euro[:2], fin=False),
        frame(Opcode.PING, b"?"),
        frame(Opcode.CONT, b"", fin=False),
        frame(Opcode.CONT, euro[2:]),
        frame(Opcode.BINARY, b"", fin=False) + frame(Opcode.CONT, b"z"),
    )
    assert call.socket.recv() == "a€b"
    assert call.sent() == [(Opcode.PONG, b"?")]
    assert call.socket.recv() == b"z"


def test_a_timeout_leaves_it_usable(call: Call) -> None:
    call.then(3.0, text("late"))
    with pytest.raises(RealtimeTimeout, match="did not come within 2 s; the connection is still"):
        call.socket.recv(timeout=2)
    assert call.passed() == 2.0
    assert call.socket.recv(timeout=2) == "late"
    with pytest.raises(TimeoutError, match="at once"):
        call.socket.recv(timeout=0)
    with pytest.raises(ConfigError, match="timeout is 'soon'"):
        call.socket.recv(timeout="soon")  # type: ignore[arg-type]


def test_pings_do_not_prolong_a_timeout(call: Call) -> None:
    call.then(*[1.0, frame(Opcode.PING, b"")] * 5)
    with pytest.raises(RealtimeTimeout):
        call.socket.recv(timeout=3)
    assert call.passed() == 3.0


def test_not_more_is_read_than_the_program_takes(call: Call) -> None:
    call.then(text("x" * 900) * 200)
    call.socket.recv()
    assert len(call.duplex._arrived) == len(text("x" * 900)) * 200 - 65_536


def test_a_message_that_is_too_large(call: Call) -> None:
    call.then(text("x" * 1000), frame(Opcode.TEXT, b"x" * 600, fin=False))
    call.then(frame(Opcode.CONT, b"x" * 401) + b"more", b"and more", b"")
    assert call.socket.recv() == "x" * 1000
    with pytest.raises(ConnectionClosedError, match="closed by this server") as caught:
        call.socket.recv()
    assert caught.value.code == 1009
    assert [opcode for opcode, _ in call.sent()] == [Opcode.CLOSE]
    # The client reads this before the end: nothing that it sends meanwhile may reset the link.
    assert call.duplex.calls == ["shut_writing", "end"]
    assert not call.duplex.steps


def test_text_that_is_no_utf_8_ends_it_there(call: Call) -> None:
    call.then(text("good") + frame(Opcode.TEXT, b"\xff") + text("behind"), b"")
    assert call.socket.recv() == "good"
    for _ in range(2):
        with pytest.raises(ConnectionClosedError) as caught:
            call.socket.recv()
        assert caught.value.code == 1007
    assert call.sent() == [closed_with(1007, "invalid start byte at position 0")]


@pytest.mark.parametrize(
    "wrong",
    [
        Frame(Opcode.TEXT, b"unmasked").serialize(mask=False),
        frame(Opcode.CONT, b"nothing to continue"),
        b"\x83\x80\x00\x00\x00\x00",
        frame(Opcode.TEXT, b"", fin=False) + text("another"),
    ],
    ids=["unmasked", "continuation", "opcode", "interleaved"],
)
def test_a_broken_rule(call: Call, wrong: bytes) -> None:
    call.then(wrong, b"")
    with pytest.raises(ConnectionClosedError) as caught:
        call.socket.recv()
    assert (caught.value.code, caught.value.closed_by) == (1002, "this server")
    assert [data[:2] for _, data in call.sent()] == [b"\x03\xea"]


def test_one_thread_receives_at_a_time(call: Call) -> None:
    def intrude() -> None:
        with pytest.raises(ConcurrencyError, match="another thread is in recv"):
            call.socket.recv()

    call.then(intrude, text("mine"))
    assert call.socket.recv() == "mine"


# -- silence ---------------------------------------------------------------------------------------


def test_a_silent_client_is_pinged_and_given_up() -> None:
    call = Call(ping_interval=20.0, ping_timeout=5.0)
    call.then(19.0, text("alive"), 21.0, frame(Opcode.PONG, b""), 1000.0)
    assert call.socket.recv() == "alive"
    with pytest.raises(ConnectionClosedError, match="no answer to a ping within 5 s") as caught:
        call.socket.recv()
    assert caught.value.closed_by == "the client's network"
    assert call.sent() == [(Opcode.PING, b"")] * 2
    assert call.passed() == 19.0 + 21.0 + 20.0 + 5.0


def test_silence_goes_on_from_one_recv_to_the_next() -> None:
    call = Call(ping_interval=20.0, ping_timeout=5.0)
    call.then(1000.0)
    while not call.socket.closed:
        with pytest.raises((RealtimeTimeout, ConnectionClosedError)):
            call.socket.recv(timeout=0.5)
    assert call.passed() == 25.0


def test_without_pings_it_waits_for_ever() -> None:
    call = Call(ping_interval=None)
    call.then(1e6, text("at last"))
    assert call.socket.recv() == "at last"
    assert call.sent() == []


def test_a_pong_waits_until_the_client_takes_it(call: Call) -> None:
    call.duplex.room = 0

    def take() -> None:
        call.duplex.room = None

    call.then(frame(Opcode.PING, b"1"), take, text("on"))
    assert call.socket.recv() == "on"
    assert call.sent() == [(Opcode.PONG, b"1")]


def test_pings_of_a_client_that_takes_nothing_are_answered_once(call: Call) -> None:
    call.duplex.room = 1  # the first pong is begun
    pings = [frame(Opcode.PING, bytes([number])) for number in range(9)]
    call.then(pings[0], *pings[1:5], b"".join(pings[5:]))
    with pytest.raises(RealtimeTimeout):
        call.socket.recv(timeout=0.1)
    assert call.socket._bytes_queued - call.socket._bytes_out == 2 + 3, "of two pongs, one begun"
    call.duplex.room = None
    call.socket.send("on")
    assert call.sent() == [(Opcode.PONG, b"\0"), (Opcode.PONG, b"\x08"), (Opcode.TEXT, b"on")]


def test_a_pong_takes_the_place_of_no_message(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def ping(number: bytes) -> None:
        call.then(frame(Opcode.PING, number))
        with pytest.raises(RealtimeTimeout):
            call.socket.recv(timeout=0)

    def wait_to_write(timeout: float | None) -> None:
        """The message waits behind the first pong."""
        ping(b"2")
        call.duplex.room = None

    call.duplex.room = 0
    ping(b"1")
    monkeypatch.setattr(call.duplex, "wait_to_write", wait_to_write)
    call.socket.send("on")
    assert call.sent() == [(Opcode.PONG, b"1"), (Opcode.TEXT, b"on"), (Opcode.PONG, b"2")]


# -- sending ---------------------------------------------------------------------------------------


def test_what_is_sent(call: Call) -> None:
    for message in ("é", b"\x00", bytearray(b"\x01"), memoryview(b"\x02"), ""):
        call.socket.send(message)
    assert call.sent() == [
        (Opcode.TEXT, "é".encode()),
        (Opcode.BINARY, b"\x00"),
        (Opcode.BINARY, b"\x01"),
        (Opcode.BINARY, b"\x02"),
        (Opcode.TEXT, b""),
    ]


@pytest.mark.parametrize("wrong", [{"event": "media"}, None, 7, "\ud800"])
def test_what_is_no_message(call: Call, wrong: Any) -> None:
    with pytest.raises(LocalProtocolError, match="a message is"):
        call.socket.send(wrong)
    assert call.sent() == []


def test_a_client_that_takes_nothing_is_given_up(call: Call) -> None:
    call.duplex.room = 5
    with pytest.raises(ConnectionClosedError, match="did not take a message within 10 s"):
        call.socket.send("x" * 100)
    assert call.passed() == 10.0
    assert call.duplex.over
    for use in (call.socket.recv, lambda: call.socket.send("more")):
        with pytest.raises(ConnectionClosedError, match="did not take a message"):
            use()
    call.socket.close()
    assert call.passed() == 10.0, "nothing to wait for"
    assert call.left == [call.socket]


def test_what_one_thread_leaves_the_next_one_sends(call: Call) -> None:
    """The send lock's holder writes what is queued, whosever it is."""
    call.duplex.room = 3
    call.then(frame(Opcode.PING, b"12345678"))
    with pytest.raises(RealtimeTimeout):
        call.socket.recv(timeout=0)
    call.duplex.room = None
    call.socket.send("next")
    assert call.sent() == [(Opcode.PONG, b"12345678"), (Opcode.TEXT, b"next")]


def test_what_comes_while_the_send_lock_is_let_go_is_not_forgotten(call: Call) -> None:
    """The reader finds the lock taken and leaves its pong to a thread that has just finished."""
    lock = call.socket._sending

    class Letting:
        """The send lock, with a reader that comes in the moment before it is free."""

        acquire = staticmethod(lock.acquire)

        def release(self) -> None:
            call.socket._sending = lock
            with pytest.raises(RealtimeTimeout):
                call.socket.recv(timeout=0)
            lock.release()

    call.socket._sending = Letting()  # type: ignore[assignment]
    call.then(frame(Opcode.PING, b"1"))
    call.socket.send("first")
    assert call.sent() == [(Opcode.TEXT, b"first"), (Opcode.PONG, b"1")]


def test_a_slow_client_is_not_dead() -> None:
    """As long as it takes something of what stands before the ping, the ping is not overdue."""
    call = Call(ping_interval=20.0, ping_timeout=20.0)
    call.duplex.room = 0

    def take() -> None:
        call.duplex.room = 1

    call.then(frame(Opcode.PING, b"x" * 100), *[15.0, take] * 10, 1000.0)
    with pytest.raises(ConnectionClosedError, match="no answer to a ping"):
        call.socket.recv()
    assert call.passed() == 200.0  # the last byte goes out at 160; two looks after that


# -- the end ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001])
def test_the_client_closes(call: Call, code: int) -> None:
    call.then(text("last") + close(code, "bye"), b"")
    assert list(call.socket) == ["last"]
    assert call.sent() == [closed_with(code, "bye")]
    assert call.duplex.calls == ["shut_writing", "end"]
    with pytest.raises(ConnectionClosedOK, match="closed by the client") as caught:
        call.socket.send("too late")
    assert (caught.value.code, caught.value.reason) == (code, "bye")
    assert call.socket.closed


def test_a_page_closes_without_a_code(call: Call) -> None:
    call.then(frame(Opcode.CLOSE, b""), b"")
    assert list(call.socket) == []
    with pytest.raises(ConnectionClosedOK) as caught:
        call.socket.recv()
    assert (caught.value.code, caught.value.closed_by) == (1005, "the client")
    assert call.sent() == [(Opcode.CLOSE, b"")]


def test_the_client_closes_because_of_an_error(call: Call) -> None:
    call.then(text("last") + close(4000, "no"), b"")
    messages = iter(call.socket)
    assert next(messages) == "last"
    with pytest.raises(ConnectionClosedError, match="only the client can open another"):
        next(messages)


def test_the_link_ends_without_a_close(call: Call) -> None:
    call.then(frame(Opcode.TEXT, b"half", fin=False), b"")
    with pytest.raises(ConnectionClosedError, match="without a close frame") as caught:
        list(call.socket)
    assert (caught.value.code, caught.value.closed_by) == (1006, "the client's network")


def test_the_link_breaks(call: Call) -> None:
    call.then(lambda: setattr(call.duplex, "broken", True), text("never seen"))
    with pytest.raises(ConnectionClosedError, match="the link broke: reset by the test"):
        call.socket.recv()


def test_a_write_that_fails_leaves_the_reason_to_be_read(call: Call) -> None:
    call.then(close(4001, "wrong key"), b"")
    fails = call.duplex.write_some
    call.duplex.write_some = lambda data: setattr(call.duplex, "over", True) or fails(data)  # type: ignore[method-assign]
    with pytest.raises(ConnectionClosedError, match="sending failed: the link was ended"):
        call.socket.send("x")
    call.duplex.over = False
    with pytest.raises(ConnectionClosedError, match="wrong key"):
        call.socket.recv()


def test_closing(call: Call) -> None:
    call.then(text("thrown away"), close(1000), b"")
    call.socket.close(3000, "done")
    assert call.sent() == [closed_with(3000, "done")]
    assert call.duplex.calls[-2:] == ["end", "release"]
    assert call.left == [call.socket]
    with pytest.raises(ConnectionClosedOK, match="closed by this server") as caught:
        call.socket.recv()
    assert (caught.value.code, caught.value.reason) == (3000, "done")
    assert caught.value.__notes__ == ["the client answered the close with code 1000"]
    call.socket.close(4000)
    assert call.sent() == []
    assert repr(call.socket) == "<WebSocket /app/media closed>"


def test_a_close_while_a_message_goes_out_comes_behind_it(call: Call) -> None:
    call.duplex.room = 2
    call.duplex.wait_to_write = lambda _: setattr(call.duplex, "room", None)  # type: ignore[method-assign,misc]
    call.socket.send("whole")
    call.then(close(1000), b"")
    call.socket.close()
    assert call.sent() == [(Opcode.TEXT, b"whole"), closed_with(1000)]


def test_a_close_that_is_not_answered(call: Call) -> None:
    call.then(1.0, text("talks on"), 1.0, text("and on"), 1000.0)
    call.socket.close()
    assert call.passed() == 5.0
    with pytest.raises(ConnectionClosedOK) as caught:
        call.socket.recv()
    assert caught.value.__notes__ == ["the client did not answer the close"]


def test_a_client_that_sends_without_a_pause_holds_up_no_close(call: Call) -> None:
    for _ in range(20):
        call.then(lambda: call.clock.advance(1.0), text("more"))
    call.socket.close()
    assert call.passed() == 5.0
    with pytest.raises(ConnectionClosedOK) as caught:
        call.socket.recv()
    assert caught.value.__notes__ == ["the client did not answer the close"]


def test_a_close_that_is_not_taken(call: Call) -> None:
    call.duplex.room = 0
    call.socket.close()
    assert call.passed() == 5.0
    assert call.duplex.calls[-1] == "release"


def test_a_close_of_another_thread_wakes_the_reader(call: Call) -> None:
    call.then(lambda: call.socket._start_close(1001, "going"), 0.5, close(1001), b"")
    with pytest.raises(ConnectionClosedOK, match="closed by this server") as caught:
        call.socket.recv()
    assert caught.value.code == 1001
    assert "nudge" in call.duplex.calls
    with pytest.raises(ConnectionClosedOK):
        call.socket.send("too late")


def test_sending_while_it_closes(call: Call) -> None:
    call.socket._start_close(1000, "done")
    assert call.socket.closed
    with pytest.raises(ConnectionClosedOK, match="code 1000: done") as caught:
        call.socket.send("too late")
    assert caught.value.__notes__ == ["the close is under way"]
    assert call.sent() == [closed_with(1000, "done")]


def test_what_was_received_before_our_close_is_still_there(call: Call) -> None:
    call.then(text("1") + text("2"), close(1000), b"")
    assert call.socket.recv() == "1"
    call.socket.close()
    assert call.socket.recv() == "2"
    with pytest.raises(ConnectionClosedOK):
        call.socket.recv()


@pytest.mark.parametrize("code", [True, 999, 1004, 1005, 1006, 1010, 1015, 2000, 5000, "1000"])
def test_a_code_that_is_no_servers(call: Call, code: Any) -> None:
    with pytest.raises(LocalProtocolError, match="is not a server's to send; use 1000, 1001, 1008"):
        call.socket.close(code)
    assert not call.socket.closed


@pytest.mark.parametrize(("error", "code"), [(None, 1000), (ValueError, 1011)])
def test_leaving_the_block(call: Call, error: type[Exception] | None, code: int) -> None:
    call.then(close(code), b"")
    try:
        with call.socket as same:
            assert same is call.socket
            if error is not None:
                raise error
    except ValueError:
        assert error is ValueError
    assert call.sent() == [closed_with(code)]


def test_the_response_closes_and_writes_nothing(call: Call) -> None:
    said: list[Any] = []
    call.then(close(1000), b"")
    body = call.socket.response({}, lambda *args: said.append(args))
    assert list(body) == []
    assert said == [("101 Switching Protocols", [])]
    assert call.sent() == [closed_with(1000)]
    assert call.duplex.calls[-1] == "release"


def test_each_exception_is_a_fresh_one_and_known_as_its_own(call: Call) -> None:
    other = Call()
    for each in (call, other):
        each.then(close(4000), b"")
    caught: list[ConnectionClosed] = []
    for socket in (call.socket, call.socket, other.socket):
        with pytest.raises(ConnectionClosed) as info:
            socket.recv()
        caught.append(info.value)
    assert caught[0] is not caught[1]
    assert [call.socket._has_raised(exc) for exc in caught] == [True, True, False]
    assert not call.socket._has_raised(ConnectionClosedError(4000))


# -- habits of other packages ----------------------------------------------------------------------


def test_what_to_write_instead(call: Call) -> None:
    with pytest.raises(ConfigError, match=r"\.receive: call recv\(\)"):
        call.socket.receive  # type: ignore[attr-defined]  # noqa: B018 -- the access is the test
    assert not hasattr(call.socket, "receive")
    with pytest.raises(ConcurrencyError, match="can't be copied or pickled"):
        pickle.dumps(call.socket)


def test_the_protocol_is_that_of_the_package() -> None:
    """What is used of it beyond its documents: where it is not there, this says so first."""
    protocol = ServerProtocol()
    assert protocol.close_sent is None
    assert protocol.close_expected() is False
