"""What becomes of the user's words, event by event."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import ScriptedFacts, created, done, event, make_state, session, taken_by

from realtime_sync.agents.agent import RealtimeAgent
from realtime_sync.agents.guardrails import GuardrailFunctionOutput, Guardrails, InputGuardrail
from realtime_sync.agents.input_rules import CheckInput, InputRules
from realtime_sync.agents.notes import Tripped
from realtime_sync.events import Reconnected, ServerEvent
from realtime_sync.voice.effects import (
    AskForOwed,
    CancelResponse,
    CreateItem,
    CreateResponse,
    DeleteItem,
    Effect,
    Report,
    RunAside,
    UpdateTurns,
)

Found = list[str]


def look(context: Any, agent: Any, words: Any) -> GuardrailFunctionOutput:
    raise AssertionError("rules run no code of the program's")


BEFORE = InputGuardrail(look, "before", run_in_parallel=False)
BESIDE = InputGuardrail(look, "beside")
HELLO = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello"}]}
IMAGE = {"type": "message", "role": "user", "content": [{"type": "input_image"}]}


class Talk:
    """The rules, on what a connection and a clock say."""

    def __init__(self, *guardrails: InputGuardrail[Any]) -> None:
        self.clock = VirtualClock(100.0)
        self.agent: RealtimeAgent[Any] = RealtimeAgent("Desk", input_guardrails=[*guardrails])
        self.facts = ScriptedFacts()
        self.voice = make_state(self.facts, self.clock)
        self.gate: list[str] = []
        self.told: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self.rules = InputRules(
            self.voice,
            self,
            guardrails=Guardrails(),
            agent=lambda: self.agent,
            follow_up=self._follow_up,
            is_out_of_band=self.facts.is_out_of_band,
            clock=self.clock,
        )
        self.rules.begin()
        self.feed(session())

    def hold(self, response_id: str) -> None:
        self.gate.append(f"hold {response_id}")

    def free(self, response_id: str) -> None:
        self.gate.append(f"free {response_id}")

    def trip(self, response_id: str) -> bool:
        self.gate.append(f"trip {response_id}")
        return False

    def _follow_up(self, names: Any, after: Any) -> list[Effect]:
        self.told.append((tuple(names), tuple(after)))
        return []

    def feed(self, *events: ServerEvent) -> list[Effect]:
        """Return what the rules of input want, after those of the conversation."""
        effects: list[Effect] = []
        for one in events:
            self.facts.state.receive(one)
            taken_by(self.voice, one)
            effects += taken_by(self.rules, one)
        return [each for each in effects if not isinstance(each, AskForOwed)]


def turn(item_id: str = "item") -> list[ServerEvent]:
    return [*speaks(item_id), stopped(item_id), committed(item_id)]


def speaks(item_id: str = "item") -> list[ServerEvent]:
    return [event("input_audio_buffer.speech_started", item_id=item_id, audio_start_ms=0)]


def stopped(item_id: str = "item") -> ServerEvent:
    return event("input_audio_buffer.speech_stopped", item_id=item_id, audio_end_ms=900)


def committed(item_id: str = "item") -> ServerEvent:
    return event("input_audio_buffer.committed", item_id=item_id)


def words(text: str = "Hello", item_id: str = "item") -> ServerEvent:
    kind = "conversation.item.input_audio_transcription.completed"
    return event(kind, item_id=item_id, content_index=0, transcript=text)


def reconnected(*lost_items: str) -> ServerEvent:
    return Reconnected(code=1006, attempts=1, lost=[], lost_items=list(lost_items))


def work(effects: list[Effect]) -> CheckInput:
    (aside,) = effects
    assert isinstance(aside, RunAside)
    assert isinstance(aside.work, CheckInput)
    return aside.work


def trips(effects: list[Effect]) -> list[Tripped]:
    reports = [each.event for each in effects if isinstance(each, Report)]
    return [each for each in reports if isinstance(each, Tripped)]


# -- who asks for the answers --------------------------------------------------------------------


def test_the_answers_are_asked_for_here_where_a_check_comes_before() -> None:
    it = Talk()
    assert it.rules.tick() == []
    it.agent = RealtimeAgent("Other", input_guardrails=[BESIDE])
    assert it.rules.tick() == []
    it.agent = RealtimeAgent("Third", input_guardrails=[BEFORE])
    (update,) = it.rules.tick()
    assert isinstance(update, UpdateTurns)
    it.agent = RealtimeAgent("Fourth")
    assert it.rules.tick() == [], "once and for all"
    it.agent = RealtimeAgent("Fifth", input_guardrails=[BEFORE])
    assert it.rules.tick() == []


def test_nothing_is_asked_for_from_the_first_word_to_the_last_check() -> None:
    it = Talk(BEFORE)
    assert not it.rules.holds_asks
    it.feed(*speaks())
    assert it.rules.holds_asks
    it.feed(stopped(), committed())
    assert it.rules.holds_asks
    check = work(it.feed(words()))
    assert (check.agent, check.guardrails, check.text) == (it.agent, (BEFORE,), "Hello")
    assert it.rules.holds_asks
    assert it.rules.busy
    assert it.rules.passed(check) == [AskForOwed()]
    assert not it.rules.holds_asks
    assert not it.rules.busy


def test_a_check_beside_the_answer_holds_only_its_sound() -> None:
    it = Talk(BESIDE)
    it.feed(*speaks())
    assert not it.rules.holds_asks
    it.feed(stopped(), committed(), created("r"))
    assert it.gate == ["hold r"]
    check = work(it.feed(words()))
    assert check.guardrails == (BESIDE,)
    assert it.rules.passed(check) == []
    assert it.gate == ["hold r", "free r"]
    it.feed(created("r2"))
    assert it.gate == ["hold r", "free r"]


def test_where_the_server_answers_all_the_same_its_answer_is_held() -> None:
    it = Talk(BEFORE)
    it.feed(*turn(), created("r"))
    assert it.gate == ["hold r"]
    it.rules.passed(work(it.feed(words())))
    assert it.gate == ["hold r", "free r"]


def test_both_kinds_are_two_checks() -> None:
    it = Talk(BEFORE, BESIDE)
    it.feed(*turn())
    first, second = it.feed(words())
    assert (work([first]).guardrails, work([second]).guardrails) == ((BEFORE,), (BESIDE,))


def test_who_has_no_guardrails_waits_for_nothing() -> None:
    it = Talk()
    assert it.feed(*turn(), words(), created("r")) == []
    assert not it.rules.busy
    assert it.gate == []


def test_a_response_beside_the_conversation_answers_nobody() -> None:
    it = Talk(BESIDE)
    it.feed(*turn(), event("response.created", response={"id": "o", "conversation_id": None}))
    assert it.gate == []


# -- what is forbidden ---------------------------------------------------------------------------


def test_a_forbidden_turn_is_deleted_and_its_answer_is_not_heard() -> None:
    it = Talk(BESIDE)
    it.feed(*turn(), created("r"))
    check = work(it.feed(words("bad")))
    effects = it.rules.tripped(check, ["found"], ["beside"])
    assert trips(effects) == [Tripped(("found",), "bad", "input")]
    assert effects[1:] == [CancelResponse("r"), DeleteItem("item")]
    assert it.gate == ["hold r", "trip r"]
    assert it.told == [(("beside",), ("r",))]
    assert it.rules.tripped(check, ["found"], ["beside"]) == [], "it was told"
    assert it.rules.passed(check) == []


def test_an_answer_that_has_not_begun_yet_is_forbidden_with_it() -> None:
    it = Talk(BESIDE)
    it.feed(*turn())
    check = work(it.feed(words("bad")))
    effects = it.rules.tripped(check, [], ["beside"])
    assert effects[1:] == [DeleteItem("item")]
    assert it.told == [(("beside",), ("",))]
    assert it.voice.runs("")


@pytest.mark.parametrize("seconds", [9.9, 10])
def test_so_long_a_turn_waits_for_its_words(seconds: float) -> None:
    it = Talk(BEFORE)
    it.feed(*turn())
    assert it.rules.due_at == 110
    it.clock.advance(seconds)
    effects = it.rules.tick()
    if seconds < 10:
        assert effects == []
        return
    (tripped,) = trips(effects)
    assert (tripped.message, tripped.kind) == ("", "input")
    assert "has not written down in time" in str(tripped.results[0].output.output_info)
    assert effects[1:] == [DeleteItem("item")]
    assert it.told == [(("before",), ("",))]
    assert it.rules.due_at is None


def test_and_so_long_for_its_checks() -> None:
    it = Talk(BESIDE)
    it.feed(*turn(), created("r"), words())
    it.clock.advance(5)
    effects = it.rules.tick()
    assert "have not looked in time" in str(trips(effects)[0].results[0].output.output_info)
    assert [each for each in effects if not isinstance(each, Report)] == [
        CancelResponse("r"),
        DeleteItem("item"),
    ]
    assert it.gate == ["hold r", "trip r"]
    assert it.told == [(("beside",), ("r",))]


def test_what_could_not_be_written_down_is_forbidden() -> None:
    it = Talk(BEFORE)
    kind = "conversation.item.input_audio_transcription.failed"
    effects = it.feed(*turn(), event(kind, item_id="item", content_index=0, error={}))
    assert "could not write down" in str(trips(effects)[0].results[0].output.output_info)


# -- turns that are none, or are lost ------------------------------------------------------------


def test_a_turn_that_is_deleted_keeps_nobody_waiting() -> None:
    it = Talk(BEFORE)
    it.feed(*turn(), event("conversation.item.deleted", item_id="item"))
    assert not it.rules.holds_asks


def test_a_turn_that_the_program_ends_has_its_name_later() -> None:
    it = Talk(BEFORE)
    assert it.rules.expect_turn() == []
    assert it.rules.holds_asks
    it.feed(committed())
    assert it.rules.holds_asks
    assert it.rules.passed(work(it.feed(words()))) == [AskForOwed()]
    assert not it.rules.holds_asks


@pytest.mark.parametrize(
    ("code", "holds"), [("input_audio_buffer_commit_empty", False), ("x", True)]
)
def test_one_in_which_nothing_was_said_is_none(code: str, holds: bool) -> None:
    it = Talk(BEFORE)
    it.rules.expect_turn()
    it.feed(event("error", error={"type": "invalid_request_error", "code": code, "message": "no"}))
    assert it.rules.holds_asks is holds


def test_a_turn_that_is_lost_with_its_link_is_none() -> None:
    it = Talk(BEFORE)
    it.feed(*speaks("first"), reconnected())
    assert not it.rules.holds_asks
    it.feed(*turn(), reconnected("item"))
    assert not it.rules.holds_asks
    assert it.told == []


# -- messages ------------------------------------------------------------------------------------


def test_a_message_is_sent_when_its_words_have_passed() -> None:
    it = Talk(BEFORE, BESIDE)
    check = work(it.rules.message(HELLO))
    assert (check.guardrails, check.text) == ((BEFORE, BESIDE), "Hello")
    assert it.rules.busy
    assert it.rules.passed(check) == [CreateItem(HELLO), CreateResponse("voice_create_1")]
    assert not it.rules.busy


def test_a_forbidden_one_is_not_sent() -> None:
    it = Talk(BEFORE)
    effects = it.rules.tripped(work(it.rules.message(HELLO)), ["found"], ["before"])
    assert effects == [Report(Tripped(("found",), "Hello", "input"))]
    assert it.told == [(("before",), ())]
    assert not it.rules.busy


def test_messages_keep_their_order() -> None:
    it = Talk(BEFORE)
    first = work(it.rules.message(HELLO))
    assert it.rules.message(IMAGE) == [], "it has no words, and waits for the first"
    second = work(it.rules.message({**HELLO, "content": [*HELLO["content"], *HELLO["content"]]}))
    assert second.text == "Hello\nHello"
    assert it.rules.passed(second) == []
    sent = [each for each in it.rules.passed(first) if isinstance(each, CreateItem)]
    assert [len(each.item["content"]) for each in sent] == [1, 1, 2]


def test_what_has_no_words_is_sent_at_once() -> None:
    it = Talk(BEFORE)
    assert it.rules.message(IMAGE)[0] == CreateItem(IMAGE)
    assert not it.rules.busy


def test_an_answer_that_is_over_is_forbidden_all_the_same() -> None:
    it = Talk(BESIDE)
    it.feed(*turn(), created("r"), done("r"))
    it.rules.tripped(work(it.feed(words("bad"))), [], ["beside"])
    assert it.gate == ["hold r", "trip r"]
