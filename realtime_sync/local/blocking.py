"""Walks a blocking iterator from asyncio, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import suppress
from typing import TypeVar

from .._threads import spawn

__all__ = ["iterate_on_thread"]

T = TypeVar("T")

# How many steps the thread may be ahead: while one sentence is spoken, the next may be thought.
_AHEAD = 32


class _End:
    """The iterator is at its end, or it raised ``error``."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


async def iterate_on_thread(
    start: Callable[[], Iterator[T]], *, name: str
) -> AsyncGenerator[T, None]:
    """Yield what the iterator made by ``start`` yields.

    Closing this generator returns at once. The thread then closes the iterator after the step
    it is in; it is a daemon, so a step that hangs in a network does not keep the process alive.

    Args:
        start: makes the iterator; called on the thread.
        name: what to call the thread.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Queue[T | _End] = asyncio.Queue()
    room = threading.Semaphore(_AHEAD)
    abandoned = threading.Event()

    def hand_over(value: T | _End) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(found.put_nowait, value)

    def walk() -> None:
        try:
            iterator = start()
            try:
                for value in iterator:
                    hand_over(value)
                    room.acquire()
                    if abandoned.is_set():
                        return
            finally:
                if isinstance(iterator, Generator):
                    iterator.close()
        except BaseException as exc:  # it is raised where the values are taken
            hand_over(_End(exc))
        else:
            hand_over(_End())

    spawn(walk, name=name)
    try:
        while True:
            value = await found.get()
            if isinstance(value, _End):
                if value.error is not None:
                    raise value.error
                return
            yield value
            room.release()
    finally:
        abandoned.set()
        room.release()
