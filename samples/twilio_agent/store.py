"""What all workers know of calls, in a file of SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["Store"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS talks (
    call_sid TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    greeting TEXT NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS orders (
    key TEXT PRIMARY KEY,
    ref TEXT UNIQUE NOT NULL,
    callee TEXT NOT NULL,
    greeting TEXT NOT NULL,
    state TEXT NOT NULL,
    ordered_at REAL NOT NULL,
    call_sid TEXT,
    status TEXT,
    answered_by TEXT,
    error TEXT
);
"""
_BUSY_S = 10.0  # another worker writes for milliseconds


class Store:
    """Opens the file for each piece of work, so that threads, forks and kills do it no harm.

    Args:
        path: the file; it is made where there is none, in a folder of this user's alone, and grows
            by a row with each call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(self._connect()) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Give a connection on which all or nothing is done, alone; it is on disk afterwards."""
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = FULL")
        return connection
