"""The pool that runs calls of tools, beside whoever talks to the model.

Each call gets exactly one output, whatever its function does. A worker takes calls while there are
any and then ends, so that a pool without calls has no thread. One whose function does not return
when its call is over (timeout, cancellation) is left behind, and another takes its place.

`ToolPool.run` is for a tool whose output goes to the model as it is. `ToolPool.submit` stands below
it, for whoever makes something else of a call.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, TypeVar

from attrs import define, field

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..errors import RealtimeError
from .arguments import bind
from .call_context import CallContext
from .kinds import ArgumentError
from .outputs import error_text, exception_text, output_text
from .schema import Tool

__all__ = ["MAX_ABANDONED", "CallEnded", "CallExpired", "Deliver", "ToolPool"]

log = logging.getLogger(__name__)

_WORKERS = 4
MAX_ABANDONED = 32

Deliver = Callable[[CallContext, str, bool], object]
"""Gets a call, its output and whether that is the description of an error."""

R = TypeVar("R")


class CallEnded(Exception):  # noqa: N818 -- an outcome: it is delivered, never raised
    """A call ended before its work returned: cancelled, or never run; the text says why."""


class CallExpired(CallEnded):
    """A call had no time left.

    Attributes:
        seconds: how long it had.
    """

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name, seconds)
        self.name = name
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.name} timed out after {self.seconds:g} seconds"


@define(eq=False)
class _PoolJob:
    """One call on its way; who settles it first has its outcome delivered."""

    call: CallContext
    work: Callable[[], Any]
    deliver: Callable[[CallContext, Any], object]
    deadline: Deadline
    refusal: str = ""  # why it does not run
    settled: bool = field(default=False, init=False)


class ToolPool:
    """Runs calls on threads of its own; those that find no free one wait in line.

    A response can't ask for more calls than the model writes, so the line needs no bound.

    Args:
        workers: how many run at once.
        timeout: seconds for one call of `run`, waiting in line included; None for ever.
        approve: is asked on a worker before a function runs, when its arguments are known to be
            right; returns None to let it, or what the model is told instead.
        failure_text: what the model is told of an exception of a function; by default its class
            and its message.
        clock: for tests.

    Threads:
        All of it may be called from any thread, and a signal handler may strike it. ``deliver`` is
        called on a thread of the pool, or on that of `cancel`; where no thread can be had, on
        that of `run` or `submit`.
    """

    def __init__(
        self,
        *,
        workers: int = _WORKERS,
        timeout: float | None = None,
        approve: Callable[[CallContext], str | None] | None = None,
        failure_text: Callable[[CallContext, BaseException], str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_workers = workers
        self._timeout = timeout
        self._approve = approve
        self._failure_text = failure_text
        self._clock = clock
        self._lock = threading.Lock()  # guards the five below; never held while calling
        self._waiting: deque[_PoolJob] = deque()
        self._running: dict[threading.Thread, _PoolJob] = {}
        self._abandoned: dict[threading.Thread, _PoolJob] = {}  # settled, not returned
        self._timer: threading.Thread | None = None
        self._closed = False
        self._changed: queue.SimpleQueue[None] = queue.SimpleQueue()  # wakes the timer
        self._numbers = itertools.count()

    def run(self, call: CallContext, tools: Mapping[str, Tool], deliver: Deliver) -> None:
        """Run a call as soon as a worker is free. After `close` nothing runs.

        Args:
            call: names the tool.
            tools: by name; the model is told so when it calls one that is not there.
            deliver: gets the output, once.
        """
        tool = tools.get(call.name)
        known = "" if tool is not None else ", ".join(tools) or "none"
        work = partial(self._perform, call, tool, known)
        self.submit(call, work, partial(_tell_text, deliver), timeout=self._timeout)

    def submit(
        self,
        call: CallContext,
        work: Callable[[], R],
        deliver: Callable[[CallContext, R | BaseException], object],
        *,
        timeout: float | None = None,
    ) -> None:
        """Do some work for a call as soon as a worker is free. After `close` nothing runs.

        Args:
            call: is told by its `CallContext.cancelled` when nobody waits any more.
            work: whatever is to be done.
            deliver: gets the call, and what ``work`` has returned or raised; or a `CallEnded`
                (`CallExpired` when its time was over). Exactly once.
            timeout: seconds from now on, waiting in line included; None for ever.
        """
        job = _PoolJob(call, work, deliver, Deadline(timeout, clock=self._clock))
        with self._lock:
            if self._closed:
                return
            if len(self._abandoned) >= MAX_ABANDONED:
                job.refusal = f"{MAX_ABANDONED} earlier calls have not returned; no more are run"
            self._waiting.append(job)
        self._add_worker()
        if timeout is not None:
            self._start_timer()

    def allow(self, seconds: float | None) -> bool:
        """Give the work that calls this so many seconds from now on, instead of what it had.

        Args:
            seconds: None for ever.

        Returns:
            False when its call is over, so that nothing is made of what the work returns.
        """
        deadline = Deadline(seconds, clock=self._clock)
        with self._lock:
            job = self._running.get(threading.current_thread())
            if job is None or job.settled:
                return False
            job.deadline = deadline
        if seconds is not None:
            self._start_timer()
        return True

    def cancel(self, why: str, call_ids: Collection[str] | None = None) -> None:
        """End calls that have no output yet: it is ``why``, as an error.

        Their functions are told by `CallContext.cancelled`; what they still return is thrown away.

        Args:
            why: what the model is told.
            call_ids: of the calls; None for all.
        """
        with self._lock:
            jobs = [*self._waiting, *self._running.values()]
        for job in jobs:
            if call_ids is None or job.call.call_id in call_ids:
                self._end(job, CallEnded(why))

    def expire(self) -> None:
        """End the calls whose time is over."""
        with self._lock:
            jobs = [*self._waiting, *self._running.values()]
        for job in jobs:
            deadline = job.deadline
            if deadline.expired:
                why = CallExpired(job.call.name, deadline.timeout or 0.0)
                if self._end(job, why):
                    log.warning("tool %s", why)

    def runs_here(self) -> bool:
        """Whether the calling thread is one of the pool's."""
        me = threading.current_thread()
        with self._lock:
            return me in self._running or me in self._abandoned

    def close(self, deadline: Deadline) -> None:
        """Let no further call begin, and wait until ``deadline`` for those under way.

        Functions are told by `CallContext.cancelled`. What returns in time is delivered, anything
        else has no output: there is nobody to tell.
        """
        with self._lock:
            self._closed = True
            jobs = [*self._waiting, *self._running.values()]
            self._waiting.clear()
            threads = [*self._running, *self._abandoned]
            threads += [self._timer] if self._timer is not None else []
        self._wake_timer()
        for job in jobs:
            job.call.abandon()
        join_all(threads, deadline)
        with self._lock:
            left = [*self._running.values(), *self._abandoned.values()]
            for job in left:
                job.settled = True
        for job in left:
            log.warning("tool %r has not returned; its thread is left behind", job.call.name)

    # -- workers ---------------------------------------------------------------------------------

    def _add_worker(self) -> None:
        """Start a worker if somebody waits and there is room; it finds out by itself what to do.

        So a strike between a step here and the next leaves nothing that claims to be a worker.
        """
        with self._lock:
            needed = bool(self._waiting) and len(self._running) < self._max_workers
        if not needed:
            return
        try:
            spawn(self._work, name=f"tool-{next(self._numbers)}")
        except RealtimeError as exc:
            with self._lock:  # those that run will take what waits
                unserved = [] if self._running else list(self._waiting)
            for job in unserved:
                self._end(job, CallEnded(f"the call could not be run: {exc}"))

    def _work(self) -> None:
        me = threading.current_thread()
        while (job := self._next(me)) is not None:
            outcome = _outcome(job)
            if self._settle(job):
                self._hand_over(job, outcome)

    def _next(self, me: threading.Thread) -> _PoolJob | None:
        with self._lock:
            self._running.pop(me, None)
            self._abandoned.pop(me, None)
            while self._waiting and self._waiting[0].settled:  # ended while they waited
                self._waiting.popleft()
            if not self._waiting or len(self._running) >= self._max_workers:
                return None
            job = self._running[me] = self._waiting.popleft()
            return job

    def _perform(self, call: CallContext, tool: Tool | None, known: str) -> tuple[str, bool]:
        """Return what the model is told, and whether it is an error; whatever happens."""
        if tool is None:
            return error_text(f"there is no tool called {call.name!r}; known are: {known}"), True
        try:
            arguments = bind(tool, call)
            refusal = self._approve(call) if self._approve is not None else None
            if refusal is not None:
                return output_text(refusal), True
            return output_text(tool.function(**arguments)), False
        except ArgumentError as exc:
            return error_text(str(exc)), True
        except BaseException as exc:  # SystemExit as well: it ends no program from here
            log.warning("tool %r failed", call.name, exc_info=True)
            return self._failure(call, exc), True

    def _failure(self, call: CallContext, exc: BaseException) -> str:
        if self._failure_text is not None:
            try:
                return output_text(self._failure_text(call, exc))
            except Exception:
                log.exception("failure_text of tool %r failed", call.name)
        return error_text(exception_text(exc))

    # -- outcomes --------------------------------------------------------------------------------

    def _settle(self, job: _PoolJob) -> bool:
        """Say whether ``job`` had no outcome until now; once."""
        with self._lock:
            first, job.settled = not job.settled, True
        self._wake_timer()
        return first

    def _end(self, job: _PoolJob, why: CallEnded) -> bool:
        """End a call from elsewhere; return whether it had no outcome until now."""
        with self._lock:
            if job.settled:
                return False
            job.settled = True
            self._abandon_locked(job)
        job.call.abandon()
        self._wake_timer()
        self._hand_over(job, why)
        self._add_worker()
        return True

    def _abandon_locked(self, job: _PoolJob) -> None:
        """Leave the thread that runs ``job``, if there is one, to itself."""
        for thread, running in list(self._running.items()):
            if running is job:
                del self._running[thread]
                self._abandoned[thread] = job

    def _hand_over(self, job: _PoolJob, outcome: object) -> None:
        try:
            job.deliver(job.call, outcome)
        except Exception:
            log.exception("the output of tool %r could not be delivered", job.call.name)

    # -- time ------------------------------------------------------------------------------------

    def _start_timer(self) -> None:
        """Have somebody look at the time, which is another for a call that just got some."""
        with self._lock:
            running = self._timer is not None
        if running:
            self._wake_timer()  # it may wait for a call that has more time
            return
        with contextlib.suppress(RealtimeError):  # no thread: then the call has all the time
            spawn(self._watch_time, name="tool-timer")

    def _wake_timer(self) -> None:
        if self._timer is not None:  # one that begins at this moment looks first
            self._changed.put(None)

    def _watch_time(self) -> None:
        me = threading.current_thread()
        while (left := self._time_left(me)) is not None:
            try:
                self._changed.get(timeout=left)
            except queue.Empty:  # noqa: PERF203 -- that it is empty is how time passes
                self.expire()

    def _time_left(self, me: threading.Thread) -> float | None:
        """Return the seconds until the next call expires; None when no timer is needed any more."""
        with self._lock:
            jobs = [*self._waiting, *self._running.values()]
            times = [job.deadline.remaining() for job in jobs if not job.settled]
            left = [seconds for seconds in times if seconds is not None]
            if not left or self._closed or self._timer not in (None, me):
                self._timer = None if self._timer is me else self._timer
                return None
            self._timer = me
            return min(left)


def _outcome(job: _PoolJob) -> object:
    """Do the work of a job; return what it returns or raises."""
    if job.refusal:
        return CallEnded(job.refusal)
    try:
        return job.work()
    except BaseException as exc:  # SystemExit as well: it ends no program from here
        return exc


def _tell_text(deliver: Deliver, call: CallContext, told: tuple[str, bool] | BaseException) -> None:
    """Deliver an output; that of a call without one says why."""
    text, failed = (error_text(str(told)), True) if isinstance(told, BaseException) else told
    deliver(call, text, failed)
