"""Who may write to the link, and in which order; the kernel is the test's."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest
from framing import CLOSE, PING, PONG, TEXT, Sent, client_frames
from guards import Guard, VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync.transport import _writer
from realtime_sync.transport._deflate import Agreement, Deflater
from realtime_sync.transport._frames import text_frame
from realtime_sync.transport._writer import CloseSent, FrameWriter, Stalled
from realtime_sync.transport.duplex import Duplex, LinkBroken, LinkOver

FULL = 0
LONG = b"0123456789" * 30
OURS = Sent(CLOSE, b"\x03\xe8bye")

Action = int | BaseException | Callable[[], object]


class Struck(Exception):  # noqa: N818  # as a signal handler's
    pass


class Kernel(Duplex):
    """Takes of each write as many bytes as ``takes`` says, then all; raises what stands there.

    A call in ``waits`` is made, or an exception raised, while somebody waits for the kernel.
    """

    def __init__(self, *takes: Action, secure: bool = False) -> None:
        self.secure = secure
        self.over = False
        self.takes = list(takes)
        self.waits: list[Action] = []
        self.out = b""
        self.writes: list[bytes] = []
        self.refused = b""  # by the last write; TLS wants to see it again
        self.shuts = 0

    def write_some(self, data: memoryview) -> int:
        offered = bytes(data)
        if self.secure:
            assert offered.startswith(self.refused)
        action = self.takes.pop(0) if self.takes else len(offered)
        if isinstance(action, BaseException):
            raise action
        count = action if isinstance(action, int) else action()
        assert isinstance(count, int)
        taken = offered[:count]
        self.refused = b"" if taken else offered
        self.out += taken
        if taken:
            self.writes.append(taken)
        return len(taken)

    def wait_to_write(self, timeout: float | None) -> None:
        assert timeout is None or 0 <= timeout <= 0.05
        action = self.waits.pop(0) if self.waits else None
        if isinstance(action, BaseException):
            raise action
        if callable(action):
            action()
        if self.over:
            raise LinkOver

    def shut(self) -> None:
        self.shuts += 1
        self.takes = [LinkBroken("it was shut")] * 9

    @property
    def frames(self) -> list[Sent]:
        return client_frames(self.out)


def texts(*payloads: bytes) -> list[Sent]:
    return [Sent(TEXT, payload) for payload in payloads]


def opened(kernel: Kernel, **options: bool) -> FrameWriter:
    return FrameWriter(kernel, text_frame, **options)


def elsewhere(call: Callable[[], object]) -> None:
    """Do it on another thread, now; it must not wait."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as exc:
            errors.append(exc)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "it waits"
    if errors:
        raise errors[0]


def never() -> Deadline:
    return Deadline(None)


