"""Where our own time goes: the stages of an event and of a chunk, each on its own, in one thread.

What is missing to the figure of the whole is the kernel's and the price of handing events from one
thread to another.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from measures import Place
from traffic import MIXES
from wire import server_frame

from realtime_sync._codec import encode_base64, scan_json
from realtime_sync.connection import RealtimeConnection
from realtime_sync.connection._audio_input import append_message, audio_base64
from realtime_sync.connection.link.reader import Reader
from realtime_sync.events import AudioDelta, parse_event
from realtime_sync.transport._frames import READ_SIZE, Splitter, text_frame
from realtime_sync.transport.memory import memory_pair

__all__ = ["receive_stages", "send_stages"]

_READS = 8
_BATCH = 50


def receive_stages(place: Place, mix: str) -> dict[str, Any]:
    """Return µs per event: split, decode JSON, make an event, queue it, take it, decode audio."""
    texts = MIXES[mix]
    frames = list(map(server_frame, texts))
    repeats = max(1, _READS * READ_SIZE // sum(map(len, frames)))
    stream = b"".join(frames * repeats)
    reads = [stream[i : i + READ_SIZE] for i in range(0, len(stream), READ_SIZE)]
    texts = texts * repeats
    transport, _ = memory_pair()
    connection = RealtimeConnection(transport)
    reader = Reader(transport, connection._queue, connection._state)

    events = [event for event in map(parse_event, texts) if isinstance(event, AudioDelta)]

    def split() -> None:
        splitter = Splitter()
        for data in reads:
            splitter.feed(data)

    def take() -> None:
        for _ in texts:
            connection.recv()

    stages: dict[str, Callable[[], object]] = {
        "split_us": split,
        "json_us": lambda: [scan_json(text, 0) for text in texts],
        "event_us": lambda: [parse_event(text) for text in texts],
        "deliver_us": lambda: reader._deliver_all(texts),
        "take_us": take,
        "audio_us": lambda: [event.audio for event in events],
    }
    return {name: _cpu_us(stage) / len(texts) for name, stage in stages.items()}


def send_stages(place: Place, size: int) -> dict[str, Any]:
    """Return µs per chunk: base64, the message around it, its frame, and the kernel's part."""
    import numpy as np  # noqa: F401  # as in every program with a microphone

    pcm = os.urandom(size)
    message = append_message(audio_base64(pcm, pcm=True), None)
    frame = text_frame(message)
    ours, other = socket.socketpair()

    def drain() -> None:
        while other.recv(1 << 20):
            time.sleep(0.002)

    draining = threading.Thread(target=drain)
    draining.start()
    stages: dict[str, Callable[[], object]] = {
        "base64_us": lambda: encode_base64(pcm),
        "message_us": lambda: append_message(audio_base64(pcm, pcm=True), None),
        "frame_us": lambda: text_frame(message),
        "kernel_us": lambda: ours.send(frame),
    }
    figures = {
        name: _cpu_us(lambda stage=stage: [stage() for _ in range(_BATCH)]) / _BATCH  # type: ignore[misc]
        for name, stage in stages.items()
    }
    ours.close()
    draining.join()
    other.close()
    return figures


def _cpu_us(stage: Callable[[], object]) -> float:
    begin = time.thread_time_ns()
    stage()
    return (time.thread_time_ns() - begin) / 1e3
