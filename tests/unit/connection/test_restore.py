"""`Restoration`: what is sent to a new session, and when it has what the old one had."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync.connection._restore import Restoration
from realtime_sync.errors import ServerError
from realtime_sync.events import ServerEvent, parse_event

SESSION = {
    "id": "sess_1",
    "object": "realtime.session",
    "expires_at": 1,
    "type": "realtime",
    "instructions": "Be brief.",
    "prompt": None,
    "audio": {"input": {"turn_detection": None, "noise_reduction": None, "house_field": 1}},
}
WRITABLE = {
    "type": "realtime",
    "instructions": "Be brief.",
    "audio": {"input": {"turn_detection": None, "house_field": 1}},
}
HELLO = {
    "id": "item_1",
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello"}],
}
ANSWER = {
    "id": "item_2",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "output_text", "text": "Hi!"}],
}


def server(type: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": type, "event_id": "event_1", **fields}))


CREATED = server("session.created", session={"type": "realtime", "id": "sess_2"})
UPDATED = server("session.updated", session={"type": "realtime"})


def refusal(event_id: str | None, param: str | None) -> ServerEvent:
    error = {"type": "invalid_request_error", "message": "no", "event_id": event_id}
    return server("error", error={**error, "param": param})


def done(item: dict[str, Any]) -> ServerEvent:
    return server("conversation.item.done", item=item)


def test_configuration_then_history_in_order() -> None:
    restoration = Restoration(SESSION, [HELLO, ANSWER], as_recap=False)
    requests = restoration.receive(CREATED)
    assert [request["type"] for request in requests] == [
        "session.update",
        "conversation.item.create",
        "conversation.item.create",
    ]
    assert requests[0]["session"] == WRITABLE
    assert [request["item"] for request in requests[1:]] == [HELLO, ANSWER]
    for event in (UPDATED, done(HELLO), done(ANSWER)):
        assert not restoration.done
        restoration.receive(event)
    assert restoration.done
    assert restoration.kept_items == ["item_1", "item_2"]


def test_a_refused_item_is_lost_and_the_rest_goes_on() -> None:
    restoration = Restoration({}, [HELLO, ANSWER], as_recap=False)
    requests = restoration.receive(CREATED)
    restoration.receive(refusal(requests[0]["event_id"], None))
    restoration.receive(done(ANSWER))
    assert restoration.done
    assert (restoration.kept_items, restoration.lost_items) == (["item_2"], ["item_1"])


def test_a_field_that_the_server_reports_and_does_not_take_is_left_out() -> None:
    restoration = Restoration(SESSION, [], as_recap=False)
    (first,) = restoration.receive(CREATED)
    (second,) = restoration.receive(refusal(first["event_id"], "session.audio.input.house_field"))
    assert second["session"]["audio"] == {"input": {"turn_detection": None}}
    assert second["session"]["instructions"] == "Be brief."
    restoration.receive(UPDATED)
    assert restoration.done


@pytest.mark.parametrize("param", [None, "session.unknown", "session.audio.input.a.b", "item.id"])
def test_a_configuration_that_is_refused_otherwise_is_an_error(param: str | None) -> None:
    restoration = Restoration(SESSION, [], as_recap=False)
    (request,) = restoration.receive(CREATED)
    with pytest.raises(ServerError, match="no"):
        restoration.receive(refusal(request["event_id"], param))


def test_a_server_without_items_of_the_assistant_is_told_in_one_message() -> None:
    restoration = Restoration({}, [HELLO, ANSWER], as_recap=True)
    (request,) = restoration.receive(CREATED)
    assert request["item"]["role"] == "user"
    (content,) = request["item"]["content"]
    assert content["text"].splitlines()[1:] == ["user: Hello", "assistant: Hi!"]
    restoration.receive(done(request["item"]))
    assert restoration.kept_items == ["item_1", "item_2"]


def test_a_long_history_goes_in_windows() -> None:
    items = [{**HELLO, "id": f"item_{number}"} for number in range(200)]
    restoration = Restoration({}, items, as_recap=False)
    sent = [request["item"]["id"] for request in restoration.receive(CREATED)]
    assert 0 < len(sent) < 200
    confirmed = 0
    while not restoration.done:
        more = restoration.receive(done({**HELLO, "id": sent[confirmed]}))
        sent += [request["item"]["id"] for request in more]
        confirmed += 1
    assert sent == [item["id"] for item in items]
