from __future__ import annotations

import ast
import queue
import threading
from pathlib import Path

import pytest
from guards import Guard, VirtualClock

from realtime_sync import RealtimeError
from realtime_sync._deadline import Deadline
from realtime_sync._threads import Attempt, join_all, spawn


def test_spawn_names_and_starts_a_daemon(guard: Guard) -> None:
    ran = threading.Event()
    thread = spawn(ran.set, name="reader")
    guard.wait(ran, "the start of the thread")
    guard.join(thread)
    assert thread.name == "realtime_sync.reader"
    assert thread.daemon


@pytest.mark.parametrize("on_main_thread", [True, False])
def test_a_system_without_threads_is_an_error_of_ours(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, on_main_thread: bool
) -> None:
    outcomes: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    def attempt() -> None:
        try:
            spawn(lambda: None, name="reader")
        except RealtimeError as exc:
            outcomes.put(exc)

    caller = threading.Thread(target=attempt)
    if not on_main_thread:
        caller.start()
        guard.join(caller)  # it shall find the real one
        caller = threading.Thread(target=attempt)
    with monkeypatch.context() as patched:
        if on_main_thread:
            patched.setattr(threading.Thread, "start", start)
            attempt()
        else:
            original = threading.Thread.start
            patched.setattr(
                threading.Thread, "start", lambda t: original(t) if t is caller else start(t)
            )
            caller.start()
            guard.join(caller)
    failure = guard.get(outcomes, "the error")
    assert "'reader'" in str(failure)
    assert "ulimit -u" in str(failure)


# -- attempts --------------------------------------------------------------------------------------


class Thing:
    """What an attempt brings; notes whether it was thrown away."""

    def __init__(self) -> None:
        self.thrown_away = threading.Event()

    def discard(self) -> None:
        self.thrown_away.set()


def test_an_attempt_brings_what_its_work_returns() -> None:
    thing = Thing()
    attempt = Attempt(lambda: thing, discard=Thing.discard, name="attempt")
    assert attempt.wait() is thing
    assert not thing.thrown_away.is_set()


def test_an_attempt_raises_what_its_work_raises() -> None:
    def work() -> Thing:
        raise KeyError("of the program")

    with pytest.raises(KeyError, match="of the program"):
        Attempt(work, discard=Thing.discard, name="attempt").wait()


def test_what_an_attempt_brings_too_late_is_thrown_away(guard: Guard) -> None:
    thing, gate, waiting = Thing(), threading.Event(), threading.Event()

    def work() -> Thing:
        waiting.set()
        guard.wait(gate, "the gate")
        return thing

    attempt = Attempt(work, discard=Thing.discard, name="attempt")
    failures: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    def wait() -> None:
        try:
            attempt.wait()
        except RealtimeError as exc:
            failures.put(exc)

    waiter = spawn(wait, name="waiter")
    guard.wait(waiting, "the work")
    attempt.leave(RealtimeError("closed meanwhile"))
    assert "closed meanwhile" in str(guard.get(failures, "the waiter"))
    guard.join(waiter)
    assert not thing.thrown_away.is_set()
    gate.set()
    guard.wait(thing.thrown_away, "the end of the thing")


def test_work_that_nobody_waits_for_any_more_is_cut() -> None:
    begun, cut = threading.Event(), threading.Event()

    def work() -> Thing:
        attempt = Attempt.current()
        assert attempt is not None
        attempt.on_leave(cut.set)
        begun.set()
        cut.wait(30)
        return Thing()

    attempt = Attempt(work, discard=Thing.discard, name="attempt")
    caller = spawn(lambda: begun.wait(30) and attempt.leave(RealtimeError("closed")), name="caller")
    with pytest.raises(RealtimeError, match="closed"):
        attempt.wait()
    assert cut.is_set()
    caller.join()
    assert Attempt.current() is None, "this thread does no attempt's work"


def test_work_is_cut_at_once_where_nobody_waits_already() -> None:
    cut = threading.Event()
    attempt = Attempt(Thing, discard=Thing.discard, name="attempt")
    attempt.leave(RealtimeError("closed"))
    with pytest.raises(RealtimeError):
        attempt.wait()
    attempt.on_leave(cut.set)
    assert cut.is_set()


def test_what_came_at_the_same_moment_is_thrown_away() -> None:
    thing = Thing()
    attempt = Attempt(lambda: thing, discard=Thing.discard, name="attempt")
    attempt.leave(RealtimeError("closed meanwhile"))
    with pytest.raises(RealtimeError):
        attempt.wait()
    assert thing.thrown_away.wait(30)


def test_whatever_else_keeps_a_thread_from_starting_comes_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def start(thread: threading.Thread) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(threading.Thread, "start", start)
    with pytest.raises(MemoryError, match="no room"):
        spawn(lambda: None, name="reader")


def test_join_all_waits_for_every_thread(guard: Guard) -> None:
    end = threading.Event()
    threads = [spawn(end.wait, name=f"t{i}") for i in range(3)]
    end.set()
    assert join_all(threads, Deadline(guard.seconds))
    assert not any(thread.is_alive() for thread in threads)


def test_join_all_reports_a_thread_that_is_still_running(
    guard: Guard, virtual_clock: VirtualClock
) -> None:
    end = threading.Event()
    slow = spawn(end.wait, name="slow")
    quick = spawn(lambda: None, name="quick")
    guard.join(quick)
    no_time = Deadline(0, clock=virtual_clock)
    assert not join_all([slow, quick], no_time)
    end.set()
    assert join_all([slow, quick], Deadline(None))


def test_join_all_skips_the_thread_that_calls_it(guard: Guard) -> None:
    """``close()`` may run on one of the threads that it joins."""
    answers: list[bool] = []
    started = threading.Event()
    threads: list[threading.Thread] = []

    def close() -> None:
        guard.wait(started, "the list of threads")
        answers.append(join_all(threads, Deadline(None)))

    threads.append(spawn(close, name="self"))
    started.set()
    guard.join(threads[0])
    assert answers == [True]


@pytest.mark.parametrize("timeout", [0.0, None])
def test_join_all_of_nothing_is_true(timeout: float | None) -> None:
    assert join_all([], Deadline(timeout))


# -- the table in the documents --------------------------------------------------------------------

REPOSITORY = Path(__file__).parents[2]
STARTERS = {"spawn", "_run", "Attempt", "iterate_on_thread"}


def thread_names() -> set[str]:
    """The names of all threads of the package, without what is counted in them."""
    found = set()
    for path in (REPOSITORY / "realtime_sync").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and called(node) in STARTERS:
                found |= {text for kw in node.keywords if kw.arg == "name" for text in texts(kw)}
    return found


def called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def texts(keyword: ast.keyword) -> list[str]:
    nodes = ast.walk(keyword.value)
    return [node.value for node in nodes if isinstance(node, ast.Constant) and node.value]


def test_every_thread_stands_in_the_table() -> None:
    table = (REPOSITORY / "docs" / "architecture.md").read_text()
    names = thread_names()
    assert {"reader", "tool-", "speech-worker-input"} <= names
    missing = {name for name in names if f"| `{name}" not in table}
    assert not missing
