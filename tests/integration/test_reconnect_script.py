"""Making a link anew, step by step: the test plays the server of each link."""

from __future__ import annotations

import contextlib
import json
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from guards import Guard
from scripted_links import GUARD_S, ScriptedLink, ScriptedLinks, thread_names

from realtime_sync import (
    AuthenticationError,
    ConcurrencyError,
    ConnectError,
    ConnectionClosed,
    ConnectionClosedError,
    ConnectionClosedOK,
    InternalServerError,
    LocalProtocolError,
    QueueFullError,
    RateLimitError,
    RealtimeConnection,
    ReconnectPolicy,
    ServerError,
)
from realtime_sync._threads import spawn
from realtime_sync.connection.reconnect import ReconnectingEvent

AT_ONCE = ReconnectPolicy(initial_delay=0, max_retries=3)
LATER = ReconnectPolicy(initial_delay=600, max_delay=600)


@pytest.fixture
def links() -> Iterator[ScriptedLinks]:
    opened = ScriptedLinks()
    yield opened
    opened.close()


class Running:
    """A call in a thread of its own."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._result: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._work = work
        self._thread = spawn(self._run, name="test")

    def _run(self) -> None:
        try:
            self._result.put(self._work())
        except BaseException as exc:
            self._result.put(exc)

    def result(self) -> Any:
        """What it returned or raised."""
        self._thread.join(GUARD_S)
        assert not self._thread.is_alive(), "hangs"
        return self._result.get_nowait()


def lose(
    connection: RealtimeConnection, links: ScriptedLinks, link: ScriptedLink, items: int = 0
) -> ScriptedLink:
    """Drop ``link``; return the next one, with the session on it."""
    link.peer.drop()
    after = links.next()
    after.take_back(items)
    return after


def reconnected(connection: RealtimeConnection) -> Any:
    event = connection.recv(GUARD_S)
    assert event.type == "reconnected", event
    return event


def lost_error(result: Any) -> ConnectionClosedError:
    assert isinstance(result, ConnectionClosedError), result
    assert result.reconnecting
    return result


# -- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1001, 1005, 1006, 1011, 1012, 1013, 1015])
def test_a_recoverable_close(links: ScriptedLinks, code: int) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.peer.close(code, "see you")
    links.next().take_back()
    event = reconnected(connection)
    assert (event.code, event.attempts, event.lost, event.lost_items) == (code, 1, [], [])


@pytest.mark.parametrize("code", [1000, 1002, 1008, 3000, 4000, 4001])
def test_another_close_ends_the_connection(links: ScriptedLinks, code: int) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.peer.close(code, "no")
    with pytest.raises(ConnectionClosed) as caught:
        connection.recv(GUARD_S)
    assert (caught.value.code, caught.value.reason, caught.value.reconnecting) == (
        code,
        "no",
        False,
    )
    assert links.opened == 1


def test_codes_can_be_chosen(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=ReconnectPolicy(initial_delay=0, codes={4000}))
    link.peer.close(4000)
    links.next().take_back()
    assert reconnected(connection).code == 4000


@pytest.mark.parametrize("policy", [None, ReconnectPolicy(max_retries=0)])
def test_without_reconnecting_a_loss_is_the_end(
    links: ScriptedLinks, policy: ReconnectPolicy | None
) -> None:
    connection, link = links.connect(reconnect=policy)
    waiter = Running(lambda: connection.wait_for("never"))
    link.peer.drop()
    with pytest.raises(ConnectionClosedError) as caught:
        connection.recv(GUARD_S)
    assert not caught.value.reconnecting
    assert caught.value.unsent == ()
    assert not waiter.result().reconnecting
    with pytest.raises(ConnectionClosedError):
        connection.response.create()
    assert links.opened == 1


def test_recv_iteration_and_handlers_go_on(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.send("a.1")
    for number in (2, 3, 4):
        link = lose(connection, links, link)
        link.send(f"a.{number}")
    assert [connection.recv(GUARD_S).type for _ in range(3)] == ["a.1", "reconnected", "a.2"]
    iteration = iter(connection)
    assert [next(iteration).type for _ in range(2)] == ["reconnected", "a.3"]
    seen: list[str] = []
    connection.on("event", lambda event: seen.append(event.type))
    link.peer.close(1000)
    connection.dispatch_events()
    assert seen == ["reconnected", "a.4"]


def test_no_thread_but_the_reader_stays(links: ScriptedLinks, guard: Guard) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    before = thread_names()
    lose(connection, links, link)
    reconnected(connection)
    guard.until(lambda: thread_names() == before, "the supervisor's end")
    assert before == ["realtime_sync.reader"]


# -- what comes back -----------------------------------------------------------------------------


def test_the_session_and_its_history_come_back_unseen(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("sys", "You are kind.", role="system")
    link.says("u1", "What is the weather?")
    call = {"id": "c1", "type": "function_call", "call_id": "call_1", "name": "get_weather"}
    link.item({**call, "arguments": '{"city":"London"}', "status": "completed"})
    link.item({"id": "o1", "type": "function_call_output", "call_id": "call_1", "output": "fair"})
    link.says("a1", "It is fair.", role="assistant")
    events = [connection.recv(GUARD_S).type for _ in range(10)]
    link.peer.drop()
    after = links.next()
    taken = after.take_back(5)
    after.send("a.1")
    assert taken[0] == {"type": "realtime", "instructions": "Be brief."}
    assert [item["id"] for item in taken[1:]] == ["sys", "u1", "c1", "o1", "a1"]
    assert taken[3] == {**call, "arguments": '{"city":"London"}'}
    assert taken[4]["output"] == "fair"
    assert taken[5]["content"] == [{"type": "output_text", "text": "It is fair."}]
    assert set(events) == {"conversation.item.added", "conversation.item.done"}
    reconnected(connection)
    assert connection.recv(GUARD_S).type == "a.1"


def test_speech_comes_back_as_words_and_is_lost_without(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    for item_id in ("heard", "unheard"):
        speech = {"type": "input_audio", "transcript": None}
        link.item({"id": item_id, "type": "message", "role": "user", "content": [speech]})
    link.send(
        "conversation.item.input_audio_transcription.completed",
        item_id="heard",
        content_index=0,
        transcript="Hello there.",
    )
    spoken = {"type": "output_audio", "transcript": "Hello yourself."}
    link.item({"id": "a1", "type": "message", "role": "assistant", "content": [spoken]})
    link.peer.drop()
    first, second = links.next().take_back(2)[1:]
    assert first["content"] == [{"type": "input_text", "text": "Hello there."}]
    assert second["content"] == [{"type": "output_text", "text": "Hello yourself."}]
    event = connection.wait_for("reconnected", timeout=GUARD_S).to_dict()
    assert event["lost_items"] == ["unheard"]


def test_what_was_lost_once_is_not_told_again(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    speech = {"type": "input_audio", "transcript": None}
    link.item({"id": "u1", "type": "message", "role": "user", "content": [speech]})
    connection.recv(GUARD_S)
    connection.recv(GUARD_S)
    link = lose(connection, links, link)
    assert reconnected(connection).lost_items == ["u1"]
    lose(connection, links, link)
    assert reconnected(connection).lost_items == []


def test_an_item_that_the_server_refuses_is_told_and_forgotten(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("u1", "one")
    link.says("u2", "two")
    link.peer.drop()
    after = links.next()
    after.take_back()
    refused = after.receive("conversation.item.create")
    error = {"type": "invalid_request_error", "message": "no", "event_id": refused["event_id"]}
    after.send("error", error=error)
    after.item(after.receive("conversation.item.create")["item"])
    for _ in range(4):
        connection.recv(GUARD_S)
    assert reconnected(connection).lost_items == ["u1"]
    assert len(lose_items(connection, links, after, 1)) == 1


def lose_items(
    connection: RealtimeConnection, links: ScriptedLinks, link: ScriptedLink, count: int
) -> list[dict[str, Any]]:
    link.peer.drop()
    items = links.next().take_back(count)[1:]
    connection.wait_for("reconnected", timeout=GUARD_S)
    return items


def test_the_tools_come_back_as_they_were_given(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    tool = {"type": "mcp", "server_label": "docs", "server_url": "https://x.test"}
    connection.session.update(
        session={"type": "realtime", "tools": [{**tool, "authorization": "secret"}]}
    )
    link.receive("session.update")
    link.send("session.updated", session={"type": "realtime", "tools": [tool]})
    connection.recv(GUARD_S)
    link.peer.drop()
    assert links.next().take_back()[0]["tools"] == [{**tool, "authorization": "secret"}]
    reconnected(connection)


def test_tools_that_were_refused_do_not_come_back(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    good = {"type": "function", "name": "good"}
    link.send("session.updated", session={"type": "realtime", "tools": [good]})
    connection.session.update(session={"type": "realtime", "tools": [{"type": "function"}]})
    request = link.receive("session.update")
    link.send("error", error={"type": "x", "message": "no", "event_id": request["event_id"]})
    link.peer.drop()
    assert links.next().take_back()[0]["tools"] == [good]


def test_without_restoring_the_new_session_is_blank_and_told(links: ScriptedLinks) -> None:
    policy = ReconnectPolicy(initial_delay=0, restore=False)
    connection, link = links.connect(reconnect=policy)
    link.says("u1", "one")
    link.peer.drop()
    after = links.next()
    after.greet()
    types = [connection.recv(GUARD_S).type for _ in range(4)]
    assert types[2:] == ["reconnected", "session.created"]


def test_a_loss_before_the_greeting_brings_the_greeting(links: ScriptedLinks) -> None:
    transport, _ = links.open({}, {})
    from realtime_sync.connection import ConnectionSettings

    settings = ConnectionSettings(opener=links.open, reconnect=AT_ONCE)
    with RealtimeConnection(transport, settings=settings) as connection:
        connection.start()
        links.next().peer.drop()
        links.next().greet()
        assert [connection.recv(GUARD_S).type for _ in range(2)] == [
            "reconnected",
            "session.created",
        ]


class Recaps:
    """A dialect of a server that takes no assistant items, and no images."""

    name = "recaps"
    assistant_items = False
    metadata = True
    headers: Mapping[str, str] = MappingProxyType({})
    greeting = ()
    server_types: frozenset[str] = frozenset()
    closes_response_on_speech_started = False

    def to_wire(self, event: dict[str, Any]) -> dict[str, Any]:
        if "input_image" in json.dumps(event):
            raise LocalProtocolError("no images")
        return event

    def from_wire(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        return [event]


def test_a_server_without_assistant_items_gets_a_recap() -> None:
    links = ScriptedLinks(Recaps())
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("u1", "What is two and two?")
    link.says("a1", "Four.", role="assistant")
    for _ in range(4):
        connection.recv(GUARD_S)
    for _ in range(2):  # and again at the next loss
        link.peer.drop()
        link = links.next()
        (recap,) = link.take_back(1)[1:]
        assert recap["role"] == "user"
        text = recap["content"][0]["text"]
        assert text.splitlines()[1:] == ["user: What is two and two?", "assistant: Four."]
        assert reconnected(connection).lost_items == []
    links.close()


# -- what is sent meanwhile ----------------------------------------------------------------------


def test_what_is_sent_meanwhile_is_sent_in_order_and_what_was_the_links_is_handed_back(
    links: ScriptedLinks,
) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    gate = threading.Event()
    links.before_opening = lambda: gate.wait(GUARD_S) and None
    link.peer.drop()
    connection.send({"type": "n.1"})
    connection.input_audio_buffer.append(audio=b"\0\0", event_id="sound")
    connection.input_audio_buffer.commit(event_id="commit")
    connection.send({"type": "n.2"})
    connection.response.cancel(event_id="cancel")
    connection.conversation.item.truncate(
        item_id="a", content_index=0, audio_end_ms=1, event_id="truncate"
    )
    connection.send_raw('{"type":"n.3"}')
    gate.set()
    after = links.next()
    after.take_back()
    assert [after.receive()["type"] for _ in range(3)] == ["n.1", "n.2", "n.3"]
    lost = [json.loads(text)["event_id"] for text in reconnected(connection).lost]
    assert lost == ["sound", "commit", "cancel", "truncate"]
    connection.send({"type": "n.4"})
    assert after.receive()["type"] == "n.4"


def test_sending_goes_on_from_many_threads_while_links_come_and_go(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=ReconnectPolicy(initial_delay=0, max_retries=50))
    count, losses = 200, 20
    permits = threading.Semaphore(0)

    def send(name: str) -> None:
        for number in range(count):
            assert permits.acquire(timeout=GUARD_S)
            connection.send({"type": f"{name}.{number}"})

    senders = [Running(lambda n=name: send(n)) for name in "abc"]  # type: ignore[misc]
    received: list[str] = []
    for _ in range(losses):
        permits.release(20)
        received.append(link.receive()["type"])
        link.peer.drop()
        drain(link, received)
        link = links.next()
        link.take_back()
    permits.release(3 * count - 20 * losses)
    while len(received) < 3 * count:
        received.append(link.receive()["type"])
    assert [sender.result() for sender in senders] == [None] * 3
    for name in "abc":
        mine = [sent for sent in received if sent.startswith(name)]
        assert mine == [f"{name}.{number}" for number in range(count)], "in order, and each once"


def drain(link: ScriptedLink, received: list[str]) -> None:
    """Take all that came over a link before it was dropped."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            received.append(link.receive()["type"])


