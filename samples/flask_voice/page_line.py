"""The way to one page: what is to be said waits in a queue, and one thread writes it."""

from __future__ import annotations

import json
import queue
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from realtime_sync import RealtimeError

__all__ = ["MAX_WAITING_BYTES", "Line", "Socket"]

MAX_WAITING_BYTES = 16 * 1024 * 1024  # six minutes of sound
_ALIVE = '{"type":"alive"}'
_TOO_SLOW = (4008, "the page takes too long to take what is sent")


class Socket(Protocol):
    """What a line needs of a `realtime_sync.wsgi.WebSocket`."""

    def send(self, message: str | bytes, /) -> None:
        """Send a message; wait until the kernel has it."""

    def close(self, code: int = ..., reason: str = ...) -> None:
        """Close with a handshake."""


@dataclass(frozen=True)
class _End:
    code: int
    reason: str


class Line:
    """Writes to a page, in order, on a thread of its own; nobody who says something waits for it.

    A page that does not take what is sent is given up: what waits is dropped, and the socket is
    closed with 4008, or by its own ``send_timeout``. A page sees no pings, so it is told every few
    seconds at least that the network still brings it something.

    Args:
        socket: to the page.
        most_bytes: what may wait.
        alive_s: seconds without a word after which the page is told that the line is there.

    Threads: any may call anything; `join` waits for the writing thread.
    """

    def __init__(
        self, socket: Socket, *, most_bytes: int = MAX_WAITING_BYTES, alive_s: float = 5.0
    ) -> None:
        self._socket = socket
        self._most_bytes = most_bytes
        self._alive_s = alive_s
        self._queue: queue.SimpleQueue[str | bytes | _End] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the two below
        self._waiting_bytes = 0
        self._is_over = False
        self._thread = threading.Thread(target=self._write, name="page-writer", daemon=True)
        self._thread.start()

    def tell(self, message: dict[str, Any]) -> None:
        """Send a message of the protocol."""
        self._put(json.dumps(message, ensure_ascii=False, separators=(",", ":")))

    def sound(self, pcm: bytes) -> None:
        """Send sound of the part that was announced last."""
        self._put(pcm)

    def end(self, code: int, reason: str) -> None:
        """Close, after what was said before; at most once, and nothing is said after it."""
        with self._lock:
            if not self._is_over:
                self._is_over = True
                self._queue.put(_End(code, reason))

    def join(self) -> None:
        """Wait until the thread has written what there is, or has found that it can't."""
        self._thread.join()

    def _put(self, data: str | bytes) -> None:
        with self._lock:
            if self._is_over:
                return
            self._waiting_bytes += len(data)
            if self._waiting_bytes > self._most_bytes:
                self._is_over = True
                self._drop_all_locked()
                self._queue.put(_End(*_TOO_SLOW))
            else:
                self._queue.put(data)

    def _drop_all_locked(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._queue.get_nowait()

    def _next(self) -> str | bytes | _End:
        try:
            return self._queue.get(timeout=self._alive_s)
        except queue.Empty:
            return _ALIVE

    def _write(self) -> None:
        try:
            while not isinstance(data := self._next(), _End):
                self._socket.send(data)
                if data is _ALIVE:
                    continue
                with self._lock:
                    self._waiting_bytes -= len(data)
            self._socket.close(data.code, data.reason)
        except RealtimeError:  # it is gone, which whoever reads from it learns as well
            with self._lock:
                self._is_over = True
