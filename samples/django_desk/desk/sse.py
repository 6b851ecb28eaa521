"""Server-sent events."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator

from .turns import HEARTBEAT, Message


def stream(
    messages: Generator[Message], heartbeat_s: float, clock: Callable[[], float] = time.monotonic
) -> Generator[bytes]:
    """Yield messages as they are on the wire.

    A visitor who has left is noticed when something is written. So a comment, which browsers
    ignore, is written where nothing else was for ``heartbeat_s`` seconds.

    Args:
        messages: which are closed with this iterator.
        heartbeat_s: seconds.
        clock: for tests.
    """
    written = clock()
    try:
        for message in messages:
            if message is not HEARTBEAT:
                yield f"event: {message.event}\ndata: {json.dumps(message.data)}\n\n".encode()
            elif clock() - written >= heartbeat_s:
                yield b": heartbeat\n\n"
            else:
                continue
            written = clock()
    finally:
        messages.close()
