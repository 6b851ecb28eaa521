"""Portions of what was read, with a transport that the test plays."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import Any

import pytest
import uvicorn
from framing import CLOSE, CONTINUATION, PING, TEXT
from guards import GUARD_S
from hypothesis import given, settings
from hypothesis import strategies as st
from server_bursts import head, masked
from uvicorn.server import ServerState

from realtime_sync.local.web import polite_websocket
from realtime_sync.local.web.fair_websocket import FairWebSocket
from realtime_sync.local.web.incoming import IncomingMessages
from realtime_sync.local.web.timed_connections import TimedWebSocket


class Transport:
    """A connection of which the test is the other end."""

    def __init__(self) -> None:
        self.written = b""
        self.reading = True
        self.closed = False

    def get_extra_info(self, name: str) -> None:
        return None

    def write(self, data: bytes) -> None:
        self.written += data

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


class App:
    """Accepts, and takes messages until there are no more, or so many."""

    def __init__(self, most: int | None = None) -> None:
        self.messages: list[dict[str, Any]] = []
        self.started = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.most = most

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        self.started.set()
        await self.may_go_on.wait()
        while len(self.messages) != self.most:
            message = await receive()
            self.messages.append(message)
            if message["type"] == "websocket.disconnect":
                return
        await send({"type": "websocket.close", "code": 1000})


async def opened(app: Any, started: asyncio.Event | None = None) -> tuple[FairWebSocket, Transport]:
    config = uvicorn.Config(app, ws=FairWebSocket, log_config=None, ws_ping_interval=None)
    protocol, transport = FairWebSocket(config, ServerState(), {}), Transport()
    protocol.connection_made(transport)  # type: ignore[arg-type]  # as far as it is used
    protocol.data_received(head("/", upgrade=True))
    await asyncio.wait_for((started or app.started).wait(), GUARD_S)
    return protocol, transport


async def until_taken(app: App) -> None:
    """Let the application work until it hears of the end."""
    while not app.messages or app.messages[-1]["type"] != "websocket.disconnect":
        await asyncio.sleep(0)


async def until_read(transport: Transport) -> None:
    """Let the protocol work until it reads again."""
    while not transport.reading and not transport.closed:
        await asyncio.sleep(0)


@settings(max_examples=40)
@given(
    sizes=st.lists(st.sampled_from([0, 1, 50, 130, 9_000]), min_size=1, max_size=6),
    read=st.sampled_from([13, 100, 5_000, 100_000]),
    pings=st.integers(0, 40),
)
def test_messages_are_the_same_however_they_are_read(
    sizes: list[int], read: int, pings: int
) -> None:
    texts = [chr(97 + number) * size for number, size in enumerate(sizes)]
    data = b"".join(masked(TEXT, text.encode()) + masked(PING) * pings for text in texts)
    data += masked(TEXT, b"in ", fin=False) + masked(CONTINUATION, b"two") + masked(CLOSE)

    async def run() -> list[dict[str, Any]]:
        app = App()
        protocol, transport = await opened(app)
        app.may_go_on.set()
        for start in range(0, len(data), read):
            await asyncio.wait_for(until_read(transport), GUARD_S)
            protocol.data_received(data[start : start + read])
        while not transport.closed:
            await asyncio.sleep(0)
        assert transport.written.count(b"\x8a\x00") >= pings * len(texts), "a pong for each"
        await asyncio.gather(*protocol.tasks)
        protocol.connection_lost(None)
        return app.messages

    *messages, end = asyncio.run(asyncio.wait_for(run(), GUARD_S))
    assert [message["text"] for message in messages] == [*texts, "in two"]
    assert end["type"] == "websocket.disconnect"


def test_only_the_first_frames_are_parsed_before_somebody_takes_them() -> None:
    async def run() -> None:
        app = App()
        protocol, transport = await opened(app)
        protocol.data_received(masked(TEXT, b"{}") * 10_000)
        assert protocol.queue.qsize() <= 10
        assert not transport.reading
        for _ in range(100):  # nothing is parsed behind the back of who does not take it
            await asyncio.sleep(0)
        assert protocol.queue.qsize() <= 10
        app.may_go_on.set()
        await asyncio.wait_for(until_read(transport), GUARD_S)
        assert len(app.messages) == 10_000
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(run())


def test_control_frames_take_turns() -> None:
    async def run() -> None:
        app = App()
        protocol, transport = await opened(app)
        written = len(transport.written)
        protocol.data_received(masked(PING) * 10_000)
        pongs = (len(transport.written) - written) // 2
        assert 0 < pongs <= 11
        assert not transport.reading, "what is not parsed does not grow"
        await asyncio.wait_for(until_read(transport), GUARD_S)
        assert (len(transport.written) - written) // 2 == 10_000
        app.may_go_on.set()
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(run())


def test_pongs_that_nobody_takes_do_not_grow() -> None:
    async def run() -> None:
        app = App()
        protocol, transport = await opened(app)
        protocol.pause_writing()
        written = len(transport.written)
        for number in range(1_000):
            protocol.data_received(masked(PING, b"%125d" % number))
            await until_read(transport)
        assert len(transport.written) == written
        protocol.resume_writing()
        assert transport.written.endswith(b"\x8a\x7d" + b"%125d" % 999), "the last one counts"
        assert len(transport.written) - written < 11 * 127
        protocol.resume_writing()
        assert transport.written.count(b"%125d" % 999) == 1
        app.may_go_on.set()
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(asyncio.wait_for(run(), GUARD_S))


def test_a_close_behind_pongs_is_answered_at_once() -> None:
    async def run() -> None:
        app = App()
        protocol, transport = await opened(app)
        protocol.pause_writing()
        protocol.data_received(masked(PING) + masked(CLOSE, b"\x03\xe8"))
        assert transport.written.endswith(b"\x88\x02\x03\xe8")
        app.may_go_on.set()
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(asyncio.wait_for(run(), GUARD_S))


def test_what_is_held_of_a_message() -> None:
    """In frames and in fragments, but not behind a message that nobody has taken."""

    async def run() -> None:
        app = App()
        protocol, transport = await opened(app)
        protocol.data_received(masked(TEXT, b"x" * 1_000)[:-1])
        assert protocol.unfinished_bytes == 999
        protocol.data_received(b"x")
        assert protocol.unfinished_bytes == 0
        app.may_go_on.set()
        await asyncio.wait_for(until_read(transport), GUARD_S)
        app.may_go_on.clear()
        protocol.data_received(masked(TEXT, b"x" * 1_000))  # which the session waits for
        await asyncio.wait_for(until_read(transport), GUARD_S)
        protocol.data_received(masked(TEXT, b"{}") + masked(TEXT, b"x" * 1_000)[:18])
        assert protocol.unfinished_bytes == 0, "the session has the one before it to take"
        await asyncio.wait_for(until_read(transport), GUARD_S)
        assert protocol.unfinished_bytes == 10
        protocol.data_received(b"x" * 990)
        await asyncio.wait_for(until_read(transport), GUARD_S)
        for _ in range(3):
            first = TEXT if protocol.unfinished_bytes == 0 else CONTINUATION
            protocol.data_received(masked(first, b"y" * 500, fin=False) + masked(PING))
            await asyncio.wait_for(until_read(transport), GUARD_S)
        assert protocol.unfinished_bytes == 1_500
        protocol.data_received(masked(CONTINUATION, b"!"))
        await asyncio.wait_for(until_read(transport), GUARD_S)
        assert app.messages[-1]["text"] == "y" * 1_500 + "!"
        assert protocol.unfinished_bytes == 0
        protocol.data_received(masked(TEXT, b"z" * 500, fin=False))
        protocol.fail(1008, "too slow")
        assert protocol.unfinished_bytes == 0
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(asyncio.wait_for(run(), GUARD_S))


def test_small_fragments_take_what_their_bytes_take() -> None:
    async def run() -> int:
        app = App()
        protocol, transport = await opened(app)
        protocol.data_received(masked(TEXT, b"xy", fin=False))
        fragments = masked(CONTINUATION, b"xy", fin=False) * 1_000
        tracemalloc.start()
        try:
            for _ in range(50):
                protocol.data_received(fragments)
                await until_read(transport)
            assert protocol.unfinished_bytes == 100_002
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
            app.may_go_on.set()
            protocol.connection_lost(None)
            await asyncio.gather(*protocol.tasks)

    assert asyncio.run(asyncio.wait_for(run(), GUARD_S)) < 300_000


def test_a_session_whose_client_is_closed_may_still_send() -> None:
    """It hears that the client has gone, and no exception of which the log would tell."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        started.set()
        await may_go_on.wait()
        try:
            await send({"type": "websocket.send", "text": "and you?"})
        except Exception as exc:
            raised.append(exc)

    async def run() -> None:
        protocol, transport = await opened(app, started)
        protocol.fail(1008, "too slow")
        may_go_on.set()
        await asyncio.gather(*protocol.tasks)
        assert transport.written.endswith(b"\x88\x0a\x03\xf0too slow")
        assert [isinstance(exc, OSError) for exc in raised] == [True]
        protocol.connection_lost(None)

    started, may_go_on = asyncio.Event(), asyncio.Event()
    raised: list[Exception] = []
    asyncio.run(asyncio.wait_for(run(), GUARD_S))


