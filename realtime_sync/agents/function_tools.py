"""A function that an agent's model may call, with what is to happen around the call."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, cast, overload

from .._deadline import LONGEST_S
from .._required import is_absent, is_number
from .._shown import shown
from .._typing import TypedDict, Unpack
from ..errors import ConfigError, ModelBehaviorError, UserError
from ..tools.arguments import read_arguments
from ..tools.call_context import CallContext
from ..tools.kinds import ArgumentError
from ..tools.outputs import error_text, output_text
from ..tools.schema import DocstringStyle, describe
from ..tools.schema import Tool as DescribedTool
from .given import require, require_flag, require_object, require_text, require_texts
from .run_context import RunContextWrapper, TContext, ToolContext
from .tool_guardrails import ToolInputGuardrail, ToolOutputGuardrail
from .user_code import Switch, name_of, require_function, require_switch

__all__ = [
    "FAILURE_TEXT",
    "OF_FAILURES",
    "FunctionTool",
    "FunctionToolOptions",
    "Invocation",
    "NeedsApproval",
    "TimeoutBehavior",
    "Tool",
    "ToolErrorFormatterArgs",
    "ToolErrorFunction",
    "check_tool_guardrails",
    "default_tool_error_function",
    "function_tool",
    "text_by",
    "tool",
    "tool_namespace",
]

log = logging.getLogger(__name__)

OF_FAILURES = ("context", "error")  # what a `ToolErrorFunction` is called with
ToolErrorFunction = Callable[[RunContextWrapper[Any], Exception], str]
"""Gets the context and what went wrong; returns what the model is told."""

NeedsApproval = bool | Callable[[RunContextWrapper[Any], dict[str, Any], str], bool]
"""Whether a call is to be approved: yes, no, or a function of context, arguments and call id."""

FAILURE_TEXT = "An error occurred while running the tool. Please try again."

TimeoutBehavior = Literal["error_as_result", "raise_exception"]
_TIMEOUT_BEHAVIORS = ("error_as_result", "raise_exception")
_CONTEXTS = (CallContext, RunContextWrapper)


@dataclass
class FunctionTool:
    """A tool of an agent; `function_tool` makes one of a function. It can't be called itself.

    Attributes:
        name: what the model calls it.
        description: what the model is told of it.
        params_json_schema: its arguments, as a JSON schema.
        on_invoke_tool: gets the context of the call and the JSON text that the model wrote;
            returns the output: a text, or what becomes JSON. What it raises ends the session.
        strict_json_schema: whether the schema is in its strict form.
        is_enabled: whether the model is told of it, and may call it.
        tool_input_guardrails: check each call before it runs.
        tool_output_guardrails: check each output before the model gets it.
        needs_approval: whether a call waits until the program approves it.
        timeout_seconds: how long one call may run; None for ever.
        timeout_behavior: what a call that takes longer does: ``"error_as_result"`` tells the
            model, ``"raise_exception"`` ends the session with a `ToolTimeoutError`.
        timeout_error_function: what the model is told of it.
        defer_loading: for the Responses API; an agent here refuses it, and the next three.
        allowed_callers: for the Responses API.
        output_json_schema: for the Responses API.
        namespace: for the Responses API; set by `tool_namespace`.

    Raises:
        UserError: a field has a value that can't work.
    """

    name: str
    description: str
    params_json_schema: dict[str, Any]
    on_invoke_tool: Callable[[ToolContext[Any], str], Any]
    strict_json_schema: bool = True
    is_enabled: Switch = True
    tool_input_guardrails: list[ToolInputGuardrail[Any]] | None = None
    tool_output_guardrails: list[ToolOutputGuardrail[Any]] | None = None
    needs_approval: NeedsApproval = False
    timeout_seconds: float | None = None
    timeout_behavior: TimeoutBehavior = "error_as_result"
    timeout_error_function: ToolErrorFunction | None = None
    defer_loading: bool = False
    allowed_callers: list[str] | None = field(default=None, kw_only=True)
    output_json_schema: dict[str, Any] | None = field(default=None, kw_only=True)
    namespace: str | None = field(default=None, repr=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check what a mistake would make fail much later."""
        of_tool = f"of the tool {shown(self.name)}"
        require(_is_words(self.name), "the name of a tool must be a text", self.name)
        require_text(self.description, f"the description {of_tool}")
        require_object(self.params_json_schema, f"params_json_schema {of_tool}")
        takes: tuple[str, ...] = ("context", "arguments")
        require_function(self.on_invoke_tool, f"on_invoke_tool {of_tool}", takes)
        require_switch(self.is_enabled, f"is_enabled {of_tool}")
        takes = ("context", "arguments", "call_id")
        require_switch(self.needs_approval, f"needs_approval {of_tool}", takes)
        if self.timeout_error_function is not None:
            what = f"timeout_error_function {of_tool}"
            require_function(self.timeout_error_function, what, OF_FAILURES)
        whose = f"the tool {shown(self.name)}"
        check_tool_guardrails(self.tool_input_guardrails, self.tool_output_guardrails, whose)
        for name in ("strict_json_schema", "defer_loading"):
            require_flag(getattr(self, name), f"{name} {of_tool}")
        if self.allowed_callers is not None:
            require_texts(self.allowed_callers, f"allowed_callers {of_tool}")
        if self.output_json_schema is not None:
            require_object(self.output_json_schema, f"output_json_schema {of_tool}")
        if self.namespace is not None:
            require_text(self.namespace, f"the namespace {of_tool}")
        seconds = self.timeout_seconds
        if seconds is not None and not _is_duration(seconds):
            raise UserError(
                f"the timeout of the tool {shown(self.name)} is {shown(seconds)}; give seconds "
                "above 0, or None for ever"
            )
        behavior = self.timeout_behavior
        if not isinstance(behavior, str) or behavior not in _TIMEOUT_BEHAVIORS:
            raise UserError(
                f"timeout_behavior of the tool {shown(self.name)} is "
                f"{shown(behavior)}; it may be one of {', '.join(_TIMEOUT_BEHAVIORS)}"
            )


