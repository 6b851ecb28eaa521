"""Handlers by event type, for programs that prefer callbacks; they run in `dispatch_events`."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..events import ServerEvent, canonical_type

__all__ = ["EVERY_EVENT", "Handler", "Handlers"]

EVERY_EVENT = "event"
Handler = Callable[[Any], object]


class Handlers:
    """Who wants which events.

    Threads: any; one lock guards the table, and no handler runs under it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards _table
        self._table: dict[str, list[tuple[Handler, bool]]] = {}

    def add(self, type: str, handler: Handler, *, once: bool) -> None:
        """Add ``handler`` after those that are there."""
        with self._lock:
            self._table.setdefault(canonical_type(type), []).append((handler, once))

    def remove(self, type: str, handler: Handler) -> None:
        """Remove the first ``handler`` of ``type``; one that is not there is no error."""
        with self._lock:
            self._remove_locked(canonical_type(type), handler)

    def take(self, event: ServerEvent) -> list[Handler]:
        """Return who gets ``event``: its own handlers, then those of every event.

        The list is complete before any of them runs; those that run once are gone already.
        """
        with self._lock:
            return self._take_locked((event.type, EVERY_EVENT))

    def _remove_locked(self, name: str, handler: Handler) -> None:
        entries = self._table.get(name, [])
        for entry in entries:
            if entry[0] == handler:
                entries.remove(entry)
                return

    def _take_locked(self, names: tuple[str, ...]) -> list[Handler]:
        found: list[Handler] = []
        for name in names:
            entries = self._table.get(name)
            if entries:
                found += [handler for handler, _ in entries]
                self._table[name] = [entry for entry in entries if not entry[1]]
        return found

    def move_to(self, other: Handlers) -> None:
        """Give all handlers to ``other``."""
        with self._lock:
            table, self._table = self._table, {}
        for name, entries in table.items():
            for handler, once in entries:
                other.add(name, handler, once=once)
