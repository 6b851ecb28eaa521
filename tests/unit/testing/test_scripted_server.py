from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from realtime_sync.errors import ConnectError, ConnectionClosedError
from realtime_sync.testing import (
    ScriptedServer,
    ScriptError,
    Step,
    Traffic,
    UnconsumedSteps,
    UnexpectedSend,
    close_link,
    drop_link,
    error,
    function_call,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.transport import Transport, TransportOptions

Event = dict[str, Any]


def connect(server: ScriptedServer) -> Transport:
    return server.open("ws://scripted/v1/realtime", {}, TransportOptions())


def send(link: Transport, type: str, **fields: Any) -> None:
    link.send(json.dumps({"type": type, **fields}))


def read(link: Transport) -> list[Event]:
    return [json.loads(message) for message in link.read()]


def types(events: list[Event]) -> list[str]:
    return [event["type"] for event in events]


def test_it_greets() -> None:
    link = connect(ScriptedServer(session={"instructions": "Be brief."}))
    (created,) = read(link)
    assert created["type"] == "session.created"
    assert created["session"]["instructions"] == "Be brief."
    assert created["session"]["id"]
    assert created["event_id"]


def test_it_answers_in_the_order_of_the_script() -> None:
    server = ScriptedServer([text_answer("One."), function_call("two", {"a": 1}, "call_1")])
    link = connect(server)
    read(link)
    send(link, "response.create")
    first = read(link)
    assert types(first)[0] == "response.created"
    assert types(first)[-1] == "response.done"
    send(link, "response.create")
    (call,) = read(link)[-1]["response"]["output"]
    assert (call["name"], call["call_id"], call["arguments"]) == ("two", "call_1", '{"a": 1}')
    server.assert_complete()


def test_what_is_sent_is_noted() -> None:
    server = ScriptedServer()
    link = connect(server)
    send(link, "response.create", event_id="event_a")
    assert server.sent == [{"type": "response.create", "event_id": "event_a"}]
    assert server.wait_sent("response.create")["event_id"] == "event_a"
    assert server.urls == ["ws://scripted/v1/realtime"]


def test_what_it_hears_is_the_sound_that_was_appended() -> None:
    server = ScriptedServer()
    link = connect(server)
    for sound in (b"one", b"two"):
        send(link, "input_audio_buffer.append", audio=b64encode(sound).decode())
        send(link, "input_audio_buffer.commit")
    assert server.heard == b"onetwo"


def test_the_second_of_its_kind_can_be_waited_for() -> None:
    server = ScriptedServer()
    link = connect(server)
    for name in ("event_a", "event_b"):
        send(link, "response.create", event_id=name)
    assert server.wait_sent("response.create", count=2)["event_id"] == "event_b"
    with pytest.raises(ScriptError, match=r"2 of 3.*response\.create, response\.create"):
        server.wait_sent("response.create", count=3, timeout=0)


def test_steps_that_are_left_are_told() -> None:
    server = ScriptedServer([Step("response.cancel"), text_answer("Never.")])
    connect(server)
    with pytest.raises(UnconsumedSteps, match=r"script: 2, .*'response\.cancel'") as caught:
        server.assert_complete()
    assert caught.value.remaining_steps == server.remaining_steps == 2
    with pytest.raises(UnconsumedSteps), server:
        pass


def test_a_failure_of_the_test_itself_goes_first() -> None:
    with pytest.raises(KeyError), ScriptedServer([text_answer("Never.")]):
        raise KeyError("the test")


def test_a_script_can_go_on() -> None:
    server = ScriptedServer()
    server.extend(text_answer("One."))
    assert server.remaining_steps == 1


@pytest.mark.parametrize("wrong", ["response.create", [1], Step])
def test_what_is_no_step_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(ScriptError, match=r"a script has Steps, and|a server sends events"):
        ScriptedServer([wrong])


def test_the_test_says_what_happens_in_between() -> None:
    server = ScriptedServer()
    link = connect(server)
    read(link)
    server.emit(user_turn("Hi.", item_id="item_u"), text_answer("Hello."))
    events = read(link)
    assert types(events)[:2] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
    ]
    assert types(events)[-1] == "response.done"


def test_nothing_can_be_said_without_a_link() -> None:
    server = ScriptedServer()
    with pytest.raises(ScriptError, match="connect first"):
        server.emit(user_turn("Hi."))
    link = connect(server)
    link.abort()
    with pytest.raises(ScriptError, match="connect first"):
        server.emit(user_turn("Hi."))


def test_a_strict_script_takes_nothing_else() -> None:
    server = ScriptedServer([Step("response.cancel")], strict=True)
    link = connect(server)
    read(link)
    send(link, "input_audio_buffer.append", audio="")  # needs no step
    send(link, "response.create")
    with pytest.raises(ConnectionClosedError, match=r"the client sent.*response\.create"):
        link.read()
    with pytest.raises(UnexpectedSend) as caught:
        server.assert_complete()
    assert caught.value.actual == {"type": "response.create"}
    assert caught.value.expected == "response.cancel"
    for wait in (lambda: server.wait_sent("x", timeout=0), lambda: server.emit(user_turn("Hi."))):
        with pytest.raises(UnexpectedSend):
            wait()


