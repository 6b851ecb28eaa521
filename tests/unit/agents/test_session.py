"""What a session refuses before it is entered, and what it makes of its end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from scripted_voice import event

from realtime_sync import OpenAI, _fork
from realtime_sync._fork import Home
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.event_building import EventBuilder
from realtime_sync.agents.events import RealtimeEventInfo
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.model import RealtimePlaybackTracker
from realtime_sync.agents.model_facade import OpenAIRealtimeWebSocketModel
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.agents.runner import RealtimeRunner
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.agents.session_box import SessionBox
from realtime_sync.errors import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosedOK,
    RealtimeTimeout,
    UserError,
)
from realtime_sync.testing import MemorySink, MemorySource, ScriptedClient, ScriptedServer

DESK = RealtimeAgent[Any](name="Desk")


@pytest.mark.parametrize("audio", ["speaker", 7, (MemorySource(),), (1, 2, 3)])
def test_what_is_no_audio(audio: Any) -> None:
    with pytest.raises(UserError, match=r'no \(source, sink\), "default" or None'):
        RealtimeSession(agent=DESK, audio=audio)


@pytest.mark.parametrize("config", [[], "voice", 7, [("voice", "marin")]])
def test_what_is_no_config(config: Any) -> None:
    with pytest.raises(UserError, match="the run config must be a dictionary"):
        RealtimeRunner(DESK, config=config).run()
    with pytest.raises(UserError, match="the model config must be a dictionary"):
        RealtimeRunner(DESK).run(model_config=config)


@pytest.mark.parametrize("audio", [None, "default", (MemorySource(), MemorySink())])
def test_nothing_is_opened_before_it_is_entered(audio: Any) -> None:
    session = RealtimeSession(agent=DESK, audio=audio)
    session.close()
    for ask in (
        session.interrupt,
        session.recv,
        lambda: session.history,
        lambda: session.current_agent,
        lambda: session.connection,
        lambda: session.send_audio(b""),
        lambda: next(iter(session)),
    ):
        with pytest.raises(UserError, match="not entered"):
            ask()
    assert session.usage.requests == 0


@pytest.mark.parametrize("agent", [None, "Desk"])
def test_a_session_begins_with_an_agent(agent: Any) -> None:
    with pytest.raises(UserError, match="begins with a RealtimeAgent"):
        RealtimeSession(agent=agent).enter()


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"run_config": {"model": "x"}}, "model"),
        ({"model_config": {"call_id": "c", "initial_model_settings": {"model_name": "m"}}}, "call"),
        ({"run_config": {"guardrails_settings": {"debounce_text_length": 0}}}, "debounce"),
        ({"run_config": {"model_settings": {"speed": 9}}}, "speed"),
        ({"model_config": {"playback_tracker": 7}}, "playback_tracker=7 is none"),
        ({"model_config": {"playback_tracker": RealtimePlaybackTracker}}, "is none; give a Rea"),
        ({"run_config": {"guardrails_settings": None}}, "guardrails_settings must be a dictionary"),
        ({"run_config": {"guardrails_settings": {"debounce": 9}}}, "'debounce' is unknown"),
        ({"run_config": {"tool_execution": ["x"]}}, "tool_execution must be a dictionary"),
        ({"run_config": {"tool_error_formatter": "x"}}, "tool_error_formatter must be a function"),
        ({"model": OpenAIRealtimeWebSocketModel(transport_config={"x": 1})}, "'x'"),  # type: ignore
    ],
)
def test_what_can_not_work_is_told_when_it_is_entered(config: Any, match: str) -> None:
    server = ScriptedServer()
    with pytest.raises(UserError, match=match):
        RealtimeSession(agent=DESK, client=ScriptedClient(server), **config).enter()


def test_an_agent_that_can_not_work() -> None:
    @function_tool
    def look_up() -> str:
        """Look something up."""
        return ""

    server = ScriptedServer()
    agent = RealtimeAgent[Any](name="Desk", tools=[look_up, look_up])
    with pytest.raises(UserError, match="look_up"):
        RealtimeSession(agent=agent, client=ScriptedClient(server)).enter()
    assert server.urls == []


@pytest.mark.parametrize("client", [7, "OpenAI", ScriptedClient, OpenAI])
def test_what_is_no_client(client: Any) -> None:
    with pytest.raises(UserError, match=r"is none; pass one of realtime_sync, such as OpenAI\(\)"):
        RealtimeSession(agent=DESK, client=client).enter()


def test_a_model_is_for_one_session() -> None:
    model = OpenAIRealtimeWebSocketModel()
    runner = RealtimeRunner(DESK, model=model)
    assert runner.run().model is model
    with pytest.raises(UserError, match="another session"):
        runner.run()
    with pytest.raises(ConfigError, match="can't be used"):
        RealtimeRunner(DESK, model=7).run()  # type: ignore[arg-type]


def test_what_a_runner_gives_to_its_sessions() -> None:
    client = ScriptedClient(ScriptedServer())
    other = ScriptedClient(ScriptedServer())
    runner = RealtimeRunner(DESK, config={"async_tool_calls": False}, client=client)
    session = runner.run(context=7, hooks="hooks", events=False)
    assert (session._agent, session._client, session._run_config) == (DESK, client, runner.config)
    assert (session._context.context, session._hooks, session._wants_events) == (7, "hooks", False)
    assert runner.run(client=other)._client is other


def test_an_agent_may_be_given_later() -> None:
    session = RealtimeSession[Any](run_config={"async_tool_calls": False}, hooks="mine")
    session.bind(DESK, context=7, config={"async_tool_calls": True, "tracing_disabled": True})
    assert session._agent is DESK
    assert session._context.context == 7
    assert session._hooks == "mine"
    assert session._run_config == {"async_tool_calls": False, "tracing_disabled": True}
    with pytest.raises(UserError, match="another agent"):
        session.bind(RealtimeAgent[Any](name="Other"))
    with pytest.raises(UserError, match="must be a RealtimeSession"):
        RealtimeRunner.run(DESK, session="mine")  # type: ignore[arg-type]


# -- what happens ----------------------------------------------------------------------------------


def entered(*happened: Any, failure: BaseException | None = None) -> RealtimeSession[Any]:
    """Return a session that is as if it were entered, and its running side had told something."""
    session = RealtimeSession[Any](agent=DESK)
    box = SessionBox(on_room=lambda: None)
    for each in happened:
        box.put(each)
    over = ConnectionClosedOK(1000, "the session is closed", closed_by="this side")
    session._live = SimpleNamespace(  # type: ignore[assignment]  # as much as is asked for
        box=box,
        connection=None,
        failure=failure,
        end=lambda: over,
        stop=list,
        is_own_thread=lambda: True,
    )
    session._home = Home()
    session._builder = EventBuilder(RealtimeEventInfo(RunContextWrapper(None)))
    session._is_closed = True  # nobody has to give anything back
    return session


def test_nothing_happens_in_time_or_ever() -> None:
    session = entered()
    with pytest.raises(RealtimeTimeout, match="nothing has happened"):
        session.recv(timeout=0)
    session._running().box.close()
    assert list(session) == []
    with pytest.raises(ConnectionClosedOK):
        session.recv(timeout=0)


def test_a_forked_child_gets_nothing_of_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    session = entered(event("response.created"))
    monkeypatch.setattr(_fork, "_generation", _fork._generation + 1)
    with pytest.raises(ConcurrencyError, match="forked"):
        session.recv(timeout=0)
    with pytest.raises(ConcurrencyError, match="forked"):
        next(iter(session))
    with pytest.raises(ConcurrencyError, match="forked"):
        session.send_audio(b"", commit=True)


@pytest.mark.parametrize("commit", [None, 0, 1, "yes"])
def test_whether_a_turn_ends_is_no_guess(commit: Any) -> None:
    with pytest.raises(UserError, match="commit must be True or False"):
        entered().send_audio(b"", commit=commit)


def test_what_has_ended_it_comes_after_what_happened_before() -> None:
    session = entered(event("response.created"), failure=ValueError("broken"))
    session._running().box.close()
    events = iter(session)
    assert [next(events).type, next(events).type] == ["raw_model_event", "raw_model_event"]
    with pytest.raises(ValueError, match="broken"):
        next(events)
    with pytest.raises(ValueError, match="broken"):
        session.recv()


def test_a_silent_server_is_no_end_of_the_time_to_talk() -> None:
    session = entered(failure=RealtimeTimeout("the server owes an answer"))
    session._running().box.close()
    with pytest.raises(RealtimeTimeout, match="owes an answer"):
        session.talk(timeout=30)


def test_what_a_listener_raises_does_not_look_like_the_end() -> None:
    class Listener:
        def on_event(self, told: object) -> None:
            next(iter(()))

    session = entered(event("response.created"))
    session.model.add_listener(Listener())
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        list(session)
