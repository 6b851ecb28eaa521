"""Checks of what an agent says, and of what the user says to it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar, overload

from .._shown import shown
from ..errors import UserError
from .agent import RealtimeAgent
from .given import require, require_flag, require_text
from .run_context import RunContextWrapper, TContext
from .user_code import name_of, own_name, require_function

__all__ = [
    "GuardrailFunctionOutput",
    "Guardrails",
    "InputGuardrail",
    "InputGuardrailResult",
    "OutputGuardrail",
    "OutputGuardrailResult",
    "input_guardrail",
    "output_guardrail",
]


@dataclass
class GuardrailFunctionOutput:
    """What a guardrail has found.

    Attributes:
        output_info: whatever the program wants to know of it.
        tripwire_triggered: whether what was said is not to be.
    """

    output_info: Any
    tripwire_triggered: bool


GuardrailFunction = Callable[
    [RunContextWrapper[TContext], RealtimeAgent[Any], Any], GuardrailFunctionOutput
]


@dataclass
class InputGuardrail(Generic[TContext]):
    """Checks what the user says; see `input_guardrail`.

    Attributes:
        guardrail_function: is given the context, the agent and the words.
        name: of the function, unless one is given.
        run_in_parallel: let the answer begin meanwhile, and hold its sound until the words have
            passed. Otherwise the answer is asked for only then.

    Raises:
        UserError: it is no function, or async.
    """

    guardrail_function: GuardrailFunction[TContext]
    name: str | None = None
    run_in_parallel: bool = True

    def __post_init__(self) -> None:
        _check_guardrail(self.guardrail_function, self.name)
        require_flag(self.run_in_parallel, "run_in_parallel of a guardrail")

    def get_name(self) -> str:
        """Return what it is called."""
        return self.name or name_of(self.guardrail_function)

    def run(
        self, agent: RealtimeAgent[Any], input: Any, context: RunContextWrapper[TContext]
    ) -> InputGuardrailResult:
        """Check what the user has said; return what was found.

        Raises:
            UserError: the function returns no `GuardrailFunctionOutput`.
        """
        output = self.guardrail_function(context, agent, input)
        return InputGuardrailResult(self, _checked(output, self.get_name()))


@dataclass
class OutputGuardrail(Generic[TContext]):
    """Checks what an agent says; see `output_guardrail`.

    Attributes:
        guardrail_function: is given the context, the agent and the words so far.
        name: of the function, unless one is given.

    Raises:
        UserError: it is no function, or async.
    """

    guardrail_function: GuardrailFunction[TContext]
    name: str | None = None

    def __post_init__(self) -> None:
        _check_guardrail(self.guardrail_function, self.name)

    def get_name(self) -> str:
        """Return what it is called."""
        return self.name or name_of(self.guardrail_function)

    def run(
        self, context: RunContextWrapper[TContext], agent: RealtimeAgent[Any], agent_output: Any
    ) -> OutputGuardrailResult:
        """Check what an agent has said; return what was found.

        Raises:
            UserError: the function returns no `GuardrailFunctionOutput`.
        """
        output = self.guardrail_function(context, agent, agent_output)
        return OutputGuardrailResult(self, agent_output, agent, _checked(output, self.get_name()))


@dataclass
class InputGuardrailResult:
    """What a guardrail has found in what the user said."""

    guardrail: InputGuardrail[Any]
    output: GuardrailFunctionOutput


@dataclass
class OutputGuardrailResult:
    """What a guardrail has found in what an agent said.

    Attributes:
        guardrail: has looked.
        agent_output: the words.
        agent: has said them.
        output: what was found.
    """

    guardrail: OutputGuardrail[Any]
    agent_output: Any
    agent: RealtimeAgent[Any]
    output: GuardrailFunctionOutput


@overload
def input_guardrail(func: GuardrailFunction[TContext], /) -> InputGuardrail[TContext]: ...


@overload
def input_guardrail(
    *, name: str | None = None, run_in_parallel: bool = True
) -> Callable[[GuardrailFunction[TContext]], InputGuardrail[TContext]]: ...


def input_guardrail(
    func: GuardrailFunction[Any] | None = None,
    /,
    *,
    name: str | None = None,
    run_in_parallel: bool = True,
) -> InputGuardrail[Any] | Callable[[GuardrailFunction[Any]], InputGuardrail[Any]]:
    """Make a guardrail of a function that checks what the user says.

    Use it with or without parentheses. The session must have a transcription of the user's speech.

    Args:
        func: is given the context, the agent and the words of the user's turn.
        name: the function's own by default.
        run_in_parallel: let the answer begin meanwhile, and hold its sound until the words have
            passed. Otherwise the answer is asked for only then.

    Raises:
        UserError: the function is async, and nobody would await it.

    Example:
        >>> @input_guardrail(run_in_parallel=False)
        ... def no_homework(context, agent, words):
        ...     return GuardrailFunctionOutput(None, "homework" in words)
        >>> no_homework.get_name(), no_homework.run_in_parallel
        ('no_homework', False)
    """

    def decorate(function: GuardrailFunction[Any]) -> InputGuardrail[Any]:
        return InputGuardrail(function, own_name(name, function), run_in_parallel)

    return decorate if func is None else decorate(func)


@overload
def output_guardrail(func: GuardrailFunction[TContext], /) -> OutputGuardrail[TContext]: ...


@overload
def output_guardrail(
    *, name: str | None = None
) -> Callable[[GuardrailFunction[TContext]], OutputGuardrail[TContext]]: ...


def output_guardrail(
    func: GuardrailFunction[Any] | None = None, /, *, name: str | None = None
) -> OutputGuardrail[Any] | Callable[[GuardrailFunction[Any]], OutputGuardrail[Any]]:
    """Make a guardrail of a function that checks what an agent says.

    Use it with or without parentheses.

    Args:
        func: is given the context, the agent, and the words of an answer so far, from their
            beginning. It is called several times for one answer.
        name: the function's own by default.

    Raises:
        UserError: the function is async, and nobody would await it.

    Example:
        >>> @output_guardrail
        ... def no_prices(context, agent, words):
        ...     return GuardrailFunctionOutput(output_info=None, tripwire_triggered="$" in words)
        >>> no_prices.run(None, None, "It costs $5").output.tripwire_triggered
        True
    """

    def decorate(function: GuardrailFunction[Any]) -> OutputGuardrail[Any]:
        return OutputGuardrail(function, own_name(name, function))

    return decorate if func is None else decorate(func)


def _check_guardrail(function: object, name: object) -> None:
    if name is not None:
        require_text(name, "the name of a guardrail")
    what = f"the guardrail {shown(name or name_of(function))}"
    require_function(function, what, ("context", "agent", "words"))


_G = TypeVar("_G")


class Guardrails:
    """The guardrails that count for an agent: its own, and those of the run; each once.

    Args:
        input: of the run, for what the user says.
        output: of the run, for what an agent says.
    """

    def __init__(self, *, input: Iterable[object] = (), output: Iterable[object] = ()) -> None:
        self._input = input
        self._output = output

    def of_input(self, agent: RealtimeAgent[Any]) -> list[InputGuardrail[Any]]:
        """Return those that look at what the user says to an agent.

        Raises:
            UserError: one is no input guardrail.
        """
        return _each_once(InputGuardrail, "input_guardrail", agent.input_guardrails, self._input)

    def of_output(self, agent: RealtimeAgent[Any]) -> list[OutputGuardrail[Any]]:
        """Return those that look at what an agent says.

        Raises:
            UserError: one is no output guardrail.
        """
        return _each_once(
            OutputGuardrail, "output_guardrail", agent.output_guardrails, self._output
        )

    def check(self, agent: RealtimeAgent[Any], *, transcribes: bool) -> None:
        """Check that the guardrails of an agent can do their work.

        Args:
            agent: it.
            transcribes: whether what the user says is written down.

        Raises:
            UserError: one is no guardrail, or nobody would know what the user has said.
        """
        self.of_output(agent)
        if self.of_input(agent) and not transcribes:
            raise UserError(
                f"the input guardrails of {agent.name!r} look at what the user says, and the "
                "session does not write it down; set audio.input.transcription"
            )


def _each_once(kind: type[_G], decorator: str, *given: Iterable[object]) -> list[_G]:
    found: dict[int, _G] = {}
    for listed in given:
        require(isinstance(listed, Iterable), f"{kind.__name__}s come in a list", listed)
    for each in chain(*given):
        if not isinstance(each, kind):
            raise UserError(f"{shown(each)} is no guardrail; decorate it with @{decorator}")
        found[id(each)] = each
    return list(found.values())


def _checked(output: object, name: str) -> GuardrailFunctionOutput:
    if isinstance(output, GuardrailFunctionOutput):
        return output
    if inspect.iscoroutine(output):
        output.close()  # or Python warns that nobody has awaited it
    raise UserError(
        f"the guardrail {name} must return a GuardrailFunctionOutput, and it returned "
        f"{type(output).__name__}"
    )
