"""File descriptors: as many as the server's limits need, or limits that fit what there is.

A server that has none left can't refuse a client, nor start a worker again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from typing import Any

from attrs import evolve

from ..server_settings import ServerSettings

__all__ = ["FailedAccepts", "fitted", "room"]

_log = logging.getLogger("realtime_sync.local")

# The loop, the listener and the workers take some 20; the rest is for workers that are started
# again, projects, chat endpoints, and connections that are just closing.
_OWN = 40
_TOLD_AGAIN_S = 60.0
_REMEDY = "raise the limit on open files (ulimit -n, LimitNOFILE=), or lower --max-sessions"


def fitted(settings: ServerSettings, waiting: int) -> tuple[ServerSettings, int]:
    """Return settings with as many sessions as there can be, and how many connections may wait.

    The process may open more files afterwards, where the system lets it.

    Args:
        settings: as they were given.
        waiting: how many connections may wait for the rest of a request, if there is room.
    """
    descriptors = _allowed(settings.max_sessions + waiting + _OWN)
    sessions, waiting = room(descriptors, settings.max_sessions, waiting)
    if sessions < settings.max_sessions:
        _log.warning(
            "this process may open %d files, which is enough for %d sessions at once and not for "
            "%d; %s",
            *(descriptors, sessions, settings.max_sessions, _REMEDY),
        )
    return evolve(settings, max_sessions=sessions), waiting


def room(descriptors: int, sessions: int, waiting: int) -> tuple[int, int]:
    """Return how many sessions there may be, and how many connections may wait: 1 at least.

    Args:
        descriptors: how many there are for everything.
        sessions: how many there are to be.
        waiting: how many there are to be; a quarter at most of what there is.
    """
    left = descriptors - _OWN
    if left < sessions + waiting:
        waiting = max(1, min(waiting, left // 4))
        sessions = max(1, min(sessions, left - waiting))
    return sessions, waiting


class FailedAccepts:
    """An event loop's exception handler: tells once a minute that there is no room for clients.

    asyncio tries again each second, and tells of it as often as clients may wait: with a traceback
    each, a thousand megabytes an hour.
    """

    def __init__(self) -> None:
        self._next_s = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Tell of one exception that nobody has caught."""
        exc = context.get("exception")
        if not isinstance(exc, OSError) or "socket" not in context:
            loop.default_exception_handler(context)
        elif loop.time() >= self._next_s:
            self._next_s = loop.time() + _TOLD_AGAIN_S
            _log.warning("no client is let in until others go (%s); %s", exc.strerror, _REMEDY)


def _allowed(wanted: int) -> int:
    """Return how many descriptors this process may have, ``wanted`` if that can be arranged."""
    if sys.platform == "win32":  # which has no such limit
        return wanted
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < wanted:
        more = wanted if hard == unlimited else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):  # macOS has a limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if soft == unlimited else min(soft, wanted)
