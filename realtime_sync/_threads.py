"""The only place that makes threads: named, daemonic, owned by whoever spawned them."""

from __future__ import annotations

import _thread
import queue
import threading
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from ._deadline import Deadline
from .errors import RealtimeError

__all__ = ["Attempt", "join_all", "spawn"]

_PREFIX = "realtime_sync"

T = TypeVar("T")

_current = threading.local()  # the attempt whose work a thread does


def spawn(target: Callable[[], object], *, name: str) -> threading.Thread:
    """Start ``target`` on a daemon thread called ``realtime_sync.<name>``.

    Daemonic, because an interpreter that exits with an open connection must not hang; every
    owner still joins its threads in ``close()``.

    Raises:
        RealtimeError: the system gives no thread.
    """
    thread = threading.Thread(target=target, name=f"{_PREFIX}.{name}", daemon=True)
    if threading.current_thread() is threading.main_thread():
        failure = _start_from_elsewhere(thread)
    else:
        failure = _start(thread)
    if isinstance(failure, RuntimeError):
        raise RealtimeError(
            f"no thread for {name!r} could be started ({failure}): close some connections, or "
            "raise the limit of threads (ulimit -u)"
        ) from failure
    if failure is not None:
        raise failure
    return thread


def _start(thread: threading.Thread) -> BaseException | None:
    """Start ``thread``; return what kept it from that."""
    try:
        thread.start()
    except BaseException as exc:
        return exc
    return None


def _start_from_elsewhere(thread: threading.Thread) -> BaseException | None:
    """Start ``thread`` from another one, which a signal handler's exception can't strike.

    Struck in the middle, `Thread.start` forgets the thread that it has just started, which then
    dies of that. Struck here, the thread runs.
    """
    outcomes: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
    try:
        _thread.start_new_thread(lambda: outcomes.put(_start(thread)), ())
    except RuntimeError as exc:
        return exc
    return outcomes.get()


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


class Attempt(Generic[T]):
    """Work on a thread of its own, which whoever waits for it may leave.

    He is called away by `leave`, or struck by a signal handler's exception. Then the work is left
    to end by itself, and what it brings is thrown away.

    Args:
        work: returns what is wanted, or raises. It may call ``Attempt.current().on_leave(…)``.
        discard: throws away what came too late; may be called twice.
        name: of the thread.
    """

    def __init__(self, work: Callable[[], T], *, discard: Callable[[T], object], name: str) -> None:
        self._work = work
        self._discard = discard
        self._name = name
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._results: list[T] = []
        self._left = False
        self._cut: Callable[[], object] | None = None

    @staticmethod
    def current() -> Attempt[object] | None:
        """Return the attempt whose work this thread does."""
        attempt: Attempt[object] | None = getattr(_current, "attempt", None)
        return attempt

    def on_leave(self, cut: Callable[[], object]) -> None:
        """Have ``cut``, which never waits, called when nobody waits for the work any more."""
        self._cut = cut  # first known, then looked: `wait` sees the one, or is seen
        if self._left:
            cut()

    def wait(self) -> T:
        """Return what the work brings, or raise what it raises."""
        try:
            thread = spawn(self._run, name=self._name)
            failure = self._ended.get()
            if failure is not None:
                raise failure
            thread.join()  # it has nothing more to do
            return self._results.pop()
        except BaseException:
            self._left = True
            if self._cut is not None:
                self._cut()
            self._throw_away()
            raise

    def leave(self, why: BaseException) -> None:
        """Have `wait` raise ``why`` instead of waiting on; from any thread."""
        self._ended.put(why)

    def _run(self) -> None:
        _current.attempt = self
        try:
            self._results.append(self._work())
        except BaseException as exc:
            self._ended.put(exc)
        else:
            self._ended.put(None)
        if self._left:
            self._throw_away()

    def _throw_away(self) -> None:
        for result in list(self._results):
            self._discard(result)
