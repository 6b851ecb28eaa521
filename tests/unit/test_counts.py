"""What an event and a chunk of audio cost, counted: calls, allocations, system calls, modules.

The figures of ``make bench`` depend on the machine; these counts depend only on the code, so they
show at once that the hot path has become longer. Where one fails for a good reason, raise it; the
message says which functions were called. A socket pair stands for the network and this thread for
the reader's.
"""

from __future__ import annotations

import base64
import gc
import json
import os
import socket
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from types import FrameType
from typing import Any

import pytest
from framing import TEXT, frame
from with_fast import HIDE, WANTED

from realtime_sync._net.secrets import Secrets
from realtime_sync.connection import RealtimeConnection
from realtime_sync.connection.link.reader import Reader
from realtime_sync.transport._frames import READ_SIZE
from realtime_sync.transport._handshake import Opened
from realtime_sync.transport._websocket import WebSocketTransport
from realtime_sync.transport.options import TransportOptions

PART = {
    "event_id": "event_" + "a" * 21,
    "response_id": "resp_" + "b" * 21,
    "item_id": "item_" + "c" * 21,
    "output_index": 0,
    "content_index": 0,
}
WORDS = json.dumps(
    {"type": "response.output_audio_transcript.delta", **PART, "delta": " and then we"}
)
AUDIO = json.dumps(
    {
        "type": "response.output_audio.delta",
        **PART,
        "delta": base64.b64encode(bytes(12_000)).decode(),
    }
)
SESSION = json.dumps(
    {
        "type": "session.updated",
        "event_id": PART["event_id"],
        "session": {
            "type": "realtime",
            "instructions": "Be brief. " * 200,
            "tools": [
                {"type": "function", "name": f"tool_{i}", "parameters": {}} for i in range(8)
            ],
            "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24000}}},
        },
    }
)
ITEM = json.dumps(
    {
        "type": "conversation.item.done",
        "event_id": PART["event_id"],
        "item": {
            "id": PART["item_id"],
            "type": "message",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_audio", "transcript": "And then we went home."}],
        },
    }
)
SESSION_CREATED = SESSION.replace("session.updated", "session.created")
CHUNK = bytes(960)


class CountingSocket(socket.socket):
    """Counts its system calls."""

    def __init__(self, other: socket.socket) -> None:
        super().__init__(other.family, other.type, other.proto, other.detach())
        self.calls: Counter[str] = Counter()

    def recv(self, *arguments: Any) -> bytes:
        self.calls["recv"] += 1
        return super().recv(*arguments)

    def recv_into(self, *arguments: Any) -> int:
        self.calls["recv"] += 1
        return super().recv_into(*arguments)

    def send(self, *arguments: Any) -> int:
        self.calls["send"] += 1
        return super().send(*arguments)


