"""What becomes of an agent's words that guardrails look at, event by event."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import ScriptedFacts, created, delta, done, event, make_state, session, taken_by
from scripted_voice import speech_started as speaks
from scripted_voice import speech_stopped as stops

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.dispatch import dispatch_of
from realtime_sync.agents.notes import Tripped
from realtime_sync.agents.output_checks import OutputCheck
from realtime_sync.agents.rules import AgentRules, CheckOutput, TellCalls
from realtime_sync.agents.run_context import RunContextWrapper
from realtime_sync.agents.usage import Usage
from realtime_sync.conversation.tool_calls import ToolCalls
from realtime_sync.events import Reconnected, ServerEvent
from realtime_sync.voice.effects import (
    CancelResponse,
    CreateItem,
    CreateResponse,
    DeleteItem,
    Effect,
    Report,
    RunAside,
)

PLACE = {"output_index": 0, "content_index": 0}
WORDS = "response.output_audio_transcript"
PART = ("a", 0)


class Gate:
    """Holds answers back, and has handed on some of them."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.handed: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        return lambda *given, **options: self.calls.append((name, *given, *options.values()))

    def trip(self, response_id: str) -> bool:
        self.calls.append(("trip", response_id))
        return response_id in self.handed


class Talk:
    """The rules of one agent, behind those of the conversation."""

    def __init__(self, *, is_checked: bool = True, debounce: int = 10) -> None:
        facts, clock = ScriptedFacts(), VirtualClock()
        self.gate = Gate()
        self.facts = facts
        self.voice = make_state(facts, clock, holds_asks=lambda: self.rules.busy)
        agent: RealtimeAgent[Any] = RealtimeAgent("Desk")
        self.rules = AgentRules(
            self.voice,
            ToolCalls((), declared=frozenset),
            dispatch=dispatch_of(agent, RunContextWrapper(None)),
            sent={},
            usage=Usage(),
            is_out_of_band=facts.is_out_of_band,
            is_checked=lambda _: is_checked,
            debounce=debounce,
            gate=self.gate,
        )

    def feed(self, *events: ServerEvent) -> list[Effect]:
        """Return what these rules want."""
        effects: list[Effect] = []
        for one in events:
            self.facts.state.receive(one)
            taken_by(self.voice, one)
            effects += taken_by(self.rules, one)
        reports = (Report,)
        return [each for each in effects if not isinstance(each, reports)]


@pytest.fixture
def it() -> Talk:
    return Talk()


def says(text: str, response: str = "r1", item: str = "a") -> ServerEvent:
    return event(f"{WORDS}.delta", response_id=response, item_id=item, delta=text, **PLACE)


def said(text: str, response: str = "r1", item: str = "a") -> ServerEvent:
    return event(f"{WORDS}.done", response_id=response, item_id=item, transcript=text, **PLACE)


def check_in(effects: list[Effect]) -> OutputCheck:
    (aside,) = effects
    assert isinstance(aside, RunAside)
    assert isinstance(aside.work, CheckOutput)
    assert aside.work.agent.name == "Desk"
    assert aside.work.text == aside.work.check.text
    return aside.work.check


def told(text: str) -> CreateItem:
    content = [{"type": "input_text", "text": text}]
    return CreateItem({"type": "message", "role": "user", "content": content})


# -- checks --------------------------------------------------------------------------------------


def test_words_are_checked_as_they_come_and_at_their_end(it: Talk) -> None:
    it.feed(session(), created("r1"))
    assert it.feed(says("123456789")) == []
    first = check_in(it.feed(says("0")))
    assert (first.text, first.final) == ("1234567890", False)
    assert it.feed(says(" more"), said("1234567890 more")) == []
    last = check_in(it.rules.passed(first))
    assert (last.text, last.final) == ("1234567890 more", True)
    assert it.rules.passed(last) == []
    assert [each for each in it.gate.calls if each[0] in ("words", "passed")] == [
        ("words", "r1", PART, "123456789", False),
        ("words", "r1", PART, "0", False),
        ("words", "r1", PART, " more", False),
        ("words", "r1", PART, "1234567890 more", True),
        ("passed", first),
        ("passed", last),
    ]


