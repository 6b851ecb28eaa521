"""Messages that behave as dicts."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from realtime_sync import RemoteProtocolError
from realtime_sync.distiller import DistillerEvent
from realtime_sync.distiller.wire_messages import client_message, decode_message, is_agent_call
from realtime_sync.errors import LocalProtocolError


def test_an_event_is_the_dict_that_came() -> None:
    fields = {"type": "response.text.delta", "role": "Tutor", "content": "Hi", "new": [1]}
    event = DistillerEvent(fields)
    assert event == fields
    assert dict(event) == fields
    assert list(event) == list(fields)
    assert len(event) == 4
    assert {**event} == fields
    assert str(event) == repr(event) == str(fields)
    assert f"{event}" == str(fields)
    match event:
        case {"type": "response.text.delta", "content": content}:
            assert content == "Hi"
        case _:
            pytest.fail("it is no mapping")


def test_a_field_of_the_protocol_that_did_not_come_is_none() -> None:
    """So a loop may compare event["type"] of every message."""
    event = DistillerEvent({"status": "thinking"})
    assert event["type"] is None
    assert event["content"] is None
    assert "content" not in event
    assert event.get("content", "") == ""
    with pytest.raises(KeyError):
        event["smell"]


def test_an_event_can_not_be_changed() -> None:
    fields = {"type": "response.done"}
    event = DistillerEvent(fields)
    with pytest.raises(TypeError):
        event["type"] = "x"  # type: ignore[index]
    fields["type"] = "y"
    assert event["type"] == "response.done"


def test_an_event_can_be_copied_and_pickled() -> None:
    event = DistillerEvent({"type": "response.done", "metadata": {"a": 1}})
    assert copy.deepcopy(event) == event
    assert pickle.loads(pickle.dumps(event)) == event


def test_the_attributes_are_the_fields_of_the_protocol() -> None:
    event = DistillerEvent(
        {
            "type": "response.audio.delta",
            "role": "Tutor",
            "content": "c",
            "delta": "d",
            "text": "t",
            "audio": "AQI=",
            "status": "s",
            "request_id": "r",
        }
    )
    assert (event.type, event.role, event.content) == ("response.audio.delta", "Tutor", "c")
    assert (event.delta, event.text, event.audio) == ("d", "t", "AQI=")
    assert (event.status, event.request_id, event.pcm) == ("s", "r", b"\x01\x02")


@pytest.mark.parametrize("value", [None, 5, ["x"], {"x": 1}])
def test_a_value_of_another_type_stays_as_it_came(value: Any) -> None:
    event = decode_message('{"type": "response.text.delta"}')
    event = DistillerEvent({**event, "content": value, "audio": value, "role": value})
    assert event["content"] == value
    assert event.content is event.audio is event.role is None
    assert event.pcm == b""
    assert DistillerEvent({"type": value}).type == ""


def test_sound_that_is_no_base64_is_one_bad_event() -> None:
    event = DistillerEvent({"type": "response.audio.delta", "audio": "!"})
    with pytest.raises(RemoteProtocolError, match="not base64"):
        _ = event.pcm


@pytest.mark.parametrize(
    ("capabilities", "enabled"),
    [({"vad_enabled": True}, True), ({"vad_enabled": "yes"}, False), ({}, False), (None, False)],
)
def test_capabilities(capabilities: Any, enabled: bool) -> None:
    event = DistillerEvent({"type": "session.created", "capabilities": capabilities})
    assert event.vad_enabled is enabled
    assert DistillerEvent({}).vad_enabled is False


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "[" * 100_000, "1"])
def test_what_is_no_object_is_no_event(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        decode_message(text)


def test_a_request_to_an_agent() -> None:
    assert is_agent_call(DistillerEvent({"status": "wait", "role": "Weather"}))
    assert not is_agent_call(DistillerEvent({"status": "complete"}))
    assert not is_agent_call(DistillerEvent({"status": ["wait"]}))


def test_a_message_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(LocalProtocolError):
        client_message("input_text", text="\ud800")
