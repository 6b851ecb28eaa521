"""`parse_event` and `parse_client_event`: from text to events, whatever the text."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync import events
from realtime_sync.errors import LocalProtocolError, RemoteProtocolError
from realtime_sync.events import (
    BETA_ALIASES,
    CLIENT_EVENTS,
    SERVER_EVENTS,
    AudioDelta,
    BetaSession,
    ConversationItemCreated,
    ErrorEvent,
    InputAudioBufferSpeechStarted,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    Session,
    SessionCreated,
    SessionOutputAudioDelta,
    SessionUpdate,
    SessionUpdated,
    TranscriptionSession,
    TranslationSession,
    UnknownEvent,
    UnknownItem,
    canonical_type,
    parse_client_event,
    parse_event,
)
from realtime_sync.events._parse import CUT_FROM, DEEPEST

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    scalars,
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.text(), values, max_size=6)


@pytest.mark.parametrize("name", sorted(SERVER_EVENTS))
def test_server_names(name: str) -> None:
    event = parse_event(json.dumps({"type": name, "event_id": "event_1"}))
    assert type(event) is SERVER_EVENTS[name]
    assert event.type == name
    words = name.replace(".", "_").split("_")
    assert type(event).__name__ in ("".join(w.capitalize() for w in words), "ErrorEvent")


@pytest.mark.parametrize("name", sorted(CLIENT_EVENTS))
def test_client_names(name: str) -> None:
    event = parse_client_event(json.dumps({"type": name}))
    assert type(event) is CLIENT_EVENTS[name]
    assert event.to_dict() == {"type": name}


@pytest.mark.parametrize("beta", sorted(BETA_ALIASES))
def test_beta_names(beta: str) -> None:
    parse: Any = parse_client_event if beta == "transcription_session.update" else parse_event
    text = json.dumps({"type": beta, "event_id": "event_1"})
    event = parse(text)
    assert event.type == canonical_type(beta) == BETA_ALIASES[beta]
    assert not isinstance(event, UnknownEvent)
    assert event.to_dict() == {"type": BETA_ALIASES[beta], "event_id": "event_1"}
    assert event.raw == text


def test_item_created_stays_itself() -> None:
    event = parse_event(
        '{"type":"conversation.item.created","item":{"type":"message","role":"user"}}'
    )
    assert isinstance(event, ConversationItemCreated)
    assert canonical_type(event.type) == "conversation.item.created"


def test_session_models() -> None:
    def session(**fields: Any) -> Any:
        event = parse_event(json.dumps({"type": "session.created", "session": fields}))
        assert isinstance(event, SessionCreated)
        return event.session

    assert isinstance(session(type="realtime", audio={}), Session)
    assert isinstance(session(type="transcription"), TranscriptionSession)
    translation = session(type="translation", audio={"output": {"language": "fr"}})
    assert isinstance(translation, TranslationSession)
    assert translation.audio is not None
    assert translation.audio.output is not None
    assert translation.audio.output.language == "fr"
    assert isinstance(session(modalities=["text"], voice="alloy"), BetaSession)
    assert session(type="hologram", depth=3).extra == {"depth": 3}
    tagged = session(type="realtime", modalities=["text"])
    assert isinstance(tagged, Session)  # as the type says, so that type checkers are right
    assert tagged.extra == {"modalities": ["text"]}


def test_beta_transcription_session() -> None:
    fields = {"input_audio_format": "pcm16", "turn_detection": {"type": "server_vad"}}
    text = json.dumps({"type": "transcription_session.updated", "session": fields, "more": 1})
    event = parse_event(text)
    assert isinstance(event, SessionUpdated)
    assert isinstance(event.session, BetaSession)
    assert event.session.type == "transcription"
    assert event.extra == {"more": 1}
    assert event.to_dict()["session"] == {**fields, "type": "transcription"}
    client = parse_client_event('{"type": "transcription_session.update", "session": {}}')
    assert isinstance(client, SessionUpdate)
    assert isinstance(client.session, TranscriptionSession)


def test_a_client_event_is_unknown_from_a_server() -> None:
    assert isinstance(parse_event('{"type": "session.update"}'), UnknownEvent)
    assert isinstance(parse_client_event('{"type": "session.updated"}'), UnknownEvent)


@pytest.mark.parametrize("bracket", ["[]", '{"a":}'], ids=["lists", "objects"])
@pytest.mark.parametrize("long", ["", "A" * CUT_FROM], ids=["short", "long"])
def test_how_deep_an_event_may_be(bracket: str, long: str) -> None:
    """Whatever walks through an event later can then do so."""

    def nested(levels: int) -> str:
        deep = bracket[:-1] * (levels - 2) + "[]" + bracket[-1] * (levels - 2)
        return f'{{"type":"new.event","delta":"{long}","value":{deep}}}'

    event = parse_event(nested(DEEPEST))
    assert event.to_dict() == json.loads(nested(DEEPEST))
    assert parse_event(event.to_json()) == event
    assert repr(event)
    assert event.model_dump_json(exclude_none=True)
    with pytest.raises(RemoteProtocolError, match="nested more than 256 levels"):
        parse_event(nested(DEEPEST + 1))


def test_many_brackets_are_not_deep() -> None:
    wide = {"type": "new.event", "value": [[{"a": {}}]] * DEEPEST}
    assert parse_event(json.dumps(wide)).to_dict() == wide


@given(st.text(min_size=1), objects)
def test_unknown_types_survive(name: str, fields: dict[str, Any]) -> None:
    wire = {**fields, "type": f"new.{name}"}
    event = parse_event(json.dumps(wire))
    assert isinstance(event, UnknownEvent)
    assert (event.type, event.data, event.to_dict()) == (wire["type"], wire, wire)
    assert json.loads(event.to_json()) == wire
    assert event.event_id == fields.get("event_id")
    assert parse_event(event.to_json()) == event


@given(st.sampled_from(sorted(SERVER_EVENTS)), objects)
def test_unknown_fields_survive(name: str, fields: dict[str, Any]) -> None:
    wire = {**fields, "type": name}
    event = parse_event(json.dumps(wire))
    assert event.to_dict() == wire
    assert set(event.extra) == set(wire) - type(event)._wire
    repr(event)


MODEL_FIELDS = ["item", "response", "session", "error", "part", "usage", "rate_limits", "delta"]


@given(st.sampled_from(sorted(SERVER_EVENTS)), st.sampled_from(MODEL_FIELDS), objects | values)
def test_any_value_in_a_model_field_survives(name: str, field: str, value: Any) -> None:
    wire = {"type": name, field: value}
    event: Any = parse_event(json.dumps(wire))
    if field in type(event)._wire:
        getattr(event, field)  # builds the models
    assert event.to_dict() == wire
    assert event == parse_event(json.dumps(wire))
    repr(event)


@given(objects, objects, objects)
def test_unknown_fields_survive_at_every_level(a: Any, b: Any, c: Any) -> None:
    part = {**a, "type": "smell"}
    message = {**b, "type": "message", "role": "assistant", "content": [part]}
    other = {**c, "type": "hologram"}
    response = {**a, "output": [message, other], "usage": {**b, "input_token_details": c}}
    wire = {"type": "response.done", "response": response}
    event = parse_event(json.dumps(wire))
    assert isinstance(event, ResponseDone)
    assert event.response.output is not None
    first, second = event.response.output
    assert first.type == "message"
    assert isinstance(second, UnknownItem)
    assert str(second.type) == "hologram"
    assert event.response.usage is not None
    assert event.to_dict() == wire


def test_fields_cannot_shadow_methods() -> None:
    wire = {"type": "error", "to_dict": 1, "raw": 2, "extra": 3, "__class__": 4, "__dict__": 5}
    event = parse_event(json.dumps(wire))
    assert isinstance(event, ErrorEvent)
    assert event.to_dict() == wire
    assert event.raw == json.dumps(wire)
    nested = parse_event(json.dumps({"type": "error", "error": {**wire, "type": "x"}}))
    assert isinstance(nested, ErrorEvent)
    assert nested.error.to_dict()["to_dict"] == 1


def test_missing_fields_read_as_none() -> None:
    event = parse_event('{"type": "response.output_text.delta"}')
    assert isinstance(event, ResponseOutputTextDelta)
    assert str(event.delta) == "None"  # typed as text: it is the server's fault
    assert event.to_dict() == {"type": "response.output_text.delta"}
    broken = parse_event('{"type": "response.done"}')
    assert isinstance(broken, ResponseDone)
    assert str(broken.response) == "None"


def test_nulls_are_kept_and_absent_fields_are_not_invented() -> None:
    text = '{"type":"response.done","response":{"id":null,"output":[]}}'
    event = parse_event(text)
    assert event.to_json() == text
    assert event.model_dump(exclude_none=True)["response"] == {"output": []}


def test_bytes_and_white_space() -> None:
    text = ' \n{"type": "input_audio_buffer.speech_started", "audio_start_ms": 7} \t'
    for data in (text, text.encode(), bytearray(text.encode())):
        event = parse_event(data)  # type: ignore[arg-type]  # bytearray is taken, not promised
        assert isinstance(event, InputAudioBufferSpeechStarted)
        assert event.audio_start_ms == 7
        assert event.raw == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "malformed json"),
        ("{", "malformed json"),
        ('{"type": "error"} x', "malformed json"),
        ('{"type": "error", "delta": "' + "A" * 4000, "malformed json"),
        ('{"type": 1' + "0" * 5000 + "}", "malformed json"),
        ("[" * 100_000, "malformed json"),
        (b'{"type": "\xff"}', "not utf-8"),
        ("[]", "not a json object"),
        ("3", "not a json object"),
        ('"type"', "not a json object"),
        ("null", "not a json object"),
        ("{}", "a text in 'type'"),
        ('{"type": null}', "a text in 'type'"),
        ('{"type": ["error"]}', "a text in 'type'"),
        ('{"type": {}, "delta": "' + "A" * 4000 + '"}', "a text in 'type'"),
    ],
)
@pytest.mark.parametrize("parse", [parse_event, parse_client_event])
def test_what_is_no_event_is_refused(parse: Any, text: str | bytes, said: str) -> None:
    with pytest.raises(RemoteProtocolError, match=said) as caught:
        parse(text)
    assert len(str(caught.value)) < 250  # the excerpt is short


# -- audio ---------------------------------------------------------------------------------------


def audio_text(delta: str, **more: Any) -> str:
    return json.dumps({"type": "response.output_audio.delta", "delta": delta, **more})


@pytest.mark.parametrize("size", [0, 1, 480, 960, 24_000])
@pytest.mark.parametrize("compact", [True, False])
def test_audio_is_decoded_once(size: int, compact: bool) -> None:
    pcm = bytes(i % 251 for i in range(size))
    delta = base64.b64encode(pcm).decode()
    wire = {"type": "response.output_audio.delta", "delta": delta, "item_id": "item_1"}
    text = json.dumps(wire, separators=(",", ":") if compact else None)
    event = parse_event(text)
    assert isinstance(event, ResponseOutputAudioDelta)
    assert event.audio == pcm
    assert event.audio is event.audio
    assert event.delta == delta
    assert event.delta is event.delta
    assert event.to_dict() == wire
    assert event == parse_event(text)


def test_base64_with_escapes_and_white_space() -> None:
    pcm = bytes(range(256)) * 8
    plain = base64.b64encode(pcm).decode()
    assert "/" in plain
    escaped = plain.replace("/", "\\/").replace("A", "\\u0041")
    folded = base64.encodebytes(pcm).decode()
    for text in (
        f'{{"type":"response.output_audio.delta","delta":"{escaped}"}}',
        audio_text(folded),
        audio_text(plain.replace("C", "C ")),
    ):
        event = parse_event(text)
        assert isinstance(event, AudioDelta)
        assert event.audio == pcm
        assert event.to_dict() == json.loads(text)


@pytest.mark.parametrize("delta", ["A", "A" * 4001, "é" * 2000, None, 5])
def test_damaged_base64(delta: Any) -> None:
    event = parse_event(audio_text(delta))
    assert isinstance(event, AudioDelta)
    with pytest.raises(RemoteProtocolError, match="is not base64"):
        event.audio  # noqa: B018
    assert event.to_dict()["delta"] == delta


def test_audio_that_comes_from_the_wrong_side() -> None:
    """Nobody reads it as audio there, so it is text and no place in a text."""
    text = audio_text("AAEC" * 1000)
    event = parse_client_event(text)
    assert isinstance(event, UnknownEvent)
    assert event.to_dict() == json.loads(text)


def test_translated_audio() -> None:
    wire = {"type": "session.output_audio.delta", "delta": "AAEC", "sample_rate": 24000}
    event = parse_event(json.dumps(wire))
    assert isinstance(event, SessionOutputAudioDelta)
    assert (event.audio, event.sample_rate) == (b"\0\1\2", 24000)


NAMES = ["response.output_audio.delta", "response.audio.delta", "response.output_text.delta", "new"]
names = st.sampled_from(NAMES) | values
texts = st.text() | st.sampled_from(['"delta":"x"', '","delta":"', '{"delta":', "\\", "A" * 20])
keys = st.sampled_from(["delta", "item_id", "a", '"delta"']) | texts
inner = st.dictionaries(keys, texts, max_size=3)
long_deltas = st.integers(CUT_FROM - 50, CUT_FROM + 50).map(lambda n: "A" * n)


@given(
    st.permutations(["type", "delta", "item_id", "x", "y"]),
    names,
    long_deltas | texts,
    st.fixed_dictionaries({"item_id": texts, "x": inner | texts, "y": inner | values}),
    st.booleans(),
    st.sampled_from([None, (",", ":"), (" , ", " : ")]),
)
def test_cutting_equals_decoding(
    order: list[str], name: Any, delta: str, rest: dict[str, Any], ascii_only: bool, separators: Any
) -> None:
    fields = {"type": name, "delta": delta, **rest}
    wire = {key: fields[key] for key in order}
    text = json.dumps(wire, ensure_ascii=ascii_only, separators=separators)
    text += " " * CUT_FROM  # long enough for the cut, and with white space behind
    for form in (text, text.strip(), text.strip().rjust(CUT_FROM)):
        if isinstance(name, str):
            assert parse_event(form).to_dict() == {**wire, "type": canonical_type(name)}
        else:
            with pytest.raises(RemoteProtocolError):
                parse_event(form)


@pytest.mark.parametrize(
    "text",
    [
        '{"delta":"AAAA","type":"response.output_audio.delta","delta":"BBBB"}',
        '{"delta":"AAAA","type":"response.output_audio.delta","delta":""}',
        '{"delta" :"AAAA","type":"response.output_audio.delta","delta":"CCCC"}',
        '{"x":{"delta":"AAAA"},"type":"response.output_audio.delta"}',
        '{"x":[{"delta":"AAAA"}],"delta":"","type":"response.output_audio.delta"}',
        '{"delta":null,"type":"response.output_audio.delta"}',
        '{"delta":{"delta":"A"},"type":"response.output_audio.delta"}',
        '{"type":"response.output_audio.delta","\\u0064elta":"AAAA"}',
    ],
)
def test_cutting_equals_decoding_in_corners(text: str) -> None:
    long = text[:-1] + ',"pad":"' + "p" * CUT_FROM + '"}'
    assert parse_event(long).to_dict() == json.loads(long)


def test_all_is_complete() -> None:
    classes = {cls.__name__ for cls in (*SERVER_EVENTS.values(), *CLIENT_EVENTS.values())}
    assert classes <= set(events.__all__)
    assert all(hasattr(events, name) for name in events.__all__)


@pytest.mark.parametrize("parse", [parse_event, parse_client_event])
@pytest.mark.parametrize("message", [None, 7, [], {}, object()])
def test_what_is_no_message_is_the_callers_mistake(parse: Any, message: Any) -> None:
    with pytest.raises(LocalProtocolError, match="parsed from text or bytes, not "):
        parse(message)


def test_what_is_no_name_and_what_are_no_fields() -> None:
    with pytest.raises(LocalProtocolError, match=r"the name of an event must be a text, not \[\]"):
        canonical_type([])  # type: ignore[arg-type]  # that is the test
    with pytest.raises(LocalProtocolError, match="data of an event must be a dictionary, not 7"):
        UnknownEvent(type="new", data=7)  # type: ignore[arg-type]  # likewise
