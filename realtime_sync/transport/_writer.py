"""Who may write to the link, and in which order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from enum import Enum, auto

from .._deadline import Deadline
from ._duplex import Duplex, LinkOver
from ._frames import close_frame, ping_frame, pong_frame

__all__ = ["NEVER", "CloseSent", "Frame", "FrameWriter"]

NEVER = Deadline(None)
Frame = bytes | bytearray


class CloseSent(Enum):
    """What became of a close frame."""

    NOW = auto()
    EARLIER = auto()  # another one is on its way already
    NOT = auto()  # a sender held the link until the deadline


class FrameWriter:
    """Writes frames one after the other.

    The reader must never wait for a peer that does not read: its pongs and pings are queued, one of
    each, and written by `flush` without waiting, or by the sender that holds the link at that
    moment, right after its own frame.

    Attributes:
        closing: no more messages are accepted.
        broken: why the link can't be written to any more, or None.
        bytes_out: bytes written.
        messages_out: messages written whole.

    Threads:
        `flush`, `ping` and `pong` belong to the reader, the rest to anybody.
    """

    def __init__(self, duplex: Duplex) -> None:
        self._duplex = duplex
        self._lock = threading.Lock()  # the send lock; held while waiting for the kernel
        self._ping: Frame | None = None
        self._pong: Frame | None = None
        self._tail: memoryview | None = None  # of a control frame begun; guarded by _lock
        self._close_sent = False  # guarded by _lock
        self.closing = False
        self.broken: str | None = None
        self.bytes_out = 0
        self.messages_out = 0

    @property
    def ping_queued(self) -> bool:
        """Whether the last ping still waits for its turn."""
        return self._ping is not None

    def send(self, frame: Frame | Callable[[], Frame], deadline: Deadline = NEVER) -> None:
        """Write one message; return when the kernel has all of it.

        Args:
            frame: the message, or what makes it when its turn has come.
            deadline: for the turn and the writing. When it passes the link is broken: a message
                sent in part can neither be taken back nor be continued later.

        Raises:
            LinkOver: the link is closing or broken; nothing was written.
            OSError: the link broke; TimeoutError at the deadline.
        """
        try:
            with self._lock if deadline is NEVER else _Turn(self._lock, deadline):
                if self.closing or self.broken:
                    raise LinkOver
                self._write_locked(frame, deadline)
                self.messages_out += 1
        except TimeoutError as exc:
            self._break(exc)  # also where others held the link all the time
            raise
        # The reader may have queued something while it could not have the lock.
        if self._pong or self._ping:
            self.flush()

    def close(self, code: int, reason: str, deadline: Deadline) -> CloseSent:
        """Write a close frame after the message in hand; no frame follows it.

        Raises:
            LinkOver: the link is over or broken.
            OSError: the link broke now.
        """
        self.closing = True
        left = deadline.remaining()
        if not self._lock.acquire(timeout=-1 if left is None else left):
            return CloseSent.NOT
        try:
            if self.broken:
                raise LinkOver
            if self._close_sent:
                return CloseSent.EARLIER
            self._close_sent = True
            self._write_locked(close_frame(code, reason), deadline)
        except TimeoutError:
            return CloseSent.NOT
        finally:
            self._lock.release()
        return CloseSent.NOW

    def ping(self) -> None:
        """Queue a ping for the next `flush`."""
        self._ping = ping_frame()

    def pong(self, payload: bytes) -> None:
        """Queue the answer to a ping; an answer still waiting is replaced (RFC 6455 §5.5.3)."""
        self._pong = pong_frame(payload)

    def flush(self) -> bool:
        """Write what is queued, without waiting.

        Returns:
            False when the kernel is full: call again when the socket is writable. True also when
            another thread has the lock, for it will see to the queue.
        """
        while (self._pong or self._ping or self._tail) and self._lock.acquire(blocking=False):
            try:
                if not self._flush_locked():
                    return False
            finally:
                self._lock.release()
        return True

    def _flush_locked(self) -> bool:
        while not self._close_sent and not self.broken:
            if self._tail is None:
                frame = self._next_locked()
                if frame is None:
                    return True
                self._tail = memoryview(frame)
            try:
                count = self._duplex.write_some(self._tail)
            except OSError as exc:
                # No reason to fail here: the messages received so far still count.
                self._break(exc)
                break
            if not count:
                return False
            self.bytes_out += count
            self._tail = self._tail[count:] or None
        self._ping = self._pong = self._tail = None
        return True

    def _next_locked(self) -> Frame | None:
        frame, self._pong = self._pong, None
        if frame is None:
            frame, self._ping = self._ping, None
        return frame

    def _write_locked(self, frame: Frame | Callable[[], Frame], deadline: Deadline) -> None:
        """Write ``frame`` whole, after whatever was begun before it."""
        try:
            if self._tail is not None:
                self._write_all_locked(self._tail, deadline)
                self._tail = None
            self._write_all_locked(memoryview(frame() if callable(frame) else frame), deadline)
        except BaseException as exc:
            # Also after Ctrl-C: where a frame has stopped halfway, no other can begin (nor after a
            # compressed one that the peer has not seen).
            self._break(exc)
            raise

    def _write_all_locked(self, data: memoryview, deadline: Deadline) -> None:
        while True:
            count = self._duplex.write_some(data)
            self.bytes_out += count
            if count == len(data):
                return
            data = data[count:]
            if not count:
                self._duplex.wait_to_write(deadline)

    def _break(self, exc: BaseException) -> None:
        if not isinstance(exc, LinkOver) and self.broken is None:
            self.broken = f"sending failed: {exc or type(exc).__name__}"
        # The reader finds what the peer had sent (perhaps why it ended), then the end.
        self._duplex.shut()


class _Turn:
    """The lock for the length of a ``with``, or TimeoutError."""

    def __init__(self, lock: threading.Lock, deadline: Deadline) -> None:
        self._lock = lock
        self._deadline = deadline

    def __enter__(self) -> None:
        left = self._deadline.remaining()
        if not self._lock.acquire(timeout=-1 if left is None else left):
            raise TimeoutError("other threads' messages did not get through in time")

    def __exit__(self, *_: object) -> None:
        self._lock.release()
