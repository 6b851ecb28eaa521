"""What can be written as JSON, and that nothing else is sent: over the WebSocket nor by REST."""

from __future__ import annotations

import json
import types
from typing import Any

import pytest

from realtime_sync import LocalProtocolError
from realtime_sync.connection import RealtimeConnection
from realtime_sync.connection._audio_input import append_message
from realtime_sync.connection.link.sender import message, to_dict
from realtime_sync.events import InputAudioBufferAppend, ServerVad, Session, SessionUpdate
from realtime_sync.events.json_writer import event_text, write_json
from realtime_sync.providers import BetaDialect
from realtime_sync.rest.request import json_body
from realtime_sync.transport import memory_pair


def circular() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["self"] = [value]
    return value


def deep() -> Any:
    value: Any = 1
    for _ in range(100_000):
        value = [value]
    return value


ODD = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "circular": circular(),
    "deep": deep(),
    "surrogate": "half \ud83d",
    "surrogate in a key": {"\udc00": 1},
    "bytes": b"x",
    "set": {1},
    "key": {(1, 2): 3},
    "class": Session,
}


def test_what_is_written() -> None:
    value = {
        "a": "\u00fc",
        "b": [1, None, True, 1.5],
        "c": Session(instructions="x"),
        "d": types.MappingProxyType({"e": ServerVad()}),
    }
    assert write_json(value, "it") == (
        '{"a":"\u00fc","b":[1,null,true,1.5],"c":{"type":"realtime","instructions":"x"},'
        '"d":{"e":{"type":"server_vad"}}}'
    )
    assert json_body(value) == write_json(value, "it").encode()


@pytest.mark.parametrize("name", ODD)
def test_what_has_no_json_form_is_refused_before_it_is_sent(name: str) -> None:
    odd = ODD[name]
    with pytest.raises(LocalProtocolError, match=r"^it can't be written as JSON"):
        write_json({"a": [odd]}, "it")
    with pytest.raises(LocalProtocolError, match=r"^the body can't be written as JSON"):
        json_body({"a": [odd]})
    transport, _ = memory_pair()
    connection = RealtimeConnection(transport)
    for event in (
        {"type": "new.event", "a": odd},
        {"type": "session.update", "session": {"tools": [odd]}},
        SessionUpdate(session=Session(tools=[odd])),
        {"type": "new.event", "a": Session(tools=[odd])},
    ):
        with pytest.raises(LocalProtocolError):
            connection.send(event)
        with pytest.raises(LocalProtocolError):
            message(to_dict(event), BetaDialect())
    with pytest.raises(LocalProtocolError):
        connection.conversation.item.create(item={"type": "message", "content": odd})
    assert transport.messages_out == 0
    assert connection._state.requested == frozenset()
    transport.abort()


@pytest.mark.parametrize("event_id", [5, ["a"], {}, True, b"e"])
def test_an_event_id_is_a_text(event_id: Any) -> None:
    transport, _ = memory_pair()
    connection = RealtimeConnection(transport)
    with pytest.raises(LocalProtocolError, match="event_id is "):
        connection.send({"type": "response.create", "event_id": event_id})
    with pytest.raises(LocalProtocolError, match="event_id is "):
        connection.response.create(event_id=event_id)
    with pytest.raises(LocalProtocolError, match="event_id is "):
        connection.send(InputAudioBufferAppend(audio="", event_id=event_id))
    with pytest.raises(LocalProtocolError, match="event_id is "):
        connection.input_audio_buffer.append(audio=b"", event_id=event_id)
    assert transport.messages_out == 0
    transport.abort()


def test_an_event_id_of_none_is_none_given() -> None:
    transport, peer = memory_pair()
    RealtimeConnection(transport).send({"type": "response.create", "event_id": None})
    assert json.loads(peer.receive(0)) == {"type": "response.create", "event_id": "event_1"}
    transport.abort()


def test_half_a_surrogate_pair_in_the_id_of_a_chunk() -> None:
    with pytest.raises(LocalProtocolError, match="event_id can't be written"):
        append_message(b"", "\ud83d")


@pytest.mark.parametrize("session", [None, 5, "x", [], True])
def test_a_session_is_an_object(session: Any) -> None:
    transport, _ = memory_pair()
    connection = RealtimeConnection(transport)
    with pytest.raises(LocalProtocolError, match=r"session is .* pass a mapping such as"):
        connection.session.update(session=session)
    assert transport.messages_out == 0
    transport.abort()


def test_what_a_dialect_can_not_say() -> None:
    event = {"type": "session.update", "session": {"audio": 5}}
    with pytest.raises(LocalProtocolError, match="a form that 'beta' can't say"):
        message(event, BetaDialect())


def test_what_a_server_has_sent_is_never_refused() -> None:
    assert event_text({"a": float("nan")}) == '{"a":NaN}'
    assert event_text({"a": "\ud83d\u00fc"}) == r'{"a":"\ud83d\u00fc"}'
    assert event_text({"a": "\u00fc"}, 1) == '{\n "a": "\u00fc"\n}'
    with pytest.raises(LocalProtocolError, match="can't be written"):
        event_text({"a": {1}})


DEEP: list[Any] = []
for _ in range(20_000):
    DEEP = [DEEP]
CIRCLE: dict[str, Any] = {}
CIRCLE["again"] = CIRCLE


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (DEEP, "something in it is nested too deeply, or stands within itself"),
        (CIRCLE, "something in it is nested too deeply, or stands within itself"),
        ("\ud800", "a text in it has half a surrogate pair; decode it anew"),
        (10**5_000, "a whole number in it has too many digits"),
        (float("nan"), "a number in it is not finite"),
        (object(), "object is neither JSON nor a model of this package"),
    ],
    ids=["deep", "circle", "surrogate", "digits", "nan", "object"],
)
def test_what_has_no_json_form_is_told_in_our_words(value: Any, words: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        write_json({"a": value}, "an event")
    assert str(caught.value) == f"an event can't be written as JSON: {words}"
