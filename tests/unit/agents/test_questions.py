"""What a program asks: when its answer is over, what its words are, and why there are none."""

from __future__ import annotations

from typing import Any

import pytest
from scripted_voice import done, event

from realtime_sync.agents.notes import Answered
from realtime_sync.agents.questions import Question, QuestionRules, user_item
from realtime_sync.conversation.history_item import HistoryItem, HistoryPart
from realtime_sync.errors import AgentError, ConnectionClosedOK, ServerError, UserError
from realtime_sync.voice.effects import Report


class Bench:
    """The rules of a session whose answers a test says."""

    def __init__(self) -> None:
        self.busy = True
        self.items: list[HistoryItem] = []
        self.rules = QuestionRules(
            lambda: self.busy,
            lambda: [*self.items],
            is_out_of_band=lambda response_id: response_id == "aside",
            clock=lambda: 5.0,
        )

    def ask(self) -> Question:
        question = Question(user_item("Hello?"))
        self.rules.ask(question)
        return question

    def says(self, item_id: str, *words: str, role: str = "assistant", **fields: Any) -> None:
        parts = tuple(HistoryPart("output_audio", each) for each in words)
        self.items.append(HistoryItem(item_id, "message", "completed", role, parts, **fields))

    def take(self, given: Any) -> None:
        assert self.rules.handlers[type(given)](given) == []

    def rest(self) -> list[Any]:
        self.busy = False
        return self.rules.tick()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_nothing_is_asked_by_itself(bench: Bench) -> None:
    assert bench.rules.begin() == bench.rest() == []
    assert bench.rules.due_at is None
    assert not bench.rules.busy


def test_an_answer_is_over_when_nothing_goes_on(bench: Bench) -> None:
    question = bench.ask()
    assert bench.rules.due_at == 5.2
    bench.says("a", "One.")
    bench.take(done("response_1"))
    assert bench.rules.tick() == []
    assert not question.done.is_set
    bench.says("b", "Two,", "", "three.")
    bench.says("c", "And?", role="user")
    bench.says("d", "Never.", ignored=True)
    assert bench.rest() == [Report(Answered(question))]
    assert question.done.is_set
    assert (question.text, question.error) == ("Two, three.", None)
    assert bench.rules.due_at is None
    assert bench.rules.tick() == []


def test_what_was_said_before_is_no_answer(bench: Bench) -> None:
    bench.says("a", "Before.")
    question = bench.ask()
    bench.take(done("response_1"))
    bench.rest()
    assert (question.text, question.error) == ("", None)


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (event("error", error={"type": "t", "code": "c", "message": "no"}), ServerError),
        (
            event(
                "response.done",
                response={
                    "id": "response_1",
                    "status": "failed",
                    "status_details": {"error": {"message": "no"}},
                },
            ),
            ServerError,
        ),
        (done("aside"), AgentError),
        (None, AgentError),
    ],
)
def test_without_an_answer_the_reason_is_told(
    bench: Bench, given: Any, error: type[Exception]
) -> None:
    question = bench.ask()
    if given is not None:
        bench.take(given)
    bench.rest()
    assert isinstance(question.error, error)
    assert str(question.error)


def test_an_answer_counts_more_than_a_refusal_beside_it(bench: Bench) -> None:
    question = bench.ask()
    bench.take(event("error", error={"type": "t", "code": "c", "message": "no"}))
    bench.says("a", "Fine.")
    bench.rest()
    assert (question.text, question.error) == ("Fine.", None)


def test_a_refusal_is_none_of_the_next_question(bench: Bench) -> None:
    bench.take(event("error", error={"type": "t", "code": "c", "message": "no"}))
    question = bench.ask()
    bench.take(done("response_1"))
    bench.rest()
    assert question.error is None


def test_at_the_end_nothing_more_is_answered(bench: Bench) -> None:
    question, end = bench.ask(), ConnectionClosedOK(1000, "over")
    bench.rules.over(end)
    assert question.done.is_set
    assert question.error is end
    assert bench.rest() == []


def test_what_is_no_message() -> None:
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "a"}]}
    assert user_item("a") == user_item(message) == message  # type: ignore[arg-type]
    for wrong in (None, 7, {}, {"content": []}, {"content": [7]}, {"content": [{}]}):
        with pytest.raises(UserError, match="a message is a text, or a dictionary with"):
            user_item(wrong)  # type: ignore[arg-type]  # that is the test
