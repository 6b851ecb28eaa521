"""A session of agents that joins a telephone call, on the scripted server."""

from __future__ import annotations

import pytest

from realtime_sync import ConnectionClosedError
from realtime_sync.agents import (
    OpenAIRealtimeSIPModel,
    RealtimeAgent,
    RealtimeModelSendRawMessage,
    RealtimeRunner,
)
from realtime_sync.testing import ScriptedClient, ScriptedServer, close_link, drop_link, text_answer

GREET = RealtimeModelSendRawMessage({"type": "response.create"})


def runner_on(server: ScriptedServer) -> RealtimeRunner[None]:
    return RealtimeRunner(
        RealtimeAgent(name="Desk", instructions="Be brief."),
        model=OpenAIRealtimeSIPModel(),
        client=ScriptedClient(server),
    )


def test_it_joins_the_call_and_leaves_its_formats_alone() -> None:
    server = ScriptedServer([[*text_answer("Hello, caller."), *close_link(1000, "")]])
    with server, runner_on(server).run(model_config={"call_id": "rtc_1"}) as session:
        session.model.send_event(GREET)
        ended = [event.agent.name for event in session if event.type == "agent_end"]
    assert ended == ["Desk"]
    [url] = server.urls
    assert "call_id=rtc_1" in url
    assert "model=" not in url
    [update] = [event for event in server.sent if event["type"] == "session.update"]
    audio = update["session"]["audio"]
    assert "format" not in audio["input"]
    assert "format" not in audio["output"]


def test_a_caller_who_hangs_up_ends_it_and_nobody_dials_again() -> None:
    server = ScriptedServer([])
    with server, runner_on(server).run(model_config={"call_id": "rtc_1"}) as session:
        server.emit(drop_link())
        with pytest.raises(ConnectionClosedError):
            list(session)
    assert len(server.urls) == 1
