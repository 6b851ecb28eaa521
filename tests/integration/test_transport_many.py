"""Many short connections: the TLS race, and what they leave behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
from guards import GUARD_S, Guard
from websockets.asyncio.server import ServerConnection, serve

from realtime_sync.errors import ConnectionClosed, ConnectionClosedOK
from realtime_sync.transport import Transport, TransportOptions, connect

SENDERS = 4
PER_SENDER = 12
PUSHED = 30


async def chatter(connection: ServerConnection) -> None:
    """Push messages from the first moment on while counting what comes; report the count."""

    async def push() -> None:
        for i in range(PUSHED):
            await connection.send(f"{i} " + "e" * 300)

    pushing = asyncio.create_task(push())
    received = 0
    async for _ in connection:
        received += 1
        if received == SENDERS * PER_SENDER:
            await pushing
            await connection.send("all")
    await pushing


class Server:
    """An asyncio server in its own thread: one thread per TLS object, so no fault of its own."""

    def __init__(self, context: ssl.SSLContext | None) -> None:
        self._context = context
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.url = ""

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        options = {"ping_interval": None, "compression": None}
        async with serve(chatter, "127.0.0.1", 0, ssl=self._context, **options) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            self.url = f"{'wss' if self._context else 'ws'}://localhost:{port}/"
            self._started.set()
            await self._stop.wait()

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._started.wait(GUARD_S)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(GUARD_S)
        assert not self._thread.is_alive()


@pytest.fixture(params=["ws", "wss"])
def server(
    request: pytest.FixtureRequest, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> Iterator[Server]:
    with Server(contexts[0] if request.param == "wss" else None) as running:
        yield running


def converse(transport: Transport, guard: Guard) -> None:
    """Read in one thread and send in four, all from the first moment on."""
    received: list[str | bytes] = []
    errors: list[BaseException] = []
    complete = threading.Event()

    def read() -> None:
        try:
            while True:
                received.extend(transport.read())
                if received[-1] == "all":
                    complete.set()
        except ConnectionClosedOK:
            pass
        except BaseException as exc:
            errors.append(exc)
        finally:
            complete.set()

    def send() -> None:
        try:
            for i in range(PER_SENDER):
                transport.send("s" * (10 + 300 * i))
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=target, daemon=True) for target in (read, *[send] * SENDERS)]
    for thread in threads:
        thread.start()
    guard.wait(complete, "the server's last message")
    transport.close(timeout=GUARD_S)
    for thread in threads:
        guard.join(thread)
    assert errors == []
    assert [str(message).split()[0] for message in received] == [*map(str, range(PUSHED)), "all"]


def test_two_hundred_short_connections(
    server: Server, contexts: tuple[ssl.SSLContext, ssl.SSLContext], guard: Guard
) -> None:
    started = time.monotonic()
    options = TransportOptions(proxy="", ssl_context=contexts[1])
    for _ in range(200):
        converse(connect(server.url, headers={}, options=options), guard)
    print(f"200 connections in {time.monotonic() - started:.1f} s")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- as in support/leaks.py


@pytest.mark.parametrize("how", ["close", "abort", "forget"])
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")  # a forgotten one is to warn
def test_a_hundred_cycles_leave_nothing(
    server: Server, contexts: tuple[ssl.SSLContext, ssl.SSLContext], guard: Guard, how: str
) -> None:
    options = TransportOptions(proxy="", ssl_context=contexts[1])

    def cycle() -> None:
        transport = connect(server.url, headers={}, options=options)
        transport.send("x")
        assert transport.read()
        if how == "close":
            transport.close(timeout=GUARD_S)
            with contextlib.suppress(ConnectionClosed):
                while True:
                    transport.read()
        elif how == "abort":
            transport.abort()

    cycle()
    gc.collect()
    threads, before = threading.active_count(), descriptors()
    for _ in range(100 if how == "close" else 20):
        cycle()
    gc.collect()
    assert threading.active_count() == threads
    # The server's side of a dropped connection is in this process, too, and takes a moment.
    guard.until(lambda: descriptors() <= before, f"{descriptors() - before} descriptors' end")


def test_refused_connections_leave_nothing() -> None:
    before = descriptors()
    for _ in range(20):
        with pytest.raises(Exception, match="refused"):
            connect("ws://127.0.0.1:1/", headers={}, options=TransportOptions(proxy=""))
    gc.collect()
    assert descriptors() == before
