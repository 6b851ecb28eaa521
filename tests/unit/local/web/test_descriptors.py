"""As many clients as there are file descriptors for, and few words where there are none."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
from typing import Any

import pytest

from realtime_sync.local.server_settings import ServerSettings
from realtime_sync.local.web.descriptors import FailedAccepts, fitted, room

REMEDY = "raise the limit on open files (ulimit -n, LimitNOFILE=), or lower --max-sessions"


@pytest.mark.parametrize(
    ("files", "granted"),
    [
        (808, (512, 256)),
        (807, (512, 191)),
        (104, (48, 16)),
        (45, (4, 1)),
        (41, (1, 1)),
        (10, (1, 1)),
    ],
)
def test_room(files: int, granted: tuple[int, int]) -> None:
    assert room(files, 512, 256) == granted


class Limits:
    """What the system says of open files."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, soft: int, hard: int) -> None:
        self.now = (soft, hard)
        self.refuses = False
        monkeypatch.setattr(resource, "getrlimit", lambda _: self.now)
        monkeypatch.setattr(resource, "setrlimit", self._set)

    def _set(self, _: int, limits: tuple[int, int]) -> None:
        if self.refuses:
            raise ValueError("not so many")
        self.now = limits


def test_the_limit_is_raised_as_far_as_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = ServerSettings(max_sessions=1000)
    for hard in (5000, resource.RLIM_INFINITY):
        limits = Limits(monkeypatch, 64, hard)
        assert fitted(settings, 256) == (settings, 256)
        assert limits.now == (1296, hard)
    for enough in (1296, 5000, resource.RLIM_INFINITY):
        limits = Limits(monkeypatch, enough, enough)
        assert fitted(settings, 256) == (settings, 256)
        assert limits.now == (enough, enough)
    assert caplog.text == ""


@pytest.mark.parametrize("refuses", [False, True])
def test_where_there_are_not_enough(
    refuses: bool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    limits = Limits(monkeypatch, 104, 5000 if refuses else 104)
    limits.refuses = refuses
    less, waiting = fitted(ServerSettings(), 256)
    assert (less.max_sessions, waiting) == (48, 16)
    (told,) = caplog.messages
    assert told == (
        "this process may open 104 files, which is enough for 48 sessions at once and not for 512; "
        + REMEDY
    )


def test_failed_accepts_are_told_once_a_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        loop = asyncio.get_running_loop()
        now_s = 1000.0
        monkeypatch.setattr(loop, "time", lambda: now_s)
        loop.set_exception_handler(FailedAccepts())
        exc = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        context: dict[str, Any] = {"message": "socket.accept() out of system resource"}
        for _ in range(2048):
            loop.call_exception_handler({**context, "exception": exc, "socket": None})
        now_s += 59.5
        loop.call_exception_handler({**context, "exception": exc, "socket": None})
        assert len(caplog.messages) == 1
        now_s += 0.5
        loop.call_exception_handler({**context, "exception": exc, "socket": None})
        loop.call_exception_handler({"message": "something else", "exception": exc})
        loop.call_exception_handler({"message": "a task", "exception": KeyError()})
        monkeypatch.undo()

    with caplog.at_level(logging.WARNING):
        asyncio.run(fail())
    told, again, other, task = caplog.messages
    assert told == again == f"no client is let in until others go (Too many open files); {REMEDY}"
    assert [other, task] == ["something else", "a task"], "as asyncio tells it"
