"""A runner: a session of its own, or the whole conversation in one call."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from realtime_sync.agents import (
    OpenAIRealtimeWebSocketModel,
    RealtimeAgent,
    RealtimeRunHooks,
    RealtimeRunner,
    RealtimeSession,
    RunContextWrapper,
    UserError,
)
from realtime_sync.errors import ConfigError
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    close_link,
    spoken_answer,
    text_answer,
)

AGENT = RealtimeAgent[Any](name="Desk", instructions="Be brief.")
OTHER = RealtimeAgent[Any](name="Other")


class Heard(RealtimeRunHooks[Any]):
    """Keeps which context it was called with."""

    def __init__(self) -> None:
        self.contexts: list[Any] = []
        self.called = threading.Event()

    def on_agent_end(
        self, context: RunContextWrapper[Any], agent: RealtimeAgent[Any], output: Any
    ) -> None:
        self.contexts.append(context.context)
        self.called.set()


def one_answer() -> ScriptedServer:
    return ScriptedServer([[*text_answer("Hello."), *close_link(1000, "")]])


def greet(session: RealtimeSession[Any]) -> None:
    with session:
        session.send_message("Hi.")
        list(session)


# -- on a runner -----------------------------------------------------------------------------------


def test_it_makes_a_session_that_is_not_connected_yet() -> None:
    server = one_answer()
    session = RealtimeRunner(AGENT).run(client=ScriptedClient(server))
    assert isinstance(session, RealtimeSession)
    assert server.urls == []
    greet(session)
    assert len(server.urls) == 1


def test_each_run_makes_another() -> None:
    runner = RealtimeRunner(AGENT)
    assert runner.run() is not runner.run()


def test_the_client_of_a_run_counts_more_than_the_runners() -> None:
    server, unused = one_answer(), one_answer()
    runner = RealtimeRunner(AGENT, client=ScriptedClient(unused))
    greet(runner.run(client=ScriptedClient(server)))
    assert (len(server.urls), len(unused.urls)) == (1, 0)
    greet(runner.run())
    assert len(unused.urls) == 1


def test_its_config_is_that_of_the_session() -> None:
    server = one_answer()
    runner = RealtimeRunner(AGENT, config={"model_settings": {"voice": "marin"}})
    greet(runner.run(client=ScriptedClient(server)))
    assert server.sent[0]["session"]["audio"]["output"]["voice"] == "marin"


def test_a_model_is_for_one_session() -> None:
    runner = RealtimeRunner(AGENT, model=OpenAIRealtimeWebSocketModel())
    runner.run()
    with pytest.raises(UserError, match="another session"):
        runner.run()


def test_a_model_of_another_kind_is_refused() -> None:
    model: Any = object()
    with pytest.raises(ConfigError, match=r"realtime_sync\.testing"):
        RealtimeRunner(AGENT, model=model).run()


@pytest.mark.parametrize("where", ["run", "config"])
def test_hooks_are_called_with_the_context(where: str, guard: Any) -> None:
    hooks, context = Heard(), object()
    client = ScriptedClient(one_answer())
    if where == "run":
        session = RealtimeRunner(AGENT, client=client).run(context=context, hooks=hooks)
    else:
        runner = RealtimeRunner(AGENT, client=client, config={"hooks": hooks})
        session = runner.run(context=context)
    greet(session)
    guard.wait(hooks.called, "the hook")
    assert hooks.contexts == [context]


def test_hooks_of_a_run_come_in_the_place_of_the_configs() -> None:
    of_the_run, of_the_config = Heard(), Heard()
    client = ScriptedClient(one_answer())
    runner = RealtimeRunner(AGENT, client=client, config={"hooks": of_the_config})
    greet(runner.run(hooks=of_the_run))
    assert (len(of_the_run.contexts), of_the_config.contexts) == (1, [])


# -- on the class ----------------------------------------------------------------------------------


def configured(**options: Any) -> tuple[RealtimeSession[Any], MemorySource, MemorySink]:
    source, sink = MemorySource(), MemorySink()
    server = ScriptedServer([spoken_answer("Good evening.", audio_ms=100)])
    client = ScriptedClient(server)
    options = {"client": client, "audio": (source, sink), **options}
    return RealtimeSession[Any](**options), source, sink


def test_it_talks_to_the_end_and_returns_the_result() -> None:
    hooks, context = Heard(), object()
    session, source, sink = configured(run_config={"hooks": hooks})

    def speak() -> None:
        sink.wait_written(100)
        source.end()

    speaker = threading.Thread(target=speak)
    speaker.start()
    session.model.add_listener(Greeter(session))
    result = RealtimeRunner.run(AGENT, session=session, context=context)
    speaker.join()
    assert result.end_reason == "source_ended"
    assert result.final_output == "Good evening."
    assert result.last_agent is AGENT
    assert result.context_wrapper.context is context
    assert hooks.contexts == [context]


class Greeter:
    """Sends a message as soon as the session is there."""

    def __init__(self, session: RealtimeSession[Any]) -> None:
        self._session = session
        self._done = False

    def on_event(self, event: Any) -> None:
        if not self._done:
            self._done = True
            self._session.send_message("Hi.")


def test_a_session_that_has_another_agent_is_refused() -> None:
    session, _, _ = configured(agent=OTHER)
    with pytest.raises(UserError, match="another agent"):
        RealtimeRunner.run(AGENT, session=session)


def test_a_session_that_has_this_agent_is_not() -> None:
    session, source, _ = configured(agent=AGENT)
    source.end()
    assert RealtimeRunner.run(AGENT, session=session).last_agent is AGENT


def test_a_session_that_was_entered_is_refused() -> None:
    session, _, _ = configured(agent=AGENT)
    with session, pytest.raises(UserError, match="entered"):
        RealtimeRunner.run(AGENT, session=session)


def test_what_is_no_session_is_refused() -> None:
    session: Any = {"voice": "marin"}
    with pytest.raises(UserError, match="RealtimeSession"):
        RealtimeRunner.run(AGENT, session=session)


def test_what_the_session_has_counts_more_than_the_config() -> None:
    session, source, _ = configured(run_config={"model_settings": {"voice": "cedar"}})
    source.end()
    server = session._client.server
    config: Any = {"model_settings": {"voice": "marin"}, "tracing_disabled": True}
    RealtimeRunner.run(AGENT, session=session, config=config)
    assert server.sent[0]["session"]["audio"]["output"]["voice"] == "cedar"


def test_the_context_of_the_session_stays_if_none_is_given() -> None:
    context = object()
    session, source, _ = configured(context=context)
    source.end()
    assert RealtimeRunner.run(AGENT, session=session).context_wrapper.context is context
