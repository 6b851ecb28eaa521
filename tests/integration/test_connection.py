"""The connection's promises, over a link without a network: threads, order, bounds, endings."""

from __future__ import annotations

import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from guards import Guard
from scripted_links import Running

from realtime_sync import (
    ConcurrencyError,
    ConfigError,
    ConnectionClosedError,
    ConnectionClosedOK,
    LocalProtocolError,
    QueueFullError,
    RealtimeConnection,
    RealtimeTimeout,
    RemoteProtocolError,
    ServerError,
)
from realtime_sync._threads import spawn
from realtime_sync.connection import ConnectionSettings
from realtime_sync.events import (
    ResponseDone,
    ResponseOutputTextDelta,
    ServerEvent,
    SessionUpdate,
    UnknownEvent,
)
from realtime_sync.transport import MemoryPeer, memory_pair

GUARD_S = 30.0


class Server:
    """The scripted other side of a connection."""

    def __init__(self, peer: MemoryPeer) -> None:
        self.peer = peer

    def send(self, type: str, **fields: Any) -> None:
        self.peer.send(json.dumps({"type": type, "event_id": "event_1", **fields}))

    def receive(self, type: str | None = None) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.peer.receive(GUARD_S))
        assert type in (None, event["type"])
        return event

    def answer(self, *words: str, status: str = "completed") -> dict[str, Any]:
        """Take one ``response.create`` and answer it in writing."""
        request = self.receive("response.create")
        metadata = request["response"].get("metadata")
        response = {"id": "resp_" + request["event_id"], "metadata": metadata, "output": []}
        self.send("response.created", response={**response, "status": "in_progress"})
        for word in words:
            self.delta(word, response["id"])
        self.send("response.done", response={**response, "status": status})
        return request

    def delta(self, word: str, response_id: str) -> None:
        self.send(
            "response.output_text.delta",
            response_id=response_id,
            item_id="item_a",
            output_index=0,
            content_index=0,
            delta=word,
        )


Opener = Callable[..., tuple[RealtimeConnection, Server]]


@pytest.fixture
def connect() -> Iterator[Opener]:
    opened = []

    def open_one(**options: Any) -> tuple[RealtimeConnection, Server]:
        transport, peer = memory_pair()
        connection = RealtimeConnection(transport, settings=ConnectionSettings(**options))
        connection.start()
        opened.append(connection)
        return connection, Server(peer)

    yield open_one
    for connection in opened:
        connection.close()


def run(work: Callable[[], Any]) -> Callable[[], Any]:
    """Start ``work`` in a thread; the returned function waits for it and gives its result."""
    result: list[Any] = []

    def target() -> None:
        try:
            result.append(work())
        except Exception as exc:  # handed to the test
            result.append(exc)

    thread = spawn(target, name="test")

    def wait() -> Any:
        thread.join(GUARD_S)
        assert not thread.is_alive(), "hangs"
        return result[0]

    return wait


# -- receiving -----------------------------------------------------------------------------------


def test_events_come_in_order_then_the_close_for_ever(connect: Opener) -> None:
    connection, server = connect()
    server.send("session.created", session={"type": "realtime"})
    server.send("response.output_text.done", text="x")
    server.peer.close(1011, "the server is tired")
    assert connection.recv(GUARD_S).type == "session.created"
    assert connection.recv(GUARD_S).type == "response.output_text.done"
    for _ in range(3):
        with pytest.raises(ConnectionClosedError, match="1011: the server is tired"):
            connection.recv(GUARD_S)
    assert connection.closed


def test_iteration_ends_quietly_on_a_clean_close(connect: Opener) -> None:
    connection, server = connect()
    server.send("a.one")
    server.send("a.two")
    server.peer.close(1000, "bye")
    assert [event.type for event in connection] == ["a.one", "a.two"]


def test_iteration_raises_when_the_link_breaks(connect: Opener) -> None:
    connection, server = connect()
    server.send("a.one")
    server.peer.drop()
    events = iter(connection)
    assert next(events).type == "a.one"
    with pytest.raises(ConnectionClosedError) as caught:
        next(events)
    assert caught.value.code == 1006


def test_an_iteration_left_with_break_is_taken_up_again(connect: Opener) -> None:
    connection, server = connect()
    for number in range(6):
        server.send(f"n.{number}")
    server.peer.close()
    seen = []
    for event in connection:
        seen.append(event.type)
        if len(seen) == 2:
            break
    seen.append(connection.recv(GUARD_S).type)
    seen.extend(event.type for event in connection)
    assert seen == [f"n.{number}" for number in range(6)]


def test_recv_times_out_and_stays_usable(connect: Opener) -> None:
    connection, server = connect()
    with pytest.raises(RealtimeTimeout):
        connection.recv(timeout=0.0)
    with pytest.raises(TimeoutError):
        connection.recv_bytes(timeout=0.0)
    server.send("n.1")
    assert connection.recv(GUARD_S).type == "n.1"


