"""The history as a session's events show it, however long it is."""

from __future__ import annotations

import json
import sys
from collections import Counter
from typing import Any

from realtime_sync.agents.event_building import ShownHistory
from realtime_sync.agents.items import RealtimeToolCallItem
from realtime_sync.agents.model_events import RealtimeModelRawServerEvent
from realtime_sync.events import Reconnected, ServerEvent, parse_event


def event(kind: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": kind, "event_id": "e", **fields}))


def item(item_id: str, **fields: Any) -> ServerEvent:
    whole = {"id": item_id, "status": "completed", **fields}
    return event("conversation.item.added", item=whole)


def message(number: int) -> ServerEvent:
    content = [{"type": "input_text", "text": str(number)}]
    return item(f"item_{number}", type="message", role="user", content=content)


def history() -> ShownHistory:
    return ShownHistory(lambda _: False)


def test_items_that_have_not_changed_are_the_same_objects() -> None:
    shown = history()
    for number in range(30):
        shown.take(message(number))
        assert shown.look() is shown.items[-1]
    before = shown.items
    shown.take(message(30))
    assert all(a is b for a, b in zip(before, shown.items, strict=False))
    assert shown.look() is shown.items[-1]
    assert shown.look() is None


def test_what_a_look_costs_is_the_same_however_long_it_is() -> None:
    def cost_of_a_look(length: int) -> int:
        shown, calls = history(), Counter[str]()
        for number in range(length):
            shown.take(message(number))
        shown.look()
        shown.take(event("response.created", response={"id": "r"}))
        shown.take(message(length))
        sys.setprofile(lambda frame, what, _: calls.update([what]))
        try:
            shown.look()
        finally:
            sys.setprofile(None)
        return calls["call"]

    assert cost_of_a_look(500) == cost_of_a_look(50)


def test_an_output_finds_a_call_of_long_ago() -> None:
    shown = history()
    shown.take(item("call", type="function_call", call_id="call_1", name="f", arguments="{}"))
    for number in range(30):
        shown.take(message(number))
    shown.look()
    call = shown.give_output("call_1", "done")
    assert isinstance(call, RealtimeToolCallItem)
    assert (call.output, shown.items[0]) == ("done", call)


def test_an_output_that_only_the_server_tells_of_finds_its_call_too() -> None:
    shown = history()
    shown.take(item("call", type="function_call", call_id="call_1", name="f", arguments="{}"))
    for number in range(30):
        shown.take(message(number))
    shown.look()
    shown.take(item("output", type="function_call_output", call_id="call_1", output="done"))
    assert shown.look() is True
    call = shown.items[0]
    assert isinstance(call, RealtimeToolCallItem)
    assert call.output == "done"


def test_an_item_in_the_middle_that_goes_is_missed() -> None:
    shown = history()
    for number in range(30):
        shown.take(message(number))
    shown.look()
    shown.take(event("conversation.item.deleted", item_id="item_3"))
    assert shown.look() is True
    assert "item_3" not in [each.item_id for each in shown.items]
    assert shown.items[3].previous_item_id == "item_2"


def test_the_dictionary_of_an_event_is_made_when_it_is_read() -> None:
    told = RealtimeModelRawServerEvent.of(message(1))
    assert "data" not in told.__dict__
    assert told.data == message(1).to_dict()
    assert told.data is told.data
    assert told == RealtimeModelRawServerEvent(message(1).to_dict())


def test_what_a_new_link_lacks_is_missed_and_does_not_come_back() -> None:
    shown = history()
    for number in range(30):
        shown.take(message(number))
    shown.look()
    lost = Reconnected(code=1006, attempts=1, lost=[], lost_items=["item_3", "item_29"])
    shown.take(lost)
    assert shown.look() is True
    ids = [each.item_id for each in shown.items]
    assert ids == [f"item_{number}" for number in range(29) if number != 3]
    assert shown.items[3].previous_item_id == "item_2"
    shown.take(event("conversation.item.done", item={"id": "item_29", "type": "message"}))
    assert shown.look() is None


def test_what_only_a_new_link_has_is_shown_once() -> None:
    shown = history()
    shown.take(message(0))
    shown.take(item("call", type="function_call", call_id="call_1", name="f", arguments="{}"))
    shown.look()
    content = [{"type": "input_text", "text": "Hello?"}]
    mine = {"id": "ours_1", "type": "message", "role": "user", "content": content}
    output = {
        "id": "ours_2",
        "type": "function_call_output",
        "call_id": "call_1",
        "output": "done",
    }
    new = Reconnected(
        code=1006, attempts=1, lost=[], lost_items=["item_0"], new_items=[mine, output]
    )
    shown.take(new)
    assert shown.look() is True
    assert [each.item_id for each in shown.items] == ["call", "ours_1"]
    call, said = shown.items
    assert isinstance(call, RealtimeToolCallItem)
    assert call.output == "done"
    assert said.previous_item_id == "call"
    shown.take(item("ours_1", type="message", role="user", content=content))
    assert shown.look() is None, "the server tells of it once more"
