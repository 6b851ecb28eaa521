"""The names of `openai.types.realtime`, each against what it is there.

What it is there is in ``openai_types.json``; ``tests/support/openai_types.py`` says how the file is
made, and ``tests/peers/test_openai_types.py`` whether it is that of the newest version.
"""

from __future__ import annotations

import json
import subprocess
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

import attrs
import pytest
import typing_extensions
from openai_types import Description, classes, literals

from realtime_sync import events
from realtime_sync.events import Model, parse_client_event, parse_event

NAMES: dict[str, Description] = json.loads(
    Path(__file__).with_name("openai_types.json").read_text("utf-8")
)["names"]
EVENTS = [
    (name, kind)
    for name, theirs in NAMES.items()
    if theirs["kind"] == "model"
    for kind in theirs["tag"].get("type", [])
    if kind in events.SERVER_EVENTS or kind in events.CLIENT_EVENTS
]

# Fields that are optional in ours, with the reason.
LENIENT = {
    "ClientSecretCreateResponse": {"session"},  # the key alone is of use
    "RealtimeTranslationClientSecretCreateResponse": {"session"},
    "RealtimeSessionCreateResponse": {"id", "object"},  # one class for request and answer
    "RealtimeTranscriptionSessionCreateResponse": {"id", "object"},
    "RealtimeTranslationSession": {"audio", "expires_at", "id", "model"},
}
# What unions of ours have in addition.
MORE = {
    "ConversationItem": {"ItemReference", "UnknownItem"},
    "ConversationItemParam": {"ResponseItemReferenceParam"},
    "RealtimeClientEvent": {"SessionClose", "SessionInputAudioBufferAppend", "UnknownEvent"},
    "RealtimeServerEvent": {
        "Reconnected",
        "SessionClosed",
        "SessionInputTranscriptDelta",
        "SessionOutputAudioDelta",
        "SessionOutputTranscriptDelta",
        "UnknownEvent",
    },
    "RealtimeTranslationServerEvent": {"UnknownEvent"},
}
# Fields of dictionaries that one of ours has for several of theirs.
JOINED = {"AudioFormatParam": {"rate"}}


def hints_of(value: Any) -> dict[str, Any]:
    return typing_extensions.get_type_hints(value, include_extras=True)


def fields_of(value: Any) -> dict[str, bool]:
    """The fields of a class of ours, and whether each is required."""
    if typing_extensions.is_typeddict(value):
        hints = hints_of(value).items()
        return {name: get_origin(hint) is typing_extensions.Required for name, hint in hints}
    assert issubclass(value, Model)
    fields = (f for f in attrs.fields(value) if f.name not in ("extra", "raw"))
    return {field.name: field.default is attrs.NOTHING for field in fields}


def check_class(ours: Any, theirs: Description, lenient: set[str]) -> None:
    """A class or a dictionary of ours has the fields of theirs, and the same tag."""
    is_dictionary = typing_extensions.is_typeddict(ours)
    assert is_dictionary == (theirs["kind"] == "dictionary")
    own, hints = fields_of(ours), hints_of(ours)
    assert own.keys() >= theirs["fields"].keys()
    if is_dictionary:
        assert own.keys() - theirs["fields"].keys() <= JOINED.get(ours.__name__, set())
    for name, required in theirs["fields"].items():
        if is_dictionary or name not in ("type", "role"):  # a class says these by itself
            assert own[name] == (required and name not in lenient), name
    for name, values in theirs["tag"].items():
        known = literals(hints[name])
        assert set(values) <= set(known) or not known, f"{name} is {known}"


def check_union(name: str, ours: Any, theirs: Description) -> None:
    left = {cls.__name__ for cls in classes(ours)}
    for member in theirs["members"]:
        if isinstance(member, str):
            found = classes(getattr(events, member))
            assert set(found) <= set(classes(ours)), member
        else:
            found = [cls for cls in classes(ours) if fits(cls, member)]
            assert len(found) == 1, f"{found} for {member}"
        left -= {cls.__name__ for cls in found}
    assert left == MORE.get(name, set())
    assert literals(ours) == theirs["literals"]


