"""The calls of an agent's model: what is sent, what the program is told, and what is fatal."""

from __future__ import annotations

import threading
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
from guards import GUARD_S, Guard

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import (
    FunctionTool,
    ToolErrorFormatterArgs,
    function_tool,
)
from realtime_sync.agents.hooks import RealtimeRunHooks
from realtime_sync.agents.model_events import RealtimeModelToolCallEvent
from realtime_sync.agents.model_inputs import RealtimeModelSendToolOutput
from realtime_sync.agents.run_context import ToolContext
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.agents.tool_guardrails import (
    ToolGuardrailFunctionOutput,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    tool_input_guardrail,
    tool_output_guardrail,
)
from realtime_sync.errors import ModelBehaviorError, ToolTimeoutError
from realtime_sync.testing import (
    ScriptedServer,
    Step,
    close_link,
    drop_link,
    function_call,
    one_response,
    spoken_answer,
    text_answer,
    user_turn,
)


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


@function_tool(needs_approval=True)
def refund(amount: int) -> str:
    """Give money back."""
    return f"{amount} refunded"


def desk(*tools: FunctionTool) -> RealtimeAgent[Any]:
    return RealtimeAgent(name="Desk", tools=list(tools))


def output_of(server: ScriptedServer, call_id: str = "call_1") -> str:
    """Return what the model was told of a call, which happened once."""
    server.wait_sent({"item": {"type": "function_call_output", "call_id": call_id}})
    items = [event["item"] for event in server.sent if event["type"] == "conversation.item.create"]
    [output] = [
        each["output"] for each in items if each.get("call_id") == call_id and "output" in each
    ]
    return str(output)


def ask(session: RealtimeSession[Any], count: int = 2) -> list[Any]:
    """Ask something, and return the events until the answer's end."""
    begin(session)
    session.send_message("Now?")
    return take_until(session, "agent_end", count)


# -- one call --------------------------------------------------------------------------------------


def test_the_events_and_messages_of_a_call() -> None:
    server = ScriptedServer(
        [function_call("get_weather", {"city": "Oslo"}, "call_1"), text_answer("It rains.")]
    )
    agent = desk(get_weather)
    with server, session_with(server, agent) as session:
        events = ask(session)
    told = kinds(events, data=True)
    call = told[told.index("agent_start") + 1 : told.index("agent_start", 5)]
    assert call == [
        *["[item_updated]", "history_added", "[function_call]"],
        *["tool_start", "[item_updated]", "history_updated", "tool_end"],
        *["[turn_ended]", "agent_end", "[turn_started]"],
    ]
    start = next(event for event in events if event.type == "tool_start")
    end = next(event for event in events if event.type == "tool_end")
    assert (start.agent, start.tool, start.arguments) == (agent, get_weather, '{"city": "Oslo"}')
    assert (end.agent, end.tool, end.output) == (agent, get_weather, "rain in Oslo")
    shown = [event.history for event in events if event.type == "history_updated"]
    assert [item.output for item in shown[-1] if item.type == "function_call"] == ["rain in Oslo"]
    assert sent_types(server)[1:] == [
        *["conversation.item.create", "response.create"],
        *["conversation.item.create", "response.create"],
    ]
    assert output_of(server) == "rain in Oslo"


def test_a_tool_returns_what_it_likes_and_the_model_gets_text() -> None:
    @function_tool
    def look_up() -> dict[str, int]:
        """Look something up."""
        return {"found": 3}

    server = ScriptedServer([function_call("look_up", {}, "call_1"), text_answer("Three.")])
    with server, session_with(server, desk(look_up)) as session:
        end = next(event for event in ask(session) if event.type == "tool_end")
    assert end.output == {"found": 3}
    assert output_of(server) == '{"found": 3}'


def test_an_unknown_tool_gets_an_output_an_answer_and_an_error() -> None:
    server = ScriptedServer([function_call("fly", {}, "call_1"), text_answer("I can't.")])
    with server, session_with(server, desk(get_weather)) as session:
        events = ask(session)
    assert "fly" in output_of(server)
    wrong = next(event for event in events if event.type == "error")
    assert isinstance(wrong.error, ModelBehaviorError)
    assert "fly" in str(wrong.error)
    assert "tool_start" not in kinds(events)


def test_a_tool_that_is_switched_off_meanwhile_is_unknown() -> None:
    on = [True]

    @function_tool(is_enabled=lambda context, agent: on[0])
    def dance() -> str:
        """Dance."""
        raise AssertionError("not enabled")

    server = ScriptedServer([function_call("dance", {}, "call_1"), text_answer("I can't.")])
    with server, session_with(server, desk(dance)) as session:
        on[0] = False
        assert "error" in kinds(ask(session))
    assert output_of(server) == "Tool dance not found"


