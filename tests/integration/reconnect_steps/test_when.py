"""When a lost link is made anew: which closes, which settings, who goes on."""

from __future__ import annotations

import pytest
from guards import Guard
from scripted_links import (
    AT_ONCE,
    GUARD_S,
    Running,
    ScriptedLinks,
    lose,
    reconnected,
    thread_names,
)

from realtime_sync import (
    ConnectionClosed,
    ConnectionClosedError,
    ReconnectPolicy,
)


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
