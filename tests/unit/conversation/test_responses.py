"""Which responses run, are asked for or are owed."""

from __future__ import annotations

from typing import Any

import pytest

from realtime_sync.conversation.responses import Responses
from realtime_sync.events import ErrorDetail

BUSY = "conversation_already_has_active_response"


def create(event_id: str, **response: Any) -> dict[str, Any]:
    event: dict[str, Any] = {"type": "response.create", "event_id": event_id}
    return {**event, "response": response} if response else event


def aside(event_id: str, **response: Any) -> dict[str, Any]:
    return create(event_id, conversation="none", **response)


def error(**fields: Any) -> ErrorDetail:
    return ErrorDetail(**{"type": "invalid_request_error", "message": "no", **fields})


@pytest.fixture
def responses() -> Responses:
    return Responses()


# -- the conversation's --------------------------------------------------------------------------


def test_a_response_is_asked_for_then_runs_then_is_over(responses: Responses) -> None:
    assert not responses.busy
    responses.asked(create("a"))
    assert responses.busy
    assert responses.requested == {"a"}
    assert responses.created({"id": "r1"}) == (None, ["a"])
    assert responses.requested == frozenset()
    assert responses.running == {"r1"}
    assert not responses.is_over("r1")
    assert responses.done({"id": "r1"}) == ["a"], "now no refusal can come"
    assert not responses.busy
    assert not responses.under_way
    assert responses.is_over("r1")


def test_metadata_tells_which_request_was_answered(responses: Responses) -> None:
    responses.asked(create("a", metadata={"turn": "1"}))
    responses.asked(create("b", metadata={"turn": "2"}))
    assert responses.created({"id": "r", "metadata": {"turn": "2", "theirs": "x"}}) == ("b", ["a"])


def test_a_response_that_was_interrupted_may_end_without_a_word(responses: Responses) -> None:
    responses.asked(create("a"))
    responses.created({"id": "r1"})
    assert responses.interrupted() == ["a"]
    assert not responses.busy


def test_an_end_without_a_name_is_that_of_the_only_one(responses: Responses) -> None:
    responses.created({"id": "r1"})
    responses.done({})
    assert not responses.busy
    assert responses.is_over("r1")
    responses.created({"id": "r2"})
    responses.created({"id": "aside", "conversation_id": None})
    responses.done({})
    assert responses.busy, "it may be that of the other one"


def test_one_that_was_not_active_when_it_was_cancelled_is_over(responses: Responses) -> None:
    responses.created({"id": "r1"})
    responses.not_active("r0")
    assert responses.busy
    responses.not_active("r1")
    assert not responses.busy
    responses.created({"id": "r2"})
    responses.not_active(None)
    assert not responses.busy


def test_a_request_that_was_not_sent_is_none(responses: Responses) -> None:
    responses.asked(create("a"))
    responses.forget("a")
    assert not responses.busy


def test_tools_that_a_request_declares_are_known(responses: Responses) -> None:
    responses.asked(create("a", tools=[{"type": "function", "name": "look"}, 1, {"name": []}]))
    assert responses.declared_tools == {"look"}


# -- out-of-band ---------------------------------------------------------------------------------


def test_null_says_that_it_is_out_of_band(responses: Responses) -> None:
    responses.created({"id": "r0", "conversation_id": "conv_1"})
    responses.done({"id": "r0", "conversation_id": "conv_1"})
    responses.asked(create("a"))
    assert responses.created({"id": "oob", "conversation_id": None}) == (None, [])
    assert responses.is_out_of_band("oob")
    assert responses.running == frozenset()
    assert responses.under_way
    assert responses.busy, "it is no answer to the other request"
    assert responses.done({"id": "oob", "conversation_id": None}) == []
    assert responses.busy
    assert responses.is_out_of_band("oob"), "whoever asks later"


def test_it_keeps_nobody_waiting(responses: Responses) -> None:
    responses.created({"id": "oob", "conversation_id": None})
    assert not responses.busy
    assert responses.ask_when_idle(create("a"))


def test_a_request_for_one_does_not_count_either(responses: Responses) -> None:
    responses.asked(aside("o"))
    assert not responses.busy
    assert responses.under_way
    assert responses.created({"id": "oob"}) == ("o", []), "by the order"
    assert not responses.busy
    assert responses.is_out_of_band("oob")


def test_absent_is_in_the_conversation(responses: Responses) -> None:
    responses.created({"id": "r1"})
    assert responses.running == {"r1"}


def test_the_order_counts_where_nothing_is_said(responses: Responses) -> None:
    responses.asked(create("a"))
    responses.asked(aside("o"))
    assert responses.created({"id": "r1"}) == (None, ["a"])
    assert responses.created({"id": "oob"}) == ("o", [])
    assert responses.running == {"r1"}


