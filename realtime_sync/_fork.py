"""Links stay with the process that opened them.

A forked child has a copy of every object and of every descriptor. Two processes on one link would
mix their frames (and their TLS records, with the same keys), and a lock that another thread held at
that moment stays locked in the child for ever. So the child's copies are dead: they refuse every
call, take no lock, and give up the descriptors without a word to the peer.
"""

from __future__ import annotations

import os
import threading

from .errors import ConcurrencyError

__all__ = ["Home", "HomeLock"]

_generation = 0  # how many forks lie between the first process and this one


class Home:
    """The process in which it was made."""

    __slots__ = ("_generation",)

    def __init__(self) -> None:
        self._generation = _generation

    @property
    def left(self) -> bool:
        """Whether this is another process, a forked child."""
        return self._generation != _generation

    def check(self) -> None:
        """Raise ConcurrencyError in a forked child."""
        if self._generation != _generation:
            raise ConcurrencyError(
                "this connection belongs to the process that forked this one, and a link can't be "
                "shared: open one in the child, or fork before connecting"
            )

    def checked(self, lock: threading.Lock) -> threading.Lock:
        """Return ``lock``, to be taken by ``with``; raise ConcurrencyError in a forked child.

        There it may be locked for ever.
        """
        self.check()
        return lock


class HomeLock:
    """A lock of the process where it is taken: ``with lock.here():``.

    A forked child finds it free, whoever held it at the fork. What it guards must be whole at any
    moment, for the child sees it as it was then.
    """

    __slots__ = ("_locks",)

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}

    def here(self) -> threading.Lock:
        """Return this process's lock, to be taken by ``with``."""
        return self._locks.setdefault(_generation, threading.Lock())


def _count() -> None:
    global _generation
    _generation += 1


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_count)
