"""What a session of agents costs, beside a bare connection whose program reads the same traffic.

All three read in the same way for the load server: whole turns, and then its close.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import psutil
from clients import AGENT_BY_HAND, AGENT_QUIET, OURS
from measures import CHUNK, Figures, Place, cpu_used

from realtime_sync import ConnectionClosed, OpenAI
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.session import RealtimeSession
from realtime_sync.events import ResponseOutputAudioDelta

__all__ = ["idle_sessions", "receive_turns", "talk_sessions"]

_GUARD_S = 60.0


class _Way(Protocol):
    """A program that talks to the load server."""

    heard: int
    """Bytes of sound it has got."""

    def say(self, text: str, /) -> None:
        """Send a text message."""

    def read(self) -> None:
        """Take everything until the server closes."""

    def append(self, pcm: bytes, /) -> None:
        """Send some of what the user says."""

    def close(self) -> None:
        """End it."""


class _Bare:
    """A connection, and a loop that reads the events and the sound in them."""

    def __init__(self, client: OpenAI, plan: str) -> None:
        self.heard = 0
        self._connection = client.realtime.connect(model=plan).enter()
        self.say = self._connection.send_raw
        self.close = self._connection.close

    def append(self, pcm: bytes) -> None:
        self._connection.input_audio_buffer.append(audio=pcm)

    def read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for event in self._connection:
                if isinstance(event, ResponseOutputAudioDelta):
                    self.heard += len(event.audio)


class _ByHand:
    """A session whose program iterates, and plays the sound itself."""

    events = True

    def __init__(self, client: OpenAI, plan: str) -> None:
        self.heard = 0
        self.session = RealtimeSession[None](
            agent=RealtimeAgent(name="Desk", instructions="Be brief."),
            client=client,
            run_config={"model_settings": {"model_name": plan}},
            events=self.events,
        ).enter()
        self.say = self.session.connection.send_raw
        self.append = self.session.send_audio
        self.close = self.session.close

    def read(self) -> None:
        for event in self.session:
            if event.type == "audio":
                self.heard += len(event.audio.data)


class _Quiet(_ByHand):
    """A session of which nobody wants the events."""

    events = False

    def read(self) -> None:
        self.session.talk()


_WAYS: dict[str, Callable[[OpenAI, str], _Way]] = {
    OURS: _Bare,
    AGENT_BY_HAND: _ByHand,
    AGENT_QUIET: _Quiet,
}


def _open(place: Place, plan: str) -> _Way:
    client = OpenAI(api_key="key", websocket_base_url=place.base)
    return _WAYS[place.client](client, plan)


def receive_turns(place: Place, count: int) -> Figures:
    """Take ``count`` spoken turns that come without a pause."""
    way = _open(place, f"turns-{count}")
    with cpu_used() as used:
        way.say("{}")
        way.read()
        seconds = used()
    way.close()
    return {"cpu_ms": seconds / count * 1e3}


def talk_sessions(place: Place, conversations: int, seconds: float, speak: bool = True) -> Figures:
    """Hold conversations at their real pace, a thread for each that reads.

    One more thread speaks for all of them, 20 ms at a time.
    """
    plan = f"talk-{seconds:g}-{conversations}-{time.monotonic_ns()}"
    ways = [_open(place, plan) for _ in range(conversations)]
    threads = [threading.Thread(target=way.read) for way in ways]
    with cpu_used() as used:
        for thread in threads:
            thread.start()
        over = threading.Event()
        with ThreadPoolExecutor(1) as speaker:
            if speak:
                speaker.submit(_speak, ways, over)
            for thread in threads:
                thread.join(seconds + _GUARD_S)
            total = used()
            over.set()
    for way in ways:
        way.close()
    return {"cpu_s_per_conversation_minute": total / conversations / seconds * 60}


def _speak(ways: list[_Way], over: threading.Event) -> None:
    due = time.monotonic()
    with contextlib.suppress(ConnectionClosed):  # the server's close ends the talk
        while not over.is_set():
            for way in ways:
                way.append(CHUNK)
            due += 0.02
            over.wait(due - time.monotonic())


def idle_sessions(place: Place, connections: int) -> Figures:
    """Open sessions in which nothing happens."""
    _open(place, "idle").close()  # what is loaded once is not a session's
    process = psutil.Process()
    gc.collect()
    memory, threads = process.memory_full_info().uss, process.num_threads()
    ways: list[Any] = [_open(place, "idle") for _ in range(connections)]
    gc.collect()
    figures = {
        "memory_kb": (process.memory_full_info().uss - memory) / connections / 1e3,
        "threads": (process.num_threads() - threads) / connections,
    }
    for way in ways:
        way.close()
    return figures
