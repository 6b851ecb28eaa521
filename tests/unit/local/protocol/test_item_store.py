from __future__ import annotations

import base64
from typing import Any

import pytest
from bench import Bench, types

from realtime_sync.local.protocol.item_store import ItemStore
from realtime_sync.local.protocol.stored_items import StoredItem, StoredPart
from realtime_sync.local.server_settings import ServerSettings

ADDED = ["conversation.item.added", "conversation.item.done"]
PCM = base64.b64encode(bytes(4_800)).decode()
CALL = {"type": "function_call", "name": "f", "arguments": "{}"}
TEXT = [{"type": "input_text", "text": "Hello"}]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def create(bench: Bench, item: Any, **fields: Any) -> list[dict[str, Any]]:
    return bench.send("conversation.item.create", item=item, **fields)


@pytest.mark.parametrize(
    "item",
    [
        {"type": "message", "role": "system", "content": TEXT},
        {"type": "message", "role": "user", "content": TEXT * 2},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_image", "image_url": "data:image/png;base64,AA"}],
        },
        {
            "type": "message",
            "role": "assistant",
            "status": "incomplete",
            "content": [{"type": "output_text", "text": "Hi"}],
        },
        {**CALL, "call_id": "call_2"},
        {"type": "function_call_output", "call_id": "call_1", "output": "7"},
        {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True},
        {"type": "mcp_approval_request", "server_label": "s", "name": "f", "arguments": "{}"},
        {"type": "mcp_list_tools", "server_label": "s", "tools": []},
        {"type": "mcp_call", "server_label": "s", "name": "f", "arguments": "{}"},
    ],
    ids=lambda item: item.get("role", item["type"]),
)
def test_every_kind_of_item_comes_back_as_it_was_sent(bench: Bench, item: dict[str, Any]) -> None:
    create(bench, {**CALL, "call_id": "call_1"})
    added, done = create(bench, {"id": "mine", **item})
    assert types([added, done]) == ADDED
    assert added["item"] == done["item"]
    assert {"id": "mine", **item}.items() <= added["item"].items()
    (event,) = bench.send("conversation.item.retrieve", item_id="mine")
    assert event["item"] == added["item"]
    bench.send("response.create")
    assert bench.responses[0].context[-1].for_prompt()["type"] == item["type"]


def test_audio_is_kept_but_not_repeated(bench: Bench) -> None:
    content = [{"type": "input_audio", "audio": PCM, "transcript": "what I said"}]
    added, _ = create(bench, {"type": "message", "role": "user", "content": content})
    assert added["item"]["content"] == [{"type": "input_audio", "transcript": "what I said"}]
    (event,) = bench.send("conversation.item.retrieve", item_id=added["item"]["id"])
    assert event["item"]["content"][0]["audio"] == PCM


def test_order(bench: Bench) -> None:
    def add(item_id: str, **fields: Any) -> str | None:
        item = {"id": item_id, "type": "message", "role": "user", "content": TEXT}
        previous: str | None = create(bench, item, **fields)[0]["previous_item_id"]
        return previous

    assert add("a") is None
    assert add("b") == "a"
    assert add("c", previous_item_id="a") == "a"
    assert add("d", previous_item_id="root") is None
    assert add("e") == "b"
    bench.send("response.create")
    assert [item.id for item in bench.responses[0].context] == ["d", "a", "c", "b", "e"]


@pytest.mark.parametrize(
    ("item", "code", "param"),
    [
        ("text", "invalid_type", "item"),
        ({}, "missing_required_parameter", "item.type"),
        ({"type": "reference"}, "invalid_value", "item.type"),
        ({"type": "message", "content": TEXT}, "missing_required_parameter", "item.role"),
        ({"type": "message", "role": "tool", "content": TEXT}, "invalid_value", "item.role"),
        ({"type": "message", "role": "user"}, "missing_required_parameter", "item.content"),
        ({"type": "message", "role": "user", "content": []}, "invalid_value", "item.content"),
        ({"type": "message", "role": "user", "content": "x"}, "invalid_type", "item.content"),
        (
            {"type": "message", "role": "user", "content": TEXT * 1_001},
            "array_above_max_length",
            "item.content",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "text", "text": "x"}]},
            "invalid_value",
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [*TEXT, {"type": "input_text"}]},
            "missing_required_parameter",
            "item.content[1].text",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "?"}]},
            "invalid_value",
            "item.content[0].audio",
        ),
        (
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_audio", "audio": "AAAA"}],
            },
            "invalid_value",
            "item.content[0].audio",
        ),
        (
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "transcript": "x"}],
            },
            "invalid_value",
            "item.content[0].type",
        ),
        ({**CALL, "name": ""}, "invalid_value", "item.name"),
        ({**CALL, "color": 1}, "unknown_parameter", "item.color"),
        ({**CALL, "id": ""}, "invalid_value", "item.id"),
        ({**CALL, "id": "x" * 33}, "string_above_max_length", "item.id"),
        (
            {"type": "function_call_output", "call_id": "call_0", "output": ""},
            "invalid_tool_call_id",
            "item.call_id",
        ),
    ],
)
def test_bad_items_name_the_field(bench: Bench, item: Any, code: str, param: str) -> None:
    error = bench.error("conversation.item.create", item=item, event_id="e1")
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "e1")


def test_ids(bench: Bench) -> None:
    create(bench, {**CALL, "id": "one"})
    twice = bench.error("conversation.item.create", item={**CALL, "id": "one"})
    assert "'one' already exists" in twice["message"]
    item = {**CALL, "id": "two"}
    lost = bench.error("conversation.item.create", item=item, previous_item_id="nowhere")
    assert lost["param"] == "previous_item_id"
    assert "'nowhere'" in lost["message"]
    gone = bench.error("conversation.item.retrieve", item_id="two")
    assert gone["code"] == "item_retrieve_invalid_item_id"


