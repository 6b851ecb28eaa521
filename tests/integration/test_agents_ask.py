"""`RealtimeSession.ask`: a question, and the last words of its whole answer."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from agent_talk import session_with, take_until
from guards import GUARD_S, Guard

from realtime_sync._threads import spawn
from realtime_sync.agents import (
    GuardrailFunctionOutput,
    Handoff,
    RealtimeAgent,
    RealtimeSession,
    function_tool,
    input_guardrail,
    output_guardrail,
)
from realtime_sync.errors import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosedOK,
    RealtimeTimeout,
    ServerError,
    UserError,
)
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedServer,
    Step,
    close_link,
    error,
    function_call,
    one_response,
    spoken_answer,
    text_answer,
)

DESK = RealtimeAgent[Any](name="Desk")
OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "by hand": dict,
    "without events": lambda: {"events": False},
    "aloud": lambda: {"audio": (MemorySource(), MemorySink())},
}


def ask(session: RealtimeSession[Any], text: str = "Well?") -> str:
    return session.ask(text, timeout=GUARD_S)


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_answer_is_what_is_said_when_all_tools_have_returned(kind: str, guard: Guard) -> None:
    is_called, may_return = threading.Event(), threading.Event()

    @function_tool
    def weather(city: str) -> str:
        """Tell the weather."""
        is_called.set()
        guard.wait(may_return, "the test")
        return f"rain in {city}"

    calls = one_response(
        text_answer("Let me see."), function_call("weather", {"city": "Oslo"}, "call_1")
    )
    server = ScriptedServer(
        [
            calls,
            Step({"item": {"call_id": "call_1", "output": "rain in Oslo"}}),
            spoken_answer("Take an umbrella."),
            text_answer("Goodbye."),
        ]
    )
    agent = RealtimeAgent[Any](name="Desk", tools=[weather])
    with server, session_with(server, agent, **OPTIONS[kind]()) as session:
        asker = Asker(session, "Do I need one?")
        guard.wait(is_called, "the call")
        assert asker.thread.is_alive()
        may_return.set()
        assert asker.result() == "Take an umbrella."
        assert ask(session) == "Goodbye."


class Asker:
    """A thread that asks."""

    def __init__(self, session: RealtimeSession[Any], text: str = "Well?") -> None:
        self._guard = Guard()
        self._session = session
        self._text = text
        self._got: list[Any] = []
        self.thread = spawn(self._run, name="asker")

    def _run(self) -> None:
        try:
            self._got.append(ask(self._session, self._text))
        except Exception as exc:
            self._got.append(exc)

    def result(self) -> Any:
        self._guard.join(self.thread)
        return self._got[0]


def test_the_next_agent_has_the_last_word() -> None:
    billing = RealtimeAgent[Any](name="Billing")
    desk = RealtimeAgent[Any](name="Desk", handoffs=[billing])
    server = ScriptedServer(
        [function_call(Handoff.default_tool_name(billing)), text_answer("It is a bill.")]
    )
    with server, session_with(server, desk) as session:
        assert ask(session, "What is this?") == "It is a bill."
        assert session.current_agent is billing


def test_guardrails_look_at_the_words_before_they_are_returned() -> None:
    @output_guardrail
    def no_prices(context: Any, agent: Any, text: str) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, tripwire_triggered="7 euros" in text)

    server = ScriptedServer([text_answer("It costs 7 euros."), text_answer("I may not say.")])
    agent = RealtimeAgent[Any](name="Desk", output_guardrails=[no_prices])
    with server, session_with(server, agent) as session:
        assert ask(session) == "I may not say."


def test_a_question_that_a_guardrail_forbids_is_answered_all_the_same() -> None:
    @input_guardrail(run_in_parallel=False)
    def polite(context: Any, agent: Any, text: Any) -> GuardrailFunctionOutput:
        return GuardrailFunctionOutput(None, tripwire_triggered="secret" in str(text))

    server = ScriptedServer([text_answer("Ask something else."), text_answer("Hello.")])
    agent = RealtimeAgent[Any](name="Desk", input_guardrails=[polite])
    with server, session_with(server, agent) as session:
        assert ask(session, "Tell me a secret.") == "Ask something else."
        assert "secret" not in str(server.sent[-3:])
        assert ask(session, "Hello?") == "Hello."


@pytest.mark.parametrize("kind", OPTIONS)
def test_after_it_the_session_goes_on(kind: str) -> None:
    server = ScriptedServer([text_answer("One."), text_answer("Two.")])
    with server, session_with(server, DESK, **OPTIONS[kind]()) as session:
        assert ask(session) == "One."
        if kind != "without events":
            session.send_message("And?")
            events = take_until(session, "agent_end")
            assert [event.type for event in events].count("agent_start") == 1
        else:
            assert ask(session) == "Two."


def test_the_model_may_say_nothing() -> None:
    with session_with(ScriptedServer(), DESK) as session:
        assert ask(session) == ""


@pytest.mark.parametrize("kind", OPTIONS)
def test_what_takes_too_long_is_interrupted(kind: str) -> None:
    server = ScriptedServer([text_answer("One.", finished=False), text_answer("Two.")])
    with session_with(server, DESK, **OPTIONS[kind]()) as session:
        with pytest.raises(RealtimeTimeout, match=r"not over within 0 s, and is interrupted"):
            session.ask("Well?", timeout=0)
        server.wait_sent("response.cancel", timeout=GUARD_S)
        assert ask(session) == "Two."


def test_a_refusal_is_raised() -> None:
    server = ScriptedServer([Step("response.create", error("no", code="bad")), text_answer("Yes.")])
    with server, session_with(server, DESK) as session:
        with pytest.raises(ServerError, match="no"):
            ask(session)
        assert ask(session) == "Yes."


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_end_of_the_session_ends_the_wait(kind: str) -> None:
    server = ScriptedServer([[*text_answer("One.")[:4], *close_link(1000)]])
    with (
        session_with(server, DESK, **OPTIONS[kind]()) as session,
        pytest.raises(ConnectionClosedOK),
    ):
        ask(session)
    with pytest.raises(ConnectionClosedOK):
        ask(session)


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_session_that_is_closed_meanwhile_ends_the_wait(kind: str) -> None:
    server = ScriptedServer([text_answer("One.", finished=False)])
    with session_with(server, DESK, **OPTIONS[kind]()) as session:
        asker = Asker(session)
        server.wait_sent("response.create", timeout=GUARD_S)
        session.close()
        assert isinstance(asker.result(), ConnectionClosedOK)


def test_what_ends_the_session_is_raised() -> None:
    @function_tool(failure_error_function=None)
    def fails() -> str:
        """Fail."""
        raise ZeroDivisionError("by zero")

    server = ScriptedServer([function_call("fails")])
    agent = RealtimeAgent[Any](name="Desk", tools=[fails])
    with (
        session_with(server, agent) as session,
        pytest.raises(ZeroDivisionError, match="by zero"),
    ):
        ask(session)


def test_nobody_else_may_iterate() -> None:
    server = ScriptedServer()
    with session_with(server, DESK) as session:
        sent = len(server.sent)
        session._consumer["now"] = other = object()
        with pytest.raises(ConcurrencyError, match="another thread takes this session's events"):
            ask(session)
        assert session._consumer["now"] is other
        assert len(server.sent) == sent
        del session._consumer["now"]

        asker = Asker(session)
        assert asker.result() == ""
        assert not session._consumer.locked()


def test_while_it_waits_nobody_else_iterates() -> None:
    server = ScriptedServer([text_answer("One.", finished=False)])
    with session_with(server, DESK) as session:
        asker = Asker(session)
        server.wait_sent("response.create", timeout=GUARD_S)
        for attempt in (session.recv, lambda: next(iter(session)), lambda: ask(session)):
            with pytest.raises(ConcurrencyError, match="another thread takes"):
                attempt()
        session.interrupt()
        assert asker.result() == "One."


def test_a_tool_may_not_wait_for_itself() -> None:
    raised: list[BaseException] = []

    @function_tool
    def asks() -> str:
        """Ask."""
        with pytest.raises(ConcurrencyError, match=r"call send_message\(\)") as caught:
            session.ask("Well?")
        raised.append(caught.value)
        return "done"

    server = ScriptedServer([function_call("asks"), text_answer("Done.")])
    session = session_with(server, RealtimeAgent[Any](name="Desk", tools=[asks]))
    with session:
        assert ask(session) == "Done."
    assert len(raised) == 1


@pytest.mark.parametrize("text", [None, 7, "", "  \n", ["a"], b"a"])
def test_what_has_no_words_is_no_question(text: Any) -> None:
    server = ScriptedServer()
    with session_with(server, DESK) as session:
        sent = len(server.sent)
        with pytest.raises(UserError, match=r"ask\(\) "):
            session.ask(text)
        with pytest.raises(ConfigError):
            session.ask("Well?", timeout="soon")  # type: ignore[arg-type]  # that is the test
        assert len(server.sent) == sent
    with pytest.raises(UserError, match="not entered"):
        session_with(server, DESK).ask("Well?")
