"""A consumer that stops costs the bound of the queue, whatever the size of the events."""

from __future__ import annotations

import base64
import json
import tracemalloc
from collections.abc import Iterator

import pytest
from guards import GUARD_S, Guard
from raw_server import CLOSE, TEXT, RawPeer, RawServer, close_payload, server_frame

from realtime_sync import OpenAI

BOUND = 4 << 20


def event(payload_bytes: int) -> str:
    ids = {"event_id": "event_" + "e" * 20, "response_id": "resp_" + "r" * 20}
    audio = base64.b64encode(bytes(payload_bytes)).decode()
    return json.dumps({"type": "response.output_audio.delta", **ids, "delta": audio})


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("payload_bytes", [60, 4_800, 1_000_000])
def test_a_stopped_consumer(traced: None, guard: Guard, payload_bytes: int) -> None:
    message = event(payload_bytes)
    frames = server_frame(TEXT, message.encode())
    count = 2 * BOUND // len(frames) + 2

    def script(peer: RawPeer) -> None:
        peer.accept()
        for _ in range(count):
            peer.sock.sendall(frames)
        peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    with RawServer(script) as server:
        client = OpenAI(api_key="sk-test", base_url=f"http://127.0.0.1:{server.port}/v1")
        manager = client.realtime.connect(model="m", max_queue_bytes=BOUND)
        with manager as connection:
            before, _ = tracemalloc.get_traced_memory()
            guard.until(lambda: connection._queue._paused, "the reader's pause")
            after, _ = tracemalloc.get_traced_memory()
            # One message more, and the reads that were under way (two of 64 KiB).
            allowed = BOUND + 3 * len(message) + 200_000
            print(f"{after - before} bytes for a bound of {BOUND}")
            assert after - before <= allowed
            assert sum(1 for _ in connection) == count


def test_a_consumer_that_stops_again_and_again(guard: Guard) -> None:
    """Each time it costs no more than the bound, and nothing is lost nor out of order."""
    bound, total, taken = 300_000, 6_000, 150
    texts = [
        json.dumps({"type": "n", "number": number, "pad": "x" * 150}) for number in range(total)
    ]

    def script(peer: RawPeer) -> None:
        peer.accept()
        for begin in range(0, total, 100):
            burst = (server_frame(TEXT, text.encode()) for text in texts[begin : begin + 100])
            peer.sock.sendall(b"".join(burst))
        peer.send(CLOSE, close_payload(1000))
        peer.expect_end()

    numbers: list[int] = []
    with RawServer(script) as server:
        client = OpenAI(api_key="sk-test", base_url=f"http://127.0.0.1:{server.port}/v1")
        with client.realtime.connect(model="m", max_queue_bytes=bound) as connection:
            while total - len(numbers) > 3 * taken:
                guard.until(lambda: connection.stats.queued_bytes >= bound, "a full queue")
                assert connection.stats.queued_bytes < bound + 2_000, "one event more"
                events = [connection.recv(GUARD_S) for _ in range(taken)]
                numbers += [event.to_dict()["number"] for event in events]
            numbers += [event.to_dict()["number"] for event in connection]
    assert numbers == [*range(total)]
