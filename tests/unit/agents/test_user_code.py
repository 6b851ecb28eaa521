"""Functions of programs: none is async, and a switch may be a function."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from realtime_sync import agents
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.agents.user_code import (
    enabled,
    name_of,
    require_blocking,
    require_function,
    require_switch,
)
from realtime_sync.errors import AgentError, ConfigError, UserError


async def coroutine() -> None: ...


async def stream() -> AsyncIterator[int]:
    yield 1


class Waits:
    async def __call__(self) -> None: ...

    async def method(self) -> None: ...


class Works:
    def __call__(self) -> None: ...


@pytest.mark.parametrize(
    "function",
    [coroutine, stream, Waits(), Waits().method, functools.partial(coroutine),
     functools.partial(functools.partial(Waits()))],
)  # fmt: skip
def test_async_code_is_refused(function: Any) -> None:
    with pytest.raises(UserError, match=r"the hook 'x' is async .* write def instead of") as caught:
        require_blocking(function, "the hook 'x'")
    assert isinstance(caught.value, AgentError)
    assert isinstance(caught.value, ConfigError)


@pytest.mark.parametrize("function", [None, True, len, Works, Works(), lambda: coroutine()])
def test_whatever_else_passes(function: Any) -> None:
    require_blocking(function, "it")


def test_what_is_to_be_a_function() -> None:
    for function in (len, Works, Works(), lambda: coroutine()):
        require_function(function, "it")
    for switch in (print, lambda context, agent: True):
        require_switch(switch, "it")
    require_switch(True, "it")
    require_switch(False, "it")
    for other in (None, 7, "yes"):
        with pytest.raises(UserError, match=f"it must be a function, not {other!r}"):
            require_function(other, "it")
        with pytest.raises(UserError, match=f"it must be True, False or a function, not {other!r}"):
            require_switch(other, "it")
    for require in (require_function, require_switch):
        with pytest.raises(UserError, match="it is async"):
            require(coroutine, "it")


def test_a_switch_is_a_value_or_a_function() -> None:
    context = RunContextWrapper("mine")
    assert enabled(True, context, "agent") is True
    assert enabled(False, context, "agent") is False
    assert enabled(lambda c, a: (c.context, a) == ("mine", "agent"), context, "agent") is True
    assert enabled(lambda *_: [], context, "agent") is False  # type: ignore[arg-type, return-value]


def test_names() -> None:
    assert name_of(coroutine) == "coroutine"
    assert name_of(Works()) == "Works"
    assert name_of(functools.partial(coroutine)) == "partial"


# -- what the program's functions take -------------------------------------------------------------

OTHER = agents.RealtimeAgent[Any](name="Other")


def nothing() -> Any:
    """Do nothing."""


def tool(**fields: Any) -> agents.FunctionTool:
    given = {"on_invoke_tool": lambda context, arguments: "", **fields}
    return agents.FunctionTool(name="a", description="b", params_json_schema={}, **given)


@pytest.mark.parametrize(
    ("give", "takes"),
    [
        (lambda: agents.RealtimeAgent[Any](name="a", instructions=nothing), "context, agent"),
        (lambda: agents.output_guardrail(nothing), "context, agent, words"),
        (lambda: agents.input_guardrail(nothing), "context, agent, words"),
        (lambda: agents.tool_input_guardrail(nothing), "data"),
        (lambda: agents.tool_output_guardrail(nothing), "data"),
        (lambda: tool(on_invoke_tool=nothing), "context, arguments"),
        (lambda: tool(is_enabled=nothing), "context, agent"),
        (lambda: tool(needs_approval=nothing), "context, arguments, call_id"),
        (lambda: tool(timeout_error_function=nothing), "context, error"),
        (lambda: agents.function_tool(failure_error_function=nothing)(nothing), "context, error"),
        (lambda: agents.realtime_handoff(OTHER, on_handoff=nothing), "context"),
        (lambda: agents.realtime_handoff(OTHER, is_enabled=nothing), "context, agent"),
    ],
)
def test_a_function_that_takes_something_else_is_refused_when_it_is_given(
    give: Callable[[], object], takes: str
) -> None:
    with pytest.raises(UserError, match=rf" is called with \({takes}\), and takes \(\): change"):
        give()


def test_a_function_that_does_not_say_what_it_takes_passes() -> None:
    require_function(dict, "it", ("context", "agent"))
    agents.realtime_handoff(OTHER, on_handoff=print)
