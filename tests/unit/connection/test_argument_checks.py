"""Wrong types are told before anything is sent, with the value, the rule and what is right."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from realtime_sync import ConfigError, FormatError, LocalProtocolError, RealtimeConnection
from realtime_sync.events import Session
from realtime_sync.transport import MemoryPeer, memory_pair

Call = Callable[[RealtimeConnection, Any], object]


class Odd:
    def __repr__(self) -> str:
        return "<odd" + " and long" * 100


@pytest.fixture
def pair() -> Iterator[tuple[RealtimeConnection, MemoryPeer]]:
    transport, peer = memory_pair()
    connection = RealtimeConnection(transport)
    yield connection, peer
    transport.abort()


TEXT: list[Any] = [5, b"x", True, 1.5, [1], {"a": 1}, Odd()]
MAPPING: list[Any] = [5, "abc", b"x", True, [1], Odd()]
COUNT: list[Any] = [None, "5", 1.5, True, -1, math.nan, Odd()]
FLAG: list[Any] = [None, 1, "yes", Odd()]
SECONDS: list[Any] = ["abc", True, -1, math.nan, 1e300, [1], Odd()]

CALLS: list[tuple[str, Call, list[Any]]] = [
    ("send", lambda c, v: c.send(v), [None, 5, "abc", b"x", [1], {}, {"type": 5}, Odd()]),
    ("send an event_id", lambda c, v: c.send({"type": "x", "event_id": v}), [*TEXT, ""]),
    ("send a value", lambda c, v: c.send({"type": "x", "v": v}), [b"x", math.nan, {1}, "\ud800"]),
    ("send_raw", lambda c, v: c.send_raw(v), [None, 5, [1], {"a": 1}, Odd(), b"\xff", "\ud800"]),
    ("parse_event", lambda c, v: c.parse_event(v), [None, 5, [1], {"type": "x"}, Odd()]),
    ("ask", lambda c, v: c.ask(v), [*TEXT, "\ud800"]),
    ("ask with audio", lambda c, v: c.ask(audio=v), [5, True, [1], Odd(), b"x"]),
    ("ask response", lambda c, v: c.ask("x", response=v), [*MAPPING, {"a": b"x"}, {"a": "\ud800"}]),
    ("ask timeout", lambda c, v: c.ask("x", timeout=v), SECONDS),
    ("stream", lambda c, v: list(c.stream(v)), TEXT),
    ("stream timeout", lambda c, v: list(c.stream("x", timeout=v)), SECONDS),
    ("recv", lambda c, v: c.recv(v), SECONDS),
    ("recv_bytes", lambda c, v: c.recv_bytes(v), SECONDS),
    ("wait_for", lambda c, v: c.wait_for("n.1", timeout=v), SECONDS),
    ("watch", lambda c, v: c.watch("n.1", timeout=v), SECONDS),
    ("session.update", lambda c, v: c.session.update(session=v), [None, *MAPPING]),
    ("event_id", lambda c, v: c.input_audio_buffer.commit(event_id=v), [*TEXT, ""]),
    ("restart", lambda c, v: c.session.restart(keep_history=v), FLAG),
    ("response.create", lambda c, v: c.response.create(response=v), MAPPING),
    ("when_idle", lambda c, v: c.response.create(when_idle=v), FLAG),
    ("cancel", lambda c, v: c.response.cancel(response_id=v), [*TEXT, ""]),
    ("append", lambda c, v: c.input_audio_buffer.append(audio=v), [None, 5, [1], "é", b"x", Odd()]),
    ("append id", lambda c, v: c.input_audio_buffer.append(audio=b"", event_id=v), [*TEXT, ""]),
    ("item.create", lambda c, v: c.conversation.item.create(item=v), [None, *MAPPING]),
    (
        "previous_item_id",
        lambda c, v: c.conversation.item.create(item={}, previous_item_id=v),
        [*TEXT, ""],
    ),
    ("delete", lambda c, v: c.conversation.item.delete(item_id=v), [None, *TEXT, ""]),
    ("retrieve", lambda c, v: c.conversation.item.retrieve(item_id=v), [None, *TEXT, ""]),
    (
        "truncate",
        lambda c, v: c.conversation.item.truncate(item_id="i", content_index=v, audio_end_ms=0),
        COUNT,
    ),
    (
        "audio_end_ms",
        lambda c, v: c.conversation.item.truncate(item_id="i", content_index=0, audio_end_ms=v),
        COUNT,
    ),
    ("close code", lambda c, v: c.close(v), [None, "bye", 1.5, [1], 0, True, Odd()]),
    ("close reason", lambda c, v: c.close(1000, v), [None, 5, b"x", [1], "x" * 124, "\ud800"]),
]


@pytest.mark.parametrize(("name", "call", "values"), CALLS, ids=[name for name, _, _ in CALLS])
def test_a_wrong_type(
    pair: tuple[RealtimeConnection, MemoryPeer], name: str, call: Call, values: list[Any]
) -> None:
    connection, peer = pair
    for value in values:
        with pytest.raises((ConfigError, LocalProtocolError, FormatError)) as caught:
            call(connection, value)
        assert len(str(caught.value)) < 300
    with pytest.raises(TimeoutError):
        peer.receive(0.0)
    assert not connection.closed
    assert not connection._state.busy


def test_what_is_right_of_several_kinds(pair: tuple[RealtimeConnection, MemoryPeer]) -> None:
    connection, peer = pair
    connection.session.update(session=Session(instructions="x"))  # type: ignore[arg-type]
    connection.conversation.item.create(item={}, previous_item_id=None)
    connection.conversation.item.truncate(item_id="i", content_index=0, audio_end_ms=0)
    connection.send({"type": "x", "event_id": None})
    connection.send_raw(bytearray(b"{}"))
    for _ in range(5):
        peer.receive(0.0)