class Link:
    """A connection whose reader is the test's own thread, and the server's end of its socket."""

    def __init__(self) -> None:
        ours, self.server = socket.socketpair()
        self.socket = CountingSocket(ours)
        opened = Opened(self.socket, b"", [], Secrets("ws://test", {}))
        self.transport = WebSocketTransport(opened, TransportOptions())
        self.connection = RealtimeConnection(self.transport)
        queue, state = self.connection._queue, self.connection._state
        self._reader = Reader(self.transport, queue, state)

    def arrive(self, text: str, count: int) -> None:
        """Let ``count`` events come, in bursts that the socket holds, into the queue."""
        data = frame(TEXT, text.encode())
        at_once = max(1, 100_000 // len(data))
        while count:
            burst = min(count, at_once)
            self.server.sendall(data * burst)
            wanted = self.transport.messages_in + burst
            while self.transport.messages_in < wanted:
                self._reader._deliver_all(self.transport.read())
            count -= burst

    def take(self, count: int) -> None:
        """Be the program: receive ``count`` events."""
        for _ in range(count):
            self.connection.recv(timeout=30)

    def close(self) -> None:
        self.transport.abort()
        self.server.close()


@pytest.fixture
def link() -> Iterator[Link]:
    link = Link()
    yield link
    link.close()


class Calls:
    """Counts the calls of the package's Python functions within a ``with``."""

    def __init__(self) -> None:
        self.functions: Counter[str] = Counter()

    def _note(self, frame: FrameType, what: str, _: object) -> None:
        if what == "call" and "realtime_sync" in frame.f_code.co_filename:
            self.functions[frame.f_code.co_name] += 1

    def __enter__(self) -> Calls:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def each(self, count: int) -> str:
        """Say which functions were called, for each of ``count``."""
        often = self.functions.most_common()
        return ", ".join(f"{name} {n / count:.2g}" for name, n in often if n * 10 >= count)


@pytest.mark.parametrize(
    ("text", "most"),
    [(WORDS, 14), (AUDIO, 22), (SESSION, 31), (ITEM, 24)],
    ids=["transcript delta", "audio delta", "session", "item told again"],
)
def test_python_calls_to_receive_an_event(link: Link, text: str, most: float) -> None:
    link.arrive(text, 10)
    link.take(10)
    count = 200
    with Calls() as calls:
        link.arrive(text, count)
        link.take(count)
    each = calls.functions.total() / count
    most += WANTED  # what calls msgspec is a function of ours
    print(f"{each:.1f} calls: {calls.each(count)}")
    assert each <= most, f"an event costs {each:.1f} calls: {calls.each(count)}"


def test_python_calls_to_append_a_chunk(link: Link) -> None:
    append, count, most = link.connection.input_audio_buffer.append, 20, 19
    append(audio=CHUNK)
    with Calls() as calls:
        for _ in range(count):
            append(audio=CHUNK)
    each = calls.functions.total() / count
    print(f"{each:.1f} calls: {calls.each(count)}")
    assert each <= most, f"a chunk costs {each:.1f} calls: {calls.each(count)}"


@pytest.mark.parametrize(
    ("text", "most_blocks", "most_bytes"),
    [(WORDS, 21, 1_400), (AUDIO, 22, 1_400)],
    ids=["transcript delta", "audio delta"],
)
def test_what_a_queued_event_holds(
    link: Link, text: str, most_blocks: int, most_bytes: int
) -> None:
    link.arrive(text, 10)
    link.take(10)
    count = 200
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        blocks, (size, _) = sys.getallocatedblocks(), tracemalloc.get_traced_memory()
        link.arrive(text, count)
        blocks = sys.getallocatedblocks() - blocks
        size = tracemalloc.get_traced_memory()[0] - size
    finally:
        tracemalloc.stop()
        gc.enable()
    link.take(count)
    beside_text = size / count - len(text)
    if sys.version_info < (3, 11):
        most_bytes += 50  # its dictionaries are larger
    print(f"{blocks / count:.1f} blocks, {beside_text:.0f} bytes beside the text")
    assert blocks / count <= most_blocks
    assert beside_text <= most_bytes


def test_what_an_idle_connection_holds() -> None:
    """What is needed only later, or by few, takes no room until then."""
    most_bytes = 14_700
    if sys.version_info < (3, 11):
        most_bytes += 1_600  # its dictionaries are larger
    # In a process of its own: objects are larger in one where some of their class were odd.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(
        [sys.executable, __file__], env=environment, capture_output=True, text=True, check=True
    )
    print(f"{result.stdout.strip()} bytes beside the text of the session")
    assert float(result.stdout) <= most_bytes


def bytes_of_an_idle_connection() -> float:
    """Return what one takes beside the text of the session."""
    count = 20
    stack = ExitStack()

    def open_idle() -> None:
        link = Link()
        stack.callback(link.close)
        link.arrive(SESSION_CREATED, 1)
        link.take(1)

    with stack:
        for _ in range(40):  # a class whose first objects these are makes them larger
            open_idle()
        gc.collect()
        tracemalloc.start()
        try:
            for _ in range(count):
                open_idle()
            gc.collect()
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return size / count - len(SESSION_CREATED)


def test_reads_of_a_burst(link: Link) -> None:
    count = 400
    link.arrive(WORDS, count)
    link.take(count)
    reads = link.socket.calls["recv"]
    print(f"{reads} reads for {count} events")
    assert reads <= count * len(frame(TEXT, WORDS.encode())) // READ_SIZE + 3


def test_reads_at_the_real_pace(link: Link) -> None:
    count = 20
    for _ in range(count):
        link.arrive(WORDS, 1)
    link.take(count)
    assert link.socket.calls["recv"] == count  # and one that finds nothing, before it waits


def test_a_chunk_is_one_write(link: Link) -> None:
    for _ in range(20):
        link.connection.input_audio_buffer.append(audio=CHUNK)
    assert link.socket.calls["send"] == 20


LOADED = HIDE + "; before = set(sys.modules); {}; print(*(set(sys.modules) - before))"


@pytest.mark.parametrize(
    ("code", "most"),
    [
        ("import realtime_sync", 8),
        ("from realtime_sync import OpenAI; OpenAI(api_key='k').realtime.connect(model='m')", 180),
    ],
    ids=["import", "client"],
)
def test_modules_that_are_loaded(code: str, most: int) -> None:
    command = [sys.executable, "-I", "-c", LOADED.format(code)]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert len(loaded) <= most, f"{len(loaded)} modules: {sorted(loaded)}"


if __name__ == "__main__":
    print(bytes_of_an_idle_connection())
