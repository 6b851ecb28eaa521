"""A network that delays and bursts: when a server's audio arrives, by rule and by a proxy."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection
from websockets.sync.server import ServerConnection, serve

__all__ = ["MOST_S", "Jitter", "jittery"]

MOST_S = 0.4
_GUARD_S = 30.0
_BYTES_PER_S = 48_000


class Jitter:
    """Says when each piece of audio arrives.

    The worst server: it sends every piece when its turn to be spoken comes, never ahead. The
    network then takes up to `MOST_S` for it, and keeps the order, so that what waits behind a
    late piece comes with it in one burst.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._turn = 0.0  # when the next piece is due to be spoken
        self._latest = 0.0  # when the last piece arrives

    def arrival(self, now: float, seconds: float) -> float:
        """Return when a piece of so many seconds arrives that the server made at ``now``."""
        sent = max(self._turn, now)
        self._turn = sent + seconds
        self._latest = max(self._latest, sent + self._delay())
        return self._latest

    def behind(self, now: float) -> float:
        """Return when something without audio arrives: not before what was sent before it."""
        self._latest = max(self._latest, now)
        return self._latest

    def _delay(self) -> float:
        # The ends of the range are the hard cases.
        return self._rng.choice((0.0, MOST_S, self._rng.uniform(0.0, MOST_S)))


class _Link:
    """One client of the proxy: what comes for it waits for its time, on a thread of its own."""

    def __init__(self, client: ServerConnection, upstream: Connection, jitter: Jitter) -> None:
        self._client = client
        self._upstream = upstream
        self._jitter = jitter
        self._line: queue.SimpleQueue[tuple[float, str | bytes] | None] = queue.SimpleQueue()
        self._over = threading.Event()

    def run(self) -> None:
        threads = [
            threading.Thread(target=work, name="jitter", daemon=True)
            for work in (self._receive, self._deliver)
        ]
        for thread in threads:
            thread.start()
        with contextlib.suppress(ConnectionClosed):
            for message in self._client:
                self._upstream.send(message)
        self._over.set()
        self._upstream.close()
        for thread in threads:
            thread.join(_GUARD_S)

    def _receive(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            for message in self._upstream:
                event = json.loads(message)
                now = time.monotonic()
                if event["type"] == "response.output_audio.delta":
                    seconds = len(base64.b64decode(event["delta"])) / _BYTES_PER_S
                    self._line.put((self._jitter.arrival(now, seconds), message))
                else:
                    self._line.put((self._jitter.behind(now), message))
        self._line.put(None)

    def _deliver(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            while (waiting := self._line.get()) is not None:
                due, message = waiting
                self._over.wait(max(0.0, due - time.monotonic()))
                self._client.send(message)


@contextmanager
def jittery(url: str, rng: random.Random) -> Iterator[str]:
    """Put a `Jitter` before the server at ``url`` (its ``http://…/v1``); yields the new URL."""
    upstream_url = url.replace("http", "ws", 1).removesuffix("/v1")

    def pass_on(client: ServerConnection) -> None:
        assert client.request is not None
        headers = {"Authorization": client.request.headers["Authorization"]}
        with connect(
            upstream_url + client.request.path,
            additional_headers=headers,
            proxy=None,
            max_size=None,
        ) as upstream:
            links.append(threading.current_thread())
            _Link(client, upstream, Jitter(rng)).run()

    links: list[threading.Thread] = []
    with serve(pass_on, "127.0.0.1", 0, max_size=None) as server:
        accepting = threading.Thread(target=server.serve_forever, name="jitter proxy")
        accepting.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}/v1"
        finally:
            server.shutdown()
            for thread in (accepting, *links):
                thread.join(_GUARD_S)
