"""Who may write to the link, and in which order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Final

from .._deadline import Deadline
from ._frames import close_frame, ping_frame, pong_frame
from .duplex import Duplex, LinkBroken, LinkOver

__all__ = ["CloseSent", "Frame", "FrameWriter", "Stalled"]

_NEVER: Final = Deadline(None)
Frame = bytes | bytearray
# Whoever holds the link may be the one that waits longest for the kernel, but another one's time
# may run out first; so it looks so often.
_LOOK_S: Final = 0.05
_CUT: Final = "sending failed: a message was cut"


class Stalled(Exception):  # noqa: N818  # told by its translation
    """The peer takes no more data, and the time for it is over."""


class CloseSent(Enum):
    """What became of the answer to a close frame."""

    NOW = auto()
    EARLIER = auto()  # our own was on its way already
    NOT = auto()  # a sender held the link until the deadline


class FrameWriter:
    """Writes frames one after the other.

    The reader must never wait for a peer that does not read. What it has to say (pongs, a ping, a
    close frame, and messages that were posted) is queued. `flush` writes of it what the kernel
    takes, and so does a sender before its own message. The order is: what was begun, pongs, a ping,
    posted messages; the close frame behind all of these, and nothing after it.

    A sender may be struck by a signal handler's exception at any point. Then the link is broken if
    a frame may be half out, since no other could begin; else it goes on. A queued frame whose rest
    is known is finished by the next who writes.

    Args:
        duplex: what is written to.
        frame_of: makes the frame of a message.
        stateful: whether it must make them in the order in which they are sent, and none in vain
            (compression with context).

    Attributes:
        posted: messages that wait to be sent.
        closing: no more messages are accepted.
        broken: why the link can't be written to any more, or None.
        bytes_out: bytes written.
        messages_out: messages written whole.

    Threads:
        `flush`, `ping`, `pong` and `answer_close` belong to the reader, the rest to anybody.
    """

    def __init__(
        self, duplex: Duplex, frame_of: Callable[[bytes], Frame], *, stateful: bool = False
    ) -> None:
        self._duplex = duplex
        self._frame_of = frame_of
        self._stateful = stateful
        # With TLS, a write that was tried must be repeated; so it counts as begun.
        self._begun_when_tried = duplex.secure or stateful
        self._lock = threading.Lock()  # the send lock; held while waiting for the kernel
        self._ping: memoryview | None = None
        self._pong: memoryview | None = None
        self.posted: list[bytes] = []  # not a deque: an empty one takes 0.7 kB
        self._close: memoryview | None = None  # our close frame, until it is written
        self._impatient: dict[int, Deadline] = {}  # of each thread that has no more than so long
        # Guarded by _lock:
        self._tail: memoryview | None = None  # of the queued frame in hand, what is not out
        self._tail_message: bytes | None = None  # which it carries, if it was posted
        self._tail_untouched = False  # whether nothing of that message is out
        self._close_sent = False
        self._answering = False  # the peer has closed: posted messages are not written any more
        self._half_out = False  # a frame may be: from before a write until its count is known
        self._blocked: int | None = None  # the thread that waits for the kernel
        self.closing = False
        self.broken: str | None = None
        self.bytes_out = 0
        self.messages_out = 0

    @property
    def ping_queued(self) -> bool:
        """Whether the last ping still waits for its turn."""
        return self._ping is not None

    @property
    def waiting(self) -> bool:
        """Whether something is queued."""
        if self.broken:
            return False
        if self._close_sent:
            return self._tail is not None
        return bool(self._tail or self._pong or self._ping or self.posted or self._close)

    @property
    def close_written(self) -> bool:
        """Whether a close frame is out, whole."""
        return self._close_sent and self._tail is None

    @property
    def busy(self) -> bool:
        """Whether somebody is inside."""
        return self._lock.locked()

    # -- senders ---------------------------------------------------------------------------------

    def send(self, payload: bytes, timeout: float | None = None) -> None:
        """Write one message, behind what is queued; return when the kernel has all of it.

        Args:
            payload: the message, in UTF-8.
            timeout: seconds for the turn and the writing. When they are over the link is broken: a
                message sent in part can neither be taken back nor be continued later.

        Raises:
            LinkOver: the link is closing or broken; nothing was written.
            LinkBroken: it broke now.
            Stalled: the time is over.
        """
        frame = None if self._stateful else self._frame_of(payload)
        if timeout is None:
            self._send(payload, frame, _NEVER)
            return
        deadline, me = Deadline(timeout), threading.get_ident()
        try:
            self._impatient[me] = deadline
            self._send(payload, frame, deadline)
        finally:
            self._impatient.pop(me, None)

    def _send(self, payload: bytes, frame: Frame | None, deadline: Deadline) -> None:
        with self._lock:
            try:
                if self._half_out and not self.broken:
                    self._break(_CUT)
                if self.closing or self.broken:
                    raise LinkOver
                if deadline is not _NEVER and deadline.expired:
                    raise Stalled("other threads' messages did not get through in time")
                if self.posted or self._tail or self._pong:
                    self._write_all_queued_locked(deadline)
                if frame is None:
                    self._half_out = True  # the peer must see it, since the next depends on it
                    frame = self._frame_of(payload)
                self._write_all_locked(memoryview(frame), deadline)
                self.messages_out += 1
            except BaseException as exc:
                self._struck_locked(exc)
                raise

    def post(self, payload: bytes) -> None:
        """Queue a message; never blocks.

        Raises:
            LinkOver: the link is closing or broken.
        """
        if self.closing or self.broken:
            raise LinkOver
        self.posted.append(payload)

    def take_back(self) -> list[bytes]:
        """Return the posted messages of which nothing is out, and forget them; when all is over."""
        with self._lock:
            taken = list(self.posted)
            self.posted.clear()
            if self._tail_message is not None and self._tail_untouched and not self._half_out:
                taken.insert(0, self._tail_message)
            self._tail_message = None
            return taken

    # -- the reader ------------------------------------------------------------------------------

    def ping(self) -> None:
        """Queue a ping for the next `flush`."""
        self._ping = memoryview(ping_frame())

    def pong(self, payloads: Sequence[bytes]) -> None:
        """Queue the answers to all pings of one read.

        Answers that still wait are replaced: the latest are enough (RFC 6455 §5.5.3).
        """
        self._pong = memoryview(b"".join(map(pong_frame, payloads)))

    def flush(self) -> bool:
        """Write what is queued, without waiting.

        Returns:
            False when the kernel is full: call again when the socket is writable. True also when
            another thread has the lock: call again a moment later if something is `waiting`.
        """
        if not self.waiting or not self._lock.acquire(blocking=False):
            return True
        try:
            return self._flush_locked()
        finally:
            self._lock.release()

    def answer_close(self, code: int, reason: str, deadline: Deadline) -> CloseSent:
        """Write a close frame after the message in hand; no frame follows it.

        Raises:
            LinkOver: the link is over or broken.
            LinkBroken: it broke now.
        """
        self.closing = True
        left = deadline.remaining()
        if not self._lock.acquire(timeout=-1 if left is None else left):
            return CloseSent.NOT
        try:
            if self._half_out and not self.broken:
                self._break(_CUT)
            if self.broken or self._duplex.over:
                raise LinkOver
            if self._close_sent:
                return CloseSent.EARLIER
            self._close, self._answering = memoryview(close_frame(code, reason)), True
            while self.waiting:
                self._write_queued_locked(deadline)
        except Stalled:
            return CloseSent.NOT
        except BaseException as exc:
            self._struck_locked(exc)
            raise
        finally:
            self._lock.release()
        return CloseSent.NOW

    def drain(self, deadline: Deadline) -> None:
        """Write what is queued, waiting for the kernel; after `close`, where nobody is in `read`.

        Not with the lock's own timeout: a strike behind `acquire` would leave it locked.
        """
        while self.waiting and not self._duplex.over and not deadline.expired:
            if self._lock.locked():  # a sender's last message, or somebody else drains
                left = deadline.remaining()
                time.sleep(_LOOK_S if left is None else min(left, _LOOK_S))
                continue
            self._drain_once(deadline)

    def _drain_once(self, deadline: Deadline) -> None:
        with self._lock:  # let go between two looks, so that nobody waits for it longer
            try:
                if not self._flush_locked():
                    self._wait_for_kernel_locked(deadline)
            except (LinkOver, Stalled) as exc:
                self._struck_locked(exc)

    # -- the end ---------------------------------------------------------------------------------

    def close(self, code: int, reason: str) -> None:
        """Accept no more messages, and queue the close frame behind what is queued.

        Never waits, and takes no lock that somebody else holds, so a signal handler may call it
        wherever it has interrupted this thread. If that was in the middle of a frame, the link is
        cut, since the rest of the frame would have to wait for the handler.
        """
        if not self.closing:
            self._close = memoryview(close_frame(code, reason))
        self.closing = True
        if self._blocked == threading.get_ident():
            self.broken = self.broken or "a message was cut by close() in a signal handler"
            self._duplex.shut()
        elif not self._lock.locked():
            # A sender that comes just now is refused, so nobody keeps the lock.
            with self._lock:
                self._flush_locked()

    def _struck_locked(self, exc: BaseException) -> None:
        """Find out what an exception in the middle of writing leaves behind."""
        if isinstance(exc, LinkOver) and not self._half_out:
            return
        if isinstance(exc, (LinkBroken, Stalled)):
            self._break(f"sending failed: {exc}")
        elif self._half_out:
            self._break(f"sending failed: {type(exc).__name__} was raised inside a message")

    def _break(self, why: str) -> None:
        if self.broken is None and not self._duplex.over:
            self.broken = why
        # The reader finds what the peer had sent (perhaps why it ended), then the end.
        self._duplex.shut()

    # -- writing ---------------------------------------------------------------------------------

    def _take_next_locked(self) -> bool:
        """Take the next queued frame in hand; return whether there is one.

        Nothing is called between the stores that belong together, so no strike comes between them:
        no frame is lost, and none is sent twice.
        """
        if self._close_sent:
            return False
        if self._pong is not None:
            self._tail, self._pong = self._pong, None
        elif self._ping is not None:
            self._tail, self._ping = self._ping, None
        elif self.posted and not self._answering:
            message = self.posted[0]
            self._half_out = self._stateful  # the next depends on this one
            frame = memoryview(self._frame_of(message))
            self._tail, self._tail_message, self._tail_untouched = frame, message, True
            del self.posted[0]
            self._half_out = False
        elif self._close is not None:
            self._tail, self._close, self._close_sent = self._close, None, True
        else:
            return False
        return True

    def _flush_locked(self) -> bool:
        """Write what is queued until there is no more (True) or the kernel is full (False)."""
        if self._half_out and not self.broken:
            self._break(_CUT)
        while not self.broken and not self._duplex.over:
            if self._tail is None and not self._take_next_locked():
                return True
            try:
                if not self._write_tail_locked():
                    return False
            except LinkBroken as exc:
                # No reason to fail here: the messages received so far still count.
                self._break(f"sending failed: {exc}")
        return True

    def _write_all_queued_locked(self, deadline: Deadline) -> None:
        while self.posted or self._tail or self._pong:
            self._write_queued_locked(deadline)

    def _write_queued_locked(self, deadline: Deadline) -> None:
        """Take one step with what is queued: write what fits, or wait for the kernel."""
        if self._tail is None and not self._take_next_locked():
            return
        if not self._write_tail_locked():
            self._wait_for_kernel_locked(deadline)

    def _write_tail_locked(self) -> bool:
        """Write what fits of the queued frame in hand; return False when the kernel is full."""
        tail = self._tail
        assert tail is not None
        self._half_out = True
        try:
            count = self._duplex.write_some(tail)
        except LinkBroken:
            self._half_out = False  # nothing more than before
            raise
        self._tail = tail[count:] or None
        self._tail_untouched = self._tail_untouched and not count
        self._half_out = False
        self.bytes_out += count
        if self._tail is None and self._tail_message is not None:
            self._tail_message = None
            self.messages_out += 1
        return count > 0

    def _write_all_locked(self, data: memoryview, deadline: Deadline) -> None:
        begun = self._half_out
        while True:
            # Before the write, for a strike between the kernel's answer and the next line.
            self._half_out = True
            count = self._duplex.write_some(data)
            self.bytes_out += count
            if count == len(data):
                self._half_out = False
                return
            data = data[count:]
            begun = begun or self._begun_when_tried or count > 0
            if not count:
                self._half_out = begun
                self._wait_for_kernel_locked(deadline)

    def _wait_for_kernel_locked(self, deadline: Deadline) -> None:
        left = deadline.remaining()
        try:
            self._blocked = threading.get_ident()
            self._duplex.wait_to_write(left if left is None else min(left, _LOOK_S))
        finally:
            self._blocked = None
        if self.broken:
            raise LinkOver
        if deadline.expired or any(other.expired for other in list(self._impatient.values())):
            raise Stalled("the peer takes no more data")
