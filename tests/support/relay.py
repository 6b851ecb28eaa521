"""Stands between a program and a provider, and writes down what they say."""

from __future__ import annotations

import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.sync.server import ServerConnection, serve

__all__ = ["Relay", "relaying"]

Event = dict[str, Any]


class Relay:
    """What went to and fro.

    Attributes:
        url: the base URL for the program, ending as that of the provider.
        asked: the events of the program, of all its connections in the order of their coming.
        told: those of the provider.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Event] = []
        self.told: list[Event] = []

    def audio(self, item_id: str) -> bytes:
        """Return the sound of an answer's item."""
        deltas = self._of(self.told, "response.output_audio.delta")
        return b"".join(b64decode(each["delta"]) for each in deltas if each["item_id"] == item_id)

    def samples(self, item_id: str) -> NDArray[np.int16]:
        """Return the sound of an answer's item as samples at 24 kHz."""
        return np.frombuffer(self.audio(item_id), "<i2")

    def truncations(self, item_id: str) -> list[int]:
        """Return the milliseconds that were said to be heard of an item, each time."""
        events = self._of(self.asked, "conversation.item.truncate")
        return [each["audio_end_ms"] for each in events if each["item_id"] == item_id]

    @staticmethod
    def _of(events: list[Event], type: str) -> list[Event]:
        return [each for each in [*events] if each["type"] == type]


@contextmanager
def relaying(upstream: str) -> Iterator[Relay]:
    """Run a relay to the provider at ``upstream``, a base URL that ends in ``/v1``."""
    parts = urlsplit(upstream)

    def carry(near: ServerConnection) -> None:
        assert near.request is not None
        headers = {"Authorization": near.request.headers["Authorization"]}
        url = f"ws://{parts.netloc}{near.request.path}"
        options = {"max_size": None, "max_queue": None}  # a close is seen behind all that waits
        with connect(url, additional_headers=headers, proxy=None, **options) as far:
            back = threading.Thread(target=_pump, args=(far, near, relay.told), name="relay")
            back.start()
            _pump(near, far, relay.asked)
            back.join()

    with serve(carry, "127.0.0.1", 0, max_size=None, max_queue=None) as server:
        port = server.socket.getsockname()[1]
        relay = Relay(f"http://127.0.0.1:{port}{parts.path}")
        thread = threading.Thread(target=server.serve_forever, name="relay-server")
        thread.start()
        try:
            yield relay
        finally:
            server.shutdown()
            thread.join()


def _pump(source: Connection, target: Connection, record: list[Event]) -> None:
    try:
        for text in source:
            record.append(json.loads(text))
            target.send(text)
    except ConnectionClosed:
        pass
    finally:
        target.close()
