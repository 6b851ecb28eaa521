"""Runs of an app: waits, tools, errors and ends, with a server that follows a script."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from guards import Guard
from scripted_app import app_of, say, sent

from realtime_sync import ConnectionClosedError, QueueFullError, ServerError
from realtime_sync.app import Context, OpenAIRealtimeTool, Realtime, RealtimeTool
from realtime_sync.app.answer_parts import KINDS
from realtime_sync.audio import Sound
from realtime_sync.testing import (
    ScriptedClient,
    ScriptedServer,
    Step,
    drop_link,
    error,
    function_call,
    one_response,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.transport import memory_pair

Server = Callable[..., ScriptedServer]


def format_book(title: str, author: str) -> str:
    """Write a book in one line."""
    return f"{title} by {author}"


BOOK = {"title": "Emma", "author": "Jane Austen"}
THE_BOOK = "Emma by Jane Austen"


def items(server: ScriptedServer, kind: str) -> list[dict[str, Any]]:
    found = [event["item"] for event in sent(server, "conversation.item.create")]
    return [item for item in found if item["type"] == kind]


def outputs(server: ScriptedServer) -> dict[str, str]:
    return {item["call_id"]: item["output"] for item in items(server, "function_call_output")}


# -- messages and answers --------------------------------------------------------------------------


def test_a_message_is_sent_once_and_asked_for_once(scripted_server: Server) -> None:
    """With tools beside it, too; the original sent it twice."""
    server = scripted_server([text_answer("One."), text_answer("Two.")])
    app = app_of(server)
    say(app, "a", ("b", [format_book]))
    app.run()
    assert [item["content"][0]["text"] for item in items(server, "message")] == ["a", "b"]
    first, second = sent(server, "response.create")
    assert "tools" not in first["response"]
    assert [tool["name"] for tool in second["response"]["tools"]] == ["format_book"]
    assert sent(server, "session.update") == [], "they are this answer's alone"


def test_each_message_has_an_answer_of_its_own(scripted_server: Server) -> None:
    """Also when all are sent at once, by several senders."""
    answers = [text_answer(f"{number}.") for number in range(6)]
    server = scripted_server(answers)
    app = app_of(server)
    heard: list[str] = []
    done = threading.Event()

    def receive(text: str, context: Context) -> None:
        heard.append(text)
        if len(heard) == 6:
            done.set()

    app.receiver("text")(receive)
    for name in "ab":
        left = [f"{name}{number}" for number in range(3)]

        @app.sender()
        def send(context: Context, left: list[str] = left) -> str | None:
            if not left:
                done.wait(30)
                raise StopIteration
            return left.pop(0)

    app.run()
    assert heard == ["0.", "1.", "2.", "3.", "4.", "5."]


def test_it_waits_until_the_receivers_have_returned(scripted_server: Server) -> None:
    server = scripted_server([text_answer("One."), text_answer("Two.")])
    app = app_of(server)
    order: list[str] = []
    texts = iter(["a", "b"])

    @app.sender(wait_for_text_response=True)
    def send(context: Context) -> str:
        text = next(texts)
        order.append(text)
        return text

    for name in ("first", "second"):

        @app.receiver("text")
        def receive(text: str, context: Context, name: str = name) -> None:
            threading.Event().wait(0.02)  # longer than the way to the next question
            order.append(text)

    app.run()
    assert order == ["a", "One.", "One.", "b", "Two.", "Two."]


def test_it_waits_for_what_follows_from_tools(scripted_server: Server) -> None:
    server = scripted_server(
        [
            function_call("format_book", BOOK, "call_1"),
            function_call("format_book", BOOK, "call_2"),
            text_answer("A book."),
            text_answer("Bye."),
        ]
    )
    app = app_of(server, tools=[format_book])
    order: list[str] = []
    texts = iter(["a", "b"])

    @app.sender(wait_for_text_response=True)
    def send(context: Context) -> str:
        order.append(next(texts))
        return order[-1]

    app.receiver("text")(lambda text, context: order.append(text))
    app.run()
    assert order == ["a", "A book.", "b", "Bye."]
    assert outputs(server) == {"call_1": THE_BOOK, "call_2": THE_BOOK}


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_that_comes_to_nothing_keeps_nobody_waiting(
    scripted_server: Server, status: str, caplog: pytest.LogCaptureFixture
) -> None:
    lost = text_answer("Nothing.")
    lost = [lost[0], lost[-1]]
    lost[-1]["response"]["status"] = status
    lost[-1]["response"]["status_details"] = {"error": {"message": "the model is tired"}}
    server = scripted_server([lost, text_answer("Two.")])
    app = app_of(server)
    heard: list[str] = []
    say(app, "a", "b", wait_for_text_response=True)
    app.receiver("text")(lambda text, context: heard.append(text))
    app.run()
    assert heard == ["Two."]
    assert ("the model is tired" in caplog.text) == (status == "failed")


def test_what_waits_is_woken_by_the_end(scripted_server: Server) -> None:
    server = scripted_server([text_answer("One.", finished=False)])
    app = app_of(server)
    say(app, "a", wait_for_text_response=True)
    app.receiver("text_chunk")(lambda chunk, context: app.stop())
    app.run()


def test_transcripts_are_waited_for_by_who_wants_them(scripted_server: Server) -> None:
    server = scripted_server([spoken_answer("One."), spoken_answer("Two.")])
    app = app_of(server)
    order: list[str] = []
    texts = iter(["a", "b"])

    @app.sender(wait_for_audio_transcript_response=True)
    def send(context: Context) -> str:
        order.append(next(texts))
        return order[-1]

    app.receiver("audio_transcript")(lambda text, context: order.append(text))
    app.run()
    assert order == ["a", "One.", "b", "Two."]


# -- receivers -------------------------------------------------------------------------------------


def test_receivers_of_every_kind(scripted_server: Server) -> None:
    answer = one_response(
        text_answer("Hello."),
        spoken_answer("Hi.", audio_ms=20),
        function_call("format_book", BOOK, "call_1"),
    )
    server = scripted_server([answer, text_answer("Bye.")])
    app = app_of(server, tools=[format_book])
    got: dict[Any, list[Any]] = {}
    kinds: list[Any] = [
        "text", "audio", "audio_transcript", "tool",
        "text_chunk", "audio_chunk", "audio_transcript_chunk", "tool_chunk", None,
    ]  # fmt: skip
    for kind in kinds:
        app.receiver(kind)(lambda value, context, kind=kind: got.setdefault(kind, []).append(value))
    say(app, "a")
    app.run()
    assert got["text"] == ["Hello.", "Bye."]
    assert got["audio"] == [Sound((1000).to_bytes(2, "little") * 480)]
    assert got["audio_transcript"] == ["Hi."]
    assert [tool.call() for tool in got["tool"]] == [THE_BOOK]
    assert [chunk["delta"] for chunk in got["text_chunk"]] == ["Hello.", "Bye."]
    assert {chunk["type"] for chunk in got["audio_chunk"]} == {"response.output_audio.delta"}
    assert [chunk["delta"] for chunk in got["audio_transcript_chunk"]] == ["Hi."]
    arguments = "".join(chunk["delta"] for chunk in got["tool_chunk"])
    assert json.loads(arguments) == BOOK
    assert got[None][0]["type"] == "session.created"


def test_events_of_the_user_are_there_as_well(scripted_server: Server) -> None:
    """Of speech and of its transcript: the original had no way to either."""
    server = scripted_server([text_answer("Hello.")])
    app = app_of(server, input_audio_transcription={"model": "whisper-1"})
    said: list[Any] = []

    @app.receiver(None)
    def receive(event: dict[str, Any], context: Context) -> None:
        said.append(event.get("transcript") or event["type"])
        if event["type"] == "response.done":
            app.stop()

    def speak() -> None:
        server.wait_sent("session.update")
        server.emit(user_turn("Good morning."))

    thread = threading.Thread(target=speak)
    thread.start()
    app.run()
    thread.join(30)
    assert "Good morning." in said
    assert "input_audio_buffer.speech_started" in said


def test_the_history_and_a_cancel_are_the_connections(scripted_server: Server) -> None:
    server = scripted_server([text_answer("A long story.", finished=False), text_answer("Yes?")])
    app = app_of(server)
    say(app, "Tell me a story.", "Stop.", wait_for_text_response=True)

    @app.receiver("text_chunk")
    def receive(chunk: dict[str, Any], context: Context) -> None:
        if chunk["delta"] == "A" and not context.get("cancelled"):
            context["cancelled"] = True
            app.connection.response.cancel()

    @app.receiver("text")
    def receive_text(text: str, context: Context) -> None:
        context["items"] = len(app.connection.conversation.history.items)

    app.run()
    assert app.context == {"cancelled": True, "items": 4}


def test_a_slow_receiver_delays_nobody(scripted_server: Server) -> None:
    server = scripted_server([spoken_answer("One."), spoken_answer("Two.")])
    app = app_of(server)
    go_on, guard = threading.Event(), Guard()
    words: list[str] = []
    say(app, "a", "b", wait_for_audio_transcript_response=True)

    @app.receiver("audio")
    def play(sound: Sound, context: Context) -> None:
        guard.wait(go_on, "the other receiver")

    @app.receiver("audio_transcript")
    def read(text: str, context: Context) -> None:
        words.append(text)
        if len(words) == 2:
            go_on.set()

    app.run()
    assert words == ["One.", "Two."]


def test_one_that_is_too_slow_ends_the_app(scripted_server: Server) -> None:
    server = scripted_server([spoken_answer("One.", audio_ms=1000)] * 3)
    app = app_of(server, max_queue_bytes=60_000)
    began, guard = threading.Event(), Guard()
    left = iter(("a", "b", "c"))

    @app.sender()
    def send(context: Context) -> str:
        text = next(left)
        if text != "a":  # or its sound would wait with the next one, and the third not be needed
            guard.wait(began, "the first sound")
        return text

    @app.receiver("audio")
    def play(sound: Sound, context: Context) -> None:
        began.set()
        # Seen from within, since a run whose receiver has not begun yet is over in an instant.
        guard.until(lambda: getattr(app._running["now"], "is_set", False), "the end of the app")

    with pytest.raises(QueueFullError, match=r"'play' and max_queue_bytes is 60000"):
        app.run()


# -- tools -----------------------------------------------------------------------------------------


def test_tools_run_themselves(scripted_server: Server) -> None:
    """Without a handler; the original died of a KeyError."""
    server = scripted_server([function_call("format_book", BOOK, "call_1"), text_answer("A book.")])
    app = app_of(server, tools=[format_book])
    say(app, "a")
    app.run()
    assert outputs(server) == {"call_1": THE_BOOK}
    [update] = sent(server, "session.update")
    assert update["session"]["tools"][0]["description"] == "Write a book in one line."


def test_a_receiver_of_tools_and_the_pool_share_one_call(scripted_server: Server) -> None:
    calls: list[str] = []

    def count(word: str) -> str:
        calls.append(word)
        return f"{word}: {len(calls)}"

    answer = one_response(
        function_call("count", {"word": "a"}, "call_1"),
        function_call("count", {"word": "b"}, "call_2"),
    )
    server = scripted_server([answer, text_answer("Done.")])
    app = app_of(server, tools=[count])
    results: list[str] = []
    say(app, "go")
    app.receiver("tool")(lambda tool, context: results.append(tool.call()))
    app.run()
    assert sorted(calls) == ["a", "b"]
    assert sorted(results) == sorted(outputs(server).values())
    assert len(sent(server, "response.create")) == 2, "one for both outputs"


def test_a_handler_answers_in_its_place(scripted_server: Server) -> None:
    server = scripted_server([function_call("format_book", BOOK, "call_1"), text_answer("A book.")])
    app = app_of(server, tools=[format_book])
    say(app, "a")

    @app.function_call(format_book)
    def recommend(tool: OpenAIRealtimeTool, context: Context) -> str:
        context["tool"] = tool
        return f"{tool.title}! {tool.call()}"

    app.run()
    assert outputs(server) == {"call_1": f"Emma! {THE_BOOK}"}
    assert app.context["tool"]._name() == "format_book"


class FormatBook(RealtimeTool):
    """Write a book in one line."""

    title: str
    author: str

    def call(self) -> str:
        return f"{self.title}, {self.author}"


def test_a_tool_may_be_a_class(scripted_server: Server) -> None:
    server = scripted_server([function_call("FormatBook", BOOK, "call_1"), text_answer("A book.")])
    app = app_of(server, tools=[FormatBook])
    seen: list[RealtimeTool] = []
    say(app, "a")
    app.receiver("tool")(lambda tool, context: seen.append(tool))
    app.run()
    assert outputs(server) == {"call_1": "Emma, Jane Austen"}
    assert isinstance(seen[0], FormatBook)


def test_a_tool_of_one_answer_can_be_called_again_and_again(scripted_server: Server) -> None:
    calls = one_response(
        function_call("format_book", BOOK, "call_1"), function_call("format_book", BOOK, "call_2")
    )
    server = scripted_server(
        [calls, function_call("format_book", BOOK, "call_3"), text_answer("Books.")]
    )
    app = app_of(server)
    say(app, ("a", [format_book]))
    app.run()
    assert outputs(server) == dict.fromkeys(["call_1", "call_2", "call_3"], THE_BOOK)
    creates = sent(server, "response.create")
    assert [[tool["name"] for tool in c["response"]["tools"]] for c in creates] == [
        ["format_book"]
    ] * 3


def test_tools_of_a_function_sender_go_with_its_answers(scripted_server: Server) -> None:
    def other(word: str) -> str:
        return word

    server = scripted_server([text_answer("One.")])
    app = app_of(server, tools=[other])
    say(app, "a", tools=[format_book])
    app.run()
    [create] = sent(server, "response.create")
    assert [tool["name"] for tool in create["response"]["tools"]] == ["format_book"]


def test_tools_of_a_generator_are_the_sessions(scripted_server: Server) -> None:
    """The original never registered them."""

    def other(word: str) -> str:
        return word

    def third(word: str) -> str:
        return word

    server = scripted_server([function_call("format_book", BOOK, "call_1"), text_answer("A book.")])
    app = app_of(server, tools=[other], turn_detection=None)
    calls: list[int] = []

    @app.sender(tools=[format_book], wait_for_text_response=True)
    def send(context: Context) -> Iterator[Any]:
        if calls:
            raise StopIteration
        calls.append(1)
        yield b"\1\0"
        yield b"\2\0", [third]

    app.run()
    updates = sent(server, "session.update")
    names = [[tool["name"] for tool in update["session"]["tools"]] for update in updates]
    assert names == [["other"], ["other", "format_book"], ["other", "format_book", "third"]]
    assert outputs(server) == {"call_1": THE_BOOK}


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (function_call("no_such", {}, "call_1"), "there is no tool 'no_such'"),
        (function_call("format_book", "no JSON", "call_1"), "the arguments are not JSON"),
        (function_call("format_book", {"title": 7}, "call_1"), "title must be a string"),
        (function_call("fail", {}, "call_1"), "LookupError: the shelf is empty"),
        (function_call("leave", {}, "call_1"), "SystemExit"),
    ],
)
def test_every_call_has_an_output(scripted_server: Server, call: Any, told: str) -> None:
    def fail() -> None:
        raise LookupError("the shelf is empty")

    def leave() -> None:
        raise SystemExit(3)

    server = scripted_server([call, text_answer("I see.")])
    app = app_of(server, tools=[format_book, fail, leave])
    heard: list[str] = []
    say(app, "a")
    app.receiver("text")(lambda text, context: heard.append(text))
    app.run()
    assert told in outputs(server)["call_1"]
    assert heard == ["I see."], "and the conversation goes on"


def test_a_slow_tool_delays_nobody(scripted_server: Server) -> None:
    begun, go_on, guard = threading.Event(), threading.Event(), Guard()

    def slow() -> str:
        begun.set()
        guard.wait(go_on, "leave to go on")
        return "at last"

    server = scripted_server(
        [function_call("slow", {}, "call_1"), spoken_answer("Meanwhile."), text_answer("Done.")]
    )
    app = app_of(server, tools=[slow])
    say(app, "a", wait_for_text_response=True)

    @app.sender(wait_for_audio_transcript_response=True)
    def other(context: Context) -> str | None:
        guard.wait(begun, "the tool")
        if go_on.is_set():
            return None
        return "b"

    app.receiver("audio_transcript")(lambda text, context: go_on.set())
    app.run()
    assert outputs(server) == {"call_1": "at last"}


def test_a_tool_may_end_the_app(scripted_server: Server) -> None:
    def hang_up() -> None:
        raise asyncio.CancelledError

    server = scripted_server([function_call("hang_up", {}, "call_1")])
    app = app_of(server, tools=[hang_up])
    say(app, "a", wait_for_text_response=True)
    app.run()


# -- speech, with turn detection -------------------------------------------------------------------


def streaming(server: ScriptedServer, events: list[Any]) -> Realtime:
    """An app whose generator yields sound, and during it the server hears ``events``."""
    app = app_of(server)
    calls: list[int] = []

    @app.sender(wait_for_audio_transcript_response=True)
    def send(context: Context) -> Iterator[bytes]:
        if calls:
            raise StopIteration
        calls.append(1)
        yield b"\1\0" * 480
        server.emit(events)
        # What the server has said is taken before the generator ends.
        app.connection.wait_for("input_audio_buffer.speech_started", timeout=30)
        context["seen"].wait(30)

    @app.receiver(None)
    def watch(event: dict[str, Any], context: Context) -> None:
        if event["type"] == events[-1]["type"]:
            context["seen"].set()

    app.context["seen"] = threading.Event()
    return app


def test_speech_that_goes_on_at_the_end_is_committed_and_answered(scripted_server: Server) -> None:
    server = scripted_server([spoken_answer("I heard you.")], session={})
    app = streaming(server, user_turn("Good morning.")[:1])
    heard: list[str] = []
    app.receiver("audio_transcript")(lambda text, context: heard.append(text))
    app.run()
    kinds = [event["type"] for event in server.sent]
    assert kinds == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]
    assert heard == ["I heard you."]


def test_a_turn_that_the_server_has_found_is_its_own_to_answer(scripted_server: Server) -> None:
    server = scripted_server([spoken_answer("I heard you.")])
    app = streaming(server, user_turn("Good morning."))
    heard: list[str] = []
    app.receiver("audio_transcript")(lambda text, context: heard.append(text))
    app.run()
    assert [event["type"] for event in server.sent] == ["input_audio_buffer.append"]
    assert heard == ["I heard you."]


def test_without_speech_nothing(scripted_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    from realtime_sync.app import sender_thread

    monkeypatch.setattr(sender_thread, "_HEARS_S", 0.01)
    server = scripted_server()
    app = app_of(server)
    calls: list[int] = []

    @app.sender(wait_for_audio_transcript_response=True)
    def send(context: Context) -> Iterator[bytes]:
        if calls:
            raise StopIteration
        calls.append(1)
        yield bytes(960)

    app.run()
    assert [event["type"] for event in server.sent] == ["input_audio_buffer.append"]


# -- ends and errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("error_type", [ValueError, asyncio.TimeoutError, SystemExit])
@pytest.mark.parametrize("where", ["sender", "generator", "receiver"])
def test_an_error_ends_the_app_with_it(
    scripted_server: Server,
    where: str,
    error_type: type[BaseException],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = scripted_server([text_answer("One.")] if where == "receiver" else [])
    app = app_of(server)
    failure = error_type("it is broken")

    def fail(*arguments: Any) -> Any:
        raise failure

    def stream(context: Context) -> Iterator[str]:
        raise failure
        yield ""

    if where == "receiver":
        say(app, "a", wait_for_text_response=True)
        app.receiver("text")(fail)
    else:
        app.sender()(fail if where == "sender" else stream)
    with pytest.raises(error_type) as caught:
        app.run()
    assert caught.value is failure
    assert not app.is_running()
    name = "stream" if where == "generator" else "fail"
    assert f"{name!r} has failed" in caplog.text


@pytest.mark.parametrize("where", ["sender", "generator", "receiver"])
def test_a_cancellation_ends_the_app_in_order(scripted_server: Server, where: str) -> None:
    server = scripted_server([text_answer("One.")] if where == "receiver" else [])
    app = app_of(server)

    def cancel(*arguments: Any) -> Any:
        raise asyncio.CancelledError

    def stream(context: Context) -> Iterator[str]:
        raise asyncio.CancelledError
        yield ""

    if where == "receiver":
        say(app, "a", wait_for_text_response=True)
        app.receiver("text")(cancel)
    else:
        app.sender()(cancel if where == "sender" else stream)
    app.run()
    assert not app.is_running()


def test_the_first_of_two_errors_counts(
    scripted_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server = scripted_server([text_answer("One.")])
    app = app_of(server)
    say(app, "a")
    barrier = threading.Barrier(2)

    for name in ("first", "second"):

        @app.receiver("text")
        def fail(text: str, context: Context, name: str = name) -> None:
            barrier.wait(30)
            raise ValueError(name)

    with pytest.raises(ValueError, match=r"first|second"):
        app.run()
    assert "has failed, which ends the app" in caplog.text
    assert "has failed as well" in caplog.text


def test_the_server_refuses_what_was_sent(scripted_server: Server) -> None:
    server = scripted_server(
        [Step("session.update", error("there is no voice 'x'", code="invalid_value"))]
    )
    app = app_of(server, voice="x")
    say(app, None, None, wait_for_text_response=True)

    @app.sender()
    def forever(context: Context) -> None:
        return None

    with pytest.raises(ServerError, match="there is no voice 'x'"):
        app.run()


def test_an_error_that_changes_nothing(scripted_server: Server) -> None:
    refused = error("nothing to commit", code="input_audio_buffer_commit_empty")
    server = scripted_server(
        [Step("input_audio_buffer.commit", refused), text_answer("I heard you.")]
    )
    app = app_of(server, turn_detection=None)
    calls: list[int] = []
    heard: list[str] = []

    @app.sender(wait_for_text_response=True)
    def send(context: Context) -> Iterator[bytes]:
        if calls:
            raise StopIteration
        calls.append(1)
        yield b"\1\0"

    app.receiver("text")(lambda text, context: heard.append(text))
    app.run()
    assert heard == ["I heard you."]


ODD = [
    {"type": "response.done", "response": 7},
    {"type": "response.done", "response": {"id": [], "output": [7], "status": {}}},
    {"type": "response.created"},
    {"type": "response.created", "response": {"id": 7, "metadata": []}},
    {"type": "response.output_item.done", "item": None},
    {"type": "response.output_item.done", "item": {"type": "function_call", "call_id": {}}},
    {"type": "response.output_text.delta", "delta": None},
    {"type": "response.output_text.done", "response_id": 7, "text": []},
    {"type": "response.output_audio.delta", "delta": "?", "content_index": "x"},
    {"type": "response.output_audio.done"},
    {"type": "input_audio_buffer.speech_stopped"},
    {"type": "input_audio_buffer.committed", "item_id": 7},
    {"type": "error", "error": {"code": "response_cancel_not_active", "message": 1}},
    {"type": "of.the.future", "x": 1},
    7,
    [],
]


def test_odd_messages_end_nothing() -> None:
    transport, peer = memory_pair()
    client = ScriptedClient(ScriptedServer())
    options = {"transport": lambda *_: transport}
    app = Realtime("gpt-realtime", client=client, connection_options=options)
    heard: list[str] = []
    for kind in (None, *KINDS):
        app.receiver(kind)(lambda value, context: None)  # type: ignore[call-overload]

    @app.receiver("text")
    def receive(text: str, context: Context) -> None:
        heard.append(text)
        app.stop() if text == "One." else None

    for message in ODD:
        peer.send(json.dumps(message))
    peer.send("no JSON")
    for event in text_answer("One."):
        peer.send(json.dumps({"event_id": "e", **event}))
    app.run()
    assert heard[-1] == "One."


def test_a_sender_is_cut_off_by_a_lost_link_without_an_error_of_its_own(
    scripted_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server = scripted_server([Step("conversation.item.create", drop_link())])
    app = app_of(server)

    @app.sender()
    def send(context: Context) -> str:
        return "again"

    with pytest.raises(ConnectionClosedError):
        app.run()
    assert "has failed" not in caplog.text


def test_what_receivers_were_given_is_delivered_before_an_orderly_end(
    scripted_server: Server,
) -> None:
    server = scripted_server([text_answer("One.")])
    app = app_of(server)
    go_on, guard = threading.Event(), Guard()
    heard: list[str] = []
    say(app, "a", None, wait_for_text_response=True)

    @app.receiver("text_chunk")
    def stop(chunk: dict[str, Any], context: Context) -> None:
        app.stop()
        guard.until(lambda: getattr(app._running.get("now"), "is_set", False), "the end")
        go_on.set()

    @app.receiver("text")
    def receive(text: str, context: Context) -> None:
        guard.wait(go_on, "the end")
        heard.append(text)

    app.run()
    assert heard == ["One."]


def test_every_thread_is_joined(scripted_server: Server) -> None:
    server = scripted_server([function_call("format_book", BOOK, "call_1"), text_answer("A book.")])
    app = app_of(server, tools=[format_book])
    names: list[list[str]] = []
    say(app, "a", wait_for_text_response=True)

    @app.receiver("text")
    def receive(text: str, context: Context) -> None:
        names.append([thread.name for thread in threading.enumerate()])

    app.run()
    ours = {name for name in names[0] if name.startswith("realtime_sync.app-")}
    assert ours == {
        "realtime_sync.app-dispatcher",
        "realtime_sync.app-receiver-receive",
        "realtime_sync.app-sender-send",
    }
    left = {thread.name for thread in threading.enumerate()}
    assert not ours & left


@pytest.mark.parametrize("orderly", [True, False])
def test_what_a_receiver_waits_for_is_broken_off(
    scripted_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    orderly: bool,
) -> None:
    """Such as the sound that it plays: at once after an error, else when its time is over."""
    from realtime_sync._signal_safe import StopSignal
    from realtime_sync.app import app_run

    monkeypatch.setattr(app_run, "_CLOSE_S", 0.05 if orderly else 30.0)
    server = scripted_server([text_answer("One.")])
    app = app_of(server)
    begun, guard = threading.Event(), Guard()
    woken: list[bool] = []
    say(app, "a", wait_for_text_response=True)

    @app.receiver("text")
    def receive(text: str, context: Context) -> None:
        signal = StopSignal.current()
        assert signal is not None
        begun.set()
        woken.append(signal.wait(10))
        signal.check()

    @app.receiver("text")
    def end(text: str, context: Context) -> None:
        guard.wait(begun, "the other receiver")
        if not orderly:
            raise LookupError(text)
        app.stop()

    if orderly:
        app.run()
    else:
        with pytest.raises(LookupError):
            app.run()
    assert woken == [True]
    assert "left behind" not in caplog.text


def test_a_function_that_does_not_return_is_left_behind(
    scripted_server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from realtime_sync.app import app_run

    monkeypatch.setattr(app_run, "_CLOSE_S", 0.05)
    monkeypatch.setattr(app_run, "_CUT_S", 0.05)
    server = scripted_server()
    app = app_of(server)
    go_on = threading.Event()

    @app.sender()
    def stuck(context: Context) -> None:
        app.stop()
        go_on.wait(30)

    with caplog.at_level(logging.WARNING):
        app.run()
    assert "realtime_sync.app-sender-stuck: not returned; left behind" in caplog.text
    go_on.set()
