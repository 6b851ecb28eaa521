"""Walks a blocking iterator from asyncio, on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

from ..._threads import spawn
from ..engines import Responder, ResponderEvent, ResponderPrompt

__all__ = ["iterate_on_thread", "respond_on_thread"]

T = TypeVar("T")

# How many steps the thread may be ahead: while one sentence is spoken, the next may be thought.
_AHEAD = 32


class _Exhausted:
    """The iterator is at its end, or it raised ``error``."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class _Walk(Generic[T]):
    """One walk along the iterator that ``start`` makes.

    Threads:
        `run` is the thread's; everything else belongs to the event loop.
    """

    def __init__(self, start: Callable[[], Iterator[T]]) -> None:
        self._start = start
        self._loop = asyncio.get_running_loop()
        self._room = threading.Semaphore(_AHEAD)
        self._abandoned = threading.Event()
        self._found: asyncio.Queue[T | _Exhausted] = asyncio.Queue()

    async def next(self) -> T | _Exhausted:
        value = await self._found.get()
        self._room.release()
        return value

    def abandon(self) -> None:
        self._abandoned.set()
        self._room.release()

    def run(self) -> None:
        end = _Exhausted()
        try:
            self._run()
        except BaseException as exc:  # it is raised where the values are taken
            end.error = exc
        self._hand_over(end)

    def _run(self) -> None:
        iterator = self._start()
        try:
            for value in iterator:
                self._hand_over(value)
                self._room.acquire()
                if self._abandoned.is_set():
                    return
        finally:
            if isinstance(iterator, Generator):
                iterator.close()

    def _hand_over(self, value: T | _Exhausted) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._found.put_nowait, value)


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
    walk = _Walk(start)
    spawn(walk.run, name=name)
    try:
        while not isinstance(value := await walk.next(), _Exhausted):
            yield value
    finally:
        walk.abandon()
    if value.error is not None:
        raise value.error


def respond_on_thread(
    responder: Responder,
) -> Callable[[ResponderPrompt], AsyncGenerator[ResponderEvent, None]]:
    """Return what asks ``responder``, on a thread for each answer."""
    return lambda prompt: iterate_on_thread(
        lambda: responder.respond(prompt), name="local-responder"
    )
