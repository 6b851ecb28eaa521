"""The pool: every call gets one output, whatever its function does."""

from __future__ import annotations

import logging
import queue
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import pytest
from guards import Guard, VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync.errors import RealtimeError
from realtime_sync.tools import pool as pool_module
from realtime_sync.tools.call_context import CallContext
from realtime_sync.tools.pool import MAX_ABANDONED, CallEnded, CallExpired, ToolPool
from realtime_sync.tools.schema import Tool


class Output(NamedTuple):
    call_id: str
    text: str
    failed: bool


class Bench:
    """A pool, the outputs that it delivered, and functions that wait to be let go."""

    def __init__(self, guard: Guard, **options: Any) -> None:
        self.guard = guard
        self.pool = ToolPool(**options)
        self.outputs: queue.SimpleQueue[Output] = queue.SimpleQueue()
        self.outcomes: queue.SimpleQueue[tuple[str, object]] = queue.SimpleQueue()
        self.entered: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.gate = threading.Event()
        self.tools = {"hold": Tool.undeclared("hold", self.hold)}

    def hold(self, call: CallContext) -> str:
        self.entered.put(call.call_id)
        self.guard.wait(self.gate, "the gate")
        return "let go"

    def run(self, call_id: str, function: Callable[..., Any] | None = None) -> CallContext:
        name = "hold"
        if function is not None:
            name = "f"
            self.tools["f"] = Tool.undeclared("f", function)
        call = CallContext(name=name, call_id=call_id, arguments="{}")
        self.pool.run(call, self.tools, lambda *output: self.outputs.put(to_output(*output)))
        return call

    def submit(
        self,
        call_id: str,
        work: Callable[[CallContext], Any] | None = None,
        timeout: float | None = None,
    ) -> None:
        call = CallContext(name="work", call_id=call_id, arguments="")
        self.pool.submit(call, partial(work or self.hold, call), self.take, timeout=timeout)

    def take(self, call: CallContext, outcome: object) -> None:
        self.outcomes.put((call.call_id, outcome))

    def outcome(self) -> tuple[str, Any]:
        return self.guard.get(self.outcomes, "an outcome")

    def has_begun(self) -> str:
        return self.guard.get(self.entered, "the beginning of a call")

    def output(self) -> Output:
        return self.guard.get(self.outputs, "an output")


def to_output(call: CallContext, text: str, failed: bool) -> Output:
    return Output(call.call_id, text, failed)


@pytest.fixture
def bench(guard: Guard) -> Any:
    benches: list[Bench] = []

    def make(**options: Any) -> Bench:
        benches.append(Bench(guard, **options))
        return benches[-1]

    yield make
    for made in benches:
        made.gate.set()
        made.pool.close(Deadline(guard.seconds))
        assert not made.pool._running
        assert not made.pool._abandoned


MakeBench = Callable[..., Bench]


def raising(exc: BaseException) -> Callable[..., Any]:
    def f(*_: object) -> None:
        raise exc

    return f


def test_a_call_and_its_output(bench: MakeBench) -> None:
    made = bench()
    made.run("c1", lambda: {"a": 1})
    assert made.output() == ("c1", '{"a": 1}', False)


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (raising(ValueError("no such thing")), "ValueError: no such thing"),
        (raising(SystemExit(1)), "SystemExit: 1"),
        (raising(KeyboardInterrupt()), "KeyboardInterrupt"),
        (raising(ValueError("caf\udce9")), "ValueError: caf\ufffd"),
        (lambda: sys.exit("bye"), "SystemExit: bye"),
    ],
)
def test_a_function_that_raises(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch, function: Callable[[], Any], text: str
) -> None:
    # What is logged may have half a surrogate pair, with which a parallel run can't report it.
    monkeypatch.setattr(logging.getLogger("realtime_sync.tools"), "propagate", False)
    made = bench()
    made.run("c1", function)
    assert made.output() == ("c1", f'{{"error": "{text}"}}', True)
    made.run("c2", lambda: "the worker is alive")
    assert made.output().call_id == "c2"


def test_a_name_that_is_not_there(bench: MakeBench) -> None:
    made = bench()
    call = CallContext(name="gone", call_id="c1", arguments="{}")
    made.pool.run(call, made.tools, lambda *output: made.outputs.put(to_output(*output)))
    text = '{"error": "there is no tool called \'gone\'; known are: hold"}'
    assert made.output() == ("c1", text, True)


