"""What a session of agents tells its program: which events, in which order, to the very end."""

from __future__ import annotations

import threading
from base64 import b64encode
from typing import Any

import pytest
from agent_talk import begin, kinds, rest, sent_types, session_with, take, take_until, until_error
from guards import GUARD_S, Guard

from realtime_sync import (
    AuthenticationError,
    ConcurrencyError,
    ConnectError,
    ConnectionClosedError,
    ConnectionClosedOK,
    RealtimeTimeout,
    RemoteProtocolError,
)
from realtime_sync._threads import spawn
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.hooks import RealtimeRunHooks
from realtime_sync.agents.model import RealtimeModelListener
from realtime_sync.agents.model_facade import OpenAIRealtimeWebSocketModel
from realtime_sync.agents.model_inputs import (
    RealtimeModelSendAudio,
    RealtimeModelSendRawMessage,
    RealtimeModelSendUserInput,
)
from realtime_sync.agents.run_context import ToolContext
from realtime_sync.agents.runner import RealtimeRunner
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.errors import AgentError, FormatError, UserError
from realtime_sync.testing import (
    MemorySink,
    MemorySource,
    ScriptedClient,
    ScriptedServer,
    Step,
    VirtualClock,
    close_link,
    drop_link,
    error,
    function_call,
    spoken_answer,
    text_answer,
    user_turn,
)

DESK = RealtimeAgent[Any](name="Desk", instructions="Be brief.")


def data_of(events: list[Any], kind: str) -> list[Any]:
    """The data of the raw model events of a kind."""
    raw = [event.data for event in events if event.type == "raw_model_event"]
    return [data for data in raw if data.type == kind]


# -- order -----------------------------------------------------------------------------------------


def test_the_events_of_an_answer() -> None:
    server = ScriptedServer([spoken_answer("Hello.", audio_ms=40, item_id="item_a")])
    with server, session_with(server, DESK) as session:
        first = take(session)
        assert first.type == "history_updated"
        assert first.history == []
        session.send_message("Hi!")
        events = take_until(session, "agent_end")
    assert kinds(events, data=True) == [
        *["[item_updated]", "history_added"],  # the user's
        *["[turn_started]", "agent_start"],
        *["[item_updated]", "history_added", "[item_updated]"],
        *["[transcript_delta]", "[audio]", "audio", "[audio_done]", "audio_end"],
        *["[item_updated]", "history_updated"],
        *["[turn_ended]", "agent_end"],
    ]
    audio = next(event for event in events if event.type == "audio")
    assert (audio.item_id, audio.content_index, len(audio.audio.data)) == ("item_a", 0, 1920)
    assert all(event.info.context.context is None for event in events)


def test_what_the_server_sends_precedes_what_it_means() -> None:
    server = ScriptedServer([text_answer("Hello.")])
    with server, session_with(server, DESK) as session:
        session.send_message("Hi!")
        events = take_until(session, "agent_end")
    types = [
        event.data.data["type"] if event.data.type == "raw_server_event" else event.data.type
        for event in events
        if event.type == "raw_model_event"
    ]
    started = types.index("response.created")
    assert types[started : started + 2] == ["response.created", "turn_started"]
    assert types[-2:] == ["response.done", "turn_ended"]


def test_a_response_out_of_band_is_nobodys_turn() -> None:
    server = ScriptedServer([spoken_answer("An aside.", audio_ms=40), text_answer("Hello.")])
    with server, session_with(server, DESK) as session:
        session.send_raw({"type": "response.create", "response": {"conversation": "none"}})
        server.wait_sent("response.create")
        session.send_message("Hi!")
        events = take_until(session, "agent_end")
        assert [item.role for item in session.history] == ["user", "assistant"]
    assert kinds(events).count("agent_start") == 1
    shown = [event.item for event in events if event.type == "history_added"]
    assert [item.role for item in shown] == ["user", "assistant"]


