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