def test_metadata_count_before_the_order(responses: Responses) -> None:
    responses.asked(create("a", metadata={"n": "1"}))
    responses.asked(aside("o", metadata={"n": "2"}))
    assert responses.created({"id": "oob", "metadata": {"n": "2"}}) == ("o", [])
    assert responses.is_out_of_band("oob")


def test_anothers_metadata_are_no_answer_to_ours(responses: Responses) -> None:
    responses.asked(aside("o"))
    responses.created({"id": "r1", "metadata": {"n": "somebody's"}})
    assert responses.running == {"r1"}


def test_a_named_conversation_is_one(responses: Responses) -> None:
    responses.asked(aside("o"))
    responses.created({"id": "r1", "conversation_id": "conv_1"})
    assert responses.running == {"r1"}


def test_a_server_that_always_says_null_is_believed_in_its_metadata(responses: Responses) -> None:
    responses.asked(create("a", metadata={"n": "1"}))
    responses.created({"id": "r1", "metadata": {"n": "1"}, "conversation_id": None})
    assert responses.running == {"r1"}
    assert responses.done({"id": "r1", "conversation_id": None}) == []
    assert not responses.busy
    assert not responses.is_out_of_band("r1"), "whoever asks later"


def test_of_such_a_server_the_one_that_was_asked_for_is_in_the_conversation(
    responses: Responses,
) -> None:
    responses.asked(create("a"))
    assert responses.created({"id": "r1", "conversation_id": None}) == (None, ["a"])
    assert responses.running == {"r1"}
    assert responses.done({"id": "r1", "conversation_id": None}) == ["a"]
    assert not responses.is_out_of_band("r1")
    responses.asked(aside("o"))
    assert responses.created({"id": "oob", "conversation_id": None}) == ("o", [])
    assert responses.is_out_of_band("oob")
    assert not responses.busy


@pytest.mark.parametrize("kind", ["created", "done"])
def test_a_server_that_has_named_a_conversation_means_null(responses: Responses, kind: str) -> None:
    getattr(responses, kind)({"id": "r0", "conversation_id": "conv_1"})
    responses.done({"id": "r0"})
    responses.asked(create("a"))
    assert responses.created({"id": "oob", "conversation_id": None}) == (None, [])
    assert responses.busy


def test_the_end_of_one_settles_nothing(responses: Responses) -> None:
    responses.asked(create("a"))
    responses.created({"id": "r1"})
    responses.created({"id": "oob", "conversation_id": None})
    assert responses.done({"id": "oob", "conversation_id": None}) == []
    assert responses.running == {"r1"}
    assert responses.done({"id": "r1"}) == ["a"]


# -- when nothing runs ---------------------------------------------------------------------------


def test_of_several_that_wait_the_latest_is_sent(responses: Responses) -> None:
    assert responses.ask_when_idle(create("a"))
    assert not responses.ask_when_idle(create("b"))
    assert not responses.ask_when_idle(create("c"))
    assert responses.take_owed() is None
    responses.created({"id": "r1"})
    assert responses.take_owed() is None
    responses.done({"id": "r1"})
    assert responses.take_owed() == create("c")
    assert responses.busy
    assert responses.take_owed() is None


def test_one_that_waits_may_be_withdrawn(responses: Responses) -> None:
    responses.created({"id": "r1"})
    responses.ask_when_idle(create("a"))
    assert not responses.withdraw("b")
    assert responses.withdraw("a")
    assert not responses.withdraw("a")
    responses.done({"id": "r1"})
    assert responses.take_owed() is None


def test_one_that_was_sent_is_not_withdrawn(responses: Responses) -> None:
    responses.ask_when_idle(create("a"))
    assert not responses.withdraw("a")
    assert responses.busy


@pytest.mark.parametrize("begun", [True, False])
def test_one_that_another_was_quicker_than_is_asked_again(
    responses: Responses, begun: bool
) -> None:
    responses.ask_when_idle(create("a"))
    if begun:
        responses.created({"id": "theirs"})
    assert responses.refused("a", busy=True)
    assert (responses.pause_s == 0) == begun
    assert responses.take_owed() is None
    responses.done({"id": "theirs"})
    assert responses.take_owed() == create("a")


def vain(responses: Responses) -> float:
    """Ask and be refused because of a response that nobody has seen; return the pause."""
    responses.ask_when_idle(create("a"))
    responses.refused("a", busy=True)
    return responses.pause_s


def test_refusals_that_nothing_explains_are_answered_by_longer_and_longer_pauses(
    responses: Responses,
) -> None:
    pauses = []
    for _ in range(100):
        pauses.append(vain(responses))
        assert responses.take_owed() is None
        responses.paused()
        assert responses.take_owed() == create("a")
    assert pauses[:7] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert set(pauses[6:]) == {5.0}