@pytest.mark.parametrize("kind", ["output_text", "output_audio_transcript"])
def test_written_and_spoken_words_are_checked_alike(it: Talk, kind: str) -> None:
    place = {"response_id": "r1", "item_id": "a", **PLACE}
    it.feed(created("r1"))
    check_in(it.feed(event(f"response.{kind}.delta", delta="1234567890", **place)))
    name = "text" if kind == "output_text" else "transcript"
    other = {**place, "item_id": "b", name: "short"}
    assert check_in(it.feed(event(f"response.{kind}.done", **other))).final


def test_without_an_end_of_the_words_that_of_the_response_counts(it: Talk) -> None:
    it.feed(created("r1"), says("short"))
    assert check_in(it.feed(done("r1"))).final


def test_where_nobody_looks_nothing_is_checked() -> None:
    it = Talk(is_checked=False)
    assert it.feed(created("r1"), says("1234567890"), said("1234567890"), done("r1")) == []
    assert not it.rules.guards("r1")
    assert it.gate.calls == [("response_over", "r1")]


def test_what_is_beside_the_conversation_is_not_checked(it: Talk) -> None:
    it.feed(event("response.created", response={"id": "o", "conversation_id": None}))
    assert it.feed(says("1234567890", "o"), said("1234567890", "o")) == []
    assert not it.rules.guards("o")
    assert it.rules.guards("r1")


# -- what the gate learns ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "call"),
    [
        ("completed", "response_over"),
        ("incomplete", "response_over"),
        ("cancelled", "cut_off"),
        ("failed", "cut_off"),
    ],
)
def test_a_response_comes_to_its_end_or_is_cut_off(it: Talk, status: str, call: str) -> None:
    it.feed(created("r1"), done("r1", status))
    assert it.gate.calls == [(call, "r1")]


def test_without_a_name_no_response_is_cut_off(it: Talk) -> None:
    it.feed(event("response.created", response={}))
    it.rules.tick()
    it.feed(event("response.done", response={"status": "cancelled"}))
    assert it.gate.calls == [("response_over", "")]


@pytest.mark.parametrize(("status", "is_told"), [("completed", True), ("incomplete", False)])
def test_an_item_is_over_when_it_is_complete(it: Talk, status: str, is_told: bool) -> None:
    item = {"id": "a", "type": "message", "status": status}
    it.feed(event("response.output_item.done", response_id="r1", output_index=0, item=item))
    assert it.gate.calls == ([("item_over", "a")] if is_told else [])