def test_a_call_that_comes_twice_is_answered_once() -> None:
    call = function_call("get_weather", {"city": "Oslo"}, "call_1", item_id="item_c")
    done = next(event for event in call if event["type"] == "response.output_item.done")
    at = call.index(done)
    server = ScriptedServer([[*call[:at], done, *call[at:]], text_answer("It rains.")])
    with server, session_with(server, desk(get_weather)) as session:
        events = ask(session)
    assert kinds(events).count("tool_start") == 1
    assert "error" not in kinds(events)
    assert output_of(server) == "rain in Oslo"


def test_another_call_with_its_id_is_an_error() -> None:
    server = ScriptedServer(
        [
            one_response(
                function_call("get_weather", {"city": "Oslo"}, "call_1"),
                function_call("get_weather", {"city": "Rome"}, "call_1"),
            ),
            text_answer("It rains."),
        ]
    )
    with server, session_with(server, desk(get_weather)) as session:
        events = ask(session)
    [wrong] = [event for event in events if event.type == "error"]
    assert isinstance(wrong.error, ModelBehaviorError)
    assert "'call_1'" in str(wrong.error)
    assert output_of(server) == "rain in Oslo"


def test_arguments_that_do_not_fit_are_told_to_the_model() -> None:
    server = ScriptedServer(
        [
            one_response(
                function_call("get_weather", {"town": "Oslo"}, "call_1"),
                function_call("get_weather", "{broken", "call_2"),
            ),
            text_answer("Sorry."),
        ]
    )
    with server, session_with(server, desk(get_weather)) as session:
        events = ask(session)
    assert "city" in output_of(server, "call_1")
    assert "JSON" in output_of(server, "call_2")
    assert "tool_start" not in kinds(events)
    assert kinds(events).count("tool_end") == 2


# -- several calls ---------------------------------------------------------------------------------


def test_calls_run_side_by_side_and_one_response_follows_all() -> None:
    together = threading.Barrier(2, timeout=GUARD_S)
    slow = threading.Event()

    @function_tool
    def first() -> str:
        """Wait for the other one."""
        together.wait()
        return "one"

    @function_tool
    def second() -> str:
        """Wait for the other one, and longer."""
        together.wait()
        assert slow.wait(GUARD_S)
        return "two"

    server = ScriptedServer(
        [
            one_response(function_call("first", {}, "call_1"), function_call("second", {}, "c_2")),
            text_answer("Done."),
        ]
    )
    with server, session_with(server, desk(first, second)) as session:
        begin(session)
        session.send_message("Now!")
        take_until(session, "tool_end")
        server.wait_sent({"item": {"call_id": "call_1"}})
        assert sent_types(server).count("response.create") == 1
        slow.set()
        take_until(session, "agent_end")
    assert sent_types(server).count("response.create") == 2
    assert server.sent[-2]["item"]["output"] == "two"


def test_one_after_the_other_where_that_is_wanted() -> None:
    running: list[int] = []

    @function_tool
    def step() -> str:
        """Go one step."""
        running.append(1)
        assert len(running) == 1
        running.pop()
        return "done"

    calls = [function_call("step", {}, f"call_{n}") for n in range(4)]
    server = ScriptedServer([one_response(*calls), text_answer("There.")])
    config = {"async_tool_calls": False}
    with server, session_with(server, desk(step), run_config=config) as session:
        ask(session)
    assert [output_of(server, f"call_{n}") for n in range(4)] == ["done"] * 4


# -- approval --------------------------------------------------------------------------------------


def test_a_call_waits_for_approval_and_holds_nobody_back() -> None:
    server = ScriptedServer(
        [
            one_response(
                function_call("refund", {"amount": 5}, "call_1"),
                function_call("get_weather", {"city": "Oslo"}, "call_2"),
            ),
            text_answer("It rains. The refund takes a moment."),
            text_answer("It is refunded."),
        ]
    )
    agent = desk(refund, get_weather)
    with server, session_with(server, agent) as session:
        events = ask(session)
        asked = next(event for event in events if event.type == "tool_approval_required")
        assert (asked.agent, asked.tool, asked.call_id) == (agent, refund, "call_1")
        assert asked.arguments == '{"amount": 5}'
        assert "refund" not in [event.tool.name for event in events if event.type == "tool_end"]
        assert session.approve_tool_call("call_1")
        assert not session.approve_tool_call("call_1")
        events = take_until(session, "agent_end")
    assert kinds(events)[:1] == ["tool_start"]
    assert output_of(server) == "5 refunded"
    assert sent_types(server).count("response.create") == 3


