"""The event queue's book-keeping, without threads; the threaded part is in integration."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from queue import Empty

import pytest
from guards import Guard

from realtime_sync._deadline import Deadline
from realtime_sync.connection.link.queue import Entry, EventQueue, Item, Malformed
from realtime_sync.errors import (
    ConnectionClosedError,
    ConnectionClosedOK,
    QueueFullError,
    RealtimeTimeout,
    RemoteProtocolError,
)
from realtime_sync.events import ErrorDetail, ErrorEvent, ServerEvent, UnknownEvent

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


def find(queue: EventQueue, wanted: Callable[[ServerEvent], bool], since: int = 0) -> str:
    return name_of(queue.watch(queue.watcher(since), wanted, NOW))


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
    assert find(queue, lambda e: e.type in "bc", since=1) == "b"
    assert take(queue) == "a"


def test_an_observer_sees_what_was_consumed_lately() -> None:
    queue = filled("a", "b")
    take(queue)
    assert find(queue, lambda e: e.type == "a") == "a"


def test_an_observer_does_not_see_what_came_before_its_mark() -> None:
    queue = filled("a")
    with pytest.raises(RealtimeTimeout):
        find(queue, lambda e: e.type == "a", since=1)


def test_an_observer_of_an_ended_queue_gets_the_end() -> None:
    queue = filled("a")
    queue.finish(ConnectionClosedOK(1000))
    with pytest.raises(ConnectionClosedOK):
        find(queue, lambda e: e.type == "z")


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
    ("consumed", "words"), [(False, r"call recv\(\)"), (True, "observer is slower")]
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
        find(queue, predicate)


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


# -- a consumer that is woken ---------------------------------------------------------------------


def wakeable(*names: str) -> EventQueue:
    queue = filled(*names)
    queue.wakeable = True
    return queue


def test_a_wake_ends_the_next_wait_once() -> None:
    queue = wakeable()
    queue.wake()
    with pytest.raises(RealtimeTimeout):
        queue.take(None)
    with pytest.raises(RealtimeTimeout):
        queue.take(NOW)
    queue.put(event("a"), 10)
    assert take(queue) == "a"


def test_a_wake_ends_a_wait_that_has_begun(guard: Guard) -> None:
    queue = wakeable()
    ended = threading.Event()

    def wait() -> None:
        with pytest.raises(RealtimeTimeout):
            queue.take(None)
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    guard.until(lambda: queue._taking, "the wait")
    queue.wake()
    guard.wait(ended, "the end of the wait")
    guard.join(thread)


def test_what_came_before_a_wake_comes_first_and_what_came_behind_it_is_there() -> None:
    queue = wakeable("a")
    queue.wake()
    queue.put(event("b"), 10)
    assert take(queue) == "a"
    with pytest.raises(RealtimeTimeout):
        queue.take(None)
    assert take(queue) == "b"
    assert queue.queued_bytes == 0


def test_each_of_many_wakes_ends_a_wait() -> None:
    queue = wakeable()
    for _ in range(3):
        queue.wake()
    queue.put(event("a"), 10)
    for _ in range(3):
        with pytest.raises(RealtimeTimeout):
            queue.take(None)
    assert take(queue) == "a"


def test_who_does_not_ask_for_it_is_not_woken() -> None:
    queue = filled()
    queue.wake()
    queue.wake()
    queue.put(event("a"), 10)
    queue.wake()
    assert take(queue) == "a"
    with pytest.raises(RealtimeTimeout):
        queue.take(NOW)


@pytest.mark.parametrize("wakes_before", [0, 1, 3])
def test_a_wake_does_not_hide_what_came_before_the_end(wakes_before: int) -> None:
    queue = wakeable()
    for _ in range(wakes_before):
        queue.wake()
    queue.put(event("a"), 10)
    queue.finish(ConnectionClosedError(1011, "oops"))
    queue.wake()
    assert take(queue) == "a"
    for _ in range(2):
        queue.wake()
        with pytest.raises(ConnectionClosedError):
            queue.take(None)


def test_an_end_that_comes_just_after_a_wake_does_not_overtake_events() -> None:
    """Events already received come before the end."""
    queue = wakeable()

    class Late:
        """Where more comes just when the wait has ended."""

        def __bool__(self) -> bool:
            queue.put(event("a"), 10)
            queue.finish(ConnectionClosedError(1011, "oops"))
            return True

    queue.wake()
    queue.wakeable = Late()  # type: ignore[assignment]
    with pytest.raises(RealtimeTimeout):
        queue.take(None)
    assert take(queue) == "a"
    with pytest.raises(ConnectionClosedError):
        queue.take(None)


def test_nor_does_one_that_comes_just_after_the_time_is_over() -> None:
    queue = filled()
    entries = queue._entries

    class Late:
        def get(self, *_: object) -> None:
            queue._entries = entries
            queue.put(event("a"), 10)
            queue.finish(ConnectionClosedError(1011, "oops"))
            raise Empty

    queue._entries = Late()  # type: ignore[assignment]
    with pytest.raises(RealtimeTimeout):
        queue.take(NOW)
    assert take(queue) == "a"


@pytest.mark.parametrize("wakes", [1, 2])
@pytest.mark.parametrize("more", [0, 2])
def test_what_a_struck_call_had_taken_is_found_behind_wakes(
    monkeypatch: pytest.MonkeyPatch, wakes: int, more: int
) -> None:
    queue = EventQueue(1000)
    queue.put(event("a"), 10, json.dumps({"type": "a"}))
    struck(queue, monkeypatch, "settle")
    for _ in range(wakes):
        queue.wake()
    for name in "bc"[:more]:
        queue.put(event(name), 10, json.dumps({"type": name}))
    assert [take(queue) for _ in range(1 + more)] == ["a", *"bc"[:more]]
    assert queue.queued_bytes == 0
    with pytest.raises(RealtimeTimeout):
        queue.take(NOW)


# -- one observer, again and again -----------------------------------------------------------------


def anything(event: ServerEvent) -> bool:
    return True


def test_a_watcher_finds_each_event_once_whenever_it_came() -> None:
    queue = filled("a", "b", "c")
    watcher = queue.watcher(1)
    queue.put(event("d"), 10)
    found = [name_of(queue.watch(watcher, anything, NOW)) for _ in range(2)]
    queue.put(event("e"), 10)
    found += [name_of(queue.watch(watcher, anything, NOW)) for _ in range(2)]
    assert found == ["b", "c", "d", "e"]
    with pytest.raises(RealtimeTimeout):
        queue.watch(watcher, anything, NOW)


def test_what_came_while_the_log_was_read_is_not_found_twice() -> None:
    queue = filled("a")
    watcher = queue.watcher(0)
    put = Entry(0, 10, event("a"))
    watcher.put(put, queue.full_error)  # as if it had come between the two
    assert name_of(queue.watch(watcher, anything, NOW)) == "a"
    with pytest.raises(RealtimeTimeout):
        queue.watch(watcher, anything, NOW)


def test_a_watcher_begins_at_the_oldest_event_that_is_held() -> None:
    queue = EventQueue(10 << 20)
    for number in range(4):
        queue.put(event(str(number)), 500_000)
        take(queue)
    watcher = queue.watcher(0)
    assert name_of(queue.watch(watcher, anything, NOW)) == "2"
    assert find(queue, anything, since=3) == "3"


def test_what_waits_for_a_watcher_is_bounded() -> None:
    queue = EventQueue(100)
    watcher = queue.watcher(0)
    for number in range(1000):
        queue.put(event(str(number)), 10)
        take(queue)
    assert watcher.entries.qsize() == 11, "ten, and that it missed the next"
    found = [name_of(queue.watch(watcher, anything, NOW)) for _ in range(10)]
    assert found == [str(number) for number in range(10)]
    with pytest.raises(QueueFullError, match="observer is slower"):
        queue.watch(watcher, anything, NOW)


def test_what_a_watcher_has_looked_at_makes_room() -> None:
    queue = EventQueue(20)
    watcher = queue.watcher(0)
    for name in "abcdef":
        queue.put(event(name), 20)
        take(queue)
        assert name_of(queue.watch(watcher, anything, NOW)) == name


def test_a_watcher_gets_what_is_queued_before_it_is_told_that_the_queue_is_full() -> None:
    queue = filled("a", "b", max_bytes=20)
    watcher = queue.watcher(0)
    queue._paused = True
    assert [name_of(queue.watch(watcher, anything, NOW)) for _ in range(2)] == ["a", "b"]
    with pytest.raises(QueueFullError, match="max_queue_bytes is 20"):
        queue.watch(watcher, anything, NOW)
    take(queue)
    with pytest.raises(RealtimeTimeout):
        queue.watch(watcher, anything, NOW)


def test_losses_before_and_after_a_watcher_was_made() -> None:
    queue = filled("a")
    queue.interrupt(ConnectionClosedError(1006, "one"), 1)
    old, before, asked = queue.watcher(0), queue.watcher(0), queue.watcher(0)
    queue.put(event("b"), 10)
    queue.interrupt(ConnectionClosedError(1006, "two"), 2)
    queue.put(event("c"), 10)

    def is_c(candidate: ServerEvent) -> bool:
        return candidate.type == "c"

    with pytest.raises(ConnectionClosedError, match="one"):
        queue.watch(old, is_c, NOW, losses="all")
    with pytest.raises(ConnectionClosedError, match="two"):
        queue.watch(before, is_c, NOW)
    assert name_of(queue.watch(before, is_c, NOW)) == "c", "and it may go on"
    with pytest.raises(ConnectionClosedError, match="two"):
        queue.watch(asked, is_c, NOW, losses="all", link=2)
    with pytest.raises(ConnectionClosedError, match="two"):
        queue.watch(queue.watcher(0), is_c, NOW, losses="all", link=2)
    assert find(queue, is_c) == "c"
    assert name_of(queue.watch(queue.watcher(0), is_c, NOW, losses="all", link=3)) == "c"


def test_a_watcher_that_was_dismissed_is_told_nothing() -> None:
    queue = EventQueue(100)
    watcher, other = queue.watcher(0), queue.watcher(0)
    queue.dismiss(watcher)
    queue.put(event("a"), 10)
    assert (watcher.bytes_in, other.bytes_in) == (0, 10)


# -- what a waiter is told that waited in vain -----------------------------------------------------


def error(number: int) -> ErrorEvent:
    return ErrorEvent(event_id="e", error=ErrorDetail(type="t", message=str(number)))


def test_the_latest_errors_and_malformed_messages_are_remembered_with_their_numbers() -> None:
    queue = EventQueue(10_000)
    for number in range(20):
        malformed = Malformed(b"x", RemoteProtocolError(f"bad {number}"))
        for item in (error(number), malformed):
            queue.note(item)  # type: ignore[arg-type]
            queue.put(item, 10)  # type: ignore[arg-type]
    assert [number for number, _ in queue.errors_since(0)] == list(range(8, 40, 2))
    assert [number for number, _ in queue.errors_since(38)] == [38]
    assert queue.malformed_since(37) == ["bad 18", "bad 19"]
    assert queue.malformed_since(40) == []


@pytest.mark.parametrize("kept", [0, 1, 2, 3])
def test_an_entry_is_withdrawn_from_wherever_it_waits(kept: int) -> None:
    queue = filled("a", "b", "c", "d")
    for _ in range(kept):
        queue.keep(queue.take_new(NOW))
    assert queue.is_queued(1)
    queue.withdraw(1)
    assert not queue.is_queued(1)
    assert queue.queued_bytes == 30
    assert [take(queue) for _ in range(3)] == ["a", "c", "d"]
    assert not any(queue.is_queued(number) for number in range(4))
    assert queue.queued_bytes == 0


def test_an_observer_that_is_gone_is_served_no_more() -> None:
    """A signal handler may strike it where it would have taken its leave."""
    queue = EventQueue(1000)
    watcher = queue.watcher(0)
    queue.put(event("a"), 10)
    assert watcher.bytes_in == 10
    del watcher
    queue.put(event("b"), 10)
    assert queue._watchers == []


# -- whoever stands in for the consumer that waits -------------------------------------------------


class Deputy:
    """A stand-in that takes what it is to take, and notes all that it is told."""

    def __init__(self, taking: Callable[[str], bool] = lambda _: True) -> None:
        self.told: list[str] = []
        self._taking = taking

    def take(self, item: Item) -> bool:
        assert isinstance(item, UnknownEvent)
        self.told.append(item.type)
        return self._taking(item.type)

    def rest(self) -> None:
        self.told.append("rest")


class Waiting:
    """A consumer that waits in a thread of its own, until one ``poll`` has returned."""

    def __init__(self, queue: EventQueue, deputy: Deputy) -> None:
        self.found: Entry | None = None
        self.is_over = False
        self._queue, self._deputy = queue, deputy
        self._thread = threading.Thread(target=self._poll)

    def __enter__(self) -> Waiting:
        self._thread.start()
        Guard().until(lambda: self._queue._stand_in is not None, "the wait")
        return self

    def __exit__(self, *_: object) -> None:
        self._queue.wake()
        Guard().join(self._thread)

    def _poll(self) -> None:
        self._queue.wakeable = True
        self.found = self._queue.poll(lambda: None, self._deputy)
        self._queue.wakeable = False
        self.is_over = True


def test_a_stand_in_takes_what_comes_while_the_consumer_waits() -> None:
    queue, deputy = filled(), Deputy()
    with Waiting(queue, deputy) as waiting:
        queue.put(event("a"), 10, '{"type": "a"}')
        queue.put(event("b"), 10)
        queue.rest()
        queue.rest()
        assert queue.queued_bytes == 0, "it counts as consumed"
        assert not queue.is_queued(1)
    assert waiting.found is None
    assert deputy.told == ["a", "b", "rest"]
    assert find(queue, lambda e: e.type == "a") == "a", "an observer sees it"
    with pytest.raises(RealtimeTimeout):
        queue.take(NOW)


def test_what_it_leaves_is_the_consumers() -> None:
    queue, deputy = filled(), Deputy(lambda name: name == "a")
    with Waiting(queue, deputy) as waiting:
        queue.put(event("a"), 10)
        queue.put(event("b"), 10)
        Guard().until(lambda: waiting.found, "what was left")
    assert waiting.found is not None
    assert name_of(waiting.found) == "b"
    queue.put(event("c"), 10)
    queue.rest()
    assert deputy.told == ["a", "b"], "nobody waits any more, so nobody stands in"
    assert take(queue) == "c"


def test_a_consumer_that_was_woken_waits_for_the_one_that_stands_in() -> None:
    queue = filled()
    over: list[bool] = []

    def take_slowly(_: str) -> bool:
        queue.wake()
        Guard().until(lambda: queue._stand_in is None, "the consumer to go on")
        over.append(waiting.is_over)
        return True

    with Waiting(queue, Deputy(take_slowly)) as waiting:
        queue.put(event("a"), 10)
    assert over == [False]
    assert waiting.is_over


def test_what_is_there_already_is_not_waited_for() -> None:
    queue, deputy = filled("a"), Deputy()
    entry = queue.poll(lambda: 0, deputy)
    assert entry is not None
    assert name_of(entry) == "a"
    assert queue.poll(lambda: 0, deputy) is None
    queue.put(event("b"), 10)
    assert deputy.told == []
    assert take(queue) == "b"


def test_between_the_two_nothing_changes_its_place_and_only_one_is_at_work() -> None:
    """The consumer is woken now and then, and the stand-in leaves it every third event."""
    queue, most = EventQueue(1 << 20), 3_000
    order: list[str] = []
    at_work = threading.Lock()

    def work(name: str) -> None:
        assert at_work.acquire(blocking=False), "the other one is at work"
        order.append(name)
        at_work.release()

    def take_aside(name: str) -> bool:
        if int(name) % 3 == 0:
            return False
        work(name)
        return True

    def consume() -> None:
        queue.wakeable = True
        while len(order) < most:
            entry = queue.poll(lambda: None, Deputy(take_aside))
            if entry is not None:
                work(name_of(entry))

    thread = threading.Thread(target=consume)
    thread.start()
    for number in range(most):
        queue.put(event(str(number)), 10)
        if number % 7 == 0:
            queue.wake()
        if number % 50 == 0:
            Guard().until(lambda: not queue.queued_bytes, "the consumer")
    Guard().until(lambda: len(order) == most, "all of them")
    queue.wake()
    Guard().join(thread)
    assert order == [str(number) for number in range(most)]
    assert queue.queued_bytes == 0