def test_with_the_link_goes_what_was_running(it: Talk) -> None:
    it.feed(created("r1"), done("r1"), created("r2"))
    it.rules.tick()
    assert it.gate.calls == [("response_over", "r1")]
    it.feed(Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    it.rules.tick()
    it.rules.tick()
    assert it.gate.calls == [("response_over", "r1"), ("cut_off", "r2")]


# -- a trip --------------------------------------------------------------------------------------


def test_the_model_is_told_when_the_forbidden_answer_is_over(it: Talk) -> None:
    it.feed(created("r1"), delta("r1", "a", 100))
    check = check_in(it.feed(says("1234567890")))
    effects = it.rules.tripped(check, ["found"], ["no_prices", "no_names"])
    assert effects == [
        Report(Tripped(("found",), "1234567890", "output")),
        CancelResponse("r1"),
    ]
    assert it.rules.busy
    assert it.voice.owe_answer() == [], "nothing is asked for before that"
    assert it.rules.tick() == []
    it.feed(done("r1", "cancelled"))
    assert it.rules.tick() == [
        told("guardrail triggered: no_prices, no_names"),
        CreateResponse("voice_create_1"),
    ]
    assert it.rules.tick() == []
    assert not it.rules.busy


def test_at_once_if_it_is_over(it: Talk) -> None:
    it.feed(created("r1"), delta("r1", "a", 100))
    check = check_in(it.feed(says("1234567890"), done("r1"))[:1])
    _, *effects = it.rules.tripped(check, [], ["no_prices"])
    assert effects == [
        DeleteItem("a"),
        told("guardrail triggered: no_prices"),
        CreateResponse("voice_create_1"),
    ]


def test_a_second_trip_of_a_response_is_none(it: Talk) -> None:
    it.feed(created("r1"))
    first = check_in(it.feed(says("1234567890")))
    second = check_in(it.feed(says("1234567890", item="b")))
    assert it.rules.tripped(first, [], ["no_prices"]) != []
    assert it.rules.tripped(second, [], ["no_prices"]) == []
    assert it.feed(says("1234567890", item="c")) == []


@pytest.mark.parametrize("is_handed", [True, False])
def test_what_was_handed_on_is_truncated(it: Talk, is_handed: bool) -> None:
    it.gate.handed = {"r1"} if is_handed else set()
    it.feed(created("r1"), delta("r1", "a", 100))
    check = check_in(it.feed(says("1234567890")))
    effects = it.rules.tripped(check, [], ["no_prices"])
    assert (CancelResponse("r1") in effects) is not is_handed  # it follows the silence


def test_the_model_is_told_behind_an_answer_that_the_server_owes(it: Talk) -> None:
    it.feed(session(), speaks(), stops())
    assert it.voice.forbid_due()
    assert it.rules.follow_up(["no_homework"], [""]) == []
    assert it.rules.tick() == [RunAside(TellCalls())], "the user has interrupted"
    it.feed(created("r1"))
    assert it.rules.tick() == []
    it.feed(done("r1", "cancelled"))
    assert it.rules.tick()[0] == told("guardrail triggered: no_homework")


def test_or_when_it_is_lost_with_its_link(it: Talk) -> None:
    it.feed(created("r1"))
    assert it.rules.follow_up(["no_prices"], ["r1"]) == []
    it.feed(Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    assert it.rules.tick()[0] == told("guardrail triggered: no_prices")


def test_at_once_where_nothing_has_to_be_over_before(it: Talk) -> None:
    it.feed(created("r1"))
    effects = it.rules.follow_up(["no_homework"], [])
    assert effects == [told("guardrail triggered: no_homework"), CreateResponse("voice_create_1")]


# -- a guardrail that forbids everything -----------------------------------------------------------


def forbidden(it: Talk, number: int) -> tuple[list[Any], bool]:
    """Let an answer be forbidden; return what is reported of that, and whether another is asked."""
    response, item = f"r{number}", f"item{number}"
    it.feed(created(response))
    check = check_in(it.feed(says("a word too many", response, item)))
    effects = it.rules.tripped(check, ["result"], ["no_words"])
    it.feed(done(response, "cancelled"))
    faults = [each.event for each in effects if isinstance(each, Report)][1:]
    return faults, any(isinstance(each, CreateItem) for each in it.rules.tick())


def test_the_model_has_no_more_than_so_many_goes(it: Talk) -> None:
    """Else a guardrail that forbids everything would keep both of them busy for ever."""
    it.feed(session())
    for number in range(4):
        assert forbidden(it, number) == ([], True)
    (fault,), asked = forbidden(it, 4)
    assert not asked
    assert "no_words: 5 answers in a row" in str(fault.error)
    assert not it.rules.busy


@pytest.mark.parametrize("written", [True, False])
def test_what_the_user_says_gives_it_as_many_again(it: Talk, written: bool) -> None:
    it.feed(session())
    for number in range(4):
        forbidden(it, number)
    if written:
        it.voice.user_wrote()
    else:
        it.feed(speaks(), stops())
    for number in range(4, 8):
        assert forbidden(it, number) == ([], True)
    assert not forbidden(it, 8)[1]
