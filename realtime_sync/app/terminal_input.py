"""Asking the person at the terminal, in a way that the end of the app breaks off."""

from __future__ import annotations

import io
import os
import select
import sys
import threading

from .._required import require_text
from .._signal_safe import StopSignal
from ..errors import ConfigError

__all__ = ["async_input"]

_LOOK_S = 0.2
_at_prompt = threading.Lock()  # one line of the terminal for one who asks


def async_input(prompt: str = "") -> str:
    """Ask at the terminal and return the line, as `input` does; the end of the app breaks it off.

    The name is that of the async original; this is a plain function. Use it in senders, in tools
    and in what `record` waits for, in place of `input`: a thread that is left in `input` when the
    program ends makes the interpreter abort.

    Args:
        prompt: is shown first.

    Raises:
        ConfigError: ``prompt`` is no text.
        EOFError: there is no further line.
        BaseException: the app ends; let it pass. (Not an `Exception`.)
    """
    require_text(prompt, "prompt", error=ConfigError)
    signal = StopSignal.current()
    if signal is None or not _can_be_watched():
        return input(prompt)
    while not _at_prompt.acquire(timeout=_LOOK_S):
        signal.check()
    try:
        return _read_line(prompt, signal)
    finally:
        _at_prompt.release()


def _can_be_watched() -> bool:
    """Whether the standard input is something that ``select`` can wait for."""
    try:
        select.select([sys.stdin.fileno()], [], [], 0)
    except (AttributeError, OSError, ValueError, io.UnsupportedOperation):
        return False  # a window, a test's stand-in, or Windows, where only sockets can
    return True


def _read_line(prompt: str, signal: StopSignal) -> str:
    signal.check()
    sys.stdout.write(prompt)
    sys.stdout.flush()
    woken, wake = os.pipe()
    try:
        with signal.waking(lambda: os.write(wake, b"!")):
            data = _read_bytes(sys.stdin.fileno(), woken, signal)
    finally:
        os.close(woken)
        os.close(wake)
    encoding = sys.stdin.encoding or "utf-8"
    return data.decode(encoding, sys.stdin.errors or "strict").removesuffix("\r")


def _read_bytes(terminal: int, woken: int, signal: StopSignal) -> bytes:
    """Return a line without its end. One byte at a time: what follows may be somebody else's."""
    line = bytearray()
    while True:
        ready, _, _ = select.select([terminal, woken], [], [])
        if woken in ready:
            signal.check()
        byte = os.read(terminal, 1)
        if byte == b"\n" or (not byte and line):
            return bytes(line)
        if not byte:
            raise EOFError("the standard input has ended; nothing more can be asked")
        line += byte
