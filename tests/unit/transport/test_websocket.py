"""The transport on a pair of sockets: what the reader sees to, and how everything ends.

The test's own thread is the reader, and the sender; what others do meanwhile is done inside a wait.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from framing import CLOSE, PING, PONG, TEXT, Sent, client_frames, frame
from guards import VirtualClock

from realtime_sync import _fork
from realtime_sync._deadline import Deadline
from realtime_sync._net.secrets import Secrets
from realtime_sync._signal_safe import Latch
from realtime_sync.errors import (
    ConcurrencyError,
    ConnectError,
    ConnectionClosedError,
    ConnectionClosedOK,
)
from realtime_sync.transport import TransportOptions, _websocket
from realtime_sync.transport._handshake import Opened
from realtime_sync.transport._websocket import WebSocketTransport

BYE = frame(CLOSE, b"\x03\xe8")
LONG = "0123456789" * 100_000


class CountingSocket(socket.socket):
    """Notes what each write was given."""

    def __init__(self, other: socket.socket) -> None:
        super().__init__(other.family, other.type, other.proto, other.detach())
        self.writes: list[bytes] = []

    def send(self, data: memoryview, *flags: int) -> int:  # type: ignore[override]
        count = super().send(data, *flags)
        self.writes.append(bytes(data[:count]))
        return count


class Link:
    """A transport and the server's end of its socket."""

    def __init__(self, **options: float | None) -> None:
        ours, self.server = socket.socketpair()
        self.server.setblocking(False)
        self.socket = CountingSocket(ours)
        opened = Opened(self.socket, b"", [], Secrets("ws://test", {}))
        self.transport = WebSocketTransport(opened, TransportOptions(**options))  # type: ignore[arg-type]
        self.releases = 0
        self._count_releases()

    def _count_releases(self) -> None:
        duplex = self.transport._duplex
        release = duplex.release

        def counted() -> None:
            self.releases += 1
            release()

        duplex.release = counted  # type: ignore[method-assign]

    def say(self, *frames: bytes) -> None:
        """Let frames of the server's come, in one read."""
        self.server.sendall(b"".join(frames))

    def meanwhile(self, *calls: Callable[[], object]) -> None:
        """Make one call inside each of the next waits of the reader, then none."""
        duplex = self.transport._duplex
        wait, left = duplex.wait, list(calls)

        def waiting(timeout: float | None, *, or_writable: bool) -> bool:
            if left:
                left.pop(0)()
                return wait(0, or_writable=or_writable)
            return wait(timeout, or_writable=or_writable)

        duplex.wait = waiting  # type: ignore[method-assign]

    def while_blocked(self, *calls: Callable[[], object]) -> None:
        """Do as `meanwhile`, inside the waits of a sender for the kernel."""
        duplex = self.transport._duplex
        wait, left = duplex.wait_to_write, list(calls)

        def waiting(timeout: float | None) -> None:
            if left:
                left.pop(0)()
                timeout = 0
            wait(timeout)

        duplex.wait_to_write = waiting  # type: ignore[method-assign]

    def sent(self) -> list[Sent]:
        """What the server has got and not asked for yet."""
        data = b""
        with suppress(BlockingIOError):
            while part := self.server.recv(1 << 20):
                data += part
        return client_frames(data)

    @property
    def released(self) -> bool:
        return self.socket.fileno() < 0


@pytest.fixture
def link() -> Iterator[Link]:
    link = Link()
    yield link
    link.transport.abort()
    link.server.close()


def elsewhere(call: Callable[[], object]) -> None:
    """Do it on another thread, now; it must not wait."""
    thread = threading.Thread(target=call)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it waits"


# -- pings -----------------------------------------------------------------------------------------


def test_all_pings_of_one_read_are_answered_in_one_write(link: Link) -> None:
    """As Autobahn's cases 2.10 and 2.11 send them."""
    pings = [frame(PING, b"payload-%d" % i) for i in range(10)]
    link.say(*pings, frame(TEXT, b"x"))
    assert link.transport.read() == ["x"]
    assert len(link.socket.writes) == 1
    assert link.sent() == [Sent(PONG, b"payload-%d" % i) for i in range(10)]