def test_two_threads_in_recv(connect: Opener, guard: Guard) -> None:
    connection, server = connect()
    first = run(lambda: connection.recv(GUARD_S))
    guard.until(connection._consumer.locked, "the first thread in recv()")
    for consume in (
        lambda: connection.recv(GUARD_S),
        lambda: connection.recv_bytes(GUARD_S),
        lambda: next(iter(connection)),
        lambda: connection.ask("hi"),
        lambda: next(connection.stream("hi")),
    ):
        with pytest.raises(ConcurrencyError, match="consuming"):
            consume()
    server.send("n.1")
    assert first().type == "n.1"


def test_recv_bytes_and_parse_event(connect: Opener) -> None:
    connection, server = connect()
    text = '{"type":"brand.new","event_id":"e","é":1}'
    server.peer.send(text)
    data = connection.recv_bytes(GUARD_S)
    assert data == text.encode()
    event = connection.parse_event(data)
    assert isinstance(event, UnknownEvent)
    assert event.to_dict()["é"] == 1


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ('{"type":"session.created"', "malformed json"),
        ("[1, 2]", "object"),
        ('{"no": "type"}', "type"),
        (b"\x00\x01", "binary message of 2 bytes"),
    ],
)
def test_a_message_that_is_no_event_costs_only_itself(
    connect: Opener, message: str | bytes, words: str
) -> None:
    connection, server = connect()
    server.peer.send(message)
    server.peer.send(message)
    server.send("n.1")
    with pytest.raises(RemoteProtocolError, match=words):
        connection.recv(GUARD_S)
    raw = message.encode() if isinstance(message, str) else message
    assert connection.recv_bytes(GUARD_S) == raw
    assert connection.recv(GUARD_S).type == "n.1"


def test_a_megabyte_in_one_event(connect: Opener) -> None:
    connection, server = connect()
    server.delta("x" * 1_000_000, "resp_1")
    event = connection.recv(GUARD_S)
    assert isinstance(event, ResponseOutputTextDelta)
    assert len(event.delta) == 1_000_000


# -- the bound -----------------------------------------------------------------------------------


def test_a_slow_consumer_loses_nothing_of_ten_thousand(connect: Opener) -> None:
    connection, server = connect(max_queue_bytes=100_000)
    total = 10_000

    def send_all() -> None:
        for number in range(total):
            server.send("n", number=number)
        server.peer.close()

    sending = run(send_all)
    numbers = [event.to_dict()["number"] for event in connection]
    sending()
    assert numbers == list(range(total))


def test_a_stopped_consumer_costs_the_bound_plus_one_message(connect: Opener, guard: Guard) -> None:
    bound, size = 100_000, 1_000
    connection, server = connect(max_queue_bytes=bound)
    for _ in range(500):
        server.send("n", padding="x" * size)
    guard.until(lambda: connection._queue._paused, "the reader's pause")
    assert bound <= connection.stats.queued_bytes <= bound + size + 1_300
    with pytest.raises(QueueFullError, match="max_queue_bytes"):
        connection.wait_for("never", timeout=GUARD_S)
    server.peer.close(1000)
    assert len(list(connection)) == 500
    assert connection.stats.queued_bytes == 0


def test_wait_for_is_told_when_the_queue_fills_meanwhile(connect: Opener) -> None:
    connection, server = connect(max_queue_bytes=10_000)
    waiting = run(lambda: connection.wait_for("never", timeout=GUARD_S))
    for _ in range(20):
        server.send("n", padding="x" * 100)
    assert isinstance(waiting(), QueueFullError)


def test_closing_with_a_full_queue_is_quick_and_keeps_what_was_received(
    connect: Opener, guard: Guard
) -> None:
    connection, server = connect(max_queue_bytes=10_000)
    for _ in range(20):
        server.send("n", padding="x" * 100)
    guard.until(lambda: connection._queue._paused, "the reader's pause")
    connection.close()
    assert len(list(connection)) >= 5


# -- observing -----------------------------------------------------------------------------------


def test_wait_for_finds_what_came_since_the_last_send_and_takes_nothing(connect: Opener) -> None:
    connection, server = connect()
    server.send("n.before")
    connection.recv(GUARD_S)
    connection.session.update(session={"type": "realtime", "instructions": "x"})
    server.receive("session.update")
    server.send("session.updated", session={"type": "realtime"})
    server.send("n.after")
    assert connection.wait_for("n.after", timeout=GUARD_S).type == "n.after"
    assert connection.wait_for("session.updated", timeout=GUARD_S).type == "session.updated"
    with pytest.raises(RealtimeTimeout):
        connection.wait_for("n.before", timeout=0.0)
    assert connection.recv(GUARD_S).type == "session.updated"
    # Consumed by now, and still since the last send; who asks for it otherwise finds it once more.
    found = connection.wait_for(lambda e: e.type == "session.updated", timeout=GUARD_S)
    assert found.type == "session.updated"
    with pytest.raises(RealtimeTimeout):
        connection.wait_for("session.updated", timeout=0.0)


def test_wait_for_waits_beside_a_consumer(connect: Opener) -> None:
    connection, server = connect()
    consuming = run(lambda: [event.type for event in connection])
    waiting = run(lambda: connection.wait_for(lambda e: e.type == "n.2", timeout=GUARD_S))
    for number in range(4):
        server.send(f"n.{number}")
    # The thread may have begun to wait after n.2 passed: then it waits for another.
    stop = threading.Event()

    def repeat() -> None:
        while not stop.wait(0.05):
            server.send("n.2")

    repeating = run(repeat)
    assert waiting().type == "n.2"
    stop.set()
    repeating()
    connection.close()
    assert consuming()[:4] == ["n.0", "n.1", "n.2", "n.3"]


