"""What a call says that waited in vain."""

from __future__ import annotations

import pytest

from realtime_sync.connection._timeouts import timed_out
from realtime_sync.connection.link.queue import EventQueue, Malformed
from realtime_sync.errors import RemoteProtocolError
from realtime_sync.events import ErrorDetail, ErrorEvent

START = "'n.1' did not come within 2.5 s; the connection is still usable"


def put(queue: EventQueue, item: ErrorEvent | Malformed) -> None:
    queue.note(item)
    queue.put(item, 10)  # type: ignore[arg-type]  # an error event is an event


def malformed(words: str) -> Malformed:
    return Malformed(b"{", RemoteProtocolError(words))


def error(code: str) -> ErrorEvent:
    return ErrorEvent(event_id="e", error=ErrorDetail(type="t", code=code, message="m"))


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], ""),
        ([malformed("bad")], "; 1 malformed message came meanwhile, the first: bad"),
        (
            [malformed("bad"), malformed("worse")],
            "; 2 malformed messages came meanwhile, the first: bad",
        ),
        ([error("x"), error("y")], "; the server said meanwhile: x: m"),
        ([error("response_cancel_not_active"), error("y")], "; the server said meanwhile: y: m"),
        ([error("input_audio_buffer_commit_empty")], ""),
    ],
)
def test_what_came_instead(items: list[ErrorEvent | Malformed], words: str) -> None:
    queue = EventQueue(1000)
    for early in (malformed("early"), error("early")):
        put(queue, early)
    for item in items:
        put(queue, item)
    assert str(timed_out("'n.1'", 2.5, queue, 2)) == START + words


def test_one_that_did_not_wait() -> None:
    assert "did not come at once;" in str(timed_out("'n.1'", 0, EventQueue(1000), 0))
    assert "did not come at once;" in str(timed_out("'n.1'", 0.0, EventQueue(1000), 0))
