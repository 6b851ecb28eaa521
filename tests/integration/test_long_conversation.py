"""An hour of conversation, as fast as it goes: what it leaves in memory."""

from __future__ import annotations

import gc
import json
import re
import runpy
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest
from framing import unmask
from guards import GUARD_S
from raw_server import CLOSE, TEXT, RawPeer, RawServer, server_frame
from scripted_server import client

from realtime_sync import RealtimeConnection
from realtime_sync.events import (
    ResponseOutputAudioDelta,
    ResponseOutputAudioTranscriptDelta,
    ServerEvent,
)

TRAFFIC = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "traffic.py"))
QUESTION_CHUNKS = 20
CHUNK = bytes(4_800)  # 100 ms

# -- the server ------------------------------------------------------------------------------------

_ID = re.compile(rb"(?<=_)(\w)\1{9,}")  # the end of an id, which is one letter as a rule
_PLACE = b"#" * 10


def turn_template() -> bytes:
    """Return the frames of a turn, six seconds of answer; each id has a place for its number."""
    frames = (server_frame(TEXT, text.encode()) for text in TRAFFIC["turn"]())
    return _ID.sub(lambda end: end[0][:-10] + _PLACE, b"".join(frames))


def small_frame(peer: RawPeer) -> tuple[int, bytes]:
    """Return opcode and payload of the next frame that is no audio."""
    while True:
        first, second = peer.take(2)
        size = second & 0x7F
        if size > 125:
            size = int.from_bytes(peer.take(2 if size == 126 else 8), "big")
        data = peer.take(4 + size)
        if size < len(CHUNK):
            return first & 0x0F, unmask(data[4:], data[:4])


def serve(peer: RawPeer) -> None:
    """Answer each request for a response with a turn."""
    peer.accept(server_frame(TEXT, TRAFFIC["session_event"]("session.created").encode()))
    template, turns = turn_template(), 0
    while True:
        opcode, payload = small_frame(peer)
        if opcode == CLOSE:
            peer.send(CLOSE, payload)
            return
        event = json.loads(payload)
        if event["type"] == "response.create":
            turns += 1
            peer.sock.sendall(template.replace(_PLACE, b"%010d" % turns))
        elif event["type"] == "conversation.item.delete":
            deleted = {"type": "conversation.item.deleted", "item_id": event["item_id"]}
            peer.send(TEXT, json.dumps(deleted).encode())


# -- the program -----------------------------------------------------------------------------------


class Program:
    """Talks, listens, and counts what it heard."""

    def __init__(self, connection: RealtimeConnection) -> None:
        self._connection = connection
        self._item_ids: dict[str, None] = {}
        self.audio_bytes = 0
        self.words = 0

    def talk(self, turns: int) -> None:
        """Ask ``turns`` questions of two seconds and hear the answers, with an open microphone."""
        connection = self._connection
        for _ in range(turns):
            for _ in range(QUESTION_CHUNKS):
                connection.input_audio_buffer.append(audio=CHUNK)
            connection.input_audio_buffer.commit()
            connection.response.create()
            connection.wait_for("response.created", timeout=GUARD_S)
            self._listen("rate_limits.updated")

    def forget(self) -> None:
        """Delete all items of the conversation."""
        for item_id in self._item_ids:
            self._connection.conversation.item.delete(item_id=item_id)
            self._listen("conversation.item.deleted")
        self._item_ids = {}

    def _listen(self, last: str) -> None:
        event: ServerEvent | None = None
        while event is None or event.type != last:
            event = self._connection.recv(GUARD_S)
            if isinstance(event, ResponseOutputAudioDelta):
                self.audio_bytes += len(event.audio)
                self._connection.input_audio_buffer.append(audio=CHUNK)
            elif isinstance(event, ResponseOutputAudioTranscriptDelta):
                self.words += len(event.delta.split())
            elif event.type == "conversation.item.added":
                self._item_ids[event.to_dict()["item"]["id"]] = None


class Held(NamedTuple):
    """What this process holds: small objects, all of its memory, and what was traced."""

    blocks: int
    resident: int
    traced: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        resident = psutil.Process().memory_info().rss
        return cls(sys.getallocatedblocks(), resident, tracemalloc.get_traced_memory()[0])


@pytest.fixture
def program() -> Iterator[Program]:
    with RawServer(serve) as server, client(server).realtime.connect(model="m") as connection:
        yield Program(connection)
    tracemalloc.stop()


def test_memory_is_flat_over_an_hour(program: Program) -> None:
    """All that grows is the conversation's words, which are kept to be told on another link."""

    def without_words() -> Held:
        program.forget()
        program.talk(3)  # they take the place of the events that `wait_for` still finds
        return Held.now()

    program.talk(147)
    early = without_words()
    program.talk(447)
    with_words = Held.now()
    late = without_words()
    assert program.audio_bytes == 600 * 6 * 48_000
    # It traces every byte, but would take longer than all the rest.
    tracemalloc.start()
    program.talk(70)  # the latest 64 of several things are remembered: let all of them be traced
    traced_early = without_words()
    program.talk(30)
    traced_late = without_words()
    print(f"{early}\n{with_words}\n{late}\n{traced_early}\n{traced_late}")
    assert late.blocks - early.blocks < 200
    assert late.resident - early.resident < 16 << 20, "of 230 MB of audio"
    assert traced_late.traced - traced_early.traced < 15_000
    assert with_words.blocks - early.blocks < 447 * 100
