"""What a connection costs does not depend on how many there are: counted, not timed."""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import CodeType, FrameType
from typing import Any, NamedTuple

import pytest
from raw_server import CLOSE, TEXT, RawPeer, RawServer, server_frame
from scripted_server import client

from realtime_sync import RealtimeConnection

MOST = 200
# A burst is written at once and smaller than a TLS record, so that it is one read as a rule.
BURST = 60
GUARD_S = 30.0


def burst(name: str, begin: int) -> bytes:
    """Return the next events of the connection that calls itself ``name``."""
    fields = {"type": "response.output_text.delta", "item_id": name, "response_id": "resp_1"}
    texts = [json.dumps({**fields, "delta": str(begin + i)}) for i in range(BURST)]
    data = b"".join(server_frame(TEXT, text.encode()) for text in texts)
    assert len(data) < 16_384
    return data


def answer(peer: RawPeer) -> None:
    """Send a burst for each request, until the client closes."""
    peer.accept()
    sent = 0
    while True:
        opcode, payload = peer.frame()
        if opcode == CLOSE:
            peer.send(CLOSE, payload)
            return
        peer.sock.sendall(burst(json.loads(payload)["name"], sent))
        sent += BURST


class Crowd:
    """Connections to one server, each with a name and its place in the sequence of events."""

    def __init__(self, server: RawServer, stack: ExitStack) -> None:
        self._client = client(server)
        self._stack = stack
        self.connections: list[RealtimeConnection] = []
        self._next: list[int] = []

    def grow(self, count: int) -> None:
        """Open connections until there are ``count``; each new one has some events."""
        for number in range(len(self.connections), count):
            manager = self._client.realtime.connect(model="m")
            self.connections.append(self._stack.enter_context(manager))
            self._next.append(0)
            self.ask([number])
            self.take([number])

    def ask(self, numbers: list[int]) -> None:
        """Ask for a burst at each of these connections."""
        for number in numbers:
            self.connections[number].send_raw(json.dumps({"type": "x", "name": str(number)}))

    def take(self, numbers: list[int]) -> None:
        """Receive a burst at each, in order and its own."""
        for number in numbers:
            begin = self._next[number]
            events: list[Any] = [self.connections[number].recv(GUARD_S) for _ in range(BURST)]
            assert {event.item_id for event in events} == {str(number)}
            assert [int(event.delta) for event in events] == [*range(begin, begin + BURST)]
            self._next[number] += BURST

    @property
    def all(self) -> list[int]:
        return [*range(len(self.connections))]


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    with RawServer(answer) as server, ExitStack() as stack:
        yield Crowd(server, stack)


# -- threads, descriptors, memory ------------------------------------------------------------------


class Cost(NamedTuple):
    """What this process holds."""

    threads: int
    descriptors: int
    size: int
    blocks: int

    @classmethod
    def now(cls) -> Cost:
        gc.collect()
        ours = [t for t in threading.enumerate() if t.name.startswith("realtime_sync")]
        descriptors = os.listdir("/proc/self/fd")  # noqa: PTH208 -- as in support/leaks.py
        size, _ = tracemalloc.get_traced_memory()
        # Only what was allocated since the tracing began: earlier tests leave what is freed now.
        blocks = len(tracemalloc.take_snapshot().traces)
        return cls(len(ours), len(descriptors), size, blocks)

    def each(self, since: Cost, count: int) -> tuple[float, ...]:
        """Return how much more that is than ``since``, for each of ``count`` connections."""
        return tuple((now - then) / count for now, then in zip(self, since, strict=True))


def test_a_connection_holds_as_much_among_200_as_among_20(crowd: Crowd) -> None:
    crowd.grow(1)  # which also loads modules
    tracemalloc.start()
    try:
        first = Cost.now()
        crowd.grow(21)
        among_20 = Cost.now()
        crowd.grow(110)
        among_110 = Cost.now()
        crowd.grow(MOST)
        among_200 = Cost.now()
    finally:
        tracemalloc.stop()
    few = among_20.each(first, 20)
    many = among_200.each(among_110, MOST - 110)
    print(f"threads, descriptors, bytes, blocks of each: {few} of 20, {many} of 200")
    assert few[:2] == many[:2] == (1, 4), "a descriptor of each is the server's"
    assert many[2] - few[2] < 2_000
    assert many[3] - few[3] < 20


# -- calls -----------------------------------------------------------------------------------------

Rates = dict[CodeType, float]


class Profile:
    """Counts the Python functions that this thread and the connections' own call."""

    def __init__(self) -> None:
        self._counts: list[Counter[CodeType]] = []  # one a thread, as none may add for another
        self._own = threading.local()  # not by ident, which a later thread may have again

    def __enter__(self) -> Profile:
        threading.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        threading.setprofile(None)

    def _note(self, frame: FrameType, what: str, _: object) -> None:
        if not hasattr(self._own, "counts"):
            thread = threading.current_thread()
            if (
                not thread.name.startswith("realtime_sync")
                and thread is not threading.main_thread()
            ):
                sys.setprofile(None)  # a thread of the server
                return
            self._own.counts = Counter()
            self._counts.append(self._own.counts)
        if what == "call":
            self._own.counts[frame.f_code] += 1

    def _total(self) -> Counter[CodeType]:
        total: Counter[CodeType] = Counter()
        for counts in list(self._counts):
            total.update(dict(counts))  # a copy, since readers may go on
        return total

    def rates(self, work: Callable[[], object], events: int) -> Rates:
        """Return how often each function is called in ``work``, for each of its events."""
        before = self._total()
        sys.setprofile(self._note)
        work()
        sys.setprofile(None)
        called = self._total()
        called.subtract(before)
        return {code: count / events for code, count in called.items()}


def test_an_event_costs_as_many_calls_among_200_connections(crowd: Crowd) -> None:
    """And every event arrives, in order, at the connection for which it is."""

    def converse() -> None:
        crowd.ask(crowd.all)  # all of them before the first is received
        crowd.take(crowd.all)

    def converse_often() -> None:
        for _ in range(5):
            converse()

    with Profile() as profile:
        crowd.grow(1)
        alone = profile.rates(converse_often, 5 * BURST)
        crowd.grow(MOST)
        together = profile.rates(converse, MOST * BURST)
    often = {code.co_name: round(rate, 2) for code, rate in together.items() if rate > 0.1}
    print(f"{sum(alone.values()):.2f} and {sum(together.values()):.2f} calls: {often}")
    # What is called for each read and not for each event depends on how they come.
    more = {
        code: (alone.get(code, 0), rate)
        for code, rate in together.items()
        if rate > alone.get(code, 0) + 0.5
    }
    assert not more
    assert sum(together.values()) < sum(alone.values()) + 1
