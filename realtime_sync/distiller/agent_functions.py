"""Which of the program's functions answers for an agent, and how it is called; no threads.

Source: the executors of the published ``airefinery-sdk``, 1.33. Unlike there, every result but
text goes out as JSON.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, get_type_hints

from attrs import frozen

from .._required import is_async
from .._shown import shown
from .._types import JsonDict
from ..errors import ConfigError
from ..events.wire_values import as_number, as_object, as_text
from ..tools.outputs import output_text

__all__ = ["AgentResult", "ClientAgent", "ExecutorDict", "NoFunction", "client_agents"]

ExecutorDict = Mapping[str, Any]
"""Agents' names, each with its function, or with several functions by their names.

(A dict of both is no ``Mapping[str, Callable | Mapping]`` to type checkers; it is checked anyway.)
"""

_WAIT_S = 600.0
# The argument whose changes go back to the server.
_ENVIRONMENT = "env_variable"
_FUNCTION = "__executor__"


class NoFunction(Exception):  # noqa: N818 -- an outcome: the server is told
    """The program has no function for what the server asks; the text says which ones it has."""


@frozen
class AgentResult:
    """What a function has come to.

    Attributes:
        content: text; from an agent that searches, any JSON value.
        environment: what it has written into ``env_variable``, None for nothing.
    """

    content: Any
    environment: JsonDict | None = None


@frozen(kw_only=True)
class ClientAgent:
    """An agent, or some of its tools, that runs in this program.

    Attributes:
        name: as in the project's YAML; the server's messages have it as ``role``.
        functions: one for all, or several, of which the server names one.
        wait_s: how long a call may take.
        reads_numbers: whether text becomes the number that a parameter is annotated with.
        keeps_values: whether the server takes a result as JSON instead of text.
    """

    name: str
    functions: Callable[..., Any] | Mapping[str, Callable[..., Any]]
    wait_s: float = _WAIT_S
    reads_numbers: bool = False
    keeps_values: bool = False

    def call(self, arguments: JsonDict) -> AgentResult:
        """Call the function that ``arguments``, which are changed, are for.

        Raises:
            NoFunction: there is none.
            BaseException: whatever the function raises.
        """
        function = self._function(arguments.pop(_FUNCTION, None))
        if self.reads_numbers:
            _read_numbers(function, arguments)
        environment = arguments.get(_ENVIRONMENT)
        before = _texts_of(environment)
        result = function(**_accepted(function, arguments))
        content = _json_value(result) if self.keeps_values else _text(result)
        return AgentResult(content, _changes(before, environment))

    def _function(self, name: object) -> Callable[..., Any]:
        if callable(self.functions):
            return self.functions
        if isinstance(name, str) and name in self.functions:
            return self.functions[name]
        known = ", ".join(self.functions) or "none"
        raise NoFunction(f"{self.name!r} has no function {name!r} here; known are: {known}")


def client_agents(config: Mapping[str, Any], executor_dict: ExecutorDict) -> dict[str, ClientAgent]:
    """Return the agents that run in this program, by name.

    Args:
        config: of the project, decoded.
        executor_dict: the program's functions.

    Raises:
        ConfigError: it holds something else than functions; one is async; or one is missing that
            the project declares as a custom tool.
    """
    _check(executor_dict)
    agents = {
        name: ClientAgent(name=name, functions=functions)
        for name, functions in executor_dict.items()
    }
    listed = config.get("utility_agents")
    for each in listed if isinstance(listed, list) else []:
        utility = as_object(each)
        name, settings = as_text(utility.get("agent_name")), as_object(utility.get("config"))
        kind = utility.get("agent_class")
        functions: Any = executor_dict.get(name or "")
        if kind == "ToolUseAgent" and not isinstance(functions, Mapping):
            # So programs have it that are older than an agent's own dict of tools.
            functions = {key: value for key, value in executor_dict.items() if callable(value)}
        if name is None or functions is None:
            continue
        if kind == "ToolUseAgent":
            _check_custom_tools(name, settings, functions)
        wait_s = as_number(settings.get("wait_time"))
        agents[name] = ClientAgent(
            name=name,
            functions=functions,
            wait_s=_WAIT_S if wait_s is None or wait_s <= 0 else wait_s,
            reads_numbers=kind == "ToolUseAgent",
            keeps_values=kind == "ResearchAgent",
        )
    return agents


# -- what the program gives ------------------------------------------------------------------------


def _check(executor_dict: object) -> None:
    if not isinstance(executor_dict, Mapping):
        raise ConfigError(
            f"executor_dict is {shown(executor_dict)}; pass a dict of agents' names, each with its "
            "function or a dict of functions"
        )
    for name, functions in executor_dict.items():
        _check_name(name)
        several = functions if isinstance(functions, Mapping) else {name: functions}
        for key, function in several.items():
            _check_function(name, key, function)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise ConfigError(f"executor_dict has the key {name!r}; keys are the names of agents")


def _check_function(name: str, key: object, function: object) -> None:
    which = repr(name) if name == key else f"{key!r} of {name!r}"
    if not callable(function):
        raise ConfigError(f"executor_dict: {which} is {shown(function)}; give a function")
    if is_async(function):
        raise ConfigError(
            f"executor_dict: {which} is async and nobody would await it; give a plain function, "
            "which may take its time: each call has a thread of its own"
        )


def _check_custom_tools(name: str, settings: JsonDict, functions: Mapping[str, Any]) -> None:
    declared = settings.get("custom_tools")
    for each in declared if isinstance(declared, list) else []:
        tool = _tool_name(each)
        if tool is None:
            raise ConfigError(
                f"{name!r}: an entry of custom_tools names no function: {shown(each, 120)}; it "
                'is JSON such as {"type": "function", "function": {"name": "add", …}}'
            )
        if tool not in functions:
            known = ", ".join(map(str, functions)) or "none"
            raise ConfigError(
                f"{name!r} has the custom tool {tool!r}, and executor_dict has no function for it; "
                f"known are: {known}"
            )


def _tool_name(declared: object) -> str | None:
    if isinstance(declared, str):
        with suppress(ValueError):
            declared = json.loads(declared)
    return as_text(as_object(as_object(declared).get("function")).get("name"))


# -- a call ----------------------------------------------------------------------------------------


def _accepted(function: Callable[..., Any], arguments: JsonDict) -> JsonDict:
    """Return those arguments that the function has a parameter for."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # some that are made in C have no signature
        return arguments
    kinds = {parameter.kind for parameter in parameters}
    if inspect.Parameter.VAR_KEYWORD in kinds:
        return arguments
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)
    names = {parameter.name for parameter in parameters if parameter.kind not in positional}
    return {name: value for name, value in arguments.items() if name in names}


