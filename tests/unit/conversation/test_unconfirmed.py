"""Which request an error means that does not say so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync.conversation.unconfirmed import Refusal, Refusals, UnconfirmedRequests
from realtime_sync.events import ErrorDetail, ErrorEvent, ServerEvent, parse_event


def event(kind: str, **fields: Any) -> ServerEvent:
    return parse_event(json.dumps({"type": kind, "event_id": "e", **fields}))


def error(**fields: Any) -> ErrorDetail:
    return ErrorDetail(**{"type": "server_error", "message": "no", **fields})


@pytest.fixture
def requests() -> UnconfirmedRequests:
    return UnconfirmedRequests()


def send(requests: UnconfirmedRequests, *kinds: str, **fields: Any) -> None:
    """Send requests, each under its type as its id."""
    for kind in kinds:
        requests.add({"type": kind, "event_id": kind, **fields})
        requests.note_gone(kind, gone=True)


ITEM, CREATE, UPDATE = "conversation.item.create", "response.create", "session.update"
COMMIT, CLEAR = "input_audio_buffer.commit", "input_audio_buffer.clear"


# -- whom an error means -------------------------------------------------------------------------


def test_the_server_is_taken_at_its_word(requests: UnconfirmedRequests) -> None:
    send(requests, UPDATE)
    assert requests.meant_by(error(event_id="another")) == "another"


@pytest.mark.parametrize("event_id", [None, "", 5, [], {}])
def test_without_a_word_it_is_the_only_one(requests: UnconfirmedRequests, event_id: Any) -> None:
    assert requests.meant_by(error(event_id=event_id)) is None
    send(requests, UPDATE)
    assert requests.meant_by(error(event_id=event_id)) == UPDATE
    send(requests, CREATE)
    assert requests.meant_by(error(event_id=event_id)) is None, "it can mean either"


@pytest.mark.parametrize(
    ("fields", "meant"),
    [
        ({"param": "session.tools[3].description"}, UPDATE),
        ({"param": "session"}, UPDATE),
        ({"param": "item.content[0].audio"}, ITEM),
        ({"param": "previous_item_id"}, ITEM),
        ({"param": "response.voice"}, CREATE),
        ({"param": "response_id"}, "response.cancel"),
        ({"param": "audio_end_ms"}, "conversation.item.truncate"),
        ({"param": "item_id"}, "conversation.item.truncate"),
        ({"param": "audio"}, None),
        ({"code": "conversation_already_has_active_response"}, CREATE),
        ({"code": "response_cancel_not_active"}, "response.cancel"),
        ({"code": "input_audio_buffer_commit_empty"}, COMMIT),
        ({"code": "input_audio_buffer_full"}, None),
        ({"code": "item_create_duplicate_id"}, ITEM),
        ({"code": "cannot_update_voice", "param": "x"}, UPDATE),
    ],
)
def test_what_it_complains_of_tells_the_kind(
    requests: UnconfirmedRequests, fields: dict[str, Any], meant: str | None
) -> None:
    send(requests, UPDATE, ITEM, "conversation.item.truncate", COMMIT, "response.cancel", CREATE)
    assert requests.meant_by(error(**fields)) == meant


def test_of_one_kind_it_is_the_oldest(requests: UnconfirmedRequests) -> None:
    for event_id in ("first", "second"):
        requests.add({"type": UPDATE, "event_id": event_id})
    assert requests.meant_by(error(param="session.voice")) == "first"


def test_a_kind_that_is_not_under_way_is_nobodys(requests: UnconfirmedRequests) -> None:
    send(requests, UPDATE)
    assert requests.meant_by(error(param="item.role")) is None


def test_an_out_of_band_request_is_never_too_early(requests: UnconfirmedRequests) -> None:
    requests.add({"type": CREATE, "event_id": "aside", "response": {"conversation": "none"}})
    requests.add({"type": CREATE, "event_id": "mine"})
    assert requests.meant_by(error(code="conversation_already_has_active_response")) == "mine"
    assert requests.meant_by(error(param="response.voice")) == "aside"


def test_an_item_and_the_request_behind_it_are_one_turn(requests: UnconfirmedRequests) -> None:
    send(requests, CLEAR, COMMIT, ITEM, CREATE)
    assert requests.meant_by(error()) == CREATE


def test_an_item_behind_the_request_is_another_affair(requests: UnconfirmedRequests) -> None:
    send(requests, CREATE, ITEM)
    assert requests.meant_by(error()) is None


def test_several_items_are_several(requests: UnconfirmedRequests) -> None:
    for event_id in ("a", "b"):
        requests.add({"type": ITEM, "event_id": event_id})
    assert requests.meant_by(error()) is None


def test_several_trifles_are_several(requests: UnconfirmedRequests) -> None:
    send(requests, CLEAR, COMMIT)
    assert requests.meant_by(error()) is None


def test_what_goes_wrong_in_a_response_does_not_refuse_it(requests: UnconfirmedRequests) -> None:
    send(requests, CREATE)
    requests.doubt(CREATE)
    requests.doubt("unknown")
    assert requests.meant_by(error()) is None
    assert requests.meant_by(error(type="invalid_request_error")) == CREATE
    send(requests, ITEM)
    assert requests.meant_by(error()) == ITEM


# -- confirmations -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        ({"type": UPDATE}, event("session.updated", session={})),
        ({"type": COMMIT}, event("input_audio_buffer.committed", item_id="i")),
        ({"type": CLEAR}, event("input_audio_buffer.cleared")),
        ({"type": "output_audio_buffer.clear"}, event("output_audio_buffer.cleared")),
        ({"type": "response.cancel"}, event("response.done", response={"id": "r"})),
        *(
            (
                {"type": f"conversation.item.{kind}", "item_id": "i"},
                event(f"conversation.item.{past}", item_id="i", item={"id": "i"}),
            )
            for kind, past in (
                ("delete", "deleted"),
                ("truncate", "truncated"),
                ("retrieve", "retrieved"),
            )
        ),
        *(
            (
                {"type": ITEM, "item": {"id": "i"}},
                event(f"conversation.item.{past}", item={"id": "i"}),
            )
            for past in ("added", "created", "done")
        ),
    ],
)
def test_an_answer_confirms(
    requests: UnconfirmedRequests, request_: dict[str, Any], answer: ServerEvent
) -> None:
    requests.add({"event_id": "mine", **request_})
    requests.confirm(event("rate_limits.updated"))
    assert list(requests.left) == ["mine"]
    requests.confirm(answer)
    assert list(requests.left) == []


def test_anothers_item_confirms_nothing(requests: UnconfirmedRequests) -> None:
    requests.add({"type": ITEM, "event_id": "a", "item": {"id": "mine"}})
    requests.add({"type": ITEM, "event_id": "b", "item": {"type": "message", "role": "user"}})
    requests.confirm(event("conversation.item.added", item={"id": "x", "role": "assistant"}))
    requests.confirm(event("conversation.item.added", item=None))
    assert list(requests.left) == ["a", "b"]


def test_an_item_without_an_id_is_known_by_its_form(requests: UnconfirmedRequests) -> None:
    output = {"type": "function_call_output", "call_id": "c", "output": "x"}
    requests.add({"type": ITEM, "event_id": "a", "item": output})
    requests.confirm(event("conversation.item.added", item={"id": "x", **output, "call_id": "d"}))
    assert list(requests.left) == ["a"]
    requests.confirm(event("conversation.item.added", item={"id": "x", **output}))
    assert list(requests.left) == []


def test_what_was_sent_before_is_answered_too(requests: UnconfirmedRequests) -> None:
    send(requests, ITEM, CREATE, UPDATE, CLEAR)
    requests.confirm(event("session.updated", session={}))
    assert list(requests.left) == [CREATE, CLEAR], "a response may take longer to begin"


def test_what_is_still_in_somebodys_hands_is_answered_later(
    requests: UnconfirmedRequests,
) -> None:
    requests.add({"type": ITEM, "event_id": "held"})
    send(requests, UPDATE)
    requests.confirm(event("session.updated", session={}))
    assert list(requests.left) == ["held"]


def test_the_end_of_a_response_answers_its_cancellation_alone(
    requests: UnconfirmedRequests,
) -> None:
    send(requests, ITEM)
    send(requests, "response.cancel", response_id="r")
    requests.confirm(event("response.done", response={"id": "r"}))
    assert list(requests.left) == [ITEM], "it may have ended by itself"


def test_with_a_link_goes_what_had_gone_out_over_it(requests: UnconfirmedRequests) -> None:
    item = {"type": "message", "role": "user", "content": []}
    send(requests, ITEM, item=item)
    send(requests, UPDATE)
    requests.add({"type": CREATE, "event_id": "held"})
    requests.add({"type": COMMIT, "event_id": "set aside"})
    requested = frozenset({*requests.left, "overtaken"})
    lost, items = requests.link_lost(requested)
    assert lost == {ITEM, UPDATE, "set aside", "overtaken"}
    assert (items, list(requests.left)) == ([item], ["held"])


def test_what_was_not_sent_is_not_left(requests: UnconfirmedRequests) -> None:
    send(requests, UPDATE)
    requests.drop(UPDATE)
    requests.drop(UPDATE)
    assert requests.left == {}


def test_only_what_is_answered_is_remembered_and_not_for_ever(
    requests: UnconfirmedRequests,
) -> None:
    send(requests, "input_audio_buffer.append", "ask.something")
    requests.add({"type": UPDATE, "event_id": None})
    assert requests.left == {}
    for n in range(65):
        requests.add({"type": UPDATE, "event_id": f"e{n}"})
    assert list(requests.left) == [f"e{n}" for n in range(1, 65)]


ODD: list[Any] = [None, 5, [], {}, ["x"], {"id": []}, "x", float("nan")]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("name", ["item", "item_id", "response", "response_id", "event_id"])
def test_any_form_is_survived(requests: UnconfirmedRequests, name: str, value: Any) -> None:
    for kind in (ITEM, CREATE, "conversation.item.delete", "response.cancel"):
        requests.add({"type": kind, "event_id": kind, name: value})
    for kind in ("conversation.item.done", "conversation.item.deleted", "response.done"):
        requests.confirm(event(kind, **{name: value}))


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("name", ["type", "code", "param", "event_id", "message"])
def test_any_error_is_survived(requests: UnconfirmedRequests, name: str, value: Any) -> None:
    send(requests, UPDATE, CREATE)
    requests.meant_by(error(**{name: value}))


# -- who asks later ------------------------------------------------------------------------------


def refusal(message: str, **fields: Any) -> ErrorEvent:
    found = event("error", error={"type": "t", "message": message, **fields})
    assert isinstance(found, ErrorEvent)
    return found


def test_an_event_of_the_same_text_means_the_same() -> None:
    refusals = Refusals()
    refusals.note(refusal("no"), "mine", busy=True)
    assert refusals.of(refusal("no")) == Refusal(("mine",), busy=True)
    assert refusals.of(refusal("other")) is None


def test_two_of_one_text_may_mean_either() -> None:
    refusals = Refusals()
    refusals.note(refusal("no"), "a", busy=False)
    refusals.note(refusal("no"), "b", busy=False)
    assert refusals.of(refusal("no")) == Refusal(("a", "b"), busy=False)


def test_one_that_nobody_has_noted_is_read_as_it_is() -> None:
    code = "conversation_already_has_active_response"
    assert Refusals().of(refusal("no", event_id="x")) == Refusal(("x",), busy=False)
    assert Refusals().of(refusal("no", event_id="x", code=code)) == Refusal(("x",), busy=True)


def test_refusals_are_not_kept_for_ever() -> None:
    refusals = Refusals()
    for n in range(65):
        refusals.note(refusal(str(n)), "x", busy=False)
        refusals.note(refusal("same"), str(n), busy=False)
    assert len(refusals._by_text) <= 64
    assert refusals.of(refusal("0")) is None
    same = refusals.of(refusal("same"))
    assert same is not None
    assert same.requests == tuple(map(str, range(1, 65)))