def test_arguments_that_are_wrong(bench: MakeBench) -> None:
    made = bench()
    call = CallContext(name="hold", call_id="c1", arguments="[1]")
    made.pool.run(call, made.tools, lambda *output: made.outputs.put(to_output(*output)))
    assert made.output() == (
        "c1", '{"error": "the arguments must be an object, not an array"}', True,
    )  # fmt: skip


def test_so_many_run_at_once_and_the_others_wait(bench: MakeBench) -> None:
    made = bench(workers=2)
    for n in range(3):
        made.run(f"c{n}")
    assert {made.has_begun(), made.has_begun()} == {"c0", "c1"}
    assert len(made.pool._waiting) == 1
    assert len(made.pool._running) == 2
    assert made.pool._next(threading.Thread()) is None  # a worker too many
    made.gate.set()
    assert {made.output().call_id for _ in range(3)} == {"c0", "c1", "c2"}


def test_a_worker_ends_when_nobody_waits(bench: MakeBench, guard: Guard) -> None:
    made = bench()
    threads: list[threading.Thread] = []
    made.run("c1", lambda: threads.append(threading.current_thread()))
    made.output()
    guard.join(threads[0])
    assert threads[0].name.startswith("realtime_sync.tool-")


# -- hooks -----------------------------------------------------------------------------------------


def test_what_is_not_approved_does_not_run(bench: MakeBench) -> None:
    answers = {"c1": None, "c2": "the caller said no"}
    made = bench(approve=lambda call: answers[call.call_id])
    ran: list[int] = []
    made.run("c1", lambda: ran.append(1))
    assert made.output() == ("c1", "null", False)
    made.run("c2", lambda: ran.append(2))
    assert made.output() == ("c2", "the caller said no", True)
    assert ran == [1]


def test_wrong_arguments_need_no_approval(bench: MakeBench) -> None:
    asked: list[str] = []
    made = bench(approve=lambda call: asked.append(call.call_id))
    call = CallContext(name="hold", call_id="c1", arguments="{")
    made.pool.run(call, made.tools, lambda *output: made.outputs.put(to_output(*output)))
    assert made.output().failed
    assert asked == []


def test_the_words_for_a_failure(bench: MakeBench) -> None:
    made = bench(failure_text=lambda call, exc: f"{call.name} had {exc!r}")
    made.run("c1", raising(ValueError("x")))
    assert made.output() == ("c1", "f had ValueError('x')", True)


@pytest.mark.parametrize("hook", ["approve", "failure_text"])
def test_a_hook_that_raises(bench: MakeBench, hook: str) -> None:
    def fail(*_: object) -> str:
        raise ZeroDivisionError("the hook")

    made = bench(**{hook: fail})
    made.run("c1", raising(ValueError("x")))
    words = {"approve": "ZeroDivisionError: the hook", "failure_text": "ValueError: x"}
    assert made.output() == ("c1", f'{{"error": "{words[hook]}"}}', True)


def test_an_output_that_nobody_takes_ends_no_worker(bench: MakeBench) -> None:
    made = bench(workers=1)
    call = CallContext(name="hold", call_id="c1", arguments="{}")
    made.gate.set()

    def refuse(*_: object) -> None:
        raise ValueError("no")

    made.pool.run(call, made.tools, refuse)
    made.run("c2")
    assert made.output().call_id == "c2"


# -- cancellation ----------------------------------------------------------------------------------


def test_cancelled_calls_have_their_output_at_once(bench: MakeBench) -> None:
    made = bench(workers=1)
    running, waiting = made.run("c1"), made.run("c2")
    assert made.has_begun() == "c1"
    assert not running.cancelled
    made.pool.cancel("interrupted")
    assert [made.output(), made.output()] == [
        ("c2", '{"error": "interrupted"}', True),
        ("c1", '{"error": "interrupted"}', True),
    ]
    assert running.cancelled
    assert waiting.cancelled
    made.gate.set()
    made.run("c3")
    assert made.has_begun() == "c3"  # and not c2
    assert made.output() == ("c3", "let go", False)  # and not that of c1


