from __future__ import annotations

import pickle
from typing import Any

import pytest

from realtime_sync.events import CLIENT_EVENTS, ResponseCreate
from realtime_sync.testing import (
    Expectation,
    ScriptedServer,
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


async def somebody_would_await_it(message: dict[str, Any]) -> bool:
    return bool(message)


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ("respnse.create", "no client sends 'respnse.create'; did you mean 'response.create'"),
        ("response.done", "no client sends 'response.done'; did you mean 'response"),
        ("session.changed", "did you mean .*'session.update'.* a function of the event"),
        ("", "a type such as 'response.create', not ''"),
        ({"type": "respnse.create"}, "no client sends 'respnse.create'"),
        ({"itm": {"type": "message"}}, "has a field 'itm'; did you mean 'item'"),
        ({"evnt_id": "a"}, "has a field 'evnt_id'; did you mean 'event_id'"),
        ({7: "a"}, "have texts as names, not {7: 'a'}"),
        (7, "a type, fields of an event, or a function, not 7"),
        (text_answer("Hi."), "a type, fields of an event, or a function, not "),
        (somebody_would_await_it, "what is expected is async and nobody would await it"),
        (lambda: True, "must take the event alone, not <function"),
        (lambda message, more: True, "must take the event alone, not <function"),
        (ResponseCreate, "must take the event alone, not <class"),
    ],
)
def test_what_no_client_sends_can_t_be_expected(expect: Any, words: str) -> None:
    with pytest.raises(ScriptError, match=words):
        Step(expect)
    with pytest.raises(ScriptError, match=words):
        ScriptedServer().wait_sent(expect, timeout=0)


@pytest.mark.parametrize(
    "expect",
    [
        *CLIENT_EVENTS,
        "transcription_session.update",
        "its.own",
        {"type": "its.own", "value": 7},
        {"type": "response.create", "event_id": "a", "response": {"anything": 7}},
        {"type": {"nothing": "is so"}},
        {}.__contains__,
        lambda message, more=None: True,
    ],
)
def test_whatever_else_a_client_may_send_can_be_expected(expect: Any) -> None:
    assert Step(expect).expect is expect


@pytest.mark.parametrize(
    "emit", [lambda: text_answer("Hi."), lambda message, more: [], somebody_would_await_it]
)
def test_the_function_for_what_is_emitted_takes_the_event(emit: Any) -> None:
    with pytest.raises(ScriptError, match="the function that returns what is emitted"):
        Step("response.create", emit)


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