def _read_numbers(function: Callable[..., Any], arguments: JsonDict) -> None:
    """Make numbers of texts where the function is annotated so; models write "3" for 3."""
    hints: dict[str, Any] = {}
    with suppress(Exception):  # annotations may name anything
        hints = get_type_hints(function)
    for name, value in arguments.items():
        if isinstance(value, str) and hints.get(name) in (int, float):
            with suppress(ValueError):  # the function may take the text as well
                arguments[name] = hints[name](value)


def _texts_of(values: object) -> dict[str, str]:
    """Return each value of an object as text, to compare with after a call."""
    return {str(name): _text(value) for name, value in as_object(values).items()}


def _changes(before: Mapping[str, str], values: object) -> JsonDict | None:
    """Return what a function has written, deep inside a value as well; None for nothing."""
    after = _texts_of(values)
    changed = {
        name: value
        for name, value in as_object(values).items()
        if before.get(str(name)) != after[str(name)]
    }
    return as_object(_json_value(changed)) or None


def _text(result: object) -> str:
    return output_text(result, max_chars=None)


def _json_value(result: object) -> Any:
    """Return what JSON has for a result: itself, or its text."""
    text = _text(result)
    if not isinstance(result, str):
        with suppress(ValueError):  # bytes, which are taken for text
            return json.loads(text)
    return text