def test_wait_for_accepts_beta_names(connect: Opener) -> None:
    connection, server = connect()
    connection.response.create()
    server.receive()
    server.send("response.text.delta", delta="x", item_id="i", response_id="r")
    assert connection.wait_for("response.text.delta", timeout=GUARD_S).type == (
        "response.output_text.delta"
    )


def test_a_loop_finds_each_event_once(connect: Opener) -> None:
    connection, server = connect()
    for number in range(3):
        server.send("response.text.delta", delta=f"{number}")  # the beta's name
        server.send("n.1", number=number)
    server.send("end")
    connection.wait_for("end", timeout=GUARD_S)
    names = ["response.text.delta", "response.output_text.delta", "response.text.delta"]
    found = [connection.wait_for(name, timeout=0.0).to_dict()["delta"] for name in names]

    def predicate(event: ServerEvent) -> bool:
        return event.type == "n.1"

    found += [connection.wait_for(predicate, timeout=0.0).to_dict()["number"] for _ in range(3)]
    assert found == ["0", "1", "2", 0, 1, 2]
    for wanted in (*names, predicate):
        with pytest.raises(RealtimeTimeout):
            connection.wait_for(wanted, timeout=0.0)
    assert run(lambda: connection.wait_for("n.1", timeout=GUARD_S))().to_dict()["number"] == 0, (
        "what one thread has found is another's affair"
    )


def test_after_a_send_only_what_comes_after_it_is_found(connect: Opener) -> None:
    connection, server = connect()
    for number in range(3):
        server.send("n.1", number=number)
    server.send("end")
    connection.wait_for("end", timeout=GUARD_S)
    assert connection.wait_for("n.1", timeout=0.0).to_dict()["number"] == 0
    connection.send({"type": "x"})
    server.send("n.1", number=3)
    assert connection.wait_for("n.1", timeout=GUARD_S).to_dict()["number"] == 3


def test_watch_yields_each_event_once_and_takes_nothing(connect: Opener) -> None:
    connection, server = connect()
    server.send("n.1", number=0)
    server.send("end")
    connection.wait_for("end", timeout=GUARD_S)
    watched = connection.watch("n.1")
    assert connection.wait_for("n.1", timeout=0.0).to_dict()["number"] == 0, "each has its own"
    numbers = [next(watched).to_dict()["number"]]
    server.send("n.1", number=1)
    connection.send({"type": "x"})
    server.send("n.2")
    server.send("n.1", number=2)
    numbers += [next(watched).to_dict()["number"] for _ in range(2)]
    with pytest.raises(RealtimeTimeout):
        connection.wait_for("n.1", timeout=0.0)
    server.peer.close(1000)
    assert numbers + list(watched) == [0, 1, 2]
    types = [event.type for event in connection]
    assert types == ["n.1", "end", "n.1", "n.2", "n.1"]


def test_watch_begins_when_it_is_called(connect: Opener) -> None:
    connection, server = connect()
    connection.send({"type": "x"})
    watched = connection.watch(lambda event: event.type.startswith("n."), timeout=GUARD_S)
    server.send("n.1")
    server.send("n.2")
    connection.send({"type": "y"})
    server.send("n.3")
    assert [next(watched).type for _ in range(3)] == ["n.1", "n.2", "n.3"]


def test_watch_waits_so_long_for_each_event(connect: Opener) -> None:
    connection, server = connect()
    server.send("n.1")
    server.send("end")
    connection.wait_for("end", timeout=GUARD_S)
    watched = connection.watch("n.1", timeout=0.0)
    assert next(watched).type == "n.1"
    with pytest.raises(RealtimeTimeout, match=r"'n\.1' did not come at once"):
        next(watched)
    assert list(watched) == [], "it has ended"
    assert not connection._queue._watchers


def test_watch_ends_when_the_link_breaks(connect: Opener) -> None:
    connection, server = connect()
    server.send("n.1")
    watched = connection.watch("n.1")
    assert next(watched).type == "n.1"
    server.peer.drop()
    with pytest.raises(ConnectionClosedError):
        next(watched)


def test_a_watch_that_is_slow_gets_what_was_consumed_meanwhile(connect: Opener) -> None:
    connection, server = connect()
    watched = connection.watch("n.1", timeout=GUARD_S)
    server.send("n.1", number=0)
    assert next(watched).to_dict()["number"] == 0
    for number in range(1, 4):  # 3 MB, of which the log keeps one
        server.send("n.1", number=number, padding="x" * 1_000_000)
        connection.recv(GUARD_S)
    assert [next(watched).to_dict()["number"] for _ in range(3)] == [1, 2, 3]


def test_a_watch_that_is_too_slow_says_so(connect: Opener) -> None:
    connection, server = connect(max_queue_bytes=10_000)
    watched = connection.watch("n.1", timeout=GUARD_S)
    for number in range(20):
        server.send("n.1", number=number)
        connection.recv(GUARD_S)
    with pytest.raises(QueueFullError, match="slower than the events"):
        list(watched)
    assert not connection._queue._watchers


