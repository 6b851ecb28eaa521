"""Tools from functions: what the model is told, and what comes of its calls."""

from __future__ import annotations

import dataclasses
import doctest
from enum import Enum
from typing import Annotated, Any, Literal

import pytest

from realtime_sync.agents import function_tools as module
from realtime_sync.agents.function_tools import (
    FunctionTool,
    ToolErrorFormatterArgs,
    default_tool_error_function,
    function_tool,
    text_by,
    tool,
    tool_namespace,
)
from realtime_sync.agents.run_context import RunContextWrapper, ToolContext
from realtime_sync.errors import ModelBehaviorError, UserError
from realtime_sync.tools import CallContext

FAILURE = "An error occurred while running the tool. Please try again."


def context(arguments: str = "{}", **fields: Any) -> ToolContext[str]:
    return ToolContext("mine", tool_name="t", tool_call_id="c1", tool_arguments=arguments, **fields)


def invoke(made: FunctionTool, arguments: str = "{}") -> Any:
    return made.on_invoke_tool(context(arguments), arguments)


def raising(**options: Any) -> FunctionTool:
    def broken(x: int = 0) -> str:
        raise ValueError("a secret")

    made: FunctionTool = function_tool(broken, **options)
    return made


# -- what the model is told ------------------------------------------------------------------------


def test_the_example_in_the_docstring() -> None:
    assert doctest.testmod(module).failed == 0


class Unit(Enum):
    CELSIUS = "celsius"


@dataclasses.dataclass
class Place:
    name: str
    unit: Unit = Unit.CELSIUS


