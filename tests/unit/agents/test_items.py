"""Items: what programs call on them, and how they come from the history and from the wire."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from realtime_sync.agents.items import (
    AssistantAudio,
    AssistantMessageItem,
    AssistantText,
    InputAudio,
    InputImage,
    InputText,
    RealtimeResponse,
    RealtimeToolCallItem,
    SystemMessageItem,
    UserMessageItem,
    item_of,
    items_of,
    of_wire,
)
from realtime_sync.conversation.history_item import HistoryItem, HistoryPart, read
from realtime_sync.errors import UserError

ANSWER = AssistantMessageItem(
    item_id="item_1", status="completed", content=[AssistantAudio(transcript="Hello.")]
)


# -- what programs call ----------------------------------------------------------------------------


def test_a_dump_has_all_fields_in_order_and_what_is_unknown_last() -> None:
    item = ANSWER.model_copy(update={"heard": "Hel"})
    dump = item.model_dump(mode="json")
    assert dump == {
        "item_id": "item_1",
        "previous_item_id": None,
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "audio", "audio": None, "transcript": "Hello."}],
        "heard": "Hel",
    }
    assert list(dump) == [*list(ANSWER.model_dump()), "heard"]


def test_a_dump_may_leave_out_what_is_none() -> None:
    assert ANSWER.model_dump(exclude_none=True) == {
        "item_id": "item_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "audio", "transcript": "Hello."}],
    }


def test_a_dump_is_a_copy() -> None:
    item = UserMessageItem(item_id="item_1", content=[InputText(text="a", model_extra={"x": [1]})])
    dump = item.model_dump()
    dump["content"][0]["x"].append(2)
    dump["content"].clear()
    assert item.content[0].model_extra == {"x": [1]}


def test_json_is_the_dump() -> None:
    assert json.loads(ANSWER.model_dump_json()) == ANSWER.model_dump()
    assert ": " not in ANSWER.model_dump_json()
    assert json.loads(ANSWER.model_dump_json(exclude_none=True)) == ANSWER.model_dump(
        exclude_none=True
    )
    assert ANSWER.model_dump_json(indent=2).startswith('{\n  "item_id"')


def test_a_copy_is_another_with_some_fields_changed() -> None:
    call = RealtimeToolCallItem(
        item_id="i", call_id="c", status="in_progress", arguments="{}", name="weather"
    )
    done = call.model_copy(update={"status": "completed", "output": "sunny", "extra": 1})
    assert (call.status, call.output, call.model_extra) == ("in_progress", None, {})
    assert (done.status, done.output, done.model_extra) == ("completed", "sunny", {"extra": 1})


def test_a_copy_may_be_deep() -> None:
    assert ANSWER.model_copy().content is ANSWER.content
    deep = ANSWER.model_copy(deep=True)
    assert deep == ANSWER
    assert deep.content[0] is not ANSWER.content[0]


@pytest.mark.parametrize(
    "item",
    [
        ANSWER,
        AssistantMessageItem(item_id="i", content=[AssistantText(text="a")]),
        SystemMessageItem(item_id="i", previous_item_id="h", content=[InputText(text="b")]),
        UserMessageItem(
            item_id="i",
            content=[
                InputText(text="a"),
                InputAudio(transcript="b"),
                InputImage(image_url="data:"),
            ],
            model_extra={"new": [1]},
        ),
        RealtimeToolCallItem(
            item_id="i", call_id=None, status="completed", arguments="{}", name="n", output="o"
        ),
    ],
)
def test_what_was_dumped_is_validated_again(item: Any) -> None:
    assert type(item).model_validate(item.model_dump()) == item
    assert type(item).model_validate(json.loads(item.model_dump_json())) == item
    assert type(item).model_validate(item) is item


@pytest.mark.parametrize(
    ("cls", "wrong", "message"),
    [
        (UserMessageItem, {"item_id": "i"}, "UserMessageItem needs 'content'"),
        (UserMessageItem, "x", "UserMessageItem needs an object, got 'x'"),
        (UserMessageItem, {"item_id": "i", "role": "system", "content": []}, "has the role 'user'"),
        (InputText, {"type": "input_audio"}, "InputText has the type 'input_text', got"),
        (
            UserMessageItem,
            {"item_id": "i", "content": [{"type": "audio"}]},
            "UserMessageItem has no content such as",
        ),
        (UserMessageItem, {"item_id": "i", "content": ["x"]}, "has no content such as 'x'"),
    ],
)
def test_what_is_no_such_item_is_refused(cls: Any, wrong: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        cls.model_validate(wrong)


def test_a_repr_is_short() -> None:
    item = UserMessageItem(item_id="i", content=[InputAudio(audio="A" * 1000)])
    assert len(repr(item)) < 200
    assert repr(InputText(text="a")) == "InputText(text='a')"


def test_a_response_has_messages() -> None:
    assert RealtimeResponse(id="r", output=[ANSWER]).model_dump()["output"] == [ANSWER.model_dump()]


# -- from the history ------------------------------------------------------------------------------


def message(role: str, *parts: HistoryPart, **fields: Any) -> HistoryItem:
    return HistoryItem("item_1", "message", "in_progress", role, parts, **fields)


def test_a_message_of_each_role() -> None:
    said = HistoryPart("input_audio", "Hi!")
    image = HistoryPart("input_image", image_url="data:x", detail="low")
    assert item_of(message("user", said, HistoryPart("input_text", "a"), image), "item_0") == (
        UserMessageItem(
            item_id="item_1",
            previous_item_id="item_0",
            content=[
                InputAudio(transcript="Hi!"),
                InputText(text="a"),
                InputImage(image_url="data:x", detail="low"),
            ],
        )
    )
    assert item_of(message("system", HistoryPart("input_text", "Be brief."))) == SystemMessageItem(
        item_id="item_1", content=[InputText(text="Be brief.")]
    )
    parts = (HistoryPart("output_audio", "Hello."), HistoryPart("output_text", "x"))
    assert item_of(message("assistant", *parts)) == AssistantMessageItem(
        item_id="item_1",
        status="in_progress",
        content=[AssistantAudio(transcript="Hello."), AssistantText(text="x")],
    )


def test_parts_of_other_roles_and_unknown_ones_are_left_out() -> None:
    parts = (HistoryPart("output_audio", "x"), HistoryPart("new"), HistoryPart("input_text", "a"))
    item = item_of(message("user", *parts))
    assert item == UserMessageItem(item_id="item_1", content=[InputText(text="a")])


@pytest.mark.parametrize(
    "item",
    [
        message("user", ignored=True),
        message("tool"),
        HistoryItem("i", "mcp_call", "completed"),
        HistoryItem("i", "function_call_output", "completed", call_id="c", output="x"),
    ],
)
def test_what_is_no_item_for_programs(item: HistoryItem) -> None:
    assert item_of(item) is None
    assert items_of([item]) == []


def test_a_call_comes_with_its_output() -> None:
    call = HistoryItem(
        "item_2", "function_call", "completed", call_id="c", name="n", arguments="{}"
    )
    output = HistoryItem("item_3", "function_call_output", "completed", call_id="c", output="")
    said, answer = message("user"), HistoryItem("item_4", "message", "completed", "assistant")
    before, after = items_of([said, call]), items_of([said, call, output, answer])
    assert before[1] == RealtimeToolCallItem(
        item_id="item_2",
        previous_item_id="item_1",
        call_id="c",
        status="in_progress",
        arguments="{}",
        name="n",
    )
    assert after[1] == before[1].model_copy(update={"status": "completed", "output": ""})
    assert [(i.item_id, i.previous_item_id) for i in after] == [
        ("item_1", None),
        ("item_2", "item_1"),
        ("item_4", "item_2"),
    ]


def test_a_call_that_the_model_still_writes_is_not_shown() -> None:
    call = HistoryItem("i", "function_call", "in_progress", call_id="c", name="n", arguments="{")
    assert item_of(call) is None
    assert items_of([message("user"), call]) == items_of([message("user")])


@pytest.mark.parametrize(("status", "output"), [("incomplete", None), ("in_progress", "it rains")])
def test_but_one_that_was_cut_off_is_and_one_that_is_answered(status: Any, output: Any) -> None:
    item = item_of(HistoryItem("i", "function_call", status), output=output)
    assert isinstance(item, RealtimeToolCallItem)
    assert (item.arguments, item.call_id, item.output) == ("", None, output)


# -- from the wire ---------------------------------------------------------------------------------


def test_an_item_from_the_wire_keeps_what_is_unknown() -> None:
    wire = {
        "id": "item_1",
        "object": "realtime.item",
        "type": "message",
        "role": "assistant",
        "status": "incomplete",
        "content": [
            {"type": "output_audio", "transcript": "a", "audio": "AAA=", "new": 1},
            {"type": "audio", "transcript": "b"},
            {"type": "output_text", "text": "c"},
            {"type": "text", "text": 5},
            {"type": ["x"]},
            "x",
        ],
        "phase": "final",
    }
    assert of_wire(wire, "item_0") == AssistantMessageItem(
        item_id="item_1",
        previous_item_id="item_0",
        status="incomplete",
        content=[
            AssistantAudio(transcript="a", audio="AAA=", model_extra={"new": 1}),
            AssistantAudio(transcript="b"),
            AssistantText(text="c"),
            AssistantText(),
        ],
        model_extra={"phase": "final"},
    )


@pytest.mark.parametrize(("done", "status"), [(False, "in_progress"), (True, "completed")])
def test_without_a_status_it_is_complete_when_the_server_says_so(done: bool, status: str) -> None:
    item = of_wire({"id": "i", "role": "assistant", "status": "cancelled"}, done=done)
    assert item == AssistantMessageItem(item_id="i", status=status, content=[])  # type: ignore[arg-type]


def test_a_call_from_the_wire_has_no_output_yet() -> None:
    wire = {"id": "i", "type": "function_call", "status": "completed", "call_id": "c", "name": "n"}
    assert of_wire({**wire, "arguments": "{}"}) == RealtimeToolCallItem(
        item_id="i", call_id="c", status="in_progress", arguments="{}", name="n"
    )


@pytest.mark.parametrize(
    "wire", [None, "x", {}, {"type": "mcp_call"}, {"role": ["user"]}, {"role": 1}]
)
def test_what_is_nobodys_item(wire: Any) -> None:
    assert of_wire(wire) is None


ODD: list[Any] = [None, True, 5, "", "x", "\ud83d", [], [None], {}, {"type": None}, [["x"]]]
FIELDS = ["id", "status", "content", "call_id", "name", "arguments", "model_extra"]
PARTS = ["text", "audio", "transcript", "image_url", "model_extra", "new"]
KINDS: list[dict[str, Any]] = [
    {"type": "function_call"},
    *({"type": "message", "role": role} for role in ("user", "assistant", "system")),
]


def odd_items() -> Iterator[dict[str, Any]]:
    """Each kind of item, and each kind of part, with odd fields."""
    for kind, value in itertools.product(KINDS, ODD):
        yield {**kind, **dict.fromkeys(FIELDS, value)}
        yield {**kind, "id": "i", "type": value}
        yield {**kind, "id": "i", "role": value}
        for part in ("input_text", "input_audio", "input_image", "output_text", "audio", value):
            content = [{"type": part, **dict.fromkeys(PARTS, value)}, value]
            yield {**kind, "id": "i", "content": content}


def test_nothing_that_a_server_sends_raises() -> None:
    for wire in odd_items():
        item = of_wire(wire)
        if item is not None:
            assert json.loads(item.model_dump_json())["item_id"] == item.item_id
        if (known := read(wire, done=False)) is not None:
            items_of([known])
