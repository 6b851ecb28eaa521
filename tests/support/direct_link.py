"""A connection without a thread or a socket: the test's own thread is the reader and the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from realtime_sync import ConnectionClosedError, RealtimeConnection
from realtime_sync.connection import ConnectionSettings
from realtime_sync.connection.link.reader import Reader
from realtime_sync.providers import BetaDialect, Dialect, YandexDialect
from realtime_sync.transport import MemoryTransport

__all__ = ["DIALECTS", "DirectLink"]

DIALECTS: dict[str, Callable[[], Dialect | None]] = {
    "ga": lambda: None,
    "beta": BetaDialect,
    "yandex": YandexDialect,
}


class _Answering(MemoryTransport):
    """Gives each message to a function as soon as it is sent."""

    def __init__(self) -> None:
        super().__init__(answer_close=True)
        self.react: Callable[[dict[str, Any]], object] = lambda event: None

    def send(self, text: str | bytes) -> None:
        self.react(json.loads(text))


class DirectLink:
    """One connection.

    Args:
        dialect: what the server speaks, by its name in `DIALECTS`.
        react: gets each event that is sent, in the server's dialect.
    """

    def __init__(
        self, dialect: str = "ga", react: Callable[[dict[str, Any]], object] = lambda event: None
    ) -> None:
        self.dialect = DIALECTS[dialect]()
        transport = _Answering()
        settings = ConnectionSettings(dialect=self.dialect)
        self.connection = RealtimeConnection(transport, settings=settings)
        self.state, self._queue = self.connection._state, self.connection._queue
        self._reader = Reader(transport, self._queue, self.state, self.dialect)
        for event in self.dialect.greeting if self.dialect is not None else ():
            self.dialect.to_wire(event)  # as whoever opens a link does
        transport.react = react

    def arrive(self, *messages: str | dict[str, Any]) -> None:
        """Let the server say something."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in messages]
        self._reader._deliver_all(texts)

    def end(self) -> None:
        """Let nothing more come, so that nobody waits for what is missing."""
        self._queue.finish(ConnectionClosedError(1006, "the server has nothing more to say"))