def test_the_client_s_close_is_found_behind_what_nobody_takes_any_more() -> None:
    async def run() -> None:
        app = App(most=3)
        protocol, transport = await opened(app)
        protocol.data_received(masked(TEXT, b"{}") * 10_000 + masked(CLOSE, b"\x03\xe8"))
        app.may_go_on.set()
        while not transport.closed:
            await asyncio.sleep(0)
        assert len(app.messages) == 3
        assert protocol.close_timer is None, "it is not waited for"
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(asyncio.wait_for(run(), GUARD_S))


@pytest.mark.parametrize("wrong", [b"\x83\x80", masked(TEXT, b"\xff")])
def test_nothing_is_parsed_behind_what_is_wrong(
    wrong: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polite_websocket, "_LINGER_S", 0.01)

    async def run() -> None:
        app = App()
        protocol, transport = await opened(app)
        app.may_go_on.set()
        protocol.data_received(wrong + masked(TEXT, b"{}") * 10_000)
        await asyncio.gather(*protocol.tasks)
        assert not transport.closed, "or a client that is sending would not get to read why"
        queued = protocol.queue.qsize()
        protocol.data_received(masked(TEXT, b"{}") * 10_000)
        assert (protocol.unfinished_bytes, protocol.queue.qsize()) == (0, queued)
        while not transport.closed:
            await asyncio.sleep(0)
        assert transport.written.count(b"\x88") == 1, "it is told once"
        assert [message["type"] for message in app.messages] == ["websocket.disconnect"]
        protocol.connection_lost(None)

    asyncio.run(asyncio.wait_for(run(), GUARD_S))


