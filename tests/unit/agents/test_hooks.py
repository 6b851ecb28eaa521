"""Hooks: which are called, in order, on one thread, whatever they do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from guards import Guard

from realtime_sync._deadline import Deadline
from realtime_sync.agents import hooks as module
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.hooks import HookRunner, RealtimeAgentHooks, RealtimeRunHooks
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.errors import RealtimeError, UserError

CONTEXT = RunContextWrapper("mine")
NAMES = [
    "on_tool_start", "on_tool_end", "on_llm_start", "on_llm_end", "on_transcript",
    "on_interruption", "on_error", "on_idle", "on_raw",
]  # fmt: skip


class Recorder:
    """Stands in for hooks, and puts what it was told into a queue."""

    def __init__(self, who: str, told: queue.SimpleQueue[Any]) -> None:
        self.who = who
        self.told = told

    def __getattr__(self, name: str) -> Callable[..., None]:
        if not name.startswith("on_"):
            raise AttributeError(name)
        return lambda *arguments: self.told.put((self.who, name, *arguments))


class Bench:
    def __init__(self, guard: Guard, hooks: object | None = None) -> None:
        self.guard = guard
        self.told: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.failures: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.first: RealtimeAgent[Any] = RealtimeAgent("first", hooks=Recorder("1", self.told))
        self.second: RealtimeAgent[Any] = RealtimeAgent("second", hooks=Recorder("2", self.told))
        self.runner = HookRunner(
            hooks or Recorder("run", self.told), lambda *failure: self.failures.put(failure)
        )

    def get(self) -> Any:
        return self.guard.get(self.told, "a hook")


@pytest.fixture
def bench(guard: Guard) -> Iterator[Callable[..., Bench]]:
    benches: list[Bench] = []

    def make(hooks: object | None = None) -> Bench:
        benches.append(Bench(guard, hooks))
        return benches[-1]

    yield make
    for made in benches:
        made.runner.close(Deadline(guard.seconds))


MakeBench = Callable[..., Bench]


def test_the_session_learns_of_it_before_the_agent(bench: MakeBench) -> None:
    made = bench()
    first, second = made.first, made.second
    made.runner.agent_start(CONTEXT, first)
    made.runner.handoff(CONTEXT, first, second)
    made.runner.agent_end(CONTEXT, second, "bye")
    assert [made.get() for _ in range(6)] == [
        ("run", "on_agent_start", CONTEXT, first),
        ("1", "on_start", CONTEXT, first),
        ("run", "on_handoff", CONTEXT, first, second),
        ("2", "on_handoff", CONTEXT, second, first),
        ("run", "on_agent_end", CONTEXT, second, "bye"),
        ("2", "on_end", CONTEXT, second, "bye"),
    ]


@pytest.mark.parametrize("name", NAMES)
def test_hooks_that_both_have(bench: MakeBench, name: str) -> None:
    made = bench()
    made.runner.tell(name, CONTEXT, made.first, 1, 2)
    agent = () if name in ("on_error", "on_idle", "on_raw") else (made.first,)
    assert made.get() == ("run", name, CONTEXT, *agent, 1, 2)
    assert made.get() == ("1", name, CONTEXT, *agent, 1, 2)


def test_empty_hooks_cost_no_thread(bench: MakeBench) -> None:
    class Some(RealtimeRunHooks[str]):
        def on_idle(self, context: RunContextWrapper[str], silent_s: float) -> None:
            pass

    made = bench(Some())
    made.first.hooks = RealtimeAgentHooks()
    made.second.hooks = None
    for name in NAMES:
        if name != "on_idle":
            made.runner.tell(name, CONTEXT, made.first, 1, 2)
    made.runner.agent_start(CONTEXT, made.first)
    made.runner.handoff(CONTEXT, made.first, made.second)
    made.runner.agent_end(CONTEXT, made.second, "bye")
    assert made.runner._thread is None
    made.runner.tell("on_idle", CONTEXT, made.first, 3.0)
    assert made.runner._thread is not None
    assert made.runner._thread.name == "realtime_sync.agent-hooks"


def test_all_hooks_have_empty_methods() -> None:
    run, agent = RealtimeRunHooks[Any](), RealtimeAgentHooks[Any]()
    a: RealtimeAgent[Any] = RealtimeAgent("a")
    for both in (run, agent):
        both.on_tool_start(CONTEXT, a, None)  # type: ignore[arg-type]
        both.on_tool_end(CONTEXT, a, None, "out")  # type: ignore[arg-type]
        both.on_llm_start(CONTEXT, a, "be kind", [])
        both.on_llm_end(CONTEXT, a, None)
        both.on_transcript(CONTEXT, a, "user", "hi")
        both.on_interruption(CONTEXT, a, "item_1", 300)
        both.on_error(CONTEXT, None)
        both.on_idle(CONTEXT, 3.0)
        both.on_raw(CONTEXT, None)
    run.on_agent_start(CONTEXT, a)
    run.on_agent_end(CONTEXT, a, "bye")
    run.on_handoff(CONTEXT, a, a)
    agent.on_start(CONTEXT, a)
    agent.on_end(CONTEXT, a, "bye")
    agent.on_handoff(CONTEXT, a, a)


# -- failures --------------------------------------------------------------------------------------


class Raises(Recorder):
    def on_raw(self, *_: object) -> None:
        raise SystemExit("no")

    def on_error(self, *_: object) -> None:
        raise ValueError("again")


def test_what_a_hook_raises_is_told_and_the_next_is_called(
    bench: MakeBench, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench()
    made.runner._hooks = Raises("run", made.told)
    made.second.hooks = None
    made.runner.tell("on_raw", CONTEXT, made.second, 1)
    name, error = guard.get(made.failures, "a failure")
    assert (name, type(error)) == ("on_raw", SystemExit)
    made.runner.tell("on_error", CONTEXT, made.second, error)
    made.runner.tell("on_idle", CONTEXT, made.second, 1.0)
    assert made.get()[1] == "on_idle"
    assert made.failures.empty()  # else it would come back for ever
    assert "the hook on_error failed" in caplog.text


def test_a_failure_that_nobody_takes(bench: MakeBench, caplog: pytest.LogCaptureFixture) -> None:
    made = bench()
    made.runner._hooks = Raises("run", made.told)
    made.runner._on_failure = lambda *_: 1 / 0
    made.runner.tell("on_raw", CONTEXT, made.first, 1)
    assert made.get()[0] == "1"
    assert "could not be told" in caplog.text


def test_async_hooks_are_refused_where_they_are_written() -> None:
    with pytest.raises(UserError, match=r"the hook Waits\.on_idle is async"):

        class Waits(RealtimeAgentHooks[Any]):
            async def on_idle(  # type: ignore[override]
                self, context: RunContextWrapper[Any], silent_s: float
            ) -> None: ...

    class NoSubclass:
        async def on_agent_start(self, *_: object) -> None: ...

    with pytest.raises(UserError, match=r"not a class; write RealtimeRunHooks\(\)"):
        HookRunner(RealtimeRunHooks, lambda *_: None)
    with pytest.raises(UserError, match="the hook on_agent_start is async"):
        HookRunner(NoSubclass(), print)


def test_without_a_thread_the_next_call_tries_again(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RealtimeError("no thread")

    made = bench()
    with monkeypatch.context() as patched:
        patched.setattr(module, "spawn", fail)
        made.runner.tell("on_idle", CONTEXT, made.first, 1.0)
    made.runner.tell("on_idle", CONTEXT, made.first, 2.0)
    assert [made.get()[-1] for _ in range(4)] == [1.0, 1.0, 2.0, 2.0]


# -- bounds ----------------------------------------------------------------------------------------


class Slow:
    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.gate = threading.Event()
        self.entered: queue.SimpleQueue[None] = queue.SimpleQueue()
        self.count = 0

    def on_idle(self, *_: object) -> None:
        self.entered.put(None)
        self.guard.wait(self.gate, "the gate")
        self.count += 1

    on_raw = on_idle


def test_slow_hooks_lose_calls_that_are_counted(
    bench: MakeBench, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(guard)
    made = bench(slow)
    made.first.hooks = None
    made.runner.tell("on_idle", CONTEXT, made.first, 0.0)
    guard.get(slow.entered, "the first call")
    for _ in range(501):
        made.runner.tell("on_raw", CONTEXT, made.first, 0)
    assert made.runner.dropped == 1
    for _ in range(502):
        made.runner.tell("on_idle", CONTEXT, made.first, 0)
    assert made.runner.dropped == 3
    assert caplog.text.count("hooks are too slow") == 2
    slow.gate.set()
    made.runner.close(Deadline(guard.seconds))
    assert slow.count == 1001


def test_after_the_deadline_nothing_waits(
    bench: MakeBench, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    slow = Slow(guard)
    made = bench(slow)
    made.first.hooks = None
    for _ in range(2):
        made.runner.tell("on_idle", CONTEXT, made.first, 0.0)
    guard.get(slow.entered, "the first call")
    made.runner.close(Deadline(0))
    assert "a hook has not returned" in caplog.text
    slow.gate.set()
    assert made.runner._thread is not None
    guard.join(made.runner._thread)
    assert slow.count == 1
    left = made.runner._calls.qsize()
    made.runner.tell("on_idle", CONTEXT, made.first, 0.0)
    assert made.runner._calls.qsize() == left


def test_closing_without_calls(bench: MakeBench) -> None:
    made = bench()
    made.runner.close(Deadline(None))
    made.runner.close(Deadline(None))


@pytest.mark.parametrize("other", [3, "hooks", object(), []])
def test_what_has_no_hook_is_refused(other: object) -> None:
    with pytest.raises(UserError, match="has no hook; derive from RealtimeRunHooks"):
        HookRunner(other, lambda name, exc: None)
