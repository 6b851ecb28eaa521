"""What an agent on the telephone can do with its call: hang up, and hand the caller over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .._required import require, require_text_values
from ..agents import FunctionTool, RunContextWrapper, function_tool
from ..errors import ConfigError, NotFoundError, UserError
from .sip_call import SipCall, check_target

__all__ = ["hang_up_tool", "refer_tool"]

_LAST_WORDS_S = 15.0  # the longest that the end waits for what is being said


def hang_up_tool(
    *, name: str = "hang_up", description: str = "Hang up, after both have said goodbye."
) -> FunctionTool:
    """Return a tool by which an agent of `SipCalls` ends its call.

    What the agent is saying is heard before, for 15 seconds at most.

    Args:
        name: what the model calls it.
        description: when it is to.

    Raises:
        UserError: one of them is no text.

    Example:
        >>> hang_up_tool().name
        'hang_up'
    """

    def hang_up(context: RunContextWrapper[Any]) -> str:
        call = _call_of(context)
        call.wait_spoken(_LAST_WORDS_S)
        call.hang_up()
        return "The call is over."

    return function_tool(hang_up, name_override=name, description_override=description)


def refer_tool(
    destinations: Mapping[str, str],
    *,
    name: str = "transfer_call",
    description: str = "Put the caller through to somebody else. Say so before.",
) -> FunctionTool:
    """Return a tool by which an agent of `SipCalls` hands its caller over.

    The model chooses among these destinations alone: a number of its own, or of the caller's
    choice, would be called on your account.

    Args:
        destinations: URIs by the names under which the model knows them, such as
            ``{"billing": "tel:+14155550123"}``.
        name: what the model calls it.
        description: when it is to.

    Raises:
        ConfigError: there is no destination, or one is no URI of a telephone.
        UserError: ``name`` or ``description`` is no text.

    Example:
        >>> tool = refer_tool({"billing": "tel:+14155550123", "human": "sip:desk@example.com"})
        >>> tool.params_json_schema["properties"]["destination"]["enum"]
        ['billing', 'human']
    """
    require_text_values(destinations, "the destinations of refer_tool()", error=ConfigError)
    rule = "refer_tool() takes one destination or more"
    require(destinations, rule, destinations, error=ConfigError)
    for uri in destinations.values():
        check_target(uri)
    uris = dict(destinations)

    def refer(context: RunContextWrapper[Any], destination: str) -> str:
        call = _call_of(context)
        call.wait_spoken(_LAST_WORDS_S)
        try:
            call.refer(uris[destination])
        except NotFoundError:
            return "The caller has hung up."
        return "The caller is being put through."

    # So the schema names them, and the check of the arguments refuses all others.
    refer.__annotations__["destination"] = Literal[tuple(uris)]
    return function_tool(refer, name_override=name, description_override=description)


def _call_of(context: RunContextWrapper[Any]) -> SipCall:
    call = context.context
    if not isinstance(call, SipCall):
        raise UserError(
            "this tool is for agents that SipCalls has on the telephone: their context is the "
            "SipCall, and this session has another"
        )
    return call