@pytest.mark.parametrize("sent", ["a frame without its end", "a message without its end", "whole"])
def test_a_connection_that_is_lost_holds_no_message(sent: str) -> None:
    """Reference cycles keep it until the garbage collector comes; a message may have 21 MiB."""
    message = masked(TEXT, b"x" * (4 << 20), fin=sent != "a message without its end")
    if sent == "a frame without its end":
        message = message[:-1]

    async def run() -> int:
        app = App()
        protocol, transport = await opened(app)
        app.may_go_on.set()
        tracemalloc.start()
        try:
            for at in range(0, len(message), 1 << 18):
                protocol.data_received(message[at : at + (1 << 18)])
                await until_read(transport)
            protocol.connection_lost(None)
            await until_taken(app)
            app.messages.clear()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()

    gc.disable()
    try:
        assert asyncio.run(run()) < 1 << 20
    finally:
        gc.enable()


def test_what_is_held_counts_until_the_message_or_the_connection_ends() -> None:
    async def run() -> None:
        app, transport, incoming = App(), Transport(), IncomingMessages(GUARD_S, 1 << 20)
        app.may_go_on.set()
        config = uvicorn.Config(app, log_config=None, ws_ping_interval=None)
        config.load()
        protocol = TimedWebSocket(
            limit_s=GUARD_S,
            incoming=incoming,
            config=config,
            server_state=ServerState(),
            app_state={},
        )
        protocol.connection_made(transport)  # type: ignore[arg-type]  # as far as it is used
        protocol.data_received(head("/", upgrade=True))
        await asyncio.wait_for(app.started.wait(), GUARD_S)
        protocol.data_received(masked(TEXT, b"x" * 1_000)[:-1])
        await until_read(transport)
        assert incoming.held_bytes == 999
        protocol.data_received(b"x")
        assert incoming.held_bytes == 0
        await until_read(transport)
        protocol.data_received(masked(TEXT, b"x" * 1_000)[:-1])
        await until_read(transport)
        protocol.connection_lost(None)
        assert incoming.held_bytes == 0
        await asyncio.gather(*protocol.tasks)

    asyncio.run(asyncio.wait_for(run(), GUARD_S))
