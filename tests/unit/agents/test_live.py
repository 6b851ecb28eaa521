"""The running side of a session, before it runs."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.live import Live
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.agents.session_box import NoAudience, SessionBox
from realtime_sync.connection.reconnect import ReconnectingEvent
from realtime_sync.errors import UserError
from realtime_sync.testing import MemorySink, MemorySource, ScriptedClient, ScriptedServer
from realtime_sync.voice.event_box import EventBox


@function_tool
def look_up() -> str:
    """Look something up."""
    return "found"


BILLING = RealtimeAgent[Any](name="Billing")
DESK = RealtimeAgent[Any](
    name="Desk", instructions="Greet.", tools=[look_up], handoffs=[BILLING], prompt={"id": "mine"}
)


def live(*, initial: Any = None, audio: Any = None, events: bool = True, **config: Any) -> Live:
    return Live(
        DESK,
        RunContextWrapper(None),
        client=ScriptedClient(ScriptedServer()),
        model_config={"initial_model_settings": initial or {}},
        run_config=config,  # type: ignore[arg-type]
        transport={},
        audio=audio,
        hooks=None,
        events=events,
        clock=VirtualClock(),
    )


def told(made: Live) -> tuple[Any, ...]:
    payload = made._payload
    tools = [tool["name"] for tool in payload["tools"]]
    return payload["instructions"], tools, payload.get("prompt")


def test_the_first_agent_is_told_what_it_brings() -> None:
    assert told(live()) == ("Greet.", ["look_up", "transfer_to_billing"], {"id": "mine"})


@pytest.mark.parametrize(
    ("initial", "expected"),
    [
        (
            {"instructions": "Hush."},
            ("Hush.", ["look_up", "transfer_to_billing"], {"id": "mine"}),
        ),
        ({"tools": []}, ("Greet.", ["transfer_to_billing"], {"id": "mine"})),
        ({"handoffs": []}, ("Greet.", ["look_up"], {"id": "mine"})),
        (
            {"prompt": {"id": "other"}},
            ("Greet.", ["look_up", "transfer_to_billing"], {"id": "other"}),
        ),
    ],
)
def test_the_model_config_replaces_that_for_the_first_agent(initial: Any, expected: Any) -> None:
    made = live(initial=initial)
    assert told(made) == expected
    assert made._dispatch.agent is DESK


def test_a_setting_that_can_not_be_meant() -> None:
    with pytest.raises(UserError, match="speed"):
        live(model_settings={"speed": 9})


def test_who_waits_when_the_program_takes_no_events() -> None:
    assert type(live().box) is SessionBox
    assert type(live(audio=(MemorySource(), MemorySink())).box) is EventBox
    assert isinstance(live(events=False).box, NoAudience)


def test_what_does_not_run_yet_can_be_ended() -> None:
    made = live()
    lost = ReconnectingEvent(
        attempt=1, max_attempts=5, delay=0.5, close_code=1006, extra_query={}, extra_headers={}
    )
    made._link_lost(lost)  # nobody to tell
    made.stop()
    made.close()
    made.close()
