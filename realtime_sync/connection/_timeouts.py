"""What a call says that waited in vain."""

from __future__ import annotations

from ..errors import RealtimeTimeout
from ..events.server import words_of
from .link.queue import EventQueue

__all__ = ["timed_out"]


def timed_out(what: str, timeout: float | None, queue: EventQueue, begun: int) -> RealtimeTimeout:
    """Return the error for a call that waited in vain.

    Args:
        what: the call, and what it waited for.
        timeout: how long, in seconds.
        queue: knows what came instead.
        begun: the number of the first entry that came after it had begun.
    """
    came = ""
    if malformed := queue.malformed_since(begun):
        count = len(malformed)
        messages = f"{count} malformed message{'s' if count > 1 else ''}"
        came += f"; {messages} came meanwhile, the first: {malformed[0]}"
    failures = [e for _, e in queue.errors_since(begun) if e.severity != "benign"]
    if failures:
        came += f"; the server said meanwhile: {words_of(failures[0])}"
    waited = f"within {timeout:g} s" if timeout else "at once"
    return RealtimeTimeout(f"{what} did not come {waited}; the connection is still usable{came}")
