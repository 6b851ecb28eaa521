"""A connection without a thread or a socket: the test's own thread is the reader and the server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from realtime_sync import ConnectionClosedError, RealtimeConnection
from realtime_sync.connection import ConnectionSettings
from realtime_sync.connection.link.reader import Reader
from realtime_sync.providers import BetaDialect, Dialect, YandexDialect
from realtime_sync.transport import memory_pair

__all__ = ["DIALECTS", "DirectLink"]

DIALECTS: dict[str, Callable[[], Dialect | None]] = {
    "ga": lambda: None,
    "beta": BetaDialect,
    "yandex": YandexDialect,
}


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
        transport, _ = memory_pair(on_send=lambda text: react(json.loads(text)))
        settings = ConnectionSettings(dialect=self.dialect)
        self.connection = RealtimeConnection(transport, settings=settings)
        self.state, self._queue = self.connection._state, self.connection._queue
        self._reader = Reader(transport, self._queue, self.state, self.dialect)
        for event in self.dialect.greeting if self.dialect is not None else ():
            self.dialect.to_wire(event)  # as whoever opens a link does

    def arrive(self, *messages: str | dict[str, Any]) -> None:
        """Let the server say something."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in messages]
        self._reader._deliver_all(texts)

    def end(self) -> None:
        """Let nothing more come, so that nobody waits for what is missing."""
        self._queue.finish(ConnectionClosedError(1006, "the server has nothing more to say"))