def test_pings_that_are_cut_over_two_reads_are_all_answered(link: Link) -> None:
    data = b"".join(frame(PING, b"payload-%d" % i) for i in range(10))
    for cut in range(len(data)):
        link.say(data[:cut])
        link.meanwhile(lambda rest=data[cut:]: link.say(rest, frame(TEXT, b"x")))  # type: ignore[misc]
        assert link.transport.read() == ["x"]
        assert [pong.payload for pong in link.sent()] == [b"payload-%d" % i for i in range(10)]


def test_answers_that_wait_for_a_sender_are_replaced(link: Link) -> None:
    def ping(*payloads: bytes) -> None:
        link.say(*(frame(PING, payload) for payload in payloads), frame(TEXT, b"x"))
        elsewhere(link.transport.read)

    frames: list[Sent] = []
    link.while_blocked(
        lambda: ping(b"1", b"2"),
        lambda: ping(b"3", b"4"),
        lambda: setattr(link.transport._duplex, "_sock", link.socket),
    )
    # The peer takes nothing until both have come.
    writes = iter([1000, 0, 0])
    write_some = link.transport._duplex.write_some
    link.transport._duplex.write_some = lambda data: write_some(data[: next(writes, 60_000)])  # type: ignore[method-assign]
    link.transport.send(LONG[:60_000])
    link.transport.send("next")
    frames = link.sent()
    assert [f.payload for f in frames if f.opcode == PONG] == [b"3", b"4"]
    assert [f.opcode for f in frames] == [TEXT, PONG, PONG, TEXT]
    assert all(f.whole for f in frames)


# -- what the reader sends -------------------------------------------------------------------------


def nudged(link: Link) -> bool:
    try:
        return bool(link.transport._duplex._wake.recv(10, socket.MSG_PEEK))
    except BlockingIOError:
        return False


def test_a_posted_message_wakes_the_reader(link: Link) -> None:
    woken: list[bool] = []

    def post() -> None:
        woken.append(nudged(link))
        link.transport.post("posted")
        woken.append(nudged(link))

    link.meanwhile(post, lambda: link.say(frame(TEXT, b"x")))
    assert link.transport.read() == ["x"]
    assert link.sent() == [Sent(TEXT, b"posted")]
    assert woken == [False, True]


def flood(link: Link) -> None:
    """Let so much come that the reader need not wait for more."""
    link.say(*[frame(TEXT, b"x" * 20_000)] * 5)


def test_a_posted_message_does_not_wait_for_the_end_of_a_flood(link: Link) -> None:
    flood(link)
    link.transport.read()
    link.transport._more = True  # as after a read that was full
    link.transport.post("posted")
    flood(link)
    link.transport.read()
    assert link.sent() == [Sent(TEXT, b"posted")]


def test_what_was_posted_goes_before_the_close_frame(link: Link) -> None:
    link.transport.post("posted")
    link.transport.start_close(3000, "bye", Deadline(None))
    assert nudged(link), "or the reader would not know of the deadline"
    assert link.sent() == [Sent(TEXT, b"posted"), Sent(CLOSE, b"\x0b\xb8bye")]


# -- closing ---------------------------------------------------------------------------------------


def test_the_first_close_decides(link: Link) -> None:
    link.transport.start_close(3000, "first", Deadline(None))
    link.transport.start_close(1000, "second", Deadline(0))
    assert link.sent() == [Sent(CLOSE, b"\x0b\xb8first")]
    link.say(frame(CLOSE, b"\x0b\xb8"))
    with pytest.raises(ConnectionClosedOK) as caught:
        link.transport.read()
    assert (caught.value.code, caught.value.reason) == (3000, "first")


def test_what_is_told_of_a_close_is_what_was_sent(link: Link) -> None:
    """A signal handler may come between the request of another close and its frame."""
    close = link.transport._writer.close
    requests: list[int] = []

    def interrupted(code: int, reason: str) -> None:
        if not requests:
            requests.append(code)
            link.transport.start_close(4000, "in a handler", Deadline(None))
        close(code, reason)

    link.transport._writer.close = interrupted  # type: ignore[method-assign]
    link.transport.start_close(3000, "first", Deadline(None))
    assert link.sent() == [Sent(CLOSE, b"\x0b\xb8first")]
    with pytest.raises(ConnectionClosedOK, match="first"):
        link.transport.send("refused")