def check_tool_guardrails(input: object, output: object, whose: str) -> None:
    """Refuse lists of guardrails that have something else in them.

    Args:
        input: for calls; None for no list.
        output: for outputs; None for no list.
        whose: names the tool, or the server of tools, in messages.

    Raises:
        UserError: one has.
    """
    for kind, given in ((ToolInputGuardrail, input), (ToolOutputGuardrail, output)):
        if given is None:
            continue
        rule = f"{whose} takes a list of {kind.__name__}s"
        require(isinstance(given, list), rule, given)
        for each in cast("list[object]", given):
            require(isinstance(each, kind), rule, each)


Tool = FunctionTool | dict[str, Any]
"""What an agent takes as its tools: a dictionary is an MCP server that the provider calls."""


@dataclass
class ToolErrorFormatterArgs(Generic[TContext]):
    """What a ``tool_error_formatter`` is given; it returns a text, or None for the default.

    Attributes:
        kind: why the model is told something: ``"approval_rejected"``.
        tool_type: ``"function"``.
        tool_name: of the tool.
        call_id: of the call.
        default_message: what the model is told otherwise.
        run_context: of the session.
        error: what was raised, if anything was.
    """

    kind: Literal["approval_rejected", "tool_not_found", "tool_exception"]
    tool_type: Literal["function"]
    tool_name: str
    call_id: str
    default_message: str
    run_context: RunContextWrapper[TContext]
    error: Exception | None = None


def default_tool_error_function(ctx: RunContextWrapper[Any], error: Exception) -> str:
    """Return what the model is told of a tool that failed: nothing of the exception."""
    return FAILURE_TEXT


class Invocation:
    """What `function_tool` makes of a function: takes the model's text, returns the output.

    Args:
        described: the function.
        on_failure: what the model is told when it fails; None ends the session.
    """

    def __init__(self, described: DescribedTool, on_failure: ToolErrorFunction | None) -> None:
        self._described = described
        self._on_failure = on_failure

    def __call__(self, context: ToolContext[Any], text: str) -> Any:
        """Return what the function returns, or what the model is told of a failure."""
        try:
            return self.call(context, self.read(text))
        except Exception as exc:
            return self.failure_text(context, exc)

    def read(self, text: object) -> dict[str, Any]:
        """Return the arguments for the function, checked and converted.

        Raises:
            ArgumentError: the function does not take them.
        """
        assert self._described.arguments is not None
        arguments: dict[str, Any] = self._described.arguments.build(read_arguments(text), "")
        return arguments

    def call(self, context: ToolContext[Any], arguments: dict[str, Any]) -> Any:
        """Return what the function returns."""
        described = self._described
        if described.context_name is None:
            return described.function(**arguments)
        given: object = context
        if issubclass(described.context_type, CallContext):
            given = context.call
        return described.function(**arguments, **{described.context_name: given})

    def failure_text(self, context: ToolContext[Any], error: BaseException) -> str:
        """Return what the model is told of an error.

        Raises:
            ModelBehaviorError: the arguments were wrong, and the model is not to be told.
            BaseException: ``error`` itself, when the model is not to be told.
        """
        name = self._described.name
        wrong = isinstance(error, ArgumentError)
        if wrong and self._on_failure is default_tool_error_function:
            return error_text(str(error))  # nothing of the program's, and the model can mend it
        if wrong:
            error = ModelBehaviorError(f"the model has called {name} with wrong arguments: {error}")
        if self._on_failure is None:
            raise error
        if not wrong:
            log.warning("tool %r failed", name, exc_info=error)
        return text_by(self._on_failure, context, cast("Exception", error))


def text_by(tell: ToolErrorFunction, context: RunContextWrapper[Any], error: Exception) -> str:
    """Return what a program's function says of an error.

    Where it fails itself, or says nothing, that is the fixed text.
    """
    try:
        said: object = tell(context, error)
    except Exception:
        log.exception("a function for the words of an error failed")
        return default_tool_error_function(context, error)
    if is_absent(said):
        log.error("%s has returned no words for an error; return a text", name_of(tell))
        return default_tool_error_function(context, error)
    return output_text(said)


