"""Nobody waits for somebody else's burst: the real server on real sockets, its work counted.

The server runs in the test's own thread, and the test looks in at each piece of its work: there it
puts a question of another client into the kernel, and counts how many further pieces are done until
the answer is in the kernel, too.
"""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from bench import LoudnessDetector
from framing import BINARY, CONTINUATION, PING, TEXT
from guards import GUARD_S
from raw_distiller import agent, project
from server_bursts import (
    CONVERSATION,
    HELLO,
    MINUTES,
    SECOND,
    Address,
    event,
    head,
    masked,
    websocket,
)

from realtime_sync.local.engine_set import EngineSet
from realtime_sync.local.engines import SpeechChunk
from realtime_sync.local.project_store import ProjectStore
from realtime_sync.local.responders.echo import EchoResponder
from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.speech.voice_detector import DetectorPool
from realtime_sync.local.web import session_loop
from realtime_sync.local.web.access import Access
from realtime_sync.local.web.fair_websocket import FairWebSocket
from realtime_sync.local.web.uvicorn_server import _Server, bind

MOST = 50  # pieces of a burst's work between two answers to somebody else
WARM = 60  # pieces after which somebody else asks

CLEAR = {"type": "input_audio_buffer.clear"}


class Silence:
    """Hears no words and says every text in one piece without sound."""

    async def transcribe(self, pcm16k: bytes, *, language: str | None, prompt: str | None) -> str:
        return ""

    async def synthesize(
        self, text: str, *, voice: str, speed: float
    ) -> AsyncGenerator[SpeechChunk, None]:
        yield SpeechChunk(bytes(480), text)


class Other:
    """Another client: sends its question when told to, and sees whether the answer is there."""

    def __init__(self, link: socket.socket, question: bytes) -> None:
        self._link = link
        self._question = question

    def ask(self) -> None:
        self._link.sendall(self._question)

    @property
    def answered(self) -> bool:
        return bool(select.select([self._link], [], [], 0)[0])

    def close(self) -> None:
        self._link.close()


class Work:
    """Counts the pieces of work, and how many are done between a question and its answer.

    Attributes:
        done: how many there were.
        other: who asks.
        waited: how many were done until the answer was there, or more than `MOST`.
        over: set when that is known.
    """

    def __init__(self) -> None:
        self.done = 0
        self.other: Other | None = None
        self.waited = 0
        self.over = asyncio.Event()

    def tick(self) -> None:
        self.done += 1
        if self.other is None or self.over.is_set() or self.done < WARM:
            return
        if self.done == WARM:
            self.other.ask()
            return
        self.waited = self.done - WARM
        if self.waited > MOST or self.other.answered:
            self.over.set()


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """What the server does: events, control frames and requests, and frames of sound looked at."""
    work = Work()

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            work.tick()
            return function(*args, **kwargs)

        return call

    for owner, name in [
        (session_loop.SessionLoop, "_decode"),
        (LoudnessDetector, "probability"),
        (FairWebSocket, "handle_ping"),
        (FairWebSocket, "handle_cont"),
        (Access, "check"),
    ]:
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    return work


REST = "/v1/models"
TRANSLATION = "/v1/realtime/translations?model=gpt-realtime-translate"
DISTILLER = "/distiller/realtime/local/team/somebody"


def another_session(address: Address) -> Other:
    """Return a client that asks in a session of its own."""
    return Other(websocket(address), event(**CLEAR))


def another_handshake(address: Address) -> Other:
    """Return a client that wants to open a session."""
    return Other(socket.create_connection(address), head(CONVERSATION, upgrade=True))


def another_request(address: Address) -> Other:
    """Return a client of the REST side."""
    return Other(socket.create_connection(address), head(REST, upgrade=False))


def connected(address: Address, path: str) -> socket.socket:
    """Return a socket for a burst: a WebSocket, or one for requests."""
    return socket.create_connection(address) if path == REST else websocket(address, path)


async def run(
    work: Work, folder: Path, path: str, burst: bytes, other: Callable[[Address], Other]
) -> None:
    """Serve until the question in the middle of ``burst`` is answered."""
    settings = ServerSettings()
    projects = ProjectStore(folder, most=10)
    projects.add("team", project(agent("A"), barge_in=True))
    engines = EngineSet(
        detectors=DetectorPool(LoudnessDetector),
        speech=Silence(),
        responder=EchoResponder(),
        projects=projects,
    )
    with ExitStack() as stack:
        listener = stack.enter_context(bind(settings))
        address = listener.getsockname()
        server = _Server(settings, engines, listener, child=False)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        busy = stack.enter_context(await asyncio.to_thread(connected, address, path))
        work.other = stack.enter_context(closing(await asyncio.to_thread(other, address)))
        work.done = 0
        sending = asyncio.create_task(asyncio.to_thread(busy.sendall, burst))
        try:
            await asyncio.wait_for(work.over.wait(), GUARD_S)
        finally:
            busy.shutdown(socket.SHUT_RDWR)
            await asyncio.gather(sending, return_exceptions=True)
            server.should_exit = True
            await serving


BURSTS = {
    "events": (CONVERSATION, event(**CLEAR) * 5_000),
    "items": (CONVERSATION, event("conversation.item.create", item=HELLO) * 3_000),
    "one item": (
        CONVERSATION,
        event("conversation.item.create", item={**HELLO, "id": "one"})
        + event("conversation.item.retrieve", item_id="one") * 2_000
        + event("conversation.item.delete", item_id="one") * 2_000,
    ),
    "wrong types": (CONVERSATION, event("oh") * 5_000),
    "no events": (CONVERSATION, masked(TEXT, b"{}") * 5_000 + masked(TEXT, b"{") * 5_000),
    "binary": (CONVERSATION, masked(BINARY) * 10_000),
    "fragments": (
        CONVERSATION,
        masked(TEXT, fin=False) + masked(CONTINUATION, fin=False) * 10_000,
    ),
    "pings": (CONVERSATION, masked(PING) * 10_000),
    "responses": (
        CONVERSATION,
        event("response.create", response={"conversation": "none", "input": [HELLO]}) * 300,
    ),
    "seconds of sound": (CONVERSATION, event("input_audio_buffer.append", audio=SECOND) * 20),
    "minutes of sound": (CONVERSATION, event("input_audio_buffer.append", audio=MINUTES)),
    "translation": (TRANSLATION, event("session.input_audio_buffer.append", audio=SECOND) * 20),
    "distiller": (DISTILLER, event("input_audio_buffer.append", audio=SECOND) * 20),
    "distiller's events": (DISTILLER, event("playback.started") * 5_000),
    "requests": (REST, head(REST, upgrade=False) * 2_000),
}


@pytest.mark.parametrize("burst", BURSTS)
def test_a_question_is_answered_in_the_middle_of_a_burst(
    work: Work, tmp_path: Path, burst: str
) -> None:
    asyncio.run(run(work, tmp_path, *BURSTS[burst], another_session))
    assert 0 < work.waited <= MOST


@pytest.mark.parametrize("other", [another_handshake, another_request])
def test_the_door_is_open_in_the_middle_of_a_burst(
    work: Work, tmp_path: Path, other: Callable[[Address], Other]
) -> None:
    asyncio.run(run(work, tmp_path, *BURSTS["items"], other))
    assert 0 < work.waited <= MOST
