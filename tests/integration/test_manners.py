"""Handlers, the queue before opening, refusals, and responses one at a time."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

import pytest
from embedded import Server
from guards import Guard
from scripted_links import thread_names

from realtime_sync import (
    ConfigError,
    Local,
    LocalProtocolError,
    QueueFullError,
    RealtimeConnection,
    RealtimeConnectionManager,
    RealtimeError,
    RealtimeTimeout,
    ReconnectPolicy,
    ServerError,
)
from realtime_sync._threads import spawn
from realtime_sync.connection import ConnectionSettings
from realtime_sync.events import ErrorEvent, ResponseDone, ServerEvent
from realtime_sync.transport import MemoryPeer, memory_pair

GUARD_S = 30.0
TEXT: Any = {"output_modalities": ["text"]}


def manager(server: Server, **options: Any) -> RealtimeConnectionManager:
    client = Local(url=server.url, api_key=server.key, ssl_context=server.tls())
    return client.realtime.connect(**options)


@pytest.fixture
def pair() -> Iterator[tuple[RealtimeConnection, MemoryPeer]]:
    transport, peer = memory_pair()
    connection = RealtimeConnection(transport, settings=ConnectionSettings())
    connection.start()
    yield connection, peer
    connection.close()


def tell(peer: MemoryPeer, type: str, **fields: Any) -> None:
    peer.send(json.dumps({"type": type, "event_id": "event_1", **fields}))


def told(peer: MemoryPeer) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(peer.receive(GUARD_S))
    return event


# -- handlers ------------------------------------------------------------------------------------


def test_handlers_of_a_conversation(ws_server: Server) -> None:
    words: list[str] = []
    types: list[str] = []
    opening = manager(ws_server)
    opening.on("event", lambda event: types.append(event.type))
    opening.send({"type": "response.create", "response": TEXT})
    with opening as connection:

        @connection.on("response.text.delta")  # the beta's name
        def add(event: Any) -> None:
            words.append(event.delta)

        @connection.once("response.done")
        def stop(event: Any) -> None:
            connection.close()

        connection.dispatch_events()
    assert "".join(words)
    assert types[0] == "session.created"
    assert "response.done" in types


def test_own_handlers_come_first_and_once_means_once(
    pair: tuple[RealtimeConnection, MemoryPeer],
) -> None:
    connection, peer = pair
    calls: list[str] = []

    def off_again(event: ServerEvent) -> None:
        calls.append("removed")

    (
        connection.on("event", lambda e: calls.append(f"every {e.type}"))
        .once("n.1", lambda e: calls.append("once"))
        .on("n.1", lambda e: calls.append("always"))
        .on("n.1", off_again)
        .off("n.1", off_again)
        .off("n.1", off_again)
    )
    for name in ("n.1", "n.1", "n.2"):
        tell(peer, name)
    peer.close()
    connection.dispatch_events()
    assert calls == ["once", "always", "every n.1", "always", "every n.1", "every n.2"]


def test_a_handlers_exception_leaves_and_the_next_call_goes_on(
    pair: tuple[RealtimeConnection, MemoryPeer],
) -> None:
    connection, peer = pair
    seen: list[str] = []

    def fail(event: ServerEvent) -> None:
        raise ZeroDivisionError

    connection.on("n.1", fail).on("n.2", lambda e: seen.append(e.type))
    for name in ("n.1", "n.2"):
        tell(peer, name)
    peer.close()
    with pytest.raises(ZeroDivisionError):
        connection.dispatch_events()
    connection.dispatch_events()
    assert seen == ["n.2"]


@pytest.mark.parametrize(("code", "raised"), [("x", True), ("response_cancel_not_active", False)])
def test_an_error_that_nobody_handles(
    pair: tuple[RealtimeConnection, MemoryPeer], code: str, raised: bool
) -> None:
    connection, peer = pair
    tell(peer, "error", error={"type": "t", "message": "m", "code": code})
    peer.close()
    if raised:
        with pytest.raises(ServerError, match="x: m"):
            connection.dispatch_events()
    connection.dispatch_events()


def test_an_error_that_somebody_handles(pair: tuple[RealtimeConnection, MemoryPeer]) -> None:
    connection, peer = pair
    errors: list[ErrorEvent] = []
    connection.on("error", errors.append)
    tell(peer, "error", error={"type": "t", "message": "m", "code": "session_expired"})
    peer.close()
    connection.dispatch_events()
    assert [error.severity for error in errors] == ["fatal"]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "server_error: the server did not say what is wrong"),
        ({"error": None}, "server_error: the server did not say what is wrong"),
        ({"error": "overloaded"}, "server_error: overloaded"),
    ],
)
def test_an_error_in_an_unexpected_form_is_an_error_all_the_same(
    pair: tuple[RealtimeConnection, MemoryPeer], fields: dict[str, Any], words: str
) -> None:
    connection, peer = pair
    tell(peer, "error", **fields)
    tell(peer, "error", **fields)
    assert isinstance(connection.wait_for("error", timeout=GUARD_S), ErrorEvent)
    connection.recv(GUARD_S)
    with pytest.raises(ServerError) as caught:
        connection.dispatch_events()
    assert str(caught.value) == words


# -- before opening ------------------------------------------------------------------------------


def test_what_is_sent_before_opening_comes_first(ws_server: Server) -> None:
    opening = manager(ws_server)
    opening.send({"type": "session.update", "session": {"type": "realtime", "instructions": "a"}})
    opening.send({"type": "session.update", "session": {"type": "realtime", "instructions": "b"}})
    with opening as connection:
        updates: list[Any] = [connection.recv(GUARD_S) for _ in range(3)][1:]
    assert [event.session.instructions for event in updates] == ["a", "b"]


def test_the_queue_before_opening_is_bounded(ws_server: Server) -> None:
    opening = manager(ws_server, max_queue_size=100)
    with pytest.raises(LocalProtocolError):
        opening.send({"no": "type"})
    opening.send({"type": "response.create"})
    with pytest.raises(QueueFullError, match="max_queue_size is 100"):
        opening.send({"type": "session.update", "session": {"instructions": "x" * 100}})


def test_a_wrong_option_is_told_before_opening(ws_server: Server) -> None:
    with pytest.raises(ConfigError, match="'ping_intervall'"):
        manager(ws_server, websocket_connection_options={"ping_intervall": 1})


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("max_queue_size", -1),
        ("max_queue_bytes", 0),
        ("max_queue_bytes", None),
        ("max_queue_bytes", True),
        ("reconnect", True),
        ("on_reconnecting", 5),
    ],
)
def test_a_wrong_value_is_told_before_opening(ws_server: Server, name: str, wrong: Any) -> None:
    with pytest.raises(ConfigError, match=f"^{name} .*{wrong}"):
        manager(ws_server, **{name: wrong})


@pytest.mark.parametrize("reconnect", [None, ReconnectPolicy()])
def test_an_opened_connection_that_is_forgotten_warns_and_its_thread_ends(
    ws_server: Server, guard: Guard, reconnect: ReconnectPolicy | None
) -> None:
    connection = manager(ws_server, reconnect=reconnect).enter()
    connection.recv(GUARD_S)
    (thread,) = connection._link._threads
    with pytest.warns(ResourceWarning, match="unclosed <RealtimeConnection open>"):
        del connection
    guard.join(thread)


# -- refusals ------------------------------------------------------------------------------------


def test_a_waiter_learns_that_its_request_was_refused(ws_server: Server) -> None:
    bad: Any = {"type": "realtime", "audio": {"output": {"speed": 99}}}
    with manager(ws_server) as connection:
        connection.session.update(session=bad)
        with pytest.raises(ServerError, match="speed") as caught:
            connection.wait_for("session.updated", timeout=GUARD_S)
        assert caught.value.param == "session.audio.output.speed"
        connection.session.update(session={"type": "realtime"})
        connection.wait_for("session.updated", timeout=GUARD_S)


def test_a_waiter_is_not_disturbed_by_the_refusal_of_anothers_request(
    ws_server: Server, guard: Guard
) -> None:
    bad: Any = {"type": "realtime", "audio": {"output": {"speed": 99}}}
    with manager(ws_server) as connection:
        sent = threading.Event()

        def send_nonsense() -> None:
            connection.session.update(session=bad)
            sent.set()

        connection.session.update(session={"type": "realtime"})
        thread = spawn(send_nonsense, name="other")
        guard.wait(sent, "the other request")
        guard.join(thread)
        connection.response.create(response=TEXT)
        connection.wait_for("response.done", timeout=GUARD_S)


NAMELESS: Any = {"type": "server_error", "message": "something went wrong"}


def test_a_refusal_that_names_no_request_ends_the_wait_for_it(
    pair: tuple[RealtimeConnection, MemoryPeer],
) -> None:
    connection, peer = pair
    connection.session.update(session={"type": "realtime"})
    tell(peer, "error", error={**NAMELESS, "event_id": None})
    with pytest.raises(ServerError, match="went wrong"):
        connection.wait_for("session.updated", timeout=GUARD_S)


@pytest.mark.parametrize("confirmed", [False, True])
def test_a_refusal_that_names_no_request_ends_a_turn(
    pair: tuple[RealtimeConnection, MemoryPeer], guard: Guard, confirmed: bool
) -> None:
    connection, peer = pair
    caught: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(ServerError, match="went wrong") as info:
            connection.ask("x", timeout=GUARD_S)
        caught.append(info.value)

    thread = spawn(ask, name="asker")
    item, request = told(peer), told(peer)
    if confirmed:
        tell(peer, "conversation.item.added", item=item["item"])
    tell(peer, "error", error=NAMELESS)
    guard.join(thread)
    assert caught
    assert request["type"] == "response.create"


def test_an_error_that_is_nobodys_is_quoted_when_the_time_is_over(
    pair: tuple[RealtimeConnection, MemoryPeer], guard: Guard
) -> None:
    connection, peer = pair
    connection.send({"type": "ask.something"})
    tell(peer, "error", error=NAMELESS)
    guard.until(lambda: connection._queue.received == 1, "the error")
    with pytest.raises(RealtimeTimeout, match="meanwhile: server_error: something went wrong"):
        connection.wait_for("its.answer", timeout=0.01)


# -- one response at a time ----------------------------------------------------------------------


def test_requests_that_wait_for_idle_merge(server: Server) -> None:
    with manager(server) as connection:
        for number in range(5):
            response: Any = {**TEXT, "metadata": {"number": str(number)}}
            connection.response.create(response=response, when_idle=True)
        numbers: list[str] = []
        for event in connection:
            assert event.type != "error"
            if isinstance(event, ResponseDone):
                numbers.append((event.response.metadata or {})["number"])
                if numbers[-1] == "4":
                    break
    assert numbers == ["0", "4"], "the first at once, and the last instead of the others"


def test_a_response_of_the_servers_own_that_is_quicker(
    pair: tuple[RealtimeConnection, MemoryPeer],
) -> None:
    connection, peer = pair
    connection.response.create(when_idle=True)
    request = told(peer)
    tell(peer, "response.created", response={"id": "resp_vad"})
    busy = {"type": "invalid_request_error", "code": "conversation_already_has_active_response"}
    tell(peer, "error", error={**busy, "message": "busy", "event_id": request["event_id"]})
    tell(peer, "response.done", response={"id": "resp_vad", "status": "completed"})
    assert told(peer)["type"] == "response.create", "asked again"
    types = [connection.recv(GUARD_S).type for _ in range(2)]
    assert types == ["response.created", "response.done"], "and nobody was bothered"


def test_ask_asks_again_when_another_response_was_quicker(
    pair: tuple[RealtimeConnection, MemoryPeer], guard: Guard
) -> None:
    connection, peer = pair
    replies: list[str] = []
    thread = spawn(
        lambda: replies.append(connection.ask("x", timeout=GUARD_S).response.id or ""), name="asker"
    )
    told(peer)
    request = told(peer)
    tell(peer, "response.created", response={"id": "resp_vad", "metadata": {}})
    busy = {"type": "invalid_request_error", "code": "conversation_already_has_active_response"}
    tell(peer, "error", error={**busy, "message": "busy", "event_id": request["event_id"]})
    tell(peer, "response.done", response={"id": "resp_vad", "status": "completed", "metadata": {}})
    again = told(peer)
    mine = {"id": "resp_mine", "metadata": again["response"]["metadata"]}
    tell(peer, "response.created", response=mine)
    tell(peer, "response.done", response={**mine, "status": "completed"})
    guard.join(thread)
    assert replies == ["resp_mine"]
    assert [connection.recv(GUARD_S).type for _ in range(2)] == [
        "response.created",
        "response.done",
    ]


BUSY = {"type": "invalid_request_error", "code": "conversation_already_has_active_response"}


def refuse(peer: MemoryPeer, request: dict[str, Any]) -> None:
    """Refuse a request because of a response that nobody has seen."""
    assert request["type"] == "response.create"
    tell(peer, "error", error={**BUSY, "message": "busy", "event_id": request["event_id"]})


def test_a_server_that_always_refuses_is_not_asked_as_fast_as_it_answers(
    pair: tuple[RealtimeConnection, MemoryPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_sync.conversation.responses._PAUSE_S", 600)
    monkeypatch.setattr("realtime_sync.conversation.responses._LONGEST_PAUSE_S", 600)
    connection, peer = pair
    connection.response.create(when_idle=True)
    for number in range(3):
        refuse(peer, told(peer))
        tell(peer, "rate_limits.updated", rate_limits=[])
        connection.recv(GUARD_S)
        connection.send({"type": "marker"})
        assert told(peer)["type"] == "marker", "and no request before it"
        tell(peer, "response.done", response={"id": f"resp_{number}", "status": "completed"})
        connection.recv(GUARD_S)
    assert told(peer)["type"] == "response.create"


def test_a_refused_request_is_sent_again_after_a_pause(
    pair: tuple[RealtimeConnection, MemoryPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_sync.conversation.responses._PAUSE_S", 0.001)
    connection, peer = pair
    connection.response.create(when_idle=True)
    for _ in range(4):
        refuse(peer, told(peer))
    assert told(peer)["type"] == "response.create"


def test_a_pause_ends_with_the_connection(
    pair: tuple[RealtimeConnection, MemoryPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_sync.conversation.responses._PAUSE_S", 600)
    monkeypatch.setattr("realtime_sync.conversation.responses._LONGEST_PAUSE_S", 600)
    connection, peer = pair
    connection.response.create(when_idle=True)
    refuse(peer, told(peer))
    tell(peer, "rate_limits.updated", rate_limits=[])
    connection.recv(GUARD_S)
    assert thread_names() == ["realtime_sync.pause", "realtime_sync.reader"]
    connection.close()
    assert thread_names() == []


def test_without_a_thread_for_the_pause_the_next_response_ends_it(
    pair: tuple[RealtimeConnection, MemoryPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, peer = pair

    def no_thread(*_: object, **__: object) -> NoReturn:
        raise RealtimeError("no thread")

    monkeypatch.setattr("realtime_sync.connection.link.link.spawn", no_thread)
    connection.response.create(when_idle=True)
    refuse(peer, told(peer))
    tell(peer, "response.done", response={"id": "theirs", "status": "completed"})
    assert told(peer)["type"] == "response.create"
    assert connection.recv(GUARD_S).type == "response.done"


@pytest.mark.parametrize("ends", ["by time", "by a response"])
def test_ask_asks_again_after_a_pause(
    pair: tuple[RealtimeConnection, MemoryPeer],
    guard: Guard,
    monkeypatch: pytest.MonkeyPatch,
    ends: str,
) -> None:
    pause_s = 0.001 if ends == "by time" else 600
    monkeypatch.setattr("realtime_sync.conversation.responses._PAUSE_S", pause_s)
    monkeypatch.setattr("realtime_sync.conversation.responses._LONGEST_PAUSE_S", pause_s)
    connection, peer = pair
    replies: list[str] = []
    thread = spawn(
        lambda: replies.append(connection.ask("x", timeout=None).response.id or ""), name="asker"
    )
    told(peer)
    for number in range(3):
        refuse(peer, told(peer))
        if ends == "by a response":
            tell(peer, "rate_limits.updated", rate_limits=[])
            connection.wait_for("rate_limits.updated", timeout=GUARD_S)
            connection.send({"type": "marker"})
            assert told(peer)["type"] == "marker", "and no request before it"
            tell(peer, "response.done", response={"id": f"resp_{number}", "metadata": {}})
    again = told(peer)
    mine = {"id": "resp_mine", "metadata": again["response"]["metadata"]}
    tell(peer, "response.created", response=mine)
    tell(peer, "response.done", response={**mine, "status": "completed"})
    guard.join(thread)
    assert replies == ["resp_mine"]


def test_ask_times_out_in_a_pause(
    pair: tuple[RealtimeConnection, MemoryPeer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime_sync.conversation.responses._PAUSE_S", 600)
    monkeypatch.setattr("realtime_sync.conversation.responses._LONGEST_PAUSE_S", 600)
    connection, peer = pair
    results: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            connection.ask("x", timeout=0.2)
        except RealtimeTimeout as exc:
            results.put(exc)

    spawn(ask, name="asker")
    told(peer)
    refuse(peer, told(peer))
    assert isinstance(results.get(timeout=GUARD_S), RealtimeTimeout)


def test_a_response_that_is_over_is_not_cancelled(
    pair: tuple[RealtimeConnection, MemoryPeer],
) -> None:
    connection, peer = pair
    tell(peer, "response.created", response={"id": "resp_1"})
    tell(peer, "response.done", response={"id": "resp_1", "status": "completed"})
    for _ in range(2):
        connection.recv(GUARD_S)
    connection.response.cancel(response_id="resp_1")
    connection.response.cancel(response_id="resp_2")
    assert told(peer)["response_id"] == "resp_2"
