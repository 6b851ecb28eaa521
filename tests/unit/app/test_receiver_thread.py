"""A receiver's queue: bounded, in order, and its end."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from guards import Guard

from realtime_sync.app.answer_parts import Delivery
from realtime_sync.app.receiver_thread import ReceiverThread
from realtime_sync.errors import QueueFullError


def deliver(value: Any, size: int = 10) -> Delivery:
    return Delivery("text", value, size)


class Receiver:
    """A receiver that can be held."""

    def __init__(self, *, max_bytes: int = 100) -> None:
        self.got: list[Any] = []
        self.failures: list[tuple[str, BaseException]] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.guard = Guard()
        self.thread = ReceiverThread(
            self.receive,
            name="receive",
            kind="text",
            max_bytes=max_bytes,
            failed=lambda name, exc: self.failures.append((name, exc)),
        )
        self.running = self.thread.start()

    def receive(self, value: Any) -> None:
        self.begun.set()
        self.guard.wait(self.go_on, "leave to go on")
        if isinstance(value, BaseException):
            raise value
        self.got.append(value)

    def end(self, *, drop: bool = False) -> None:
        self.thread.close(drop=drop)
        self.go_on.set()
        self.guard.join(self.running)


def test_in_order_and_to_the_last() -> None:
    receiver = Receiver()
    for number in range(5):
        receiver.thread.put(deliver(number))
    receiver.end()
    assert receiver.got == [0, 1, 2, 3, 4]
    assert receiver.running.name == "realtime_sync.app-receiver-receive"


def test_what_waits_is_bounded_by_its_memory() -> None:
    receiver = Receiver(max_bytes=100)
    receiver.thread.put(deliver("taken"))
    receiver.guard.wait(receiver.begun, "the first")
    receiver.thread.put(deliver("a", 60))
    receiver.thread.put(deliver("b", 40))
    with pytest.raises(QueueFullError, match="100 bytes wait for the receiver 'receive'"):
        receiver.thread.put(deliver("c", 1))
    receiver.thread.put(deliver("d", 1))  # said once
    receiver.end()
    assert receiver.got == ["taken", "a", "b"]


def test_one_alone_may_be_larger() -> None:
    receiver = Receiver(max_bytes=100)
    receiver.thread.put(deliver("a", 1000))
    receiver.end()
    assert receiver.got == ["a"]


def test_room_comes_back() -> None:
    receiver = Receiver(max_bytes=100)
    receiver.go_on.set()
    for number in range(10):
        receiver.thread.put(deliver(number, 90))
        mark = receiver.thread.mark()
        receiver.guard.until(lambda mark=mark: mark.is_set, "the delivery")
    receiver.end()
    assert receiver.got == [*range(10)]


def test_a_mark_is_set_when_the_receiver_has_returned() -> None:
    receiver = Receiver()
    receiver.thread.put(deliver("a"))
    mark = receiver.thread.mark()
    receiver.guard.wait(receiver.begun, "the receiver")
    assert not mark.is_set
    receiver.end()
    assert mark.is_set


def test_at_once_what_waits_is_dropped() -> None:
    receiver = Receiver()
    receiver.thread.put(deliver("a"))
    receiver.guard.wait(receiver.begun, "the receiver")
    receiver.thread.put(deliver("b"))
    mark = receiver.thread.mark()
    receiver.end(drop=True)
    assert receiver.got == ["a"]
    assert mark.is_set


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_one_that_has_failed_is_called_no_more(error: BaseException) -> None:
    receiver = Receiver()
    receiver.thread.put(deliver(error))
    receiver.thread.put(deliver("b"))
    receiver.end()
    assert receiver.failures == [("receive", error)]
    assert receiver.got == []
