"""How often a link is tried, and what the program may say about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from scripted_links import (
    AT_ONCE,
    GUARD_S,
    ScriptedLinks,
    lose,
    reconnected,
)

from realtime_sync import (
    AuthenticationError,
    ConfigError,
    ConnectError,
    ConnectionClosedError,
    ConnectionClosedOK,
    InternalServerError,
    RateLimitError,
    RealtimeConnection,
    ReconnectPolicy,
    ServerError,
)
from realtime_sync.connection.reconnect import ReconnectingEvent

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


@pytest.mark.parametrize(
    ("answer", "words"),
    [(7, "returned an int; return None"), ({"extra_qurey": {}}, "with 'extra_qurey'; it may have")],
)
def test_an_answer_that_means_nothing_ends_it_and_is_told(
    links: ScriptedLinks, answer: Any, words: str
) -> None:
    connection, link = links.connect(reconnect=AT_ONCE, on_reconnecting=lambda event: answer)
    link.peer.drop()
    with pytest.raises(ConnectionClosedError, match=f"could not reconnect: .*{words}") as caught:
        connection.recv(GUARD_S)
    assert isinstance(caught.value.__cause__, ConfigError)
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
