"""One connected socket whose two directions belong to different threads.

OpenSSL's object is not made for a reader and a writer at once: about one short connection in five
hundred then dies of "bad record mac", in blocking mode and with timeouts alike. So every call into
it is non-blocking and under one lock, and all waiting happens outside that lock, on the socket
itself. A plain socket's two directions do not share a lock, but wait in the same way.
"""

from __future__ import annotations

import os
import selectors
import socket
import ssl
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["Duplex", "LinkBroken", "LinkOver", "set_options"]

_READ: Final = selectors.EVENT_READ
_WRITE: Final = selectors.EVENT_WRITE
# Only a TLS 1.2 renegotiation makes a write wait for the peer, and the reader may take the awaited
# bytes first; so look again from time to time, for the one round trip that it lasts.
_RENEGOTIATION_S: Final = 0.05
_LONGEST_WAIT_S: Final = 86400.0
# OpenSSL reports a write only when all of it is through; a record at a time, the reader gets the
# lock in between and the progress shows.
_TLS_RECORD: Final = 16384
_WHOLE: Final = sys.maxsize
_NUDGES: Final = 4096  # bytes of `nudge` that are taken at once
# A peer whose machine is gone is noticed after a minute also where nobody pings.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class LinkOver(Exception):  # noqa: N818  # not an error: it says why a wait has ended
    """The link was closed by this side."""


class LinkBroken(Exception):  # noqa: N818  # as LinkOver
    """The socket says that nothing more can be written.

    No `OSError`: writing happens on users' threads, where a signal handler may raise one of its
    own (`TimeoutError` is the usual one), and that must come out as it is.
    """


