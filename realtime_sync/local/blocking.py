"""Walks a blocking iterator from asyncio, one step at a time on a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from concurrent.futures import Executor
from typing import TypeVar

__all__ = ["iterate_on_threads"]

T = TypeVar("T")


async def iterate_on_threads(
    executor: Executor, start: Callable[[], Iterator[T]]
) -> AsyncGenerator[T, None]:
    """Yield what the iterator made by ``start`` yields; every step runs on ``executor``.

    When this generator is closed in the middle of a step, the step runs to its end on its thread
    and the iterator is closed there, so that nobody waits for a slow one.
    """
    end = object()
    iterator: Iterator[T] | None = None

    def step() -> T | object:
        nonlocal iterator
        if iterator is None:
            iterator = iter(start())
        return next(iterator, end)

    def close() -> None:
        if isinstance(iterator, Generator):
            iterator.close()

    while True:
        future = executor.submit(step)
        try:
            value = await asyncio.wrap_future(future)
            if value is end:
                return
            yield value  # type: ignore[misc]  # anything but `end` came from the iterator
        except BaseException:
            # A running generator can't be closed: wait for its step, not for the event loop.
            future.add_done_callback(lambda _: executor.submit(close))
            raise
