"""The door to whatever WebSocket a program has: text in, text out, and an end."""

from __future__ import annotations

import inspect
import logging
import threading
from collections.abc import Callable
from typing import Any, Protocol

from ..errors import ConfigError

__all__ = ["SocketDoor", "SocketLike"]

log = logging.getLogger(__name__)

_LOOK_S = 0.5  # how soon a reader that `close` does not wake sees that it is closed


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

    Args:
        socket: see `SocketLike`.

    Raises:
        ConfigError: it lacks something of that.

    Threads:
        One thread calls `receive`; all else may be called from any.
    """

    def __init__(self, socket: SocketLike) -> None:
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
        self._closed = False
        # The send lock: some WebSockets mix up the messages of two threads. Held across the write.
        self._send_lock = threading.Lock()

    def receive(self) -> str | bytes | None:
        """Return the next message; None when the link is over, whoever has ended it."""
        while not self._closed:
            try:
                message = self._receive(timeout=_LOOK_S) if self._looks else self._receive()
            except TimeoutError:
                if not self._looks:  # the program's own timeout on the socket: nothing comes
                    return None
                continue
            except Exception as exc:  # each library has its own for the end of a link
                log.debug("the link of a call is over: %r", exc)
                return None
            if isinstance(message, str | bytes):
                return message
            if message is None and not self._looks:
                return None
        return None

    def send(self, *messages: str) -> bool:
        """Send text messages, with nothing between them; False when the link is over."""
        try:
            with self._send_lock:
                for message in messages:
                    self._socket.send(message)
        except Exception as exc:  # as above
            log.debug("the link of a call is over: %r", exc)
            return False
        return True

    def close(self) -> None:
        """Close the link; may be called again."""
        if self._closed:
            return
        self._closed = True
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
