"""What agents add to the rules of a conversation."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from guards import VirtualClock
from mutations import TYPES, sample
from scripted_voice import RATE, ScriptedFacts, taken_by

from realtime_sync.agents import rules as module
from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.dispatch import Dispatch, dispatch_of
from realtime_sync.agents.function_tools import function_tool
from realtime_sync.agents.notes import (
    AgentDone,
    AgentSpeaks,
    ApprovalAsked,
    Fault,
    Switched,
    ToolOver,
    Tripped,
)
from realtime_sync.agents.output_checks import OutputCheck
from realtime_sync.agents.rules import AgentRules, CheckOutput
from realtime_sync.agents.run_context import RunContextWrapper, ToolContext
from realtime_sync.agents.usage import Usage
from realtime_sync.conversation.tool_calls import ToolCalls
from realtime_sync.errors import ModelBehaviorError, RemoteProtocolError
from realtime_sync.events import Reconnected, parse_event
from realtime_sync.testing import (
    Traffic,
    function_call,
    one_response,
    parsed,
    spoken_answer,
    text_answer,
)
from realtime_sync.voice.effects import (
    CreateItem,
    CreateResponse,
    Effect,
    Report,
    RunAside,
    RunTool,
    SendToolOutput,
    UpdateSession,
)
from realtime_sync.voice.rules import VoiceState

Agent = RealtimeAgent[Any]


@function_tool
def look_up() -> str:
    """Look something up."""
    return "found"


BILLING = Agent(name="Billing", instructions="Bill.")
DESK = Agent(name="Desk", instructions="Greet.", tools=[look_up], handoffs=[BILLING])


def dispatch(agent: Agent) -> Dispatch:
    return dispatch_of(agent, RunContextWrapper(None))


def payload(instructions: str, **output: Any) -> dict[str, Any]:
    return {"type": "realtime", "instructions": instructions, "audio": {"output": output}}


class Gate:
    """Notes what it is told; lets nothing out before."""

    def __init__(self, *, out: bool = False) -> None:
        self.told: list[Any] = []
        self._out = out

    def words(self, response_id: str, part: Any, text: str, *, whole: bool = False) -> None:
        self.told.append(("words", part, text, whole))

    def passed(self, check: OutputCheck) -> None:
        self.told.append(("passed", check.text))

    def response_over(self, response_id: str) -> None:
        self.told.append(("over", response_id))

    def item_over(self, item_id: str) -> None:
        """What is complete is no affair of these rules."""

    def cut_off(self, response_id: str) -> None:
        self.told.append(("cut off", response_id))

    def trip(self, response_id: str) -> bool:
        self.told.append(("trip", response_id))
        return self._out


class Talk:
    """A conversation without anything around its rules."""

    def __init__(self, agent: Agent = DESK, *, guarded: bool = False, **options: Any) -> None:
        self.facts = ScriptedFacts()
        self.first = dispatch(agent)
        self.usage = Usage()
        calls = ToolCalls(self.first.names, declared=lambda: self.facts.declared_tools)
        self.state = VoiceState(
            sink_rate=RATE,
            known=self.facts.known,
            responses=self.facts,
            history=self.facts.history,
            calls=calls,
            clock=VirtualClock(),
        )
        self.rules = AgentRules(
            self.state,
            calls,
            dispatch=self.first,
            sent=payload("Greet.", voice="ash"),
            usage=self.usage,
            is_out_of_band=self.facts.is_out_of_band,
            is_checked=lambda _: guarded,
            **{"gate": Gate(out=True), **options},
        )
        self.by_voice: list[Effect] = []

    def play(self, traffic: Traffic) -> list[Effect]:
        """Return what the rules of agents make of what a server sends."""
        effects: list[Effect] = []
        for event in parsed(traffic):
            self.facts.state.receive(event)
            self.by_voice += taken_by(self.state, event)
            effects += taken_by(self.rules, event)
        return effects

    def sent(self, call_id: str) -> list[Effect]:
        return self.state.output_sent(call_id)


def reports(effects: list[Effect]) -> list[Any]:
    return [effect.event for effect in effects if isinstance(effect, Report)]


def outputs(effects: list[Effect]) -> list[tuple[str, str]]:
    found = [effect for effect in effects if isinstance(effect, SendToolOutput)]
    return [(each.call_id, each.output) for each in found]


def asks(effects: list[Effect]) -> int:
    return sum(isinstance(effect, CreateResponse) for effect in effects)


def upto(traffic: Any, kind: str) -> Any:
    """What a server sends before an event of this type."""
    return traffic[: [event["type"] for event in traffic].index(kind)]


# -- who speaks ------------------------------------------------------------------------------------


def test_who_speaks_is_told() -> None:
    talk = Talk()
    assert talk.rules.begin() == []
    assert talk.rules.tick() == []
    assert reports(talk.play(text_answer("Hello."))) == [AgentSpeaks(DESK), AgentDone(DESK)]


def test_an_answer_belongs_to_whoever_has_begun_it() -> None:
    talk = Talk()
    answer = text_answer("Hello.")
    talk.play(answer[:-1])
    talk.rules.switch(dispatch(BILLING), payload("Bill."))
    assert reports(talk.play(answer[-1:])) == [AgentDone(DESK)]
    assert reports(talk.play(text_answer("42."))) == [AgentSpeaks(BILLING), AgentDone(BILLING)]


def test_usage_is_added_up_also_out_of_band() -> None:
    talk = Talk()
    for conversation in ("conv", None):
        answer = text_answer("Hello.")
        for event in (answer[0], answer[-1]):
            event["response"]["conversation_id"] = conversation
        answer[-1]["response"]["usage"] = {"total_tokens": 5}
        told = reports(talk.play(answer))
        assert len(told) == (2 if conversation else 0)
    assert (talk.usage.requests, talk.usage.total_tokens) == (2, 10)


def test_old_responses_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_RESPONSES", 1)
    talk = Talk()
    for _ in range(3):
        talk.play(text_answer("Hello."))
    assert len(talk.rules._speakers) == 1


# -- calls -----------------------------------------------------------------------------------------


def test_one_response_follows_all_outputs() -> None:
    talk = Talk()
    calls = [function_call("look_up", {}, "call_1"), function_call("look_up", {}, "call_2")]
    talk.play(one_response(*calls))
    run = [effect.call_id for effect in talk.by_voice if isinstance(effect, RunTool)]
    assert run == ["call_1", "call_2"]
    over = [ToolOver(tool_context(call_id), look_up, "x", "x") for call_id in run]
    effects = talk.rules.returned(over[0])
    assert outputs(effects) == [("call_1", "x")]
    assert reports(effects) == [over[0]]
    assert asks(talk.sent("call_1")) == 0
    talk.rules.returned(over[1])
    assert asks(talk.sent("call_2")) == 1


def tool_context(call_id: str) -> ToolContext[Any]:
    return ToolContext(None, tool_name="look_up", tool_call_id=call_id, agent=DESK)


def test_who_waits_for_approval_holds_nobody_back() -> None:
    talk = Talk()
    calls = [function_call("look_up", {}, "call_1"), function_call("look_up", {}, "call_2")]
    talk.play(one_response(*calls))
    asked = ApprovalAsked(DESK, look_up, "call_1", "{}")
    assert talk.rules.awaits_approval(asked) == [Report(asked)]
    talk.rules.answered("call_2", "look_up", "x")
    assert asks(talk.sent("call_2")) == 1
    talk.rules.answered("call_1", "look_up", "x")
    assert asks(talk.sent("call_1")) == 1


def test_who_waits_for_approval_lets_the_answer_go_that_waited() -> None:
    talk = Talk()
    calls = [function_call("look_up", {}, "call_1"), function_call("look_up", {}, "call_2")]
    talk.play(one_response(*calls))
    talk.rules.answered("call_2", "look_up", "x")
    assert asks(talk.sent("call_2")) == 0
    effects = talk.rules.awaits_approval(ApprovalAsked(DESK, look_up, "call_1", "{}"))
    assert asks(effects) == 1


def test_an_unknown_tool_and_a_doubled_call_are_faults() -> None:
    talk = Talk()
    faults = reports(talk.play(function_call("fly", {}, "call_1")))[1:2]
    assert isinstance(faults[0], Fault)
    assert isinstance(faults[0].error, ModelBehaviorError)
    assert outputs(talk.by_voice)[0][0] == "call_1"
    told = reports(talk.play(function_call("look_up", {}, "call_1")))
    assert any(isinstance(each, Fault) for each in told)
    told = reports(talk.play(function_call("look_up", {}, "call_2")))
    assert not any(isinstance(each, Fault) for each in told)


def test_a_call_out_of_band_is_none_of_its_business() -> None:
    talk = Talk()
    call = function_call("fly", {}, "call_1")
    for event in (call[0], call[-1]):
        event["response"]["conversation_id"] = None
    assert talk.play(call) == []


# -- handoffs --------------------------------------------------------------------------------------


def hand_over(talk: Talk, call_id: str = "call_1", *, before: Agent = DESK) -> list[Effect]:
    return talk.rules.handed_over(
        call_id,
        "transfer_to_billing",
        json.dumps({"assistant": "Billing"}),
        before=before,
        dispatch=dispatch(BILLING),
        session=payload("Bill.", voice="ash"),
    )


def test_the_order_of_a_handoff() -> None:
    talk = Talk()
    talk.play(function_call("transfer_to_billing", {}, "call_1"))
    assert talk.rules.begin_handoff("call_1")
    switched, update, output = hand_over(talk)
    assert switched == Report(Switched(DESK, BILLING))
    changed = {"type": "realtime", "instructions": "Bill."}
    assert update == UpdateSession("agents_update_1", changed)
    assert output == SendToolOutput("call_1", '{"assistant": "Billing"}')
    assert talk.rules.dispatch.agent is BILLING


def test_one_handoff_at_a_time() -> None:
    talk = Talk()
    talk.play(function_call("transfer_to_billing", {}, "call_1")[:-1])
    assert talk.rules.begin_handoff("call_1")
    assert not talk.rules.begin_handoff("call_2")
    assert outputs(talk.rules.refuse_handoff("call_2", "transfer_to_sales")) == [
        ("call_2", "Another handoff came first, so this one is not made.")
    ]
    assert not talk.rules.begin_handoff("call_3"), "the first is still under way"
    hand_over(talk)
    assert not talk.rules.begin_handoff("call_4"), "this answer has handed over"


def test_a_handoff_that_has_failed_blocks_none() -> None:
    talk = Talk()
    talk.play(function_call("transfer_to_billing", {}, "call_1"))
    assert talk.rules.begin_handoff("call_1")
    talk.rules.answered("call_1", "transfer_to_billing", "nobody there")
    assert talk.rules.begin_handoff("call_2")


def test_what_the_program_decides_meanwhile_counts() -> None:
    talk = Talk()
    talk.play(function_call("transfer_to_billing", {}, "call_1"))
    talk.rules.begin_handoff("call_1")
    sales = Agent(name="Sales")
    talk.rules.switch(dispatch(sales), payload("Sell.", voice="ash"))
    effects = hand_over(talk)
    assert outputs(effects) == [("call_1", "Another handoff came first, so this one is not made.")]
    assert reports(effects) == []
    assert talk.rules.dispatch.agent is sales


def test_the_calls_of_a_running_answer_are_its_agents() -> None:
    talk = Talk()
    call = function_call("look_up", {}, "call_1")
    talk.play(call[:1])
    talk.rules.switch(dispatch(BILLING), payload("Bill."))
    assert talk.rules.calling is talk.first
    talk.play(call[1:-1])
    assert [effect.name for effect in talk.by_voice if isinstance(effect, RunTool)] == ["look_up"]
    talk.play(call[-1:])
    assert talk.rules.calling is talk.rules.dispatch
    told = reports(talk.play(function_call("look_up", {}, "call_2")))
    assert any(isinstance(each, Fault) for each in told)


def reported(talk: Talk, instructions: str) -> None:
    """Let the server say that it has an update."""
    session = {"type": "realtime", "instructions": instructions, "tools": []}
    [told] = parsed([{"type": "session.updated", "session": session}])
    taken_by(talk.rules, told)


def test_a_lost_link_ends_the_running_answer() -> None:
    talk = Talk()
    talk.play(function_call("look_up", {}, "call_1")[:1])
    talk.rules.switch(dispatch(BILLING), payload("Bill."))
    reported(talk, "Bill.")
    lost = Reconnected(code=1006, attempts=1, lost=(), lost_items=[])
    assert taken_by(talk.rules, lost) == [Report(AgentDone(DESK))]
    assert talk.rules.calling is talk.rules.dispatch
    assert taken_by(talk.rules, lost) == []


# -- the session -----------------------------------------------------------------------------------


def test_updates_are_numbered_and_have_what_differs() -> None:
    talk = Talk()
    assert talk.rules.change({"instructions": "Hush."}) == [
        UpdateSession("agents_update_1", {"type": "realtime", "instructions": "Hush."})
    ]
    assert talk.rules.change({"instructions": "Hush."}) == []
    [update] = talk.rules.switch(dispatch(BILLING), payload("Bill.", voice="marin"))
    assert update == UpdateSession(
        "agents_update_2",
        {"type": "realtime", "instructions": "Bill.", "audio": {"output": {"voice": "marin"}}},
    )


def test_the_voice_stays_once_it_was_heard_until_the_next_link() -> None:
    talk = Talk()
    talk.play(spoken_answer("Hello.", audio_ms=10))
    [update] = talk.rules.switch(dispatch(BILLING), payload("Bill.", voice="marin"))
    assert isinstance(update, UpdateSession)
    assert "audio" not in update.session
    reported(talk, "Bill.")
    lost = Reconnected(code=1006, attempts=1, lost=(), lost_items=[])
    [again] = taken_by(talk.rules, lost)
    assert again == UpdateSession(
        "agents_update_2", {"type": "realtime", "audio": {"output": {"voice": "marin"}}}
    )
    taken_by(talk.state, lost)
    [update] = talk.rules.switch(dispatch(BILLING), payload("Bill.", voice="cedar"))
    assert isinstance(update, UpdateSession)
    assert update.session["audio"] == {"output": {"voice": "cedar"}}, "it has not spoken over it"


# -- guardrails ------------------------------------------------------------------------------------


def checks(effects: list[Effect]) -> list[OutputCheck]:
    work = [effect.work for effect in effects if isinstance(effect, RunAside)]
    return [each.check for each in work if isinstance(each, CheckOutput)]


def test_words_are_checked_while_they_come_and_at_the_end() -> None:
    gate = Gate()
    talk = Talk(guarded=True, debounce=10, gate=gate)
    answer = spoken_answer("Hello there, dear caller", audio_ms=0, item_id="item_a")
    [first] = checks(talk.play(upto(answer, "response.output_audio_transcript.done")))
    assert (first.text, first.final) == ("Hello there,", False)
    talk.play(answer[-5:])
    [last] = checks(talk.rules.passed(first))
    assert (last.text, last.final) == ("Hello there, dear caller", True)
    assert talk.rules.passed(last) == []
    told = [each for each in gate.told if each[0] != "words"]
    assert told[0] == ("over", answer[0]["response"]["id"])
    assert ("passed", "Hello there, dear caller") in told


def test_words_of_who_is_not_checked_are_not() -> None:
    gate = Gate()
    talk = Talk(debounce=1, gate=gate)
    assert checks(talk.play(text_answer("Hello there, dear caller."))) == []
    assert [kind for kind, *_ in gate.told] == ["over"], "and no words"


def test_words_out_of_band_are_not_checked() -> None:
    talk = Talk(guarded=True, debounce=1)
    answer = text_answer("Hello there, dear caller.")
    for event in (answer[0], answer[-1]):
        event["response"]["conversation_id"] = None
    assert talk.play(answer) == []


def test_what_is_forbidden_is_told_to_the_model() -> None:
    gate = Gate()
    talk = Talk(guarded=True, debounce=5, gate=gate)
    answer = text_answer("Secret stuff", response_id="resp_1")
    [check, *_] = checks(talk.play(upto(answer, "response.output_text.done")))
    effects = talk.rules.tripped(check, ["result"], ["no_secrets", "be_kind"])
    assert reports(effects) == [Tripped(("result",), check.text, "output")]
    assert ("trip", "resp_1") in gate.told
    assert checks(talk.play(answer[-5:])) == []
    [told] = [each.item for each in talk.rules.tick() if isinstance(each, CreateItem)]
    assert told["content"] == [
        {"type": "input_text", "text": "guardrail triggered: no_secrets, be_kind"}
    ]


# -- what a server may get wrong -------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_nothing_that_a_server_sends_raises(kind: str) -> None:
    talk = Talk(guarded=True, debounce=1, gate=Gate())
    for mutation in sample(kind, 2):
        with suppress(RemoteProtocolError):  # the connection leaves it out
            taken_by(talk.rules, parse_event(mutation.text))
    assert reports(talk.play(text_answer("Hello.")))[-1] == AgentDone(DESK)
