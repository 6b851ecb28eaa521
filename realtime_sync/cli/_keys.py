"""A button on the keyboard: space or enter begins to talk, and again ends it."""

from __future__ import annotations

import os
import selectors
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from .._deadline import Deadline
from .._threads import join_all, spawn

__all__ = ["watch_keys"]

_TICK_S = 0.1  # how soon the end of the conversation is noticed
_CLOSE_TIMEOUT_S = 2.0
_KEYS = b" \r\n"


@contextmanager
def watch_keys(pressed: Callable[[], object], *, descriptor: int | None = None) -> Iterator[None]:
    """Call ``pressed`` for every space or enter, on a thread of its own.

    In a terminal the keys count at once and are not shown. Not for Windows.

    Args:
        pressed: is called for each key.
        descriptor: where the keys come from; None for the standard input.
    """
    source = sys.stdin.fileno() if descriptor is None else descriptor
    stopping = threading.Event()
    with _each_key_at_once(source):
        thread = spawn(partial(_watch, source, pressed, stopping), name="keys")
        try:
            yield
        finally:
            stopping.set()
            join_all([thread], Deadline(_CLOSE_TIMEOUT_S))


def _watch(source: int, pressed: Callable[[], object], stopping: threading.Event) -> None:
    with selectors.SelectSelector() as selector:  # the others refuse files
        selector.register(source, selectors.EVENT_READ)
        while not stopping.is_set():
            if not selector.select(_TICK_S):
                continue
            keys = os.read(source, 64)
            if not keys:
                return  # nobody will press any more
            for key in keys:
                if key in _KEYS:
                    pressed()


@contextmanager
def _each_key_at_once(source: int) -> Iterator[None]:
    """Let a terminal hand over keys without waiting for enter, and not show them."""
    if not os.isatty(source):
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(source)
    tty.setcbreak(source)
    try:
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