@pytest.fixture
def clock(virtual_clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> VirtualClock:
    """The clock of every time limit that is given to `FrameWriter.send`."""
    monkeypatch.setattr(_writer, "Deadline", partial(Deadline, clock=virtual_clock))
    return virtual_clock


# -- the order -------------------------------------------------------------------------------------


def all_queued(*, secure: bool = False) -> tuple[FrameWriter, Kernel]:
    """A writer with something of everything queued, the oldest pong begun, the kernel full."""
    kernel = Kernel(3, FULL, secure=secure)
    writer = opened(kernel)
    writer.pong([b"begun"])
    assert not writer.flush()
    kernel.takes = [FULL] * 9
    writer.post(b"one")
    writer.post(b"two")
    writer.ping()
    writer.pong([b"later"])
    writer.close(1000, "bye")
    assert len(kernel.out) == 3
    kernel.takes = []
    return writer, kernel


IN_ORDER = [
    Sent(PONG, b"begun"),
    Sent(PONG, b"later"),
    Sent(PING, b""),
    *texts(b"one", b"two"),
    OURS,
]


@pytest.mark.parametrize("takes", [[], [1, FULL] * 200], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("how", ["flush", "drain"])
@pytest.mark.parametrize("secure", [False, True])
def test_what_is_queued_goes_in_order(how: str, takes: list[Action], secure: bool) -> None:
    writer, kernel = all_queued(secure=secure)
    kernel.takes = [*takes]
    if how == "drain":
        writer.drain(never())
    while not writer.flush():
        pass
    assert kernel.frames == IN_ORDER
    assert (writer.messages_out, writer.bytes_out) == (2, len(kernel.out))
    assert writer.close_written
    assert not writer.waiting


def test_nothing_follows_the_close_frame() -> None:
    writer, kernel = all_queued()
    writer.flush()
    writer.ping()
    writer.pong([b"too late"])
    writer.close(3000, "another")
    assert writer.flush()
    writer.drain(never())
    assert writer.answer_close(1001, "", never()) is CloseSent.EARLIER
    for call in (writer.send, writer.post):
        with pytest.raises(LinkOver):
            call(b"too late")
    assert kernel.frames == IN_ORDER
    assert not writer.waiting


def test_the_rest_of_a_close_frame_is_written_and_nothing_else() -> None:
    kernel = Kernel(5, FULL)
    writer = opened(kernel)
    writer.close(1000, "bye")
    writer.ping()
    writer.pong([b"too late"])
    assert writer.waiting
    assert not writer.close_written
    assert writer.flush()
    assert writer.close_written
    assert kernel.frames == [OURS]


def test_what_waits_is_known() -> None:
    writer = opened(Kernel(1, FULL, FULL, FULL))
    assert not writer.waiting
    writer.post(b"x")
    assert writer.waiting
    for _ in range(3):
        writer.flush()
        assert writer.waiting, "the rest of it"
    writer.flush()
    assert not writer.waiting
    writer.pong([b"x"])
    assert writer.waiting
    writer.flush()
    writer.ping()
    assert writer.waiting
    assert writer.ping_queued
    writer.flush()
    assert not writer.ping_queued


def test_a_sender_writes_first_what_was_posted_before() -> None:
    kernel = Kernel(4, FULL)
    writer = opened(kernel)
    writer.post(b"begun")
    assert not writer.flush()
    kernel.takes = [2, FULL, 1, FULL]
    writer.post(b"posted")
    writer.pong([b"?"])
    writer.send(b"sent")
    assert kernel.frames == [*texts(b"begun"), Sent(PONG, b"?"), *texts(b"posted", b"sent")]
    assert writer.messages_out == 3


def test_a_sender_answers_pings_first() -> None:
    kernel = Kernel()
    writer = opened(kernel)
    writer.pong([b"?"])
    writer.send(b"sent")
    assert kernel.frames == [Sent(PONG, b"?"), *texts(b"sent")]


def test_what_is_posted_while_a_message_is_sent_comes_behind_it() -> None:
    kernel = Kernel(4, FULL)
    writer = opened(kernel)
    kernel.waits = [lambda: elsewhere(lambda: (writer.post(b"posted"), writer.flush()))]
    writer.send(LONG)
    writer.send(b"next")
    assert kernel.frames == texts(LONG, b"posted", b"next")


def test_a_close_waits_for_what_was_sent_before_it() -> None:
    """By a sender that is in the middle of it, and by `post`; the closer does not wait."""
    kernel = Kernel(4, FULL)
    writer = opened(kernel)

    def close() -> None:
        writer.post(b"posted")
        writer.close(1000, "bye")
        writer.flush()

    kernel.waits = [lambda: elsewhere(close)]
    writer.send(LONG)
    assert kernel.frames == texts(LONG), "the lock was the sender's, so the reader comes next"
    writer.flush()
    assert kernel.frames == [*texts(LONG, b"posted"), OURS]


def test_a_close_goes_out_at_once_where_nobody_writes() -> None:
    kernel = Kernel()
    writer = opened(kernel)
    writer.post(b"posted")
    writer.close(1000, "bye")
    assert kernel.frames == [*texts(b"posted"), OURS]


def test_the_first_close_counts() -> None:
    kernel = Kernel(FULL, FULL)
    writer = opened(kernel)
    writer.post(b"posted")  # so that the close frame waits
    writer.close(1000, "bye")
    writer.close(3000, "another")
    writer.flush()
    assert kernel.frames == [*texts(b"posted"), OURS]


# -- the answers to pings --------------------------------------------------------------------------


def test_all_pings_of_one_read_are_answered_in_one_write() -> None:
    kernel = Kernel()
    writer = opened(kernel)
    writer.pong([b"%d" % i for i in range(10)])
    writer.flush()
    assert len(kernel.writes) == 1
    assert kernel.frames == [Sent(PONG, b"%d" % i) for i in range(10)]


def test_answers_that_wait_are_replaced_and_those_begun_are_not() -> None:
    kernel = Kernel(FULL)
    writer = opened(kernel)
    writer.pong([b"1", b"2"])  # tried, so it is in hand
    assert not writer.flush()
    writer.pong([b"3"])
    writer.pong([b"4", b"5"])
    assert writer.flush()
    assert [frame.payload for frame in kernel.frames] == [b"1", b"2", b"4", b"5"]
    assert len(kernel.writes) == 2


def test_the_reader_does_not_wait_for_a_sender() -> None:
    kernel = Kernel(4, FULL)
    writer = opened(kernel)
    flushed: list[bool] = []

    def answer(*payloads: bytes) -> None:
        writer.pong(payloads)
        flushed.append(writer.flush())
        assert writer.waiting
        assert writer.busy

    kernel.waits = [lambda: (elsewhere(lambda: answer(b"1")), elsewhere(lambda: answer(b"2")))]
    writer.send(LONG)
    assert flushed == [True, True]
    assert not writer.busy
    writer.flush()
    assert kernel.frames == [*texts(LONG), Sent(PONG, b"2")]


# -- the answer to a close frame -------------------------------------------------------------------


def test_the_answer_to_a_close_goes_behind_what_is_begun() -> None:
    kernel = Kernel(4, FULL)
    writer = opened(kernel)
    writer.post(b"begun")
    writer.flush()
    writer.post(b"not begun")
    writer.pong([b"?"])
    assert writer.answer_close(1001, "", never()) is CloseSent.NOW
    assert kernel.frames == [*texts(b"begun"), Sent(PONG, b"?"), Sent(CLOSE, b"\x03\xe9")]
    assert writer.take_back() == [b"not begun"]
    with pytest.raises(LinkOver):
        writer.send(b"too late")


def test_an_answer_takes_the_place_of_our_own_close_that_waits() -> None:
    kernel = Kernel(FULL, FULL)
    writer = opened(kernel)
    writer.post(b"in hand")
    writer.close(1000, "bye")
    assert writer.answer_close(3000, "", never()) is CloseSent.NOW
    assert kernel.frames == [*texts(b"in hand"), Sent(CLOSE, b"\x0b\xb8")]


def test_an_answer_that_the_peer_does_not_take(virtual_clock: VirtualClock) -> None:
    kernel = Kernel(FULL)
    kernel.waits = [lambda: virtual_clock.advance(6)]
    writer = opened(kernel)
    deadline = Deadline(5, clock=virtual_clock)
    assert writer.answer_close(1000, "", deadline) is CloseSent.NOT


def test_an_answer_does_not_wait_longer_for_a_sender() -> None:
    kernel = Kernel(4, FULL)
    writer = opened(kernel)
    answers: list[CloseSent] = []
    kernel.waits = [
        lambda: elsewhere(lambda: answers.append(writer.answer_close(1000, "", Deadline(0))))
    ]
    writer.send(LONG)
    assert answers == [CloseSent.NOT]
    assert kernel.frames == texts(LONG)


@pytest.mark.parametrize("how", ["over", "broken", "cut"])
def test_a_close_is_not_answered_where_nothing_can_be_written(how: str) -> None:
    kernel = Kernel()
    writer = opened(kernel)
    if how == "over":
        kernel.over = True
    elif how == "broken":
        kernel.takes = [LinkBroken("gone")]
        with pytest.raises(LinkBroken):
            writer.send(b"x")
    else:
        struck_twice(writer, kernel)
    with pytest.raises(LinkOver):
        writer.answer_close(1000, "", never())
    assert not kernel.frames


# -- strikes ---------------------------------------------------------------------------------------


def struck_twice(writer: FrameWriter, kernel: Kernel) -> None:
    """Strike a sender inside a write, and again before anybody could see to it."""
    kernel.takes = [Struck()]
    seen_to, writer._struck_locked = writer._struck_locked, None  # type: ignore[method-assign,assignment]
    with pytest.raises(TypeError):
        writer.send(b"struck")
    writer._struck_locked = seen_to  # type: ignore[method-assign]
    assert writer.broken is None


def assert_broken(writer: FrameWriter, kernel: Kernel, reason: str) -> None:
    assert writer.broken == reason
    assert kernel.shuts
    out = kernel.out
    with pytest.raises(LinkOver):
        writer.send(b"refused")
    with pytest.raises(LinkOver):
        writer.post(b"refused")
    writer.ping()
    assert writer.flush()
    assert not writer.waiting
    writer.drain(never())
    assert writer.broken == reason
    assert kernel.out == out, "nothing follows half a frame"


def test_a_strike_inside_a_write_breaks_the_link() -> None:
    """Nobody knows how much of it is out."""
    kernel = Kernel(Struck())
    writer = opened(kernel)
    with pytest.raises(Struck):
        writer.send(b"struck")
    assert_broken(writer, kernel, "sending failed: Struck was raised inside a message")


@pytest.mark.parametrize(
    ("taken", "secure", "stateful", "broken"),
    [
        (0, False, False, False),
        (1, False, False, True),
        (0, True, False, True),
        (0, False, True, True),
    ],
    ids=["nothing is out", "a byte is out", "TLS has seen it", "the compressor has seen it"],
)
def test_a_strike_while_waiting_for_the_kernel(
    taken: int, secure: bool, stateful: bool, broken: bool
) -> None:
    kernel = Kernel(*[taken, FULL] if taken else [FULL], secure=secure)
    kernel.waits = [Struck()]
    writer = opened(kernel, stateful=stateful)
    with pytest.raises(Struck):
        writer.send(b"struck")
    if broken:
        assert_broken(writer, kernel, "sending failed: Struck was raised inside a message")
        return
    assert writer.broken is None
    writer.send(b"next")
    assert kernel.frames == texts(b"next")
    assert kernel.shuts == 0


@pytest.mark.parametrize("stateful", [False, True])
@pytest.mark.parametrize("how", ["send", "post"])
def test_a_strike_while_a_frame_is_made(how: str, stateful: bool) -> None:
    """Compressed in vain, it would spoil all that follow; else nothing has happened."""
    kernel = Kernel()
    strikes = [Struck()]

    def frame_of(payload: bytes) -> bytes | bytearray:
        if strikes:
            raise strikes.pop()
        return text_frame(payload)

    writer = FrameWriter(kernel, frame_of, stateful=stateful)
    if how == "post":
        writer.post(b"first")
    else:
        with pytest.raises(Struck):
            writer.send(b"first")
    if strikes:
        with pytest.raises(Struck):
            writer.flush()
    if stateful:
        writer.flush()
        reasons = (_writer._CUT, "sending failed: Struck was raised inside a message")
        assert writer.broken in reasons
        assert kernel.shuts
        return
    assert writer.broken is None
    writer.send(b"next")
    assert kernel.frames == texts(*([b"first"] if how == "post" else []), b"next")


@pytest.mark.parametrize("taken", [0, 3])
@pytest.mark.parametrize("secure", [False, True])
def test_a_queued_frame_is_finished_by_the_next(taken: int, secure: bool) -> None:
    """The sender that wrote it is struck while it waits; how much is out is known."""
    kernel = Kernel(*[taken, FULL] if taken else [FULL], secure=secure)
    kernel.waits = [Struck()]
    writer = opened(kernel)
    writer.post(b"posted")
    with pytest.raises(Struck):
        writer.send(b"struck")
    assert writer.broken is None
    assert writer.waiting
    writer.flush()
    writer.send(b"next")
    assert kernel.frames == texts(b"posted", b"next")
    assert writer.messages_out == 2


def test_a_strike_inside_the_write_of_a_queued_frame_breaks_the_link() -> None:
    kernel = Kernel(Struck())
    writer = opened(kernel)
    writer.pong([b"?"])
    with pytest.raises(Struck):
        writer.send(b"struck")
    assert_broken(writer, kernel, "sending failed: Struck was raised inside a message")


@pytest.mark.parametrize("how", ["send", "flush", "drain", "close", "answer"])
def test_who_finds_half_a_frame_breaks_the_link(how: str) -> None:
    kernel = Kernel()
    writer = opened(kernel)
    struck_twice(writer, kernel)
    writer.ping()
    if how == "send":
        with pytest.raises(LinkOver):
            writer.send(b"refused")
    elif how == "flush":
        writer.flush()
    elif how == "drain":
        writer.drain(never())
    elif how == "close":
        writer.close(1000, "")
    else:
        with pytest.raises(LinkOver):
            writer.answer_close(1000, "", never())
    assert_broken(writer, kernel, "sending failed: a message was cut")


def test_a_strike_in_close_or_drain_leaves_no_lock_behind() -> None:
    kernel = Kernel(FULL)
    kernel.waits = [Struck()]
    writer = opened(kernel)
    writer.post(b"posted")
    with pytest.raises(Struck):
        writer.drain(never())
    kernel.takes = [Struck()]
    with pytest.raises(Struck):
        writer.close(1000, "")
    assert not writer.busy
    writer.flush()
    assert writer.broken == "sending failed: a message was cut"


# -- the kernel refuses ----------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["send", "flush", "drain"])
def test_the_reason_says_why_nothing_can_be_written(how: str) -> None:
    kernel = Kernel(2, LinkBroken("Broken pipe"))
    writer = opened(kernel)
    if how == "send":
        with pytest.raises(LinkBroken, match="Broken pipe"):
            writer.send(b"x")
    else:
        writer.post(b"x")
        getattr(writer, how)(*([never()] if how == "drain" else []))
    assert_broken(writer, kernel, "sending failed: Broken pipe")


def test_a_link_that_this_side_has_ended_needs_no_reason() -> None:
    kernel = Kernel(2, FULL)
    writer = opened(kernel)

    def end() -> None:
        kernel.over = writer.closing = True

    kernel.waits = [lambda: elsewhere(end)]
    with pytest.raises(LinkOver):
        writer.send(b"x")
    assert writer.broken is None
    assert not writer.busy


def test_nothing_is_written_when_it_is_over() -> None:
    kernel = Kernel(FULL)
    writer = opened(kernel)
    writer.post(b"posted")
    assert not writer.flush()
    kernel.over = True
    assert writer.flush()
    writer.drain(never())
    writer.close(1000, "")
    assert kernel.out == b""


# -- time limits -----------------------------------------------------------------------------------


def test_a_send_that_takes_too_long_breaks_the_link(clock: VirtualClock) -> None:
    kernel = Kernel(FULL, FULL)
    kernel.waits = [lambda: clock.advance(4.9), lambda: clock.advance(0.1)]
    writer = opened(kernel)
    with pytest.raises(Stalled):
        writer.send(b"x", 5)
    assert_broken(writer, kernel, "sending failed: the peer takes no more data")


def test_a_send_within_its_time(clock: VirtualClock) -> None:
    kernel = Kernel(FULL, 3, FULL)
    kernel.waits = [lambda: clock.advance(2.4)] * 2
    writer = opened(kernel)
    writer.send(b"x", 5)
    assert kernel.frames == texts(b"x")
    clock.advance(99)
    kernel.takes, kernel.waits = [FULL], []
    writer.send(b"y")
    assert kernel.frames == texts(b"x", b"y"), "a limit ends with its send"


def test_a_waiters_time_is_over_while_another_thread_holds_the_link(
    clock: VirtualClock, guard: Guard
) -> None:
    """The one that holds it has no limit of its own, and stands in nobody's way for longer."""
    kernel = Kernel(2, FULL, FULL)
    writer = opened(kernel)
    refused: list[BaseException] = []

    def wait_in_vain() -> None:
        try:
            writer.send(b"behind", 5)
        except LinkOver as exc:
            refused.append(exc)

    waiter = threading.Thread(target=wait_in_vain)

    def come() -> None:
        waiter.start()
        guard.until(lambda: writer._impatient, "the waiter")
        clock.advance(4.9)

    kernel.waits = [come, lambda: clock.advance(0.1)]
    with pytest.raises(Stalled):
        writer.send(LONG)
    guard.join(waiter)
    assert len(refused) == 1
    assert_broken(writer, kernel, "sending failed: the peer takes no more data")


def test_a_turn_that_comes_too_late(clock: VirtualClock, guard: Guard) -> None:
    kernel = Kernel()
    writer = opened(kernel)
    late: list[str] = []

    def come_late() -> None:
        try:
            writer.send(b"late", 5)
        except Stalled as exc:
            late.append(str(exc))

    waiter = threading.Thread(target=come_late)
    with writer._lock:
        waiter.start()
        guard.until(lambda: writer._impatient, "the waiter")
        clock.advance(5)
    guard.join(waiter)
    assert late == ["other threads' messages did not get through in time"]
    assert_broken(writer, kernel, f"sending failed: {late[0]}")
    assert kernel.out == b""


def test_a_drain_keeps_to_its_deadline(virtual_clock: VirtualClock) -> None:
    kernel = Kernel(2, FULL, FULL, FULL)
    kernel.waits = [lambda: virtual_clock.advance(2), lambda: virtual_clock.advance(3)]
    writer = opened(kernel)
    writer.post(b"posted")
    writer.drain(Deadline(5, clock=virtual_clock))
    assert writer.broken == "sending failed: the peer takes no more data"


def test_a_drain_does_not_wait_longer_for_a_sender() -> None:
    kernel = Kernel(2, FULL)
    writer = opened(kernel)

    def come() -> None:
        writer.close(1000, "bye")
        writer.drain(Deadline(0.001))

    kernel.waits = [lambda: elsewhere(come)]
    writer.send(LONG)
    assert kernel.frames == texts(LONG)
    writer.drain(never())
    assert kernel.frames == [*texts(LONG), OURS]


# -- messages taken back ---------------------------------------------------------------------------


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("how", ["flush", "drain", "send"])
@pytest.mark.parametrize(
    ("takes", "back", "out"),
    [
        ([], [], 4),
        ([LinkBroken("gone")], [b"one", b"two", b"three"], 0),
        ([FULL, LinkBroken("gone")], [b"one", b"two", b"three"], 0),
        ([1, LinkBroken("gone")], [b"two", b"three"], 0),
        ([1, FULL, LinkBroken("gone")], [b"two", b"three"], 0),
        ([9, LinkBroken("gone")], [b"two", b"three"], 1),
        ([9, 3, LinkBroken("gone")], [b"three"], 1),
        ([9, 9, FULL, LinkBroken("gone")], [b"three"], 2),
        ([9, 9, 11, LinkBroken("gone")], [], 3),
    ],
)
def test_what_was_not_begun_is_taken_back(
    how: str, secure: bool, takes: list[Action], back: list[bytes], out: int
) -> None:
    kernel = Kernel(*takes, secure=secure)
    writer = opened(kernel)
    for payload in (b"one", b"two", b"three"):
        writer.post(payload)
    if how == "send":
        with suppress(LinkBroken):
            writer.send(b"four")
    elif how == "drain":
        writer.drain(never())
    else:
        while not writer.flush():
            pass
    assert writer.take_back() == back
    assert writer.messages_out == (min(out, 3) if how != "send" else out)
    assert writer.take_back() == []


def test_what_was_struck_inside_its_write_is_not_taken_back() -> None:
    """It may be out, and the peer must not get it twice."""
    kernel = Kernel(Struck())
    writer = opened(kernel)
    writer.post(b"one")
    writer.post(b"two")
    with pytest.raises(Struck):
        writer.send(b"struck")
    assert writer.take_back() == [b"two"]


def test_a_compressed_message_is_taken_back_as_it_was() -> None:
    kernel = Kernel(LinkBroken("gone"))
    writer = FrameWriter(kernel, Deflater(Agreement()).frame, stateful=True)
    writer.post(b"one")
    writer.post(b"two")
    writer.flush()
    assert writer.take_back() == [b"one", b"two"]


# -- close() in a signal handler -------------------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 3])
def test_close_by_the_thread_that_is_blocked_in_a_write_cuts_the_link(taken: int) -> None:
    kernel = Kernel(*[taken, FULL] if taken else [FULL])
    writer = opened(kernel)
    kernel.waits = [lambda: writer.close(1000, "bye")]
    with pytest.raises(LinkOver):
        writer.send(LONG)
    assert_broken(writer, kernel, "a message was cut by close() in a signal handler")
    assert len(kernel.out) == taken


def test_close_by_the_thread_that_holds_the_lock_waits_for_nothing() -> None:
    """Between two writes: the message is finished, and the close frame goes behind it."""
    kernel = Kernel()
    writer = opened(kernel)

    def take() -> int:
        writer.close(1000, "bye")
        return 4

    kernel.takes = [take]
    writer.send(LONG)
    assert kernel.frames == texts(LONG)
    writer.flush()
    assert kernel.frames == [*texts(LONG), OURS]


def test_after_a_wait_nobody_counts_as_blocked() -> None:
    """Or a later close() of the same thread would cut what another one sends."""
    kernel = Kernel(FULL)
    kernel.waits = [Struck()]
    writer = opened(kernel)
    with pytest.raises(Struck):
        writer.send(b"struck")
    writer.close(1000, "bye")
    assert writer.broken is None
    assert kernel.frames == [OURS]