def test_a_watch_that_is_left_is_served_no_more(connect: Opener) -> None:
    connection, server = connect()
    server.send("n.1")
    for event in connection.watch("n.1", timeout=GUARD_S):
        assert event.type == "n.1"
        break
    connection.watch("n.1")  # and one that never began
    server.send("n.2")
    connection.wait_for("n.2", timeout=GUARD_S)
    assert not connection._queue._watchers


def test_a_refusal_is_told_to_one_wait(connect: Opener) -> None:
    connection, server = connect()
    connection.send({"type": "x", "event_id": "mine"})
    server.send("error", error={"type": "t", "message": "no", "event_id": "mine"})
    server.send("n.1")
    with pytest.raises(ServerError, match="no"):
        connection.wait_for("n.1", timeout=GUARD_S)
    assert connection.wait_for("n.1", timeout=GUARD_S).type == "n.1"
    connection.send({"type": "x", "event_id": "second"})
    watched = connection.watch("n.2", timeout=GUARD_S)
    server.send("error", error={"type": "t", "message": "no", "event_id": "second"})
    with pytest.raises(ServerError, match="no"):
        next(watched)


@pytest.mark.parametrize("call", ["wait_for", "watch"])
def test_a_type_that_does_not_exist(connect: Opener, call: str) -> None:
    connection, _ = connect()
    with pytest.raises(ConfigError, match=rf"{call}: .*'response.donne'.*'response.done'"):
        getattr(connection, call)("response.donne")
    with pytest.raises(ConfigError, match="iterate"):
        getattr(connection, call)("event")
    with pytest.raises(ConfigError, match="timeout is 'abc'"):
        getattr(connection, call)("response.done", timeout="abc")


@pytest.mark.parametrize("wrong", [None, 5, ResponseDone])
def test_wait_for_takes_a_type_or_a_predicate(connect: Opener, wrong: Any) -> None:
    connection, _ = connect()
    with pytest.raises(LocalProtocolError, match="takes a type such as"):
        connection.wait_for(wrong)


def test_a_waiters_predicate_runs_in_its_own_thread(connect: Opener) -> None:
    connection, server = connect()
    connection.response.create()
    threads = []

    def predicate(event: object) -> bool:
        threads.append(threading.current_thread())
        return True

    server.send("n.1")
    connection.wait_for(predicate, timeout=GUARD_S)
    assert threads == [threading.current_thread()]


def test_every_waiter_is_told_of_a_dropped_link(connect: Opener, guard: Guard) -> None:
    connection, server = connect()
    calls: list[Callable[[], Any]] = [lambda: connection.wait_for("never", timeout=GUARD_S)] * 3
    waiters = [run(call) for call in calls] + [run(lambda: connection.recv(GUARD_S))]
    guard.until(lambda: len(connection._queue._watchers) == 3, "the three observers")
    guard.until(connection._consumer.locked, "the consumer")
    server.peer.drop()
    for wait in waiters:
        assert isinstance(wait(), ConnectionClosedError)


# -- sending -------------------------------------------------------------------------------------


def test_every_resource_sends_its_event(connect: Opener) -> None:
    connection, server = connect()
    c = connection
    c.session.update(session={"type": "realtime"}, event_id="e1")
    c.response.create(response={"instructions": "short"}, event_id="e2")
    c.response.create()
    c.response.cancel(response_id="resp_1")
    c.input_audio_buffer.append(audio=b"\x00\x00")
    c.input_audio_buffer.commit()
    c.input_audio_buffer.clear()
    c.output_audio_buffer.clear()
    c.conversation.item.create(item={"type": "message"}, previous_item_id="root")
    c.conversation.item.delete(item_id="i")
    c.conversation.item.retrieve(item_id="i")
    c.conversation.item.truncate(item_id="i", content_index=0, audio_end_ms=5)
    expected: list[dict[str, Any]] = [
        {"type": "session.update", "session": {"type": "realtime"}, "event_id": "e1"},
        {"type": "response.create", "response": {"instructions": "short"}, "event_id": "e2"},
        {"type": "response.create"},
        {"type": "response.cancel", "response_id": "resp_1"},
        {"type": "input_audio_buffer.append", "audio": "AAA="},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
        {"type": "output_audio_buffer.clear"},
        {
            "type": "conversation.item.create",
            "item": {"type": "message"},
            "previous_item_id": "root",
        },
        {"type": "conversation.item.delete", "item_id": "i"},
        {"type": "conversation.item.retrieve", "item_id": "i"},
        {
            "type": "conversation.item.truncate",
            "item_id": "i",
            "content_index": 0,
            "audio_end_ms": 5,
        },
    ]
    received = [server.receive() for _ in expected]
    # An event without an id gets one, so that a refusal can be told from others; audio is too
    # frequent for that.
    given = [event.pop("event_id", None) for event in received]
    assert given[:2] == ["e1", "e2"]
    assert [event_id is None for event_id in given] == [
        event["type"] == "input_audio_buffer.append" for event in expected
    ]
    assert received == [{k: v for k, v in e.items() if k != "event_id"} for e in expected]


