"""Fails every test that leaves a thread, a socket or a child process behind.

How it works: an autouse fixture compares what is there before and after the test. Pytest sets up
session, package, module and class fixtures before any function fixture, so what they own is
normally in the first picture. One that is only requested in the middle of a test
(``request.getfixturevalue``), or that starts late because another fixture asks for it, is caught
by `pytest_fixture_setup`: whatever appears while a longer-lived fixture is being set up belongs
to that fixture.

Crashed threads and exceptions in destructors need nothing here: pytest turns both into warnings,
and warnings are errors in this project. Garbage that only a collection would free counts as well:
the collection makes its ``ResourceWarning``.

Allow-list: none, but for the threads that Python invents to describe a foreign thread (an audio
callback's): they belong to PortAudio and can't be joined.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

# How long something that is just ending may take: far more than any machine needs.
patience_s = 5.0
_POLL_S = 0.01
_FD_DIR = Path("/proc/self/fd")

Found = dict[Any, str]
"""What was found, by identity, with words that describe it."""


def _threads() -> Found:
    dummy = threading._DummyThread
    return {
        thread: f"thread {thread.name}"
        for thread in threading.enumerate()
        if not isinstance(thread, dummy)
    }


def _sockets() -> Found:
    """The open sockets of this process; nothing on systems without ``/proc``."""
    found: Found = {}
    if not _FD_DIR.is_dir():
        return found
    for name in os.listdir(_FD_DIR):  # noqa: PTH208 -- four times as fast, and it runs per test
        try:
            target = os.readlink(_FD_DIR / name)  # noqa: PTH115 -- the same
        except OSError:
            continue  # closed since, such as the descriptor of the listing itself
        if target.startswith("socket:"):
            found[name, target] = f"descriptor {name} ({target})"
    return found


def _children() -> Found:
    found: Found = {}
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # reaped since
            found[child.pid, child.create_time()] = f"child process {child.pid}"
    return found


_KINDS: tuple[Callable[[], Found], ...] = (_threads, _sockets, _children)


class Snapshot:
    """What this process owns at one moment."""

    def __init__(self) -> None:
        self.found: Found = {}
        for look in _KINDS:
            self.found.update(look())


class Ledger:
    """What longer-lived fixtures own, beside the current test's own picture."""

    def __init__(self) -> None:
        self.kept: set[Any] = set()

    def left_by(self, before: Snapshot) -> list[str]:
        """Return what is there now and was not before, after waiting for what is ending."""
        give_up = time.monotonic() + patience_s
        collected = False
        while left := self._left(before):
            if not collected:
                gc.collect()
                collected = True
            elif time.monotonic() > give_up:
                break
            else:
                time.sleep(_POLL_S)
        return sorted(left)

    def _left(self, before: Snapshot) -> list[str]:
        now = Snapshot().found
        return [now[key] for key in now.keys() - before.found.keys() - self.kept]


_ledger = Ledger()


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """Note what a fixture that outlives the test has made."""
    if fixturedef.scope == "function":
        return (yield)
    before = Snapshot()
    result = yield
    _ledger.kept |= Snapshot().found.keys() - before.found.keys()
    return result


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail the test that leaves a thread, a socket or a child process behind."""
    before = Snapshot()
    yield
    left = _ledger.left_by(before)
    if left:
        pytest.fail(
            f"left behind: {', '.join(left)}; close it in the test or in a fixture", pytrace=False
        )