def test_a_bare_function() -> None:
    @function_tool
    def weather(
        place: Place, day: Annotated[Literal["today", "tomorrow"], "when"] = "today"
    ) -> str:
        """Tell the weather.

        Args:
            place: where.
            day: which.
        """
        return f"{place.name} {place.unit.name} {day}"

    assert isinstance(weather, FunctionTool)
    assert not callable(weather)
    assert (weather.name, weather.description) == ("weather", "Tell the weather.")
    assert weather.strict_json_schema
    schema = weather.params_json_schema
    assert schema["required"] == ["place", "day"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["place"]["description"] == "where."
    assert schema["properties"]["day"]["description"] == "when"
    given = '{"place": {"name": "Rome", "unit": null}, "day": null}'
    assert invoke(weather, given) == "Rome CELSIUS today"


def test_options() -> None:
    def weather(city: str, day: str = "today") -> str:
        """Tell the weather.

        :param city: where.
        """
        return f"{city} {day}"

    made = function_tool(
        weather,
        name_override="look_up",
        description_override="Look.",
        docstring_style="google",
        strict_mode=False,
        timeout=2,
        timeout_behavior="raise_exception",
        needs_approval=True,
        is_enabled=False,
    )
    assert (made.name, made.description) == ("look_up", "Look.")
    assert made.params_json_schema == {
        "type": "object",
        "properties": {"city": {"type": "string"}, "day": {"type": "string"}},
        "required": ["city"],
    }
    assert not made.strict_json_schema
    assert (made.timeout_seconds, made.timeout_behavior) == (2, "raise_exception")
    assert (made.needs_approval, made.is_enabled) == (True, False)
    assert invoke(made, '{"city": "Rome", "more": 1}') == "Rome today"
    assert function_tool(use_docstring_info=False)(weather).description == ""
    assert tool is function_tool


# -- the context -----------------------------------------------------------------------------------


def test_a_parameter_for_the_context_is_the_programs_own() -> None:
    def plain(ctx: RunContextWrapper, x: int) -> Any:  # type: ignore[type-arg]
        return ctx

    def generic(ctx: RunContextWrapper[str], x: int) -> Any:
        return ctx

    def of_the_tool(ctx: ToolContext[str], x: int) -> Any:
        return ctx

    def last(x: int, ctx: ToolContext[Any]) -> Any:
        return ctx

    given = context()
    for function in (plain, generic, of_the_tool, last):
        made = function_tool(function)
        assert list(made.params_json_schema["properties"]) == ["x"]
        assert made.on_invoke_tool(given, '{"x": 1}') is given


def test_a_parameter_for_the_call() -> None:
    @function_tool
    def f(call: CallContext) -> Any:
        return call

    call = CallContext(name="f", call_id="c9", arguments="{}")
    assert f.on_invoke_tool(context(_call=call), "{}") is call
    by_hand = invoke(f)
    assert (by_hand.name, by_hand.call_id, by_hand.context) == ("t", "c1", "mine")


# -- failures --------------------------------------------------------------------------------------


def test_a_function_that_raises_tells_nothing_of_the_program(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert invoke(raising()) == FAILURE
    assert "tool 'broken' failed" in caplog.text


def test_a_wrong_call_is_told_with_the_reason() -> None:
    assert invoke(raising(), '{"x": "1"}') == '{"error": "x must be an integer, not a string"}'
    assert invoke(raising(), "{").startswith('{"error": "the arguments are not JSON')


def test_words_of_the_programs_own() -> None:
    told: list[tuple[Any, BaseException]] = []

    def tell(ctx: RunContextWrapper[Any], error: Exception) -> str:
        told.append((ctx.context, error))
        return f"no: {type(error).__name__}"

    assert invoke(raising(failure_error_function=tell)) == "no: ValueError"
    made = raising(failure_error_function=tell)
    assert invoke(made, "[]") == "no: ModelBehaviorError"
    assert told[1][0] == "mine"
    assert "wrong arguments: the arguments must be an object" in str(told[1][1])


def test_words_that_fail_themselves(caplog: pytest.LogCaptureFixture) -> None:
    def tell(ctx: RunContextWrapper[Any], error: Exception) -> str:
        raise ZeroDivisionError

    assert invoke(raising(failure_error_function=tell)) == FAILURE
    assert "ZeroDivisionError" in caplog.text
    assert text_by(lambda *_: 7, context(), ValueError()) == "7"  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("said", [None, ""])
def test_who_says_nothing_has_the_fixed_words(said: Any, caplog: pytest.LogCaptureFixture) -> None:
    def silent(ctx: RunContextWrapper[Any], error: Exception) -> str:
        return said  # type: ignore[no-any-return]  # that is the test

    assert invoke(raising(failure_error_function=silent)) == FAILURE
    assert "silent has returned no words for an error; return a text" in caplog.text


def test_without_words_it_is_raised() -> None:
    with pytest.raises(ValueError, match="a secret"):
        invoke(raising(failure_error_function=None))
    with pytest.raises(ModelBehaviorError, match="called broken with wrong arguments: x must"):
        invoke(raising(failure_error_function=None), '{"x": "1"}')


def test_the_default_words() -> None:
    assert default_tool_error_function(RunContextWrapper(None), ValueError("a secret")) == FAILURE


# -- mistakes --------------------------------------------------------------------------------------


async def waits(*_: Any) -> Any: ...


@pytest.mark.parametrize(
    "option",
    ["failure_error_function", "is_enabled", "needs_approval", "timeout_error_function"],
)
def test_async_functions_are_refused_at_once(option: str) -> None:
    with pytest.raises(UserError, match=f"^{option}.* is async"):
        raising(**{option: waits})


def test_an_async_tool_is_refused_at_once() -> None:
    with pytest.raises(UserError, match="waits is async"):
        function_tool(waits)
    with pytest.raises(UserError, match="on_invoke_tool of the tool 'x' is async"):
        FunctionTool("x", "", {}, waits)


@pytest.mark.parametrize("timeout", [0, -1, True, float("nan"), float("inf"), "2"])
def test_timeouts_that_are_none(timeout: Any) -> None:
    with pytest.raises(UserError, match="the timeout of the tool 'broken'"):
        raising(timeout=timeout)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"is_enabled": 1}, "is_enabled of the tool 'broken' must be True, False or a function"),
        ({"needs_approval": "no"}, "needs_approval of the tool 'broken' must be True, False or a"),
        ({"failure_error_function": "sorry"}, "failure_error_function must be a function, not"),
        ({"timeout_error_function": 7}, "timeout_error_function of the tool 'broken' must be a"),
        ({"tool_input_guardrails": [len]}, "takes a list of ToolInputGuardrails, not <built"),
        ({"tool_input_guardrails": 7}, "takes a list of ToolInputGuardrails, not 7"),
        ({"tool_output_guardrails": ["x"]}, "takes a list of ToolOutputGuardrails, not 'x'"),
    ],
)
def test_options_of_another_type(options: Any, words: str) -> None:
    with pytest.raises(UserError, match=words):
        raising(**options)


def test_other_mistakes() -> None:
    with pytest.raises(UserError, match="'ignore'; it may be one of error_as_result, raise"):
        raising(timeout_behavior="ignore")
    with pytest.raises(UserError, match=r"'x' of <lambda>|no name for a tool"):
        function_tool(lambda x: x)
    with pytest.raises(TypeError, match="unheard_of"):
        raising(unheard_of=1)


# -- others ----------------------------------------------------------------------------------------


def test_a_namespace() -> None:
    made = raising()
    [copy] = tool_namespace(name=" crm ", description="Customers.", tools=[made])
    assert (copy.namespace, made.namespace) == ("crm", None)
    assert copy.on_invoke_tool is made.on_invoke_tool
    for wrong in ({"name": " "}, {"description": None}, {"tools": [waits]}):
        given: Any = {"name": "crm", "description": "Customers.", "tools": [made], **wrong}
        with pytest.raises(UserError, match=r"^tool_namespace\(\)"):
            tool_namespace(**given)


def test_the_fields_in_their_order() -> None:
    made = FunctionTool("x", "d", {}, lambda c, t: t, False, True, [], [], True, 3.0)
    assert (made.needs_approval, made.timeout_seconds) == (True, 3.0)
    assert dataclasses.replace(made, name="y").name == "y"


def test_what_a_formatter_is_given() -> None:
    given = ToolErrorFormatterArgs(
        "approval_rejected", "function", "x", "c1", "no", RunContextWrapper(None)
    )
    assert given.error is None