def test_send_takes_events_and_mappings(connect: Opener) -> None:
    connection, server = connect()
    connection.send(SessionUpdate(session={"type": "realtime"}))
    connection.send({"type": "response.create"})
    connection.send_raw('{"type":"x"}')
    assert [server.receive()["type"] for _ in range(3)] == [
        "session.update",
        "response.create",
        "x",
    ]


@pytest.mark.parametrize(
    "event", [{}, {"type": 1}, {"type": "x", "value": object()}], ids=["none", "number", "object"]
)
def test_a_wrong_event_is_refused_before_it_is_sent(connect: Opener, event: dict[str, Any]) -> None:
    connection, server = connect()
    with pytest.raises(LocalProtocolError):
        connection.send(event)
    connection.send({"type": "fine"})
    assert server.receive()["type"] == "fine"


@pytest.mark.parametrize("wrong", ['{"type":"x"}', b"{}", None, 5])
def test_what_is_no_event_is_refused_before_it_is_sent(connect: Opener, wrong: Any) -> None:
    connection, _ = connect()
    with pytest.raises(LocalProtocolError, match="JSON text goes through send_raw"):
        connection.send(wrong)


def test_sending_from_many_threads(connect: Opener) -> None:
    connection, server = connect()
    done = [
        run(lambda n=n: [connection.send({"type": "n", "value": (n, i)}) for i in range(50)])
        for n in range(8)
    ]
    received = [tuple(server.receive()["value"]) for _ in range(400)]
    for wait in done:
        wait()
    assert sorted(received) == [(n, i) for n in range(8) for i in range(50)]


# -- whole turns ---------------------------------------------------------------------------------


def test_ask_returns_the_answer_and_leaves_the_rest_queued(connect: Opener) -> None:
    connection, server = connect()
    server.send("session.created", session={"type": "realtime"})

    def serve() -> dict[str, Any]:
        item = server.receive("conversation.item.create")["item"]
        server.send("conversation.item.added", item=item)
        server.send("n.1")
        request = server.answer("Hello ", "there.")
        server.send("n.2")
        return {"item": item, "request": request}

    serving = run(serve)
    reply = connection.ask("Hi!", response={"output_modalities": ["text"]}, timeout=GUARD_S)
    seen = serving()
    assert reply.text == "Hello there."
    assert seen["item"]["content"] == [{"type": "input_text", "text": "Hi!"}]
    assert seen["request"]["response"]["output_modalities"] == ["text"]
    types = [connection.recv(GUARD_S).type for _ in range(3)]
    assert types == ["session.created", "n.1", "n.2"]


@pytest.mark.parametrize("timeout", [GUARD_S, 0.0], ids=["answered", "given up"])
def test_an_earlier_answer_that_nobody_took_yet_is_not_the_turns(
    connect: Opener, timeout: float
) -> None:
    connection, server = connect()
    connection.send({"type": "x"})
    server.receive("x")
    earlier = {"id": "resp_earlier", "status": "completed", "output": []}
    server.send("response.created", response=earlier)
    server.delta("Earlier.", "resp_earlier")
    server.send("response.done", response=earlier)
    connection.wait_for("response.done", timeout=GUARD_S)
    if timeout:
        asking = run(lambda: connection.ask(timeout=timeout))
        server.answer("Now.")
        assert asking().text == "Now."
    else:
        with pytest.raises(RealtimeTimeout):
            connection.ask(timeout=timeout)
    types = [connection.recv(GUARD_S).type for _ in range(3)]
    assert types == ["response.created", "response.output_text.delta", "response.done"]


def test_ask_with_audio(connect: Opener) -> None:
    connection, server = connect()
    asking = run(lambda: connection.ask(audio=b"\x00\x00", timeout=GUARD_S))
    content = server.receive("conversation.item.create")["item"]["content"]
    server.answer("ok")
    assert content == [{"type": "input_audio", "audio": "AAA="}]
    assert asking().text == "ok"
    with pytest.raises(LocalProtocolError, match="not with both"):
        connection.ask("a", audio=b"")


PCM: Any = {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}}}}
G711: Any = {"audio": {"output": {"format": {"type": "audio/pcmu"}}}}
FLAT: Any = {"output_audio_format": "g711_ulaw"}


@pytest.mark.parametrize(
    ("session", "response", "heard"),
    [
        ({}, None, b"\1\2\4\5"),
        (G711, None, b"\1\2\3\4\5"),
        (FLAT, {"output_modalities": ["audio"]}, b"\1\2\3\4\5"),
        (G711, PCM, b"\1\2\4\5"),
        (PCM, G711, b"\1\2\3\4\5"),
    ],
)
def test_behind_a_damaged_piece_of_audio_a_whole_sample_begins(
    connect: Opener, session: dict[str, Any], response: Any, heard: bytes
) -> None:
    connection, server = connect()
    server.send("session.updated", session={"type": "realtime", **session})
    connection.recv(GUARD_S)
    asking = run(lambda: connection.ask("Go", response=response, timeout=GUARD_S))
    server.receive("conversation.item.create")
    mine = {"id": "resp_1", "metadata": server.receive("response.create")["response"]["metadata"]}
    server.send("response.created", response=mine)
    at = {"response_id": "resp_1", "item_id": "item_a", "output_index": 0, "content_index": 0}
    for piece in ("AQID", "A!==", "BAU="):
        server.send("response.output_audio.delta", **at, delta=piece)
    server.send("response.done", response={**mine, "status": "completed", "output": []})
    assert asking().audio == heard


