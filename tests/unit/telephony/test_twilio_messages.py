"""Twilio's messages, field for field as its page shows them."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.errors import RemoteProtocolError
from realtime_sync.telephony.twilio_messages import (
    Connected,
    Digit,
    Mark,
    Media,
    Stop,
    StreamRefusedError,
    StreamStart,
    parse_twilio,
    twilio_clear,
    twilio_mark,
    twilio_media,
)

SID = "MZ18ad3ab5a668481ce02b83e7395059f0"
START: dict[str, Any] = {
    "accountSid": "AC123",
    "streamSid": SID,
    "callSid": "CA123",
    "tracks": ["inbound"],
    "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    "customParameters": {"FirstName": "Jane", "RemoteParty": "Bob"},
}


def start(**fields: Any) -> str:
    body = {**START, **fields}
    return json.dumps(
        {"event": "start", "sequenceNumber": "1", "start": body, "streamSid": body["streamSid"]}
    )


def media(**fields: Any) -> str:
    body = {"track": "inbound", "chunk": "2", "timestamp": "5", "payload": "/38A", **fields}
    return json.dumps({"event": "media", "sequenceNumber": "3", "media": body, "streamSid": SID})


# -- what Twilio sends -----------------------------------------------------------------------------


def test_the_messages_of_the_page() -> None:
    connected = '{"event": "connected", "protocol": "Call", "version": "1.0.0"}'
    assert parse_twilio(connected) == Connected()
    assert parse_twilio(media()) == Media(
        stream_sid=SID, track="inbound", chunk=2, ulaw=b"\xff\x7f\x00"
    )
    mark = {"event": "mark", "sequenceNumber": "4", "streamSid": SID, "mark": {"name": "my label"}}
    assert parse_twilio(json.dumps(mark)) == Mark(stream_sid=SID, name="my label")
    dtmf = {"track": "inbound_track", "digit": "1"}
    pressed = {"event": "dtmf", "streamSid": SID, "sequenceNumber": "5", "dtmf": dtmf}
    assert parse_twilio(json.dumps(pressed)) == Digit(stream_sid=SID, digit="1")
    stop = {"event": "stop", "sequenceNumber": "5", "streamSid": SID, "stop": {"callSid": "CA1"}}
    assert parse_twilio(json.dumps(stop)) == Stop(stream_sid=SID)


def test_the_start_says_which_call_it_is() -> None:
    found = parse_twilio(start())
    assert isinstance(found, StreamStart)
    assert (found.stream_sid, found.call_sid, found.account_sid) == (SID, "CA123", "AC123")
    assert found.tracks == ("inbound",)
    assert found.custom_parameters == {"FirstName": "Jane", "RemoteParty": "Bob"}
    with pytest.raises(TypeError):
        found.custom_parameters["FirstName"] = "Joe"  # type: ignore[index]


def test_a_start_that_lacks_all_but_its_id() -> None:
    text = json.dumps({"event": "start", "start": {}, "streamSid": SID})
    assert parse_twilio(text) == StreamStart(stream_sid=SID)


@pytest.mark.parametrize(
    "format",
    [
        {"encoding": "audio/x-mulaw", "sampleRate": 16000, "channels": 1},
        {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 2},
        {"encoding": "audio/l16", "sampleRate": 8000, "channels": 1},
        {},
        "audio/x-mulaw",
    ],
)
def test_another_coding_is_refused(format: object) -> None:
    with pytest.raises(StreamRefusedError, match="audio/x-mulaw at 8000 Hz, one channel"):
        parse_twilio(start(mediaFormat=format))


def test_numbers_may_be_texts() -> None:
    coding = {"encoding": "audio/x-mulaw", "sampleRate": "8000", "channels": "1"}
    assert isinstance(parse_twilio(start(mediaFormat=coding)), StreamStart)
    assert parse_twilio(media(chunk=7)).chunk == 7  # type: ignore[union-attr]


def test_a_start_without_an_id_is_refused() -> None:
    with pytest.raises(StreamRefusedError, match="no streamSid"):
        parse_twilio(start(streamSid=None))


@pytest.mark.parametrize("chunk", [None, "", "-3", "1.5", "²", [1], True, "9" * 20])
def test_a_chunk_that_is_no_number_is_none(chunk: object) -> None:
    assert parse_twilio(media(chunk=chunk)).chunk == 0  # type: ignore[union-attr]


def test_fields_that_are_left_out() -> None:
    text = json.dumps({"event": "media", "media": {"payload": "/w=="}})
    assert parse_twilio(text) == Media(stream_sid="", track="inbound", chunk=0, ulaw=b"\xff")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[" * 100_000,
        "[]",
        "7",
        b"\xff\xfe",
        "{}",
        '{"event": 7}',
        '{"event": "closed"}',
        '{"event": "media"}',
        '{"event": "media", "media": "sound"}',
        '{"event": "start"}',
        '{"event": "mark"}',
        '{"event": "dtmf", "dtmf": {"digit": "12"}}',
        '{"event": "dtmf", "dtmf": {"digit": ""}}',
        '{"event": "dtmf", "dtmf": {"digit": "x"}}',
        media(payload="no base64!"),
        media(payload=None),
        media(payload=7),
    ],
    ids=range(19),
)
def test_what_is_none_of_its_messages_is_one_of_our_errors(text: str | bytes) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        parse_twilio(text)
    assert len(str(caught.value)) < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
EVENTS = ("connected", "start", "media", "dtmf", "mark", "stop")


@given(event=st.sampled_from(EVENTS), body=JSON, sid=JSON)
def test_odd_values_are_read_or_refused(event: str, body: object, sid: object) -> None:
    text = json.dumps({"event": event, event: body, "streamSid": sid})
    with contextlib.suppress(RemoteProtocolError):
        parse_twilio(text)


@given(key=st.sampled_from(list(START)), value=JSON)
def test_an_odd_field_of_a_start_is_read_or_refused(key: str, value: object) -> None:
    text = json.dumps({"event": "start", "streamSid": SID, "start": {**START, key: value}})
    with contextlib.suppress(RemoteProtocolError):
        parse_twilio(text)


# -- what it is sent -------------------------------------------------------------------------------


def test_what_is_sent_is_what_the_page_shows() -> None:
    assert json.loads(twilio_media(SID, b"\xff\x7f\x00")) == {
        "event": "media",
        "streamSid": SID,
        "media": {"payload": "/38A"},
    }
    assert json.loads(twilio_mark(SID, "0.1")) == {
        "event": "mark",
        "streamSid": SID,
        "mark": {"name": "0.1"},
    }
    assert json.loads(twilio_clear(SID)) == {"event": "clear", "streamSid": SID}


def test_an_id_can_hold_anything() -> None:
    odd = 'M"Z\\\n'
    for text in (twilio_media(odd, b"\0"), twilio_mark(odd, "1"), twilio_clear(odd)):
        assert json.loads(text)["streamSid"] == odd
