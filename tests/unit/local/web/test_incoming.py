"""Which messages are given up for the others, and which for themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from guards import GUARD_S

from realtime_sync.local.web.incoming import IncomingMessages

MIB = 1 << 20


class Connection:
    """Notes with which words it was closed."""

    def __init__(self) -> None:
        self.given_up: list[tuple[int, str]] = []
        self.told = asyncio.Event()

    def give_up(self, code: int, reason: str) -> None:
        self.given_up.append((code, reason))
        self.told.set()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), GUARD_S))


def test_the_oldest_are_given_up_until_the_rest_fits() -> None:
    async def scene() -> None:
        incoming = IncomingMessages(GUARD_S, 10 * MIB)
        first, second, third = Connection(), Connection(), Connection()
        incoming.hold(first, 1)
        incoming.hold(second, 5 * MIB)
        incoming.hold(first, 5 * MIB)
        assert incoming.held_bytes == 10 * MIB
        assert first.given_up == [], "it may hold as much as that"
        incoming.hold(third, 1)
        ((code, reason),) = first.given_up
        assert code == 1009
        assert reason == (
            "unfinished messages of all clients take 10 MiB (--max-incoming-mib), and this one is "
            "the oldest"
        )
        assert (second.given_up, incoming.held_bytes) == ([], 5 * MIB + 1)
        incoming.hold(third, 10 * MIB + 1)
        assert len(second.given_up) == len(third.given_up) == 1
        assert incoming.held_bytes == 0
        for connection in (first, second, third):
            incoming.end(connection)
        assert incoming.held_bytes == 0

    play(scene)


def test_what_has_ended_counts_no_more_and_begins_anew() -> None:
    async def scene() -> None:
        incoming = IncomingMessages(GUARD_S, 10)
        first, second = Connection(), Connection()
        incoming.hold(first, 5)
        incoming.hold(second, 5)
        incoming.end(first)
        incoming.hold(first, 5)
        incoming.hold(first, 6)
        assert (len(second.given_up), first.given_up) == (1, []), "the second is the older one now"

    play(scene)


def test_the_time_runs_from_the_first_byte() -> None:
    async def scene() -> None:
        incoming = IncomingMessages(0.01, 10)
        slow, whole = Connection(), Connection()
        incoming.hold(slow, 1)
        incoming.hold(whole, 1)
        incoming.end(whole)
        size = 1
        while not slow.told.is_set():  # which it does not stop by sending on
            size = size % 9 + 1
            incoming.hold(slow, size)
            await asyncio.sleep(0)
        assert slow.given_up == [
            (1008, "a message was not complete within 0.01 s (--message-timeout)")
        ]
        assert (incoming.held_bytes, whole.given_up) == (0, [])

    play(scene)


@pytest.mark.parametrize("limit_s", [0.01, 30.0, 86_400.0])
@pytest.mark.parametrize("most_mib", [1, 256, 1_000_000])
def test_the_reason_fits_into_a_close_frame(limit_s: float, most_mib: int) -> None:
    async def scene() -> None:
        incoming = IncomingMessages(limit_s, most_mib * MIB)
        connection = Connection()
        incoming.hold(connection, most_mib * MIB + 1)
        incoming._too_late(connection)
        assert all(len(reason) <= 123 for _, reason in connection.given_up)
        assert len(connection.given_up) == 2

    play(scene)
