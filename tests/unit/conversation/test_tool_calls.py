"""Which calls are open, and when the next response is owed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from realtime_sync.conversation.tool_calls import OpenCall, ToolCalls, declared_functions


def call(call_id: Any = "c1", name: Any = "look", **fields: Any) -> dict[str, Any]:
    call = {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}
    return {**call, **fields}


@pytest.fixture
def calls() -> ToolCalls:
    return ToolCalls(["look", "pay"], declared=lambda: {"look", "theirs"})


# -- which are ours ------------------------------------------------------------------------------


def test_a_call_is_run_once_however_often_it_comes(calls: ToolCalls) -> None:
    assert calls.called("r", call(arguments='{"a": 1}')) == OpenCall("c1", "look", '{"a": 1}')
    assert calls.called("r", call()) is None
    calls.finished("c1")
    calls.over("r")
    assert calls.called("r2", call()) is None
    assert calls.called("r2", call("c2")) == OpenCall("c2", "look", "{}")


def test_ours_need_no_declaration(calls: ToolCalls) -> None:
    assert calls.called("r", call(name="pay")) == OpenCall("c1", "pay", "{}")


def test_those_of_the_session_are_left_to_whoever_declared_them(calls: ToolCalls) -> None:
    assert calls.called("r", call(name="theirs")) is None
    assert not calls.running
    assert not calls.over("r")


def test_a_made_up_name_is_told_so(calls: ToolCalls) -> None:
    found = calls.called("r", call(name="look_up"))
    assert found is not None
    assert found.failure is not None
    assert json.loads(found.failure) == {
        "error": "there is no tool 'look_up'; the tools are: look, pay, theirs"
    }
    assert not calls.finished("c1")
    assert calls.over("r"), "and the model may say something about it"


def test_beside_another_program_unknown_names_are_left() -> None:
    calls = ToolCalls(["look"], declared=tuple, leave_unknown=True)
    assert calls.called("r", call(name="hidden")) is None
    assert calls.called("r", call()) is not None


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"type": "message"},
        call(None),
        call(""),
        call(["c"]),
        call("\ud83d"),
        call(type="mcp_call"),
        call(status="incomplete"),
    ],
)
def test_what_can_not_be_answered_is_left(calls: ToolCalls, item: dict[str, Any]) -> None:
    assert calls.called("r", item) is None
    assert not calls.running


@pytest.mark.parametrize("name", [None, "", 5, ["look"], {}, "x" * 100_000])
def test_a_name_may_be_anything(calls: ToolCalls, name: Any) -> None:
    found = calls.called("r", call(name=name))
    assert found is not None
    assert found.failure is not None
    assert len(found.failure) < 500


@pytest.mark.parametrize(
    ("arguments", "text"), [(None, ""), ({"a": 1}, '{"a": 1}'), ([1], "[1]"), ("{", "{")]
)
def test_arguments_are_text(calls: ToolCalls, arguments: Any, text: str) -> None:
    found = calls.called("r", call(arguments=arguments))
    assert found is not None
    assert found.arguments == text


def test_arguments_may_be_nested_deeply(calls: ToolCalls) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert calls.called("r", call(arguments=deep)) is not None


# -- when the next response is owed --------------------------------------------------------------


def test_it_is_owed_once_when_all_outputs_are_in(calls: ToolCalls) -> None:
    calls.called("r", call("c1"))
    calls.called("r", call("c2"))
    assert not calls.finished("c1")
    assert not calls.over("r")
    assert calls.running
    assert calls.finished("c2")
    assert not calls.running
    assert not calls.finished("c2")
    assert not calls.over("r")


@pytest.mark.parametrize("over_first", [True, False])
def test_without_an_output_that_was_lost_none_is_owed(calls: ToolCalls, over_first: bool) -> None:
    calls.called("r1", call("c1"))
    calls.called("r1", call("c2"))
    if over_first:
        assert not calls.over("r1")
    calls.lost("c1")
    assert calls.running
    assert not calls.finished("c2")
    assert over_first or not calls.over("r1")
    assert not calls.running


def test_not_before_the_response_is_over(calls: ToolCalls) -> None:
    calls.called("r", call())
    assert not calls.finished("c1")
    assert calls.over("r")


def test_a_call_that_comes_late_is_of_a_response_that_is_over(calls: ToolCalls) -> None:
    assert not calls.over("r")
    calls.called("r", call())
    assert calls.finished("c1")


def test_each_response_for_itself(calls: ToolCalls) -> None:
    calls.called("r1", call("c1"))
    calls.called("r2", call("c2"))
    assert not calls.over("r2")
    assert calls.finished("c2")
    assert not calls.finished("c1")
    assert calls.over("r1")


@pytest.mark.parametrize("late", [True, False])
def test_after_an_interruption_the_users_turn_brings_the_answer(
    calls: ToolCalls, late: bool
) -> None:
    if late:
        calls.over("r", interrupted=True)
    calls.called("r", call())
    if not late:
        assert not calls.over("r", interrupted=True)
    assert not calls.finished("c1")
    assert not calls.running


def test_a_lost_link_ends_all_responses(calls: ToolCalls) -> None:
    calls.called("r1", call("c1"))
    calls.called("r2", call("c2"))
    calls.finished("c2")
    assert calls.link_lost(), "for the second"
    assert calls.finished("c1"), "and for the first"
    assert not calls.link_lost()


@pytest.mark.parametrize("response_id", [None, 5, [], {}])
def test_a_response_may_have_no_id(calls: ToolCalls, response_id: Any) -> None:
    calls.called(response_id, call())
    assert not calls.finished("c1")
    assert calls.over(response_id)
    calls.called(response_id, call("c2"))
    assert not calls.finished("c2"), "it may be another one"


@pytest.mark.parametrize("response_id", [None, 5, "", {}])
@pytest.mark.parametrize("over_first", [True, False])
def test_a_call_that_names_no_response_is_of_the_one_that_ends_next(
    calls: ToolCalls, response_id: Any, over_first: bool
) -> None:
    assert not calls.over("r1")
    calls.called("r2", call("c1"))
    calls.called(response_id, call("c2"))
    calls.finished("c1")
    if over_first:
        assert not calls.over("r2")
        assert calls.finished("c2")
    else:
        assert not calls.finished("c2")
        assert calls.over("r2")
    assert not calls.over("r2"), "once"
    assert not calls.over("r3")


def test_such_a_call_of_an_interrupted_response_owes_none(calls: ToolCalls) -> None:
    calls.called(None, call())
    assert not calls.over("r", interrupted=True)
    assert not calls.finished("c1")
    assert not calls.over("r2")


def test_such_a_call_whose_output_was_lost_owes_none(calls: ToolCalls) -> None:
    calls.called("r", call("c1"))
    calls.called(None, call("c2"))
    calls.lost("c2")
    calls.finished("c1")
    assert not calls.over("r")


def test_a_lost_link_ends_such_a_response_once(calls: ToolCalls) -> None:
    calls.called("r", call("c1"))
    calls.called(None, call("c2"))
    assert not calls.link_lost()
    assert not calls.finished("c1")
    assert calls.finished("c2")


@pytest.mark.parametrize(
    ("name", "left"), [("theirs", True), ("look", False), ("made_up", False), (None, False)]
)
def test_whose_a_call_is(calls: ToolCalls, name: Any, left: bool) -> None:
    assert calls.is_left(call(name=name)) is left
    assert not calls.is_left(call(name=name, status="incomplete"))
    beside = ToolCalls(["look"], declared=tuple, leave_unknown=True)
    assert beside.is_left(call(name=name)) is (name != "look")


def test_an_unknown_output_owes_nothing(calls: ToolCalls) -> None:
    assert not calls.finished("never called")


def test_the_memory_is_bounded(calls: ToolCalls) -> None:
    for n in range(2000):
        calls.called(f"r{n}", call(f"c{n}"))
        calls.over(f"s{n}")
    assert len(calls._rounds) <= 64
    assert len(calls._over) <= 64
    assert len(calls._known) <= 1024


# -- what is declared ----------------------------------------------------------------------------


@pytest.mark.parametrize("tools", [None, "x", {}, [1, None, {"name": []}]])
def test_tools_of_any_form_are_survived(tools: Any) -> None:
    assert declared_functions(tools) == frozenset()


def test_functions_are_declared_and_servers_are_not() -> None:
    tools = [{"type": "function", "name": "look"}, {"name": "pay"}, {"type": "mcp", "name": "x"}]
    assert declared_functions(tools) == {"look", "pay"}


# -- calls without an output, and tools without a partner ----------------------------------------


def test_calls_are_open_until_they_have_an_output(calls: ToolCalls) -> None:
    assert calls.open_calls == frozenset()
    calls.called("r1", call("c1"))
    calls.called("r1", call("c2"))
    calls.called("r2", call("c3", name="pay"))
    calls.called("r2", call("c4", name="theirs"))
    assert calls.open_calls == {"c1", "c2", "c3"}
    calls.finished("c1")
    calls.lost("c3")
    assert calls.open_calls == {"c2"}
    calls.over("r1")
    calls.finished("c2")
    assert calls.open_calls == frozenset()


@pytest.mark.parametrize(
    ("declared", "unanswered", "undeclared"),
    [
        (["look", "pay"], (), ()),
        (["pay"], (), ("look",)),
        (["look", "pay", "z", "b"], ("b", "z"), ()),
        ([], (), ("look", "pay")),
        (["x"], ("x",), ("look", "pay")),
    ],
)
def test_tools_that_do_not_match(
    calls: ToolCalls, declared: list[str], unanswered: Any, undeclared: Any
) -> None:
    assert calls.unmatched(declared) == (unanswered, undeclared)


def test_beside_another_program_its_tools_are_nobody_s_affair() -> None:
    calls = ToolCalls(["look"], declared=set, leave_unknown=True)
    assert calls.unmatched(["theirs"]) == ((), ("look",))


# -- tools that change ---------------------------------------------------------------------------


def test_the_tools_may_change_for_the_calls_that_come(calls: ToolCalls) -> None:
    calls.called("r", call("c1", name="pay"))
    calls.set_ours(["theirs"])
    assert calls.open_calls == {"c1"}, "a call stays whose it was"
    assert calls.called("r", call("c2", name="theirs")) == OpenCall("c2", "theirs", "{}")
    made_up = calls.called("r", call("c3", name="pay"))
    assert made_up is not None
    assert made_up.failure is not None
    assert calls.unmatched(["look"]) == (("look",), ("theirs",))


def test_a_tool_that_was_ours_is_nobody_elses(calls: ToolCalls) -> None:
    """A session may declare it still, or again, where the update that ends that is lost."""
    calls.set_ours(["pay"])
    calls.set_ours(["pay", "new"])
    assert not calls.is_left(call(name="look"))
    former = calls.called("r", call("c1", name="look"))
    assert former is not None
    assert former.failure is not None
    told = json.loads(former.failure)["error"]
    assert told == "there is no tool 'look'; the tools are: new, pay, theirs"
    calls.set_ours(["look"])
    assert calls.called("r", call("c2", name="look")) == OpenCall("c2", "look", "{}")


# -- calls that wait for approval ----------------------------------------------------------------


@pytest.mark.parametrize("first", ["aside", "finished", "over"])
def test_a_call_that_is_set_aside_holds_no_response_back(calls: ToolCalls, first: str) -> None:
    calls.called("r", call("c1"))
    calls.called("r", call("c2"))
    steps = {
        "aside": lambda: calls.set_aside("c1"),
        "finished": lambda: calls.finished("c2"),
        "over": lambda: calls.over("r"),
    }
    order = [first, *(name for name in steps if name != first)]
    owed = [steps[name]() for name in order]
    assert owed == [False, False, True], "once, by whatever comes last"
    assert not calls.running
    assert calls.open_calls == {"c1"}
    assert calls.finished("c1"), "and its own output is answered when it comes"
    assert calls.open_calls == frozenset()
    assert not calls.finished("c1")


@pytest.mark.parametrize("over_first", [True, False])
def test_without_an_output_there_is_nothing_to_answer(calls: ToolCalls, over_first: bool) -> None:
    calls.called("r", call())
    if over_first:
        assert not calls.over("r")
        assert not calls.set_aside("c1")
    else:
        assert not calls.set_aside("c1")
        assert not calls.over("r")
    assert calls.finished("c1")


def test_an_output_that_comes_while_others_are_open_is_answered_with_them(calls: ToolCalls) -> None:
    calls.called("r", call("c1"))
    calls.called("r", call("c2"))
    calls.set_aside("c1")
    calls.over("r")
    assert not calls.finished("c1")
    assert calls.finished("c2")


def test_an_output_that_comes_before_the_end_of_the_response_waits_for_it(calls: ToolCalls) -> None:
    calls.called("r", call())
    calls.set_aside("c1")
    assert not calls.finished("c1")
    assert calls.over("r")


def test_approved_after_an_interruption_it_is_answered_all_the_same(calls: ToolCalls) -> None:
    calls.called("r", call("c1"))
    calls.called("r", call("c2"))
    calls.set_aside("c1")
    assert not calls.over("r", interrupted=True)
    assert calls.finished("c1"), "also while another one is open, which owes none"
    assert not calls.finished("c2")
    calls.called("r2", call("c3"))
    calls.set_aside("c3")
    assert not calls.over("r2", interrupted=True)
    assert calls.finished("c3")


def test_finished_before_an_interruption_the_users_turn_brings_the_answer(calls: ToolCalls) -> None:
    calls.called("r", call())
    calls.set_aside("c1")
    calls.finished("c1")
    assert not calls.over("r", interrupted=True)


def test_a_call_that_is_set_aside_may_name_no_response(calls: ToolCalls) -> None:
    calls.called(None, call())
    calls.set_aside("c1")
    calls.called("r", call("c2"))
    calls.over("r")
    assert not calls.finished("c1"), "it came in that one, whose other call is open"
    assert calls.finished("c2")


def test_such_an_output_counts_in_the_response_that_ends_next(calls: ToolCalls) -> None:
    calls.called(None, call())
    calls.finished("c1")
    assert calls.over("r")


def test_set_aside_and_lost_it_owes_none(calls: ToolCalls) -> None:
    calls.called("r", call("c1"))
    calls.called("r", call("c2"))
    calls.set_aside("c1")
    calls.lost("c1")
    assert calls.open_calls == {"c2"}
    assert not calls.finished("c1")
    calls.over("r")
    assert calls.finished("c2"), "the others are not concerned"


def test_beside_an_output_that_was_lost_it_waits_for_the_end(calls: ToolCalls) -> None:
    calls.called("r", call("c1"))
    calls.called("r", call("c2"))
    calls.set_aside("c1")
    calls.lost("c2")
    assert not calls.finished("c1")
    assert not calls.over("r"), "as with any two calls"


def test_a_lost_link_leaves_what_is_set_aside(calls: ToolCalls) -> None:
    calls.called("r", call())
    calls.set_aside("c1")
    assert not calls.link_lost()
    assert calls.open_calls == {"c1"}
    assert calls.finished("c1")


def test_only_an_open_call_can_be_set_aside(calls: ToolCalls) -> None:
    assert not calls.set_aside("never called")
    calls.called("r", call("c1"))
    calls.over("r")
    assert calls.finished("c1")
    assert not calls.set_aside("c1")
    assert not calls.finished("c1")


def test_what_is_set_aside_is_bounded(calls: ToolCalls) -> None:
    for n in range(2000):
        calls.called(f"r{n}", call(f"c{n}"))
        calls.set_aside(f"c{n}")
    assert len(calls.open_calls) <= 1024


def test_a_call_is_awaited_until_its_output_is_in_or_it_is_set_aside(calls: ToolCalls) -> None:
    assert calls.awaited == frozenset()
    calls.called("r", call("c1"))
    calls.called("r2", call("c2"))
    assert calls.awaited == {"c1", "c2"}
    calls.set_aside("c1")
    assert calls.awaited == {"c2"}
    calls.finished("c2")
    assert calls.awaited == frozenset()
