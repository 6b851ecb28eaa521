from __future__ import annotations

import itertools
from typing import Any

import pytest

from realtime_sync.testing import (
    Step,
    Traffic,
    UnexpectedSend,
    error,
    function_call,
    one_response,
    spoken_answer,
    text_answer,
    user_turn,
)
from realtime_sync.testing.scripted_session import ScriptedSession
from realtime_sync.testing.steps import ServerScript

NO_DETECTION = {"audio": {"input": {"turn_detection": None}}}


class Peer:
    """A session, greeted, and what it sends."""

    def __init__(
        self, *steps: Step | Traffic, strict: bool = False, session: dict[str, Any] | None = None
    ) -> None:
        self.script = ServerScript(steps)
        ids = itertools.count(1)
        self._session = ScriptedSession(
            self.script,
            lambda kind: f"{kind}_{next(ids)}",
            strict=strict,
            session=session or {},
        )
        self._session.greet()

    def get(self, type: str, **fields: Any) -> list[Any]:
        return self._session.receive({"type": type, "event_id": "event_mine", **fields})

    def play(self, *traffic: Traffic) -> list[Any]:
        return self._session.play([event for each in traffic for event in each])

    def say(self, item_id: str, **fields: Any) -> list[Any]:
        item = {"id": item_id, "type": "message", "role": "user", "content": []}
        return self.get("conversation.item.create", item=item, **fields)


def types(events: list[Any]) -> list[str]:
    return [event["type"] for event in events]


def codes(events: list[Any]) -> list[str]:
    return [event["error"]["code"] for event in events]


# -- what is confirmed ---------------------------------------------------------------------------


def test_an_update_is_merged_into_the_session() -> None:
    peer = Peer()
    (updated,) = peer.get(
        "session.update",
        session={
            "instructions": "Be brief.",
            "audio": {"input": {"turn_detection": {"create_response": False}}},
        },
    )
    session = updated["session"]
    assert session["instructions"] == "Be brief."
    detection = session["audio"]["input"]["turn_detection"]
    assert detection == {"type": "server_vad", "create_response": False}
    assert session["audio"]["output"]["voice"] == "scripted"


def test_what_changes_its_type_is_replaced() -> None:
    peer = Peer(session={"audio": {"input": {"turn_detection": {"type": "server_vad", "x": 1}}}})
    detection = {"type": "semantic_vad"}
    (updated,) = peer.get(
        "session.update", session={"audio": {"input": {"turn_detection": detection}}}
    )
    assert updated["session"]["audio"]["input"]["turn_detection"] == detection


def test_items_are_confirmed_in_their_place() -> None:
    peer = Peer()
    added, done = peer.say("item_a")
    assert types([added, done]) == ["conversation.item.added", "conversation.item.done"]
    assert (added["previous_item_id"], done["previous_item_id"]) == (None, None)
    assert [each["previous_item_id"] for each in peer.say("item_c")] == ["item_a", "item_a"]
    assert [each["previous_item_id"] for each in peer.say("item_b", previous_item_id="item_a")] == [
        "item_a",
        "item_a",
    ]
    assert [each["previous_item_id"] for each in peer.say("item_0", previous_item_id="root")] == [
        None,
        None,
    ]
    assert peer.say("item_d")[0]["previous_item_id"] == "item_c"


def test_an_item_without_an_id_gets_one() -> None:
    added, _ = Peer().get("conversation.item.create", item={"type": "message", "role": "user"})
    assert added["item"]["id"]


def test_items_are_deleted_truncated_and_retrieved() -> None:
    peer = Peer()
    peer.say("item_a")
    place = {"item_id": "item_a", "content_index": 0, "audio_end_ms": 120}
    (truncated,) = peer.get("conversation.item.truncate", **place)
    assert truncated.items() >= {"type": "conversation.item.truncated", **place}.items()
    (retrieved,) = peer.get("conversation.item.retrieve", item_id="item_a")
    assert retrieved["item"]["id"] == "item_a"
    (deleted,) = peer.get("conversation.item.delete", item_id="item_a")
    assert (deleted["type"], deleted["item_id"]) == ("conversation.item.deleted", "item_a")
    for name in ("delete", "retrieve", "truncate"):
        refused = peer.get(f"conversation.item.{name}", **place)
        assert codes(refused) == ["item_not_found"]
        assert refused[0]["error"]["event_id"] == "event_mine"