def test_delete(bench: Bench) -> None:
    create(bench, {**CALL, "id": "one"})
    (event,) = bench.send("conversation.item.delete", item_id="one")
    assert (event["type"], event["item_id"]) == ("conversation.item.deleted", "one")
    error = bench.error("conversation.item.delete", item_id="one")
    assert error["code"] == "item_delete_invalid_item_id"


def test_truncate_keeps_the_words_that_were_heard(bench: Bench) -> None:
    bench.send("response.create")
    bench.say("One two ", ms=1_000)
    bench.say("three four", ms=1_000)
    item = bench.finish()[-2]["response"]["output"][0]
    place = {"item_id": item["id"], "content_index": 0}
    error = bench.error("conversation.item.truncate", **place, audio_end_ms=2_001)
    assert error["message"] == "Audio content of 2000ms is already shorter than 2001ms"
    assert bench.send("conversation.item.truncate", **place, audio_end_ms=2_000)
    (event,) = bench.send("conversation.item.retrieve", item_id=item["id"])
    assert event["item"]["content"][0]["transcript"] == "One two three four"
    (event,) = bench.send("conversation.item.truncate", **place, audio_end_ms=1_499)
    assert event["audio_end_ms"] == 1_499
    (event,) = bench.send("conversation.item.retrieve", item_id=item["id"])
    part = event["item"]["content"][0]
    assert part["transcript"] == "One two"
    assert len(base64.b64decode(part["audio"])) == 1_499 * 48
    error = bench.error("conversation.item.truncate", **place, audio_end_ms=1_500)
    assert "1499ms is already shorter than 1500ms" in error["message"]
    bench.send("conversation.item.truncate", **place, audio_end_ms=0)
    (event,) = bench.send("conversation.item.retrieve", item_id=item["id"])
    assert event["item"]["content"][0]["transcript"] == ""


def test_an_answer_truncated_while_it_is_made_stays_truncated(bench: Bench) -> None:
    bench.send("response.create")
    events = bench.say("One two three ", ms=900)
    item_id = events[0]["item"]["id"]
    bench.send("conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=400)
    bench.say("four", ms=300)
    response = bench.finish()[-2]["response"]
    assert response["output"][0]["content"][0]["transcript"] == "One"


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"item_id": "user"}, "invalid_value", "item_id"),
        ({"item_id": "nothing"}, "item_truncate_invalid_item_id", "item_id"),
        ({"audio_end_ms": -1}, "integer_below_min_value", "audio_end_ms"),
        ({"audio_end_ms": 1.5}, "invalid_type", "audio_end_ms"),
        ({"content_index": 1}, "invalid_value", "content_index"),
    ],
)
def test_bad_truncation(bench: Bench, fields: dict[str, Any], code: str, param: str) -> None:
    bench.write("Hello", id="user")
    bench.send("response.create")
    item_id = bench.say("One", ms=500)[0]["item"]["id"]
    place = {"item_id": item_id, "content_index": 0, "audio_end_ms": 0}
    error = bench.error("conversation.item.truncate", **(place | fields))
    assert (error["code"], error["param"]) == (code, param)
    if fields.get("item_id") == "user":
        assert error["message"] == "Only model output audio messages can be truncated"


def test_the_oldest_sound_goes_first() -> None:
    conversation = ItemStore(ServerSettings(max_conversation_mib=1))
    for name in "abc":
        part = StoredPart("input_audio", audio=bytes(400_000), transcript=name)
        conversation.add(StoredItem(name, "message", role="user", content=[part]))
    assert [item.audio_bytes for item in conversation] == [0, 400_000, 400_000]
    assert [item.content[0].transcript for item in conversation] == ["a", "b", "c"]


def test_an_answer_without_its_first_sound_keeps_none() -> None:
    conversation = ItemStore(ServerSettings(max_conversation_mib=1))
    growing = StoredPart("output_audio", audio=bytearray(400_000))
    item = StoredItem("growing", "message", role="assistant", content=[growing])
    conversation.add(item)
    growing.audio += bytes(400_000)  # type: ignore[operator]  # it is there
    conversation.measure(item)
    assert item.audio_bytes == 800_000
    conversation.add(StoredItem("next", "message", content=[StoredPart("a", audio=bytes(400_000))]))
    assert growing.audio is None
    conversation.delete("next")
    conversation.measure(item)
    assert [each.audio_bytes for each in conversation] == [0]


def test_a_deleted_item_is_not_measured() -> None:
    conversation = ItemStore(ServerSettings(max_conversation_mib=1))
    item = StoredItem("a", "message", content=[StoredPart("input_audio", audio=bytes(600_000))])
    conversation.add(item)
    conversation.delete("a")
    conversation.measure(item)
    other = StoredItem("b", "message", content=[StoredPart("input_audio", audio=bytes(600_000))])
    conversation.add(other)
    assert other.audio_bytes == 600_000


def test_calls_are_known_as_long_as_their_items_are() -> None:
    conversation = ItemStore(ServerSettings())
    fields = {"name": "f", "call_id": "call", "arguments": "{}"}
    for item_id in "ab":
        conversation.add(StoredItem(item_id, "function_call", fields=dict(fields)))
    conversation.delete("a")
    assert conversation.has_call("call")
    conversation.delete("b")
    assert not conversation.has_call("call")
    assert conversation.last_id is None