@pytest.mark.parametrize("full", [False, True])
def test_a_peer_that_talks_on_does_not_keep_a_closing_link_open(
    link: Link, virtual_clock: VirtualClock, full: bool
) -> None:
    """Neither with reads that find a little, nor with such that leave no time to wait."""
    link.transport.start_close(1000, "", Deadline(5, clock=virtual_clock))

    def talk_and_read() -> None:
        with suppress(BrokenPipeError):  # it has ended by now, as the next read says
            if full:
                flood(link)
                link.transport._more = True
            else:
                link.say(frame(TEXT, b"x"))
        link.transport.read()
        virtual_clock.advance(1)

    for _ in range(6):
        talk_and_read()
    with pytest.raises(ConnectionClosedError, match="the peer did not answer our close in time"):
        talk_and_read()
    assert link.released


def test_the_reader_itself_closes_beside_a_peer_that_talks_on(
    link: Link, virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _websocket, "Deadline", lambda timeout: Deadline(timeout, clock=virtual_clock)
    )
    link.say(frame(TEXT, b"first"))
    assert link.transport.read() == ["first"]

    def talk() -> None:
        link.say(frame(TEXT, b"on"))
        virtual_clock.advance(1)

    link.meanwhile(*[talk] * 100)
    link.transport.close(timeout=5)
    assert set(link.transport.read()) == {"on"}
    with pytest.raises(ConnectionClosedError, match="did not answer our close in time"):
        link.transport.read()


def test_a_close_of_which_the_peer_took_nothing(link: Link, virtual_clock: VirtualClock) -> None:
    link.transport._duplex.write_some = lambda _: 0  # type: ignore[method-assign]
    link.transport.start_close(1000, "", Deadline(5, clock=virtual_clock))
    link.meanwhile(lambda: virtual_clock.advance(5))
    with pytest.raises(ConnectionClosedError, match="the peer took no data while we closed"):
        link.transport.read()


def test_a_close_where_nobody_reads_sends_what_was_posted(link: Link) -> None:
    link.transport.post("posted")
    link.transport.close(timeout=0)
    assert link.sent() == [Sent(TEXT, b"posted"), Sent(CLOSE, b"\x03\xe8")]
    assert link.released


