"""A link without a network: the public fake for tests of whatever sits on a transport."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .._deadline import Deadline
from .._required import require, require_count, require_flag, require_function, require_text
from .._uncopied import Uncopied
from ..errors import ConfigError, ConnectionClosed, RealtimeTimeout
from .base import Transport, check_close, closed, closed_by_us, utf8

__all__ = ["MemoryPeer", "MemoryTransport", "memory_pair"]


def memory_pair(
    *, answer_close: bool = True, on_send: Callable[[str], object] | None = None
) -> tuple[MemoryTransport, MemoryPeer]:
    """Return the client's transport and the server at its other end.

    Args:
        answer_close: False makes a peer that ignores the client's close frame.
        on_send: gets each message of the client's on the thread that sends it; None for messages
            that wait for `MemoryPeer.receive`.
    """
    transport = MemoryTransport(answer_close=answer_close, on_send=on_send)
    return transport, MemoryPeer(transport)


class MemoryTransport(Transport, Uncopied):
    """A transport whose wire is a deque; made by `memory_pair`.

    Threads:
        As `Transport`; one condition guards every field, and nothing blocks while holding it.
    """

    bytes_in = 0
    bytes_out = 0
    messages_in = 0
    messages_out = 0

    def __init__(
        self, *, answer_close: bool, on_send: Callable[[str], object] | None = None
    ) -> None:
        super().__init__()
        require_flag(answer_close, "answer_close", error=ConfigError)
        if on_send is not None:
            require_function(on_send, "on_send", error=ConfigError)
        self._on_send = on_send
        self._changed = threading.Condition()
        # All guarded by _changed:
        self._to_client: deque[str | bytes] = deque()
        self._to_peer: deque[str] = deque()
        self._answer_close = answer_close
        self._closing: tuple[int, str] | None = None  # what our close() asked for
        self._end: ConnectionClosed | None = None
        self._reader: int | None = None
        self._close_by: Deadline | None = None

    def read(self) -> list[str | bytes]:
        """Block until a message is there; return all of them (see `Transport.read`)."""
        self.check_process()
        with self._changed:
            self._reader = threading.get_ident()
            while not self._to_client and self._end is None:
                deadline = self._close_by
                self._changed.wait(None if deadline is None else deadline.remaining())
                if deadline is not None and deadline.expired and self._end is None:
                    self._end_locked(closed(1006, "the peer did not answer our close in time"))
            if self._to_client:
                messages = list(self._to_client)
                self._to_client.clear()
                self.messages_in += len(messages)
                self.bytes_in += sum(map(_size, messages))
                return messages
            raise self._again_locked()

    def send(self, text: str | bytes) -> None:
        """Give one message to the peer (see `Transport.send`)."""
        self.check_process()
        if isinstance(text, bytes):
            text = text.decode()
        utf8(text)  # so that what no wire takes is refused here as well
        with self._changed:
            if self._end is not None:
                raise self._again_locked()
            if self._closing is not None:
                raise closed_by_us(*self._closing)
            if self._on_send is None:
                self._to_peer.append(text)
            self.messages_out += 1
            self.bytes_out += _size(text)
            self._changed.notify_all()
        if self._on_send is not None:
            self._on_send(text)

    def post(self, text: str | bytes) -> None:
        """Do as `send`, since nothing ever blocks here (see `Transport.post`)."""
        self.send(text)

    def take_back(self) -> list[str]:
        """Return nothing, since all was sent at once (see `Transport.take_back`)."""
        self.check_process()
        return []

    def start_close(self, code: int, reason: str, deadline: Deadline) -> None:
        """Ask for the close; the peer answers at once unless told not to.

        Takes the condition, unlike the real one (see `Transport.start_close`).
        """
        self.check_process()
        with self._changed:
            if self._end is None and self._closing is None:
                self._closing, self._close_by = (code, reason), deadline
                if self._answer_close:
                    self._end_locked(closed_by_us(code, reason))
            self._changed.notify_all()

    def close(self, code: int = 1000, reason: str = "", *, timeout: float) -> None:
        """Close the link and wait for the end (see `Transport.close`)."""
        self.check_process()
        check_close(code, reason)
        deadline = Deadline(timeout)
        self.start_close(code, reason, deadline)
        with self._changed:
            if self._reader == threading.get_ident():
                return  # the next read() waits for the answer
            self._changed.wait_for(lambda: self._end is not None, deadline.remaining())
            if self._end is None:
                self._end_locked(closed(1006, "the peer did not answer our close in time"))

    def abort(self) -> None:
        """Cut the link at once (see `Transport.abort`)."""
        if self.forked:
            return
        with self._changed:
            self._to_client.clear()
            self._end_locked(closed(1006, "aborted by this side", "this side"))

    @property
    def closed(self) -> bool:
        """Whether `send` would refuse a message."""
        if self.forked:
            return True
        with self._changed:
            return self._end is not None or self._closing is not None

    def _end_locked(self, end: ConnectionClosed) -> None:
        if self._end is None:
            self._end = end
        self._changed.notify_all()

    def _again_locked(self) -> ConnectionClosed:
        assert self._end is not None
        return self._end.copy()

    # -- the peer's side -------------------------------------------------------------------------

    def _peer_receive(self, timeout: float | None) -> str:
        with self._changed:
            seconds = Deadline(timeout).remaining()
            ready = self._changed.wait_for(self._peer_ready_locked, seconds)
            if self._to_peer:
                return self._to_peer.popleft()
            if self._closing is not None:
                raise closed(*self._closing)
            if self._end is not None:
                raise self._again_locked()
            assert not ready
            raise RealtimeTimeout(f"the client sent nothing within {timeout} s")

    def _peer_ready_locked(self) -> bool:
        return bool(self._to_peer) or self._closing is not None or self._end is not None

    def _peer_send(self, message: str | bytes) -> None:
        with self._changed:
            if self._end is not None:
                raise self._again_locked()
            self._to_client.append(message)
            self._changed.notify_all()

    def _peer_end(self, code: int, reason: str) -> None:
        with self._changed:
            answered = self._closing is not None and code != 1006
            self._end_locked(
                closed_by_us(*self._closing) if answered and self._closing else closed(code, reason)
            )


class MemoryPeer(Uncopied):
    """The server's end of a `memory_pair`. May be used from any thread."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport

    def receive(self, timeout: float | None = 30.0) -> str:
        """Return the next message the client sent.

        Raises:
            ConfigError: the timeout is no number of seconds.
            RealtimeTimeout: none came within ``timeout`` seconds.
            ConnectionClosed: none will come any more.
        """
        return self._transport._peer_receive(timeout)

    def send(self, message: str | bytes) -> None:
        """Give the client one message: ``str`` for text, ``bytes`` for binary.

        Raises:
            ConfigError: it is neither.
            ConnectionClosed: the link is over.
        """
        fits = isinstance(message, str | bytes)
        require(fits, "a message must be a text or bytes", message, error=ConfigError)
        self._transport._peer_send(message)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the link; answers the client's close when that came first.

        Raises:
            ConfigError: the code is no number, or the reason no text.
        """
        require_count(code, "code", error=ConfigError)
        require_text(reason, "reason", error=ConfigError)
        self._transport._peer_end(code, reason)

    def drop(self) -> None:
        """Break the link without a close frame, as a lost network does."""
        self._transport._peer_end(1006, "the peer dropped the link")


def _size(message: str | bytes) -> int:
    return len(message.encode()) if isinstance(message, str) else len(message)