def test_what_a_function_of_the_script_raises_reaches_the_test() -> None:
    def wrong(message: Event) -> bool:
        raise KeyError("oh no")

    server = ScriptedServer([Step(wrong)])
    send(connect(server), "response.create")
    with pytest.raises(KeyError, match="oh no"):
        server.assert_complete()


def test_a_function_of_the_script_may_call_the_server() -> None:
    server = ScriptedServer()

    def react(message: Event) -> Traffic:
        server.extend(text_answer("Later."))
        server.emit(error("behind the answer"))
        return text_answer("Now.")

    server.extend(Step("response.create", react))
    link = connect(server)
    read(link)
    send(link, "response.create")
    assert types(read(link))[-2:] == ["response.done", "error"]
    assert server.remaining_steps == 1


def test_the_link_breaks_where_the_script_says_so() -> None:
    server = ScriptedServer([[*text_answer("Half.")[:2], *drop_link(), *error("never sent")]])
    link = connect(server)
    send(link, "response.create")
    assert types(read(link))[-1] == "response.output_item.added"
    with pytest.raises(ConnectionClosedError) as caught:
        link.read()
    assert caught.value.code == 1006
    send_more = connect(server)  # the next link has a session of its own
    assert types(read(send_more)) == ["session.created"]
    server.wait_opened(2)
    with pytest.raises(ScriptError, match="2 of 3"):
        server.wait_opened(3, timeout=0)


def test_the_server_may_close() -> None:
    server = ScriptedServer()
    link = connect(server)
    read(link)
    server.emit(close_link(1011, "out of order"))
    with pytest.raises(ConnectionClosedError, match="out of order"):
        link.read()


def test_links_may_be_refused() -> None:
    server = ScriptedServer()
    server.refuse(ConnectError("no way"), None)
    with pytest.raises(ConnectError, match="no way"):
        connect(server)
    connect(server)


def test_a_client_that_has_hung_up_is_no_failure() -> None:
    server = ScriptedServer()

    def hang_up(message: Event) -> Traffic:
        link.abort()
        return spoken_answer("Too late.")

    server.extend(Step("response.create", hang_up))
    link = connect(server)
    send(link, "response.create")
    server.assert_complete()


def test_what_no_server_sends_is_refused_and_the_link_stays() -> None:
    server = ScriptedServer()
    link = connect(server)
    read(link)
    with pytest.raises(ScriptError, match=r"has 'response\.id'"):
        server.emit([{"type": "response.created"}])
    server.emit(user_turn("Hi.")[:1])
    assert types(read(link)) == ["input_audio_buffer.speech_started"]
    with pytest.raises(ScriptError, match=r"error has 'error'"):
        Step("response.cancel", [{"type": "error"}])


def test_a_function_that_returns_what_no_server_sends_ends_the_link() -> None:
    server = ScriptedServer([Step("response.cancel", lambda message: [message["event_id"]])])
    link = connect(server)
    read(link)
    send(link, "response.cancel", event_id="event_mine")
    with pytest.raises(ConnectionClosedError, match="a server sends events"):
        link.read()
    with pytest.raises(ScriptError, match="not 'event_mine'"):
        server.assert_complete()


@pytest.mark.parametrize("text", ["hello", "", "7", "[]", "{}", '{"type": 7}', "[" * 100_000])
def test_what_is_no_event_is_refused_where_it_is_sent_and_the_link_stays(text: str) -> None:
    server = ScriptedServer([text_answer("Here I am.")])
    link = connect(server)
    read(link)
    with pytest.raises(ScriptError, match=r"a client sends events, .* with a type, not ") as caught:
        link.send(text)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert server.sent == []
    send(link, "response.create")
    assert types(read(link))[-1] == "response.done"
    server.assert_complete()


@pytest.mark.parametrize(
    ("session", "words"),
    [
        ([], "session must be a dictionary, not "),
        ({7: "a"}, "session must have texts as the names of its fields, not {7: 'a'}"),
        ({"voice": object()}, "can't be written as JSON"),
    ],
)
def test_what_is_no_session_is_told_at_once(session: Any, words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        ScriptedServer(session=session)
    with pytest.raises(ScriptError, match="strict must be True or False, not 'yes'"):
        ScriptedServer(strict="yes")  # type: ignore[arg-type]  # that is the test


def test_sound_that_is_none_is_told() -> None:
    server = ScriptedServer()
    send(connect(server), "input_audio_buffer.append", audio="a")
    with pytest.raises(ScriptError, match="no base64"):
        _ = server.heard
