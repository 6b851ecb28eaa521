"""What a session asks of its model, and with which settings it goes on."""

from __future__ import annotations

from typing import Any

import pytest
from agent_talk import begin, kinds, rest, session_with, take_until, take_until_raw, until_error

from realtime_sync import ConnectionClosedError
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.hooks import RealtimeRunHooks
from realtime_sync.agents.model_facade import OpenAIRealtimeWebSocketModel
from realtime_sync.agents.model_inputs import (
    RealtimeModelSendRawMessage,
    RealtimeModelSendSessionUpdate,
)
from realtime_sync.errors import LocalProtocolError
from realtime_sync.testing import (
    ScriptedServer,
    close_link,
    drop_link,
    spoken_answer,
    text_answer,
    user_turn,
)


@function_tool
def look_up() -> str:
    """Look something up."""
    return "found"


DESK = RealtimeAgent[Any](name="Desk", instructions="Be brief.", tools=[look_up])


def sessions(server: ScriptedServer) -> list[dict[str, Any]]:
    """The sessions that were sent."""
    return [each["session"] for each in server.sent if each["type"] == "session.update"]


def first_session(agent: Any = DESK, **options: Any) -> dict[str, Any]:
    """What the first update has."""
    server = ScriptedServer()
    with server, session_with(server, agent, **options) as session:
        begin(session)
        server.emit(close_link())
        rest(session)
    [sent] = sessions(server)
    return sent


# -- the first update ------------------------------------------------------------------------------


def test_one_update_says_all() -> None:
    sent = first_session()
    assert sent == {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": "Be brief.",
        "tools": [
            {
                "type": "function",
                "name": "look_up",
                "description": "Look something up.",
                "parameters": look_up.params_json_schema,
            }
        ],
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "ash"},
        },
    }


def test_sources_by_rank_and_nested_over_flat_within_one() -> None:
    sent = first_session(
        run_config={
            "model_settings": {
                "voice": "cedar",
                "audio": {"output": {"voice": "marin", "speed": 1.1}},
            }
        },
        model_config={"initial_model_settings": {"voice": "sage"}},
    )
    assert (sent["audio"]["output"]["voice"], sent["audio"]["output"]["speed"]) == ("sage", 1.1)
    sent = first_session(
        run_config={"model_settings": {"voice": "cedar", "audio": {"output": {"voice": "marin"}}}}
    )
    assert sent["audio"]["output"]["voice"] == "marin"


def test_the_voice_of_an_agent() -> None:
    agent = RealtimeAgent[Any](name="Desk", voice="marin")
    assert first_session(agent)["audio"]["output"]["voice"] == "marin"


@pytest.mark.parametrize(
    ("tracing", "disabled", "sent"),
    [
        (None, False, {}),
        ("auto", False, {"tracing": "auto"}),
        ({"workflow_name": "w"}, False, {"tracing": {"workflow_name": "w"}}),
        ("auto", True, {}),
    ],
)
def test_tracing_is_sent_if_it_is_asked_for(tracing: Any, disabled: bool, sent: Any) -> None:
    settings = {} if tracing is None else {"tracing": tracing}
    config = {"model_settings": settings, "tracing_disabled": disabled}
    found = first_session(run_config=config)
    assert {name: found[name] for name in ("tracing",) if name in found} == sent


def test_a_call_keeps_its_model_and_its_formats() -> None:
    server = ScriptedServer()
    config = {"call_id": "rtc_1"}
    with server, session_with(server, DESK, model_config=config) as session:
        begin(session)
    [sent] = sessions(server)
    assert "format" not in sent["audio"]["input"]
    assert "format" not in sent["audio"]["output"]
    assert server.urls == ["ws://scripted.invalid/v1/realtime?call_id=rtc_1"]


def test_the_model_is_part_of_the_address() -> None:
    server = ScriptedServer()
    config = {"initial_model_settings": {"model_name": "gpt-realtime-mini"}}
    with server, session_with(server, DESK, model_config=config) as session:
        begin(session)
    assert server.urls == ["ws://scripted.invalid/v1/realtime?model=gpt-realtime-mini"]


def test_instructions_may_depend_on_the_context() -> None:
    def instructions(context: Any, agent: Any) -> str:
        return f"{agent.name} talks to {context.context['user']}."

    agent = RealtimeAgent[Any](name="Desk", instructions=instructions)
    assert first_session(agent, context={"user": "Ann"})["instructions"] == "Desk talks to Ann."


