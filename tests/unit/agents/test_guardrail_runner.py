"""Guardrails that run beside the conversation."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from realtime_sync._deadline import Deadline
from realtime_sync.agents import guardrail_runner
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.guardrail_runner import GuardrailRunner
from realtime_sync.agents.guardrails import (
    GuardrailFunctionOutput,
    Guardrails,
    InputGuardrail,
    OutputGuardrail,
)
from realtime_sync.agents.input_checks import InputCheck
from realtime_sync.agents.input_rules import CheckInput
from realtime_sync.agents.output_checks import OutputCheck
from realtime_sync.agents.rules import CheckOutput
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.tools.pool import CallExpired

GUARD_S = 30.0
CONTEXT = RunContextWrapper("mine")
CHECK = OutputCheck("r", ("item", 0), "some bad words")
INPUT = InputCheck("item", "some bad words", before=True)


class Rules:
    """Takes what was found."""

    def passed(self, check: Any) -> Any:
        return "passed", check

    def tripped(self, check: Any, results: Any, names: Any) -> Any:
        return "tripped", check, [each.output.output_info for each in results], names


class Runs:
    """A runner, and what it has the engine decide."""

    def __init__(self, *, holds_back: bool) -> None:
        decisions: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
        rules: Any = Rules()
        self.runner = GuardrailRunner(
            CONTEXT,
            Guardrails(),
            output_rules=rules,
            input_rules=rules,
            post=decisions.put,
            holds_back=holds_back,
        )
        self._decisions = decisions

    def output(self, *functions: Any) -> Any:
        given = [OutputGuardrail(each) for each in functions]
        agent: RealtimeAgent[Any] = RealtimeAgent("Desk", output_guardrails=given)
        self.runner.run(CheckOutput(agent, CHECK))
        return self._decisions.get(timeout=GUARD_S)()

    def input(self, *functions: Any) -> Any:
        given = tuple(InputGuardrail(each) for each in functions)
        self.runner.run(CheckInput(RealtimeAgent("Desk"), given, INPUT.text, INPUT))
        return self._decisions.get(timeout=GUARD_S)()


@pytest.fixture(params=[True, False])
def holds_back(request: pytest.FixtureRequest) -> bool:
    fact: bool = request.param
    return fact


@pytest.fixture
def runs(holds_back: bool) -> Iterator[Runs]:
    runs = Runs(holds_back=holds_back)
    yield runs
    runs.runner.close(Deadline(GUARD_S))


def bad(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
    assert (context, agent.name) == (CONTEXT, "Desk")
    return GuardrailFunctionOutput(f"found in {words!r}", "bad" in words)


def fine(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
    return GuardrailFunctionOutput("nothing", tripwire_triggered=False)


def raises(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
    raise LookupError(words)


def test_those_that_forbid_are_told(runs: Runs) -> None:
    found = ["found in 'some bad words'"]
    assert runs.output(fine, bad) == ("tripped", CHECK, found, ["bad"])
    state, work, results, names = runs.input(fine, bad)
    assert (state, work.about, results, names) == ("tripped", INPUT, found, ["bad"])


def test_what_none_forbids_has_passed(runs: Runs) -> None:
    assert runs.output(fine, fine) == ("passed", CHECK)
    assert runs.input(fine)[0] == "passed"


def test_one_that_raises_forbids_what_waits_for_it(runs: Runs, holds_back: bool) -> None:
    outcome, _, *found = runs.output(raises)
    if holds_back:
        ((error,), names) = found
        assert (outcome, repr(error), names) == (
            "tripped", "LookupError('some bad words')", ["raises"],
        )  # fmt: skip
    else:
        assert outcome == "passed"
    assert runs.input(raises)[0] == "tripped", "what the user says always waits"


def test_one_that_raises_keeps_no_other_from_looking(runs: Runs, holds_back: bool) -> None:
    *_, names = runs.output(raises, bad)
    assert names == (["raises", "bad"] if holds_back else ["bad"])


def test_so_does_one_that_is_late(
    runs: Runs, holds_back: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert guardrail_runner._TIMEOUT_S == 5
    monkeypatch.setattr(guardrail_runner, "_TIMEOUT_S", 0.01)
    ends = threading.Event()

    def late(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        ends.wait(GUARD_S)
        return fine(context, agent, words)

    outcome, _, *found = runs.output(late)
    if holds_back:
        ((error,), names) = found
        assert (outcome, names) == ("tripped", ["late"])
        assert isinstance(error, CallExpired)
    else:
        assert outcome == "passed"
    assert runs.input(late)[0] == "tripped"
    ends.set()


def test_they_run_on_threads_of_their_own(runs: Runs) -> None:
    seen: list[bool] = []

    def where(context: Any, agent: Any, words: str) -> GuardrailFunctionOutput:
        seen.append(runs.runner.is_own_thread())
        return fine(context, agent, words)

    runs.output(where)
    assert (seen, runs.runner.is_own_thread()) == ([True], False)
