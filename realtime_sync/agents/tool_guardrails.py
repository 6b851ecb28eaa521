"""Checks of a tool's calls and of its outputs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar, overload

from .._shown import shown
from .._typing import TypedDict
from ..errors import GuardrailTripped, UserError
from .given import require, require_text
from .run_context import TContext, ToolContext
from .user_code import name_of, own_name, require_function

__all__ = [
    "AllowBehavior",
    "RaiseExceptionBehavior",
    "RejectContentBehavior",
    "ToolGuardrailFunctionOutput",
    "ToolInputGuardrail",
    "ToolInputGuardrailData",
    "ToolInputGuardrailTripwireTriggered",
    "ToolOutputGuardrail",
    "ToolOutputGuardrailData",
    "ToolOutputGuardrailTripwireTriggered",
    "tool_input_guardrail",
    "tool_output_guardrail",
]


class AllowBehavior(TypedDict):
    """The call goes on."""

    type: Literal["allow"]


class RejectContentBehavior(TypedDict):
    """The model is told ``message`` in place of an output."""

    type: Literal["reject_content"]
    message: str


class RaiseExceptionBehavior(TypedDict):
    """The session ends."""

    type: Literal["raise_exception"]


def _allowed() -> AllowBehavior:
    return {"type": "allow"}


@dataclass
class ToolGuardrailFunctionOutput:
    """What a check says; `allow`, `reject_content` and `raise_exception` make one.

    Attributes:
        output_info: whatever the check has found out, for the program.
        behavior: what is to happen.

    Raises:
        UserError: the behavior is none, or rejects without a text.
    """

    output_info: Any
    behavior: AllowBehavior | RejectContentBehavior | RaiseExceptionBehavior = field(
        default_factory=_allowed
    )

    def __post_init__(self) -> None:
        """Check what a mistake would make fail in the middle of a call."""
        kind = self.behavior.get("type") if isinstance(self.behavior, dict) else None
        known = kind in ("allow", "reject_content", "raise_exception")
        require(known, "behavior must be what allow() and the like make", self.behavior)
        if kind == "reject_content":
            require_text(self.behavior.get("message"), "the message of reject_content()")

    @classmethod
    def allow(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Let the call go on."""
        return cls(output_info)

    @classmethod
    def reject_content(cls, message: str, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """Tell the model ``message`` in place of an output; the session goes on."""
        return cls(output_info, {"type": "reject_content", "message": message})

    @classmethod
    def raise_exception(cls, output_info: Any = None) -> ToolGuardrailFunctionOutput:
        """End the session with an exception."""
        return cls(output_info, {"type": "raise_exception"})


@dataclass
class ToolInputGuardrailData:
    """What a check of a call is given.

    Attributes:
        context: of the call, with its arguments.
        agent: whose tool it is.
    """

    context: ToolContext[Any]
    agent: Any


@dataclass
class ToolOutputGuardrailData(ToolInputGuardrailData):
    """What a check of an output is given.

    Attributes:
        output: what the tool has returned.
    """

    output: Any


TData = TypeVar("TData")
InputCheck = Callable[[ToolInputGuardrailData], ToolGuardrailFunctionOutput]
OutputCheck = Callable[[ToolOutputGuardrailData], ToolGuardrailFunctionOutput]


@dataclass
class _ToolGuardrail(Generic[TData]):
    """A check with its name.

    Attributes:
        guardrail_function: runs on a thread of the session's, so that it may block.
        name: for messages; the function's own by default.

    Raises:
        UserError: it is no function, or async.
    """

    guardrail_function: Callable[[TData], ToolGuardrailFunctionOutput]
    name: str | None = None

    def __post_init__(self) -> None:
        """Check what a mistake would make fail much later."""
        if self.name is not None:
            require_text(self.name, "the name of a tool guardrail")
        require_function(self.guardrail_function, f"the tool guardrail {shown(self.get_name())}")

    def get_name(self) -> str:
        """Return what it is called in messages."""
        return self.name or name_of(self.guardrail_function)

    def run(self, data: TData) -> ToolGuardrailFunctionOutput:
        """Return what the check says.

        Raises:
            UserError: it is no `ToolGuardrailFunctionOutput`.
        """
        said = self.guardrail_function(data)
        if not isinstance(said, ToolGuardrailFunctionOutput):
            raise UserError(
                f"the tool guardrail {self.get_name()!r} must return a ToolGuardrailFunctionOutput,"
                f" such as ToolGuardrailFunctionOutput.allow(), and returned {type(said).__name__}"
            )
        return said


@dataclass
class ToolInputGuardrail(_ToolGuardrail[ToolInputGuardrailData], Generic[TContext]):
    """A check of each call of a tool, before it runs; see `tool_input_guardrail`."""


@dataclass
class ToolOutputGuardrail(_ToolGuardrail[ToolOutputGuardrailData], Generic[TContext]):
    """A check of each output of a tool, before the model gets it; see `tool_output_guardrail`."""


@overload
def tool_input_guardrail(func: InputCheck, /) -> ToolInputGuardrail[Any]: ...
@overload
def tool_input_guardrail(
    *, name: str | None = None
) -> Callable[[InputCheck], ToolInputGuardrail[Any]]: ...
def tool_input_guardrail(
    func: InputCheck | None = None, /, *, name: str | None = None
) -> ToolInputGuardrail[Any] | Callable[[InputCheck], ToolInputGuardrail[Any]]:
    """Make a check of a tool's calls of a function, bare or with a name.

    Raises:
        UserError: the function is async.

    Example:
        >>> @tool_input_guardrail
        ... def no_secrets(data: ToolInputGuardrailData) -> ToolGuardrailFunctionOutput:
        ...     if "password" in data.context.tool_arguments:
        ...         return ToolGuardrailFunctionOutput.reject_content("Leave passwords out.")
        ...     return ToolGuardrailFunctionOutput.allow()
    """

    def make(function: InputCheck) -> ToolInputGuardrail[Any]:
        return ToolInputGuardrail(function, own_name(name, function))

    return make if func is None else make(func)


@overload
def tool_output_guardrail(func: OutputCheck, /) -> ToolOutputGuardrail[Any]: ...
@overload
def tool_output_guardrail(
    *, name: str | None = None
) -> Callable[[OutputCheck], ToolOutputGuardrail[Any]]: ...
def tool_output_guardrail(
    func: OutputCheck | None = None, /, *, name: str | None = None
) -> ToolOutputGuardrail[Any] | Callable[[OutputCheck], ToolOutputGuardrail[Any]]:
    """Make a check of a tool's outputs of a function, bare or with a name.

    Raises:
        UserError: the function is async.
    """

    def make(function: OutputCheck) -> ToolOutputGuardrail[Any]:
        return ToolOutputGuardrail(function, own_name(name, function))

    return make if func is None else make(func)


# -- the exceptions --------------------------------------------------------------------------------


class _ToolTripwire(GuardrailTripped):
    """A check of a tool has asked for an exception.

    Attributes:
        guardrail: the check.
        output: what it has said.
    """

    def __init__(self, guardrail: _ToolGuardrail[Any], output: ToolGuardrailFunctionOutput) -> None:
        super().__init__(guardrail, output)
        self.guardrail = guardrail
        self.output = output

    def __str__(self) -> str:
        return f"the tool guardrail {self.guardrail.get_name()!r} has ended the session"


class ToolInputGuardrailTripwireTriggered(_ToolTripwire):
    """A check of a tool's calls has asked for an exception."""


class ToolOutputGuardrailTripwireTriggered(_ToolTripwire):
    """A check of a tool's outputs has asked for an exception."""
