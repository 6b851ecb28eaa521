"""Handing a conversation over: to the model a function, to the session another agent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, cast, overload

from .._shown import shown
from ..errors import ModelBehaviorError, UserError
from ..tools.annotations import Indescribable, kind_of
from ..tools.arguments import read_arguments
from ..tools.kinds import ArgumentError, Kind, MappingOf, ObjectOf
from .agent import RealtimeAgent
from .given import require, require_flag, require_object, require_text
from .run_context import RunContextWrapper, TContext
from .user_code import Switch, require_function, require_switch

__all__ = ["Handoff", "handoff", "realtime_handoff"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    TAgent = TypeVar("TAgent", default=Any)  # see TContext
else:
    from typing import TypeVar

    TAgent = TypeVar("TAgent")

TInput = TypeVar("TInput")

OnHandoff = Callable[[RunContextWrapper[Any]], Any]
OnHandoffWithInput = Callable[[RunContextWrapper[Any], TInput], Any]

_NO_WORD = re.compile(r"[^a-zA-Z0-9_]")  # not in the name of a function
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NO_INPUT = ObjectOf((), dict)


@dataclass
class Handoff(Generic[TContext, TAgent]):
    """A way to another agent; `realtime_handoff` makes one.

    Attributes:
        tool_name: what the model calls it.
        tool_description: what the model is told of it.
        input_json_schema: what the model gives along, as a JSON schema.
        on_invoke_handoff: gets the context and the JSON text that the model wrote; returns the
            agent.
        agent_name: whose turn it will be.
        strict_json_schema: whether the schema is in its strict form.
        is_enabled: whether the model is told of it, and may call it.
    """

    tool_name: str
    tool_description: str
    input_json_schema: dict[str, Any]
    on_invoke_handoff: Callable[[RunContextWrapper[Any], str], TAgent]
    agent_name: str
    strict_json_schema: bool = True
    is_enabled: Switch = True

    def __post_init__(self) -> None:
        """Check what a mistake would make fail much later."""
        if not isinstance(self.tool_name, str) or not _NAME.fullmatch(self.tool_name):
            raise UserError(
                f"{shown(self.tool_name)} is no name for a handoff; give one with letters, digits, "
                "_ and -, up to 64 (tool_name_override)"
            )
        of_handoff = f"of the handoff {shown(self.tool_name)}"
        require_text(self.tool_description, f"tool_description {of_handoff}")
        require_object(self.input_json_schema, f"input_json_schema {of_handoff}")
        what = f"on_invoke_handoff {of_handoff}"
        require_function(self.on_invoke_handoff, what, ("context", "arguments"))
        require_text(self.agent_name, f"agent_name {of_handoff}")
        require_flag(self.strict_json_schema, f"strict_json_schema {of_handoff}")
        require_switch(self.is_enabled, f"is_enabled {of_handoff}")

    def get_transfer_message(self, agent: RealtimeAgent[Any]) -> str:
        """Return what the model is told when ``agent`` has taken over.

        Raises:
            UserError: it is no agent.
        """
        _require_agent(agent)
        return json.dumps({"assistant": agent.name})

    @classmethod
    def default_tool_name(cls, agent: RealtimeAgent[Any]) -> str:
        """Return what the model calls the handoff to ``agent``.

        Raises:
            UserError: it is no agent.
        """
        _require_agent(agent)
        return _NO_WORD.sub("_", f"transfer_to_{agent.name}").lower()

    @classmethod
    def default_tool_description(cls, agent: RealtimeAgent[Any]) -> str:
        """Return what the model is told of the handoff to ``agent``.

        Raises:
            UserError: it is no agent.
        """
        _require_agent(agent)
        more = agent.handoff_description or ""
        return f"Handoff to the {agent.name} agent to handle the request. {more}"


@overload
def realtime_handoff(
    agent: RealtimeAgent[TContext],
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: OnHandoff | None = None,
    is_enabled: Switch = True,
) -> Handoff[TContext, RealtimeAgent[TContext]]: ...
@overload
def realtime_handoff(
    agent: RealtimeAgent[TContext],
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: OnHandoffWithInput[TInput],
    input_type: type[TInput],
    is_enabled: Switch = True,
) -> Handoff[TContext, RealtimeAgent[TContext]]: ...
def realtime_handoff(
    agent: RealtimeAgent[TContext],
    *,
    tool_name_override: str | None = None,
    tool_description_override: str | None = None,
    on_handoff: OnHandoff | OnHandoffWithInput[Any] | None = None,
    input_type: type[Any] | None = None,
    is_enabled: Switch = True,
) -> Handoff[TContext, RealtimeAgent[TContext]]:
    """Make a way to an agent, where its name alone is not enough.

    Args:
        agent: whose turn it will be.
        tool_name_override: what the model calls it; ``transfer_to_`` and the agent's name by
            default.
        tool_description_override: what the model is told of it; the agent's
            ``handoff_description`` is part of the default.
        on_handoff: is called with the context when the model hands over, and with what the model
            gives along where there is an ``input_type``.
        input_type: of what the model gives along: a dataclass, an attrs class, a TypedDict or a
            pydantic model. It is checked before ``on_handoff`` is called.
        is_enabled: whether the model is told of it, and may call it.

    Raises:
        UserError: a function is async, takes another number of arguments, or ``input_type`` can't
            be described.
    """
    _require_agent(agent)
    kind = None if input_type is None else _input_kind(input_type)
    _check(on_handoff, with_input=kind is not None)

    def invoke(context: RunContextWrapper[Any], text: str) -> RealtimeAgent[TContext]:
        if kind is not None:
            cast("OnHandoffWithInput[Any]", on_handoff)(context, _input(kind, text, name))
        elif on_handoff is not None:
            cast("OnHandoff", on_handoff)(context)
        return agent

    for option, given in (
        ("tool_name_override", tool_name_override),
        ("tool_description_override", tool_description_override),
    ):
        if given is not None:
            require_text(given, option)
    name = tool_name_override or Handoff.default_tool_name(agent)
    return Handoff(
        tool_name=name,
        tool_description=tool_description_override or Handoff.default_tool_description(agent),
        input_json_schema=(kind or _NO_INPUT).schema(),
        on_invoke_handoff=invoke,
        agent_name=agent.name,
        is_enabled=is_enabled,
    )


handoff = realtime_handoff


def _require_agent(agent: object) -> None:
    require(isinstance(agent, RealtimeAgent), "a handoff leads to a RealtimeAgent", agent)


def _input_kind(input_type: type[Any]) -> Kind:
    try:
        kind = kind_of(input_type)
    except Indescribable as exc:
        raise UserError(f"the input_type of a handoff can't be described: {exc}") from exc
    if not isinstance(kind, ObjectOf | MappingOf):
        raise UserError(
            f"the input_type of a handoff is {shown(input_type)}; it must have named values, as a "
            "dataclass, an attrs class, a TypedDict or a pydantic model has"
        )
    return kind


def _input(kind: Kind, text: str, name: str) -> Any:
    try:
        return kind.build(read_arguments(text), "")
    except ArgumentError as exc:
        raise ModelBehaviorError(f"the model has called {name} with wrong input: {exc}") from exc


def _check(on_handoff: Callable[..., Any] | None, *, with_input: bool) -> None:
    if on_handoff is None:
        if with_input:
            raise UserError("a handoff with an input_type needs an on_handoff that takes it")
        return
    takes = ("context", "input") if with_input else ("context",)
    require_function(on_handoff, "on_handoff", takes)