def test_messages_during_an_answer_are_answered_together() -> None:
    speaking = text_answer("One moment", finished=False, response_id="resp_1")
    server = ScriptedServer([speaking, text_answer("Both.")])
    with server, session_with(server, DESK) as session:
        session.send_message("First.")
        take_until(session, "agent_start")
        session.send_message("Second.")
        session.send_message("Third.")
        assert sent_types(server).count("response.create") == 1
        session.interrupt()
        take_until(session, "agent_end", 2)
    assert sent_types(server).count("response.create") == 2


def test_an_error_of_the_servers_is_an_event() -> None:
    server = ScriptedServer([Step("response.create", error("no more", code="quota"))])
    server.extend(text_answer("Hello."))
    with server, session_with(server, DESK) as session:
        session.send_message("Hi!")
        wrong: Any = take_until(session, "error")[-1]
        assert (wrong.error.code, wrong.error.message) == ("quota", "no more")
        session.send_message("Once more!")
        take_until(session, "agent_end")


def test_a_frame_that_can_not_be_read_is_an_event() -> None:
    server = ScriptedServer([text_answer("Hello.")])
    with server, session_with(server, DESK) as session:
        take(session)
        assert server._link is not None
        server._link._peer.send("{no json")
        wrong: Any = take_until(session, "error")[-1]
        assert isinstance(wrong.error, RemoteProtocolError)
        session.send_message("Hi!")
        take_until(session, "agent_end")


def test_an_unknown_event_is_only_raw() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        begin(session)
        server.emit([{"type": "response.of_tomorrow", "field": 1}])
        event: Any = take(session)
        assert event.data.type == "raw_server_event"
        assert event.data.data["field"] == 1
        server.emit(close_link())
        assert kinds(rest(session)) == []


def test_an_idle_timeout_is_an_event() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        place = {"item_id": "item_u", "audio_start_ms": 0, "audio_end_ms": 6000}
        server.emit([{"type": "input_audio_buffer.timeout_triggered", **place}])
        assert take_until(session, "input_audio_timeout_triggered")


def test_the_users_words_become_part_of_the_history() -> None:
    server = ScriptedServer([text_answer("Hello.")])
    with server, session_with(server, DESK) as session:
        server.emit(user_turn("Hi there.", item_id="item_u"))
        events = take_until(session, "agent_end")
    partial = data_of(events, "input_audio_transcription_delta")
    assert [data.delta for data in partial] == ["Hi there."]
    shown = [event.history for event in events if event.type == "history_updated"]
    told = [item.content[0].transcript for history in shown for item in history[:1]]
    assert told[-1] == "Hi there."


# -- the program's way of taking them --------------------------------------------------------------


def test_an_iteration_that_was_left_goes_on() -> None:
    server = ScriptedServer([spoken_answer("One two three.", audio_ms=90)])
    with server, session_with(server, DESK) as session:
        session.send_message("Hi!")
        seen: list[Any] = []
        while "agent_end" not in kinds(seen):
            for event in session:
                seen.append(event)
                break
    assert kinds(seen).count("audio") == 3


def test_nothing_in_time() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        begin(session)
        with pytest.raises(RealtimeTimeout):
            session.recv(timeout=0)


def test_two_threads_do_not_share_the_events(guard: Guard) -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        begin(session)
        caught: list[BaseException] = []
        waiting = threading.Event()

        def wait() -> None:
            waiting.set()
            try:
                rest(session)
            except ConcurrencyError as exc:
                caught.append(exc)

        threads = [spawn(wait, name=f"reader-{n}") for n in range(2)]
        guard.until(lambda: caught, "an error for one of both")
        session.close()
        for thread in threads:
            guard.join(thread)
    assert len(caught) == 1


def test_a_talk_beside_an_iteration_is_refused_and_ends_nothing() -> None:
    class Talking(RealtimeModelListener):
        def on_event(self, event: Any) -> None:  # the loop is taking an event at this moment
            with pytest.raises(ConcurrencyError):
                session.talk()

    server = ScriptedServer([text_answer("Hello.")])
    with server, session_with(server, DESK) as session:
        session.model.add_listener(Talking())
        begin(session)
        session.send_message("Hi!")
        take_until(session, "agent_end")


