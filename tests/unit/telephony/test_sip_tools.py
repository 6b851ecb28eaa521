"""The tools by which an agent ends its call: what the model may choose, and what is done."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from guards import Guard
from scripted_calls import ScriptedCalls, gone, sip_client

from realtime_sync import ConfigError
from realtime_sync.agents import FunctionTool, ToolContext, UserError
from realtime_sync.telephony import SipCall, hang_up_tool, refer_tool
from realtime_sync.testing import ScriptedServer

DESTINATIONS = {"billing": "tel:+14155550123", "human": "sip:desk@example.com"}


def joined() -> tuple[SipCall, ScriptedCalls]:
    client, calls = sip_client(ScriptedServer())
    return SipCall(client, "rtc_1", []), calls


def invoke(tool: FunctionTool, context: object, **arguments: object) -> str:
    output: str = tool.on_invoke_tool(
        ToolContext(context, tool_name=tool.name), json.dumps(arguments)
    )
    return output


def test_hanging_up() -> None:
    call, calls = joined()
    tool = hang_up_tool(name="goodbye", description="At the end.")
    assert (tool.name, tool.description) == ("goodbye", "At the end.")
    assert tool.params_json_schema["properties"] == {}
    assert invoke(tool, call) == "The call is over."
    assert calls.names() == ["hangup"]


def test_handing_over_to_one_of_the_destinations() -> None:
    call, calls = joined()
    tool = refer_tool(DESTINATIONS)
    assert tool.name == "transfer_call"
    schema = tool.params_json_schema
    assert schema["properties"]["destination"]["enum"] == ["billing", "human"]
    assert schema["required"] == ["destination"]
    assert invoke(tool, call, destination="human") == "The caller is being put through."
    assert calls.done == [("refer", "rtc_1", {"target_uri": "sip:desk@example.com"})]


@pytest.mark.parametrize("destination", ["tel:+19005550100", "Billing", "", 7, None])
def test_a_destination_of_the_models_own_is_refused(destination: Any) -> None:
    call, calls = joined()
    assert "billing" in invoke(refer_tool(DESTINATIONS), call, destination=destination)
    assert calls.done == []


def test_a_caller_who_has_hung_up_can_not_be_handed_over() -> None:
    call, calls = joined()
    calls.failures["refer"] = gone()
    said = invoke(refer_tool(DESTINATIONS), call, destination="billing")
    assert said == "The caller has hung up."


@pytest.mark.parametrize("tool", [hang_up_tool(), refer_tool(DESTINATIONS)], ids=lambda t: t.name)
def test_the_last_words_are_heard_before(tool: FunctionTool, guard: Guard) -> None:
    call, calls = joined()
    asked, heard = threading.Event(), threading.Event()
    given: list[float | None] = []

    def wait_spoken(timeout: float | None = None) -> bool:
        given.append(timeout)
        asked.set()
        return heard.wait(guard.seconds)

    call.wait_spoken = wait_spoken  # type: ignore[method-assign]
    thread = threading.Thread(target=invoke, args=(tool, call), kwargs={"destination": "human"})
    if tool.name == "hang_up":
        thread = threading.Thread(target=invoke, args=(tool, call))
    thread.start()
    guard.wait(asked, "the tool")
    assert calls.done == [], "it is still speaking"
    heard.set()
    guard.join(thread)
    assert (len(calls.done), given) == (1, [15.0])


def test_elsewhere_than_on_the_telephone_they_say_so() -> None:
    for tool, arguments in (
        (hang_up_tool(), {}),
        (refer_tool(DESTINATIONS), {"destination": "human"}),
    ):
        context = ToolContext("no call", tool_name=tool.name)
        with pytest.raises(UserError, match="for agents that SipCalls has on the telephone"):
            tool.on_invoke_tool.call(context, arguments)  # type: ignore[attr-defined]


@pytest.mark.parametrize("destinations", [{}, {"a": "http://x"}, {"a": 7}, ["tel:+1"], None])
def test_destinations_that_are_none(destinations: Any) -> None:
    with pytest.raises(ConfigError, match=r"destination|a URI such as"):
        refer_tool(destinations)


def test_later_changes_of_the_destinations_change_nothing() -> None:
    given = dict(DESTINATIONS)
    tool = refer_tool(given)
    given["billing"] = "tel:+19005550100"
    call, calls = joined()
    invoke(tool, call, destination="billing")
    assert calls.done[0][2] == {"target_uri": "tel:+14155550123"}