def test_a_close_where_nobody_reads_waits_for_the_kernel(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.transport.post(LONG)
    data = b""

    def receive() -> None:
        nonlocal data
        data += link.server.recv(1 << 20)

    link.while_blocked(*[receive] * 100)
    monkeypatch.setattr(Latch, "wait", lambda *_: False)  # there is no answer to wait for
    link.transport.close(timeout=30)
    with suppress(BlockingIOError):
        while part := link.server.recv(1 << 20):
            data += part
    assert client_frames(data) == [Sent(TEXT, LONG.encode()), Sent(CLOSE, b"\x03\xe8")]


def test_close_by_the_thread_that_is_blocked_in_a_write_cuts_the_link(link: Link) -> None:
    link.while_blocked(lambda: link.transport.start_close(1000, "", Deadline(None)))
    with pytest.raises(ConnectionClosedError, match=r"cut by close\(\) in a signal handler"):
        link.transport.send(LONG)
    with pytest.raises(ConnectionClosedError, match=r"cut by close\(\) in a signal handler"):
        link.transport.read()
    (part,) = link.sent()
    assert not part.whole
    assert link.released


# -- why -------------------------------------------------------------------------------------------


def test_the_reason_of_a_broken_send_says_why(link: Link) -> None:
    link.server.close()
    for _ in range(2):
        with pytest.raises(ConnectionClosedError) as caught:
            link.transport.send("x")
        assert (caught.value.code, caught.value.reason) == (1006, "sending failed: Broken pipe")
    with pytest.raises(ConnectionClosedError, match="sending failed: Broken pipe"):
        link.transport.read()
    assert link.transport.closed


def test_what_was_posted_on_a_broken_link_is_taken_back(link: Link) -> None:
    for text in ("one", "zwei €"):
        link.transport.post(text)
    link.server.close()
    with pytest.raises(ConnectionClosedError):
        link.transport.read()
    assert link.transport.take_back() == ["one", "zwei €"]
    assert link.transport.messages_out == 0
    with pytest.raises(ConnectionClosedError):
        link.transport.post("three")


# -- the descriptors -------------------------------------------------------------------------------


def test_nobody_inside(link: Link) -> None:
    link.transport.abort()
    assert link.released
    link.transport.close(timeout=0)
    assert link.sent() == []


def test_a_reader_inside_keeps_the_descriptors(link: Link) -> None:
    def abort() -> None:
        link.transport.abort()
        assert not link.released
        assert link.releases == 0

    link.meanwhile(lambda: elsewhere(abort))
    with pytest.raises(ConnectionClosedError, match="aborted by this side"):
        link.transport.read()
    assert link.released
    assert link.releases == 1


def test_a_sender_inside_keeps_the_descriptors(link: Link) -> None:
    def abort() -> None:
        link.transport.abort()
        assert not link.released
        assert link.releases == 0

    link.while_blocked(lambda: elsewhere(abort))
    with pytest.raises(ConnectionClosedError, match="aborted by this side"):
        link.transport.send(LONG)
    assert link.released
    assert link.releases == 1


def test_a_reader_that_leaves_while_a_sender_is_inside(link: Link) -> None:
    def end() -> None:
        link.transport.abort()
        with pytest.raises(ConnectionClosedError):
            link.transport.read()
        assert not link.released

    link.while_blocked(lambda: elsewhere(end))
    with pytest.raises(ConnectionClosedError):
        link.transport.send(LONG)
    assert link.released
    assert link.releases == 1


def test_whoever_asks_for_a_close_is_inside_as_well(link: Link) -> None:
    """The link ends while it writes the close frame; nobody else comes any more."""
    write_some = link.transport._duplex.write_some

    def write_and_end(data: memoryview) -> int:
        count = write_some(data)
        elsewhere(link.transport.abort)
        assert not link.released
        return count

    link.transport._duplex.write_some = write_and_end  # type: ignore[method-assign]
    link.transport.start_close(1000, "", Deadline(None))
    assert link.released


def test_a_signal_handler_may_end_the_link_inside_its_end(link: Link) -> None:
    nudge = link.transport._duplex.nudge
    calls: list[str] = []

    def interrupted() -> None:
        calls.append("nudge")
        if len(calls) == 1:
            link.transport.abort()
            link.transport.close(timeout=0)
        nudge()

    link.transport._duplex.nudge = interrupted  # type: ignore[method-assign]
    elsewhere(link.transport.abort)
    assert link.released


# -- forks -----------------------------------------------------------------------------------------


def test_a_fork_in_the_middle_of_connecting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child that goes on with it is refused, and says nothing to the peer."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        copy = ours.dup()

        def open_socket(*_: object) -> Opened:
            monkeypatch.setattr(_fork, "_generation", _fork._generation + 1)
            return Opened(copy, b"", [], Secrets("ws://test", {}))

        monkeypatch.setattr(_websocket, "open_socket", open_socket)
        with pytest.raises(ConcurrencyError):
            _websocket.connect("ws://test", headers={}, options=TransportOptions())
        assert copy.fileno() == -1
        with pytest.raises(BlockingIOError):
            theirs.recv(1)


def test_an_exception_while_a_transport_is_made_closes_its_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for exc, comes_out in [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(24, "Too many open files"), ConnectError),
    ]:
        ours, theirs = socket.socketpair()

        def make(*_: object, exc: BaseException = exc) -> None:
            raise exc

        with theirs:
            opened = Opened(ours, b"", [], Secrets("ws://test", {}))
            monkeypatch.setattr(_websocket, "open_socket", lambda *_, opened=opened: opened)
            monkeypatch.setattr(_websocket, "WebSocketTransport", make)
            with pytest.raises(comes_out):
                _websocket.connect("ws://test", headers={}, options=TransportOptions())
            assert ours.fileno() == -1


def test_a_child_is_refused_what_was_kept_for_the_parent(
    link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    link.say(frame(TEXT, b"first"))
    link.transport.read()
    link.say(frame(TEXT, b"kept"), BYE)
    link.transport.close(timeout=30)
    with monkeypatch.context() as child:
        child.setattr(_fork, "_generation", _fork._generation + 1)
        for call in (link.transport.read, link.transport.take_back):
            with pytest.raises(ConcurrencyError):
                call()
    assert link.transport.read() == ["kept"]
