"""The door to whatever WebSocket a program has: text in, text out, and an end."""

from __future__ import annotations

import inspect
import logging
import socket as sockets
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from .._deadline import Deadline
from ..errors import ConfigError

__all__ = ["SocketDoor", "SocketLike"]

log = logging.getLogger(__name__)

_LOOK_S = 0.5  # how soon a reader that `close` does not wake sees that it is closed
_LAST_WORD_S = 0.5  # so long a close waits for a message that is on its way


class SocketLike(Protocol):
    """What a WebSocket must have: ``send``, ``close``, and ``recv`` or ``receive``.

    So have those of websockets' threading server, simple-websocket (flask-sock) and
    websocket-client. ``recv`` returns the next message and raises when the link is over; where it
    takes a ``timeout`` in seconds, it raises TimeoutError or returns None when that has passed.
    """

    def send(self, message: str) -> Any:
        """Send a text message."""

    def close(self) -> Any:
        """Close the link."""


class SocketDoor:
    """A program's WebSocket, with one thread that reads and any that send.

    A WebSocket's own `send` may wait for ever for a far end that takes nothing, and its `close`
    behind that. So whoever reads looks after the one who sends, and breaks the link in the end.

    Args:
        socket: see `SocketLike`.
        send_timeout: seconds that one `send` may take; None for no limit.
        silence_timeout: seconds without any message, after which the link counts as over; None for
            no limit.

    Raises:
        ConfigError: it lacks something of that.

    Threads:
        One thread calls `receive`; all else may be called from any.
    """

    def __init__(
        self,
        socket: SocketLike,
        *,
        send_timeout: float | None = None,
        silence_timeout: float | None = None,
    ) -> None:
        receive = getattr(socket, "recv", None) or getattr(socket, "receive", None)
        if not callable(receive) or not _has(socket, "send") or not _has(socket, "close"):
            raise ConfigError(
                f"{type(socket).__name__!r} objects are no WebSockets: give one that has send(), "
                "close(), and recv() or receive(), such as the one that a handler of websockets, "
                "flask-sock or realtime_sync's own server is called with"
            )
        if any(map(inspect.iscoroutinefunction, (receive, socket.send, socket.close))):
            raise ConfigError(
                f"the methods of {type(socket).__name__!r} objects are async and nobody would "
                "await them: give a blocking WebSocket, such as websockets.sync.server's"
            )
        self._socket = socket
        self._receive: Callable[..., object] = receive
        self._looks = _takes_timeout(receive)
        if silence_timeout is not None and not self._looks:
            raise ConfigError(
                f"{receive.__name__}() of {type(socket).__name__!r} objects takes no timeout, so "
                "nobody could notice the silence: leave silence_timeout out, or give a WebSocket "
                "that does, such as realtime_sync's own"
            )
        self._send_timeout = send_timeout
        self._silence_timeout = silence_timeout
        self._sending: Deadline | None = None  # of the message that is being sent
        self._closed = False
        # The send lock: some WebSockets mix up the messages of two threads. Held across the write.
        self._send_lock = threading.Lock()

    def receive(self) -> str | bytes | None:
        """Return the next message; None when the link is over, whoever has ended it."""
        silence = Deadline(self._silence_timeout)
        while not (self._closed or self._is_stuck() or self._is_silent(silence)):
            try:
                message = self._next(silence)
            except Exception as exc:  # each library has its own for the end of a link
                log.debug("the link of a call is over: %r", exc)
                return None
            if isinstance(message, str):
                return message
            if isinstance(message, bytes | bytearray | memoryview):  # gevent-websocket: bytearray
                return bytes(message)
            if not self._looks:
                return None
        return None

    def _next(self, silence: Deadline) -> object:
        """Return a message; None for none, which is the end where no timeout is taken."""
        if not self._looks:
            return self._receive()
        left = silence.remaining()
        try:
            return self._receive(timeout=_LOOK_S if left is None else min(_LOOK_S, left))
        except TimeoutError:
            return None

    def _is_silent(self, silence: Deadline) -> bool:
        if not silence.expired:
            return False
        log.warning("nothing has come from the far end of a call for %g s", silence.timeout)
        return True

    def _is_stuck(self) -> bool:
        """Whether the far end has taken nothing for too long; then the link is broken."""
        sending = self._sending
        if sending is None or not sending.expired:
            return False
        log.warning("the far end of a call has taken nothing for %g s", sending.timeout)
        self._cut()
        return True

    def _cut(self) -> None:
        """Break the link under a `send` that does not return."""
        for name in ("socket", "sock"):  # as websockets, simple-websocket and websocket-client say
            raw = getattr(self._socket, name, None)
            if isinstance(raw, sockets.socket):
                # Not SSLSocket.shutdown, which drops its TLS under the thread that sends.
                with suppress(OSError):
                    sockets.socket.shutdown(raw, sockets.SHUT_RDWR)

    def send(self, *messages: str) -> bool:
        """Send text messages, with nothing between them; False when the link is over."""
        try:
            with self._send_lock:
                self._sending = Deadline(self._send_timeout)
                try:
                    for message in messages:
                        self._socket.send(message)
                finally:
                    self._sending = None
        except Exception as exc:  # as above
            log.debug("the link of a call is over: %r", exc)
            return False
        return True

    def close(self) -> None:
        """Close the link; may be called again."""
        if self._closed:
            return
        self._closed = True
        # A close may wait for the send before it, and that one for ever.
        if self._send_lock.acquire(timeout=_LAST_WORD_S):
            self._send_lock.release()
        else:
            self._cut()
        try:
            self._socket.close()
        except Exception as exc:  # it was over before
            log.debug("closing the link of a call: %r", exc)


def _has(socket: object, name: str) -> bool:
    return callable(getattr(socket, name, None))


def _takes_timeout(function: Callable[..., object]) -> bool:
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # of C code
        return False
    return "timeout" in parameters
