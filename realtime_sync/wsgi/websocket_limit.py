"""How many WebSockets a process takes, and how they end when the process is to end."""

from __future__ import annotations

import os
import signal
import threading
import weakref
from typing import TYPE_CHECKING, Any, Final

from .._deadline import Deadline
from .._required import require_count
from .._signal_safe import Latch
from .._threads import spawn
from ..errors import ConfigError, WebSocketRefused
from ..transport.base import check_close

if TYPE_CHECKING:
    from .blocking_websocket import WebSocket

__all__ = ["RETRY_AFTER", "WebSocketLimit"]

RETRY_AFTER: Final = (("Retry-After", "5"),)  # seconds, of a client that finds no room
# A socket that its program has forgotten leaves when the collector finds it, which wakes nobody.
_LOOK_AGAIN_S: Final = 0.5
_GOING_AWAY: Final = 1001  # RFC 6455 §7.4.1


class WebSocketLimit:
    """The WebSockets of this process: how many there may be, and their common end.

    Each one holds a thread of the server. When all are held, gunicorn lets even a plain page wait
    without a word, so the limit belongs below the server's threads; what comes above it is refused
    at once, with 503 and ``Retry-After``.

    Args:
        most: how many may be open at a time, 1 or more.

    Raises:
        ConfigError: ``most`` is no such number.

    Threads:
        All of it may be used from any thread, and `refuse_new` in a signal handler.

    Example:
        >>> limit = WebSocketLimit(20)
        >>> limit.most, limit.open
        (20, 0)
    """

    def __init__(self, most: int) -> None:
        require_count(most, "a WebSocketLimit", least=1, error=ConfigError)
        self.most = most
        self._refusing = False
        self._state = threading.Lock()  # guards _sockets and _changed
        self._sockets: weakref.WeakSet[WebSocket] = weakref.WeakSet()
        self._changed = Latch()  # a new one after each that has left

    def __repr__(self) -> str:
        return f"WebSocketLimit({self.most}, open={self.open})"

    @property
    def open(self) -> int:
        """How many are open now: from `accept` until their `WebSocket.close` returns."""
        with self._state:
            return len(self._sockets)

    @property
    def refuses_new(self) -> bool:
        """Whether `refuse_new` was called."""
        return self._refusing

    def refuse_new(self) -> None:
        """Answer every new request with 503 from now on; open sockets go on."""
        self._refusing = True

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until none is open.

        Args:
            timeout: seconds; None waits for ever.

        Returns:
            True when none is open, False when the time is over.
        """
        deadline = Deadline(timeout)
        while True:
            with self._state:
                changed, left = self._changed, len(self._sockets)
            if not left:
                return True
            if deadline.expired:
                return False
            remaining = deadline.remaining()
            changed.wait(
                Deadline(_LOOK_AGAIN_S if remaining is None else min(remaining, _LOOK_AGAIN_S))
            )

    def close_all(self, code: int = _GOING_AWAY, reason: str = "the server is ending") -> None:
        """Begin to close all that are open, and return at once.

        Their blocked `recv` calls end as soon as the client has answered, within the
        ``close_timeout`` of each at the latest; `wait` waits for that.

        Args:
            code: 1000, 1001, 1008, 1011 and some more, or 3000 to 4999.
            reason: at most 123 bytes of UTF-8.

        Raises:
            LocalProtocolError: the code or the reason breaks its rule; nothing was sent.
        """
        check_close(code, reason, server=True)
        with self._state:
            sockets = list(self._sockets)
        for socket in sockets:
            socket._start_close(code, reason)

    def drain(self, timeout: float, *, close_timeout: float = 5.0) -> bool:
        """Refuse new ones, let the open ones end by themselves for a while, then close them.

        Args:
            timeout: seconds that they have.
            close_timeout: seconds for the end of those that had to be closed, and their programs.

        Returns:
            True when none is open any more.

        Raises:
            ConfigError: one of both is no number of seconds; nothing was done.
        """
        _require_seconds(timeout, close_timeout)
        self.refuse_new()
        if self.wait(timeout):
            return True
        self.close_all()
        return self.wait(close_timeout)

    def drain_at_sigterm(self, timeout: float, *, close_timeout: float = 5.0) -> None:
        """Have `drain` done when the process is told to end.

        What the signal did before is still done: a worker of gunicorn stops taking connections and
        waits ``--graceful-timeout`` for its threads, which should be longer than both times
        together. Where the signal would simply end the process, it does so after the draining, or
        at once when it comes again.

        To be called once in each process that serves, on its main thread: at the top of a module
        that each worker of gunicorn loads, or in its hook ``post_worker_init`` with ``--preload``.
        Not for gevent's worker, whose signal handlers must not wait for a thread to start.

        Args:
            timeout: seconds that the open ones have to end by themselves.
            close_timeout: as in `drain`.

        Raises:
            ConfigError: this is not the main thread, or one of both is no number of seconds.
        """
        _require_seconds(timeout, close_timeout)
        if threading.current_thread() is not threading.main_thread():
            raise ConfigError(
                "drain_at_sigterm: only the main thread may handle signals; call it where the "
                "module is loaded, or in gunicorn's post_worker_init"
            )
        before: Any = signal.getsignal(signal.SIGTERM)
        was_default = before is signal.SIG_DFL

        def drain() -> None:
            self.drain(timeout, close_timeout=close_timeout)
            if was_default:
                os.kill(os.getpid(), signal.SIGTERM)

        def handle(number: int, frame: Any) -> None:
            if was_default:
                # Before the thread: where nothing is open it kills at once, and a signal that
                # comes while its handler is taken away is lost.
                signal.signal(number, signal.SIG_DFL)
            if not self._refusing:
                self.refuse_new()
                spawn(drain, name="websocket-drain")
            if callable(before):
                before(number, frame)

        signal.signal(signal.SIGTERM, handle)

    # -- of `accept` and `WebSocket` ---------------------------------------------------------------

    def _enter(self, socket: WebSocket) -> None:
        """Count one more; raise WebSocketRefused if there is no room for it."""
        words = "this server is ending and takes no more WebSockets"
        with self._state:
            refused = self._refusing
            if not refused and len(self._sockets) >= self.most:
                refused = True
                words = f"all {self.most} WebSockets of this server are taken; try again later"
            if not refused:
                self._sockets.add(socket)
                return
        raise WebSocketRefused(words, 503, RETRY_AFTER)

    def _leave(self, socket: WebSocket) -> None:
        with self._state:
            self._sockets.discard(socket)
            changed, self._changed = self._changed, Latch()
        changed.set()


def _require_seconds(*timeouts: float) -> None:
    for timeout in timeouts:
        Deadline(timeout)  # refuses what is none
