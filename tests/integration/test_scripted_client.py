"""The scripted client: a real connection and a real loop, on a wire that is a script."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from guards import Guard

from realtime_sync import (
    ConnectError,
    ConnectionClosedError,
    ConnectionClosedOK,
    RealtimeConnection,
    ReconnectPolicy,
    ServerError,
)
from realtime_sync._threads import spawn
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    Step,
    Traffic,
    UnexpectedSend,
    VirtualClock,
    close_link,
    drop_link,
    error,
    function_call,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.transport import TransportOptions
from realtime_sync.voice import VoiceLoop

GUARD_S = 30.0
AT_ONCE = ReconnectPolicy(initial_delay=0, max_retries=3)


def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"rain in {city}"


def read_to_the_end(connection: RealtimeConnection) -> None:
    while True:
        connection.recv(GUARD_S)


def test_a_question_and_its_answer() -> None:
    with ScriptedServer([spoken_answer("Hello.", audio_ms=100)]) as server:
        with ScriptedClient(server).realtime.connect() as connection:
            reply = connection.ask("Hi!", timeout=GUARD_S)
        assert reply.transcript == "Hello."
        assert len(reply.audio) == 4800
        said = server.wait_sent("conversation.item.create")["item"]
        assert said["content"] == [{"type": "input_text", "text": "Hi!"}]
    assert server.urls == ["ws://scripted.invalid/v1/realtime?model=scripted"]


def test_a_function_is_called() -> None:
    output = {"type": "function_call_output", "call_id": "call_1", "output": "rain in Oslo"}
    server = ScriptedServer(
        [
            function_call("get_weather", {"city": "Oslo"}, "call_1"),
            Step({"item": output}),
            text_answer("It rains."),
        ]
    )
    with server, ScriptedClient(server).realtime.connect() as connection:
        reply = connection.ask("The weather?", tools=[get_weather], timeout=GUARD_S)
        assert reply.text == "It rains."


def test_a_refused_request_raises() -> None:
    server = ScriptedServer([Step("response.create", error("no more", code="quota"))])
    with server, ScriptedClient(server).realtime.connect() as connection:
        with pytest.raises(ServerError, match="no more") as caught:
            connection.ask("Hi!", timeout=GUARD_S)
        assert caught.value.code == "quota"


def test_a_connection_comes_back_and_goes_on_with_the_script() -> None:
    server = ScriptedServer([text_answer("One."), text_answer("Two.")])
    client = ScriptedClient(server)
    with server, client.realtime.connect(reconnect=AT_ONCE) as connection:
        assert connection.ask("First.", timeout=GUARD_S).text == "One."
        server.refuse(ConnectError("not yet"))
        server.emit(drop_link())
        seen = []
        while not seen or seen[-1] != "reconnected":
            seen.append(connection.recv(GUARD_S).type)
        server.wait_opened(3)  # the first, the refused one, and this
        assert connection.ask("Second.", timeout=GUARD_S).text == "Two."
    texts: list[Any] = [
        message["item"]["content"][0].get("text")
        for message in server.sent
        if message["type"] == "conversation.item.create"
    ]
    assert texts == ["First.", "First.", "One.", "Second."]


def test_a_connection_may_be_refused_or_closed() -> None:
    server = ScriptedServer()
    server.refuse(ConnectError("no way"))
    with pytest.raises(ConnectError, match="no way"):
        ScriptedClient(server).realtime.connect().enter()
    with ScriptedClient(server).realtime.connect() as connection:
        server.emit(close_link())
        with pytest.raises(ConnectionClosedOK):
            read_to_the_end(connection)


def test_what_a_strict_script_does_not_expect_ends_the_connection() -> None:
    server = ScriptedServer([Step("session.update")], strict=True)
    client = ScriptedClient(server)
    with client.realtime.connect(reconnect=AT_ONCE) as connection:
        connection.response.create()
        with pytest.raises(ConnectionClosedError, match="the client sent"):
            read_to_the_end(connection)
    assert len(server.urls) == 1
    with pytest.raises(UnexpectedSend):
        server.assert_complete()


def test_a_turn_of_the_user_is_answered() -> None:
    server = ScriptedServer([text_answer("Hello.")])
    with server, ScriptedClient(server).realtime.connect() as connection:
        server.emit(user_turn("Hi."))
        seen = []
        while not seen or seen[-1] != "response.done":
            seen.append(connection.recv(GUARD_S).type)
    assert "input_audio_buffer.speech_started" in seen


def test_a_transport_of_the_connection_s_own_goes_first() -> None:
    server, other = ScriptedServer(), ScriptedServer()
    with ScriptedClient(server).realtime.connect(transport=other.open):
        assert (len(server.urls), len(other.urls)) == (0, 1)


def test_of_two_threads_that_send_at_once_the_first_answers_both(guard: Guard) -> None:
    entered, leave = threading.Event(), threading.Event()
    order: list[str] = []

    def slow(message: dict[str, Any]) -> Traffic:
        entered.set()
        guard.wait(leave, "the second thread")
        order.append(message["type"])
        return ()

    def quick(message: dict[str, Any]) -> Traffic:
        order.append(message["type"])
        return ()

    server = ScriptedServer([Step("response.create", slow), Step("response.cancel", quick)])
    link = server.open("ws://scripted/", {}, TransportOptions())
    first = spawn(lambda: link.send('{"type": "response.create"}'), name="test")
    guard.wait(entered, "the first thread")
    link.send('{"type": "response.cancel"}')
    assert order == []
    leave.set()
    guard.join(first)
    assert order == ["response.create", "response.cancel"]
    server.assert_complete()


# -- a spoken conversation -------------------------------------------------------------------------


class Talk:
    """A loop in a thread of its own, on a clock that the test moves."""

    def __init__(self, server: ScriptedServer, connection: RealtimeConnection) -> None:
        self.clock = VirtualClock()
        self.source, self.sink = MemorySource(), MemorySink(clock=self.clock)
        self._loop = VoiceLoop(connection, self.source, self.sink)
        self._thread = spawn(self._loop.run, name="test")

    def end(self, guard: Guard) -> None:
        self._loop.close()
        guard.join(self._thread)


def test_a_conversation_without_sound_is_interrupted_where_the_clock_stands(guard: Guard) -> None:
    server = ScriptedServer([spoken_answer("A long story.", audio_ms=2000, item_id="item_story")])
    with server, ScriptedClient(server).realtime.connect() as connection:
        talk = Talk(server, connection)
        server.emit(user_turn("Tell me a story."))
        talk.sink.wait_written(2000)
        talk.clock.advance(0.5)
        server.emit(user_turn("Stop.")[:1])
        truncate = server.wait_sent("conversation.item.truncate")
        talk.clock.advance(5.0)
        assert (truncate["item_id"], truncate["audio_end_ms"]) == ("item_story", 500)
        assert len(talk.sink.heard("item_story")) == 2 * 24 * 500
        talk.end(guard)


def test_what_the_source_says_is_what_the_server_hears(guard: Guard) -> None:
    server = ScriptedServer()
    with server, ScriptedClient(server).realtime.connect() as connection:
        talk = Talk(server, connection)
        talk.source.say(b"\x10\x00" * 960)
        server.wait_sent("input_audio_buffer.append", count=2)
        assert server.heard == b"\x10\x00" * 960
        talk.end(guard)
