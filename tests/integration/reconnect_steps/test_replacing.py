"""Replacing a link that is not lost: by hand, and before the server's limit."""

from __future__ import annotations

import math
import time

import pytest
from guards import Guard
from scripted_links import AT_ONCE, GUARD_S, Running, ScriptedLinks, drain, lost_error, reconnected

from realtime_sync import (
    AuthenticationError,
    ConcurrencyError,
    ConnectError,
    ConnectionClosed,
    RealtimeConnection,
    ReconnectPolicy,
)

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