def test_ask_waits_for_a_running_response(connect: Opener) -> None:
    connection, server = connect()
    running = {"id": "resp_vad", "status": "in_progress", "output": []}
    server.send("response.created", response=running)
    assert connection.recv(GUARD_S).type == "response.created"
    asking = run(lambda: connection.ask(timeout=GUARD_S))
    with pytest.raises(RealtimeTimeout):
        server.peer.receive(0.05)
    server.send("response.done", response={**running, "status": "completed"})
    server.answer("now")
    assert asking().text == "now"
    assert connection.recv(GUARD_S).type == "response.done"


def test_ask_that_times_out_cancels_and_the_connection_stays_usable(connect: Opener) -> None:
    connection, server = connect()
    with pytest.raises(RealtimeTimeout):
        connection.ask("slow", timeout=0.0)
    server.receive("conversation.item.create")
    request = server.receive("response.create")
    server.receive("response.cancel")
    late = {"id": "resp_late", "metadata": request["response"]["metadata"], "output": []}
    asking = run(lambda: connection.ask("again", timeout=GUARD_S))
    server.send("response.created", response={**late, "status": "in_progress"})
    server.delta("too late", "resp_late")
    server.send("response.done", response={**late, "status": "cancelled"})
    server.send("n.1")
    server.receive("conversation.item.create")
    server.answer("fresh")
    assert asking().text == "fresh"
    assert connection.recv(GUARD_S).type == "n.1", "what came late was discarded"


def test_a_refused_ask_raises_what_the_server_said(connect: Opener) -> None:
    connection, server = connect()
    asking = run(lambda: connection.ask("x", timeout=GUARD_S))
    server.receive("conversation.item.create")
    request = server.receive("response.create")
    error = {"type": "invalid_request_error", "code": "bad", "message": "no", "param": "a.b"}
    server.send("error", error={**error, "event_id": request["event_id"]})
    result = asking()
    assert isinstance(result, ServerError)
    assert (result.code, result.param) == ("bad", "a.b")


def test_ask_when_the_link_breaks(connect: Opener) -> None:
    connection, server = connect()
    asking = run(lambda: connection.ask("x", timeout=GUARD_S))
    server.receive("conversation.item.create")
    server.peer.drop()
    assert isinstance(asking(), ConnectionClosedError)


def test_ask_behind_too_many_other_events(connect: Opener) -> None:
    connection, server = connect(max_queue_bytes=10_000)
    asking = run(lambda: connection.ask("x", timeout=GUARD_S))
    server.receive("conversation.item.create")
    for _ in range(40):
        server.send("n", padding="x" * 100)
    assert isinstance(asking(), QueueFullError)


def test_stream_yields_the_deltas(connect: Opener) -> None:
    connection, server = connect()
    serving = run(lambda: (server.receive("conversation.item.create"), server.answer("a", "b")))
    deltas = [event.delta for event in connection.stream("x", timeout=GUARD_S)]  # type: ignore[union-attr]
    serving()
    assert deltas == ["a", "b"]


def test_a_stream_left_early_cancels_its_response(connect: Opener) -> None:
    connection, server = connect()
    stream = connection.stream("x", timeout=GUARD_S)
    answering = run(
        lambda: (server.receive("conversation.item.create"), server.receive("response.create"))
    )
    # The first `next` sends, so the answer has to come from beside it.
    first = run(lambda: next(stream))
    request = answering()[1]
    late = {"id": "resp_1", "metadata": request["response"]["metadata"], "output": []}
    server.send("response.created", response=late)
    server.delta("a", "resp_1")
    assert first().delta == "a"
    with pytest.raises(ConcurrencyError):
        connection.recv(0.0)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert server.receive()["response_id"] == "resp_1"
    server.delta("late", "resp_1")
    server.send("response.done", response={**late, "status": "cancelled"})
    server.send("n.1")
    assert connection.recv(GUARD_S).type == "n.1"


# -- refusals that nobody asked about ------------------------------------------------------------


def refuse(server: Server, event_id: str | None, code: str = "bad", **fields: Any) -> None:
    error = {"type": "invalid_request_error", "code": code, "message": "no", "event_id": event_id}
    server.send("error", error={**error, **fields})


def arrived(connection: RealtimeConnection, guard: Guard, count: int) -> None:
    guard.until(lambda: connection._queue.received == count, f"{count} messages")


def test_ask_raises_what_was_refused_before_once(connect: Opener, guard: Guard) -> None:
    connection, server = connect()
    connection.send({"type": "x", "event_id": "first"})
    connection.send({"type": "x", "event_id": "second"})
    connection.response.cancel(event_id="in vain")
    server.send("n.1")
    refuse(server, "in vain", code="response_cancel_not_active")
    refuse(server, "first")
    refuse(server, "second", code="session_expired")
    server.send("n.2")
    arrived(connection, guard, 5)
    for code in ("bad", "session_expired"):
        with pytest.raises(ServerError) as caught:
            connection.ask("Hi", timeout=GUARD_S)
        assert caught.value.code == code
    assert [server.receive()["type"] for _ in range(3)] == ["x", "x", "response.cancel"]
    serving = run(lambda: (server.receive("conversation.item.create"), server.answer("Hi.")))
    assert connection.ask("Hi", timeout=GUARD_S).text == "Hi."
    serving()
    types = [connection.recv(GUARD_S).type for _ in range(3)]
    assert types == ["n.1", "error", "n.2"], "the two that were raised are consumed"
    assert connection.stats.queued_bytes == 0


