"""Events and models as values: building, comparing, showing, dumping, pickling."""

from __future__ import annotations

import copy
import json
import pickle
import subprocess
import sys
from typing import Any

import pytest
from attrs.exceptions import FrozenInstanceError

from realtime_sync.events import (
    AudioInput,
    AudioOutput,
    ContentPart,
    ConversationItemCreate,
    ErrorDetail,
    ErrorEvent,
    FunctionCall,
    FunctionCallOutput,
    InputAudioBufferAppend,
    InputAudioBufferCommit,
    McpTool,
    RateLimitsUpdated,
    Response,
    ResponseCreate,
    ResponseCreateParams,
    ResponseDone,
    ResponseOutputAudioDelta,
    ResponseOutputTextDelta,
    SemanticVad,
    ServerVad,
    Session,
    SessionUpdate,
    UnknownEvent,
    UserMessage,
    parse_client_event,
    parse_event,
)
from realtime_sync.events.server import detail_of

DONE = {
    "type": "response.done",
    "event_id": "event_1",
    "response": {
        "id": "resp_1",
        "object": "realtime.response",
        "status": "completed",
        "status_details": None,
        "output": [
            {
                "id": "item_1",
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "transcript": "hello"}],
            },
            {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "call_1"},
        ],
        "usage": {"total_tokens": 9, "input_token_details": {"text_tokens": 4}},
    },
}


def done() -> ResponseDone:
    event = parse_event(json.dumps(DONE))
    assert isinstance(event, ResponseDone)
    return event


@pytest.mark.parametrize("odd", [[], {"a": 1}, 1.5, True, None, float("nan")])
def test_an_error_with_odd_fields_is_told_with_texts(odd: Any) -> None:
    names = ("type", "message", "code", "event_id", "param")
    event = parse_event(json.dumps({"type": "error", "error": dict.fromkeys(names, odd)}))
    assert isinstance(event, ErrorEvent)
    assert event.severity == "failed"
    assert detail_of(event) == ErrorDetail(type="server_error", message="")


def test_an_error_code_may_be_a_number() -> None:
    event = parse_event('{"type": "error", "error": {"message": "m", "code": 429}}')
    assert isinstance(event, ErrorEvent)
    assert detail_of(event).code == "429"


def test_nested_models() -> None:
    response = done().response
    assert response.output is not None
    message, call = response.output
    assert message.type == "message"
    assert message.role == "assistant"
    assert message.content[0].transcript == "hello"
    assert isinstance(call, FunctionCall)
    assert call.call_id == "call_1"
    assert response.usage is not None
    assert response.usage.input_token_details is not None
    assert response.usage.input_token_details.text_tokens == 4
    assert response.usage.output_token_details is None
    assert response.output is done().response.output or response.output == done().response.output
    assert response is not None


def test_a_model_is_built_once() -> None:
    event = done()
    assert event.response is event.response
    assert event.response.output is event.response.output


def test_equality_is_by_fields() -> None:
    assert done() == done()
    assert done() != parse_event(json.dumps({**DONE, "event_id": "event_2"}))
    assert done() != parse_event(json.dumps({**DONE, "more": 1}))
    built = ResponseDone(event_id="event_1", response=DONE["response"])  # type: ignore[arg-type]
    assert built == done()  # the text it came from does not count
    assert done() != DONE


def test_values_are_frozen() -> None:
    event = done()
    for target, name in ((event, "event_id"), (event, "response"), (event.response, "output")):
        with pytest.raises(FrozenInstanceError):
            setattr(target, name, None)
    with pytest.raises(FrozenInstanceError):
        audio().delta = ""  # type: ignore[misc]
    with pytest.raises(AttributeError):
        audio().audio = b""  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del event.event_id


def audio() -> ResponseOutputAudioDelta:
    wire = {"type": "response.output_audio.delta", "delta": "AAEC" * 1000, "x": 1}
    event = parse_event(json.dumps(wire))
    assert isinstance(event, ResponseOutputAudioDelta)
    return event


