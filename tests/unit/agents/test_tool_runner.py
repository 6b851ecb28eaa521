"""Calls of an agent's model: each has one outcome, whatever the program's functions do."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from guards import Guard, VirtualClock

from realtime_sync._deadline import Deadline
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.dispatch import Dispatch, dispatch_of
from realtime_sync.agents.function_tools import FunctionTool, ToolErrorFormatterArgs, function_tool
from realtime_sync.agents.handoffs import realtime_handoff
from realtime_sync.agents.run_context import RunContextWrapper, ToolContext
from realtime_sync.agents.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrail,
    ToolOutputGuardrailTripwireTriggered,
)
from realtime_sync.agents.tool_runner import (
    ApprovalNeeded,
    HandedOff,
    ToolFatal,
    ToolReturned,
    ToolRunner,
)
from realtime_sync.errors import ModelBehaviorError, ToolTimeoutError, UserError
from realtime_sync.tools import CallContext
from realtime_sync.tools.pool import ToolPool

FAILURE = "An error occurred while running the tool. Please try again."
REJECTED = "Tool execution was not approved."
Says = ToolGuardrailFunctionOutput


class Bench:
    """A runner, what it delivered, and a tool that waits to be let go."""

    def __init__(self, guard: Guard, clock: VirtualClock, **options: Any) -> None:
        self.guard = guard
        self.clock = clock
        self.pool = ToolPool(workers=2, clock=clock)
        self.outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.entered: queue.SimpleQueue[ToolContext[Any]] = queue.SimpleQueue()
        self.gate = threading.Event()
        self.steps: list[str] = []
        self.context = RunContextWrapper("mine")
        self.runner = ToolRunner(
            self.pool, self.context, self.deliver, on_start=self.started, **options
        )
        self.agent: RealtimeAgent[Any] = RealtimeAgent("front")
        self.before_deliver: Callable[[Any], object] = lambda outcome: None
        self.after_deliver: Callable[[Any], object] = lambda outcome: None

    def deliver(self, outcome: Any) -> None:
        self.before_deliver(outcome)
        self.outcomes.put(outcome)
        self.after_deliver(outcome)

    def started(self, context: ToolContext[Any], tool: FunctionTool) -> None:
        assert context.agent is self.agent
        assert context.call.name == tool.name
        self.steps.append(f"start {tool.name}")

    def tool(self, function: Callable[..., Any] | None = None, **options: Any) -> FunctionTool:
        made: FunctionTool = function_tool(function or self.hold, name_override="f", **options)
        self.agent.tools = [made]
        return made

    def hold(self, context: ToolContext[Any]) -> str:
        self.entered.put(context)
        self.guard.wait(self.gate, "the gate")
        return "let go"

    def call(self, name: str = "f", arguments: str = "{}", call_id: str = "c1") -> CallContext:
        call = CallContext(name=name, call_id=call_id, arguments=arguments)
        self.runner.run(call, dispatch_of(self.agent, self.context))
        return call

    def outcome(self) -> Any:
        return self.guard.get(self.outcomes, "an outcome")

    def returned(self) -> tuple[str, bool]:
        outcome = self.outcome()
        assert isinstance(outcome, ToolReturned), outcome
        return outcome.text, outcome.failed

    def fatal(self) -> BaseException:
        outcome = self.outcome()
        assert isinstance(outcome, ToolFatal), outcome
        assert outcome.agent is self.agent
        return outcome.error

    def asked(self) -> ApprovalNeeded:
        outcome = self.outcome()
        assert isinstance(outcome, ApprovalNeeded), outcome
        self.guard.until(lambda: self.runner._runs[outcome.call.call_id].told, "the wait")
        return outcome

    def has_begun(self) -> ToolContext[Any]:
        return self.guard.get(self.entered, "the beginning of a call")


MakeBench = Callable[..., Bench]


@pytest.fixture
def bench(guard: Guard, virtual_clock: VirtualClock) -> Iterator[MakeBench]:
    benches: list[Bench] = []

    def make(**options: Any) -> Bench:
        benches.append(Bench(guard, virtual_clock, **options))
        return benches[-1]

    yield make
    for made in benches:
        made.gate.set()
        made.pool.close(Deadline(guard.seconds))
        assert made.outcomes.empty()
        left = {name: run for name, run in made.runner._runs.items() if not run.waits}
        assert left == {}


def raising(exc: BaseException) -> Callable[[], Any]:
    def f() -> None:
        raise exc

    return f


# -- outputs ---------------------------------------------------------------------------------------


def test_a_call_and_its_output(bench: MakeBench) -> None:
    made = bench()
    tool = made.tool(lambda: {"a": 1})
    call = made.call()
    outcome = made.outcome()
    assert isinstance(outcome, ToolReturned)
    assert (outcome.call, outcome.agent, outcome.tool) == (call, made.agent, tool)
    assert (outcome.output, outcome.text) == ({"a": 1}, '{"a": 1}')
    assert (outcome.failed, outcome.error) == (False, None)
    assert outcome.context.call is call
    assert made.steps == ["start f"]


def test_what_a_tool_is_given(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda_with_context(made))
    call = made.call(arguments='{"x": 1}')
    context = made.has_begun()
    assert (context.context, context.usage) == ("mine", made.context.usage)
    assert (context.tool_name, context.tool_call_id) == ("f", "c1")
    assert (context.tool_arguments, context.agent) == ('{"x": 1}', made.agent)
    assert context.call is call
    made.returned()


def lambda_with_context(made: Bench) -> Callable[..., Any]:
    def f(context: ToolContext[Any], x: int) -> None:
        made.entered.put(context)

    return f


def test_tools_that_are_not_there(bench: MakeBench) -> None:
    made = bench()
    tool = made.tool(lambda: 1)
    made.call("gone")
    outcome = made.outcome()
    assert (outcome.text, outcome.failed, outcome.tool) == ("Tool gone not found", True, None)
    dispatch = dispatch_of(made.agent, made.context)
    tool.is_enabled = False  # after the model was told of it
    made.runner.run(CallContext(name="f", call_id="c2", arguments="{}"), dispatch)
    assert made.returned() == ("Tool f not found", True)
    tool.is_enabled = lambda context, agent: agent is made.agent and context.context == "mine"
    made.runner.run(CallContext(name="f", call_id="c3", arguments="{}"), dispatch)
    assert made.returned() == ("1", False)
    assert made.steps == ["start f"]


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize("exc", [ValueError("a secret"), SystemExit(1)])
def test_a_tool_that_raises(bench: MakeBench, exc: BaseException) -> None:
    made = bench()
    made.tool(raising(exc))
    made.call()
    outcome = made.outcome()
    assert (outcome.output, outcome.text, outcome.failed) == (FAILURE, FAILURE, True)
    assert outcome.error is exc


def test_a_wrong_call_does_not_begin(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda_with_context(made), needs_approval=True)
    made.call(arguments='{"x": "1"}')
    assert made.returned() == ('{"error": "x must be an integer, not a string"}', True)
    assert made.steps == []


def test_failures_that_are_to_end_the_session(bench: MakeBench) -> None:
    made = bench()
    error = ValueError("so it is wanted")
    made.tool(raising(error), failure_error_function=None)
    made.call()
    assert made.fatal() is error
    made.call(arguments="[]")
    assert type(made.fatal()) is ModelBehaviorError


def test_arguments_are_built_once(bench: MakeBench) -> None:
    built: list[int] = []

    @dataclass
    class Counted:
        n: int

        def __post_init__(self) -> None:
            built.append(self.n)

    def f(x: Counted) -> int:
        return x.n

    f.__annotations__["x"] = Counted
    made = bench()
    made.tool(f, needs_approval=True)
    made.call(arguments='{"x": {"n": 7}}')
    made.asked()
    assert made.runner.approve("c1")
    assert made.returned() == ("7", False)
    assert built == [7]


def test_a_tool_without_a_function(bench: MakeBench) -> None:
    made = bench()
    given: list[str] = []

    def invoke(context: ToolContext[Any], text: str) -> str:
        given.append(text)
        if text == "{ }":
            raise ZeroDivisionError
        return "done"

    made.agent.tools = [FunctionTool("f", "", {"type": "object"}, invoke)]
    made.call(arguments='{"any": 1}')
    assert made.returned() == ("done", False)
    made.call(arguments="{ }")
    assert type(made.fatal()) is ZeroDivisionError
    made.call(arguments="[")
    text, failed = made.returned()
    assert failed
    assert text.startswith('{"error": "the arguments are not JSON')
    assert given == ['{"any": 1}', "{ }"]


@pytest.mark.parametrize(
    "option", ["is_enabled", "needs_approval", "tool_input_guardrails", "tool_output_guardrails"]
)
def test_other_functions_that_raise_end_the_session(bench: MakeBench, option: str) -> None:
    def fail(*_: Any) -> Any:
        raise ZeroDivisionError

    values = {
        "is_enabled": fail,
        "needs_approval": fail,
        "tool_input_guardrails": [ToolInputGuardrail(fail)],
        "tool_output_guardrails": [ToolOutputGuardrail(fail)],
    }
    made = bench()
    tool = made.tool(lambda: 1)
    setattr(tool, option, values[option])
    made.runner.run(
        CallContext(name="f", call_id="c1", arguments="{}"),
        Dispatch(made.agent, tools={"f": tool}),
    )
    assert type(made.fatal()) is ZeroDivisionError


# -- checks ----------------------------------------------------------------------------------------


def test_a_call_that_a_check_rejects(bench: MakeBench) -> None:
    made = bench()
    ran: list[int] = []
    seen: list[str] = []

    def check(data: Any) -> ToolGuardrailFunctionOutput:
        seen.append(data.context.tool_arguments)
        assert data.agent is made.agent
        return Says.allow() if len(seen) == 1 else Says.reject_content("No.")

    made.tool(lambda: ran.append(1), tool_input_guardrails=[ToolInputGuardrail(check)] * 3)
    made.call()
    assert made.returned() == ("No.", True)
    assert (ran, seen, made.steps) == ([], ["{}", "{}"], [])


def test_an_output_that_a_check_replaces(bench: MakeBench) -> None:
    made = bench()

    def check(data: Any) -> ToolGuardrailFunctionOutput:
        return Says.allow() if data.output == 1 else Says.reject_content(f"not {data.output}")

    made.tool(lambda: 1, tool_output_guardrails=[ToolOutputGuardrail(check)])
    made.call()
    assert made.returned() == ("1", False)
    made.tool(raising(ValueError()), tool_output_guardrails=[ToolOutputGuardrail(check)])
    made.call()
    assert made.returned() == (f"not {FAILURE}", True)


def test_checks_that_end_the_session(bench: MakeBench) -> None:
    made = bench()
    ran: list[int] = []
    into = ToolInputGuardrail(lambda data: Says.raise_exception("why"))
    out = ToolOutputGuardrail(lambda data: Says.raise_exception("why"))
    made.tool(lambda: ran.append(1), tool_input_guardrails=[into])
    made.call()
    error = made.fatal()
    assert isinstance(error, ToolInputGuardrailTripwireTriggered)
    assert (error.guardrail, error.output.output_info) == (into, "why")
    assert ran == []
    made.tool(lambda: ran.append(1), tool_output_guardrails=[out])
    made.call()
    error = made.fatal()
    assert isinstance(error, ToolOutputGuardrailTripwireTriggered)
    assert (error.guardrail, error.output.output_info) == (out, "why")


# -- approval --------------------------------------------------------------------------------------


def test_a_call_that_waits_keeps_no_thread(bench: MakeBench, guard: Guard) -> None:
    made = bench()
    tool = made.tool(lambda: "done", needs_approval=True)
    calls = [made.call(call_id=f"c{n}") for n in range(3)]  # more than there are workers
    asked = {made.asked().call.call_id for _ in calls}
    assert asked == {"c0", "c1", "c2"}
    guard.until(lambda: not made.pool._running, "the end of the workers")
    assert made.steps == []
    assert made.runner.approve("c1")
    outcome = made.outcome()
    assert (outcome.call, outcome.tool, outcome.text) == (calls[1], tool, "done")
    assert made.steps == ["start f"]
    assert not made.runner.approve("c1")
    assert not made.runner.reject("c1")
    assert not made.runner.approve("nobody's")
    made.runner.cancel("enough")
    assert {made.outcome().call.call_id for _ in range(2)} == {"c0", "c2"}


def test_needed_or_not_is_a_function_of_the_call(bench: MakeBench) -> None:
    made = bench()
    asked: list[Any] = []

    def needs(context: Any, arguments: dict[str, Any], call_id: str) -> bool:
        asked.append((context.context, arguments, call_id))
        return arguments["x"] > 1

    made.tool(lambda_with_context(made), needs_approval=needs)
    made.call(arguments='{"x": 1}')
    made.returned()
    made.call(arguments='{"x": 2}', call_id="c2")
    assert made.asked().call.call_id == "c2"
    assert asked == [("mine", {"x": 1}, "c1"), ("mine", {"x": 2}, "c2")]


def test_a_rejection(bench: MakeBench) -> None:
    made = bench()
    ran: list[int] = []
    made.tool(lambda: ran.append(1), needs_approval=True)
    made.call()
    made.asked()
    assert made.runner.reject("c1")
    assert made.returned() == (REJECTED, True)
    made.call()
    made.asked()
    assert made.runner.reject("c1", message="Not today.")
    assert made.returned() == ("Not today.", True)
    assert (ran, made.steps) == ([], [])


@pytest.mark.parametrize(
    ("says", "text"),
    [
        (lambda given: f"{given.kind} {given.tool_name} {given.call_id}", "approval_rejected f c1"),
        (lambda given: None, REJECTED),
        (lambda given: 7, REJECTED),
        (lambda given: 1 / 0, REJECTED),
    ],
)
def test_the_programs_words_for_a_rejection(
    bench: MakeBench, says: Callable[[ToolErrorFormatterArgs[Any]], Any], text: str
) -> None:
    made = bench(error_formatter=says)
    made.tool(lambda: 1, needs_approval=True)
    made.call()
    made.asked()
    made.runner.reject("c1")
    assert made.returned() == (text, True)
    made.call()
    made.asked()
    made.runner.reject("c1", message="first")
    assert made.returned() == ("first", True)


def test_a_tool_is_approved_for_good(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda: 1, needs_approval=True)
    made.call()
    made.asked()
    made.runner.approve("c1", always=True)
    assert made.returned() == ("1", False)
    made.call(call_id="c2")
    assert made.returned() == ("1", False)


def test_what_is_decided_for_one_agent_is_for_no_other(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda: 1, needs_approval=True)
    made.call()
    made.asked()
    made.runner.approve("c1", always=True)
    assert made.returned() == ("1", False)
    made.agent = RealtimeAgent(name=made.agent.name, tools=made.agent.tools)
    made.call(call_id="c2")
    assert made.asked().call.call_id == "c2"


def test_a_tool_that_is_switched_off_meanwhile_is_none(bench: MakeBench) -> None:
    answers = [True, False]  # as the snapshot is taken, and as it is called
    made = bench()
    made.tool(lambda: 1, is_enabled=lambda context, agent: answers.pop(0))
    made.call()
    outcome = made.outcome()
    assert (outcome.tool, outcome.text, outcome.failed) == (None, "Tool f not found", True)


def test_a_tool_is_rejected_for_good(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda: 1, needs_approval=True)
    made.call()
    made.asked()
    made.runner.reject("c1", always=True, message="Never.")
    assert made.returned() == ("Never.", True)
    made.tool(lambda: 1)  # by its name
    made.call(call_id="c2")
    assert made.returned() == ("Never.", True)


@pytest.mark.parametrize("before", [False, True])
def test_checks_and_approval(bench: MakeBench, before: bool) -> None:
    made = bench(pre_approval_guardrails=before)
    seen: list[int] = []

    def check(data: Any) -> ToolGuardrailFunctionOutput:
        seen.append(1)
        return Says.allow()

    made.tool(lambda: 1, needs_approval=True, tool_input_guardrails=[ToolInputGuardrail(check)])
    made.call()
    made.asked()
    assert len(seen) == before
    made.runner.approve("c1")
    assert made.returned() == ("1", False)
    assert len(seen) == before + 1


def test_a_check_before_the_program_is_asked(bench: MakeBench) -> None:
    made = bench(pre_approval_guardrails=True)
    guardrail = ToolInputGuardrail(lambda data: Says.reject_content("No."))
    made.tool(lambda: 1, needs_approval=True, tool_input_guardrails=[guardrail])
    made.call()
    assert made.returned() == ("No.", True)


# -- cancellation ----------------------------------------------------------------------------------


def test_calls_are_cancelled_wherever_they_are(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda: 1, needs_approval=True)
    made.call(call_id="waits")
    made.asked()
    made.tool()
    made.call(call_id="runs")
    context = made.has_begun()
    made.call(call_id="stays")
    made.has_begun()
    made.call(call_id="in line")
    made.runner.cancel("interrupted", ["waits", "runs", "in line"])
    outcomes = [made.outcome() for _ in range(3)]
    assert {outcome.call.call_id for outcome in outcomes} == {"waits", "runs", "in line"}
    for outcome in outcomes:
        assert (outcome.text, outcome.failed) == ('{"error": "interrupted"}', True)
        assert outcome.call.cancelled
    assert context.cancelled
    assert context.wait(0)
    assert not made.runner.approve("waits")
    made.gate.set()
    assert made.outcome().call.call_id == "stays"
    made.runner.cancel("nothing is left")


def test_a_call_is_cancelled_while_the_program_is_asked(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda: 1, needs_approval=True)
    made.before_deliver = lambda outcome: (
        made.runner.cancel("enough") if isinstance(outcome, ApprovalNeeded) else None
    )
    made.call()
    assert isinstance(made.outcome(), ApprovalNeeded)
    assert made.returned() == ('{"error": "enough"}', True)
    assert not made.runner.approve("c1")


def test_an_answer_while_the_program_is_asked(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda: 1, needs_approval=True)
    made.after_deliver = lambda outcome: (
        made.runner.approve("c1") if isinstance(outcome, ApprovalNeeded) else None
    )
    made.call()
    assert isinstance(made.outcome(), ApprovalNeeded)
    assert made.returned() == ("1", False)


def test_a_call_is_cancelled_before_the_pool_knows_of_it(bench: MakeBench) -> None:
    made = bench()
    ran: list[int] = []
    made.tool(lambda: ran.append(1))
    submit = made.pool.submit

    def late(*arguments: Any, **options: Any) -> None:
        made.runner.cancel("enough")
        submit(*arguments, **options)

    made.pool.submit = late  # type: ignore[method-assign]
    made.call()
    assert made.returned() == ('{"error": "enough"}', True)
    assert ran == []


def test_each_call_has_one_outcome_whatever_is_done_to_it(bench: MakeBench) -> None:
    made = bench()
    made.tool(lambda: "done", needs_approval=lambda context, arguments, call_id: call_id[0] == "a")
    ids = [f"{'ab'[n % 2]}{n}" for n in range(200)]
    stop = threading.Event()

    def disturb(act: Callable[[str], object]) -> None:
        while not stop.is_set():
            for call_id in ids:
                act(call_id)

    acts: list[Callable[[str], object]] = [
        made.runner.approve,
        made.runner.reject,
        lambda call_id: made.runner.cancel("enough", [call_id]),
    ]
    threads = [threading.Thread(target=disturb, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    dispatch = dispatch_of(made.agent, made.context)
    for call_id in ids:
        made.runner.run(CallContext(name="f", call_id=call_id, arguments="{}"), dispatch)
    returned: list[str] = []
    while len(returned) < len(ids):
        outcome = made.outcome()
        if isinstance(outcome, ToolReturned):
            returned.append(outcome.call.call_id)
    stop.set()
    for thread in threads:
        made.guard.join(thread)
    assert sorted(returned) == sorted(ids)


# -- time ------------------------------------------------------------------------------------------


def test_time_counts_from_the_functions_beginning(bench: MakeBench) -> None:
    made = bench()
    tool = made.tool(timeout=2)
    made.call()
    context = made.has_begun()
    made.clock.advance(1.5)
    made.call(call_id="c2")
    made.has_begun()
    made.clock.advance(0.5)
    made.pool.expire()
    outcome = made.outcome()
    assert (outcome.call.call_id, outcome.tool) == ("c1", tool)
    assert (outcome.text, outcome.failed) == ("Tool 'f' timed out after 2 seconds.", True)
    assert isinstance(outcome.error, ToolTimeoutError)
    assert context.cancelled
    made.gate.set()
    assert made.returned() == ("let go", False)


def test_only_the_function_has_a_limit(bench: MakeBench) -> None:
    made = bench()

    def slow(data: Any) -> ToolGuardrailFunctionOutput:
        made.clock.advance(5)
        made.pool.expire()
        return Says.allow()

    made.tool(
        lambda: 1,
        timeout=2,
        tool_input_guardrails=[ToolInputGuardrail(slow)],
        tool_output_guardrails=[ToolOutputGuardrail(slow)],
    )
    made.call()
    assert made.returned() == ("1", False)


def test_the_programs_words_for_a_timeout_are_checked(bench: MakeBench) -> None:
    made = bench()

    def check(data: Any) -> ToolGuardrailFunctionOutput:
        return Says.reject_content(f"checked: {data.output}")

    made.tool(
        timeout=2,
        timeout_error_function=lambda context, error: f"{context.context}: {error}",
        tool_output_guardrails=[ToolOutputGuardrail(check)],
    )
    made.call()
    made.has_begun()
    made.clock.advance(2)
    made.pool.expire()
    assert made.returned() == ("checked: mine: Tool 'f' timed out after 2 seconds.", True)


def test_a_timeout_that_ends_the_session(bench: MakeBench) -> None:
    made = bench()
    made.tool(timeout=2, timeout_behavior="raise_exception")
    made.call()
    made.has_begun()
    made.clock.advance(2)
    made.pool.expire()
    error = made.fatal()
    assert isinstance(error, ToolTimeoutError)
    assert (error.tool_name, error.timeout_seconds) == ("f", 2)


# -- handoffs --------------------------------------------------------------------------------------


def test_a_handoff(bench: MakeBench) -> None:
    made = bench()
    told: list[Any] = []
    billing: RealtimeAgent[Any] = RealtimeAgent(
        "Billing", instructions=lambda context, agent: f"for {context.context}"
    )
    handoff = realtime_handoff(billing, on_handoff=lambda context: told.append(context.context))
    made.agent.handoffs = [handoff]
    call = made.call("transfer_to_billing")
    outcome = made.outcome()
    assert isinstance(outcome, HandedOff)
    assert (outcome.call, outcome.agent, outcome.handoff) == (call, made.agent, handoff)
    assert outcome.dispatch.agent is billing
    assert outcome.dispatch.instructions == "for mine"
    assert outcome.text == '{"assistant": "Billing"}'
    assert told == ["mine"]
    assert made.steps == []


@dataclass
class Reason:
    words: str


def test_handoffs_that_fail_are_told(bench: MakeBench) -> None:
    made = bench()

    def fail(context: Any, reason: Any) -> None:
        raise ValueError(reason.words)

    billing: RealtimeAgent[Any] = RealtimeAgent("Billing")
    handoff = realtime_handoff(billing, on_handoff=fail, input_type=Reason)
    made.agent.handoffs = [handoff]
    made.call("transfer_to_billing", '{"words": "a secret"}')
    outcome = made.outcome()
    assert (outcome.text, outcome.failed, outcome.tool) == (FAILURE, True, handoff)
    assert type(outcome.error) is ValueError
    made.call("transfer_to_billing", "{}")
    assert made.returned() == ('{"error": "words is missing"}', True)


def test_handoffs_that_end_the_session(bench: MakeBench) -> None:
    made = bench()
    broken: RealtimeAgent[Any] = RealtimeAgent("Broken", tools=[len])
    handoff = realtime_handoff(broken)
    made.agent.handoffs = [handoff]
    made.call("transfer_to_broken")
    assert "is no tool" in str(made.fatal())
    handoff.on_invoke_handoff = lambda context, text: "Billing"  # type: ignore[assignment, return-value]
    made.call("transfer_to_broken")
    error = made.fatal()
    assert isinstance(error, UserError)
    assert "must return a RealtimeAgent, and returned str" in str(error)


# -- interruptions ---------------------------------------------------------------------------------


def test_a_function_that_runs_learns_of_an_interruption_and_its_output_counts(
    bench: MakeBench,
) -> None:
    made = bench()
    made.tool()
    call = made.call()
    context = made.has_begun()
    assert made.runner.called == {"c1"}
    assert not context.cancelled
    made.runner.interrupt()
    assert context.cancelled
    assert call.cancelled
    made.gate.set()
    assert made.returned() == ("let go", False)


def test_a_call_that_waits_for_approval_learns_of_no_interruption(bench: MakeBench) -> None:
    made = bench()
    made.tool(needs_approval=True)
    made.call()
    made.asked()
    assert made.runner.called == frozenset()
    made.runner.interrupt()
    made.gate.set()
    assert made.runner.approve("c1")
    assert not made.has_begun().cancelled
    assert made.returned() == ("let go", False)


def test_a_call_that_is_over_learns_of_no_interruption(bench: MakeBench) -> None:
    made = bench()
    made.tool()
    made.gate.set()
    call = made.call()
    made.returned()
    made.runner.interrupt()
    assert not call.cancelled
