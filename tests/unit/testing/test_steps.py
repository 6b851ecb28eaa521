from __future__ import annotations

import pickle
from typing import Any

import pytest

from realtime_sync.testing import (
    Expectation,
    ScriptError,
    Step,
    UnconsumedSteps,
    UnexpectedSend,
    text_answer,
)
from realtime_sync.testing.steps import ServerScript, matches

MESSAGE = {
    "type": "conversation.item.create",
    "item": {"type": "message", "content": [{"type": "input_text", "text": "Hi."}]},
}


@pytest.mark.parametrize(
    ("expect", "expected"),
    [
        ("conversation.item.create", True),
        ("conversation.item", False),
        ({}, True),
        ({"item": {"type": "message"}}, True),
        ({"item": {"type": "function_call_output"}}, False),
        ({"item": {"content": [{"text": "Hi."}]}}, True),
        ({"item": {"content": ({"text": "Hi."},)}}, True),
        ({"item": {"content": [{"text": "Hi!"}]}}, False),
        ({"item": {"content": []}}, False),
        ({"item": {"content": [{}, {}]}}, False),
        ({"item": {"content": {"0": {}}}}, False),
        ({"type": {"a": 1}}, False),
        ({"type": ["a"]}, False),
        ({"item": {"id": None}}, False),
        (lambda message: message["item"], True),
        (lambda message: message.get("missing"), False),
    ],
)
def test_what_is_expected(expect: Expectation, expected: bool) -> None:
    assert matches(expect, MESSAGE) is expected


def test_a_step_may_compute_what_it_emits() -> None:
    step = Step("response.create", lambda message: text_answer(message["text"]))
    *_, done = step.reaction({"text": "Hi."})
    assert isinstance(done, dict)
    assert done["response"]["output"][0]["content"][0]["text"] == "Hi."
    assert not Step("response.create").reaction({})


def test_steps_and_answers_are_taken_in_their_order() -> None:
    answer = text_answer("Hi.")
    script = ServerScript([Step("a"), answer, Step("b")])
    assert script.next_expectation == "a"
    assert script.take_answer() is None
    assert script.take_step({"type": "b"}) is None
    assert script.take_step({"type": "a"}) is not None
    assert script.next_expectation is None
    assert script.take_step({"type": "b"}) is None
    assert script.take_answer() is answer
    assert script.take_step({"type": "b"}) is not None
    assert script.take_answer() is None
    assert script.take_step({"type": "b"}) is None
    assert len(script) == 0


@pytest.mark.parametrize(
    "error",
    [UnexpectedSend({"type": "a"}, None), UnconsumedSteps(2, "response.create")],
)
def test_errors_survive_a_pickle(error: Any) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, ScriptError)
    assert isinstance(copy, AssertionError)
    assert (str(copy), vars(copy)) == (str(error), vars(error))


def test_what_is_left_is_named() -> None:
    assert str(UnconsumedSteps(1, None)).endswith("the next is an answer")
    assert str(UnexpectedSend({"type": "a"}, "b")).endswith("next is 'b'")