def test_some_calls_are_cancelled(bench: MakeBench) -> None:
    made = bench()
    calls = [made.run("c1"), made.run("c2")]
    made.has_begun(), made.has_begun()
    made.pool.cancel("interrupted", ["c2"])
    assert made.output().call_id == "c2"
    assert [call.cancelled for call in calls] == [False, True]
    assert [call.abandoned for call in calls] == [False, True]
    made.gate.set()
    assert made.output() == ("c1", "let go", False)


def test_a_function_may_wait_for_its_cancellation(bench: MakeBench, guard: Guard) -> None:
    made = bench()
    told: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def f(call: CallContext) -> None:
        made.entered.put(call.call_id)
        told.put(call.wait(guard.seconds))

    made.run("c1", f)
    made.has_begun()
    made.pool.cancel("enough")
    assert guard.get(told, "the function")
    assert CallContext(name="f", call_id="c", arguments="").wait(0) is False


def test_a_worker_that_does_not_return_is_replaced(bench: MakeBench) -> None:
    made = bench(workers=1)
    made.run("c1")
    made.has_begun()
    made.run("c2")
    made.pool.cancel("enough", ["c1"])
    assert made.output().call_id == "c1"
    assert made.has_begun() == "c2"
    assert len(made.pool._abandoned) == 1


def test_so_many_are_left_behind_and_no_more(bench: MakeBench) -> None:
    made = bench(workers=1)
    for n in range(MAX_ABANDONED):
        made.run(f"c{n}")
        assert made.has_begun() == f"c{n}"
        made.pool.cancel("enough")
        assert made.output().text == '{"error": "enough"}'
    made.run("one more")
    assert made.output() == (
        "one more", '{"error": "32 earlier calls have not returned; no more are run"}', True,
    )  # fmt: skip


