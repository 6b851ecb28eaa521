"""What is known of a conversation, and when its link may be replaced."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from guards import VirtualClock

from realtime_sync.connection.state import ConnectionState
from realtime_sync.errors import QueueFullError
from realtime_sync.events import ErrorEvent, ServerEvent, parse_event


def event(kind: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": kind, "event_id": "e", **fields}))


def create(event_id: str) -> dict[str, Any]:
    return {"type": "response.create", "event_id": event_id}


def response(kind: str, response_id: str, **fields: Any) -> ServerEvent:
    return event(f"response.{kind}", response={"id": response_id, **fields})


def send(state: ConnectionState, *requests: dict[str, Any]) -> None:
    """Let requests go out."""
    for request in requests:
        state.sent(request)
        state.transmitted(request)


@pytest.fixture
def state(virtual_clock: VirtualClock) -> ConnectionState:
    return ConnectionState(clock=virtual_clock)


# -- forms that nobody expects -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("error", {}),
        ("error", {"error": None}),
        ("error", {"error": "no reason"}),
        ("session.created", {"session": "x"}),
        ("session.updated", {"session": {"audio": "x", "expires_at": "soon"}}),
        ("session.updated", {"session": {"audio": {"input": [], "output": {"format": 1}}}}),
        ("response.created", {}),
        ("response.created", {"response": "x"}),
        ("response.done", {"response": []}),
        ("conversation.item.added", {"item": "x"}),
        ("conversation.item.done", {"item": {"id": ["x"]}, "previous_item_id": {}}),
        ("conversation.item.truncated", {}),
        ("conversation.item.deleted", {"item_id": ["x"]}),
        ("response.output_audio.delta", {"item_id": {}, "delta": 5}),
        ("response.output_item.done", {"item": {"id": 5}}),
    ],
)
def test_an_event_of_an_unexpected_form_is_the_programs_to_see(
    state: ConnectionState, kind: str, fields: dict[str, Any]
) -> None:
    assert state.receive(event(kind, **fields))
    assert state.input_is_pcm
    assert not state.turns_are_manual
    assert state.replay() == ([], [])
    state.receive(response("created", "r1"))
    assert state.busy


# -- the limit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lasts", "due"),
    [
        (3600.0, 3480.0),
        (600.0, 480.0),
        (300.0, 240.0),
        (5.0, 4.0),
        (None, 3480.0),
        (-7.0, 3480.0),
        (math.nan, 3480.0),
        (math.inf, 3480.0),
    ],
)
def test_a_session_is_renewed_before_its_end(
    state: ConnectionState, virtual_clock: VirtualClock, lasts: float | None, due: float
) -> None:
    expires_at = None if lasts is None else time.time() + lasts
    state.receive(event("session.created", session={"expires_at": expires_at}))
    assert state.renew_at - virtual_clock() == pytest.approx(due, abs=1.0)


def test_an_update_does_not_lengthen_a_session(state: ConnectionState) -> None:
    state.receive(event("session.created", session={}))
    before = state.renew_at
    state.receive(event("session.updated", session={"expires_at": time.time() + 9999}))
    assert state.renew_at == before


def test_before_a_session_nothing_is_due(state: ConnectionState) -> None:
    assert state.renew_at == math.inf


# -- quiet moments -------------------------------------------------------------------------------


def test_a_moment_is_quiet_when_nothing_has_happened_for_a_while(
    state: ConnectionState, virtual_clock: VirtualClock
) -> None:
    state.receive(event("session.created", session={}))
    assert not state.quiet
    virtual_clock.advance(0.6)
    assert state.quiet
    state.appended()
    assert state.quiet, "a microphone never stops"
    state.sent({"type": "session.update", "event_id": "x"})
    assert not state.quiet


def test_not_while_a_response_is_asked_for_or_runs(
    state: ConnectionState, virtual_clock: VirtualClock
) -> None:
    state.sent(create("mine"))
    virtual_clock.advance(10)
    assert not state.quiet
    state.receive(response("created", "r1"))
    virtual_clock.advance(10)
    assert not state.quiet
    state.receive(response("done", "r1"))
    virtual_clock.advance(10)
    assert state.quiet


def test_not_while_the_user_speaks(state: ConnectionState, virtual_clock: VirtualClock) -> None:
    state.receive(event("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0))
    virtual_clock.advance(10)
    assert not state.quiet
    state.receive(event("input_audio_buffer.speech_stopped", item_id="u", audio_end_ms=1))
    virtual_clock.advance(10)
    assert state.quiet


@pytest.mark.parametrize("end", ["input_audio_buffer.commit", "input_audio_buffer.clear"])
def test_not_while_audio_waits_for_its_commit(
    state: ConnectionState, virtual_clock: VirtualClock, end: str
) -> None:
    manual = {"audio": {"input": {"turn_detection": None}}}
    state.receive(event("session.created", session=manual))
    state.appended()
    virtual_clock.advance(10)
    assert not state.quiet
    state.sent({"type": end, "event_id": "x"})
    virtual_clock.advance(10)
    assert state.quiet


# -- a lost link ---------------------------------------------------------------------------------


def test_what_was_going_on_is_gone_and_what_is_held_is_not(state: ConnectionState) -> None:
    send(state, create("old"))
    state.receive(event("input_audio_buffer.speech_started", item_id="u", audio_start_ms=0))
    requested = state.requested
    state.sent(create("held"))
    assert state.link_lost(requested)
    assert state.requested == {"held"}
    assert state.busy
    assert not state.link_lost(frozenset())


def test_no_number_of_requests_outlives_their_link(state: ConnectionState) -> None:
    send(state, create("first"))
    for n in range(70):  # more than the errors are looked up among
        send(state, {"type": "session.update", "event_id": f"update_{n}"})
    assert state.link_lost(state.requested)
    assert not state.busy
    assert state.requested == frozenset()


def test_what_waited_for_a_lost_response_is_asked_for(state: ConnectionState) -> None:
    posted: list[dict[str, Any]] = []
    state.post = posted.append
    state.receive(response("created", "r1"))
    assert not state.ask_when_idle(create("mine"))
    assert state.link_lost(frozenset())
    assert posted == [create("mine")]


def test_an_out_of_band_response_goes_with_its_link(
    state: ConnectionState, virtual_clock: VirtualClock
) -> None:
    state.receive(response("created", "oob", conversation_id=None))
    virtual_clock.advance(10)
    assert not state.busy
    assert not state.quiet, "it would be lost"
    assert state.link_lost(frozenset())
    assert state.quiet


# -- what is owed --------------------------------------------------------------------------------


def test_what_is_owed_is_posted_when_nothing_runs(state: ConnectionState) -> None:
    posted: list[dict[str, Any]] = []
    state.post = posted.append
    assert state.ask_when_idle(create("first"))
    assert not state.ask_when_idle(create("second"))
    state.receive(response("created", "r1"))
    assert posted == []
    state.receive(response("done", "r1"))
    assert posted == [create("second")]
    assert state.busy


def test_what_is_given_up_keeps_nothing_waiting(state: ConnectionState) -> None:
    posted: list[dict[str, Any]] = []
    state.post = posted.append
    state.receive(response("created", "r1"))
    assert not state.ask_when_idle(create("first"))
    state.give_up(response_id="another", event_id=None)
    assert posted == []
    state.give_up(response_id="r1", event_id=None)
    assert posted == [create("first")]
    assert not state.ask_when_idle(create("second"))
    state.give_up(response_id=None, event_id="first")
    assert posted[1:] == [create("second")]
    state.give_up(response_id=None, event_id="second")
    assert not state.busy
    assert state.requested == frozenset()


def test_a_post_that_fails_does_not_end_the_reader(state: ConnectionState) -> None:
    def full(_: object) -> None:
        raise QueueFullError("no room")

    state.post = full
    state.receive(response("created", "r1"))
    state.ask_when_idle(create("mine"))
    assert state.receive(response("done", "r1"))


def test_a_refusal_because_another_was_quicker_is_nobodys_affair(state: ConnectionState) -> None:
    posted: list[dict[str, Any]] = []
    state.post = posted.append
    state.ask_when_idle(create("mine"))
    state.sent(create("mine"))
    state.receive(response("created", "r1"))
    code = "conversation_already_has_active_response"
    assert not state.receive(event("error", error={"code": code}))
    state.receive(response("done", "r1"))
    assert posted == [create("mine")]


def test_a_refusal_that_nothing_explains_is_answered_after_a_pause(state: ConnectionState) -> None:
    posted: list[dict[str, Any]] = []
    pauses: list[float] = []
    state.post, state.pause = posted.append, pauses.append
    assert state.ask_when_idle(create("mine"))
    state.sent(create("mine"))
    code = "conversation_already_has_active_response"
    for number in range(3):
        assert not state.receive(event("error", error={"code": code}))
        assert len(posted) == number, "none is sent at once"
        assert state.pause_s == pauses[-1]
        state.paused()
        state.sent(posted[-1])
    assert posted == [create("mine")] * 3
    assert pauses == [0.1, 0.2, 0.4]


# -- refusals ------------------------------------------------------------------------------------


def test_an_error_without_an_id_refuses_the_only_request(state: ConnectionState) -> None:
    state.sent({"type": "session.update", "event_id": "mine", "session": {}})
    refusal = event("error", error={"type": "server_error", "message": "no"})
    assert state.receive(refusal)
    again = parse_event(refusal.raw or "")
    assert isinstance(again, ErrorEvent)
    found = state.refusal_of(again)
    assert found is not None
    assert found.requests == ("mine",)
    assert state.requested == frozenset()


def test_a_refusal_is_that_of_its_request_alone(state: ConnectionState) -> None:
    state.sent({"type": "session.update", "event_id": "mine", "session": {}})
    state.sent(create("other"))
    refusal = event("error", error={"type": "t", "message": "m", "param": "session"})
    state.receive(refusal)
    assert state.refuses(refusal, "mine")
    assert not state.refuses(refusal, "other")
    assert not state.refuses(refusal, None)
    assert not state.refuses(event("n.1", error={"event_id": "mine"}), "mine")


def test_a_confirmed_request_is_not_refused(state: ConnectionState) -> None:
    state.sent({"type": "session.update", "event_id": "mine", "session": {}})
    state.receive(event("session.updated", session={}))
    complaint = event("error", error={"type": "server_error", "message": "no"})
    state.receive(complaint)
    assert isinstance(complaint, ErrorEvent)
    assert state.refusal_of(complaint) is None


@pytest.mark.parametrize("kind", ["created", "done"])
@pytest.mark.parametrize("value", [None, 5, [], {"id": []}, {"id": {}}, {"id": "r", "metadata": 1}])
def test_a_response_of_any_form_is_survived(
    state: ConnectionState, kind: str, value: object
) -> None:
    state.sent(create("mine"))
    assert state.receive(event(f"response.{kind}", response=value))


@pytest.mark.parametrize("field", ["event_id", "code", "param", "type", "message"])
@pytest.mark.parametrize("value", [None, 5, [], {}, "x" * 100_000, [[]]])
def test_an_error_of_any_form_is_survived(
    state: ConnectionState, field: str, value: object
) -> None:
    error = event("error", error={"type": "t", "message": "m", field: value})
    assert state.receive(error)
    state.sent(create("mine"))
    assert state.receive(error)
    assert isinstance(error, ErrorEvent)
    state.refusal_of(error)


def test_formalities_are_no_sign_of_life(state: ConnectionState) -> None:
    state.receive(event("session.created", session={}))
    state.receive(event("session.updated", session={}))
    state.receive(event("error", error={"type": "x", "message": "no"}))
    state.receive(response("created", "r1"))
    assert (state.changes, state.formalities) == (4, 3)


# -- the session ---------------------------------------------------------------------------------

ULAW: dict[str, Any] = {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}
MANUAL: dict[str, Any] = {"audio": {"input": {"turn_detection": None}}}


def update(state: ConnectionState, event_id: str, session: Any = ULAW) -> None:
    state.sent({"type": "session.update", "event_id": event_id, "session": session})


def refuse(state: ConnectionState, event_id: object = None, **fields: Any) -> None:
    error = {"type": "invalid_request_error", "message": "no", "event_id": event_id, **fields}
    assert state.receive(event("error", error=error))


def test_an_update_counts_until_it_is_refused_or_not_sent(state: ConnectionState) -> None:
    update(state, "a")
    update(state, "b", MANUAL)
    assert (state.input_is_pcm, state.turns_are_manual) == (False, True)
    refuse(state, "a")
    assert (state.input_is_pcm, state.turns_are_manual) == (True, True)
    state.forget("b")
    assert not state.turns_are_manual


def test_a_report_replaces_what_was_asked_for(state: ConnectionState) -> None:
    update(state, "a")
    state.receive(event("session.updated", session=MANUAL))
    state.receive(event("session.updated", session={"input_audio_format": "pcm16"}))
    assert (state.input_is_pcm, state.turns_are_manual) == (True, True)
    assert state.restorable_session == {"input_audio_format": "pcm16"}


def test_a_refusal_that_names_nothing_means_the_one_request_under_way(
    state: ConnectionState,
) -> None:
    update(state, "a")
    refuse(state)
    assert state.input_is_pcm


@pytest.mark.parametrize("event_id", [None, "", 5, {}, ["a"]])
def test_no_refusal_can_mean_several_requests(state: ConnectionState, event_id: object) -> None:
    update(state, "a")
    update(state, "b", MANUAL)
    refuse(state, event_id)
    assert state.session.under_way == ("a", "b")
    refuse(state, event_id, param=["session"])
    assert state.session.under_way == ("a", "b")
    refuse(state, event_id, param="sessions")
    assert state.session.under_way == ("a", "b")
    refuse(state, event_id, param="session.audio.input.format")
    assert state.session.under_way == ("b",), "they are answered in order"


def test_a_refusal_beside_a_request_for_an_answer(state: ConnectionState) -> None:
    update(state, "a")
    state.sent(create("mine"))
    refuse(state, param="session")
    assert (state.requested, state.session.under_way) == ({"mine"}, ())
    update(state, "b")
    refuse(state)
    assert state.session.under_way == ("b",), "it can mean either"
    refuse(state, param="response")
    assert (state.requested, state.session.under_way) == ({"b"}, ("b",))


def test_an_update_that_was_overtaken_goes_with_its_link_too(state: ConnectionState) -> None:
    update(state, "a")
    state.transmitted({"type": "session.update", "event_id": "a"})
    send(state, {"type": "input_audio_buffer.clear", "event_id": "c"})
    state.receive(event("input_audio_buffer.cleared"))
    assert not state.input_is_pcm
    state.link_lost(state.requested)
    assert state.input_is_pcm


def test_what_is_no_failure_undoes_nothing(state: ConnectionState) -> None:
    update(state, "a")
    refuse(state, code="response_cancel_not_active")
    refuse(state, "somebody else's")
    assert not state.input_is_pcm


def test_with_the_link_goes_what_it_was_told_of_the_session(state: ConnectionState) -> None:
    update(state, "a")
    state.transmitted({"type": "session.update", "event_id": "a"})
    send(state, create("mine"))
    requested = state.requested
    assert requested == {"a", "mine"}
    update(state, "held", MANUAL)
    assert state.link_lost(requested)
    assert (state.input_is_pcm, state.turns_are_manual) == (True, True)


def test_a_restored_session_is_not_the_answer_to_an_update(
    state: ConnectionState, virtual_clock: VirtualClock
) -> None:
    update(state, "held")
    reports: list[Any] = [
        event("session.created", session={"expires_at": time.time() + 300}),
        event("session.updated", session=MANUAL),
    ]
    state.renewed(reports)
    assert state.session.under_way == ("held",)
    assert (state.input_is_pcm, state.turns_are_manual) == (False, True)
    assert state.renew_at - virtual_clock() == pytest.approx(240, abs=1.0)
    assert state.restorable_session == MANUAL


@pytest.mark.parametrize(
    ("kind", "words"), [("audio/pcm", "one two three four"), ("audio/pcmu", "one")]
)
def test_the_heard_share_is_measured_in_the_sessions_format(
    state: ConnectionState, kind: str, words: str
) -> None:
    audio = {"output": {"format": {"type": kind}}}
    state.receive(event("session.created", session={"audio": audio}))
    item: dict[str, Any] = {"id": "a", "type": "message", "role": "assistant", "content": []}
    state.receive(event("conversation.item.added", item=item))
    delta = "AAAA" * 1600  # 4800 bytes: 100 ms of PCM16, 600 of G.711
    state.receive(event("response.output_audio.delta", item_id="a", delta=delta))
    item["content"] = [{"type": "output_audio", "transcript": "one two three four"}]
    state.receive(event("conversation.item.done", item=item))
    state.receive(
        event("conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=150)
    )
    assert state.replay()[0][0]["content"][0]["text"] == words


# -- what only the lost link was told of -----------------------------------------------------------


def tool_output(event_id: str, **fields: Any) -> dict[str, Any]:
    item = {"type": "function_call_output", "call_id": "call_1", "output": "rain"}
    return {"type": "conversation.item.create", "event_id": event_id, "item": item, **fields}


def test_an_item_that_has_gone_out_and_was_not_confirmed_is_told_again(
    state: ConnectionState,
) -> None:
    send(state, tool_output("a"))
    assert state.replay() == ([], []), "the link is there"
    state.link_lost(state.requested)
    (item,), lost = state.replay()
    assert item["id"].startswith("item_")
    assert (item["call_id"], item["output"], lost) == ("call_1", "rain", [])
    state.renewed([])
    assert state.replay() == ([], []), "the new link has it, as the history says"


def test_an_item_that_is_held_for_the_next_link_is_not_told_twice(state: ConnectionState) -> None:
    state.sent(tool_output("a"))
    state.link_lost(state.requested)
    assert state.replay() == ([], [])


def test_an_item_that_was_confirmed_or_has_a_place_is_not_told_again(
    state: ConnectionState,
) -> None:
    send(state, tool_output("a"), tool_output("b", previous_item_id="root"))
    told = {"id": "item_1", "status": "completed", **tool_output("a")["item"]}
    state.receive(event("conversation.item.added", item=told))
    state.link_lost(state.requested)
    assert [item["id"] for item in state.replay()[0]] == ["item_1"]


def test_what_was_held_for_a_link_that_is_lost_in_its_turn_is_told_again(
    state: ConnectionState,
) -> None:
    state.sent(tool_output("a"))
    state.link_lost(state.requested)
    assert state.requested == {"a"}, "it waits for the next link"
    state.renewed([])
    state.transmitted(tool_output("a"))
    state.link_lost(state.requested)
    assert [item["call_id"] for item in state.replay()[0]] == ["call_1"]


def test_a_request_for_an_answer_that_is_held_is_not_lost(state: ConnectionState) -> None:
    state.sent(create("held"))
    assert not state.link_lost(state.requested)
    assert (state.busy, state.is_lost("held")) == (True, False)


def user_text(event_id: str, words: str) -> dict[str, Any]:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": words}]}
    return {"type": "conversation.item.create", "event_id": event_id, "item": item}


def test_an_item_confirms_one_request_however_often_it_is_told_of(state: ConnectionState) -> None:
    send(state, user_text("a", "one"), tool_output("b"), user_text("c", "two"))
    told = {"id": "item_1", "status": "completed", **user_text("a", "one")["item"]}
    state.receive(event("conversation.item.added", item=told))
    state.receive(event("conversation.item.done", item=told))
    state.link_lost(state.requested)
    _, output, words = state.replay()[0]
    assert (output["call_id"], words["content"][0]["text"]) == ("call_1", "two")


def test_a_turn_that_is_spoken_confirms_no_text(state: ConnectionState) -> None:
    send(state, tool_output("a"), user_text("b", "one"))
    spoken = {"id": "item_1", "type": "message", "role": "user", "status": "completed"}
    state.receive(event("input_audio_buffer.committed", item_id="item_1"))
    state.receive(event("conversation.item.added", item=spoken))
    state.receive(event("conversation.item.done", item=spoken))
    assert state.requested == {"a", "b"}


def test_a_response_that_ends_by_itself_confirms_nothing_that_was_sent_before_its_cancellation(
    state: ConnectionState,
) -> None:
    state.receive(response("created", "r1"))
    send(
        state,
        tool_output("a"),
        {"type": "response.cancel", "event_id": "cancel", "response_id": "r1"},
    )
    state.receive(response("done", "r1", status="completed"))
    state.link_lost(state.requested)
    assert [item["call_id"] for item in state.replay()[0]] == ["call_1"]