def test_a_full_backlog_refuses_more(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=LATER, max_queue_size=100)
    link.peer.drop()
    connection.send({"type": "n.1", "of": "x" * 40})
    with pytest.raises(QueueFullError, match="max_queue_size is 100"):
        connection.send({"type": "n.2", "of": "x" * 40})
    connection.input_audio_buffer.append(audio=bytes(1000))  # is not held, so it may come


def test_the_backlog_counts_bytes(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=LATER, max_queue_size=100)
    link.peer.drop()
    connection.send_raw("é" * 50)
    with pytest.raises(QueueFullError):
        connection.send_raw("é")


def test_what_was_not_sent_is_handed_back_when_no_link_comes(links: ScriptedLinks) -> None:
    gate = threading.Event()
    connection, link = links.connect(reconnect=AT_ONCE, on_reconnecting=lambda _: wait(gate))
    for _ in range(3):
        links.failures.put(ConnectError("nobody listens"))
    link.peer.drop()
    connection.send({"type": "n.1"})
    connection.input_audio_buffer.append(audio=b"\0\0")
    connection.send_raw(b'{"type":"n.2"}')
    gate.set()
    with pytest.raises(ConnectionClosedError) as caught:
        connection.recv(GUARD_S)
    types = sorted(json.loads(text)["type"] for text in caught.value.unsent)
    assert types == ["input_audio_buffer.append", "n.1", "n.2"]
    assert "n.1" not in str(caught.value)
    assert "could not reconnect: nobody listens" in str(caught.value)
    assert isinstance(caught.value.__cause__, ConnectError)
    with pytest.raises(ConnectionClosedError):
        connection.send({"type": "n.3"})