def test_without_a_thread_there_is_an_output_all_the_same(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RealtimeError("no thread")

    made = bench(timeout=1.0)
    with monkeypatch.context() as patched:
        patched.setattr(pool_module, "spawn", fail)
        made.run("c1")
    assert made.output() == ("c1", '{"error": "the call could not be run: no thread"}', True)


# -- time ------------------------------------------------------------------------------------------


def test_time_counts_from_the_queue_on(
    bench: MakeBench, virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(workers=1, timeout=5.0, clock=virtual_clock)
    made.run("c1")
    made.has_begun()
    virtual_clock.advance(2.0)
    made.run("c2")
    virtual_clock.advance(2.5)
    made.pool.expire()
    assert made.outputs.empty()
    virtual_clock.advance(0.5)
    made.pool.expire()
    assert made.output() == ("c1", '{"error": "hold timed out after 5 seconds"}', True)
    assert "hold timed out after 5 seconds" in caplog.text
    assert made.has_begun() == "c2"
    virtual_clock.advance(2.0)  # it has waited for 3 of its 5 seconds
    made.pool.expire()
    assert made.output().call_id == "c2"


def test_a_thread_looks_at_the_time(bench: MakeBench, guard: Guard) -> None:
    made = bench(timeout=0.01)
    call = made.run("c1")
    assert made.output().text == '{"error": "hold timed out after 0.01 seconds"}'
    assert call.cancelled
    guard.until(lambda: made.pool._timer is None, "the end of the timer")
    made.run("c2")
    assert made.output().call_id == "c2"


# -- any work --------------------------------------------------------------------------------------


def test_what_work_returns_or_raises_is_delivered(bench: MakeBench) -> None:
    made = bench()
    value, error = object(), SystemExit("no")
    made.submit("c1", lambda _: value)
    assert made.outcome() == ("c1", value)
    made.submit("c2", raising(error))
    assert made.outcome() == ("c2", error)


def test_work_that_is_cancelled_or_refused(bench: MakeBench) -> None:
    made = bench(workers=1)
    for n in range(MAX_ABANDONED):
        made.submit(f"c{n}")
        made.has_begun()
        made.pool.cancel("enough")
        call_id, outcome = made.outcome()
        assert call_id == f"c{n}"
        assert type(outcome) is CallEnded
        assert str(outcome) == "enough"
    made.submit("one more")
    call_id, outcome = made.outcome()
    assert type(outcome) is CallEnded
    assert str(outcome) == "32 earlier calls have not returned; no more are run"


def test_each_work_has_its_own_time(bench: MakeBench, virtual_clock: VirtualClock) -> None:
    made = bench(timeout=1.0, clock=virtual_clock)
    for call_id, timeout in {"long": 60.0, "short": 5.0, "endless": None}.items():
        made.submit(call_id, timeout=timeout)
        made.has_begun()
    virtual_clock.advance(4.9)
    made.pool.expire()
    assert made.outcomes.empty()
    virtual_clock.advance(0.1)
    made.pool.expire()
    call_id, outcome = made.outcome()
    assert call_id == "short"
    assert type(outcome) is CallExpired
    assert (outcome.name, outcome.seconds) == ("work", 5.0)
    assert made.outcomes.empty()


def test_the_timer_learns_of_a_shorter_time(bench: MakeBench, guard: Guard) -> None:
    made = bench()
    made.submit("long", timeout=600.0)
    made.has_begun()
    guard.until(lambda: made.pool._timer is not None, "the timer")
    made.submit("short", timeout=0.01)
    assert made.outcome()[0] == "short"
    made.gate.set()
    assert made.outcome() == ("long", "let go")


def test_the_timer_does_not_wait_for_work_without_a_limit(
    bench: MakeBench, virtual_clock: VirtualClock
) -> None:
    made = bench(clock=virtual_clock)
    made.submit("endless")
    made.has_begun()
    assert made.pool._time_left(threading.current_thread()) is None
    assert made.pool._timer is None


def test_work_may_give_itself_time(bench: MakeBench, virtual_clock: VirtualClock) -> None:
    made = bench(clock=virtual_clock)
    allowed: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def work(call: CallContext) -> str:
        virtual_clock.advance(1000.0)
        allowed.put(made.pool.allow(5.0))
        made.hold(call)
        allowed.put(made.pool.allow(None))
        return "too late"

    made.submit("c1", work)
    made.has_begun()
    assert made.guard.get(allowed, "the first answer") is True
    made.pool.expire()
    assert made.outcomes.empty()
    virtual_clock.advance(5.0)
    made.pool.expire()
    assert type(made.outcome()[1]) is CallExpired
    made.gate.set()
    assert made.guard.get(allowed, "the second answer") is False


def test_work_may_take_its_limit_away(bench: MakeBench, virtual_clock: VirtualClock) -> None:
    made = bench(clock=virtual_clock)

    def work(call: CallContext) -> str:
        assert made.pool.allow(None)
        return made.hold(call)

    made.submit("c1", work, timeout=5.0)
    made.has_begun()
    virtual_clock.advance(5.0)
    made.pool.expire()
    made.gate.set()
    assert made.outcome() == ("c1", "let go")


def test_work_that_outlasts_the_pool_gets_no_time(bench: MakeBench) -> None:
    made = bench()
    allowed: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def work(call: CallContext) -> None:
        made.hold(call)
        allowed.put(made.pool.allow(5.0))

    made.submit("c1", work)
    made.has_begun()
    made.pool.close(Deadline(0))
    made.gate.set()
    assert made.guard.get(allowed, "the answer") is False
    assert made.outcomes.empty()


def test_after_closing_no_work_runs(bench: MakeBench) -> None:
    made = bench()
    made.pool.close(Deadline(0))
    made.submit("c1", lambda _: made.entered.put("c1"))
    assert made.entered.empty()
    assert made.outcomes.empty()
    assert made.pool.allow(1.0) is False


# -- the end ---------------------------------------------------------------------------------------


def test_closing_waits_for_what_returns_and_names_what_does_not(
    bench: MakeBench, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(workers=2)

    def obey(call: CallContext) -> str:
        made.entered.put(call.call_id)
        call.wait(guard.seconds)
        return "obeyed"

    stuck, waits = made.run("c1"), None
    made.has_begun()
    made.run("c2", obey)
    made.has_begun()
    waits = made.run("c3")
    closing = threading.Thread(target=lambda: made.pool.close(Deadline(0.2)))
    closing.start()
    assert made.output() == ("c2", "obeyed", False)
    guard.join(closing)
    assert "tool 'hold' has not returned" in caplog.text
    for call in (stuck, waits):
        assert (call.cancelled, call.abandoned) == (True, True)
    made.run("c4")
    made.gate.set()
    made.pool.close(Deadline(guard.seconds))
    assert made.outputs.empty()


def test_closing_a_pool_without_calls(bench: MakeBench) -> None:
    made = bench(timeout=60.0)
    made.run("c1", lambda: "x")
    made.output()
    made.pool.close(Deadline(None))
    made.pool.close(Deadline(None))