class Duplex:
    """Non-blocking reads and writes, with waiting that `end` ends.

    It has two users, the reader and the writer, and keeps its descriptors until its owner calls
    `release`: a descriptor closed under a waiting thread leaves it stuck, and its number may
    already be somebody else's.

    Args:
        sock: connected, in blocking mode or not.
        owned: whether `release` closes it. A server's own socket is given back instead: shut down,
            without TLS, and with the timeout that it had.

    Attributes:
        secure: whether it speaks TLS.
        over: `end` was called.

    Threads:
        One reader (`read`, `read_into`, `wait`) and one writer (`write_some`, `wait_to_write`) at a
        time; the rest from any thread. `nudge` takes no lock, so that a signal handler may call it.
    """

    def __init__(self, sock: socket.socket, *, owned: bool = True) -> None:
        self._owned = owned
        self._timeout = sock.gettimeout()
        sock.setblocking(False)
        self._sock = sock
        self.secure = isinstance(sock, ssl.SSLSocket)
        # With a plain socket nobody waits for them; `contextlib.nullcontext` would cost more.
        self._reading = threading.Lock()
        self._writing = self._reading if self.secure else threading.Lock()
        self._write_size = _TLS_RECORD if self.secure else _WHOLE
        self._wake, self._waker = socket.socketpair()
        self._wake.setblocking(False)
        self._waker.setblocking(False)
        self._selector = _selector(sock, _READ, self._wake)
        self._events = _READ  # what the selector watches the socket for
        self._read_needs = _READ
        self._write_needs = _WRITE
        # Who calls the sockets for a moment, beside the reader and the writer.
        self._guests: dict[object, None] = {}
        self._released = False
        self._closer: dict[str, object] = {}  # at most one entry: who closes the descriptors
        self.over = False
        _live.add(self)

    # -- the end ---------------------------------------------------------------------------------

    def nudge(self) -> None:
        """Let the reader, if it waits in `wait`, look around. Never blocks."""
        # It fails when it was nudged often enough.
        self._briefly(lambda: self._waker.send(b"\0"))

    def shut(self) -> None:
        """End both directions for the peer and the kernel; what has arrived can still be read."""
        # Not SSLSocket.shutdown: it drops the TLS object under the other threads, whose next read
        # or write would then be in the clear. It fails where the peer was faster.
        self._briefly(lambda: socket.socket.shutdown(self._sock, socket.SHUT_RDWR))

    def shut_writing(self) -> None:
        """End our direction: the peer reads to the end of what was written."""
        self._briefly(lambda: socket.socket.shutdown(self._sock, socket.SHUT_WR))

    def _briefly(self, call: Callable[[], object]) -> None:
        """Call what does not wait; `release` leaves the descriptors alone meanwhile.

        Without a lock, since a signal handler may come here while it interrupts this very code.
        """
        token = object()
        try:
            self._guests[token] = None  # before looking: see `release`
            if not self._released:
                call()
        except OSError as exc:
            if exc.errno is None:  # the system's have a number; this is a signal handler's
                raise
        finally:
            if token in self._guests:
                del self._guests[token]
            if self._released:
                self._close_unless_used()

    def end(self) -> None:
        """End the link and every wait at once; idempotent, never blocks."""
        self.over = True
        self.shut()  # a socket that was shut down is ready for everything, so it wakes the writer
        self.nudge()

    def release(self) -> None:
        """Close what it owns; only when neither the reader nor the writer is inside."""
        self._released = True
        self._close_unless_used()

    def _close_unless_used(self) -> None:
        """Close the descriptors, once.

        A guest enters first and looks then whether they are released; who releases them looks for
        guests then. So the last one to leave closes them.
        """
        token = object()
        if self._guests or self._closer.setdefault("first", token) is not token:
            return
        self._selector.close()
        self._wake.close()
        self._waker.close()
        if self._owned:
            self._sock.close()
        elif self._sock.fileno() >= 0:
            # This time SSLSocket.shutdown, where it is one: half a record may be left in its TLS,
            # which would refuse what the server writes with an error of its own.
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
            self._sock.settimeout(self._timeout)

    def forget(self) -> None:
        """In a forked child: give up the copies of the descriptors, unnoticed by the peer.

        Without this the child would keep the link open when its owner is killed. Takes no lock,
        opens nothing and says nothing: other threads may have held any lock at that moment.
        """
        self.over = self._released = True
        self._closer.setdefault("first", self)
        # The reader may have held it, and a thread that forked inside a write comes back to it.
        self._reading = self._writing = threading.Lock()
        if self._sock.fileno() >= 0:
            # Not only closed: gevent's sockets put that off until their event loop runs.
            os.dup2(self._wake.fileno(), self._sock.fileno(), inheritable=False)
        for sock in (self._sock, self._wake, self._waker):
            sock.close()
        self._selector.close()

    # -- the reader ------------------------------------------------------------------------------

    def read(self, size: int) -> bytes | None:
        """Return what has arrived, b"" at its end, None for nothing yet.

        Before `wait`, read until there is less than ``size``: TLS may hold decrypted data that no
        selector sees.
        """
        try:
            with self._reading:
                return self._sock.recv(size)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._read_needs = _READ
        except ssl.SSLWantWriteError:
            self._read_needs = _WRITE
        return None

    def read_into(self, buffer: memoryview) -> int | None:
        """Do as `read` does, but into ``buffer``; return the count."""
        try:
            with self._reading:
                return self._sock.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            self._read_needs = _READ
        except ssl.SSLWantWriteError:
            self._read_needs = _WRITE
        return None

    def discard(self, size: int) -> bool | None:
        """Throw away what has arrived; return whether there was any, None for nothing yet.

        As it comes from the kernel: TLS learns nothing of it, so nothing can be read afterwards.
        """
        self._read_needs = _READ
        try:
            return bool(socket.socket.recv(self._sock, size))
        except BlockingIOError:
            return None

    def wait(self, timeout: float | None, *, or_writable: bool) -> bool:
        """Wait until `read` may find something, a write may succeed, or somebody nudges.

        Returns:
            False when nothing has happened within ``timeout`` seconds.

        Raises:
            LinkOver: `end` was called.
        """
        if self.over:  # its descriptors may be gone: this is a forked child, say
            raise LinkOver
        events = self._read_needs | (_WRITE if or_writable else 0)
        if events != self._events:
            self._selector.modify(self._sock, events)
            self._events = events
        # poll refuses more than 2**31 ms; whoever waits longer looks at the clock and comes back.
        timeout = _LONGEST_WAIT_S if timeout is None else min(timeout, _LONGEST_WAIT_S)
        ready = self._selector.select(timeout)
        self._read_needs = _READ
        for key, _ in ready:
            if key.fileobj is self._wake:
                self._wake.recv(_NUDGES)
        if self.over:
            raise LinkOver
        return bool(ready)

    # -- the writer ------------------------------------------------------------------------------

    def write_some(self, data: memoryview) -> int:
        """Write what fits without waiting; return the count, 0 for nothing.

        After 0, TLS demands that the next write begins with the same bytes.

        Raises:
            LinkBroken: nothing can be written any more.
        """
        try:
            with self._writing:
                return self._sock.send(data[: self._write_size])
        except OSError as exc:
            if exc.errno is None:  # the system's have a number; this is a signal handler's
                raise
            if isinstance(exc, (BlockingIOError, ssl.SSLWantWriteError)):
                self._write_needs = _WRITE
                return 0
            if isinstance(exc, ssl.SSLWantReadError):
                self._write_needs = _READ
                return 0
            raise LinkBroken(exc.strerror or str(exc)) from exc

    def wait_to_write(self, timeout: float | None) -> None:
        """Wait until `write_some` may get further, or ``timeout`` seconds have passed.

        Raises:
            LinkOver: `end` was called.
        """
        if self.over:  # as in `wait`
            raise LinkOver
        if self._write_needs == _READ:
            timeout = min(_RENEGOTIATION_S, _RENEGOTIATION_S if timeout is None else timeout)
        with _selector(self._sock, self._write_needs) as selector:
            selector.select(timeout)
        if self.over:
            raise LinkOver


def set_options(sock: socket.socket) -> None:
    """Turn on TCP's keepalive, and turn off Nagle's delay."""
    with suppress(OSError):  # they improve a link, and a link without them is still one
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _selector(
    sock: socket.socket, events: int, wake: socket.socket | None = None
) -> selectors.BaseSelector:
    # poll: no descriptor of its own (epoll has one per selector), no limit at number 1024 (select).
    # Looked up at run time, because gevent replaces the module's classes.
    kind = getattr(selectors, "PollSelector", selectors.DefaultSelector)
    selector: selectors.BaseSelector = kind()
    selector.register(sock, events)
    if wake is not None:
        selector.register(wake, _READ)
    return selector


_live: weakref.WeakSet[Duplex] = weakref.WeakSet()


def _forget_all() -> None:
    for duplex in list(_live):
        # What a hook raises is printed, and another thread may have held the lock of stderr.
        with suppress(Exception):
            duplex.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
