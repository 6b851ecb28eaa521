"""What is sent while a link is made anew: held, handed back or refused."""

from __future__ import annotations

import json
import threading

import pytest
from scripted_links import (
    AT_ONCE,
    GUARD_S,
    LATER,
    Running,
    ScriptedLinks,
    drain,
    lose,
    reconnected,
    wait,
)

from realtime_sync import (
    ConnectError,
    ConnectionClosedError,
    QueueFullError,
    ReconnectPolicy,
)


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


def test_an_update_that_the_link_took_along_counts_no_more(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    connection.session.update(session={"input_audio_format": "g711_ulaw"})
    assert link.receive()["type"] == "session.update"
    connection.input_audio_buffer.append(audio=b"\xff")
    gate = threading.Event()
    links.before_opening = lambda: gate.wait(GUARD_S) and None
    link.peer.drop()
    with pytest.raises(ConnectionClosedError):
        connection.wait_for("session.updated", timeout=GUARD_S)
    assert connection.session_facts.input.is_pcm
    connection.session.update(session={"turn_detection": None})
    gate.set()
    after = links.next()
    after.take_back()
    reconnected(connection)
    assert after.receive()["type"] == "session.update"
    assert connection.session_facts.turns.manual, "this one was held for the new link"


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


def test_sending_goes_on_from_many_threads_while_links_are_renewed(links: ScriptedLinks) -> None:
    connection, link = links.connect()
    count, renewals = 200, 20
    permits = threading.Semaphore(0)

    def send(name: str) -> None:
        for number in range(count):
            assert permits.acquire(timeout=GUARD_S)
            connection.send({"type": f"{name}.{number}"})

    senders = [Running(lambda n=name: send(n)) for name in "abc"]  # type: ignore[misc]
    received: list[str] = []
    for _ in range(renewals):
        permits.release(20)
        restarting = Running(connection.session.restart)
        after = links.next()
        after.take_back()
        assert restarting.result() is None
        drain(link, received)
        link = after
    permits.release(3 * count - 20 * renewals)
    while len(received) < 3 * count:
        received.append(link.receive()["type"])
    assert [sender.result() for sender in senders] == [None] * 3
    for name in "abc":
        mine = [sent for sent in received if sent.startswith(name)]
        assert mine == [f"{name}.{number}" for number in range(count)], "in order, and each once"


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


def test_a_response_that_waited_for_the_lost_one_is_asked_for(links: ScriptedLinks) -> None:
    connection, link = links.connect(reconnect=AT_ONCE)
    connection.response.create(event_id="first")
    link.receive("response.create")
    link.send("response.created", response={"id": "r1", "status": "in_progress"})
    connection.wait_for("response.created", timeout=GUARD_S)
    connection.response.create(event_id="second", when_idle=True)
    after = lose(connection, links, link)
    assert after.receive("response.create")["event_id"] == "second"