def test_what_the_model_tells_goes_to_its_listeners() -> None:
    told: list[str] = []

    class Listener(RealtimeModelListener):
        def on_event(self, event: Any) -> None:
            told.append(event.type)

    server = ScriptedServer([text_answer("Hello.")])
    model = OpenAIRealtimeWebSocketModel()
    listener = Listener()
    model.add_listener(listener)
    model.add_listener(listener)
    with server, session_with(server, DESK, model=model) as session:
        assert session.model is model
        model.send_event(RealtimeModelSendUserInput("Hi!"))
        take_until(session, "agent_end")
        assert told.count("turn_ended") == 1
        model.remove_listener(listener)
        model.send_event(
            RealtimeModelSendRawMessage(
                {"type": "input_audio_buffer.clear", "other_data": {"event_id": "mine"}}
            )
        )
        server.wait_sent({"type": "input_audio_buffer.clear", "event_id": "mine"})
        model.send_event(RealtimeModelSendAudio(b"\1\0" * 240))
        server.wait_sent("input_audio_buffer.append")
        take_until(session, "raw_model_event")
        assert told.count("turn_ended") == 1


# -- the end ---------------------------------------------------------------------------------------


def test_a_clean_end_is_quiet_and_comes_after_all_else() -> None:
    server = ScriptedServer([[*text_answer("Bye."), *close_link()]])
    with server, session_with(server, DESK) as session:
        session.send_message("Bye!")
        assert kinds(rest(session))[-1] == "agent_end"
        assert rest(session) == []
        with pytest.raises(ConnectionClosedOK, match="closed by the server"):
            session.recv()
        with pytest.raises(ConnectionClosedOK):
            session.send_message("Still there?")
        with pytest.raises(ConnectionClosedOK):
            session.interrupt()
        with pytest.raises(ConnectionClosedOK):
            session.say("Hello?")
        with pytest.raises(ConnectionClosedOK):
            session.update_agent(DESK)


def test_a_broken_link_of_a_call_is_an_error_after_all_else() -> None:
    server = ScriptedServer([[*text_answer("By"), *drop_link()]])
    session = session_with(server, DESK, model_config={"call_id": "rtc_1"})
    with server, session:
        session.send_message("Bye!")
        seen, failure = until_error(session)
        assert isinstance(failure, ConnectionClosedError)
        assert kinds(seen)[-1] == "agent_end"
        with pytest.raises(ConnectionClosedError):
            session.recv()


def test_a_link_that_can_not_be_made_anew_is_an_error() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        take(session)
        server.refuse(AuthenticationError("the key has expired", 401))
        server.emit(drop_link())
        seen, failure = until_error(session)
    assert isinstance(failure, ConnectionClosedError)
    again = data_of(seen, "reconnecting")
    assert [(each.attempt, each.close_code) for each in again] == [(1, 1006)]


def test_a_session_is_closed_by_another_thread(guard: Guard) -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        thread = spawn(session.close, name="closer")
        assert "error" not in kinds(rest(session))
        guard.join(thread)


def test_who_has_closed_it() -> None:
    server = ScriptedServer()
    with session_with(server, DESK) as session:
        session.close()
        rest(session)
        with pytest.raises(ConnectionClosedOK, match=r"closed by this side") as caught:
            session.recv()
        assert caught.value.closed_by == "this side"


def test_a_session_is_closed_while_it_is_entered() -> None:
    def instructions(context: Any, agent: Any) -> str:
        session.close()
        return "Be brief."

    server = ScriptedServer()
    session = session_with(server, RealtimeAgent[Any](name="Desk", instructions=instructions))
    with pytest.raises(ConnectionClosedOK, match="closed by this side"):
        session.enter()
    assert session._running().connection.closed
    assert "error" not in kinds(rest(session))