def test_the_buffer_is_committed_and_cleared() -> None:
    peer = Peer()
    committed, added, done = peer.get("input_audio_buffer.commit")
    assert committed["item_id"] == added["item"]["id"] == done["item"]["id"]
    assert types(peer.get("input_audio_buffer.clear")) == ["input_audio_buffer.cleared"]
    assert peer.get("input_audio_buffer.append", audio="") == []


# -- steps and answers ---------------------------------------------------------------------------


def test_a_step_comes_behind_the_confirmation() -> None:
    peer = Peer(Step("conversation.item.delete", error("and this")))
    peer.say("item_a")
    # an error in a step is the answer itself
    assert types(peer.get("conversation.item.delete", item_id="item_a")) == ["error"]
    peer = Peer(Step("conversation.item.create", text_answer("Hello.")))
    assert types(peer.say("item_a"))[:3] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


def test_what_a_step_does_not_expect_leaves_it_in_place() -> None:
    peer = Peer(Step({"item": {"id": "item_b"}}))
    peer.say("item_a")
    assert len(peer.script) == 1
    peer.say("item_b")
    assert len(peer.script) == 0


def test_a_response_without_an_answer_is_empty() -> None:
    created, done = Peer().get("response.create")
    assert created["response"]["id"] == done["response"]["id"]
    assert done["response"]["output"] == []
    assert done["response"]["status"] == "completed"


def test_an_answer_is_not_given_before_the_step_in_front_of_it() -> None:
    peer = Peer(Step("conversation.item.create"), text_answer("Hello."))
    assert len(peer.get("response.create")) == 2  # an empty one
    peer.say("item_a")
    assert len(peer.get("response.create")) > 2


def test_the_metadata_of_the_request_comes_back() -> None:
    peer = Peer(text_answer("Hello.", finished=False))
    created = peer.get("response.create", response={"metadata": {"a": "b"}})[0]
    (*_, done) = peer.get("response.cancel")
    for event in (created, done):
        assert event["response"]["metadata"] == {"a": "b"}
        assert event["response"]["conversation_id"]


def test_a_response_out_of_band_is_in_no_conversation() -> None:
    peer = Peer(text_answer("Hello.", finished=False), text_answer("Aside."))
    peer.get("response.create")
    events = peer.get("response.create", response={"conversation": "none"})
    assert events[0]["response"]["conversation_id"] is None
    assert events[-1]["response"]["conversation_id"] is None
    assert not [kind for kind in types(events) if kind.startswith("conversation.")]


def test_one_response_at_a_time() -> None:
    peer = Peer(text_answer("Hello.", finished=False), text_answer("Never."))
    peer.get("response.create")
    refused = peer.get("response.create")
    assert codes(refused) == ["conversation_already_has_active_response"]
    assert len(peer.script) == 1


# -- turns, cancels, interruptions -----------------------------------------------------------------


def test_a_turn_gets_the_next_answer() -> None:
    peer = Peer(text_answer("Hello."))
    events = types(peer.play(user_turn("Hi.")))
    assert events.index("response.created") > events.index(
        "conversation.item.input_audio_transcription.completed"
    )


@pytest.mark.parametrize(
    "session",
    [NO_DETECTION, {"audio": {"input": {"turn_detection": {"create_response": False}}}}],
    ids=["no turn detection", "create_response false"],
)
def test_a_turn_is_not_answered_where_the_session_says_so(session: dict[str, Any]) -> None:
    peer = Peer(text_answer("Hello."))
    peer.get("session.update", session=session)
    assert "response.created" not in types(peer.play(user_turn("Hi.")))
    assert len(peer.script) == 1


def test_a_turn_whose_answer_is_played_gets_no_other() -> None:
    peer = Peer(text_answer("Never."))
    events = types(peer.play(user_turn("Hi."), text_answer("Hello.")))
    assert events.count("response.created") == 1
    assert len(peer.script) == 1


