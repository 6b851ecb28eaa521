"""Functions that check what is said."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.guardrails import (
    GuardrailFunctionOutput,
    Guardrails,
    InputGuardrail,
    InputGuardrailResult,
    OutputGuardrail,
    OutputGuardrailResult,
    input_guardrail,
    output_guardrail,
)
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.errors import UserError

AGENT: RealtimeAgent[Any] = RealtimeAgent("Front desk")
CONTEXT = RunContextWrapper("mine")


def look(context: Any, agent: Any, words: Any) -> GuardrailFunctionOutput:
    found = (context, agent, words)
    return GuardrailFunctionOutput(output_info=found, tripwire_triggered="bad" in words)


async def look_later(context: Any, agent: Any, words: Any) -> GuardrailFunctionOutput:
    return look(context, agent, words)


class Looks:
    def __call__(self, context: Any, agent: Any, words: Any) -> GuardrailFunctionOutput:
        return look(context, agent, words)


class LooksLater:
    async def __call__(self, context: Any, agent: Any, words: Any) -> GuardrailFunctionOutput:
        return look(context, agent, words)


def test_one_of_what_an_agent_says() -> None:
    guardrail = output_guardrail(look)
    assert guardrail == OutputGuardrail(look, "look")
    result = guardrail.run(CONTEXT, AGENT, "bad words")
    output = GuardrailFunctionOutput((CONTEXT, AGENT, "bad words"), True)
    assert result == OutputGuardrailResult(guardrail, "bad words", AGENT, output)
    assert not guardrail.run(CONTEXT, AGENT, "good words").output.tripwire_triggered


def test_one_of_what_the_user_says() -> None:
    guardrail = input_guardrail(look)
    assert guardrail == InputGuardrail(look, "look", run_in_parallel=True)
    result = guardrail.run(AGENT, "bad words", CONTEXT)
    output = GuardrailFunctionOutput((CONTEXT, AGENT, "bad words"), True)
    assert result == InputGuardrailResult(guardrail, output)
    assert not guardrail.run(AGENT, "good words", CONTEXT).output.tripwire_triggered


def test_options() -> None:
    assert output_guardrail(name="prices")(look) == OutputGuardrail(look, "prices")
    assert output_guardrail()(look).get_name() == "look"
    assert input_guardrail()(look) == InputGuardrail(look, "look")
    before = input_guardrail(name="homework", run_in_parallel=False)(look)
    assert before == InputGuardrail(look, "homework", run_in_parallel=False)


@pytest.mark.parametrize("kind", [InputGuardrail, OutputGuardrail])
@pytest.mark.parametrize(
    ("function", "name"),
    [(look, "look"), (Looks(), "Looks"), (functools.partial(look), "partial")],
)
def test_a_guardrail_without_a_name_has_its_functions(kind: Any, function: Any, name: str) -> None:
    assert kind(function).get_name() == name
    assert kind(function, "mine").get_name() == "mine"


@pytest.mark.parametrize(
    "make", [InputGuardrail, OutputGuardrail, input_guardrail, output_guardrail]
)
@pytest.mark.parametrize(
    "function", [look_later, LooksLater(), functools.partial(look_later), LooksLater().__call__]
)
def test_an_async_one_is_refused_when_it_is_made(make: Any, function: Any) -> None:
    with pytest.raises(UserError, match="is async"):
        make(function)


@pytest.mark.parametrize("make", [InputGuardrail, OutputGuardrail])
def test_what_can_not_be_called_is_refused_when_it_is_made(make: Any) -> None:
    with pytest.raises(UserError, match="the guardrail 'str' must be a function, not 'look'"):
        make("look")


@pytest.mark.parametrize(
    ("function", "returned"),
    [(lambda *_: None, "NoneType"), (lambda *_: True, "bool"), (lambda *a: look_later(*a), "coro")],
)
def test_a_function_must_say_what_it_found(function: Any, returned: str) -> None:
    with pytest.raises(UserError, match=f"must return a GuardrailFunctionOutput.* {returned}"):
        OutputGuardrail(function).run(CONTEXT, AGENT, "words")
    with pytest.raises(UserError, match=f"must return a GuardrailFunctionOutput.* {returned}"):
        InputGuardrail(function).run(AGENT, "words", CONTEXT)


def test_what_it_raises_is_the_callers_affair() -> None:
    def broken(context: Any, agent: Any, words: Any) -> GuardrailFunctionOutput:
        raise LookupError(words)

    with pytest.raises(LookupError):
        output_guardrail(broken).run(CONTEXT, AGENT, "words")


def test_those_of_the_agent_and_of_the_run_count_once() -> None:
    ours, theirs, both = (OutputGuardrail(look) for _ in range(3))
    agent: RealtimeAgent[Any] = RealtimeAgent("Desk", output_guardrails=[ours, both])
    guardrails = Guardrails(output=[both, theirs])
    found = guardrails.of_output(agent)
    assert [id(each) for each in found] == [id(ours), id(both), id(theirs)]
    assert guardrails.of_input(agent) == []


def test_those_of_the_run_look_at_what_is_said_to_every_agent() -> None:
    theirs = InputGuardrail(look)
    assert Guardrails(input=[theirs]).of_input(AGENT) == [theirs]


@pytest.mark.parametrize("kind", ["input", "output"])
def test_a_plain_function_is_none(kind: str) -> None:
    guardrails = Guardrails(**{kind: [look]})
    with pytest.raises(UserError, match=f"is no guardrail; decorate it with @{kind}_guardrail"):
        getattr(guardrails, f"of_{kind}")(AGENT)


def test_what_the_user_says_must_be_written_down_to_be_checked() -> None:
    guardrails = Guardrails(input=[InputGuardrail(look)])
    guardrails.check(AGENT, transcribes=True)
    with pytest.raises(UserError, match="of 'Front desk' look at what the user says"):
        guardrails.check(AGENT, transcribes=False)
    Guardrails(output=[OutputGuardrail(look)]).check(AGENT, transcribes=False)
    with pytest.raises(UserError, match="is no guardrail"):
        Guardrails(output=[look]).check(AGENT, transcribes=True)
