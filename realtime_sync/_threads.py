"""The only place that makes threads: named, daemonic, owned by whoever spawned them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from ._deadline import Deadline
from .errors import RealtimeError

__all__ = ["join_all", "spawn"]

_PREFIX = "realtime_sync"


def spawn(target: Callable[[], object], *, name: str) -> threading.Thread:
    """Start ``target`` on a daemon thread called ``realtime_sync.<name>``.

    Daemonic, because an interpreter that exits with an open connection must not hang; every
    owner still joins its threads in ``close()``.

    Raises:
        RealtimeError: the system gives no thread.
    """
    thread = threading.Thread(target=target, name=f"{_PREFIX}.{name}", daemon=True)
    try:
        thread.start()
    except RuntimeError as exc:
        raise RealtimeError(
            f"no thread for {name!r} could be started ({exc}): close some connections, or raise "
            "the limit of threads (ulimit -u)"
        ) from exc
    return thread


def join_all(threads: Iterable[threading.Thread], deadline: Deadline) -> bool:
    """Join ``threads`` until ``deadline``, skipping the calling thread.

    Returns:
        True when all of them (the caller aside) have ended.
    """
    current = threading.current_thread()
    ended = True
    for thread in threads:
        if thread is current:
            continue
        thread.join(deadline.remaining())
        ended = ended and not thread.is_alive()
    return ended
