"""Frames that stop halfway: a link that ends while a message is being sent or received.

Where a frame was begun, nothing else may follow; what the other side has received is therefore
always whole frames, and at most the beginning of one.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time

import pytest
from framing import CONTINUATION, Sent, client_frames
from guards import GUARD_S, Guard
from raw_links import HUGE, Call, Opener, drain, end_of
from raw_server import CLOSE, PING, PONG, TEXT, RawPeer, close_payload, server_frame

from realtime_sync.errors import ConnectionClosed, ConnectionClosedError, ConnectionClosedOK
from realtime_sync.transport import Transport

PATTERN = "".join(map(chr, range(32, 127)))
LONG = PATTERN * (len(HUGE) // len(PATTERN))  # shows where a part of it belongs


def received(peer: RawPeer, data: bytes = b"") -> list[Sent]:
    """Read to the end of the link; return the frames in ``data`` and in that."""
    parts = [data]
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := peer.sock.recv(1 << 20):
            parts.append(part)
    return client_frames(b"".join(parts))


def reset(peer: RawPeer) -> None:
    """Let the coming close be an RST, as from a machine that lost its state."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def assert_stops_within_long(frames: list[Sent], *before: Sent) -> None:
    """Assert that the frames ``before`` came, and then a part of `LONG`."""
    assert frames[: len(before)] == [*before]
    (last,) = frames[len(before) :]
    assert last.opcode == TEXT
    assert not last.whole
    same = last.payload == LONG[: len(last.payload)].encode()
    assert same


# -- we end it -------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "abort"])
def test_a_blocked_send_is_woken(opened: Opener, guard: Guard, how: str) -> None:
    over = threading.Event()
    with opened(lambda _: over.wait(GUARD_S) and None) as transport:
        reader = Call(transport.read)
        senders = [Call(lambda: transport.send(HUGE)) for _ in range(2)]
        guard.until(lambda: transport.bytes_out > 0, "the sender's first bytes")
        started = time.monotonic()
        if how == "close":
            transport.close(timeout=0.2)
        else:
            transport.abort()
        for call in (*senders, reader):
            guard.join(call)
            assert isinstance(call.error, ConnectionClosed)
        print(f"{how}: everybody awake after {time.monotonic() - started:.3f} s")
        over.set()


@pytest.mark.parametrize("taken", [0, 1 << 20], ids=["reads nothing", "reads a little"])
@pytest.mark.parametrize("how", ["close", "abort", "send timeout"])
def test_nothing_follows_a_message_in_part(
    opened: Opener, guard: Guard, how: str, taken: int
) -> None:
    """Not the close frame, nor another message, nor the answer to a ping."""
    ending, ended = threading.Event(), threading.Event()
    frames: list[Sent] = []

    def script(peer: RawPeer) -> None:
        peer.sock.sendall(server_frame(PING, b"?") + server_frame(TEXT, b"now"))
        data = b""
        guard.wait(ending, "the beginning of the end")
        while len(data) < taken:
            data += peer.sock.recv(taken - len(data))
        guard.wait(ended, "the end")
        frames.extend(received(peer, data))

    options = {"send_timeout": 0.1} if how == "send timeout" else {}
    with opened(script, **options) as transport:
        transport.send("before")
        before = transport.bytes_out
        sender = Call(lambda: transport.send(LONG))
        guard.until(lambda: transport.bytes_out > before, "the sender's first bytes")
        behind = Call(lambda: transport.send("behind"))
        if how != "send timeout":  # or the link may be over by now
            assert transport.read() == ["now"], "and the answer to the ping waits"
        reader = Call(lambda: drain(transport))
        ending.set()
        if how == "close":
            transport.close(timeout=0.1)
        elif how == "abort":
            transport.abort()
        for call in (sender, behind, reader):
            guard.join(call)
            assert isinstance(call.error, ConnectionClosed)
        ended.set()
    assert_stops_within_long(frames, Sent(TEXT, b"before"))


