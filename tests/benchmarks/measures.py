"""What is measured, inside the process of one client.

CPU seconds come first: they are those of all threads of the process, in user and system mode, and
do not grow when other programs run beside.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import ssl
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
from clients import CLIENTS, OPENAI, OURS, OURS_FAST, Client
from traffic import MIXES, TURN_S
from with_fast import HIDE

__all__ = [
    "Figures",
    "Place",
    "cpu_used",
    "growth",
    "idle",
    "latency",
    "receive",
    "send",
    "sound",
    "start",
    "talk",
]

Figures = dict[str, Any]
CHUNK = bytes(range(240)) * 4  # 960 bytes: 20 ms of PCM16 at 24 kHz
_GUARD_S = 60.0


class Place:
    """Where the load server is, for one kind of client.

    Attributes:
        client: its name.
    """

    def __init__(self, client: str, ports: dict[str, Any]) -> None:
        self.client = client
        self._kind = CLIENTS.get(client, CLIENTS[OURS])
        self._ports = ports
        self._tls: ssl.SSLContext | None = None

    @property
    def base(self) -> str:
        """The address without TLS, to which clients append ``/realtime``."""
        return f"ws://127.0.0.1:{self._ports['ws']}/v1"

    def connect(self, plan: str, *, tls: bool = False) -> Client:
        """Open a connection that is served by ``plan``."""
        if not tls:
            return self._kind(self.base, plan, None)
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._ports["authority"])
        return self._kind(f"wss://localhost:{self._ports['wss']}/v1", plan, self._tls)


@contextlib.contextmanager
def cpu_used() -> Iterator[Callable[[], float]]:
    """Give a function that returns the CPU seconds used since."""
    gc.collect()
    begin = time.process_time()
    yield lambda: time.process_time() - begin


def receive(place: Place, mix: str, count: int, tls: bool = False) -> Figures:
    """Receive ``count`` events that come without a pause."""
    count -= count % len(MIXES[mix])
    client = place.connect(f"flood-{mix}-{count}", tls=tls)
    with cpu_used() as used:
        client.say("{}")
        client.take(count)
        cpu = used()
    client.close()
    return {"cpu_us": cpu / count * 1e6}


def send(place: Place, size: int, count: int, tls: bool = False) -> Figures:
    """Append ``count`` chunks of ``size`` bytes as fast as they go."""
    pcm = (CHUNK * (size // len(CHUNK) + 1))[:size]
    client = place.connect("sink", tls=tls)
    client.take(1)
    client.append(pcm)
    append = client.append
    with cpu_used() as used:
        for _ in range(count):
            append(pcm)
        cpu = used()
    client.close()
    return {"cpu_us": cpu / count * 1e6}


def latency(place: Place, count: int, tls: bool = False) -> Figures:
    """Append 20 ms, wait for the small event that answers, and again."""
    client = place.connect("echo", tls=tls)
    client.take(1)
    append, take, clock = client.append, client.take, time.perf_counter_ns
    trips = []
    with cpu_used() as used:
        for _ in range(count):
            begin = clock()
            append(CHUNK)
            take(1)
            trips.append(clock() - begin)
        cpu = used()
    client.close()
    trips.sort()
    return {
        "p50_us": statistics.median(trips) / 1e3,
        "p99_us": trips[len(trips) * 99 // 100] / 1e3,
        "cpu_us": cpu / count * 1e6,
    }


def idle(place: Place, connections: int, tls: bool = False) -> Figures:
    """Open connections on which nothing happens."""
    place.connect("idle", tls=tls).close()  # what is loaded once is not a connection's
    process = psutil.Process()
    gc.collect()
    memory, threads = process.memory_full_info().uss, process.num_threads()
    begin = time.perf_counter()
    clients: list[Client] = []
    with cpu_used() as used:
        while len(clients) < connections:
            clients.append(place.connect("idle", tls=tls))
            clients[-1].take(1)
        cpu = used()
    wall = time.perf_counter() - begin
    gc.collect()
    figures = {
        "memory_kb": (process.memory_full_info().uss - memory) / connections / 1e3,
        "threads": (process.num_threads() - threads) / connections,
        "connect_ms": wall / connections * 1e3,
        "connect_cpu_ms": cpu / connections * 1e3,
    }
    for client in clients:
        client.close()
    return figures


def talk(
    place: Place, conversations: int, expected: int, seconds: float, speak: bool = True
) -> Figures:
    """Hold conversations at their real pace, a thread for each that receives.

    One more thread speaks for all of them, 20 ms at a time; microphones would be threads of
    their own.
    """
    plan = f"talk-{seconds:g}-{conversations}-{time.monotonic_ns()}"
    delays: list[list[int]] = [[] for _ in range(conversations)]
    over = threading.Event()

    def consume(client: Client, into: list[int]) -> None:
        receive, stamp, clock = client.receive, client.stamp, time.monotonic_ns
        with contextlib.suppress(Exception):  # each client has its own for the end
            while True:
                event = receive()
                into.append(clock() - stamp(event))

    clients = [place.connect(plan) for _ in range(conversations)]
    for client in clients:
        client.take(1)  # the greeting
    threads = [
        threading.Thread(target=consume, args=pair) for pair in zip(clients, delays, strict=True)
    ]
    sent = 0

    def speak_for_all() -> None:
        nonlocal sent
        due = time.monotonic()
        with contextlib.suppress(Exception):  # the server's close ends the talk
            while not over.is_set():
                for client in clients:
                    client.append(CHUNK)
                    sent += 1
                due += 0.02
                time.sleep(max(0.0, due - time.monotonic()))

    speaker = threading.Thread(target=speak_for_all) if speak else None
    with cpu_used() as used:
        for thread in threads:
            thread.start()
        if speaker is not None:
            speaker.start()
        for thread in threads:
            thread.join(seconds + _GUARD_S)
        cpu = used()
    over.set()
    if speaker is not None:
        speaker.join()
    for client in clients:
        client.close()
    everything = sorted(delay for one in delays for delay in one)
    return {
        "cpu_s_per_conversation_minute": cpu / conversations / seconds * 60,
        "lost": conversations * expected - len(everything),
        "sent_share": sent / (conversations * seconds * 50),
        "p50_ms": everything[len(everything) // 2] / 1e6,
        "p99_ms": everything[len(everything) * 99 // 100] / 1e6,
    }


def growth(place: Place, turns: int, steps: int) -> Figures:
    """Receive an hour of conversation on one connection; look at the memory on the way."""
    count = len(MIXES["turn"]) * turns // steps
    client = place.connect(f"flood-turn-{count * steps}")
    client.say("{}")
    process = psutil.Process()
    memory = []
    for _ in range(steps):
        client.take(count)
        gc.collect()
        memory.append(process.memory_full_info().uss / 1e6)
    client.close()
    return {"memory_mb": memory}


_PACKAGES = {OURS: "realtime_sync", OURS_FAST: "realtime_sync", OPENAI: "openai"}
_FIRST_EVENT = """
from {package} import OpenAI
client = OpenAI(api_key="key", websocket_base_url="{base}")
with client.realtime.connect(model="idle") as connection:
    connection.recv()
