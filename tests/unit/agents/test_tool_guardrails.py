"""Checks of tools: how they are made, what they may say, and what they raise."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.agents.run_context import ToolContext
from realtime_sync.agents.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrail,
    ToolInputGuardrailData,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrail,
    ToolOutputGuardrailData,
    ToolOutputGuardrailTripwireTriggered,
    tool_input_guardrail,
    tool_output_guardrail,
)
from realtime_sync.errors import GuardrailTripped, UserError

DATA = ToolInputGuardrailData(ToolContext(None, tool_name="add", tool_arguments="{}"), "agent")
Output = ToolGuardrailFunctionOutput


def test_what_a_check_says() -> None:
    assert Output.allow() == Output(None) == Output(None, {"type": "allow"})
    assert Output.allow({"n": 1}).output_info == {"n": 1}
    rejected = Output.reject_content("No.", 7)
    assert rejected.behavior == {"type": "reject_content", "message": "No."}
    assert rejected.output_info == 7
    assert Output.raise_exception(8) == Output(8, {"type": "raise_exception"})


def test_a_decorator_bare_and_with_a_name() -> None:
    @tool_input_guardrail
    def check(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        return Output.allow(data.context.tool_name)

    @tool_input_guardrail(name="first of all")
    def named(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        return Output.allow()

    assert isinstance(check, ToolInputGuardrail)
    assert (check.get_name(), named.get_name()) == ("check", "first of all")
    assert check.run(DATA).output_info == "add"
    assert ToolInputGuardrail(lambda _: Output.allow()).get_name() == "<lambda>"


def test_a_check_of_outputs() -> None:
    @tool_output_guardrail(name="out")
    def check(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        return Output.allow(data.output)

    @tool_output_guardrail
    def bare(data: ToolOutputGuardrailData) -> ToolGuardrailFunctionOutput:
        return Output.allow()

    assert isinstance(check, ToolOutputGuardrail)
    assert (check.get_name(), bare.get_name()) == ("out", "bare")
    assert check.run(ToolOutputGuardrailData(DATA.context, "agent", 42)).output_info == 42


@pytest.mark.parametrize("decorator", [tool_input_guardrail, tool_output_guardrail])
def test_an_async_check_is_refused_at_once(decorator: Any) -> None:
    async def check(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        return Output.allow()

    for decorate in (decorator, decorator(name="x")):
        with pytest.raises(UserError, match=r"the tool guardrail '(check|x)' is async"):
            decorate(check)


def test_a_check_that_says_something_else() -> None:
    check: Any = ToolInputGuardrail(lambda _: True, "odd")  # type: ignore[arg-type, return-value]
    with pytest.raises(UserError, match=r"'odd' must return a .*allow.*, and returned bool"):
        check.run(DATA)


def test_what_can_not_be_called_is_refused_at_once() -> None:
    wrong: Any = "check"
    with pytest.raises(UserError, match="the tool guardrail 'x' must be a function, not 'check'"):
        ToolInputGuardrail(wrong, "x")


@pytest.mark.parametrize(
    "cls", [ToolInputGuardrailTripwireTriggered, ToolOutputGuardrailTripwireTriggered]
)
def test_the_exceptions(cls: Any) -> None:
    check = ToolInputGuardrail(lambda _: Output.raise_exception(), "strict")
    output = Output.raise_exception()
    error = cls(check, output)
    assert isinstance(error, GuardrailTripped)
    assert (error.guardrail, error.output) == (check, output) == error.args
    assert str(error) == "the tool guardrail 'strict' has ended the session"
