"""What programs of pydantic models call on events, beside the models that they come from."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from openai.types.realtime import ResponseDoneEvent

from realtime_sync.agents import AssistantMessageItem, UserError
from realtime_sync.errors import ConfigError, LocalProtocolError
from realtime_sync.events import (
    AudioInput,
    ErrorEvent,
    ResponseDone,
    ResponseOutputAudioDelta,
    Session,
    UnknownEvent,
    parse_event,
)

TEXT = json.dumps(
    {
        "type": "response.done",
        "event_id": "e",
        "response": {
            "id": "r",
            "status": None,
            "output": [
                {
                    "type": "message",
                    "role": "assistant",
                    "content": [
                        {"type": "output_text", "text": "one"},
                        {"type": "output_text", "text": "two"},
                    ],
                }
            ],
        },
    }
)
DONE = cast("Any", parse_event(TEXT))  # any option, also those that type checkers refuse
THEIRS = ResponseDoneEvent.construct(**json.loads(TEXT))
ITEM = cast(
    "Any",
    AssistantMessageItem.model_validate(
        {"item_id": "i", "content": [{"type": "text", "text": "one"}]}
    ),
)

OPTIONS: list[dict[str, Any]] = [
    {},
    {"mode": "json"},
    {"mode": "python", "by_alias": True},
    {"by_alias": None, "warnings": False},
    {"exclude_none": True},
    {"include": {"type"}},
    {"include": set()},
    {"include": {"type"}, "exclude": {"type"}},
    {"include": None, "exclude": None},
    {"exclude": {"event_id", "no_such_field"}},
    {"exclude": {"event_id": False, "type": True}},
    {"exclude": {"response": {"status", "id"}}},
    {"exclude": {"response": {"output": {"__all__": {"content": {0}}}}}},
    {"include": {"response": {"output": {0: {"content": {"__all__": {"text"}}}}}}},
    {"include": {"response": ..., "event_id": ...}, "exclude": {"response": {"output": True}}},
    {"round_trip": False, "context": None, "serialize_as_any": False, "exclude_defaults": False},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_a_dump_is_theirs(options: dict[str, Any]) -> None:
    theirs = THEIRS.model_dump(exclude_unset=True, **options)
    assert DONE.model_dump(**options) == theirs
    assert DONE.to_dict(**options) == theirs
    for text in (DONE.to_json(**options), DONE.model_dump_json(**options)):
        assert json.loads(text) == theirs
        assert "\n" not in text
    assert DONE.to_json(indent=3, **options) == json.dumps(DONE.to_dict(**options), indent=3)


def test_what_was_not_set_can_be_had() -> None:
    ours = DONE.model_dump(exclude_unset=False)
    theirs = THEIRS.model_dump()
    assert ours.keys() == theirs.keys()
    assert ours["response"].keys() == theirs["response"].keys()
    assert ours["response"]["usage"] is None
    message = ours["response"]["output"][0]
    assert message["status"] is None
    assert message["content"][1]["text"] == "two"
    assert DONE.model_dump(exclude_unset=False, exclude_none=True) == DONE.model_dump(
        exclude_none=True
    )


def test_what_is_unknown_is_dumped_however_it_is_asked_for() -> None:
    event = parse_event('{"type": "error", "event_id": "e", "error": {"new": {"a": 1}}, "b": 2}')
    for unset in (True, False):
        dump = event.model_dump(exclude_unset=unset)
        assert (dump["error"]["new"], dump["b"]) == ({"a": 1}, 2)
    unknown = parse_event('{"type": "of.tomorrow", "a": [1, {"b": null}]}')
    assert unknown.model_dump(exclude_unset=False) == unknown.to_dict()
    assert unknown.model_dump(exclude={"a"}) == {"type": "of.tomorrow"}


def test_a_dump_has_audio_that_nobody_has_read() -> None:
    audio = "AAEC" * 500
    event = parse_event(
        '{"type":"response.output_audio.delta","event_id":"e","delta":"' + audio + '"}'
    )
    assert event.model_dump(include={"delta"}) == {"delta": audio}
    again = parse_event(event.raw or "")
    assert again.model_dump(exclude_unset=False)["delta"] == audio


CIRCLE: dict[str, Any] = {}
CIRCLE["a"] = CIRCLE
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"mode": "yaml"}, "mode must be 'python' or 'json', not 'yaml'"),
    ({"exclude": "type"}, "exclude must be a set of names, or a dictionary, not 'type'"),
    ({"include": 7}, "include must be a set of names, or a dictionary, not 7"),
    ({"exclude": {"response": {"id": "x"}}}, "exclude must be a set of names"),
    ({"exclude_none": "yes"}, "exclude_none must be True or False"),
    ({"exclude_unset": None}, "exclude_unset must be True or False"),
    ({"by_alias": 1}, "by_alias must be True, False or None, not 1"),
    ({"warnings": "loud"}, "warnings must be True, False, 'none', 'warn' or 'error', not 'loud'"),
    ({"include": CIRCLE}, "include must be a set of names, or a dictionary"),
    ({"exclude_defaults": True}, r"has no option exclude_defaults=True: write exclude_none=True"),
    ({"round_trip": True}, r"has no option round_trip=True: a dump can always be read again"),
    ({"context": {}}, r"has no option context=\{\}: nothing reads it"),
    ({"no_such": False}, r"has no option no_such=False: see its help"),
]


@pytest.mark.parametrize(("options", "words"), WRONG)
@pytest.mark.parametrize("call", ["model_dump", "model_dump_json", "to_dict", "to_json"])
def test_an_option_that_is_not_here_is_told(call: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words) as told:
        getattr(DONE, call)(**options)
    assert "has no option" not in str(told.value) or str(told.value).startswith(f"{call}() ")
    if call.startswith("model_"):
        with pytest.raises(UserError, match=words):
            getattr(ITEM, call)(**options)


# -- copies ----------------------------------------------------------------------------------------


def test_a_copy() -> None:
    assert DONE.model_copy() == DONE
    changed = DONE.model_copy(update={"event_id": "f", "new": 1})
    assert (changed.event_id, changed.extra, DONE.event_id) == ("f", {"new": 1}, "e")
    assert AudioInput(turn_detection=None).model_copy(update={}).to_dict() == {
        "turn_detection": None
    }


@pytest.mark.parametrize("deep", [False, True])
def test_how_deep_a_copy_is(deep: bool) -> None:
    tools = [{"type": "of_tomorrow", "a": {}}]
    session = Session(tools=cast("Any", tools), extra={"x": []})
    copied = session.model_copy(deep=deep)
    assert copied == session
    assert (copied.extra["x"] is session.extra["x"]) == (not deep)
    unknown = UnknownEvent(type="of.tomorrow", data={"a": []})
    again = unknown.model_copy(deep=deep)
    assert again == unknown
    assert (again.data["a"] is unknown.data["a"]) == (not deep)


@pytest.mark.parametrize("update", [7, [("a", 1)], {1: 2}])
def test_a_wrong_update(update: Any) -> None:
    for value, error in ((DONE, LocalProtocolError), (ITEM, UserError)):
        with pytest.raises(error, match=r"what model_copy\(\) changes must be a dictionary"):
            value.model_copy(update=update)


# -- values from dictionaries and texts ------------------------------------------------------------


def test_a_dump_can_be_read_again() -> None:
    assert ResponseDone.model_validate(DONE.model_dump()) == DONE
    assert ResponseDone.model_validate(DONE) is DONE
    for text in (TEXT, TEXT.encode(), bytearray(TEXT.encode())):
        assert ResponseDone.model_validate_json(text) == DONE
    assert Session.model_validate({}).to_dict() == {"type": "realtime"}
    assert UnknownEvent.model_validate({"type": "a", "b": 1}).data == {"type": "a", "b": 1}
    assert type(ITEM).model_validate_json(ITEM.model_dump_json()) == ITEM
    delta = {"type": "response.output_audio.delta", "delta": "AAE="}
    assert ResponseOutputAudioDelta.model_construct(**delta).audio == b"\x00\x01"


@pytest.mark.parametrize(
    ("cls", "value", "words"),
    [
        (ResponseDone, {"event_id": "e", "response": {}, "type": "error"}, "the type of Resp"),
        (ResponseDone, {"type": "response.done", "response": {}}, "ResponseDone needs 'event_id'"),
        (Session, {"type": "transcription"}, "the type of Session is 'realtime', not 'transcr"),
        (Session, [], r"Session.model_validate\(\) takes must be a dictionary, not \[\]"),
        (UnknownEvent, {"a": 1}, "the type of an event must be"),
        (UnknownEvent, 7, "an UnknownEvent must be a dictionary, not 7"),
    ],
)
def test_what_is_of_another_class(cls: Any, value: Any, words: str) -> None:
    with pytest.raises(LocalProtocolError, match=words):
        cls.model_validate(value)
    with pytest.raises(LocalProtocolError, match=words):
        cls.model_validate_json(json.dumps(value))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", r"takes JSON text, not '\{': Expecting property name .* at character 1"),
        (b"\xff", r"takes JSON text, not b'\\xff': it is not UTF-8"),
        (7, "takes JSON text, not 7"),
        ("[" * 100_000, r"takes JSON text, not '\[+…: it is nested too deeply"),
    ],
    ids=["cut", "bytes", "7", "deep"],
)
def test_what_is_no_json(text: Any, words: str) -> None:
    for cls, error in ((Session, LocalProtocolError), (type(ITEM), UserError)):
        with pytest.raises(error, match=words):
            cls.model_validate_json(text)


@pytest.mark.parametrize("call", ["model_validate", "model_validate_json"])
def test_an_option_of_reading_is_told(call: str) -> None:
    for cls, error in ((Session, LocalProtocolError), (type(ITEM), UserError)):
        with pytest.raises(error, match=rf"{call}\(\) has no option strict=True: leave it out"):
            getattr(cls, call)("{}", strict=True)
    assert (
        getattr(Session, call)({} if call == "model_validate" else "{}", strict=None) == Session()
    )


def test_a_value_that_is_not_checked() -> None:
    event = ErrorEvent.model_construct(error=7, new=1)
    assert (event.type, event.event_id, event.error, event.extra) == ("error", None, 7, {"new": 1})
    assert event.to_dict() == {"type": "error", "error": 7, "new": 1}


# -- what is not here ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda e: e.copy(update={}), r"\.copy: write model_copy"),
        (lambda e: e.dict(), r"\.dict: write to_dict\(\)"),
        (lambda e: e.json(), r"\.json: write to_json\(\)"),
        (lambda e: type(e).parse_obj({}), r"\.parse_obj: write model_validate"),
        (lambda e: type(e).parse_raw(""), r"\.parse_raw: write model_validate_json"),
        (lambda e: type(e).model_json_schema(), r"\.model_json_schema: it is no pydantic model"),
    ],
)
def test_an_older_name_is_told(ask: Callable[[Any], object], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        ask(DONE)
    assert isinstance(told.value, AttributeError)


def test_to_ask_whether_it_is_there_raises_nothing() -> None:
    assert not hasattr(DONE, "json")
    assert getattr(DONE, "copy", None) is None
