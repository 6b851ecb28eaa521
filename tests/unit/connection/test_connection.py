"""A consumer that has more to do than to wait for events."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest
from direct_link import DirectLink
from guards import Guard

from realtime_sync.errors import (
    ConcurrencyError,
    ConnectionClosedError,
    RealtimeTimeout,
    RemoteProtocolError,
)

NEWS = {"type": "rate_limits.updated", "event_id": "e1", "rate_limits": []}


@pytest.fixture
def link() -> DirectLink:
    return DirectLink()


def poll(link: DirectLink, timeout: float | None = 0) -> Any:
    event = link.connection.poll(timeout)
    return None if event is None else event.type


def test_it_returns_what_comes_and_nothing_when_nothing_does(link: DirectLink) -> None:
    assert poll(link) is None
    link.arrive(NEWS)
    assert poll(link) == "rate_limits.updated"
    assert poll(link) is None


def test_a_wake_before_it_is_not_lost_and_takes_no_event(link: DirectLink) -> None:
    link.connection.wake()
    link.arrive(NEWS)
    assert poll(link, None) is None
    assert poll(link, None) == "rate_limits.updated"


def test_a_wake_ends_one_that_waits(link: DirectLink, guard: Guard) -> None:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(poll(link, None)))
    thread.start()
    guard.until(lambda: link.connection._queue.wakeable, "the poll")
    link.connection.wake()
    guard.join(thread)
    assert found == [None]


def test_whoever_consumes_otherwise_is_not_woken(link: DirectLink) -> None:
    link.connection.wake()
    with pytest.raises(RealtimeTimeout):
        link.connection.recv(0)
    link.connection.wake()
    link.arrive(NEWS)
    assert link.connection.recv(0).type == "rate_limits.updated"
    assert poll(link) is None
    assert not link.connection._queue.wakeable


def test_at_the_end_a_wake_hides_nothing(link: DirectLink) -> None:
    link.connection.wake()
    link.arrive(NEWS)
    link.end()
    link.connection.wake()
    found = poll(link, None)
    assert found == "rate_limits.updated"
    for _ in range(2):
        link.connection.wake()
        with pytest.raises(ConnectionClosedError):
            poll(link, None)
        assert not link.connection._queue.wakeable


def test_a_message_that_is_no_event_is_told(link: DirectLink) -> None:
    link.arrive("nothing", NEWS)
    with pytest.raises(RemoteProtocolError):
        poll(link)
    assert poll(link) == "rate_limits.updated"


# -- one poll after the other ----------------------------------------------------------------------


def kinds(events: Iterator[Any], count: int) -> list[str | None]:
    return [None if event is None else event.type for event in islice(events, count)]


def test_it_asks_how_long_to_wait_only_where_nothing_is_there(link: DirectLink) -> None:
    asked: list[int] = []
    events = link.connection.polled(lambda: asked.append(1) or 0)  # type: ignore[func-returns-value]
    assert (kinds(events, 1), asked) == ([None], [1])
    link.arrive(NEWS, NEWS)
    assert (kinds(events, 2), asked) == (["rate_limits.updated"] * 2, [1])
    assert kinds(events, 2) == [None, None]
    assert link.connection.stats.queued_bytes == 0


def test_until_it_is_closed_nobody_else_consumes(link: DirectLink) -> None:
    link.arrive(NEWS, NEWS)
    events = link.connection.polled(lambda: 0)
    assert kinds(events, 1) == ["rate_limits.updated"]
    with pytest.raises(ConcurrencyError):
        link.connection.recv(0)
    with pytest.raises(ConcurrencyError):
        next(link.connection.polled(lambda: 0))
    events.close()
    assert not link.connection._queue.wakeable
    assert poll(link) == "rate_limits.updated"
    assert poll(link) is None


def test_a_wake_is_told_in_its_place(link: DirectLink) -> None:
    events = link.connection.polled(lambda: None)
    link.connection.wake()
    link.arrive(NEWS)
    assert kinds(events, 2) == [None, "rate_limits.updated"]


def test_a_wake_ends_its_wait(link: DirectLink, guard: Guard) -> None:
    found: list[Any] = []
    events, waits = link.connection.polled(lambda: waits.set()), threading.Event()
    thread = threading.Thread(target=lambda: found.append(next(events)))
    thread.start()
    guard.wait(waits, "the wait")
    link.connection.wake()
    guard.join(thread)
    assert found == [None]


class Deputy:
    """A stand-in that takes all it gets."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def take(self, item: Any) -> bool:
        self.told.append(item)
        return True

    def rest(self) -> None:
        self.told.append("rest")


@contextmanager
def waiting(link: DirectLink, deputy: Deputy, guard: Guard) -> Iterator[list[Any]]:
    """Have a thread wait for events, with a stand-in; yield what it finds until it is woken."""
    found: list[Any] = []
    events = link.connection.polled(lambda: waits.set(), deputy)
    waits = threading.Event()
    thread = threading.Thread(target=lambda: found.append(next(events)))
    thread.start()
    guard.wait(waits, "the wait")
    guard.until(lambda: link.connection._queue._taking, "the wait")
    yield found
    link.connection.wake()
    guard.join(thread)


def test_a_stand_in_takes_what_comes_while_it_waits(link: DirectLink, guard: Guard) -> None:
    deputy = Deputy()
    with waiting(link, deputy, guard) as found:
        guard.until(lambda: link.connection._queue._stand_in is deputy, "the wait")
        link.arrive(NEWS)
    assert [item.type for item in deputy.told] == ["rate_limits.updated"]
    assert found == [None]


def test_what_is_left_of_a_turn_given_up_is_nothing_for_a_stand_in(
    link: DirectLink, guard: Guard
) -> None:
    with pytest.raises(RealtimeTimeout):
        link.connection.ask("Hello?", timeout=0)
    link.arrive({"type": "response.created", "response": {"id": "r1", "status": "in_progress"}})
    deputy = Deputy()
    with waiting(link, deputy, guard) as found:
        link.arrive({"type": "response.output_text.delta", "response_id": "r1", "delta": "x"})
    assert deputy.told == []
    assert found == [None], "and it is discarded"


def test_what_came_before_the_end_is_told_before_it(link: DirectLink) -> None:
    link.arrive(NEWS)
    link.end()
    events = link.connection.polled(lambda: 0)
    assert kinds(events, 1) == ["rate_limits.updated"]
    with pytest.raises(ConnectionClosedError):
        next(events)
    assert not link.connection._queue.wakeable


def test_the_end_ends_its_wait(link: DirectLink) -> None:
    events = link.connection.polled(lambda: link.end())
    with pytest.raises(ConnectionClosedError):
        kinds(events, 2)


def test_behind_what_is_no_event_another_one_goes_on(link: DirectLink) -> None:
    link.arrive("nothing", NEWS)
    with pytest.raises(RemoteProtocolError):
        next(link.connection.polled(lambda: 0))
    assert kinds(link.connection.polled(lambda: 0), 1) == ["rate_limits.updated"]
