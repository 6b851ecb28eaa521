"""A consumer that has more to do than to wait for events."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from direct_link import DirectLink
from guards import Guard

from realtime_sync.errors import ConnectionClosedError, RealtimeTimeout, RemoteProtocolError

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
