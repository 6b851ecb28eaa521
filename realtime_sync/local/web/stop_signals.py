"""The signals that end the server."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["stop_signals"]

# A service manager's, Ctrl-C's, and that of a terminal which is closed. Only the first leaves time
# to the open sessions: whoever sits at a terminal does not want to wait.
_NAMES = ("SIGTERM", "SIGINT", "SIGHUP")
_GENTLE = "SIGTERM"


@contextmanager
def stop_signals(stop: Callable[[bool], object], *, child: bool) -> Iterator[None]:
    """Have ``stop`` called at each signal until the block ends, instead of what they do else.

    Args:
        stop: told whether open sessions may go on for a while; called in the middle of anything.
        child: what comes from a terminal is the parent's affair.
    """

    def handler(number: int, frame: FrameType | None) -> None:
        stop(number == getattr(signal, _GENTLE))

    before = {}
    for name in _NAMES:
        number = getattr(signal, name, None)  # not all on every system
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue  # nohup wants it to live on
        handling = signal.SIG_IGN if child and name != _GENTLE else handler
        before[number] = signal.signal(number, handling)
    try:
        yield
    finally:
        for number, handling_before in before.items():
            signal.signal(number, handling_before)
