"""What a call is accepted with, and which session joins it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from agents import realtime as peer

from realtime_sync.agents import (
    OpenAIRealtimeSIPModel,
    RealtimeAgent,
    RealtimeRunner,
    RunContextWrapper,
    UserError,
    function_tool,
    realtime_handoff,
)
from realtime_sync.testing import ScriptedClient, ScriptedServer

PCM = {"type": "audio/pcm", "rate": 24000}
ULAW = {"type": "audio/pcmu"}


@function_tool
def find_order(number: str) -> str:
    """Find an order."""
    return number


def body_of(agent: RealtimeAgent[Any], **options: Any) -> dict[str, Any]:
    return {**OpenAIRealtimeSIPModel.build_initial_session_payload(agent, **options)}


# -- what it is accepted with ----------------------------------------------------------------------


def test_the_agent_and_the_defaults_are_in_it() -> None:
    billing = RealtimeAgent(name="Billing")
    agent = RealtimeAgent(
        name="Desk",
        instructions="Be brief.",
        tools=[find_order],
        handoffs=[realtime_handoff(billing)],
    )
    body = body_of(agent)
    assert [tool["name"] for tool in body.pop("tools")] == ["find_order", "transfer_to_billing"]
    assert body == {
        "type": "realtime",
        "model": "gpt-realtime-2.1",
        "instructions": "Be brief.",
        "output_modalities": ["audio"],
        "audio": {
            "input": {
                "transcription": {"model": "gpt-4o-mini-transcribe"},
                "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
            },
            "output": {"voice": "ash"},
        },
    }


def test_but_for_the_formats_it_is_what_the_peer_sends() -> None:
    options: Any = {
        "run_config": {"model_settings": {"voice": "marin", "tool_choice": "required"}},
        "overrides": {"turn_detection": {"type": "server_vad", "silenceDurationMs": 300}},
    }
    theirs = asyncio.run(
        peer.OpenAIRealtimeSIPModel.build_initial_session_payload(
            peer.RealtimeAgent(name="Desk", instructions="Be brief."), **options
        )
    ).model_dump(exclude_none=True, exclude_unset=True)
    for side in theirs["audio"].values():
        del side["format"]
    ours = body_of(RealtimeAgent(name="Desk", instructions="Be brief."), **options)
    assert ours == theirs


def test_a_format_that_is_asked_for_is_in_it() -> None:
    body = body_of(
        RealtimeAgent(name="Desk"), run_config={"model_settings": {"input_audio_format": "pcm16"}}
    )
    assert body["audio"]["input"]["format"] == PCM
    assert "format" not in body["audio"]["output"]


def test_the_sources_count_by_rank() -> None:
    body = body_of(
        RealtimeAgent(name="Desk", instructions="its own"),
        run_config={"model_settings": {"voice": "marin", "speed": 1.1, "model_name": "one"}},
        model_config={"initial_model_settings": {"voice": "cedar", "instructions": "initial"}},
        overrides={
            "model_name": "two",
            "audio": {"output": {"voice": "verse", "format": "g711_ulaw"}},
            "tools": [find_order],
        },
    )
    assert body["model"] == "two"
    assert body["instructions"] == "initial"
    assert body["audio"]["output"] == {"voice": "verse", "speed": 1.1, "format": ULAW}
    assert [tool["name"] for tool in body["tools"]] == ["find_order"]


def test_overrides_without_a_model_leave_it() -> None:
    settings: Any = {"model_settings": {"model_name": "one"}}
    body = body_of(RealtimeAgent(name="Desk"), run_config=settings, overrides={"voice": "verse"})
    assert body["model"] == "one"


def test_a_call_that_is_known_does_not_matter() -> None:
    agent = RealtimeAgent(name="Desk")
    config: Any = {"call_id": "rtc_1", "initial_model_settings": {"model_name": "one"}}
    assert body_of(agent, model_config=config)["model"] == "one"


def test_functions_of_the_context_are_asked() -> None:
    def instructions(context: RunContextWrapper[str], agent: RealtimeAgent[str]) -> str:
        return f"{agent.name} of {context.context}"

    agent = RealtimeAgent[str](name="Desk", instructions=instructions)
    assert body_of(agent, context="the shop")["instructions"] == "Desk of the shop"


def test_a_setting_that_is_wrong_is_named() -> None:
    settings: Any = {"loudness": 1}
    with pytest.raises(UserError, match="loudness"):
        body_of(RealtimeAgent(name="Desk"), overrides=settings)
    with pytest.raises(UserError, match="key"):
        body_of(RealtimeAgent(name="Desk"), model_config={"key": "k"})


# -- the session of a call -------------------------------------------------------------------------


@pytest.mark.parametrize("config", [None, {}, {"call_id": ""}])
def test_without_a_call_there_is_no_session(config: Any) -> None:
    client = ScriptedClient(ScriptedServer([]))
    runner = RealtimeRunner(
        RealtimeAgent(name="Desk"), model=OpenAIRealtimeSIPModel(), client=client
    )
    with pytest.raises(UserError, match="call_id"):
        runner.run(model_config=config).enter()
    assert client.server.urls == []