def test_a_cancelled_response_ends_with_what_it_had() -> None:
    peer = Peer(spoken_answer("Hello you there.", item_id="item_a", finished=False))
    peer.get("response.create")
    events = peer.get("response.cancel")
    assert types(events) == [
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    response = events[-1]["response"]
    assert response["status"] == "cancelled"
    assert response["status_details"] == {"type": "cancelled", "reason": "client_cancelled"}
    (item,) = response["output"]
    assert (item["id"], item["status"]) == ("item_a", "incomplete")
    content = [{"type": "output_audio", "transcript": "Hello you there."}]
    assert item["content"] == content
    assert codes(peer.get("response.cancel")) == ["response_cancel_not_active"]


def test_a_written_response_ends_likewise() -> None:
    peer = Peer(text_answer("Hello.", response_id="resp_a", finished=False))
    peer.get("response.create")
    events = peer.get("response.cancel", response_id="resp_a")
    assert types(events)[0] == "response.output_text.done"
    assert events[-1]["response"]["output"][0]["content"] == [
        {"type": "output_text", "text": "Hello."}
    ]


def test_what_was_done_before_a_cancel_stays_as_it_was() -> None:
    whole = text_answer("Done.", item_id="item_a", response_id="resp_a")
    peer = Peer(one_response(whole, text_answer("And", item_id="item_b", finished=False)))
    peer.get("response.create")
    events = peer.get("response.cancel")
    assert types(events) == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert (events[2]["item"]["id"], events[2]["output_index"]) == ("item_b", 1)
    output = events[-1]["response"]["output"]
    assert [(item["id"], item["status"]) for item in output] == [
        ("item_a", "completed"),
        ("item_b", "incomplete"),
    ]


def test_a_call_that_was_cancelled_has_no_content() -> None:
    peer = Peer(function_call("f", "{}", "call_a")[:3])
    peer.get("response.create")
    (call,) = peer.get("response.cancel")[-1]["response"]["output"]
    assert (call["status"], call["call_id"]) == ("incomplete", "call_a")
    assert "content" not in call


def test_a_user_who_speaks_interrupts() -> None:
    peer = Peer(text_answer("Hello.", finished=False))
    peer.get("response.create")
    events = peer.play(user_turn("Stop."))
    done = next(event for event in events if event["type"] == "response.done")
    assert types(events)[0] == "input_audio_buffer.speech_started"
    assert done["response"]["status_details"]["reason"] == "turn_detected"


def test_a_user_who_speaks_does_not_interrupt_where_the_session_says_so() -> None:
    detection = {"interrupt_response": False}
    peer = Peer(text_answer("Hello.", finished=False), text_answer("Never."))
    peer.get("session.update", session={"audio": {"input": {"turn_detection": detection}}})
    peer.get("response.create")
    assert "response.done" not in types(peer.play(user_turn("Stop.")))
    assert len(peer.script) == 1  # while one runs, there is no other


# -- strict ----------------------------------------------------------------------------------------


def test_a_strict_session_confirms_nothing() -> None:
    peer = Peer(Step("session.update"), text_answer("Hello."), strict=True)
    assert peer.get("session.update", session={}) == []
    assert types(peer.get("response.create"))[0] == "response.created"
    assert peer.get("input_audio_buffer.append", audio="") == []
    for kind in ("response.create", "session.update"):
        with pytest.raises(UnexpectedSend, match="no step is left"):
            peer.get(kind)


def test_a_strict_session_does_nothing_about_turns() -> None:
    peer = Peer(text_answer("Hello.", finished=False), text_answer("Next."), strict=True)
    peer.get("response.create")
    turn = user_turn("Hi.")
    assert types(peer.play(turn)) == types(turn)


# -- what no server sends today --------------------------------------------------------------------


def test_an_event_of_a_response_need_not_name_it() -> None:
    assert types(Peer().play([{"type": "response.of_tomorrow"}])) == ["response.of_tomorrow"]


@pytest.mark.parametrize(
    ("type", "fields", "code", "param"),
    [
        ("session.update", {}, "missing_required_parameter", "session"),
        ("session.update", {"session": 7}, "invalid_type", "session"),
        ("conversation.item.create", {}, "missing_required_parameter", "item"),
        ("conversation.item.delete", {"item_id": []}, "invalid_type", "item_id"),
        ("conversation.item.retrieve", {}, "missing_required_parameter", "item_id"),
        ("conversation.item.create", {"item": {"id": []}}, "invalid_type", "item.id"),
        (
            "conversation.item.create",
            {"item": {}, "previous_item_id": []},
            "invalid_type",
            "previous_item_id",
        ),
        ("response.cancel", {"response_id": {}}, "invalid_type", "response_id"),
        (
            "conversation.item.truncate",
            {"item_id": "a", "content_index": 0},
            "missing_required_parameter",
            "audio_end_ms",
        ),
    ],
)
def test_what_is_missing_is_refused_as_a_server_does(
    type: str, fields: dict[str, Any], code: str, param: str
) -> None:
    (refused,) = Peer().get(type, **fields)
    assert (refused["error"]["code"], refused["error"]["param"]) == (code, param)
    assert refused["error"]["event_id"] == "event_mine"
