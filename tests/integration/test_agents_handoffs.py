"""One agent hands over to another: what is sent, in which order, and what stays."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import pytest
from agent_talk import (
    begin,
    kinds,
    rest,
    sent_types,
    session_with,
    take_until,
    take_until_raw,
    until_error,
)
from guards import GUARD_S

from realtime_sync import ServerError
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.handoffs import realtime_handoff
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.errors import AgentError, UserError
from realtime_sync.testing import (
    ScriptedServer,
    Step,
    close_link,
    drop_link,
    error,
    function_call,
    one_response,
    spoken_answer,
    text_answer,
)


@dataclass
class Reason:
    days: int


@function_tool
def look_up() -> str:
    """Look something up."""
    return "found"


def billing(**options: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="Billing", instructions="Bill.", **options)


def desk(*handoffs: Any, **options: Any) -> RealtimeAgent[Any]:
    return RealtimeAgent(
        name="Desk", instructions="Greet.", tools=[look_up], handoffs=list(handoffs), **options
    )


def ask(session: RealtimeSession[Any], count: int = 2) -> list[Any]:
    begin(session)
    session.send_message("The bill, please.")
    return take_until(session, "agent_end", count)


def updates(server: ScriptedServer) -> list[dict[str, Any]]:
    """The sessions that were sent, but for the first."""
    return [each["session"] for each in server.sent if each["type"] == "session.update"][1:]


def outputs(server: ScriptedServer) -> dict[str, str]:
    """What the model was told of its calls."""
    items = [each["item"] for each in server.sent if each["type"] == "conversation.item.create"]
    return {item["call_id"]: item["output"] for item in items if "output" in item}


# -- what happens ----------------------------------------------------------------------------------


def test_the_order_of_a_handoff() -> None:
    server = ScriptedServer(
        [function_call("transfer_to_billing", {}, "call_1"), text_answer("42 euros.")]
    )
    one, other = desk(two := billing()), two
    with server, session_with(server, one) as session:
        events = ask(session)
        assert session.current_agent is other
    assert sent_types(server)[1:] == [
        *["conversation.item.create", "response.create"],
        *["session.update", "conversation.item.create", "response.create"],
    ]
    assert updates(server) == [{"type": "realtime", "instructions": "Bill.", "tools": []}]
    assert outputs(server) == {"call_1": json.dumps({"assistant": "Billing"})}
    handoff = next(event for event in events if event.type == "handoff")
    assert (handoff.from_agent, handoff.to_agent) == (one, other)
    told = [kind for kind in kinds(events) if not kind.startswith("history")]
    assert told == ["agent_start", "handoff", "agent_end", "agent_start", "agent_end"]
    spoke = [event.agent for event in events if event.type in ("agent_start", "agent_end")]
    assert spoke == [one, one, other, other]


def test_the_callback_has_what_the_model_gives() -> None:
    given: list[Any] = []

    def on_handoff(context: Any, told: Reason) -> None:
        given.append((context.context, told))

    there = realtime_handoff(billing(), on_handoff=on_handoff, input_type=Reason)
    server = ScriptedServer(
        [function_call(there.tool_name, {"days": 3}, "call_1"), text_answer("42 euros.")]
    )
    with server, session_with(server, desk(there), context={"user": 7}) as session:
        ask(session)
    assert given == [({"user": 7}, Reason(3))]


def test_what_the_model_gives_may_be_wrong() -> None:
    there = realtime_handoff(billing(), on_handoff=lambda context, told: None, input_type=Reason)
    server = ScriptedServer(
        [function_call(there.tool_name, {"days": "late"}, "call_1"), text_answer("Sorry.")]
    )
    agent = desk(there)
    with server, session_with(server, agent) as session:
        events = ask(session)
        assert session.current_agent is agent
    assert "handoff" not in kinds(events)
    [wrong] = [event.error for event in events if event.type == "error"]
    assert isinstance(wrong, AgentError)
    assert updates(server) == []
    assert "call_1" in outputs(server)


def test_a_handoff_that_was_refused_does_not_block_the_next() -> None:
    tries: list[str] = []

    def on_handoff(context: Any) -> None:
        tries.append("try")
        if len(tries) == 1:
            raise RuntimeError("nobody there")

    there = realtime_handoff(billing(), on_handoff=on_handoff)
    server = ScriptedServer(
        [
            function_call(there.tool_name, {}, "call_1"),
            function_call(there.tool_name, {}, "call_2"),
            text_answer("42 euros."),
        ]
    )
    with server, session_with(server, desk(there)) as session:
        events = ask(session, 3)
    assert kinds(events).count("handoff") == 1
    assert len(tries) == 2


def test_the_first_of_two_handoffs_counts_however_slow_it_is() -> None:
    called: list[str] = []
    refused = threading.Event()

    def slowly(context: Any) -> None:
        called.append("billing")
        assert refused.wait(GUARD_S)

    first = realtime_handoff(billing(), on_handoff=slowly)
    second = realtime_handoff(
        RealtimeAgent(name="Sales"), on_handoff=lambda context: called.append("sales")
    )
    server = ScriptedServer(
        [
            one_response(
                function_call(first.tool_name, {}, "call_1"),
                function_call(second.tool_name, {}, "call_2"),
            ),
            text_answer("42 euros."),
        ]
    )
    with server, session_with(server, desk(first, second)) as session:
        begin(session)
        session.send_message("The bill, please.")
        server.wait_sent({"item": {"call_id": "call_2"}})
        refused.set()
        events = take_until(session, "agent_end", 2)
        assert session.current_agent.name == "Billing"
    assert kinds(events).count("handoff") == 1
    assert called == ["billing"]
    assert outputs(server)["call_2"] == "Another handoff came first, so this one is not made."
    assert sent_types(server).count("response.create") == 2


def test_the_calls_of_an_answer_belong_to_the_agent_that_gives_it() -> None:
    handing = function_call("transfer_to_billing", {}, "call_1")
    both = one_response(handing, function_call("look_up", {}, "call_2"))
    at = next(n for n, event in enumerate(both) if event.get("output_index") == 1)
    server = ScriptedServer([both[:at]])
    with server, session_with(server, desk(billing())) as session:
        begin(session)
        session.send_message("The bill, please.")
        take_until(session, "handoff")
        server.extend(function_call("look_up", {}, "call_3"), text_answer("42 euros."))
        server.emit(both[at:])
        events = take_until(session, "agent_end", 3)
    ended = [event.tool.name for event in events if event.type == "tool_end"]
    assert ended == ["look_up"]
    assert outputs(server)["call_2"] == "found"
    assert "no tool 'look_up'" in outputs(server)["call_3"]  # of an agent that has none


def test_a_handoff_and_the_way_back_in_one_answer() -> None:
    both = one_response(
        function_call("transfer_to_billing", {}, "call_1"),
        function_call("transfer_to_desk", {}, "call_2"),
    )
    at = next(n for n, event in enumerate(both) if event.get("output_index") == 1)
    server = ScriptedServer([both[:at], text_answer("42 euros.")])
    first = desk()
    second = billing(handoffs=[first])
    first.handoffs.append(second)
    with server, session_with(server, first) as session:
        begin(session)
        session.send_message("The bill, please.")
        take_until(session, "handoff")
        server.emit(both[at:])
        events = take_until(session, "agent_end", 2)
        assert session.current_agent is second
    assert "error" in kinds(events)
    assert "no tool 'transfer_to_desk'" in outputs(server)["call_2"]


def test_a_handoff_that_is_switched_off() -> None:
    on = [True]
    there = realtime_handoff(billing(), is_enabled=lambda context, agent: on[0])
    server = ScriptedServer([function_call(there.tool_name, {}, "call_1"), text_answer("No.")])
    with server, session_with(server, desk(there)) as session:
        on[0] = False
        ask(session)
    assert outputs(server) == {"call_1": "Tool transfer_to_billing not found"}
    server = ScriptedServer()
    with server, session_with(server, desk(there)) as session:
        declared = server.wait_sent("session.update")["session"]["tools"]
        assert [tool["name"] for tool in declared] == ["look_up"]


def test_an_agent_that_can_not_work_ends_the_session() -> None:
    twice = billing(tools=[look_up, look_up])
    server = ScriptedServer([function_call("transfer_to_billing", {}, "call_1")])
    with server, session_with(server, desk(twice)) as session:
        session.send_message("The bill, please.")
        seen, failure = until_error(session)
    assert isinstance(failure, UserError)
    assert "handoff" not in kinds(seen)


def test_the_new_agent_may_hand_back() -> None:
    one, two = desk(), billing()
    one.handoffs.append(two)
    two.handoffs.append(one)
    server = ScriptedServer(
        [
            function_call("transfer_to_billing", {}, "call_1"),
            function_call("transfer_to_desk", {}, "call_2"),
            text_answer("Here I am again."),
        ]
    )
    with server, session_with(server, one) as session:
        events = ask(session, 3)
        assert session.current_agent is one
    assert [event.to_agent for event in events if event.type == "handoff"] == [two, one]
    assert updates(server)[1]["instructions"] == "Greet."


# -- what stays ------------------------------------------------------------------------------------


def test_a_session_that_has_spoken_keeps_its_voice() -> None:
    server = ScriptedServer(
        [
            spoken_answer("Hello.", audio_ms=40),
            function_call("transfer_to_billing", {}, "call_1"),
            text_answer("42 euros."),
        ]
    )
    with server, session_with(server, desk(billing(voice="marin"))) as session:
        ask(session, 1)
        session.send_message("The bill, please.")
        take_until(session, "agent_end", 2)
        assert updates(server) == [{"type": "realtime", "instructions": "Bill.", "tools": []}]
        server.emit(drop_link())
        take_until_raw(session, "reconnected")
        update = server.wait_sent({"session": {"audio": {"output": {"voice": "marin"}}}})
    assert update["session"] == {"type": "realtime", "audio": {"output": {"voice": "marin"}}}


def test_a_session_that_has_not_spoken_takes_the_new_voice() -> None:
    server = ScriptedServer(
        [function_call("transfer_to_billing", {}, "call_1"), text_answer("42 euros.")]
    )
    with server, session_with(server, desk(billing(voice="marin"))) as session:
        ask(session)
    assert updates(server)[0]["audio"] == {"output": {"voice": "marin"}}


def test_a_new_link_has_the_session_of_the_agent_that_speaks() -> None:
    server = ScriptedServer(
        [function_call("transfer_to_billing", {}, "call_1"), text_answer("42 euros.")]
    )
    with server, session_with(server, desk(billing())) as session:
        ask(session)
        server.emit(drop_link())
        take_until_raw(session, "reconnected")
        server.extend(text_answer("Still here."))
        session.send_message("Are you there?")
        events = take_until(session, "agent_end")
        assert session.current_agent.name == "Billing"
    restored = updates(server)[-1]
    assert (restored["instructions"], restored["tools"]) == ("Bill.", [])
    assert [event.agent.name for event in events if event.type == "agent_end"] == ["Billing"]


def test_what_the_model_config_says_holds_for_the_first_agent() -> None:
    server = ScriptedServer(
        [function_call("transfer_to_billing", {}, "call_1"), text_answer("42 euros.")]
    )
    first = {"instructions": "Whisper.", "tools": []}
    session = session_with(server, desk(billing()), model_config={"initial_model_settings": first})
    with server, session:
        ask(session)
    sent = server.wait_sent("session.update")["session"]
    assert sent["instructions"] == "Whisper."
    assert [tool["name"] for tool in sent["tools"]] == ["transfer_to_billing"]
    assert updates(server)[0]["instructions"] == "Bill."


def test_what_one_agent_may_the_next_must_ask_for() -> None:
    @function_tool(needs_approval=True)
    def refund() -> str:
        """Give money back."""
        return "done"

    two = billing(tools=[refund])
    one: RealtimeAgent[Any] = RealtimeAgent(name="Desk", tools=[refund], handoffs=[two])
    server = ScriptedServer(
        [
            function_call("refund", {}, "call_1"),
            function_call("transfer_to_billing", {}, "call_2"),
            function_call("refund", {}, "call_3"),
        ]
    )
    with server, session_with(server, one) as session:
        ask(session, 1)
        session.approve_tool_call("call_1", always=True)
        asked: Any = take_until(session, "tool_approval_required")[-1]
        assert (asked.call_id, asked.agent) == ("call_3", two)


# -- by the program --------------------------------------------------------------------------------


def test_the_program_changes_the_agent() -> None:
    server = ScriptedServer([text_answer("42 euros.")])
    one, two = desk(), billing()
    with server, session_with(server, one) as session:
        begin(session)
        session.update_agent(two)
        assert session.current_agent is two
        assert updates(server) == [{"type": "realtime", "instructions": "Bill.", "tools": []}]
        session.update_agent(two)
        assert len(updates(server)) == 1
        session.send_message("The bill, please.")
        events = take_until(session, "agent_end")
    assert "handoff" not in kinds(events)
    assert [event.agent for event in events if event.type == "agent_start"] == [two]


def test_an_agent_that_can_not_work_is_refused() -> None:
    server = ScriptedServer()
    one = desk()
    with server, session_with(server, one) as session:
        for wrong in (billing(tools=[look_up, look_up]), "Billing"):
            with pytest.raises(UserError):
                session.update_agent(wrong)  # type: ignore[arg-type]
        assert session.current_agent is one
    assert updates(server) == []


def test_an_update_that_the_server_refuses_is_an_error() -> None:
    server = ScriptedServer()
    with server, session_with(server, desk()) as session:
        begin(session)
        server.extend(Step("session.update", error("no such tool", param="session.tools")))
        session.update_agent(billing())
        wrong: Any = take_until(session, "error")[-1]
    assert wrong.error.param == "session.tools"


def test_a_first_update_that_the_server_refuses_ends_the_session() -> None:
    server = ScriptedServer([Step("session.update", error("no such voice", param="voice"))])
    with server, session_with(server, desk()) as session:
        _, failure = until_error(session)
    assert isinstance(failure, ServerError)


def test_the_program_changes_settings_for_all_agents() -> None:
    server = ScriptedServer(
        [function_call("transfer_to_billing", {}, "call_1"), text_answer("42 euros.")]
    )
    with server, session_with(server, desk(billing())) as session:
        begin(session)
        session.update_settings({"speed": 1.2})
        with pytest.raises(UserError):
            session.update_settings({"speed": 7})
        session.send_message("The bill, please.")
        take_until(session, "agent_end", 2)
    assert updates(server)[0] == {"type": "realtime", "audio": {"output": {"speed": 1.2}}}
    assert "audio" not in updates(server)[1]


def test_a_handoff_at_the_very_end_of_the_session() -> None:
    last = [*function_call("transfer_to_billing", {}, "call_1"), *close_link()]
    server = ScriptedServer([last])
    with server, session_with(server, desk(billing())) as session:
        session.send_message("The bill, please.")
        assert "error" not in kinds(rest(session))
