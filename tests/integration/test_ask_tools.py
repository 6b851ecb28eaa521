"""`ask` and `stream` with functions: the model's calls are answered until its final answer."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from embedded import Server
from guards import Guard, VirtualClock

from realtime_sync import (
    ConfigError,
    ConnectionClosedOK,
    Local,
    LocalProtocolError,
    RealtimeConnection,
    RealtimeTimeout,
    ServerError,
)
from realtime_sync._deadline import Deadline
from realtime_sync._threads import spawn
from realtime_sync.connection import ConnectionSettings
from realtime_sync.events import ResponseOutputTextDelta
from realtime_sync.tools import CallContext
from realtime_sync.transport import MemoryPeer, memory_pair

GUARD_S = 30.0
TEXT: Any = {"output_modalities": ["text"]}


def get_weather(city: str) -> dict[str, object]:
    """Tell the weather in a city.

    Args:
        city: such as London.
    """
    return {"condition": "cloudy", "temperature": 14}


# -- the embedded server ---------------------------------------------------------------------------


@pytest.fixture
def embedded(ws_server: Server) -> Iterator[RealtimeConnection]:
    client = Local(url=ws_server.url, api_key=ws_server.key)
    with client.realtime.connect() as connection:
        yield connection


def test_the_embedded_server_calls_a_function(embedded: RealtimeConnection) -> None:
    question = "What is the weather in London?"
    reply = embedded.ask(question, tools=[get_weather], response=TEXT, timeout=GUARD_S)
    assert reply.text == "The weather in London is cloudy, 14 degrees."
    assert reply.function_calls == []
    again = embedded.ask(question, response=TEXT, timeout=GUARD_S)
    assert "no tool" in again.text  # they were of that turn alone


def test_its_answer_is_streamed(embedded: RealtimeConnection) -> None:
    tools = {"get_weather": get_weather}
    deltas = embedded.stream("The weather in Rome?", tools=tools, response=TEXT, timeout=GUARD_S)
    said = [event.delta for event in deltas if isinstance(event, ResponseOutputTextDelta)]
    assert "".join(said) == "The weather in Rome is cloudy, 14 degrees."


def test_an_answer_is_spoken_after_a_call(embedded: RealtimeConnection) -> None:
    reply = embedded.ask("What is the weather in London?", tools=get_weather, timeout=GUARD_S)
    assert reply.transcript == "The weather in London is cloudy, 14 degrees."
    assert reply.audio


# -- a server by hand ------------------------------------------------------------------------------


class Script:
    """The other side of a connection, which says what a test wants."""

    def __init__(self, peer: MemoryPeer) -> None:
        self.peer = peer

    def send(self, type: str, **fields: Any) -> None:
        self.peer.send(json.dumps({"type": type, "event_id": "event_1", **fields}))

    def receive(self, type: str) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.peer.receive(GUARD_S))
        assert event["type"] == type
        return event

    def created(self) -> dict[str, Any]:
        """Take a request for an answer; return what it asks for."""
        asked: dict[str, Any] = self.receive("response.create")["response"]
        self.response = {"id": "resp_" + asked["metadata"]["realtime_sync_turn"]}
        self.response |= {"metadata": asked["metadata"], "output": [], "status": "in_progress"}
        self.send("response.created", response=self.response)
        return asked

    def done(self, *output: dict[str, Any], status: str = "completed") -> None:
        done = {**self.response, "status": status, "output": list(output)}
        self.send("response.done", response=done)

    def says(self, words: str) -> None:
        at = {"response_id": self.response["id"], "item_id": "item_a", "output_index": 0}
        self.send("response.output_text.delta", **at, content_index=0, delta=words)
        self.done()

    def outputs(self, count: int) -> dict[str, Any]:
        items = [self.receive("conversation.item.create")["item"] for _ in range(count)]
        assert {item["type"] for item in items} <= {"function_call_output"}
        return {item["call_id"]: item["output"] for item in items}


def call(name: str, call_id: str = "call_1", arguments: object = "{}", **more: Any) -> Any:
    item = {"type": "function_call", "id": f"item_{call_id}", "call_id": call_id, "name": name}
    return {**item, "arguments": arguments, "status": "completed", **more}


Opener = Callable[..., tuple[RealtimeConnection, Script]]


@pytest.fixture
def connect() -> Iterator[Opener]:
    opened = []

    def open_one() -> tuple[RealtimeConnection, Script]:
        transport, peer = memory_pair()
        connection = RealtimeConnection(transport, settings=ConnectionSettings())
        connection.start()
        opened.append(connection)
        return connection, Script(peer)

    yield open_one
    for connection in opened:
        connection.close()


def asking(connection: RealtimeConnection, tools: Any, **options: Any) -> Callable[[], Any]:
    """Ask on a thread; the returned function waits for the reply, or for what was raised."""
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            results.put(connection.ask("Go", tools=tools, **{"timeout": GUARD_S, **options}))
        except Exception as exc:  # handed to the test
            results.put(exc)

    spawn(ask, name="test")
    return lambda: results.get(timeout=GUARD_S)


def test_calls_of_one_answer_run_at_once_and_are_answered_together(
    connect: Opener, guard: Guard
) -> None:
    connection, server = connect()
    both = threading.Barrier(2)

    def meet(who: str) -> str:
        both.wait(guard.seconds)
        return f"{who} was there"

    wait = asking(connection, [meet])
    server.receive("conversation.item.create")
    asked = server.created()
    assert asked["tools"][0]["name"] == "meet"
    assert asked["tools"][0]["parameters"]["required"] == ["who"]
    server.done(call("meet", "call_1", '{"who": "Ann"}'), call("meet", "call_2", '{"who": "Bob"}'))
    assert server.outputs(2) == {"call_1": "Ann was there", "call_2": "Bob was there"}
    asked = server.created()
    assert asked["tools"][0]["name"] == "meet"
    server.says("They met.")
    reply = wait()
    assert reply.text == "They met."
    assert reply.function_calls == []


def test_what_goes_wrong_is_told_to_the_model(connect: Opener) -> None:
    connection, server = connect()

    def fail() -> None:
        raise ValueError("no such thing")

    def leave() -> None:
        raise SystemExit(3)

    def half() -> str:
        return "\ud83d"

    wait = asking(connection, {"fail": fail, "leave": leave, "half": half, "look": get_weather})
    server.receive("conversation.item.create")
    server.created()
    server.done(
        call("fail", "c1"),
        call("leave", "c2"),
        call("half", "c3"),
        call("look", "c4", "{"),
        call("look", "c5", '{"town": 1}'),
        call("made_up", "c6"),
        call("look", "c7", None),
    )
    known = "the tools are: fail, half, leave, look"
    assert server.outputs(7) == {
        "c1": '{"error": "ValueError: no such thing"}',
        "c2": '{"error": "SystemExit: 3"}',
        "c3": "\ufffd",
        "c4": '{"error": "the arguments are not JSON: Expecting property name enclosed in double '
        'quotes: line 1 column 2 (char 1)"}',
        "c5": '{"error": "there is no town; known are: city; city is missing"}',
        "c6": f'{{"error": "there is no tool \'made_up\'; {known}"}}',
        "c7": '{"error": "city is missing"}',
    }
    server.created()
    server.says("Sorry.")
    assert wait().text == "Sorry."


def test_rounds_go_on_until_there_is_no_call(connect: Opener) -> None:
    connection, server = connect()
    ran: list[str] = []

    def note(word: str) -> None:
        ran.append(word)

    response: Any = {**TEXT, "tool_choice": "required", "input": []}
    wait = asking(connection, note, response=response)
    server.receive("conversation.item.create")
    asked = server.created()
    assert (asked["tool_choice"], asked["input"]) == ("required", [])
    for number in range(3):
        server.done(call("note", f"c{number}", json.dumps({"word": str(number)})))
        assert server.outputs(1) == {f"c{number}": "null"}
        asked = server.created()
        # What forced the first call would force one for ever.
        assert asked["tool_choice"] == "auto"
        assert "input" not in asked
        assert asked["output_modalities"] == ["text"]
    server.says("Noted.")
    assert wait().text == "Noted."
    assert ran == ["0", "1", "2"]


def test_a_call_that_is_delivered_twice_runs_once(connect: Opener) -> None:
    connection, server = connect()
    ran: list[int] = []
    wait = asking(connection, {"pay": lambda: ran.append(1)})
    server.receive("conversation.item.create")
    server.created()
    at = {"response_id": server.response["id"], "output_index": 0}
    server.send("response.output_item.done", **at, item=call("pay"))
    server.done(call("pay"), call("pay"), call("pay", "c2", status="incomplete"))
    assert server.outputs(1) == {"call_1": "null"}
    server.created()
    server.says("Paid.")
    wait()
    assert ran == [1]


def test_a_call_that_only_its_own_event_tells_of(connect: Opener) -> None:
    connection, server = connect()
    wait = asking(connection, {"pay": lambda: "ok"})
    server.receive("conversation.item.create")
    server.created()
    at = {"response_id": server.response["id"], "output_index": 0}
    server.send("response.output_item.done", **at, item=call("pay"))
    server.send("response.output_item.done", **at, item=call("pay", [1]))
    server.done()
    assert server.outputs(1) == {"call_1": "ok"}
    server.created()
    server.says("Paid.")
    assert wait().text == "Paid."


@pytest.mark.parametrize("odd", [{}, {"response_id": None}, {"response_id": 5}])
def test_a_call_that_does_not_name_its_response(connect: Opener, odd: dict[str, Any]) -> None:
    connection, server = connect()
    wait = asking(connection, {"pay": lambda: "ok"})
    server.receive("conversation.item.create")
    server.send("response.output_item.done", **odd, item=call("pay", "c0"))  # nobody's
    server.created()
    server.send("response.output_item.done", **odd, item=call("pay"))
    server.send("response.output_item.done", response_id="other", item=call("pay", "c2"))
    server.done()
    assert server.outputs(1) == {"call_1": "ok"}
    server.created()
    server.says("Paid.")
    assert wait().text == "Paid."


def test_a_call_that_comes_again_with_the_next_answer_runs_once(connect: Opener) -> None:
    connection, server = connect()
    ran: list[int] = []
    wait = asking(connection, {"pay": lambda: ran.append(1)})
    server.receive("conversation.item.create")
    server.created()
    server.done(call("pay"))
    server.outputs(1)
    server.created()
    server.done(call("pay"))
    assert wait().function_calls == []
    assert ran == [1]


def test_a_call_without_a_name_is_told_so(connect: Opener) -> None:
    connection, server = connect()
    wait = asking(connection, {"pay": lambda: "ok"})
    server.receive("conversation.item.create")
    server.created()
    server.done({**call("pay"), "name": None})
    assert "there is no tool ''" in server.outputs(1)["call_1"]
    server.created()
    server.says("Sorry.")
    assert wait().text == "Sorry."


def test_calls_of_a_cancelled_answer_do_not_run(connect: Opener) -> None:
    connection, server = connect()
    wait = asking(connection, {"pay": lambda: pytest.fail("it ran")})
    server.receive("conversation.item.create")
    server.created()
    server.done(call("pay"), status="cancelled")
    reply = wait()
    assert reply.response.status == "cancelled"
    assert [c.name for c in reply.function_calls] == ["pay"]


MINE = {"type": "function", "name": "mine", "parameters": {}}
OLD = {"type": "function", "name": "get_weather", "parameters": {}}


def test_the_tools_of_the_session_stay_and_its_calls_are_left_to_the_program(
    connect: Opener,
) -> None:
    connection, server = connect()
    server.send("session.created", session={"type": "realtime", "tools": []})
    connection.recv(GUARD_S)
    connection.session.update(session={"type": "realtime", "tools": [MINE, OLD]})  # type: ignore[list-item]
    server.receive("session.update")
    wait = asking(connection, [get_weather])
    server.receive("conversation.item.create")
    asked = server.created()
    assert [tool["name"] for tool in asked["tools"]] == ["mine", "get_weather"]
    assert asked["tools"][1]["description"] == "Tell the weather in a city."
    cut = call("mine", "c3", status="incomplete")
    server.done(call("get_weather", "c1", '{"city": "Rome"}'), cut)
    cloudy = '{"condition": "cloudy", "temperature": 14}'
    assert server.outputs(1) == {"c1": cloudy}
    server.created()  # one that was not finished keeps nobody waiting
    server.done(call("get_weather", "c4", '{"city": "Rome"}'), call("mine", "c2"))
    reply = wait()
    assert [c.call_id for c in reply.function_calls] == ["c2"]
    assert server.outputs(1) == {"c4": cloudy}


def test_the_tools_of_a_response_stand_instead_of_the_sessions(connect: Opener) -> None:
    connection, server = connect()
    server.send("session.created", session={"type": "realtime", "tools": [OLD]})
    connection.recv(GUARD_S)
    wait = asking(connection, {"look": get_weather}, response={**TEXT, "tools": [MINE]})
    server.receive("conversation.item.create")
    assert [tool["name"] for tool in server.created()["tools"]] == ["mine", "look"]
    server.says("Hello.")
    wait()


def test_an_output_that_the_server_refuses_is_raised(connect: Opener) -> None:
    connection, server = connect()
    wait = asking(connection, {"pay": lambda: "ok"})
    server.receive("conversation.item.create")
    server.created()
    server.done(call("pay"))
    output = server.receive("conversation.item.create")
    error = {"message": "no such call", "type": "invalid", "event_id": output["event_id"]}
    server.send("error", error=error)
    raised = wait()
    assert isinstance(raised, ServerError)
    assert raised.message == "no such call"


# -- leaving early ---------------------------------------------------------------------------------


class Stuck:
    """A function that returns when the test says so."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.calls: queue.SimpleQueue[CallContext] = queue.SimpleQueue()
        self.gate = threading.Event()
        self.ended = threading.Event()

    def stuck(self, call: CallContext) -> str:
        self.calls.put(call)
        self.guard.wait(self.gate, "the gate")
        self.ended.set()
        return "too late"


