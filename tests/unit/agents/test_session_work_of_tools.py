"""Which calls are run, for whom, and what the rules are told of them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from guards import Guard

from realtime_sync._deadline import Deadline
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.dispatch import Dispatch, dispatch_of
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.notes import Fault, ToolBegan
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.agents.session_work import SessionWork
from realtime_sync.agents.tool_runner import REJECTION_TEXT
from realtime_sync.errors import ModelBehaviorError
from realtime_sync.voice.effects import Effect, Report, RunTool

CONTEXT = RunContextWrapper[Any]({"user": 7})


@function_tool
def look_up() -> str:
    """Look something up."""
    return "found"


@function_tool(needs_approval=True)
def refund() -> str:
    """Give money back."""
    return "done"


@function_tool(failure_error_function=None)
def fail() -> str:
    """Fail."""
    raise KeyError("no table")


BILLING = RealtimeAgent[Any](name="Billing")
DESK = RealtimeAgent[Any](name="Desk", tools=[look_up, refund, fail], handoffs=[BILLING])


class Rules:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.dispatch = self.calling = dispatch_of(DESK, CONTEXT)
        self.hands_over = True
        self.told: list[Any] = []
        self.failed: list[bool] = []  # of each that has returned

    def begin_handoff(self, call_id: str) -> bool:
        self.told.append(("begin", call_id))
        return self.hands_over

    def refuse_handoff(self, call_id: str, name: str) -> list[Effect]:
        self.told.append(("refused", call_id, name))
        return []

    def answered(self, call_id: str, name: str, text: str) -> list[Effect]:
        self.told.append(("answered", call_id, name, text))
        return []

    def returned(self, over: Any) -> list[Effect]:
        self.told.append(("returned", over.context.tool_call_id, over.tool, over.output, over.text))
        self.failed.append(over.failed)
        return []

    def awaits_approval(self, asked: Any) -> list[Effect]:
        self.told.append(("asked", asked.call_id, asked.agent, asked.tool, asked.arguments))
        return []

    def handed_over(self, call_id: str, name: str, text: str, **more: Any) -> list[Effect]:
        self.told.append(("handed over", call_id, name, text, more))
        return []


class NoGuardrails:
    """Nothing is checked."""

    def is_own_thread(self) -> bool:
        return False

    def close(self, deadline: Deadline) -> None:
        """Nothing runs."""


class Work:
    def __init__(self, **config: Any) -> None:
        self.rules = Rules()
        self.posted: queue.SimpleQueue[Callable[[], list[Effect]]] = queue.SimpleQueue()
        self.sessions: list[Dispatch] = []
        self.made = SessionWork(
            CONTEXT,
            self.rules,  # type: ignore[arg-type]
            NoGuardrails(),  # type: ignore[arg-type]
            post=self.posted.put,
            session_for=self._session_for,
            config=config,  # type: ignore[arg-type]
        )

    def _session_for(self, dispatch: Dispatch) -> dict[str, Any]:
        self.sessions.append(dispatch)
        return {"type": "realtime"}

    def run(self, name: str, call_id: str = "call_1") -> None:
        self.made.run(RunTool(call_id, name, "{}"), self.posted.put)

    def next(self) -> list[Effect]:
        """Let the rules take the next outcome."""
        return Guard().get(self.posted, "an outcome")()


@pytest.fixture
def work() -> Iterator[Work]:
    made = Work()
    yield made
    made.made.close(Deadline(30))


def test_a_tool_begins_and_returns(work: Work) -> None:
    work.run("look_up")
    [began] = work.next()
    assert isinstance(began, Report)
    assert isinstance(began.event, ToolBegan)
    assert (began.event.context.tool_call_id, began.event.tool) == ("call_1", look_up)
    assert began.event.context.context == {"user": 7}
    work.next()
    assert work.rules.told == [("returned", "call_1", look_up, "found", "found")]


def test_the_tools_are_those_of_the_agent_that_calls(work: Work) -> None:
    work.rules.dispatch = dispatch_of(BILLING, CONTEXT)
    work.run("look_up")
    work.next()
    work.next()
    assert work.rules.told[0][0] == "returned"


def test_an_unknown_tool_is_a_fault_with_an_output(work: Work) -> None:
    work.run("fly")
    [fault] = work.next()
    assert isinstance(fault, Report)
    assert isinstance(fault.event, Fault)
    assert isinstance(fault.event.error, ModelBehaviorError)
    assert work.rules.told == [("answered", "call_1", "fly", "Tool fly not found")]


def test_a_call_waits_for_approval(work: Work) -> None:
    work.run("refund")
    work.next()
    assert work.rules.told == [("asked", "call_1", DESK, refund, "{}")]
    Guard().until(lambda: work.made.approve("call_1"), "that it waits")
    work.next()
    work.next()
    assert work.rules.told[1] == ("returned", "call_1", refund, "done", "done")
    assert not work.made.reject("call_1")
    assert work.rules.failed == [False]


def test_a_call_that_is_rejected_has_failed(work: Work) -> None:
    work.run("refund")
    work.next()
    Guard().until(lambda: work.made.reject("call_1"), "that it waits")
    work.next()
    assert work.rules.told[1] == ("returned", "call_1", refund, REJECTION_TEXT, REJECTION_TEXT)
    assert work.rules.failed == [True]


def test_a_failure_that_is_fatal_is_raised_where_it_ends_the_session(work: Work) -> None:
    work.run("fail")
    work.next()
    with pytest.raises(KeyError, match="no table"):
        work.next()


def test_a_handoff(work: Work) -> None:
    work.run("transfer_to_billing")
    work.next()
    begun, (kind, call_id, name, text, more) = work.rules.told
    assert begun == ("begin", "call_1")
    assert (kind, call_id, name) == ("handed over", "call_1", "transfer_to_billing")
    assert text == '{"assistant": "Billing"}'
    assert more["before"] is DESK
    assert more["dispatch"].agent is BILLING
    assert work.sessions == [more["dispatch"]]


def test_a_handoff_that_may_not_be_made_is_not(work: Work) -> None:
    work.rules.hands_over = False
    work.run("transfer_to_billing")
    work.next()
    assert work.rules.told == [("begin", "call_1"), ("refused", "call_1", "transfer_to_billing")]


def test_threads_of_the_pools_are_its_own(work: Work) -> None:
    assert not work.made.is_own_thread()
    found: list[bool] = []

    @function_tool
    def ask() -> str:
        """Ask."""
        found.append(work.made.is_own_thread())
        return ""

    work.rules.calling = dispatch_of(RealtimeAgent[Any](name="Desk", tools=[ask]), CONTEXT)
    work.run("ask")
    work.next()
    work.next()
    assert found == [True]


def test_one_at_a_time_where_that_is_wanted() -> None:
    work = Work(async_tool_calls=False)
    running: list[int] = []

    @function_tool
    def step() -> str:
        """Go one step."""
        running.append(1)
        together = len(running)
        running.pop()
        return str(together)

    work.rules.calling = dispatch_of(RealtimeAgent[Any](name="Desk", tools=[step]), CONTEXT)
    for number in range(3):
        work.run("step", f"call_{number}")
    for _ in range(6):
        work.next()
    assert [told[1] for told in work.rules.told] == ["call_0", "call_1", "call_2"]
    assert {told[4] for told in work.rules.told} == {"1"}
    work.made.close(Deadline(30))