def test_a_prompt_of_the_providers() -> None:
    agent = RealtimeAgent[Any](name="Desk", prompt={"id": "pmpt_1"})
    assert first_session(agent)["prompt"] == {"id": "pmpt_1"}


# -- later updates ---------------------------------------------------------------------------------


def test_the_model_changes_settings() -> None:
    server = ScriptedServer()
    model = OpenAIRealtimeWebSocketModel()
    with server, session_with(server, DESK, model=model) as session:
        begin(session)
        model.send_event(RealtimeModelSendSessionUpdate({"turn_detection": None}))
        model.send_event(RealtimeModelSendSessionUpdate({"turn_detection": None}))
    assert sessions(server)[1:] == [
        {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    ]


def test_what_was_changed_raw_is_not_undone_by_an_agent() -> None:
    server = ScriptedServer()
    raw = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    with server, session_with(server, DESK) as session:
        begin(session)
        session.model.send_event(
            RealtimeModelSendRawMessage({"type": "session.update", "other_data": {"session": raw}})
        )
        session.update_agent(RealtimeAgent[Any](name="Billing", instructions="Bill."))
    assert sessions(server)[1:] == [
        raw,
        {"type": "realtime", "instructions": "Bill.", "tools": []},
    ]


def test_what_is_no_event_is_refused() -> None:
    server = ScriptedServer()
    session = session_with(server, DESK)
    with server, session, pytest.raises(LocalProtocolError):
        session.send_raw({"no": "type"})


def test_hooks_may_be_part_of_the_config() -> None:
    started: list[str] = []

    class Hooks(RealtimeRunHooks[Any]):
        def on_agent_start(self, context: Any, agent: Any) -> None:
            started.append(agent.name)

    server = ScriptedServer([text_answer("Hello.")])
    with server, session_with(server, DESK, run_config={"hooks": Hooks()}) as session:
        session.send_message("Hi!")
        take_until(session, "agent_end")
    assert started == ["Desk"]


# -- links -----------------------------------------------------------------------------------------


def test_a_lost_link_is_made_anew_and_the_conversation_goes_on() -> None:
    server = ScriptedServer([text_answer("Hello."), text_answer("Still here.")])
    with server, session_with(server, DESK) as session:
        session.send_message("Hi!")
        take_until(session, "agent_end")
        server.emit(drop_link())
        events = take_until_raw(session, "reconnected")
        told = [event.data.type for event in events if event.type == "raw_model_event"]
        assert told[0] == "reconnecting"
        session.send_message("Are you there?")
        take_until(session, "agent_end")
        texts = [item.content[0].text for item in session.history]
    assert texts == ["Hi!", "Hello.", "Are you there?", "Still here."]
    first, again = sessions(server)
    assert again["instructions"] == first["instructions"]
    assert again["tools"] == first["tools"]


def test_a_message_during_the_gap_is_answered() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        begin(session)
        server.emit(drop_link())
        take_until_raw(session, "reconnecting")
        server.extend(text_answer("There I am."))
        session.send_message("Hello?")
        events = take_until(session, "agent_end")
    assert "error" not in kinds(events)


def test_an_answer_that_the_link_took_along_is_asked_for_again() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        begin(session)
        server.extend([*text_answer("It is", finished=False), *drop_link()])
        session.send_message("What time is it?")
        take_until(session, "agent_start")
        server.extend(text_answer("It is five."))
        events = take_until_raw(session, "reconnected")
        events += take_until(session, "agent_end", 2)
        turns = [kind for kind in kinds(events) if kind.startswith("agent")]
        assert turns == ["agent_end", "agent_start", "agent_end"]
        assert session.history[-1].content[0].text == "It is five."


def test_a_call_whose_link_is_lost_is_over() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK, model_config={"call_id": "rtc_1"}) as session:
        begin(session)
        server.emit(drop_link())
        events, failure = until_error(session)
    assert isinstance(failure, ConnectionClosedError)
    assert "reconnecting" not in kinds(events, data=True)
    assert len(server.urls) == 1


def test_a_turn_of_the_users_before_and_after_a_lost_link() -> None:
    server = ScriptedServer([spoken_answer("One.", audio_ms=20)])
    with server, session_with(server, DESK) as session:
        server.emit(user_turn("First.", item_id="item_u"))
        take_until(session, "agent_end")
        server.emit(drop_link())
        take_until_raw(session, "reconnected")
        server.extend(spoken_answer("Two.", audio_ms=20))
        server.emit(user_turn("Second.", item_id="item_v"))
        events = take_until(session, "agent_end")
    assert kinds(events).count("audio") == 1
