"""A conversation as data, and back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from realtime_sync.agents.conversation_export import (
    export_conversation,
    export_items,
    import_items,
)
from realtime_sync.conversation.history_item import HistoryItem, HistoryPart, read
from realtime_sync.errors import ConfigError, UserError


def message(role: str, *parts: HistoryPart, **fields: Any) -> HistoryItem:
    item = HistoryItem("item", "message", "completed", role, parts)
    return evolve(item, **fields)


def call(number: int = 1, **fields: Any) -> HistoryItem:
    item = HistoryItem(f"call{number}", "function_call", "completed", call_id=f"c{number}")
    return evolve(item, **{"name": "look", "arguments": "{}", **fields})


def output(number: int = 1, **fields: Any) -> HistoryItem:
    item = HistoryItem(f"output{number}", "function_call_output", "completed", call_id=f"c{number}")
    return evolve(item, **{"output": "found", **fields})


def whole(*items: HistoryItem) -> Callable[[str], str]:
    """All words were heard."""
    words = {item.id: " ".join(part.text for part in item.parts if part.text) for item in items}
    return words.__getitem__


SAID = HistoryPart("output_audio", "Hello, how are you?")


# -- out -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "part", "content"),
    [
        ("user", HistoryPart("input_text", "Hi"), {"type": "input_text", "text": "Hi"}),
        ("user", HistoryPart("input_audio", "Hi"), {"type": "input_audio", "transcript": "Hi"}),
        ("system", HistoryPart("input_text", "Be"), {"type": "input_text", "text": "Be"}),
        ("assistant", HistoryPart("output_text", "Hi"), {"type": "output_text", "text": "Hi"}),
        (
            "assistant",
            HistoryPart("output_audio", "Hi"),
            {"type": "output_audio", "transcript": "Hi"},
        ),
        (
            "user",
            HistoryPart("input_image", image_url="data:,", detail="low"),
            {"type": "input_image", "image_url": "data:,", "detail": "low"},
        ),
        (
            "user",
            HistoryPart("input_image", image_url="data:,"),
            {"type": "input_image", "image_url": "data:,"},
        ),
        ("user", HistoryPart("input_text", "\ud83d"), {"type": "input_text", "text": "\ufffd"}),
    ],
)
def test_messages_have_their_words_and_no_audio(
    role: str, part: HistoryPart, content: dict[str, Any]
) -> None:
    item = message(role, part)
    assert export_items([item], whole(item)) == [
        {
            "id": "item",
            "type": "message",
            "status": "completed",
            "role": role,
            "content": [content],
        }
    ]


def test_of_an_answer_that_was_cut_there_is_what_was_heard() -> None:
    item = message("assistant", SAID, HistoryPart("output_audio", "Well?"), cut_ms=100)
    [form] = export_items([item], lambda item_id: {"item": "Hello, how"}[item_id])
    assert form["content"] == [{"type": "output_audio", "transcript": "Hello, how"}]
    assert form["status"] == "incomplete"
    assert export_items([item], lambda item_id: "") == []


def test_what_the_user_said_was_heard() -> None:
    item = message("user", HistoryPart("input_audio", "Hello"))
    [form] = export_items([item], lambda item_id: "")
    assert form["content"] == [{"type": "input_audio", "transcript": "Hello"}]


def test_an_answer_that_goes_on_is_incomplete() -> None:
    item = message("assistant", SAID, status="in_progress")
    [form] = export_items([item], whole(item))
    assert (form["status"], form["content"][0]["transcript"]) == ("incomplete", SAID.text)


@pytest.mark.parametrize(
    "item",
    [
        message("user", HistoryPart("input_audio", "Mhm."), ignored=True),
        message("user", HistoryPart("input_audio")),
        message("user"),
        message("assistant"),
        message("tool", HistoryPart("input_text", "Hi")),
        message("user", HistoryPart("input_text", "Hi"), id="\ud83d"),
        message("user", HistoryPart("input_text", "Hi"), type="mcp_call"),
        call(status="in_progress"),
        call(arguments=None),
        call(name=""),
        call(call_id=""),
        output(output=None),
        output(call_id=""),
    ],
)
def test_what_is_left_out(item: HistoryItem) -> None:
    assert export_items([item], whole(item)) == []


def test_calls_and_outputs() -> None:
    items = [call(), output(output="")]
    assert export_items(items, whole()) == [
        {
            "id": "call1",
            "type": "function_call",
            "status": "completed",
            "call_id": "c1",
            "name": "look",
            "arguments": "{}",
        },
        {
            "id": "output1",
            "type": "function_call_output",
            "status": "completed",
            "call_id": "c1",
            "output": "",
        },
    ]


def test_the_whole_of_it() -> None:
    assert export_conversation([], whole()) == {"version": 1, "items": [], "agent": None}
    assert export_conversation([], whole(), agent="Billing")["agent"] == "Billing"


# -- in ------------------------------------------------------------------------------------------


def history(*items: Any, **fields: Any) -> dict[str, Any]:
    return {"version": 1, "items": list(items), "agent": None, **fields}


def wire(**fields: Any) -> dict[str, Any]:
    content = [{"type": "input_text", "text": "Hi"}]
    return {"id": "item", "type": "message", "role": "user", "content": content, **fields}


def test_words_become_text_that_can_be_created() -> None:
    user = message("user", HistoryPart("input_audio", "Hi"), id="i1")
    agent = message("assistant", SAID, id="i2")
    items = [user, agent, call(), output()]
    data = json.loads(json.dumps(export_conversation(items, whole(*items))))
    assert import_items(data) == [
        {
            "id": "i1",
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Hi"}],
        },
        {
            "id": "i2",
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": SAID.text}],
        },
        {
            "id": "call1",
            "type": "function_call",
            "call_id": "c1",
            "name": "look",
            "arguments": "{}",
        },
        {
            "id": "output1",
            "type": "function_call_output",
            "call_id": "c1",
            "output": "found",
        },
    ]


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        ([call(1)], []),
        ([output(1)], []),
        ([output(1), call(1)], []),
        ([call(1), call(2), output(2)], ["call2", "output2"]),
        ([call(1), call(2), output(2), output(1)], ["call1", "call2", "output2", "output1"]),
        ([call(1), output(1), output(1, id="again")], ["call1", "output1"]),
        ([call(1), call(1, id="again"), output(1)], ["call1", "output1"]),
        (
            [call(1), output(1), call(1, id="again"), output(1, id="again, too")],
            ["call1", "output1"],
        ),
    ],
)
def test_orphans_are_left_out(items: list[HistoryItem], kept: list[str]) -> None:
    data = export_conversation(items, whole(*items))
    assert [item["id"] for item in import_items(data)] == kept


def test_a_message_that_says_nothing_is_left_out() -> None:
    sound_alone = [{"type": "input_audio", "audio": "AAAA"}]
    assert import_items(history(wire(content=sound_alone), wire(id="i2", content=[]))) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (None, "a history is a mapping, not NoneType"),
        ([], "a history is a mapping, not list"),
        ({}, "the history has the version None"),
        (history(version=2), "the history has the version 2, and this program reads 1"),
        (history(version="1"), "the history has the version '1'"),
        (history(agent=5), "the history's agent must be a name or null, not int"),
        (history(items={}), "the history's items must be a list, not dict"),
        (history(items=None), "the history's items must be a list, not NoneType"),
        (history(wire(), "Hi"), r"items\[1\] of the history is no object, but str"),
        (history(wire(id=None)), r"items\[0\] of the history has no id"),
        (history(wire(id="\ud83d")), r"items\[0\] of the history has no id"),
        (history(wire(), wire(id="i2"), wire()), r"items\[2\] .* has the id of items\[0\]"),
        (history(wire(type="mcp_call")), r"items\[0\] .* has the type 'mcp_call'; known are"),
        (history(wire(type=["message"])), r"items\[0\] .* has the type \['message'\]"),
        (history(wire(role=None)), r"items\[0\] .* has no role"),
        (history(wire(role="tool")), r"items\[0\] .* has the role 'tool'; known are user,"),
        (history(wire(content="Hi")), r"items\[0\] .* has no content"),
        (history(wire(content=["Hi"])), r"items\[0\] .* has no content"),
        (history(wire(type="function_call", call_id="c", name="n")), "has no arguments"),
        (history(wire(type="function_call", call_id="c", name="", arguments="")), "has no name"),
        (history(wire(type="function_call_output", call_id="", output="")), "has no call_id"),
        (history(wire(type="function_call_output", call_id="c", output={})), "has no output"),
    ],
)
def test_a_bad_history_is_named(data: object, words: str) -> None:
    with pytest.raises(UserError, match=words) as raised:
        import_items(data)
    assert isinstance(raised.value, ConfigError)


# -- out and in ----------------------------------------------------------------------------------

TEXT = st.text(max_size=12)
ROLES = {
    "user": ["input_text", "input_audio"],
    "assistant": ["output_text", "output_audio"],
    "system": ["input_text"],
}


@st.composite
def messages(draw: st.DrawFn) -> HistoryItem:
    role = draw(st.sampled_from(sorted(ROLES)))
    parts = st.builds(HistoryPart, st.sampled_from(ROLES[role]), TEXT)
    status: Any = draw(st.sampled_from(["completed", "incomplete", "in_progress"]))
    content = tuple(draw(st.lists(parts, max_size=3)))
    return HistoryItem("", "message", status, role, content, ignored=draw(st.booleans()))


CALLS = st.builds(call, st.integers(0, 3), arguments=TEXT)
OUTPUTS = st.builds(output, st.integers(0, 3), output=TEXT)


@given(
    found=st.lists(messages() | CALLS | OUTPUTS, max_size=10),
    cut=st.dictionaries(st.integers(0, 9), st.integers(0, 12)),
)
def test_what_goes_out_comes_in_again(found: list[HistoryItem], cut: dict[int, int]) -> None:
    items = [evolve(item, id=f"item{n}") for n, item in enumerate(found)]
    words = {item.id: whole(item)(item.id) for item in items}
    heard = {
        item.id: words[item.id][: cut.get(n)] if item.role == "assistant" else words[item.id]
        for n, item in enumerate(items)
    }
    exported = export_conversation(items, heard.__getitem__)
    data = json.loads(json.dumps(exported))
    created = import_items(data)

    said = {form["id"]: form for form in created if form["type"] == "message"}
    told = [item for item in items if item.type == "message" and not item.ignored]
    assert list(said) == [item.id for item in told if heard[item.id]]
    for item in told:
        if heard[item.id]:
            content = said[item.id]["content"]
            assert " ".join(part["text"] for part in content) == heard[item.id]
            assert said[item.id]["role"] == item.role

    calls = [form["call_id"] for form in created if form["type"] == "function_call"]
    outputs = [form["call_id"] for form in created if form["type"] == "function_call_output"]
    assert sorted(calls) == sorted(outputs) == sorted(set(calls))

    again = [item for form in created if (item := read(form, done=True)) is not None]
    assert import_items(export_conversation(again, whole(*again))) == created