def test_ask_raises_an_earlier_refusal_that_names_no_request(
    connect: Opener, guard: Guard, caplog: pytest.LogCaptureFixture
) -> None:
    connection, server = connect()
    connection.session.update(session={})
    refuse(server, None, param="session.voice")
    arrived(connection, guard, 1)
    with pytest.raises(ServerError, match=r"session\.voice"):
        connection.ask("Hi", timeout=GUARD_S)
    assert len(caplog.records) == 1, "no call waited for it when it came"


def test_ask_raises_an_earlier_refusal_that_comes_meanwhile(connect: Opener) -> None:
    connection, server = connect()
    connection.send({"type": "x", "event_id": "mine"})
    server.receive("x")

    def ask() -> Any:
        connection.send({"type": "y", "event_id": "of this thread"})
        return connection.ask("Hi", timeout=GUARD_S)

    asking = run(ask)
    server.receive("y")
    server.receive("conversation.item.create")
    server.receive("response.create")
    refuse(server, "mine")  # another thread's
    refuse(server, "of this thread", code="mine")
    refused = asking()
    assert isinstance(refused, ServerError)
    assert refused.code == "mine"
    server.receive("response.cancel")
    assert connection.recv(GUARD_S).to_dict()["error"]["event_id"] == "mine"
    assert connection.stats.queued_bytes == 0


def test_the_late_refusal_of_a_turn_that_was_given_up_is_no_earlier_one(
    connect: Opener, guard: Guard
) -> None:
    connection, server = connect()
    with pytest.raises(RealtimeTimeout):
        connection.ask("slow", timeout=0.0)
    server.receive("conversation.item.create")
    refuse(server, server.receive("response.create")["event_id"])
    server.receive("response.cancel")
    arrived(connection, guard, 1)
    serving = run(lambda: (server.receive("conversation.item.create"), server.answer("Hi.")))
    assert connection.ask("again", timeout=GUARD_S).text == "Hi."
    serving()


@pytest.mark.parametrize("seen_by", ["recv", "wait_for", "wait_for error"])
def test_ask_does_not_repeat_a_refusal_that_was_seen(connect: Opener, seen_by: str) -> None:
    connection, server = connect()
    connection.send({"type": "x", "event_id": "mine"})
    server.receive("x")
    refuse(server, "mine")
    if seen_by == "recv":
        assert connection.recv(GUARD_S).type == "error"
    elif seen_by == "wait_for error":
        assert connection.wait_for("error", timeout=GUARD_S).error.event_id == "mine"
    else:
        with pytest.raises(ServerError):
            connection.wait_for("n.1", timeout=GUARD_S)
    serving = run(lambda: (server.receive("conversation.item.create"), server.answer("Hi.")))
    assert connection.ask("Hi", timeout=GUARD_S).text == "Hi."
    serving()


@pytest.mark.parametrize(
    ("code", "level"), [("bad", logging.WARNING), ("response_cancel_not_active", logging.DEBUG)]
)
def test_an_error_that_no_call_waits_for_is_logged_once(
    connect: Opener, guard: Guard, caplog: pytest.LogCaptureFixture, code: str, level: int
) -> None:
    caplog.set_level(logging.DEBUG, "realtime_sync.connection")
    connection, server = connect()
    secret = "sk-of-the-user said: my name is Ann"
    refuse(server, "unknown", code=code, message=secret, param="session.voice")
    asking = run(lambda: connection.ask("Hi", timeout=GUARD_S))
    server.receive("conversation.item.create")
    server.answer("Hi.")
    assert asking().text == "Hi."
    assert connection.recv(GUARD_S).type == "error"
    logged = f"type 'invalid_request_error', code '{code}', param 'session.voice'"
    logged += ", event_id 'unknown'"
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (level, f"the server sent an error event that no call waits for: {logged}")
    ]


@pytest.mark.parametrize("error", [None, "overloaded", {}, {"event_id": 5, "code": {}}, [1]])
def test_an_error_of_any_form_is_logged(
    connect: Opener, caplog: pytest.LogCaptureFixture, error: Any
) -> None:
    connection, server = connect()
    server.send("error", error=error)
    server.send("n.1")
    assert [connection.recv(GUARD_S).type for _ in range(2)] == ["error", "n.1"]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("named", [True, False])
def test_an_error_that_a_call_raises_is_not_logged(
    connect: Opener, guard: Guard, caplog: pytest.LogCaptureFixture, named: bool
) -> None:
    connection, server = connect()

    def wait() -> Any:
        connection.input_audio_buffer.clear(event_id="mine")
        return connection.wait_for("n.1", timeout=GUARD_S)

    waiting = run(wait)
    guard.until(lambda: "mine" in connection._queue.awaited, "the wait")
    refuse(server, "mine" if named else None)
    assert isinstance(waiting(), ServerError)
    server.receive("input_audio_buffer.clear")
    asking = run(lambda: connection.ask("x", timeout=GUARD_S))
    item = server.receive("conversation.item.create")["event_id"]
    server.receive("response.create")
    refuse(server, item if named else None)
    assert isinstance(asking(), ServerError)
    assert caplog.records == []
    assert connection._queue.awaited == set()