"""


def start(place: Place, what: str) -> Figures:
    """Start an interpreter that imports the package or receives an event; subtract a bare one."""
    package = _PACKAGES[place.client]
    code = f"import {package}"
    if what == "event":
        code = _FIRST_EVENT.format(package=package, base=place.base)
    bare_cpu, bare_wall = _run_interpreter("pass")
    if place.client != OURS_FAST:
        code = f"{HIDE}; {code}"
    cpu, wall = _run_interpreter(code)
    return {"cpu_ms": (cpu - bare_cpu) * 1e3, "wall_ms": (wall - bare_wall) * 1e3}


def _run_interpreter(code: str) -> tuple[float, float]:
    """Return the CPU seconds and the seconds that a program took."""

    def used() -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return children.ru_utime + children.ru_stime

    cpu, wall = used(), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return used() - cpu, time.perf_counter() - wall


def sound(place: Place, turns: int) -> Figures:
    """Hold a conversation with the default microphone and speaker."""
    import duplex  # here, because only this part needs PyAudio

    client = place.connect(f"talk-{turns * TURN_S:g}-1-{time.monotonic_ns()}")
    client.take(1)
    converse = duplex.ours if place.client == OURS else duplex.plain
    with cpu_used() as used:
        played_ms = converse(client)
        cpu = used()
    client.close()
    return {"cpu_s": cpu, "played_s": played_ms / 1e3}