def test_the_only_call_waits_for_approval() -> None:
    server = ScriptedServer([function_call("refund", {"amount": 5}, "call_1"), text_answer("Ok.")])
    with server, session_with(server, desk(refund)) as session:
        ask(session, 1)
        assert sent_types(server).count("response.create") == 1
        session.approve_tool_call("call_1")
        take_until(session, "agent_end")
    assert sent_types(server).count("response.create") == 2


def test_approved_once_for_all() -> None:
    server = ScriptedServer(
        [
            function_call("refund", {"amount": 5}, "call_1"),
            function_call("refund", {"amount": 6}, "call_2"),
            text_answer("Both."),
        ]
    )
    with server, session_with(server, desk(refund)) as session:
        ask(session, 1)
        session.approve_tool_call("call_1", always=True)
        events = take_until(session, "agent_end", 2)
    assert "tool_approval_required" not in kinds(events)
    assert output_of(server, "call_2") == "6 refunded"


def test_rejected_once_for_all() -> None:
    server = ScriptedServer(
        [
            function_call("refund", {"amount": 5}, "call_1"),
            function_call("refund", {"amount": 6}, "call_2"),
            text_answer("Neither."),
        ]
    )
    with server, session_with(server, desk(refund)) as session:
        ask(session, 1)
        assert session.reject_tool_call("call_1", always=True, rejection_message="Not today.")
        events = take_until(session, "agent_end", 2)
    assert "tool_start" not in kinds(events)
    assert [output_of(server, f"call_{n}") for n in (1, 2)] == ["Not today."] * 2


@pytest.mark.parametrize(
    ("formatted", "message", "told"),
    [
        (None, None, "Tool execution was not approved."),
        ("Ask your boss.", None, "Ask your boss."),
        ("Ask your boss.", "No.", "No."),
    ],
)
def test_what_the_model_is_told_of_a_rejection(
    formatted: str | None, message: str | None, told: str
) -> None:
    def explain(args: ToolErrorFormatterArgs[Any]) -> str | None:
        assert (args.kind, args.tool_name, args.call_id) == (
            "approval_rejected",
            "refund",
            "call_1",
        )
        return formatted

    server = ScriptedServer([function_call("refund", {"amount": 5}, "call_1"), text_answer("No.")])
    config = {"tool_error_formatter": explain}
    with server, session_with(server, desk(refund), run_config=config) as session:
        ask(session, 1)
        session.reject_tool_call("call_1", rejection_message=message)
        take_until(session, "agent_end")
    assert output_of(server) == told


def test_who_never_asked_can_not_be_answered() -> None:
    server = ScriptedServer()
    with server, session_with(server, desk(refund)) as session:
        assert not session.approve_tool_call("call_7")
        assert not session.reject_tool_call("call_7")


def test_approval_may_depend_on_the_arguments() -> None:
    @function_tool(needs_approval=lambda context, arguments, call_id: arguments["amount"] > 5)
    def pay(amount: int) -> str:
        """Pay."""
        return f"{amount} paid"

    server = ScriptedServer(
        [
            one_response(
                function_call("pay", {"amount": 5}, "call_1"),
                function_call("pay", {"amount": 6}, "call_2"),
            ),
            text_answer("Five."),
        ]
    )
    with server, session_with(server, desk(pay)) as session:
        events = ask(session)
    asked = [event.call_id for event in events if event.type == "tool_approval_required"]
    assert asked == ["call_2"]


# -- failures --------------------------------------------------------------------------------------


def test_what_the_model_is_told_of_a_failure() -> None:
    @function_tool
    def silent() -> str:
        """Fail."""
        raise RuntimeError("the password is 1234")

    @function_tool(failure_error_function=lambda context, error: f"It failed: {error}.")
    def frank() -> str:
        """Fail."""
        raise RuntimeError("no paper")

    server = ScriptedServer(
        [
            one_response(
                function_call("silent", {}, "call_1"), function_call("frank", {}, "call_2")
            ),
            text_answer("Sorry."),
        ]
    )
    with server, session_with(server, desk(silent, frank)) as session:
        ask(session)
    expected = "An error occurred while running the tool. Please try again."
    assert output_of(server, "call_1") == expected
    assert output_of(server, "call_2") == "It failed: no paper."


