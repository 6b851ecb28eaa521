"""Forks in a session of agents: the child's copy of it is dead, and the parent's goes on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from realtime_sync import ConcurrencyError
from realtime_sync.agents import RealtimeAgent, RealtimeRunner, RealtimeSession
from realtime_sync.testing import ScriptedClient, ScriptedServer, spoken_answer


def until_audio_end(session: RealtimeSession[Any]) -> None:
    """Let the session answer a message."""
    session.send_message("Hello!")
    for event in session:
        if event.type == "audio_end":
            return


def in_the_child(session: RealtimeSession[Any]) -> None:
    """Try everything: nothing may wait for a thread that is not there."""
    calls: list[Callable[[], object]] = [
        lambda: session.send_message("Hello!"),
        lambda: session.send_audio(b"ab"),
        lambda: list(session),
        lambda: session.recv(timeout=1),
        lambda: session.talk(timeout=1),
        lambda: session.say("Hello!", wait=True),
        lambda: session.interrupt(),
        lambda: session.update_agent(RealtimeAgent[Any](name="Other")),
        lambda: session.update_settings({"tool_choice": "none"}),
        lambda: session.approve_tool_call("call_1"),
        lambda: session.history,
        lambda: session.current_agent,
    ]
    for call in calls:
        try:
            call()
        except ConcurrencyError:
            continue
        raise AssertionError("a forked child can use its parent's session")
    session.close()


server = ScriptedServer([spoken_answer("Good morning."), spoken_answer("Good evening.")])
runner = RealtimeRunner(RealtimeAgent[Any](name="Desk"), client=ScriptedClient(server))
with runner.run() as session:
    until_audio_end(session)
    child = os.fork()
    if not child:
        in_the_child(session)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    until_audio_end(session)
server.assert_complete()
print("the parent goes on")