def test_a_session_is_closed_by_many_threads_at_once(guard: Guard) -> None:
    for _ in range(10):
        server = ScriptedServer([spoken_answer("One two three.", audio_ms=30)])
        session = session_with(server, DESK).enter()
        session.send_message("Hi!")
        together = threading.Barrier(4, timeout=guard.seconds)

        def end(session: Any = session, together: Any = together) -> None:
            together.wait()
            session.close()
            assert session._running().connection.closed

        threads = [spawn(end, name=f"closer-{n}") for n in range(4)]
        rest(session)
        for thread in threads:
            guard.join(thread)


def test_a_session_is_closed_by_its_tool() -> None:
    @function_tool
    def hang_up(context: ToolContext[RealtimeSession[Any]]) -> str:
        """Hang up."""
        context.context.close()
        return "done"

    server = ScriptedServer([function_call("hang_up", {}, "call_1")])
    agent = RealtimeAgent[Any](name="Desk", tools=[hang_up])
    session = session_with(server, agent)
    session._context.context = session
    with server, session:
        session.send_message("Bye!")
        result = session.talk(timeout=GUARD_S)
    assert result.end_reason == "closed"


def test_a_source_that_can_not_be_closed_keeps_nothing_else_open() -> None:
    class Stuck(MemorySource):
        def close(self) -> None:
            super().close()
            raise OSError("the driver says no")

    server = ScriptedServer([spoken_answer("Hello.")])
    runner = RealtimeRunner(RealtimeAgent[Any](name="Desk"), client=ScriptedClient(server))
    session = runner.run(audio=(Stuck(), MemorySink())).enter()
    session.send_message("Hello!")
    server.wait_sent("response.create")
    with pytest.raises(OSError, match="the driver says no"):
        session.close()
    assert session.connection.closed


def test_a_session_is_closed_by_a_hook() -> None:
    class Ending(RealtimeRunHooks[Any]):
        def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            session.close()

    server = ScriptedServer([text_answer("Bye.")])
    session = session_with(server, DESK, hooks=Ending())
    with server, session:
        session.send_message("Bye!")
        assert "agent_end" in kinds(rest(session))


def test_a_hook_that_raises_is_an_event() -> None:
    class Failing(RealtimeRunHooks[Any]):
        def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            raise ValueError("no such table")

    server = ScriptedServer([text_answer("Hello.")])
    with server, session_with(server, DESK, hooks=Failing()) as session:
        session.send_message("Hi!")
        wrong: Any = take_until(session, "error")[-1]
        assert isinstance(wrong.error, AgentError)
        assert "no such table" in str(wrong.error)


def test_a_session_is_entered_once() -> None:
    server = ScriptedServer()
    session = session_with(server, DESK)
    with pytest.raises(UserError, match="not entered"):
        session.send_message("Hi!")
    session.close()
    with server, session, pytest.raises(ConcurrencyError, match="once"):
        session.enter()


def test_a_session_that_can_not_connect_leaves_nothing() -> None:
    server = ScriptedServer()
    server.refuse(ConnectError("no way"))
    with pytest.raises(ConnectError, match="no way"):
        session_with(server, DESK).enter()


# -- a program that takes none ---------------------------------------------------------------------