def fatal(server: ScriptedServer, tool: FunctionTool) -> tuple[list[str], BaseException]:
    """Let a call end a session; return what came before, and why it ended."""
    with server, session_with(server, desk(tool)) as session:
        session.send_message("Now!")
        seen, error = until_error(session)
        with pytest.raises(type(error)):
            session.recv()
        assert until_error(session) == ([], error)
    return kinds(seen), error


def test_a_failure_that_is_to_be_fatal() -> None:
    class NoTableError(Exception):
        pass

    @function_tool(failure_error_function=None)
    def find() -> str:
        """Find a table."""
        raise NoTableError

    server = ScriptedServer([function_call("find", {}, "call_1")])
    seen, error = fatal(server, find)
    assert isinstance(error, NoTableError)
    assert seen[-1] in ("tool_start", "agent_end")
    assert "error" not in seen


def test_a_timeout_is_told_or_fatal() -> None:
    def wait(context: ToolContext[Any]) -> str:
        """Wait."""
        context.wait(GUARD_S)
        return "late"

    told = function_tool(timeout=0.01)(wait)
    server = ScriptedServer([function_call("wait", {}, "call_1"), text_answer("Sorry.")])
    with server, session_with(server, desk(told)) as session:
        ask(session)
    assert output_of(server) == "Tool 'wait' timed out after 0.01 seconds."
    raising = function_tool(timeout=0.01, timeout_behavior="raise_exception")(wait)
    server = ScriptedServer([function_call("wait", {}, "call_1")])
    _, error = fatal(server, raising)
    assert isinstance(error, ToolTimeoutError)


def test_checks_of_calls_and_outputs() -> None:
    @tool_input_guardrail
    def no_oslo(data: Any) -> ToolGuardrailFunctionOutput:
        if "Oslo" in data.context.tool_arguments:
            return ToolGuardrailFunctionOutput.reject_content("Not Oslo.")
        return ToolGuardrailFunctionOutput.allow()

    @tool_output_guardrail
    def no_rain(data: Any) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.reject_content(f"Not {data.output!r}.")

    def weather(city: str) -> str:
        """Tell the weather."""
        return f"rain in {city}"

    made = function_tool(tool_input_guardrails=[no_oslo], tool_output_guardrails=[no_rain])
    server = ScriptedServer(
        [
            one_response(
                function_call("weather", {"city": "Oslo"}, "call_1"),
                function_call("weather", {"city": "Rome"}, "call_2"),
            ),
            text_answer("Sorry."),
        ]
    )
    with server, session_with(server, desk(made(weather))) as session:
        ask(session)
    assert output_of(server, "call_1") == "Not Oslo."
    assert output_of(server, "call_2") == "Not 'rain in Rome'."


@pytest.mark.parametrize("side", ["input", "output"])
def test_a_check_that_is_to_be_fatal(side: str) -> None:
    def refuse(data: Any) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.raise_exception()

    def work() -> str:
        """Work."""
        return "done"

    made = (
        function_tool(tool_input_guardrails=[tool_input_guardrail(refuse)])
        if side == "input"
        else function_tool(tool_output_guardrails=[tool_output_guardrail(refuse)])
    )
    server = ScriptedServer([function_call("work", {}, "call_1")])
    seen, error = fatal(server, made(work))
    expected = (
        ToolInputGuardrailTripwireTriggered
        if side == "input"
        else ToolOutputGuardrailTripwireTriggered
    )
    assert isinstance(error, expected)
    assert ("tool_start" in seen) == (side == "output")


def test_calls_are_checked_before_approval_too_where_that_is_wanted() -> None:
    @tool_input_guardrail
    def refuse(data: Any) -> ToolGuardrailFunctionOutput:
        return ToolGuardrailFunctionOutput.reject_content("Never.")

    @function_tool(needs_approval=True, tool_input_guardrails=[refuse])
    def pay() -> str:
        """Pay."""
        return "paid"

    server = ScriptedServer([function_call("pay", {}, "call_1"), text_answer("No.")])
    config = {"tool_execution": {"pre_approval_tool_input_guardrails": True}}
    with server, session_with(server, desk(pay), run_config=config) as session:
        assert "tool_approval_required" not in kinds(ask(session))
    assert output_of(server) == "Never."


# -- calls and the rest of the conversation --------------------------------------------------------


def test_an_output_by_the_facade() -> None:
    server = ScriptedServer([Step({"item": {"call_id": "call_9"}}), text_answer("I see.")])
    call = RealtimeModelToolCallEvent(name="elsewhere", call_id="call_9", arguments="{}")
    with server, session_with(server, desk()) as session:
        session.model.send_event(RealtimeModelSendToolOutput(call, "42", start_response=True))
        take_until(session, "agent_end")
        session.send_output("call_9", "43", respond=False)
    assert sent_types(server)[-1] == "conversation.item.create"


