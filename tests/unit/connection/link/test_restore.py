"""The restoration of a session, without a link: what is sent, and when it is done."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync import ServerError
from realtime_sync.connection.link.restore import Restoration
from realtime_sync.events import ServerEvent, parse_event

SESSION: dict[str, Any] = {"type": "realtime", "instructions": "Be brief."}


def event(kind: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": kind, "event_id": "e", **fields}))


CREATED = event("session.created", session={})
UPDATED = event("session.updated", session={})


def written(item_id: str, text: str = "x", role: str = "user") -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    return {"id": item_id, "type": "message", "role": role, "content": content}


def item_done(item_id: str, kind: str = "conversation.item.done") -> ServerEvent:
    return event(kind, item=written(item_id), previous_item_id=None)


def error(**fields: Any) -> ServerEvent:
    return event("error", error={"type": "invalid_request_error", "message": "no", **fields})


def begun(items: list[dict[str, Any]], session: dict[str, Any] = SESSION) -> Restoration:
    restoration = Restoration(session, items, as_recap=False)
    restoration.receive(CREATED)
    return restoration


def test_the_configuration_first_then_the_items_in_order() -> None:
    restoration = Restoration(SESSION, [written("1"), written("2")], as_recap=False)
    assert restoration.receive(event("rate_limits.updated", rate_limits=[])) == []
    update, first, second = restoration.receive(CREATED)
    assert update["type"] == "session.update"
    assert update["session"] == SESSION
    assert [first["item"]["id"], second["item"]["id"]] == ["1", "2"]
    assert "previous_item_id" not in first, "one after the other is at the end"
    for each in (UPDATED, item_done("1"), item_done("2")):
        assert not restoration.done
        restoration.receive(each)
    assert restoration.done
    assert restoration.kept_items == ["1", "2"]


def test_nothing_to_restore() -> None:
    assert not Restoration({}, [], as_recap=True).needed
    assert Restoration({}, [written("1")], as_recap=False).needed
    assert Restoration(SESSION, [], as_recap=False).needed


def test_what_a_server_reports_and_does_not_take() -> None:
    reported = {
        "id": "sess_1",
        "object": "realtime.session",
        "expires_at": 1,
        "model": "m",
        "client_secret": None,
        "tracing": None,
        "tools": [{"name": "f", "description": None}],
        "prompt": {"id": "prompt_1", "version": None},
        "audio": {
            "input": {"turn_detection": None, "transcription": {"model": "w", "language": None}},
            "output": {"voice": {"id": "voice_1"}},
        },
    }
    update = Restoration(reported, [], as_recap=False).receive(CREATED)[0]
    assert update["session"] == {
        "tools": [{"name": "f", "description": None}],
        "prompt": {"id": "prompt_1"},
        "audio": {
            "input": {"turn_detection": None, "transcription": {"model": "w"}},
            "output": {"voice": {"id": "voice_1"}},
        },
    }


def test_the_betas_created_confirms_as_well() -> None:
    restoration = begun([written("1")])
    restoration.receive(UPDATED)
    restoration.receive(item_done("1", "conversation.item.created"))
    assert restoration.done


def test_added_alone_confirms_and_what_comes_behind_it_is_known_as_an_echo() -> None:
    restoration = begun([written("1"), written("2")])
    restoration.receive(UPDATED)
    restoration.receive(item_done("1", "conversation.item.added"))
    assert not restoration.done
    assert restoration.echoes == {"1"}
    restoration.receive(item_done("1"))
    assert not restoration.done, "each counts once"
    assert restoration.echoes == set()
    restoration.receive(item_done("2", "conversation.item.added"))
    assert restoration.done
    assert restoration.echoes == {"2"}
    assert restoration.kept_items == ["1", "2"]


def test_a_server_with_ids_of_its_own_that_tells_twice() -> None:
    restoration = begun([written("1"), written("2")])
    restoration.receive(UPDATED)
    restoration.receive(item_done("other_1", "conversation.item.added"))
    restoration.receive(item_done("other_1"))
    assert not restoration.done
    restoration.receive(item_done("other_2", "conversation.item.added"))
    assert restoration.done
    assert restoration.echoes == {"other_2"}


@pytest.mark.parametrize("item", [None, "x", [], {}, {"id": 5}, {"id": ["1"], "type": {}}])
def test_a_confirmation_without_an_id_is_of_the_oldest(item: Any) -> None:
    restoration = begun([written("1"), written("2")])
    restoration.receive(UPDATED)
    for _ in range(2):
        assert not restoration.done
        restoration.receive(event("conversation.item.added", item=item))
        restoration.receive(event("conversation.item.done", item=item))
    assert restoration.done


def test_an_id_of_the_servers_own_that_is_one_of_ours_not_yet_sent() -> None:
    items = [written(f"i{number}") for number in range(65)]
    restoration = Restoration({}, items, as_recap=False)
    restoration.receive(CREATED)
    for number in range(64, -1, -1):
        assert not restoration.done
        restoration.receive(item_done(f"i{number}"))
    assert restoration.done


@pytest.mark.parametrize("odd", [5, [], {}, ["restore_1"]])
def test_a_refusal_with_odd_fields_is_one_that_does_not_say_of_what(odd: Any) -> None:
    restoration = begun([written("1")])
    restoration.receive(error(event_id="restore_session", param="session.instructions"))
    restoration.receive(UPDATED)
    restoration.receive(error(event_id=odd, param=odd, code=odd))
    assert restoration.done
    assert restoration.lost_items == ["1"]


def test_what_no_server_takes_is_left_out_of_the_session() -> None:
    session = {"instructions": "half \ud83d", "speed": float("nan"), "tools": [{"a\udc00": 1.5}]}
    update = Restoration(session, [], as_recap=False).receive(CREATED)[0]
    assert update["session"] == {"instructions": "half \ufffd", "tools": [{"a\ufffd": 1.5}]}


def test_a_server_that_tells_twice() -> None:
    restoration = begun([written("1"), written("2")])
    restoration.receive(UPDATED)
    restoration.receive(item_done("1", "conversation.item.created"))
    restoration.receive(item_done("1"))
    assert not restoration.done


def test_a_server_that_gives_ids_of_its_own() -> None:
    restoration = begun([written("1"), written("2")])
    restoration.receive(UPDATED)
    tools = {"id": "m", "type": "mcp_list_tools", "server_label": "x", "tools": []}
    restoration.receive(event("conversation.item.done", item=tools))
    restoration.receive(item_done("other_1"))
    assert not restoration.done
    restoration.receive(item_done("other_2"))
    assert restoration.done


def test_an_item_that_is_refused_is_lost_and_no_more() -> None:
    restoration = begun([written("1"), written("2")])
    restoration.receive(UPDATED)
    restoration.receive(error(event_id="restore_1"))
    restoration.receive(item_done("2"))
    assert restoration.done
    assert (restoration.lost_items, restoration.kept_items) == (["1"], ["2"])


def test_a_refusal_that_does_not_say_of_what_is_of_the_oldest() -> None:
    restoration = begun([written("1"), written("2")])
    restoration.receive(UPDATED)
    restoration.receive(item_done("1"))
    restoration.receive(error())
    assert restoration.done
    assert restoration.lost_items == ["2"]


@pytest.mark.parametrize(
    "refusal",
    [error(event_id="restore_session"), error(), error(type="server_error", event_id=None)],
)
def test_without_the_configuration_nothing_is_restored(refusal: ServerEvent) -> None:
    restoration = begun([written("1")])
    with pytest.raises(ServerError, match="no"):
        restoration.receive(refusal)


def test_a_long_history_goes_in_a_window() -> None:
    items = [written(f"i{number}") for number in range(200)]
    restoration = Restoration({}, items, as_recap=False)
    sent = [request["item"]["id"] for request in restoration.receive(CREATED)]
    most = len(sent)
    for confirmed in items:
        assert not restoration.done
        sent += [r["item"]["id"] for r in restoration.receive(item_done(confirmed["id"]))]
    assert restoration.done
    assert most < 100
    assert sent == [item["id"] for item in items]


def test_images_go_one_by_one() -> None:
    image = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    items = [{**written(f"i{number}"), "content": [image]} for number in range(3)]
    restoration = Restoration({}, items, as_recap=False)
    assert len(restoration.receive(CREATED)) == 1
    assert len(restoration.receive(item_done("i0"))) == 1


def test_what_can_not_be_sent_is_lost_and_makes_room() -> None:
    items = [written(f"i{number}") for number in range(70)]
    restoration = Restoration({}, items, as_recap=False)
    requests = restoration.receive(CREATED)
    (further,) = restoration.refuse(requests[0])
    assert further["item"]["id"] == f"i{len(requests)}"
    assert restoration.lost_items == ["i0"]


def test_the_recap() -> None:
    call = {"id": "c", "type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"}
    output = {"id": "o", "type": "function_call_output", "call_id": "1", "output": "fine"}
    image = {"type": "input_image", "image_url": "data:,"}
    items = [
        written("u", "How is it?"),
        {**written("i"), "content": [image]},
        call,
        output,
        written("a", "Fine.", "assistant"),
    ]
    restoration = Restoration({}, items, as_recap=True)
    (request,) = restoration.receive(CREATED)
    assert request["item"]["role"] == "user"
    assert request["item"]["content"][0]["text"].splitlines()[1:] == [
        "user: How is it?",
        "assistant called f({})",
        "the function returned: fine",
        "assistant: Fine.",
    ]
    restoration.receive(item_done("item_recap"))
    assert restoration.done
    assert restoration.kept_items == ["u", "i", "c", "o", "a"], "they will be told again"


def test_a_recap_that_is_refused() -> None:
    restoration = Restoration({}, [written("1"), written("2")], as_recap=True)
    restoration.receive(CREATED)
    restoration.receive(error(event_id="restore_item_recap"))
    assert restoration.done
    assert restoration.lost_items == ["1", "2"]