def test_a_message_in_hand_is_finished_before_the_close(opened: Opener, guard: Guard) -> None:
    go = threading.Event()

    def script(peer: RawPeer) -> None:
        go.wait(GUARD_S)
        opcode, payload = peer.frame()
        assert (opcode, len(payload)) == (TEXT, len(HUGE))
        assert peer.frame() == (CLOSE, close_payload(1000))
        peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    with opened(script) as transport:
        reader = Call(transport.read)
        sender = Call(lambda: transport.send(HUGE))
        guard.until(lambda: transport.bytes_out > 0, "the sender's first bytes")
        closer = Call(lambda: transport.close(timeout=GUARD_S))
        guard.until(lambda: transport.closed, "the close")
        refused = Call(lambda: transport.send("refused"))
        go.set()
        for call in (sender, closer, reader, refused):
            guard.join(call)
        assert type(refused.error) is ConnectionClosedOK
        assert sender.error is None
        assert type(reader.error) is ConnectionClosedOK


@pytest.mark.parametrize("then", ["a message", "a close", "a close in vain"])
def test_a_pong_in_part_is_finished_first(
    narrow: tuple[Transport, RawPeer], guard: Guard, then: str
) -> None:
    """No sender is there; the reader alone fills the kernel with pongs, and does not block."""
    transport, peer = narrow

    def ping(number: int) -> int:
        """Let a ping come and be answered; return how many bytes were sent so far."""
        peer.sock.sendall(server_frame(PING, b"%0100d" % number) + server_frame(TEXT, b"m"))
        assert transport.read() == ["m"]
        return transport.bytes_out

    number = before = 0
    while (sent := ping(number)) > before or number < 3:
        number, before = number + 1, sent
    for _ in range(3):  # they find the one in part, and wait behind it
        number += 1
        ping(number)
    if then == "a close in vain":
        transport.close(timeout=0.1)
        frames = received(peer)
    else:
        said = Call(
            lambda: (
                transport.send("text") if then == "a message" else transport.close(timeout=GUARD_S)
            )
        )
        guard.until(lambda: transport.closed or then == "a message", "the close")
        frames = [Sent(*peer.frame())]
        while frames[-1].opcode == PONG:
            frames.append(Sent(*peer.frame()))
        peer.send(CLOSE, close_payload(1000))
        if then == "a close":
            assert frames[-1] == Sent(CLOSE, close_payload(1000))
            assert isinstance(end_of(transport), ConnectionClosedOK)
        else:
            assert frames[-1] == Sent(TEXT, b"text")
        guard.join(said)
        assert said.error is None
    pongs = [int(frame.payload) for frame in frames if frame.opcode == PONG and frame.whole]
    print(f"{len(pongs)} of {number + 1} pings answered")
    assert pongs[0] == 0
    assert pongs == sorted(set(pongs))
    if then == "a close in vain":
        assert {frame.opcode for frame in frames} == {PONG}
        assert all(frame.whole for frame in frames[:-1])


# -- the peer ends it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [
        b"\x81",
        b"\x81\x7e\x01",
        b"\x81\x7f" + bytes(5),
        server_frame(TEXT, b"x" * 300)[:4],
        server_frame(TEXT, b"x" * 300)[:-1],
        server_frame(TEXT, b"x" * 50_000)[:30_000],
        server_frame(TEXT, b"x" * 50_000)[:-1],
        server_frame(TEXT, b"fragment", fin=False),
        server_frame(TEXT, b"x", fin=False) + server_frame(CONTINUATION, b"y")[:-1],
        server_frame(PING, b"ping")[:-1],
        server_frame(CLOSE, close_payload(1000))[:-1],
    ],
    ids=lambda part: f"{part[:3].hex()}-{len(part)}",
)
@pytest.mark.parametrize("how", ["end", "reset"])
def test_the_peer_ends_in_the_middle_of_a_frame(
    opened: Opener, guard: Guard, how: str, part: bytes
) -> None:
    frames: list[Sent] = []
    seen = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.sock.sendall(server_frame(TEXT, b"whole") + part)
        guard.wait(seen, "the whole message")
        if how == "reset":
            reset(peer)
            return
        socket.socket.shutdown(peer.sock, socket.SHUT_WR)
        frames.extend(received(peer))

    with opened(script) as transport:
        transport.send("ours")
        assert transport.read() == ["whole"]
        seen.set()
        end = end_of(transport)
        transport.close(timeout=GUARD_S)
        assert isinstance(end, ConnectionClosedError)
        assert end.code == 1006
    if how == "end":
        assert frames == [Sent(TEXT, b"ours")]


