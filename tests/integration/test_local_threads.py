"""A responder blocks its own thread and nobody else's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing

import pytest
from guards import Guard

from realtime_sync.local.responders.on_thread import iterate_on_thread


def collect(start: Callable[[], Iterator[int]], *, stop_after: int = 10_000) -> list[int]:
    async def run() -> list[int]:
        values: list[int] = []
        async with aclosing(iterate_on_thread(start, name="test")) as steps:
            async for value in steps:
                values.append(value)
                if len(values) == stop_after:
                    break
        return values

    return asyncio.run(run())


def test_values_come_in_order() -> None:
    assert collect(lambda: iter(range(1_000))) == list(range(1_000))
    assert collect(lambda: iter([])) == []


def test_an_exception_comes_out_where_the_values_do() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        collect(broken)
    with pytest.raises(ZeroDivisionError):
        collect(lambda: iter([1 // 0]))


def test_leaving_early_closes_the_iterator_and_waits_for_nothing(guard: Guard) -> None:
    closed, go_on, stuck = threading.Event(), threading.Event(), threading.Event()

    def slow() -> Iterator[int]:
        try:
            yield 1
            stuck.set()
            go_on.wait(guard.seconds)
            yield 2
        finally:
            closed.set()

    async def leave_in_the_middle_of_the_second_step() -> None:
        async with aclosing(iterate_on_thread(slow, name="test")) as steps:
            assert await steps.__anext__() == 1
            await asyncio.to_thread(guard.wait, stuck, "the second step")

    asyncio.run(leave_in_the_middle_of_the_second_step())
    assert not closed.is_set()
    go_on.set()
    guard.wait(closed, "the iterator's end")


def test_an_endless_responder_does_not_run_away(guard: Guard) -> None:
    made = 0

    def endless() -> Iterator[int]:
        nonlocal made
        while True:
            made += 1
            yield made

    assert collect(endless, stop_after=100) == list(range(1, 101))
    assert made < 200
