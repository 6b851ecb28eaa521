from __future__ import annotations

import asyncio
import tracemalloc

import pytest

from realtime_sync.local.web.outbox import Outbox


def test_sound_is_held_back_until_the_client_takes_it() -> None:
    async def run() -> None:
        may_send = asyncio.Event()
        sent: list[str] = []

        async def send(text: str) -> None:
            await may_send.wait()
            sent.append(text)

        outbox = Outbox(send)
        sending = asyncio.create_task(outbox.run())
        await outbox.room()
        outbox.put({"n": 0})
        await outbox.room()
        outbox.put({"n": 1, "big": "x" * 600_000})
        waiting = asyncio.create_task(outbox.room())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        may_send.set()
        await waiting
        await outbox.flush()
        assert [text[:6] for text in sent] == ['{"n":0', '{"n":1']
        sending.cancel()

    asyncio.run(run())


def test_nothing_is_sent_once_the_connection_is_being_closed() -> None:
    async def run() -> None:
        sent: list[str] = []

        async def send(text: str) -> None:
            sent.append(text)
            outbox.stop()

        outbox = Outbox(send)
        sending = asyncio.create_task(outbox.run())
        outbox.put({"n": 0})
        outbox.put({"n": 1})
        await outbox.flush()
        assert sent == ['{"n":0}']
        sending.cancel()

    asyncio.run(run())


def test_nothing_is_held_once_the_connection_is_being_closed() -> None:
    async def send(text: str) -> None:
        pytest.fail("it is too late")

    async def run() -> int:
        outbox = Outbox(send)
        tracemalloc.start()
        try:
            outbox.put({"big": "x" * (4 << 20)})
            outbox.stop()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    assert asyncio.run(run()) < 1 << 20


FRAME = len('{"x":""}')


@pytest.mark.parametrize(("wait", "most"), [("room", 512 << 10), ("not_full", 16 << 20)])
def test_the_bounds_are_exact(wait: str, most: int) -> None:
    """So much may be unsent, and not one character more, on the way up and down."""

    async def run() -> None:
        may_send = asyncio.Semaphore(0)

        async def send(text: str) -> None:
            await may_send.acquire()

        async def waits() -> bool:
            waiting = asyncio.ensure_future(getattr(outbox, wait)())
            for _ in range(5):
                await asyncio.sleep(0)
            return not (waiting.done() or not waiting.cancel())

        outbox = Outbox(send)
        sending = asyncio.create_task(outbox.run())
        outbox.put({"x": ""})
        outbox.put({"x": "x"})
        outbox.put({"x": "x" * (most - 3 * FRAME - 1)})
        assert not await waits(), "as many as there may be"
        outbox.put({"x": ""})
        assert await waits()
        may_send.release()
        assert not await waits(), "as many again"
        outbox.put({"x": "xx"})
        assert await waits()
        may_send.release()
        assert await waits(), "one more than there may be"
        may_send.release()
        assert not await waits()
        sending.cancel()

    asyncio.run(run())


def test_what_comes_too_late_is_not_sent() -> None:
    async def send(text: str) -> None:
        pytest.fail("it is too late")

    async def run() -> None:
        outbox = Outbox(send)
        sending = asyncio.create_task(outbox.run())
        outbox.stop()
        outbox.put({"n": 0})
        await outbox.flush()
        sending.cancel()

    asyncio.run(run())


def test_others_have_their_turn_between_two_events() -> None:
    """A socket that has room takes each at once."""
    order: list[str] = []

    async def send(text: str) -> None:
        order.append(text)

    async def other() -> None:
        while len(order) < 5:
            order.append("another")
            await asyncio.sleep(0)

    async def run() -> None:
        outbox = Outbox(send)
        for number in range(3):
            outbox.put({"n": number})
        sending = asyncio.create_task(outbox.run())
        await asyncio.gather(other(), outbox.flush())
        sending.cancel()

    asyncio.run(run())
    first, second = order.index('{"n":0}'), order.index('{"n":1}')
    assert "another" in order[first:second]
