"""The event queue's book-keeping, without threads; the threaded part is in integration."""

from __future__ import annotations

import json
import weakref

import pytest

from realtime_sync._deadline import Deadline
from realtime_sync.connection.link.queue import Entry, EventQueue, _Watcher
from realtime_sync.errors import (
    ConnectionClosedError,
    ConnectionClosedOK,
    QueueFullError,
    RealtimeTimeout,
)
from realtime_sync.events import ServerEvent, UnknownEvent

NOW = Deadline(0)


def event(name: str) -> ServerEvent:
    return UnknownEvent(type=name, data={"type": name})


def filled(*names: str, max_bytes: int = 1000, size: int = 10) -> EventQueue:
    queue = EventQueue(max_bytes)
    for name in names:
        queue.put(event(name), size)
    return queue


def take(queue: EventQueue) -> str:
    return name_of(queue.take(NOW))


def name_of(entry: Entry) -> str:
    assert isinstance(entry.item, UnknownEvent)
    return entry.item.type


def test_entries_come_in_order_and_then_the_end_for_ever() -> None:
    queue = filled("a", "b")
    queue.finish(ConnectionClosedError(1011, "oops"))
    assert [take(queue), take(queue)] == ["a", "b"]
    errors = []
    for _ in range(3):
        with pytest.raises(ConnectionClosedError) as caught:
            queue.take(NOW)
        errors.append(caught.value)
    assert [error.code for error in errors] == [1011] * 3
    assert len(set(map(id, errors))) == 3, "each thread gets an exception of its own"


def test_an_empty_queue_times_out() -> None:
    with pytest.raises(RealtimeTimeout):
        filled().take(NOW)


def test_what_was_kept_comes_before_what_is_new() -> None:
    queue = filled("a", "b", "c")
    queue.keep(queue.take_new(NOW))
    queue.settle(queue.take_new(NOW))  # b belonged to a turn
    assert [take(queue), take(queue)] == ["a", "c"]
    assert queue.queued_bytes == 0


def test_full_at_the_bound_and_not_after_consuming() -> None:
    queue = filled("a", "b", max_bytes=20)
    assert queue.full
    take(queue)
    assert not queue.full


def test_an_observer_sees_the_past_since_its_mark_and_takes_nothing() -> None:
    queue = filled("a", "b", "c")
    found = queue.watch(lambda e: e.type in "bc", since=1, deadline=NOW)
    assert found.type == "b"
    assert take(queue) == "a"


def test_an_observer_sees_what_was_consumed_lately() -> None:
    queue = filled("a", "b")
    take(queue)
    assert queue.watch(lambda e: e.type == "a", since=0, deadline=NOW).type == "a"


def test_an_observer_does_not_see_what_came_before_its_mark() -> None:
    queue = filled("a")
    with pytest.raises(RealtimeTimeout):
        queue.watch(lambda e: e.type == "a", since=1, deadline=NOW)


def test_an_observer_of_an_ended_queue_gets_the_end() -> None:
    queue = filled("a")
    queue.finish(ConnectionClosedOK(1000))
    with pytest.raises(ConnectionClosedOK):
        queue.watch(lambda e: e.type == "z", since=0, deadline=NOW)


def test_consumed_events_do_not_pile_up() -> None:
    queue = EventQueue(10 << 20)
    for number in range(40):
        queue.put(event(str(number)), 100_000)
        take(queue)
    assert len(queue._log) <= 11, "the last mebibyte and the one that crossed it"


def test_the_error_of_a_full_queue_names_the_way_out() -> None:
    with pytest.raises(QueueFullError, match=r"max_queue_bytes is 20: call recv\(\)"):
        raise filled("a", "b", max_bytes=20).full_error()


@pytest.mark.parametrize(
    ("consumed", "words"), [(False, r"call recv\(\)"), (True, "predicate is slower")]
)
def test_a_waiter_is_told_why_it_can_not_go_on(consumed: bool, words: str) -> None:
    queue = filled("a", max_bytes=100)

    def predicate(candidate: ServerEvent) -> bool:
        if candidate.type == "a":  # so much comes while it looks at this one
            for name in ("b", "c", "d"):
                queue.put(event(name), 40)
                if consumed:
                    take(queue)
        return False

    with pytest.raises(QueueFullError, match=words):
        queue.watch(predicate, 0, NOW)


# -- an exception of a signal handler in the consumer's call ---------------------------------------


class Strike(Exception):  # noqa: N818  # as a handler raises it
    pass


def struck(queue: EventQueue, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Take an entry, and be struck where ``method`` would be called."""

    def strike(*_: object) -> None:
        raise Strike

    with monkeypatch.context() as patched:
        patched.setattr(queue, method, strike)
        with pytest.raises(Strike):
            queue.take(NOW)


@pytest.mark.parametrize("more", [0, 2])
def test_what_a_struck_call_had_taken_is_found_again(
    monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    queue = EventQueue(1000)
    for name in ("a", "b", *"cd"[:more]):
        queue.put(event(name), 10, json.dumps({"type": name}))
    assert take(queue) == "a"
    struck(queue, monkeypatch, "settle")
    assert [take(queue) for _ in range(1 + more)] == ["b", *"cd"[:more]]
    assert queue.queued_bytes == 0


def test_the_last_event_is_found_again_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = filled("a")
    queue.finish(ConnectionClosedError(1011, "oops"))
    struck(queue, monkeypatch, "settle")
    assert take(queue) == "a"
    for _ in range(2):
        with pytest.raises(ConnectionClosedError):
            queue.take(NOW)


def test_what_was_kept_is_not_lost_either(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = filled("a", "b")
    queue.keep(queue.take_new(NOW))
    struck(queue, monkeypatch, "settle")
    assert [take(queue), take(queue)] == ["a", "b"]


def test_a_call_that_found_nothing_leaves_nothing_to_find() -> None:
    queue = EventQueue(1000)
    with pytest.raises(RealtimeTimeout):
        queue.take(NOW)
    queue.put(event("a"), 10)
    assert take(queue) == "a"
    with pytest.raises(RealtimeTimeout):
        queue.take(NOW)


def test_what_was_given_back_takes_room_again() -> None:
    queue = filled("a", "b", "c")
    first, second = queue.take_new(NOW), None
    queue.settle(first)
    second = queue.take_new(NOW)
    queue.settle(second)
    assert queue.queued_bytes == 10
    queue.give_back([first, second])
    assert queue.queued_bytes == 30
    assert [take(queue) for _ in range(3)] == ["a", "b", "c"]
    assert queue.queued_bytes == 0


def test_an_observer_that_is_gone_is_served_no_more() -> None:
    """A signal handler may strike it where it would have taken its leave."""
    queue = EventQueue(1000)
    watcher = _Watcher()
    queue._watchers.append(weakref.ref(watcher))
    queue.put(event("a"), 10)
    assert watcher.bytes_in == 10
    del watcher
    queue.put(event("b"), 10)
    assert queue._watchers == []