@pytest.fixture
def stuck(guard: Guard) -> Iterator[Stuck]:
    made = Stuck(guard)
    yield made
    made.gate.set()
    guard.wait(made.ended, "the function")


def test_a_function_that_takes_too_long(
    connect: Opener,
    stuck: Stuck,
    guard: Guard,
    virtual_clock: VirtualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    connection, server = connect()
    monkeypatch.setattr(
        "realtime_sync.connection.connection.Deadline",
        lambda timeout: Deadline(timeout, clock=virtual_clock),
    )
    wait = asking(connection, {"stuck": stuck.stuck, "quick": lambda: "here"})
    server.receive("conversation.item.create")
    server.created()
    server.done(call("quick", "c1"), call("stuck", "c2"))
    running = guard.get(stuck.calls, "the call")
    virtual_clock.advance(GUARD_S)
    raised = wait()
    assert isinstance(raised, RealtimeTimeout)
    assert "had not returned (called were: quick, stuck)" in str(raised)
    assert running.cancelled
    why = "the program waits for the call no longer"
    assert server.outputs(2) == {"c1": "here", "c2": f'{{"error": "{why}"}}'}
    wait = asking(connection, {"quick": lambda: "here"})
    server.receive("conversation.item.create")
    server.created()
    server.says("Still here.")
    assert wait().text == "Still here."


def test_closing_while_a_function_runs(connect: Opener, stuck: Stuck, guard: Guard) -> None:
    connection, server = connect()
    wait = asking(connection, {"stuck": stuck.stuck}, timeout=None)
    server.receive("conversation.item.create")
    server.created()
    server.done(call("stuck"))
    running = guard.get(stuck.calls, "the call")
    connection.close()
    assert isinstance(wait(), ConnectionClosedOK)
    assert running.cancelled


def test_a_strike_while_a_function_runs(
    connect: Opener, stuck: Stuck, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, server = connect()
    outcome: queue.SimpleQueue[BaseException] = queue.SimpleQueue()

    def strike(*_: object) -> None:
        guard.get(stuck.calls, "the call")
        raise KeyboardInterrupt

    from realtime_sync.connection._tool_rounds import ToolRounds

    def ask() -> None:
        try:
            connection.ask("Go", tools={"stuck": stuck.stuck}, timeout=GUARD_S)
        except BaseException as exc:  # what a signal handler has raised
            outcome.put(exc)

    monkeypatch.setattr(ToolRounds, "_next", strike)
    thread = spawn(ask, name="test")
    server.receive("conversation.item.create")
    server.created()
    server.done(call("stuck"))
    assert isinstance(guard.get(outcome, "the strike"), KeyboardInterrupt)
    guard.join(thread)
    assert "the program waits" in server.outputs(1)["call_1"]
    assert not connection._consumer.locked()


# -- mistakes of the program -----------------------------------------------------------------------


def test_what_is_refused_before_anything_is_sent(connect: Opener) -> None:
    connection, server = connect()

    def vague(thing) -> None: ...  # type: ignore[no-untyped-def]

    with pytest.raises(ConfigError, match="the parameter 'thing' of vague has no annotation"):
        connection.ask("Go", tools=[vague])
    with pytest.raises(LocalProtocolError, match="outside of the conversation"):
        connection.ask("Go", tools=[get_weather], response={"conversation": "none"})
    wait = asking(connection, None, response={"conversation": "none"})
    server.receive("conversation.item.create")
    assert "tools" not in server.created()
    server.says("Fine.")
    assert wait().text == "Fine."
