"""Handoffs: what the model is told, and what the program is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

import pydantic
import pytest

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.handoff_prompt import RECOMMENDED_PROMPT_PREFIX
from realtime_sync.agents.handoffs import Handoff, handoff, realtime_handoff
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.errors import ModelBehaviorError, UserError

BILLING: RealtimeAgent[Any] = RealtimeAgent(name="Billing & Co", handoff_description="Money.")
CONTEXT = RunContextWrapper("mine")


@dataclass
class Reason:
    """Why.

    Attributes:
        words: the user's.
    """

    words: str
    urgent: bool = False


class ReasonDict(TypedDict):
    words: str


class ReasonModel(pydantic.BaseModel):
    words: str


def test_an_agent_alone() -> None:
    made = realtime_handoff(BILLING)
    assert isinstance(made, Handoff)
    assert made.tool_name == "transfer_to_billing___co"
    assert made.tool_description == (
        "Handoff to the Billing & Co agent to handle the request. Money."
    )
    assert made.agent_name == "Billing & Co"
    assert made.input_json_schema == {
        "type": "object", "properties": {}, "required": [], "additionalProperties": False,
    }  # fmt: skip
    assert made.on_invoke_handoff(CONTEXT, "") is BILLING
    assert made.get_transfer_message(BILLING) == '{"assistant": "Billing & Co"}'
    assert handoff is realtime_handoff


def test_names_and_descriptions() -> None:
    agent: RealtimeAgent[Any] = RealtimeAgent(name="Größe 2")
    assert Handoff.default_tool_name(agent) == "transfer_to_gr__e_2"
    assert Handoff.default_tool_description(agent).endswith("the request. ")
    made = realtime_handoff(agent, tool_name_override="go", tool_description_override="Go.")
    assert (made.tool_name, made.tool_description) == ("go", "Go.")
    assert realtime_handoff(agent, is_enabled=False).is_enabled is False


def test_a_callback() -> None:
    told: list[Any] = []
    made = realtime_handoff(BILLING, on_handoff=lambda context: told.append(context.context))
    assert made.on_invoke_handoff(CONTEXT, '{"not": "read"}') is BILLING
    assert told == ["mine"]


@pytest.mark.parametrize("input_type", [Reason, ReasonDict, ReasonModel])
def test_what_the_model_gives_along(input_type: Any) -> None:
    told: list[Any] = []

    def on_handoff(context: RunContextWrapper[Any], given: Any) -> None:
        told.append(given)

    made = realtime_handoff(BILLING, on_handoff=on_handoff, input_type=input_type)
    assert made.input_json_schema["required"][0] == "words"
    assert made.input_json_schema["additionalProperties"] is False
    assert made.on_invoke_handoff(CONTEXT, '{"words": "too much"}') is BILLING
    [given] = told
    assert (given["words"] if isinstance(given, dict) else given.words) == "too much"
    for wrong in ("", "{", '{"words": 1}', "[]"):
        with pytest.raises(ModelBehaviorError, match=r"called transfer_to_.* with wrong input: "):
            made.on_invoke_handoff(CONTEXT, wrong)
    assert len(told) == 1


async def waits(context: Any) -> None: ...


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"input_type": Reason}, "needs an on_handoff"),
        ({"on_handoff": 7}, "must be a function, not 7"),
        ({"on_handoff": waits}, "on_handoff is async"),
        ({"is_enabled": "no"}, "is_enabled of the handoff 'transfer_to_billing___co' must be True"),
        ({"tool_name_override": "to billing"}, "'to billing' is no name for a handoff"),
        ({"tool_name_override": 7}, "tool_name_override must be a text, not 7"),
        ({"is_enabled": waits}, "is_enabled of the handoff 'transfer_to_billing___co' is async"),
        ({"on_handoff": lambda: None}, r"called with \(context\), and takes \(\)"),
        ({"on_handoff": lambda a, b: None}, r"called with \(context\), and takes \(a, b\)"),
        ({"on_handoff": lambda a: None, "input_type": Reason}, r"called with \(context, input\)"),
        ({"on_handoff": lambda a, b: None, "input_type": str}, "must have named values"),
        ({"on_handoff": lambda a, b: None, "input_type": object}, "can't be described: object"),
    ],
)
def test_mistakes(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        realtime_handoff(BILLING, **options)


@pytest.mark.parametrize("agent", [None, "Billing", realtime_handoff(BILLING)])
def test_a_handoff_to_what_is_no_agent(agent: Any) -> None:
    with pytest.raises(UserError, match="leads to a RealtimeAgent, not "):
        realtime_handoff(agent)


def test_the_words_for_a_prompt() -> None:
    assert "transfer_to_" in RECOMMENDED_PROMPT_PREFIX