def test_nothing_is_lost_while_nobody_takes_events(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    words = " ".join(f"w{n}" for n in range(40))
    server = ScriptedServer([spoken_answer(words, audio_ms=160_000), text_answer("Hello.")])
    with server, session_with(server, DESK, clock=clock) as session:
        live = session._running()
        session.send_message("Hi!")
        Guard().until(lambda: not live.box.has_room(), "a full box")
        session.send_message("And then?")  # what the program wants is done all the same
        server.wait_sent("conversation.item.create", count=2)
        clock.advance(5.0)
        Guard().until(lambda: "no events were taken" in caplog.text, "a warning")
        clock.advance(5.0)
        events = take_until(session, "agent_end", 2)
    assert sum(len(event.audio.data) for event in events if event.type == "audio") == 7_680_000
    assert caplog.text.count("no events were taken") == 1


def test_with_a_sink_the_oldest_events_are_dropped_and_counted() -> None:
    answered = threading.Event()

    class Watching(RealtimeRunHooks[Any]):
        def on_agent_end(self, context: Any, agent: Any, output: Any) -> None:
            answered.set()

    server = ScriptedServer([text_answer(" ".join(["word"] * 5000))])
    audio = (MemorySource(), MemorySink())
    with server, session_with(server, DESK, audio=audio, hooks=Watching()) as session:
        session.send_message("Tell me all.")
        Guard().wait(answered, "the end of the answer")
        events = take_until(session, "agent_end")
        result = session.talk(timeout=0)
    assert "history_updated" in kinds(events)
    assert 800 < result.dropped_events < 1000
    assert result.final_output == " ".join(["word"] * 5000)


def test_a_session_without_events_keeps_none() -> None:
    server = ScriptedServer([[*spoken_answer("Bye.", audio_ms=40), *close_link()]])
    with server, session_with(server, DESK, events=False) as session:
        session.send_message("Hi!")
        result = session.talk(timeout=GUARD_S)
        by_hand: Any = session._running().deliver
        assert not by_hand.__self__._waiting
    assert result.end_reason == "server_closed"
    assert result.dropped_events == 0


@pytest.mark.parametrize("whose", ["the session", "the agent"])
def test_a_hook_hears_of_each_event_of_the_server(whose: str) -> None:
    heard: list[str] = []

    class Hears:
        def on_raw(self, context: Any, event: Any) -> None:
            heard.append(event.type)

    agent = RealtimeAgent[Any](name="Desk", hooks=Hears() if whose == "the agent" else None)
    server = ScriptedServer([[*spoken_answer("Bye.", audio_ms=40), *close_link()]])
    hooks = Hears() if whose == "the session" else None
    with server, session_with(server, agent, hooks=hooks) as session:
        session.send_message("Hi!")
        session.talk(timeout=GUARD_S)
    assert {"response.created", "response.output_audio.delta", "response.done"} <= {*heard}


# -- results ---------------------------------------------------------------------------------------


def test_the_result_of_a_conversation() -> None:
    usage = {"total_tokens": 12, "input_tokens": 8, "output_tokens": 4}
    answer = text_answer("Bye.")
    answer[-1]["response"]["usage"] = usage
    server = ScriptedServer([[*answer, *close_link()]])
    clock = VirtualClock()
    with server, session_with(server, DESK, context={"user": 7}, clock=clock) as session:
        session.send_message("Bye!")
        clock.advance(3.0)
        result = session.talk(timeout=GUARD_S)
    assert result.final_output == "Bye."
    assert result.last_agent is DESK
    assert [item.type for item in result.history] == ["message", "message"]
    assert (result.usage.requests, result.usage.total_tokens) == (1, 12)
    assert result.context_wrapper.context == {"user": 7}
    assert (result.end_reason, result.duration_s) == ("server_closed", 3.0)
    assert (result.interruptions, result.guardrail_trips, result.dropped_events) == (0, 0, 0)


def test_a_talk_ends_with_its_time() -> None:
    server = ScriptedServer()
    session = session_with(server, DESK)
    assert session.talk(timeout=0).end_reason == "timeout"
    with pytest.raises(ConnectionClosedOK):
        session.send_message("Hi!")


def test_a_talk_ends_with_its_source() -> None:
    source, sink = MemorySource(), MemorySink()
    server = ScriptedServer([spoken_answer("Hello.", audio_ms=40)])
    clock = VirtualClock()
    session = session_with(server, DESK, audio=(source, sink), clock=clock)
    with server, session:
        source.say(b"\1\0" * 2400)
        source.end()
        server.wait_sent("input_audio_buffer.append")
        server.emit(user_turn("Hi!"))
        sink.wait_written(40)
        result: list[Any] = []
        thread = spawn(lambda: result.append(session.talk()), name="talk")

        def let_time_pass() -> bool:
            clock.advance(1.0)
            return not thread.is_alive()

        Guard().until(let_time_pass, "the end of the talk")
    assert result[0].end_reason == "source_ended"
    assert result[0].final_output == "Hello."


def test_a_talk_raises_what_has_ended_it() -> None:
    server = ScriptedServer([drop_link()])
    session = session_with(server, DESK, model_config={"call_id": "rtc_1"})
    with server, session:
        session.send_message("Hi!")
        with pytest.raises(ConnectionClosedError):
            session.talk(timeout=GUARD_S)


def test_the_runner_of_a_class_talks_to_the_end() -> None:
    server = ScriptedServer([[*text_answer("Bye."), *close_link()]])
    session = RealtimeSession[Any](client=ScriptedClient(server))
    started: list[str] = []

    class Greeting(RealtimeRunHooks[Any]):
        def on_agent_start(self, context: Any, agent: Any) -> None:
            started.append(agent.name)

    thread = spawn(
        lambda: (server.wait_opened(1), server.wait_sent("session.update"), _greet(server)),
        name="script",
    )
    with server:
        result = RealtimeRunner.run(DESK, session=session, context=7, hooks=Greeting())
    Guard().join(thread)
    assert (result.last_agent, result.end_reason) == (DESK, "server_closed")
    assert result.context_wrapper.context == 7
    assert started == ["Desk"]
    with pytest.raises(UserError, match="was entered"):
        RealtimeRunner.run(DESK, session=session)


def _greet(server: ScriptedServer) -> None:
    server.emit(user_turn("Bye!"))


# -- audio of the program's own --------------------------------------------------------------------


def test_sound_is_sent_in_the_callers_thread() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        session.send_audio(b"\1\0" * 240)
        assert server.heard == b"\1\0" * 240
        assert b64encode(server.heard).decode() == server.sent[-1]["audio"]
        session.send_audio(b"", commit=True)
        assert sent_types(server) == ["session.update", "input_audio_buffer.commit"]


def test_a_whole_file_is_no_sound_of_the_user_s() -> None:
    server = ScriptedServer()
    with server, session_with(server, DESK) as session:
        with pytest.raises(FormatError, match=r"whole FLAC file.*read_wav"):
            session.send_audio(b"fLaC\0\0\0\x22" + bytes(40), commit=True)
        assert sent_types(server) == ["session.update"]


def test_a_session_with_a_source_sends_no_other_sound() -> None:
    server = ScriptedServer()
    audio = (MemorySource(), MemorySink())
    session = session_with(server, DESK, audio=audio)
    with server, session, pytest.raises(UserError, match="its own source"):
        session.send_audio(b"\1\0")


def test_a_turn_that_the_program_ends_is_answered() -> None:
    server = ScriptedServer([spoken_answer("Yes?", audio_ms=40)])
    config = {"model_settings": {"turn_detection": None}}
    with server, session_with(server, DESK, run_config=config) as session:
        session.send_audio(b"\1\0" * 240, commit=True)
        take_until(session, "agent_end")
    assert sent_types(server) == ["session.update", "input_audio_buffer.commit", "response.create"]


@pytest.mark.parametrize("message", [7, {}, {"content": []}, {"content": "Hi!"}])
def test_what_is_no_message_is_refused(message: Any) -> None:
    server = ScriptedServer()
    session = session_with(server, DESK)
    with server, session, pytest.raises(UserError, match="a message is a text"):
        session.send_message(message)
    assert sent_types(server) == ["session.update"]


def test_a_message_with_an_image() -> None:
    server = ScriptedServer([text_answer("A cat.")])
    content = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
    ]
    with server, session_with(server, DESK) as session:
        session.send_message({"type": "message", "role": "user", "content": content})
        take_until(session, "agent_end")
    assert server.wait_sent("conversation.item.create")["item"]["content"] == content
