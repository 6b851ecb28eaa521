"""Keys are taken one by one, and the terminal is left as it was."""

from __future__ import annotations

import os
import pty
import queue
import termios

import pytest
from guards import Guard

from realtime_sync.cli._keys import watch_keys


def test_space_and_enter_count_at_once_in_a_terminal() -> None:
    terminal, keyboard = pty.openpty()
    keys: queue.SimpleQueue[int] = queue.SimpleQueue()
    try:
        before = termios.tcgetattr(keyboard)
        with watch_keys(lambda: keys.put(1), descriptor=keyboard):
            assert not termios.tcgetattr(keyboard)[3] & (termios.ICANON | termios.ECHO)
            for key in (b" ", b"\r", b"x \n"):
                os.write(terminal, key)
            for _ in range(4):
                Guard().get(keys, "a key")
        assert keys.empty()
        assert termios.tcgetattr(keyboard) == before
    finally:
        os.close(terminal)
        os.close(keyboard)


@pytest.mark.parametrize("closed", [True, False])
def test_a_pipe_works_and_may_end(closed: bool) -> None:
    keys: queue.SimpleQueue[int] = queue.SimpleQueue()
    reading, writing = os.pipe()
    with watch_keys(lambda: keys.put(1), descriptor=reading):
        os.write(writing, b"\n")
        Guard().get(keys, "a key")
        if closed:
            os.close(writing)
    if not closed:
        os.close(writing)
    os.close(reading)
    assert keys.empty()