# -- from a function -------------------------------------------------------------------------------


class FunctionToolOptions(TypedDict, total=False):
    """What `function_tool` takes beside the function."""

    name_override: str | None
    description_override: str | None
    docstring_style: DocstringStyle | None
    use_docstring_info: bool
    failure_error_function: ToolErrorFunction | None
    strict_mode: bool
    is_enabled: Switch
    needs_approval: NeedsApproval
    tool_input_guardrails: list[ToolInputGuardrail[Any]] | None
    tool_output_guardrails: list[ToolOutputGuardrail[Any]] | None
    timeout: float | None
    timeout_behavior: TimeoutBehavior
    timeout_error_function: ToolErrorFunction | None
    defer_loading: bool
    allowed_callers: list[str] | None
    output_json_schema: dict[str, Any] | None


@overload
def function_tool(
    func: Callable[..., Any], /, **options: Unpack[FunctionToolOptions]
) -> FunctionTool: ...
@overload
def function_tool(
    **options: Unpack[FunctionToolOptions],
) -> Callable[[Callable[..., Any]], FunctionTool]: ...
def function_tool(
    func: Callable[..., Any] | None = None,
    /,
    *,
    name_override: str | None = None,
    description_override: str | None = None,
    docstring_style: DocstringStyle | None = None,
    use_docstring_info: bool = True,
    failure_error_function: ToolErrorFunction | None = default_tool_error_function,
    strict_mode: bool = True,
    timeout: float | None = None,
    **fields: Any,
) -> FunctionTool | Callable[[Callable[..., Any]], FunctionTool]:
    """Make a tool of a function, bare or with options.

    Its name, description and parameters are those of the function; see
    `realtime_sync.tools.function_schema`. A parameter of the type `RunContextWrapper`,
    `ToolContext` or `CallContext` is the program's own: the model knows nothing of it. The
    function runs on a thread of the session's, so that it may block.

    Args:
        func: annotated; no ``async def``.
        name_override: what the model calls it, in place of the function's name.
        description_override: in place of that in the docstring.
        docstring_style: the only one that is looked for; each section's own by default.
        use_docstring_info: whether the docstring describes the tool and its parameters.
        failure_error_function: gets the context and the exception, and returns what the model is
            told; by default a fixed text, or what is wrong with the model's arguments. One that
            returns None or ``""`` stands for the fixed text. With None in its place
            an exception ends the session and is raised to whoever iterates over it.
        strict_mode: False leaves parameters with a default out of the required ones.
        timeout: seconds for one call, from where the function begins; None for ever.
        **fields: ``is_enabled``, ``needs_approval``, ``tool_input_guardrails``,
            ``tool_output_guardrails``, ``timeout_behavior``, ``timeout_error_function`` and
            others of `FunctionTool`.

    Raises:
        UserError: the function is async, or can't be described; or an option can't work.

    Example:
        >>> @function_tool
        ... def add(context: RunContextWrapper[None], a: int, b: int = 0) -> int:
        ...     '''Add two numbers.'''
        ...     return a + b
        >>> add.name, add.description, list(add.params_json_schema["properties"])
        ('add', 'Add two numbers.', ['a', 'b'])
    """

    def make(function: Callable[..., Any]) -> FunctionTool:
        if failure_error_function is not None:
            require_function(failure_error_function, "failure_error_function", OF_FAILURES)
        described = _described(
            function,
            name=name_override,
            description=description_override,
            use_docstring=use_docstring_info,
            docstring_style=docstring_style,
            strict=strict_mode,
        )
        return FunctionTool(
            name=described.name,
            description=described.description,
            params_json_schema=described.declaration()["parameters"],
            on_invoke_tool=Invocation(described, failure_error_function),
            strict_json_schema=strict_mode,
            timeout_seconds=timeout,
            **fields,
        )

    return make if func is None else make(func)


tool = function_tool


def tool_namespace(
    *, name: str, description: str | None, tools: list[FunctionTool]
) -> list[FunctionTool]:
    """Return copies of tools in a namespace, which is for the Responses API alone.

    An agent here refuses them with a `UserError`: the realtime API has no namespaces.

    Raises:
        UserError: there is no name, no description, or something is no `FunctionTool`.
    """
    for what, text in {"name": name, "description": description}.items():
        require(_is_words(text), f"tool_namespace() needs a {what}", text)
    require(isinstance(tools, list | tuple), "tool_namespace() takes a list of tools", tools)
    for each in tools:
        require(isinstance(each, FunctionTool), "tool_namespace() takes tools", each)
    return [dataclasses.replace(each, namespace=name.strip()) for each in tools]


def _described(function: Callable[..., Any], **options: Any) -> DescribedTool:
    try:
        return describe(function, context_types=_CONTEXTS, **options)
    except ConfigError as exc:
        raise UserError(str(exc)) from exc


def _is_words(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_duration(seconds: object) -> bool:
    return is_number(seconds, 0, LONGEST_S) and seconds > 0
