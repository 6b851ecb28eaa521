"""A receiver's own thread and queue, so that a slow one delays nobody."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from .._signal_safe import Latch
from .._threads import spawn
from ..errors import QueueFullError
from .answer_parts import Delivery, Kind

__all__ = ["ReceiverThread"]

_END = object()


class ReceiverThread:
    """Calls one receiver with what was put for it, in order.

    Args:
        function: called with a value.
        name: the receiver's, for messages.
        kind: what it receives.
        max_bytes: how much may wait. One delivery alone may be larger.
        failed: is told what the receiver has raised, after which it is called no more.
        enter: calls the thread's work, so that it knows the app that it works for.

    Threads:
        `put`, `mark` and `close` may be called from any thread.
    """

    def __init__(
        self,
        function: Callable[[Any], object],
        *,
        name: str,
        kind: Kind | None,
        max_bytes: int,
        failed: Callable[[str, BaseException], object],
        enter: Callable[[Callable[[], None]], None] = lambda work: work(),
    ) -> None:
        self.name = name
        self.kind = kind
        self._function = function
        self._max_bytes = max_bytes
        self._failed = failed
        self._enter = enter
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._lock = threading.Lock()  # guards the one below
        self._waiting_bytes = 0
        self._overflowed = False  # nothing more is put
        self._dropping = False  # nothing more is delivered

    def start(self) -> threading.Thread:
        """Start the thread.

        Raises:
            RealtimeError: the system gives none.
        """
        return spawn(lambda: self._enter(self._run), name=f"app-receiver-{self.name}")

    def put(self, delivery: Delivery) -> None:
        """Have something delivered; never waits.

        Raises:
            QueueFullError: so much waits already that there is no room for it. Said once: what
                is put then is forgotten.
        """
        if self._overflowed:
            return
        with self._lock:
            waiting = self._waiting_bytes
            if waiting and waiting + delivery.size > self._max_bytes:
                self._overflowed = True
                raise QueueFullError(
                    f"{waiting} bytes wait for the receiver {self.name!r} and max_queue_bytes is "
                    f"{self._max_bytes}: it is too slow for what comes"
                )
            self._waiting_bytes += delivery.size
        self._queue.put(delivery)

    def mark(self) -> Latch:
        """Return what is set as soon as all that was put before is delivered."""
        latch = Latch()
        self._queue.put(latch)
        return latch

    def close(self, *, drop: bool) -> None:
        """Let it end.

        Args:
            drop: at once; else when everything that waits is delivered.
        """
        self._dropping = self._dropping or drop
        self._queue.put(_END)

    def _run(self) -> None:
        while (entry := self._queue.get()) is not _END:
            if isinstance(entry, Latch):
                entry.set()
            else:
                self._deliver(entry)

    def _deliver(self, delivery: Delivery) -> None:
        with self._lock:
            self._waiting_bytes -= delivery.size
        if self._dropping:
            return
        try:
            self._function(delivery.value)
        except BaseException as exc:  # SystemExit as well: the app ends with it
            self._dropping = True
            self._failed(self.name, exc)
