"""What the server says on standard error."""

from __future__ import annotations

import asyncio
import copy
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from starlette.requests import ClientDisconnect

__all__ = ["logging_to_stderr"]

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_NO_FAULTS = (
    # uvicorn, of every upgrade that is refused with an HTTP answer
    "returned without completing handshake",
    # uvicorn, of bytes that are no request or ask for another protocol: as many as a stranger sends
    "Invalid HTTP request received",
    "Unsupported upgrade request",
    # uvicorn, of connections that were not closed in time at the server's end
    "timeout graceful shutdown exceeded",
)

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class _Wordless(logging.Formatter):
    """Shows where an exception came from, but not its message.

    An engine may put a user's words there, or a key. Clients are told the message.
    """

    def format(self, record: logging.LogRecord) -> str:
        record = copy.copy(record)
        record.exc_text = None  # another handler's, with the message
        return super().format(record)

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 -- logging's name
        kind, _, trace = ei
        name = "an exception" if kind is None else f"{kind.__module__}.{kind.__qualname__}"
        calls = "".join(traceback.format_tb(trace))
        return f"Traceback (most recent call last):\n{calls}{name} (its message is left out)"


def _no_false_alarm(record: logging.LogRecord) -> bool:
    kind = record.exc_info[0] if record.exc_info else None
    if kind is not None and issubclass(kind, (ClientDisconnect, asyncio.CancelledError)):
        return False  # a client that has gone in the middle of a request, or the server's end
    return not any(words in record.getMessage() for words in _NO_FAULTS)


@contextmanager
def logging_to_stderr(level: str) -> Iterator[None]:
    """Log to standard error until the block ends.

    Args:
        level: the lowest level of what the server tells; of what its libraries tell, never below
            ``warning``: their lines hold what clients send.
    """
    own = level.upper()
    handler = logging.StreamHandler()
    handler.setFormatter(_Wordless(_FORMAT))
    handler.addFilter(_no_false_alarm)
    root, ours = logging.getLogger(), logging.getLogger("realtime_sync.local")
    before = root.level, ours.level
    root.addHandler(handler)
    ours.setLevel(own)
    root.setLevel(max(logging.WARNING, ours.level))
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        ours.setLevel(before[1])