def test_the_link_is_dropped_mid_frame(opened: Opener, guard: Guard) -> None:
    """Every waiter is told, and soon; the time is printed, not asserted."""
    drop = threading.Event()

    def script(peer: RawPeer) -> None:
        peer.sock.sendall(server_frame(TEXT, b"whole") + server_frame(TEXT, b"x" * 50_000)[:30_000])
        guard.wait(drop, "the signal to drop")
        reset(peer)

    with opened(script) as transport:
        assert transport.read() == ["whole"]
        reader = Call(transport.read)
        sender = Call(lambda: transport.send(HUGE))
        guard.until(lambda: transport.bytes_out > 0, "the sender's first bytes")
        started = time.monotonic()
        drop.set()
        guard.join(reader)
        guard.join(sender)
        print(f"link dropped: everybody told after {1000 * (time.monotonic() - started):.1f} ms")
        for call in (reader, sender):
            assert isinstance(call.error, ConnectionClosedError)
            assert call.error.code == 1006
        assert isinstance(end_of(transport), ConnectionClosedError)


def test_both_stop_in_the_middle_of_a_frame(opened: Opener, guard: Guard) -> None:
    """The peer says nothing more, but goes on to read: it finds a part of our message."""
    stop, stopped = threading.Event(), threading.Event()
    frames: list[Sent] = []

    def script(peer: RawPeer) -> None:
        peer.sock.sendall(server_frame(TEXT, b"whole") + server_frame(TEXT, b"x" * 300)[:200])
        guard.wait(stop, "our message")
        socket.socket.shutdown(peer.sock, socket.SHUT_WR)
        guard.wait(stopped, "the end of all calls")
        frames.extend(received(peer))

    with opened(script) as transport:
        assert transport.read() == ["whole"]
        reader = Call(transport.read)
        sender = Call(lambda: transport.send(LONG))
        guard.until(lambda: transport.bytes_out > 0, "the sender's first bytes")
        stop.set()
        for call in (reader, sender):
            guard.join(call)
            assert isinstance(call.error, ConnectionClosedError)
            assert call.error.code == 1006
        stopped.set()
    assert_stops_within_long(frames)


@pytest.mark.parametrize("reads_on", [True, False])
def test_the_peer_closes_while_a_message_is_sent(
    opened: Opener, guard: Guard, reads_on: bool
) -> None:
    """Our answer comes behind the whole message, or not at all."""
    close, closed = threading.Event(), threading.Event()
    frames: list[Sent] = []

    def script(peer: RawPeer) -> None:
        guard.wait(close, "our message")
        peer.send(CLOSE, close_payload(1001))
        if not reads_on:
            guard.wait(closed, "the end of all calls")
        frames.extend(received(peer))

    with opened(script, close_timeout=GUARD_S if reads_on else 0.1) as transport:
        sender = Call(lambda: transport.send(LONG))
        guard.until(lambda: transport.bytes_out > 0, "the sender's first bytes")
        close.set()
        end = end_of(transport)
        guard.join(sender)
        closed.set()
    assert (type(end), end.code) == (ConnectionClosedOK, 1001)
    if reads_on:
        assert sender.error is None
        assert [sent.opcode for sent in frames] == [TEXT, CLOSE]
        assert all(sent.whole for sent in frames)
        assert len(frames[0].payload) == len(LONG)
    else:
        assert isinstance(sender.error, ConnectionClosed)
        assert_stops_within_long(frames)
