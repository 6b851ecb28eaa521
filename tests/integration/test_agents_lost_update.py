"""A handoff whose update of the session goes down with its link: the new link gets it."""

from __future__ import annotations

from guards import GUARD_S

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.testing import ScriptedClient, ScriptedServer, Step, drop_link, error


def test_an_update_that_a_lost_link_may_not_have_taken_is_sent_once_more() -> None:
    update = {"type": "session.update", "session": {"instructions": "Second."}}
    server = ScriptedServer([])
    first = RealtimeAgent[None](name="First", instructions="First.")
    second = RealtimeAgent[None](name="Second", instructions="Second.")
    with RealtimeSession[None](agent=first, client=ScriptedClient(server)) as session:
        server.wait_sent("session.update")
        for event in session:
            raw = event.type == "raw_model_event" and event.data.type == "raw_server_event"
            if raw and event.data.data["type"] == "session.updated":
                break
        # With an error in its place nothing confirms it.
        server.extend(Step(update, [*error("too late"), *drop_link()]))
        session.update_agent(second)
        server.wait_opened(2, timeout=GUARD_S)
        sent = server.wait_sent(update, count=2, timeout=GUARD_S)
        assert sent["session"]["instructions"] == "Second."
