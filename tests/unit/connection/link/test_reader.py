"""What the reader makes of messages, of dialects and of failures."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync import ConnectionClosedError, RemoteProtocolError
from realtime_sync._deadline import Deadline
from realtime_sync.connection.link.queue import EventQueue, Malformed
from realtime_sync.connection.link.reader import Reader, parse_all
from realtime_sync.connection.state import ConnectionState
from realtime_sync.events import ServerEvent, UnknownEvent
from realtime_sync.providers import BetaDialect, Dialect, YandexDialect
from realtime_sync.transport import MemoryTransport, memory_pair


@pytest.mark.parametrize("dialect", [BetaDialect(), YandexDialect()])
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("session.created", {"session": "x"}),
        ("session.updated", {"session": {"audio": "x"}}),
        ("response.created", {"response": 5}),
        ("response.done", {"response": ["x"]}),
        ("response.output_item.done", {"item": "x"}),
        ("conversation.item.created", {"item": "x"}),
    ],
)
def test_an_event_of_an_unexpected_form_comes_as_it_is(
    dialect: Dialect, kind: str, fields: dict[str, Any]
) -> None:
    (event,) = parse_all(json.dumps({"type": kind, **fields}), dialect)
    assert event.to_dict() == {"type": kind, **fields}


def test_what_a_translation_would_nest_too_deep_comes_as_it_is() -> None:
    detection = '{"a":' * 254 + "1" + "}" * 254
    text = f'{{"type":"session.updated","session":{{"turn_detection":{detection}}}}}'
    (event,) = parse_all(text, BetaDialect())
    assert event.to_dict() == json.loads(text)


class Failing(MemoryTransport):
    """Its `read` fails in a way that nobody has foreseen."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__(answer_close=True)
        self._failure = failure

    def read(self) -> list[str | bytes]:
        raise self._failure


@pytest.mark.parametrize("failure", [ValueError("odd"), MemoryError(), SystemExit(3)])
def test_whatever_the_reader_fails_of_is_the_end_that_it_returns(failure: BaseException) -> None:
    """Raised, it would end the thread, and everybody would wait for ever."""
    transport = Failing(failure)
    end = Reader(transport, EventQueue(1000), ConnectionState()).run()
    assert isinstance(end, ConnectionClosedError)
    assert end.code == 1006
    assert repr(failure) in end.reason
    assert end.__cause__ is failure
    assert transport.closed


def read(*messages: str | bytes, **options: Any) -> list[Any]:
    """Return what stands in the queue after ``messages``."""
    transport, peer = memory_pair()
    for message in messages:
        peer.send(message)
    peer.drop()
    queue = EventQueue(1 << 20)
    Reader(transport, queue, ConnectionState(), **options).run()
    return [queue.take(Deadline(0)).item for _ in range(queue.received)]


def test_what_is_no_event_stands_in_its_place() -> None:
    first, broken, binary, last = read('{"type":"a"}', "{", b"\0", '{"type":"b"}')
    assert (first.type, last.type) == ("a", "b")
    assert isinstance(broken, Malformed)
    assert isinstance(binary, Malformed)


def test_another_protocol_is_decoded_and_not_followed() -> None:
    """The seam for servers that speak something else."""

    def decode(text: str) -> ServerEvent:
        if text == "?":
            raise RemoteProtocolError("not of this protocol")
        return UnknownEvent(type="session.updated", data={"type": "session.updated", "text": text})

    state = ConnectionState()
    transport, peer = memory_pair()
    for message in ("one", "?", "two"):
        peer.send(message)
    peer.drop()
    queue = EventQueue(1 << 20)
    Reader(transport, queue, state, decode=decode).run()
    seen = queue.watch(queue.watcher(0), lambda event: True, Deadline(0)).item
    assert seen.to_dict()["text"] == "one", "an observer gets the event, not its text"
    items = [queue.take(Deadline(0)).item for _ in range(3)]
    texts = [item.to_dict()["text"] for item in items if not isinstance(item, Malformed)]  # type: ignore[union-attr]
    assert texts == ["one", "two"]
    assert isinstance(items[1], Malformed)
    assert state.changes == 0


def test_a_queue_learns_when_all_of_one_read_is_there() -> None:
    class Told(EventQueue):
        told: list[str]

        def put(self, item: Any, *more: Any) -> None:
            self.told.append(item.type)

        def rest(self) -> None:
            self.told.append("rest")

    transport, peer = memory_pair()
    queue = Told(1 << 20)
    queue.told = []
    peer.send('{"type":"a"}')
    peer.send('{"type":"b"}')
    peer.drop()
    Reader(transport, queue, ConnectionState(), received=['{"type":"before"}']).run()
    assert queue.told == ["before", "rest", "a", "b", "rest"]
