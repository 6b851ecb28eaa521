"""What whoever waits is told when the link is lost."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from guards import Guard
from scripted_links import (
    AT_ONCE,
    GUARD_S,
    Running,
    ScriptedLinks,
    lose,
    lost_error,
    reconnected,
    wait,
)

from realtime_sync import (
    ConnectionClosedError,
    RealtimeTimeout,
)


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


def test_a_watch_is_told_of_a_loss_in_its_place(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    watched, returns = connection.watch("n.1"), connection.watch("reconnected")
    link.send("n.1", number=1)
    after = lose(connection, links, link)
    assert connection.recv(GUARD_S).type == "n.1"
    reconnected(connection)
    after.send("n.1", number=2)
    assert next(watched).to_dict()["number"] == 1
    with pytest.raises(ConnectionClosedError) as caught:
        next(watched)
    assert caught.value.reconnecting
    assert next(connection.watch("n.1")).to_dict()["number"] == 2, "another goes on"
    assert next(returns).attempts == 1


def test_a_watch_that_asks_meanwhile_waits_for_the_new_link(
    links: ScriptedLinks, guard: Guard
) -> None:
    gate = threading.Event()
    connection, link = links.connect(reconnect=AT_ONCE, on_reconnecting=lambda _: wait(gate))
    watched = connection.watch("its.answer", timeout=GUARD_S)
    link.peer.drop()
    guard.until(lambda: connection._queue.received == 2, "the loss")
    connection.send({"type": "ask.something"})  # held for the next link
    gate.set()
    after = links.next()
    after.take_back()
    after.receive("ask.something")
    after.send("its.answer")
    assert next(watched).type == "its.answer"


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


def test_a_request_that_is_quicker_than_the_news_of_the_loss(links: ScriptedLinks) -> None:
    """The sender finds the link dead before the reader has told of it: the request is held."""
    connection, link = links.connect(reconnect=AT_ONCE)
    gate, noticed, sent = threading.Event(), threading.Event(), threading.Event()
    hold, take_new = connection._sender.hold, connection._turns._take_new

    def hold_late(why: Any) -> None:
        noticed.set()
        wait(gate)
        hold(why)

    def take(deadline: Any) -> Any:
        sent.set()
        return take_new(deadline)

    connection._sender.hold = hold_late  # type: ignore[method-assign]
    connection._turns._take_new = take  # type: ignore[method-assign]
    link.peer.drop()
    wait(noticed)
    asking = Running(lambda: connection.ask("Hello", timeout=GUARD_S))
    wait(sent)
    gate.set()
    after = links.next()
    after.take_back()
    after.receive("conversation.item.create")
    after.answer("Hi.")
    assert asking.result().text == "Hi.", "and nothing of it comes as a stranger later"
    assert reconnected(connection).lost == []


def test_a_turn_that_is_given_up_while_its_request_is_held_asks_for_nothing(
    links: ScriptedLinks, guard: Guard
) -> None:
    gate = threading.Event()
    connection, link = links.connect(reconnect=AT_ONCE, on_reconnecting=lambda _: wait(gate))
    link.peer.drop()
    guard.until(lambda: connection._queue.received == 2, "the loss")
    with pytest.raises(RealtimeTimeout):
        connection.ask(timeout=0.01)
    connection.send({"type": "n.1"})
    gate.set()
    after = links.next()
    after.take_back()
    assert after.receive()["type"] == "n.1"
    assert reconnected(connection).lost == []