def wait(gate: threading.Event) -> None:
    assert gate.wait(GUARD_S)


def test_a_response_that_waited_for_the_lost_one_is_asked_for(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    connection.response.create(event_id="first")
    link.receive("response.create")
    link.send("response.created", response={"id": "r1", "status": "in_progress"})
    connection.wait_for("response.created", timeout=GUARD_S)
    connection.response.create(event_id="second", when_idle=True)
    after = lose(connection, links, link)
    assert after.receive("response.create")["event_id"] == "second"


# -- waiters -------------------------------------------------------------------------------------


def test_whoever_waits_at_the_loss_is_told(links: ScriptedLinks, guard: Guard) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    waiters = [
        Running(lambda: connection.wait_for("never")),
        Running(lambda: connection.wait_for(lambda event: False)),
    ]
    guard.until(lambda: len(connection._queue._watchers) == 2, "the observers")
    asking = Running(lambda: connection.ask("Hello"))
    link.receive("conversation.item.create")
    link.receive("response.create")
    lose(connection, links, link)
    for running in (*waiters, asking):
        assert lost_error(running.result()).code == 1006
    reconnected(connection)


def test_a_close_with_1001_is_a_loss_for_waiters_too(links: ScriptedLinks, guard: Guard) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    waiter = Running(lambda: connection.wait_for("never"))
    guard.until(lambda: connection._queue._watchers, "the observer")
    link.peer.close(1001, "maintenance")
    links.next().take_back()
    assert lost_error(waiter.result()).code == 1001


def test_a_stream_is_told_in_the_middle(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    stream = connection.stream("Hello")
    first = Running(lambda: next(stream))
    link.receive("conversation.item.create")
    request = link.receive("response.create")
    response = {"id": "r1", "metadata": request["response"]["metadata"], "status": "in_progress"}
    link.send("response.created", response=response)
    fields = {"item_id": "a", "output_index": 0, "content_index": 0}
    link.send("response.output_text.delta", response_id="r1", delta="Hel", **fields)
    assert first.result().delta == "Hel"
    lose(connection, links, link)
    with pytest.raises(ConnectionClosedError) as caught:
        next(stream)
    assert caught.value.reconnecting
    assert reconnected(connection).lost == [], "nothing is cancelled that went with the link"


def test_a_request_that_went_with_the_link_ends_the_wait_for_it(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    connection.send({"type": "ask.something"})
    link.receive("ask.something")
    after = lose(connection, links, link)
    reconnected(connection)
    with pytest.raises(ConnectionClosedError) as caught:
        connection.wait_for("its.answer", timeout=GUARD_S)
    assert caught.value.reconnecting
    waiting = Running(lambda: connection.wait_for("its.answer", timeout=GUARD_S))
    after.send("its.answer")
    assert waiting.result().type == "its.answer", "the next wait is for the new link"


def test_a_wait_begun_meanwhile_is_for_the_new_link(links: ScriptedLinks, guard: Guard) -> None:
    gate = threading.Event()
    connection, link = links.connect(reconnect=AT_ONCE, on_reconnecting=lambda _: wait(gate))
    link.peer.drop()
    guard.until(lambda: connection._queue.received == 2, "the loss")

    def ask_for_it() -> Any:
        connection.send({"type": "ask.something"})
        return connection.wait_for("its.answer", timeout=GUARD_S)

    asking = Running(ask_for_it)
    waiting = Running(lambda: connection.wait_for("its.answer", timeout=GUARD_S))
    guard.until(lambda: len(connection._queue._watchers) == 2, "the observers")
    gate.set()
    after = links.next()
    after.take_back()
    after.receive("ask.something")
    after.send("its.answer")
    assert asking.result().type == waiting.result().type == "its.answer"


def test_a_wait_for_the_new_link_is_not_ended_by_the_loss(
    links: ScriptedLinks, guard: Guard
) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    waiting = Running(lambda: connection.wait_for("reconnected", timeout=GUARD_S))
    guard.until(lambda: connection._queue._watchers, "the observer")
    lose(connection, links, link)
    assert waiting.result().type == "reconnected"


def test_an_earlier_loss_does_not_concern_a_turn(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    after = lose(connection, links, link)
    connection.wait_for("reconnected", timeout=GUARD_S)  # and nobody has consumed anything
    asking = Running(lambda: connection.ask("Hello", timeout=GUARD_S))
    after.receive("conversation.item.create")
    after.answer("Hi.")
    assert asking.result().text == "Hi."


def test_a_turn_begun_meanwhile_is_answered_over_the_new_link(
    links: ScriptedLinks, guard: Guard
) -> None:
    gate = threading.Event()
    connection, link = links.connect(reconnect=AT_ONCE, on_reconnecting=lambda _: wait(gate))
    link.peer.drop()
    guard.until(lambda: connection._queue.received == 2, "the loss")
    asking = Running(lambda: connection.ask("Hello", timeout=GUARD_S))
    guard.until(lambda: connection._state.busy, "the request")
    gate.set()
    after = links.next()
    after.take_back()
    after.receive("conversation.item.create")
    after.answer("Hi.")
    assert asking.result().text == "Hi."


def test_a_turn_waits_for_no_response_that_went_with_the_link(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.send("response.created", response={"id": "r1", "status": "in_progress"})
    connection.wait_for("response.created", timeout=GUARD_S)
    asking = Running(lambda: connection.ask("Hello", timeout=GUARD_S))
    after = lose(connection, links, link)
    after.receive("conversation.item.create")
    after.answer("Hi.")
    assert asking.result().text == "Hi."


def test_a_full_queue_at_the_loss(links: ScriptedLinks, guard: Guard) -> None:
    connection, link = links.connect(reconnect=AT_ONCE, max_queue_bytes=5_000)
    for number in range(20):
        link.send(f"n.{number}")
    guard.until(lambda: connection._queue._paused, "the pause")
    link.peer.drop()
    seen = [connection.recv(GUARD_S).type for _ in range(20)]
    assert seen == [f"n.{number}" for number in range(20)]
    after = links.next()
    after.take_back()
    after.send("a.1")
    reconnected(connection)
    assert connection.recv(GUARD_S).type == "a.1"


# -- attempts ------------------------------------------------------------------------------------


def test_attempts_go_on_until_one_succeeds(links: ScriptedLinks) -> None:
    told: list[ReconnectingEvent] = []
    connection, link = links.connect(
        reconnect=ReconnectPolicy(initial_delay=0.001, max_retries=4),
        on_reconnecting=lambda event: told.append(event),  # type: ignore[func-returns-value]
    )
    links.failures.put(ConnectError("nobody listens"))
    links.failures.put(InternalServerError("busy", 503))
    links.failures.put(RateLimitError("slow down", 429, retry_after_s=0.01))
    link.peer.close(1011)
    links.next().take_back()
    assert reconnected(connection).attempts == 4
    assert [event.attempt for event in told] == [1, 2, 3, 4]
    assert {(event.max_attempts, event.close_code) for event in told} == {(4, 1011)}
    assert told[0].delay <= 0.001
    assert told[3].delay >= 0.01, "as the server asked"


def test_a_refusal_for_good_ends_it_with_the_servers_words(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    links.failures.put(AuthenticationError("the key has expired", 401))
    link.peer.drop()
    with pytest.raises(ConnectionClosedError, match="the key has expired") as caught:
        connection.recv(GUARD_S)
    assert isinstance(caught.value.__cause__, AuthenticationError)
    assert links.opened == 2


def test_a_server_that_accepts_and_complains_is_given_up(links: ScriptedLinks) -> None:
    attempts: list[int] = []
    connection, link = links.connect(
        reconnect=AT_ONCE, on_reconnecting=lambda event: attempts.append(event.attempt)
    )
    link.send("error", error={"type": "server_error", "message": "busy"})
    link.peer.close(1011)
    for _ in range(3):
        refusing = links.next()
        refusing.send("error", error={"type": "server_error", "message": "still busy"})
        refusing.peer.close(1011)
    assert connection.recv(GUARD_S).type == "error"
    with pytest.raises(ConnectionClosedError, match="still busy") as caught:
        connection.recv(GUARD_S)
    assert isinstance(caught.value.__cause__, ServerError)
    assert attempts == [1, 2, 3]


@pytest.mark.parametrize("restore", [True, False])
def test_a_server_that_accepts_and_goes_is_given_up(links: ScriptedLinks, restore: bool) -> None:
    attempts: list[int] = []
    policy = ReconnectPolicy(initial_delay=0, max_retries=3, restore=restore)
    connection, link = links.connect(
        reconnect=policy, on_reconnecting=lambda event: attempts.append(event.attempt)
    )
    link.peer.close(1012)
    for _ in range(3):
        leaving = links.next()
        leaving.take_back() if restore else leaving.greet()
        leaving.peer.close(1012)
    events = list(until_the_end(connection, "3 attempts in a row were in vain"))
    assert set(events) <= {"reconnected", "session.created"}
    assert attempts == [1, 2, 3]


def until_the_end(connection: RealtimeConnection, reason: str) -> Iterator[str]:
    try:
        while True:
            yield connection.recv(GUARD_S).type
    except ConnectionClosedError as closed:
        if reason not in str(closed):
            raise


def test_one_good_event_begins_the_count_anew(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    for _ in range(5):
        link = lose(connection, links, link)
        link.send("a.good.event")
        assert reconnected(connection).attempts == 1
        assert connection.recv(GUARD_S).type == "a.good.event"


def test_a_server_that_does_not_take_the_session_back_in_time(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE, open_timeout=0.05)
    link.peer.drop()
    links.next().greet()  # and says nothing more
    links.next()  # nor does this one say anything
    with pytest.raises(ConnectionClosedError, match=r"did not take the session back within 0\.05"):
        connection.recv(GUARD_S)


def test_a_link_lost_during_the_restoration(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.says("u1", "one")
    link.peer.drop()
    half = links.next()
    half.greet()
    half.receive("session.update")
    half.peer.drop()
    whole = links.next()
    assert [item["id"] for item in whole.take_back(1)[1:]] == ["u1"]
    assert connection.wait_for("reconnected", timeout=GUARD_S).to_dict()["attempts"] == 2


# -- what the program says about it --------------------------------------------------------------


def test_the_program_may_change_query_and_headers(links: ScriptedLinks) -> None:
    told: list[ReconnectingEvent] = []

    def change(event: ReconnectingEvent) -> dict[str, Any] | None:
        told.append(event)
        if event.attempt == 1:
            return {"extra_query": {"region": "eu"}, "extra_headers": {"x-try": "1"}}
        return None

    connection, link = links.connect(
        reconnect=AT_ONCE, on_reconnecting=change, extra_query={"region": "us"}
    )
    links.failures.put(ConnectError("nobody listens"))
    link.peer.drop()
    after = links.next()
    after.take_back()
    assert (after.query, after.headers) == ({"region": "eu"}, {"x-try": "1"})
    assert [event.extra_query for event in told] == [{"region": "us"}, {"region": "eu"}]
    assert "x-try" not in repr(told[1]), "headers may hold a key"
    reconnected(connection)


def test_the_program_may_give_up(links: ScriptedLinks) -> None:
    connection, link = links.connect(
        reconnect=AT_ONCE, on_reconnecting=lambda event: {"abort": True}
    )
    link.peer.close(1011, "oops")
    with pytest.raises(ConnectionClosedError, match=r"oops.*on_reconnecting gave up") as caught:
        connection.recv(GUARD_S)
    assert caught.value.code == 1011
    assert links.opened == 1


def test_an_exception_of_the_program_ends_it_and_is_the_cause(links: ScriptedLinks) -> None:
    mistake = ZeroDivisionError("the program's own")

    def fail(event: ReconnectingEvent) -> None:
        raise mistake

    connection, link = links.connect(reconnect=AT_ONCE, on_reconnecting=fail)
    link.peer.drop()
    with pytest.raises(ConnectionClosedError, match="the program's own") as caught:
        connection.recv(GUARD_S)
    assert caught.value.__cause__ is mistake
    assert links.opened == 1


def test_the_program_may_send_while_it_is_told(links: ScriptedLinks) -> None:
    connection, link = links.connect(
        reconnect=AT_ONCE, on_reconnecting=lambda _: connection.send({"type": "n.1"})
    )
    after = lose(connection, links, link)
    assert after.receive()["type"] == "n.1"


def test_the_program_may_close_while_it_is_told(links: ScriptedLinks) -> None:
    connection, link = links.connect(
        reconnect=AT_ONCE, on_reconnecting=lambda _: connection.close()
    )
    link.peer.drop()
    with pytest.raises(ConnectionClosedOK):
        connection.recv(GUARD_S)
    assert links.opened == 1


# -- closing meanwhile ---------------------------------------------------------------------------


def closes(connection: RealtimeConnection, where: str) -> None:
    receiving = Running(connection.recv)
    begun = time.monotonic()
    connection.close(4000, "enough")
    print(f"close() {where} took {1000 * (time.monotonic() - begun):.0f} ms")
    end = receiving.result()
    assert type(end) is ConnectionClosedOK, end
    assert (end.code, end.reason) == (4000, "enough")
    with pytest.raises(ConnectionClosed):
        connection.send({"type": "too.late"})


def test_close_during_the_delay(links: ScriptedLinks, guard: Guard) -> None:
    told = threading.Event()
    connection, link = links.connect(reconnect=LATER, on_reconnecting=lambda _: told.set())
    link.peer.drop()
    guard.wait(told, "the attempt")
    closes(connection, "during the delay")
    assert links.opened == 1


def test_close_during_an_attempt_to_connect(links: ScriptedLinks, guard: Guard) -> None:
    connecting, gate = threading.Event(), threading.Event()

    def hang() -> None:
        connecting.set()
        wait(gate)

    connection, link = links.connect(reconnect=AT_ONCE)
    links.before_opening = hang
    link.peer.drop()
    guard.wait(connecting, "the attempt")
    closes(connection, "during an attempt to connect")
    gate.set()
    late = links.next()
    with pytest.raises(ConnectionClosed):
        late.receive()  # what came too late is thrown away


def test_close_during_the_restoration(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    link.peer.drop()
    half = links.next()
    half.greet()
    half.receive("session.update")
    closes(connection, "during the restoration")
    with pytest.raises(ConnectionClosed):
        half.receive()


# -- restarting by hand --------------------------------------------------------------------------


def test_restart_with_and_without_history(links: ScriptedLinks) -> None:
    connection, link = links.connect()  # needs no policy
    link.says("u1", "one")
    for _ in range(2):
        connection.recv(GUARD_S)
    restarting = Running(connection.session.restart)
    link = links.next()
    assert [item["id"] for item in link.take_back(1)[1:]] == ["u1"]
    assert restarting.result() is None
    restarting = Running(lambda: connection.session.restart(keep_history=False))
    link = links.next()
    assert len(link.take_back()) == 1
    assert restarting.result() is None
    restarting = Running(connection.session.restart)
    link = links.next()
    assert len(link.take_back()) == 1, "the history began anew"
    assert restarting.result() is None
    types = [connection.recv(GUARD_S).type for _ in range(3)]
    assert types == ["reconnected"] * 3
    connection.send({"type": "n.1"})
    assert link.receive()["type"] == "n.1"


def test_restart_settles_the_turn_that_it_ends(links: ScriptedLinks) -> None:
    connection, link = links.connect()
    asking = Running(lambda: connection.ask("Hello", timeout=GUARD_S))
    link.receive("conversation.item.create")
    link.receive("response.create")
    restarting = Running(connection.session.restart)
    after = links.next()
    after.take_back()
    assert restarting.result() is None
    assert lost_error(asking.result()).code == 1000
    asking = Running(lambda: connection.ask("Hello", timeout=GUARD_S))
    after.receive("conversation.item.create")
    after.answer("Hi.")
    assert asking.result().text == "Hi."


def test_a_restart_that_fails_leaves_the_old_session(links: ScriptedLinks) -> None:
    connection, link = links.connect()
    links.failures.put(AuthenticationError("no", 401))
    with pytest.raises(AuthenticationError):
        connection.session.restart()
    connection.send({"type": "n.1"})
    assert link.receive()["type"] == "n.1"
    link.send("a.1")
    assert connection.recv(GUARD_S).type == "a.1"


def test_a_link_lost_during_a_restart_that_fails(links: ScriptedLinks, guard: Guard) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    links.failures.put(ConnectError("not now"))

    def lose_it() -> None:
        links.before_opening = lambda: None
        link.peer.drop()
        guard.until(lambda: not connection._link._reading.is_alive(), "the reader's end")

    links.before_opening = lose_it
    with pytest.raises(ConnectError):
        connection.session.restart()
    links.next().take_back()
    assert reconnected(connection).code == 1006


def test_two_restarts_at_once(links: ScriptedLinks) -> None:
    connection, _ = links.connect()
    first = Running(connection.session.restart)
    after = links.next()
    with pytest.raises(ConcurrencyError):
        connection.session.restart()
    after.take_back()
    assert first.result() is None
    connection.close()
    with pytest.raises(ConcurrencyError):
        connection.session.restart()


# -- renewing before the limit -------------------------------------------------------------------


def due(connection: RealtimeConnection) -> None:
    """Let the renewal be due, and the moment be quiet."""
    connection._state.renew_at = -math.inf
    connection._state._changed_at = -math.inf


def test_a_renewal_is_not_noticed(links: ScriptedLinks, guard: Guard) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    waiting = Running(lambda: connection.wait_for("a.late.event", timeout=GUARD_S))
    guard.until(lambda: connection._queue._watchers, "the observer")
    for name in ("before.1", "before.2"):
        connection.input_audio_buffer.append(audio=b"\0\0", event_id=name)
    due(connection)
    connection.input_audio_buffer.append(audio=b"\0\0", event_id="meanwhile")
    after = links.next()
    link.send("an.old.event")
    guard.until(lambda: connection._queue.received == 2, "the old link's event")
    after.take_back()
    said = [after.receive()["event_id"] for _ in range(3)]
    assert said == ["before.1", "before.2", "meanwhile"], "the end of what was said, and the rest"
    assert [connection.recv(GUARD_S).type for _ in range(2)] == ["an.old.event", "reconnected"]
    received: list[str] = []
    drain(link, received)
    assert received == ["input_audio_buffer.append"] * 2, "what was sent before"
    after.send("a.late.event")
    assert waiting.result().type == "a.late.event", "no waiter is told of a renewal"


def test_a_renewal_is_put_off_when_somebody_speaks_meanwhile(
    links: ScriptedLinks, guard: Guard
) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    due(connection)
    connection.input_audio_buffer.append(audio=b"\0\0", event_id="first")
    after = links.next()
    link.send("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    connection.wait_for("input_audio_buffer.speech_started", timeout=GUARD_S)
    after.take_back()
    assert link.receive()["event_id"] == "first", "the old link goes on"
    with pytest.raises(ConnectionClosed):
        after.receive()
    connection.input_audio_buffer.append(audio=b"\0\0", event_id="second")
    assert link.receive()["event_id"] == "second"
    assert connection._state.renew_at > time.monotonic(), "for a moment"


def test_a_renewal_that_fails_is_not_noticed(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    links.failures.put(ConnectError("not now"))
    due(connection)
    connection.send({"type": "n.1"})
    assert link.receive()["type"] == "n.1"
    link.send("a.1")
    assert connection.recv(GUARD_S).type == "a.1"


@pytest.mark.parametrize("busy", ["response", "speech", "manual audio"])
def test_no_renewal_while_something_is_going_on(links: ScriptedLinks, busy: str) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    if busy == "response":
        link.send("response.created", response={"id": "r1", "status": "in_progress"})
    elif busy == "speech":
        link.send("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    else:
        manual = {"audio": {"input": {"turn_detection": None}}}
        link.send("session.updated", session={"type": "realtime", **manual})
    connection.recv(GUARD_S)
    connection.input_audio_buffer.append(audio=b"\0\0")
    due(connection)
    connection.input_audio_buffer.append(audio=b"\0\0")
    link.receive()
    link.receive()
    assert links.opened == 1


def test_no_renewal_where_it_is_turned_off(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=ReconnectPolicy(rotate=False))
    due(connection)
    connection.send({"type": "n.1"})
    link.receive("n.1")
    assert links.opened == 1
