"""What the caller says, taken and iterated."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from guards import Guard

from realtime_sync.telephony import PhoneSource


def all_of(pieces: Iterable[bytes]) -> list[bytes]:
    """Return what comes until the end, which a fault may keep away."""
    return Guard().call(lambda: [*pieces], "the end of what the caller says")


def test_pieces_come_in_order_and_then_the_end() -> None:
    source = PhoneSource()
    for number in range(3):
        source.take(bytes([number, 0]) * 160)
    source.end()
    assert [piece[0] for piece in all_of(source)] == [0, 1, 2]
    assert all_of(source) == [], "once more, too"
    assert source.rate == 8000


def test_closing_ends_it_whatever_waits() -> None:
    source = PhoneSource()
    for _ in range(3):
        source.take(bytes(320))
    pieces = iter(source)
    assert next(pieces) == bytes(320)
    source.close()
    assert all_of(pieces) == []


def test_closing_wakes_whoever_waits(guard: Guard) -> None:
    source = PhoneSource()
    thread = threading.Thread(target=lambda: list(source))
    thread.start()
    source.close()
    guard.join(thread)


def test_beyond_two_seconds_the_oldest_is_dropped_and_counted() -> None:
    source = PhoneSource()
    for number in range(110):
        source.take(bytes([number, 0]) * 160)
    assert source.dropped_ms == 200
    source.end()
    assert [piece[0] for piece in all_of(source)] == list(range(10, 110))
    source.take(bytes(2 * 16_000))
    assert source.dropped_ms == 200, "what was iterated makes room"


def test_of_a_piece_that_is_longer_than_two_seconds_the_end_is_heard() -> None:
    source = PhoneSource()
    source.take(bytes(320))
    samples = bytes(2 * 8_000) + bytes([1, 0]) * 16_000
    source.take(samples)
    source.end()
    assert list(source) == [bytes([1, 0]) * 16_000]
    assert source.dropped_ms == 1_020


def test_what_wakes_the_listener_does_not_pile_up() -> None:
    source = PhoneSource()
    for _ in range(1000):
        source.take(bytes(320))
    assert source._wake.qsize() == 1