@pytest.mark.parametrize("end", ["created", "done", "interrupted", "link_lost"])
def test_such_a_pause_ends_with_whatever_the_server_does(responses: Responses, end: str) -> None:
    assert vain(responses) == 0.1
    argument: Any = {"created": ({"id": "x"},), "done": ({"id": "x"},), "interrupted": ()}
    getattr(responses, end)(*argument.get(end, (frozenset(),)))
    assert responses.pause_s == 0
    responses.done({"id": "x"})
    assert responses.take_owed() == create("a")
    responses.refused("a", busy=True)
    assert responses.pause_s == (0.1 if end in ("created", "link_lost") else 0.2)


def test_an_out_of_band_response_explains_no_refusal(responses: Responses) -> None:
    assert vain(responses) == 0.1
    responses.asked(aside("o"))
    responses.created({"id": "oob"})
    responses.done({"id": "oob"})
    assert responses.take_owed() is None


def test_a_refused_request_of_a_turn_pauses_too(responses: Responses) -> None:
    responses.asked(create("a"))
    assert not responses.refused("a", busy=True)
    assert responses.pause_s == 0.1
    responses.paused()
    responses.asked(create("b"))
    assert not responses.refused("b", busy=False)
    assert responses.pause_s == 0


def test_a_later_one_is_sent_in_its_place(responses: Responses) -> None:
    responses.ask_when_idle(create("a"))
    responses.created({"id": "theirs"})
    responses.ask_when_idle(create("b"))
    assert responses.refused("a", busy=True)
    responses.done({"id": "theirs"})
    assert responses.take_owed() == create("b")


def test_other_refusals_are_the_programs(responses: Responses) -> None:
    responses.ask_when_idle(create("a"))
    assert not responses.refused("a", busy=False)
    assert not responses.busy
    responses.asked(create("b"))
    assert not responses.refused("b", busy=True), "nobody said that it may wait"
    assert not responses.busy
    assert responses.take_owed() is None


# -- why a request was refused -------------------------------------------------------------------


def test_the_code_says_that_another_is_running(responses: Responses) -> None:
    responses.asked(create("a"))
    assert responses.says_busy(error(code=BUSY), "a")
    assert not responses.says_busy(error(code="other"), "a")


def test_without_a_code_it_is_so_while_another_runs(responses: Responses) -> None:
    responses.asked(create("a"))
    assert not responses.says_busy(error(), "a"), "nothing runs"
    responses.created({"id": "theirs"})
    assert responses.says_busy(error(), "a")
    assert not responses.says_busy(error(param="response.voice"), "a")
    assert not responses.says_busy(error(type="server_error"), "a")
    assert not responses.says_busy(error(), "another")


# -- a lost link ---------------------------------------------------------------------------------


def test_what_was_asked_for_over_a_lost_link_is_gone(responses: Responses) -> None:
    responses.asked(create("old"))
    responses.asked(create("held"))
    assert responses.link_lost(frozenset({"old"}))
    assert responses.lost == ("old",)
    assert responses.busy
    assert not responses.link_lost(frozenset())
    responses.forget("held")
    assert not responses.busy


def test_what_ran_is_gone_and_what_waits_is_not(responses: Responses) -> None:
    responses.created({"id": "r1"})
    responses.created({"id": "oob", "conversation_id": None})
    responses.ask_when_idle(create("a"))
    assert responses.link_lost(frozenset())
    assert not responses.under_way
    assert responses.take_owed() == create("a")


def test_a_lost_out_of_band_response_is_a_loss_too(responses: Responses) -> None:
    responses.created({"id": "oob", "conversation_id": None})
    assert responses.link_lost(frozenset())
    responses.asked(aside("o"))
    assert responses.link_lost(frozenset({"o"}))
    assert not responses.link_lost(frozenset())


# -- what servers send ---------------------------------------------------------------------------

ODD: list[Any] = [None, 5, [], {}, ["x"], {"id": []}, float("nan")]


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("name", ["id", "conversation_id", "metadata"])
def test_a_response_of_any_form_is_survived(responses: Responses, name: str, value: Any) -> None:
    responses.asked(create("a", metadata={"n": []}))
    responses.asked({"type": "response.create", "event_id": value, "response": value})
    response = {"id": "r1", name: value}
    responses.created(response)
    responses.done(response)


def test_the_memory_is_bounded(responses: Responses) -> None:
    for n in range(1000):
        responses.asked(aside(f"o{n}"))
        responses.asked(create(f"a{n}"))
        responses.created({"id": f"oob{n}", "conversation_id": None})
        responses.done({"id": f"oob{n}", "conversation_id": None})
        responses.created({"id": f"r{n}", "conversation_id": "c"})
        responses.done({"id": f"r{n}"})
        responses.asked(create(f"b{n}"))
    for found in (responses._asked, responses._doubtful, responses._out_of_band, responses._over):
        assert len(found) <= 64
