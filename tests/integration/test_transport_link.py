"""The life of an open link, and every way in which it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from guards import GUARD_S, Guard
from raw_links import HUGE, Call, Opener, end_of
from raw_server import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    RawPeer,
    close_payload,
    server_frame,
)

from realtime_sync._deadline import Deadline
from realtime_sync.errors import (
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
)
from realtime_sync.transport import Transport
from realtime_sync.transport._websocket import WebSocketTransport


def stay_silent(peer: RawPeer) -> None:
    peer.expect_end()


# -- messages --------------------------------------------------------------------------------------


def test_messages_and_counters(opened: Opener) -> None:
    def script(peer: RawPeer) -> None:
        assert peer.frame() == (TEXT, "grüße".encode())
        assert peer.frame() == (TEXT, b"as bytes")
        batch = [server_frame(TEXT, b"%d" % i) for i in range(100)]
        peer.sock.sendall(b"".join(batch) + server_frame(BINARY, b"\0\xff"))
        assert peer.frame() == (CLOSE, close_payload(1000, "done"))
        peer.send(CLOSE, close_payload(1000, "done"))
        peer.expect_end()

    with opened(script) as transport:
        transport.send("grüße")
        transport.send(b"as bytes")
        received: list[str | bytes] = []
        while len(received) < 101:
            received += transport.read()
        assert received == [str(i) for i in range(100)] + [b"\0\xff"]
        assert (transport.messages_in, transport.messages_out) == (101, 2)
        assert transport.bytes_in == 10 * 3 + 90 * 4 + 4
        assert transport.bytes_out == 6 + 7 + 6 + 8
        with pytest.raises(LocalProtocolError, match="surrogates"):
            transport.send("\ud800")
        assert not transport.closed
        transport.close(1000, "done", timeout=GUARD_S)
        assert isinstance(end_of(transport), ConnectionClosedOK)


def test_frames_of_many_senders_stay_whole(opened: Opener, guard: Guard) -> None:
    received: list[bytes] = []

    def script(peer: RawPeer) -> None:
        received.extend(peer.frame()[1] for _ in range(4 * 50))
        peer.expect_end()

    def send(name: str) -> None:
        for i in range(50):
            transport.send(name * (1 + 700 * i))

    with opened(script) as transport:
        senders = [Call(lambda name=name: send(name)) for name in "abcd"]  # type: ignore[misc]
        for sender in senders:
            guard.join(sender)
            assert sender.error is None
    assert {len(set(message)) for message in received} == {1}
    for name in b"abcd":
        sizes = [len(message) for message in received if message[0] == name]
        assert sizes == [1 + 700 * i for i in range(50)]


# -- control frames --------------------------------------------------------------------------------


def test_pings_are_answered_even_inside_a_message(opened: Opener) -> None:
    def script(peer: RawPeer) -> None:
        peer.send(TEXT, b"one ", fin=False)
        peer.send(PING, b"inside")
        assert peer.frame() == (PONG, b"inside")
        peer.sock.sendall(server_frame(PING, b"old") + server_frame(PING, b"new"))
        answer = peer.frame()
        if answer == (PONG, b"old"):  # the two came in two reads
            answer = peer.frame()
        assert answer == (PONG, b"new")
        peer.send(0, b"message")
        peer.expect_end()

    with opened(script) as transport:
        assert transport.read() == ["one message"]


def test_a_silent_peer_is_pinged(opened: Opener) -> None:
    def script(peer: RawPeer) -> None:
        for _ in range(3):
            assert peer.frame() == (PING, b"")
            peer.send(PONG, b"")
        peer.send(TEXT, b"alive")
        peer.expect_end()

    with opened(script, ping_interval=0.05, ping_timeout=GUARD_S) as transport:
        assert transport.read() == ["alive"]


def test_a_half_open_peer_is_given_up(opened: Opener) -> None:
    over = threading.Event()

    def script(peer: RawPeer) -> None:
        over.wait(GUARD_S)  # reads nothing, says nothing

    with opened(script, ping_interval=0.05, ping_timeout=0.1) as transport:
        end = end_of(transport)
        over.set()
    assert isinstance(end, ConnectionClosedError)
    assert (end.code, end.reason) == (1006, "no answer to a ping within 0.1 s")


def test_a_peer_that_never_answers_pings_is_pinged_on(opened: Opener) -> None:
    """Without a ping timeout the pings only keep the way open."""

    def script(peer: RawPeer) -> None:
        for _ in range(4):
            assert peer.frame() == (PING, b"")
        peer.send(TEXT, b"still here")
        assert peer.frame() == (TEXT, b"so am I")
        peer.expect_end()

    with opened(script, ping_interval=0.05, ping_timeout=None) as transport:
        assert transport.read() == ["still here"]
        transport.send("so am I")


def test_a_stuck_sender_does_not_hold_the_reader(opened: Opener, guard: Guard) -> None:
    """The peer sends and pings, but reads nothing: its messages still come, its pongs wait."""
    go, seen = threading.Event(), threading.Event()

    def script(peer: RawPeer) -> None:
        go.wait(GUARD_S)
        for _ in range(100):
            peer.send(PING, b"p" * 100)
        peer.send(TEXT, b"still here")
        seen.wait(GUARD_S)
        opcode, payload = peer.frame()
        assert (opcode, len(payload)) == (TEXT, len(HUGE))
        assert peer.frame() == (PONG, b"p" * 100)
        peer.expect_end()

    with opened(script) as transport:
        sender = Call(lambda: transport.send(HUGE))
        guard.until(lambda: transport.bytes_out > 0, "the sender's first bytes")
        go.set()
        assert transport.read() == ["still here"]
        seen.set()
        reader = Call(transport.read)
        guard.join(sender)
        assert sender.error is None
        transport.send("behind the pong")
        transport.abort()
        guard.join(reader)


# -- the peer closes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [(1000, ConnectionClosedOK), (1001, ConnectionClosedOK), (1011, ConnectionClosedError),
     (4001, ConnectionClosedError), (1005, ConnectionClosedError)],
)  # fmt: skip
def test_the_peer_closes(opened: Opener, code: int, kind: type[ConnectionClosed]) -> None:
    payload = b"" if code == 1005 else close_payload(code, "why")

    def script(peer: RawPeer) -> None:
        peer.sock.sendall(server_frame(TEXT, b"last") + server_frame(CLOSE, payload))
        assert peer.frame() == (CLOSE, payload[:2])
        peer.expect_end()

    with opened(script) as transport:
        assert transport.read() == ["last"]
        end = end_of(transport)
    assert type(end) is kind
    assert (end.code, end.reason) == (code, "why" if payload else "")


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xc1\x00", 1002),
        (server_frame(TEXT, b"\xff"), 1007),
        (server_frame(TEXT, b"x" * 2000), 1009),
        (server_frame(TEXT, b"x" * 900, fin=False) + server_frame(0, b"x" * 900), 1009),
    ],
)
def test_the_peer_breaks_a_rule(opened: Opener, data: bytes, code: int) -> None:
    def script(peer: RawPeer) -> None:
        peer.sock.sendall(server_frame(TEXT, b"good") + data)
        opcode, payload = peer.frame()
        assert (opcode, payload[:2]) == (CLOSE, close_payload(code))
        peer.expect_end()

    with opened(script, max_size=1000) as transport:
        assert transport.read() == ["good"]
        end = end_of(transport)
    assert isinstance(end, ConnectionClosedError)
    assert end.code == code
    assert end.reason


def test_the_link_ends_without_a_close_frame(opened: Opener) -> None:
    with opened(lambda peer: peer.send(TEXT, b"last")) as transport:
        assert transport.read() == ["last"]
        end = end_of(transport)
    assert (end.code, end.reason) == (1006, "the peer ended the link without a close frame")


# -- we close --------------------------------------------------------------------------------------


def answer_close(peer: RawPeer) -> None:
    while True:
        opcode, payload = peer.frame()
        if opcode == CLOSE:
            break
    peer.sock.sendall(server_frame(TEXT, b"on its way") + server_frame(CLOSE, payload))
    peer.expect_end()


def test_close_from_another_thread(opened: Opener, guard: Guard) -> None:
    with opened(answer_close) as transport:
        reader = Call(lambda: (transport.read(), end_of(transport)))
        closers = [Call(lambda: transport.close(3000, "bye", timeout=GUARD_S)) for _ in range(3)]
        for call in (*closers, reader):
            guard.join(call)
            assert call.error is None
        assert isinstance(reader.result, tuple)
        messages, end = reader.result
    assert messages == ["on its way"]
    assert type(end) is ConnectionClosedOK
    assert (end.code, end.reason) == (3000, "bye")


def test_close_by_the_reader_itself(opened: Opener) -> None:
    def script(peer: RawPeer) -> None:
        peer.send(TEXT, b"first")
        answer_close(peer)

    with opened(script) as transport:
        assert transport.read() == ["first"]
        transport.close(timeout=GUARD_S)
        transport.close(timeout=GUARD_S)
        assert transport.read() == ["on its way"]
        assert type(end_of(transport)) is ConnectionClosedOK


@pytest.mark.parametrize("reading", [True, False], ids=["reader waiting", "nobody reads"])
def test_close_with_a_silent_peer_keeps_to_its_deadline(
    opened: Opener, guard: Guard, reading: bool
) -> None:
    over = threading.Event()
    with opened(lambda _: over.wait(GUARD_S) and None) as transport:
        reader = Call(lambda: end_of(transport)) if reading else None
        started = time.monotonic()
        closer = Call(lambda: transport.close(timeout=0.2))
        guard.join(closer)
        print(f"close(timeout=0.2), silent peer: {time.monotonic() - started:.3f} s")
        assert closer.error is None
        if reader is not None:
            guard.join(reader)
        end = end_of(transport)
        over.set()
    assert isinstance(end, ConnectionClosedError)
    assert (end.code, end.reason) == (1006, "the peer did not answer our close in time")


@pytest.mark.parametrize("reading", [True, False], ids=["reader waiting", "nobody reads"])
def test_a_send_timeout_breaks_the_link(opened: Opener, guard: Guard, reading: bool) -> None:
    """A part of the message is under way, so nothing could follow it."""
    over = threading.Event()
    with opened(lambda _: over.wait(GUARD_S) and None, send_timeout=0.2) as transport:
        transport.send("small ones get through")
        reader = Call(transport.read) if reading else None
        senders = [Call(lambda: transport.send(HUGE)) for _ in range(3)]
        for sender in senders:
            guard.join(sender)
            assert isinstance(sender.error, ConnectionClosedError)
            assert sender.error.code == 1006
            # Whether the one that sends or one that waits for it runs out of time first.
            assert "sending failed" in sender.error.reason
        assert transport.closed
        if reader is not None:
            guard.join(reader)
            assert isinstance(reader.error, ConnectionClosedError)
        end = end_of(transport)
        over.set()
    assert end.code == 1006
    assert "sending failed" in end.reason


def test_a_slow_but_living_peer_is_within_a_send_timeout(opened: Opener, guard: Guard) -> None:
    go = threading.Event()

    def script(peer: RawPeer) -> None:
        guard.wait(go, "the sender's first bytes")
        assert len(peer.frame()[1]) == len(HUGE)
        peer.expect_end()

    with opened(script, send_timeout=GUARD_S) as transport:
        sender = Call(lambda: transport.send(HUGE))
        guard.until(lambda: transport.bytes_out > 0, "the sender's first bytes")
        go.set()
        guard.join(sender)
        assert sender.error is None


@pytest.mark.parametrize(("code", "reason"), [(1001, ""), (1000, "x" * 124)])
def test_a_close_that_breaks_a_rule_sends_nothing(opened: Opener, code: int, reason: str) -> None:
    def script(peer: RawPeer) -> None:
        assert peer.frame() == (TEXT, b"still open")
        peer.expect_end()

    with opened(script) as transport:
        with pytest.raises(LocalProtocolError):
            transport.close(code, reason, timeout=GUARD_S)
        transport.send("still open")


@pytest.fixture
def flooded(opened: Opener) -> Iterator[Transport]:
    """A transport whose every read of the socket brings more than it can hand on at once."""
    with opened(RawPeer.expect_end) as transport:
        assert isinstance(transport, WebSocketTransport)
        flood = server_frame(TEXT, b"x" * 1000) * 300
        transport._duplex.read = lambda size: flood  # type: ignore[method-assign]
        yield transport


def test_a_peer_that_never_stops_talking_is_cut_at_the_deadline(flooded: Transport) -> None:
    assert flooded.read()
    flooded.start_close(1000, "", Deadline(0))
    flooded.read()  # what was under way
    with pytest.raises(ConnectionClosedError, match="did not answer our close in time"):
        flooded.read()


def test_what_is_posted_goes_out_in_a_flood(flooded: Transport) -> None:
    assert flooded.read()
    flooded.post("stop it")
    assert flooded.read()
    assert flooded.messages_out == 1


def test_abort_wakes_the_reader(opened: Opener, guard: Guard) -> None:
    with opened(stay_silent) as transport:
        reader = Call(transport.read)
        transport.abort()
        transport.abort()
        guard.join(reader)
        assert isinstance(reader.error, ConnectionClosedError)
        assert "aborted" in reader.error.reason
        transport.close(timeout=GUARD_S)