@pytest.mark.parametrize("make", [done, audio])
@pytest.mark.parametrize("read_first", [False, True])
def test_pickle_and_copy(make: Any, read_first: bool) -> None:
    event = make()
    if read_first:
        repr(event)
        getattr(event, "audio", None)
    for twin in (
        *(pickle.loads(pickle.dumps(event, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)),
        copy.copy(event),
        copy.deepcopy(event),
    ):
        assert twin == event
        assert twin.raw == event.raw
        assert twin.to_dict() == event.to_dict()
    unknown = UnknownEvent(type="new", data={"a": [1]})
    assert pickle.loads(pickle.dumps(unknown)) == unknown


def test_replace() -> None:
    event = done().replace(event_id="event_2")
    assert event.event_id == "event_2"
    assert event.response == done().response
    assert event.raw is None
    session = Session(audio={"input": {"turn_detection": None}})  # type: ignore[arg-type]
    changed = session.replace(model="m", tools=[{"type": "function", "name": "f"}], new=1)
    assert changed.to_dict() == {
        **session.to_dict(),
        "model": "m",
        "tools": [{"type": "function", "name": "f"}],
        "new": 1,
    }
    assert session.model is None
    assert audio().replace(item_id="i").audio == audio().audio
    unknown = UnknownEvent(type="new", data={"a": 1}).replace(b=2)
    assert unknown.to_dict() == {"type": "new", "a": 1, "b": 2}


def test_repr_elides_audio() -> None:
    assert len(repr(audio())) < 200
    assert "4000 characters" in repr(audio())
    assert "extra={'x': 1}" in repr(audio())
    append = InputAudioBufferAppend(audio="AAAA" * 5000)
    assert len(repr(append)) < 100
    part = ContentPart(type="input_audio", audio="AAAA" * 5000)
    item = UserMessage(content=[part])
    assert len(repr(ConversationItemCreate(item=item))) < 200
    assert len(repr(UnknownEvent(type="x", data={"deep": {"audio": ["A" * 9000]}}))) < 150


def test_repr_shows_what_is_set() -> None:
    assert repr(InputAudioBufferCommit()) == "InputAudioBufferCommit()"
    event = ResponseOutputTextDelta(
        event_id="e", response_id="r", item_id="i", output_index=0, content_index=0, delta="Hel"
    )
    assert repr(event) == (
        "ResponseOutputTextDelta(event_id='e', response_id='r', item_id='i', output_index=0, "
        "content_index=0, delta='Hel')"
    )


def test_client_events_take_models_and_dictionaries() -> None:
    as_dict = ConversationItemCreate(
        item={"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    )
    as_model = ConversationItemCreate(
        item=UserMessage(content=[ContentPart(type="input_text", text="a")])
    )
    assert as_dict == as_model
    assert as_dict.to_dict() == as_model.to_dict()
    assert parse_client_event(as_dict.to_json()) == as_dict
    output = ConversationItemCreate(
        item=FunctionCallOutput(call_id="call_1", output="{}"), event_id="event_7"
    )
    assert output.to_dict() == {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "call_1", "output": "{}"},
        "event_id": "event_7",
    }


def test_a_dictionary_that_was_given_is_not_touched() -> None:
    session: dict[str, Any] = {"type": "realtime", "tools": [{"type": "function", "name": "f"}]}
    before = copy.deepcopy(session)
    event = SessionUpdate(session={**session, "zz": 1})
    assert isinstance(event.session, Session)
    assert event.session.tools is not None
    dumped = event.to_dict()
    dumped["session"]["tools"][0]["name"] = "g"
    assert session == before
    assert event.session.tools[0].to_dict()["name"] == "f"


def test_null_where_it_means_something() -> None:
    off = AudioInput(turn_detection=None, transcription=None)
    assert off.to_dict() == {"transcription": None, "turn_detection": None}
    assert AudioInput().to_dict() == {}
    assert AudioInput().turn_detection is None
    assert ResponseCreate(response=None, event_id=None).to_dict() == {"type": "response.create"}
    assert ServerVad(threshold=None, idle_timeout_ms=None).to_dict() == {
        "type": "server_vad",
        "idle_timeout_ms": None,
    }


def test_unions() -> None:
    session = Session(
        audio={  # type: ignore[arg-type]
            "input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
            "output": {"voice": {"id": "voice_1"}},
        },
        tools=[{"type": "mcp", "server_label": "s", "require_approval": "never"}],  # type: ignore[list-item]
        tool_choice="auto",
        truncation={"type": "retention_ratio", "retention_ratio": 0.5},  # type: ignore[arg-type]
    )
    assert session.audio is not None
    assert session.audio.input is not None
    assert isinstance(session.audio.input.turn_detection, SemanticVad)
    assert isinstance(session.audio.output, AudioOutput)
    assert not isinstance(session.audio.output.voice, str)
    assert session.audio.output.voice is not None
    assert session.audio.output.voice.id == "voice_1"
    assert session.tools is not None
    assert isinstance(session.tools[0], McpTool)
    assert session.tools[0].require_approval == "never"
    assert session.tool_choice == "auto"
    assert not isinstance(session.truncation, str)
    assert session.truncation is not None
    assert session.truncation.retention_ratio == 0.5


def test_lists_of_models() -> None:
    event = RateLimitsUpdated(event_id="e", rate_limits=[{"name": "tokens", "remaining": 3}])
    assert event.rate_limits[0].remaining == 3
    params = ResponseCreateParams(input=[{"type": "item_reference", "id": "i"}])  # type: ignore[list-item]
    assert params.input is not None
    assert params.input[0].type == "item_reference"


def test_dumps() -> None:
    event = ErrorEvent(event_id="e", error=ErrorDetail(type="x", message="ä", param=None))
    assert event.to_json() == '{"type":"error","event_id":"e","error":{"type":"x","message":"ä"}}'
    assert event.model_dump_json() == event.to_json()
    assert event.model_dump(mode="json", exclude_unset=True) == event.to_dict()
    assert event.model_dump_json(indent=2).startswith('{\n  "type"')
    assert json.loads(event.model_dump_json(indent=2)) == event.to_dict()
    assert done().model_dump()["response"]["status_details"] is None
    assert "status_details" not in done().model_dump(exclude_none=True)["response"]


def test_half_a_character_can_be_sent() -> None:
    event = parse_event('{"type":"response.output_text.delta","delta":"\\ud83d"}')
    event.to_json().encode()
    assert parse_event(event.to_json()) == event


def test_extra_by_hand() -> None:
    response = Response(id="r", extra={"new": {"deep": 1}})
    assert response.to_dict() == {"id": "r", "new": {"deep": 1}}
    assert Response(id="r").extra == {}


def test_match() -> None:
    match done():
        case ResponseDone(response=Response(status="completed", id=name)):
            assert name == "resp_1"
        case _:
            pytest.fail("the pattern did not match")


def test_the_import_is_light() -> None:
    code = (
        "import sys, realtime_sync.events;"
        "heavy = {'numpy', 'websocket', 'requests', 'asyncio', 'yaml', 'pydantic'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