def test_an_output_after_an_interruption_is_sent_and_brings_no_answer_of_its_own() -> None:
    go_on = threading.Event()

    @function_tool
    def search() -> str:
        """Search."""
        assert go_on.wait(GUARD_S)
        return "found"

    speaking = spoken_answer("Let me see.", audio_ms=40, finished=False)
    calling = function_call("search", {}, "call_1")[:-1]
    server = ScriptedServer([one_response(speaking, calling), spoken_answer("Yes?", audio_ms=40)])
    with server, session_with(server, desk(search)) as session:
        begin(session)
        session.send_message("Now!")
        take_until(session, "tool_start")
        server.emit(user_turn("Wait!"))
        take_until(session, "audio_interrupted")
        take_until(session, "agent_end", 2)
        go_on.set()
        take_until(session, "tool_end")
    assert output_of(server) == "found"
    assert sent_types(server).count("response.create") == 1


def test_an_output_after_a_reconnect_is_sent_where_the_call_is_still_there() -> None:
    go_on = threading.Event()

    @function_tool
    def search() -> str:
        """Search."""
        assert go_on.wait(GUARD_S)
        return "found"

    server = ScriptedServer([function_call("search", {}, "call_1"), text_answer("There it is.")])
    with server, session_with(server, desk(search)) as session:
        begin(session)
        session.send_message("Now!")
        take_until(session, "agent_end")
        server.emit(drop_link())
        events = take_until_raw(session, "reconnected")
        go_on.set()
        take_until(session, "agent_end")
    assert output_of(server) == "found"
    told = [event.data.type for event in events if event.type == "raw_model_event"]
    assert "reconnecting" in told


def test_a_call_at_the_very_end_of_the_session(guard: Guard) -> None:
    started = threading.Event()

    @function_tool
    def search() -> str:
        """Search."""
        started.set()
        return "found"

    server = ScriptedServer([[*function_call("search", {}, "call_1"), *close_link()]])
    with server, session_with(server, desk(search)) as session:
        session.send_message("Now!")
        assert "error" not in kinds(rest(session))


def test_a_session_ends_while_a_call_waits_for_approval() -> None:
    server = ScriptedServer([function_call("refund", {"amount": 5}, "call_1")])
    with server, session_with(server, desk(refund)) as session:
        ask(session, 1)
    assert not session.approve_tool_call("call_1")
    assert sent_types(server).count("conversation.item.create") == 1


def test_approval_after_a_reconnect() -> None:
    server = ScriptedServer([function_call("refund", {"amount": 5}, "call_1")])
    with server, session_with(server, desk(refund)) as session:
        ask(session, 1)
        server.emit(drop_link())
        take_until_raw(session, "reconnected")
        server.extend(text_answer("Done."))
        assert session.approve_tool_call("call_1")
        take_until(session, "agent_end")
    assert output_of(server) == "5 refunded"


def test_a_tool_that_runs_at_the_end_is_told_so() -> None:
    told: list[bool] = []
    running = threading.Event()

    @function_tool
    def search(context: ToolContext[Any]) -> str:
        """Search."""
        running.set()
        told.append(context.wait(GUARD_S))
        return "found"

    server = ScriptedServer([function_call("search", {}, "call_1")])
    with server, session_with(server, desk(search)) as session:
        session.send_message("Now!")
        assert running.wait(GUARD_S)
    assert told == [True]


def test_hooks_and_tools_may_call_the_session(guard: Guard) -> None:
    """Whoever calls waits for the engine, which waits for none of them."""
    sessions: list[RealtimeSession[Any]] = []
    approved = threading.Event()

    class Approving(RealtimeRunHooks[Any]):
        def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            sessions[0].update_settings({"speed": 1.1})
            if sessions[0].approve_tool_call("call_1"):
                approved.set()

    @function_tool
    def ring() -> str:
        """Ring."""
        sessions[0].update_settings({"speed": 1.2})
        sessions[0].send_message("It rings.")
        return "rung"

    server = ScriptedServer(
        [
            function_call("refund", {"amount": 5}, "call_1"),
            function_call("ring", {}, "call_2"),
            text_answer("Done."),
        ]
    )
    session = session_with(server, desk(refund, ring), hooks=Approving())
    with server, session:
        sessions.append(session)
        session.send_message("Now!")
        take_until(session, "agent_end", 3)
        guard.wait(approved, "the approval by a hook")
    assert output_of(server, "call_2") == "rung"