def test_a_timeout_says_what_was_awaited_and_what_came_instead(
    connect: Opener, guard: Guard
) -> None:
    connection, server = connect()
    refuse(server, None, code="of before")
    server.peer.send("{")
    arrived(connection, guard, 2)
    connection.send({"type": "x"})
    server.peer.send('{"type":')
    server.peer.send(b"\0")
    refuse(server, None, code="response_cancel_not_active")
    refuse(server, "unknown", code="odd")
    arrived(connection, guard, 6)
    for wanted, name in (("n.1", "'n.1'"), (lambda event: False, "an event for the predicate")):
        with pytest.raises(RealtimeTimeout) as caught:
            connection.wait_for(wanted, timeout=0.25e-3)  # type: ignore[arg-type]
        words = str(caught.value)
        assert words.startswith(f"{name} did not come within 0.00025 s; ")
        assert "2 malformed messages came meanwhile, the first: malformed json" in words
        assert "the server said meanwhile: odd: no" in words
        assert "of before" not in words


def test_a_timeout_of_a_turn_says_how_far_it_came(connect: Opener, guard: Guard) -> None:
    connection, server = connect()
    with pytest.raises(RealtimeTimeout, match=r"'response.created' of this turn did not come at"):
        connection.ask(timeout=0.0)
    request = server.receive("response.create")
    response = {"id": "resp_1", "metadata": request["response"]["metadata"]}
    server.send("response.created", response=response)
    with pytest.raises(RealtimeTimeout, match="the end of the response that was running already"):
        connection.ask(timeout=0.25e-3)
    server.send("response.done", response=response)
    stream = connection.stream(timeout=0.5)
    telling = run(lambda: next(stream))
    server.receive("response.cancel")
    request = server.receive("response.create")
    response = {"id": "resp_2", "metadata": request["response"]["metadata"]}
    server.send("response.created", response=response)
    late = telling()
    assert isinstance(late, RealtimeTimeout)
    assert str(late).startswith("the 'response.done' of this turn's resp_2 did not come within 0.5")


# -- the end -------------------------------------------------------------------------------------


def test_close_is_idempotent_and_from_any_thread(connect: Opener, guard: Guard) -> None:
    connection, server = connect()
    server.send("n.1")
    receiving = run(lambda: [event.type for event in connection])
    closers = [run(lambda: connection.close(4000, "enough")) for _ in range(4)]
    for wait in closers:
        assert wait() is None
    assert receiving() in ([], ["n.1"])
    with pytest.raises(ConnectionClosedOK):
        connection.recv(GUARD_S)
    with pytest.raises(ConnectionClosedOK):
        connection.send({"type": "late"})
    assert connection.closed


def test_a_close_with_a_wrong_code_changes_nothing(connect: Opener) -> None:
    connection, server = connect()
    with pytest.raises(LocalProtocolError, match="1006"):
        connection.close(1006)
    assert not connection.closed
    server.send("n.1")
    assert connection.recv(GUARD_S).type == "n.1"


def test_a_refused_turn_keeps_no_room_in_the_queue(connect: Opener) -> None:
    connection, server = connect(max_queue_bytes=10_000)
    for _ in range(20):
        asking = Running(lambda: connection.ask("Hello", timeout=GUARD_S))
        server.receive("conversation.item.create")
        request = server.receive("response.create")
        refusal = {
            "type": "invalid_request_error",
            "message": "no",
            "event_id": request["event_id"],
        }
        server.send("error", error=refusal)
        assert isinstance(asking.result(), ServerError)
    assert connection.stats.queued_bytes == 0


def test_a_forgotten_connection_warns_and_its_thread_ends(guard: Guard) -> None:
    transport, _ = memory_pair()
    connection = RealtimeConnection(transport)
    connection.start()
    (thread,) = connection._link._threads
    with pytest.warns(ResourceWarning, match="unclosed <RealtimeConnection open>"):
        del connection
    guard.join(thread)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_forgotten_connection_ends_also_where_warnings_are_errors(guard: Guard) -> None:
    transport, _ = memory_pair()
    connection = RealtimeConnection(transport)
    connection.start()
    (thread,) = connection._link._threads
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        del connection
    guard.join(thread)


def test_stats_take_no_lock(connect: Opener) -> None:
    """A signal handler may have interrupted, or a forked child copied, whoever holds one."""
    connection, _ = connect()
    with connection._link._lock:
        assert connection.stats.events_sent == 0


def test_stats_count(connect: Opener) -> None:
    connection, server = connect()
    connection.send({"type": "x"})
    server.receive()
    server.send("n.1")
    connection.recv(GUARD_S)
    stats = connection.stats
    assert (stats.events_sent, stats.events_received, stats.queued_bytes) == (1, 1, 0)
    assert stats.bytes_received > 0
    assert stats.bytes_sent > 0
