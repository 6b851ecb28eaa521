"""The pool that runs calls of tools, beside whoever talks to the model.

Each call gets exactly one output, whatever its function does. A worker takes calls while there are
any and then ends, so that a pool without calls has no thread. One whose function does not return
when its call is over (timeout, cancellation) is left behind, and another takes its place.
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

from attrs import define, field

from .._deadline import Deadline
from .._threads import join_all, spawn
from ..errors import RealtimeError
from .arguments import bind
from .call_context import CallContext
from .kinds import ArgumentError
from .outputs import error_text, exception_text, output_text
from .schema import Tool

__all__ = ["MAX_ABANDONED", "Deliver", "ToolPool"]

log = logging.getLogger(__name__)

_WORKERS = 4
MAX_ABANDONED = 32

Deliver = Callable[[CallContext, str, bool], object]
"""Gets a call, its output and whether that is the description of an error."""


@define(eq=False)
class _PoolJob:
    """One call on its way; who settles it first has its output delivered."""

    call: CallContext
    tool: Tool | None
    deliver: Deliver
    deadline: Deadline
    refusal: str = ""  # why it does not run
    settled: bool = field(default=False, init=False)


class ToolPool:
    """Runs calls on threads of its own; those that find no free one wait in line.

    A response can't ask for more calls than the model writes, so the line needs no bound.

    Args:
        workers: how many run at once.
        timeout: seconds for one call, from `run` on, waiting in line included; None for ever.
        approve: is asked on a worker before a function runs, when its arguments are known to be
            right; returns None to let it, or what the model is told instead.
        failure_text: what the model is told of an exception of a function; by default its class
            and its message.
        clock: for tests.

    Threads:
        All of it may be called from any thread, and a signal handler may strike it. ``deliver`` is
        called on a thread of the pool, or on that of `cancel`; where no thread can be had, on
        that of `run`.
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
        job = _PoolJob(call, tool, deliver, Deadline(self._timeout, clock=self._clock))
        if tool is None:
            known = ", ".join(tools) or "none"
            job.refusal = f"there is no tool called {call.name!r}; known are: {known}"
        with self._lock:
            if self._closed:
                return
            if len(self._abandoned) >= MAX_ABANDONED:
                job.refusal = f"{MAX_ABANDONED} earlier calls have not returned; no more are run"
            self._waiting.append(job)
        self._add_worker()
        self._start_timer()

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
                self._end(job, why)

    def expire(self) -> None:
        """End the calls whose time is over."""
        with self._lock:
            jobs = [*self._waiting, *self._running.values()]
        for job in jobs:
            if job.deadline.expired:
                why = f"{job.call.name} timed out after {self._timeout:g} seconds"
                if self._end(job, why):
                    log.warning("tool %s", why)

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
            job.call.cancel()
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
                self._end(job, f"the call could not be run: {exc}")

    def _work(self) -> None:
        me = threading.current_thread()
        while (job := self._next(me)) is not None:
            output, failed = self._perform(job)
            if self._settle(job):
                self._hand_over(job, output, failed)

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

    def _perform(self, job: _PoolJob) -> tuple[str, bool]:
        """Return what the model is told, and whether it is an error; whatever happens."""
        call, tool = job.call, job.tool
        if job.refusal or tool is None:
            return error_text(job.refusal), True
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

    # -- outputs ---------------------------------------------------------------------------------

    def _settle(self, job: _PoolJob) -> bool:
        """Say whether ``job`` had no output until now; once."""
        with self._lock:
            first, job.settled = not job.settled, True
        self._wake_timer()
        return first

    def _end(self, job: _PoolJob, why: str) -> bool:
        """End a call from elsewhere; return whether it had no output until now."""
        with self._lock:
            if job.settled:
                return False
            job.settled = True
            self._abandon_locked(job)
        job.call.cancel()
        self._wake_timer()
        self._hand_over(job, error_text(why), failed=True)
        self._add_worker()
        return True

    def _abandon_locked(self, job: _PoolJob) -> None:
        """Leave the thread that runs ``job``, if there is one, to itself."""
        for thread, running in list(self._running.items()):
            if running is job:
                del self._running[thread]
                self._abandoned[thread] = job

    def _hand_over(self, job: _PoolJob, output: str, failed: bool) -> None:
        try:
            job.deliver(job.call, output, failed)
        except Exception:
            log.exception("the output of tool %r could not be delivered", job.call.name)

    # -- time ------------------------------------------------------------------------------------

    def _start_timer(self) -> None:
        """Have somebody look at the time while calls are open."""
        if self._timeout is None:
            return
        with self._lock:
            running = self._timer is not None
        if not running:
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
            left = [job.deadline.remaining() or 0.0 for job in jobs if not job.settled]
            if not left or self._closed or self._timer not in (None, me):
                self._timer = None if self._timer is me else self._timer
                return None
            self._timer = me
            return min(left)