def fits(ours: Any, theirs: Description) -> bool:
    try:
        check_class(ours, theirs, set())
    except AssertionError:
        return False
    return True


def check(name: str, ours: Any, theirs: Description) -> None:
    if theirs["kind"] == "union":
        check_union(name, ours, theirs)
    elif theirs["kind"] == "list":
        assert get_origin(ours) is list
        check(name, get_args(ours)[0], theirs["of"])
    else:
        check_class(ours, theirs, LENIENT.get(name, set()))


def test_all_names_are_here() -> None:
    assert (len(NAMES), len(EVENTS)) == (181, 62)
    assert set(NAMES) <= set(events.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_it_is_there(name: str) -> None:
    check(name, getattr(events, name), NAMES[name])


@pytest.mark.parametrize(("name", "type"), EVENTS)
def test_a_name_of_an_event_is_the_class_that_is_received_or_sent(name: str, type: str) -> None:
    """So `isinstance` with the ported name finds what the connection gives."""
    parse = parse_event if type in events.SERVER_EVENTS else parse_client_event
    assert parse(json.dumps({"type": type})).__class__ is getattr(events, name)


@pytest.mark.parametrize(
    ("type", "name"),
    [
        ("protocol_error", "RealtimeMcpProtocolError"),
        ("tool_execution_error", "RealtimeMcpToolExecutionError"),
        ("http_error", "RealtimeMcphttpError"),
        ("error_of_tomorrow", "McpError"),
    ],
)
def test_the_errors_of_mcp_tools_are_told_apart(type: str, name: str) -> None:
    error = {"type": type, "message": "no", "code": 502}
    call = events.RealtimeMcpToolCall(
        id="item_1", name="f", arguments="{}", server_label="s", error=error
    )
    assert call.error.__class__ is getattr(events, name)
    assert call.to_dict()["error"] == error


def test_an_error_of_an_mcp_tool_that_is_no_object_stays_as_it_came() -> None:
    item = {"type": "mcp_call", "id": "i", "name": "f", "arguments": "", "server_label": "s"}
    event = {"type": "conversation.item.done", "item": {**item, "error": "timeout"}}
    parsed = parse_event(json.dumps(event))
    assert isinstance(parsed, events.ConversationItemDone)
    assert isinstance(parsed.item, events.RealtimeMcpToolCall)
    assert parsed.item.error == "timeout"


def test_names_that_are_not_ours_are_loaded_when_somebody_asks() -> None:
    program = """
import sys
from realtime_sync import events
print("realtime_sync.events._ported" in sys.modules)
events.ResponseDoneEvent
print("realtime_sync.events._ported" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"False", b"True"]


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="ResponseDonneEvent"):
        events.ResponseDonneEvent  # type: ignore[attr-defined]  # noqa: B018


# -- a checker that cannot fail proves nothing ---------------------------------------------------


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("ResponseTextDoneEvent", events.ResponseOutputTextDelta),  # other fields
        ("InputAudioBufferClearEvent", events.InputAudioBufferCommit),  # only another tag
        ("ResponseCancelEventParam", events.ResponseCancel),  # no dictionary
        ("ResponseCancelEvent", typing.cast("Any", events).ResponseCancelEventParam),  # no class
        ("SessionUpdateEventParam", typing.cast("Any", events).ResponseCreateEventParam),
        ("RealtimeTranslationClientEvent", events.ClientEvent),  # more members
        ("RealtimeTruncation", events.RetentionRatio),  # no literals
        ("RealtimeToolsConfig", events.Tool),  # no list
    ],
)
def test_the_check_sees_a_wrong_one(name: str, wrong: Any) -> None:
    check(name, getattr(events, name), NAMES[name])
    with pytest.raises(AssertionError):
        check(name, wrong, NAMES[name])


def test_an_exception_is_needed() -> None:
    def is_met(name: str) -> bool:
        ours: Mapping[str, bool] = fields_of(getattr(events, name))
        return all(not ours[f] and NAMES[name]["fields"][f] for f in LENIENT[name])

    assert all(map(is_met, LENIENT))
