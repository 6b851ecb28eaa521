"""What the server never ends, or never begins."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import (
    RATE,
    ScriptedFacts,
    asks,
    audio_done,
    call_done,
    created,
    decided,
    delta,
    done,
    event,
    feed,
    known,
    make_state,
    session,
    speech_started,
    speech_stopped,
)

from realtime_sync.conversation.tool_calls import ToolCalls
from realtime_sync.events import Reconnected
from realtime_sync.voice.answers import Answers
from realtime_sync.voice.asks import Asks, Saying
from realtime_sync.voice.effects import (
    CancelResponse,
    CreateResponse,
    DeleteItem,
    Effect,
    GiveUp,
    Report,
)
from realtime_sync.voice.events import AnswerFailed
from realtime_sync.voice.giving_up import GivingUp
from realtime_sync.voice.interruptions import Interruptions
from realtime_sync.voice.overdue import OverdueWatch, Owed
from realtime_sync.voice.rules import VoiceState
from realtime_sync.voice.under_way import DueAnswer, UserTurn


def wait(state: VoiceState, clock: VirtualClock, seconds: float, **facts: Any) -> list[Effect]:
    """Let time pass, as the engine does: it looks before and after."""
    facts.setdefault("reconnecting", False)
    assert not seconds or state.give_up_overdue(**facts) == []
    clock.advance(seconds)
    effects = state.give_up_overdue(**facts)
    for effect in effects:
        if isinstance(effect, GiveUp):
            owed = effect.overdue
            known(state).give_up(response_id=owed.response_id, event_id=owed.request)
    return decided(state, effects)


def failed(response_id: str | None, after: str = "30") -> Report:
    reason = f"nothing has come of it for {after} s"
    return Report(AnswerFailed(response_id=response_id, status="timed_out", reason=reason))


def test_a_response_that_never_ends_is_cancelled_and_keeps_nothing_waiting(
    state: VoiceState, clock: VirtualClock
) -> None:
    feed(state, created("r1"), delta("r1", "a", 20))
    state.say("Hello.")
    assert wait(state, clock, 29.9) == []
    assert state.busy
    effects = wait(state, clock, 0.1)
    assert effects[:3] == [CancelResponse("r1"), failed("r1"), GiveUp(Owed(response_id="r1"))]
    assert [type(effect) for effect in effects[3:]] == [CreateResponse]
    assert not known(state).busy


def test_what_comes_of_it_late_is_dropped(state: VoiceState, clock: VirtualClock) -> None:
    feed(state, created("r1"), delta("r1", "a", 20))
    wait(state, clock, 30)
    assert feed(state, delta("r1", "a", 20), audio_done("r1", "a")) == []
    message = {"type": "message", "content": [{"type": "output_audio"}]}
    output = [{**message, "id": "a"}, {**message, "id": "b"}]
    end = {"id": "r1", "status": "cancelled", "output": output}
    assert feed(state, event("response.done", response=end)) == [DeleteItem("b")], "a was heard"
    assert not state.busy


@pytest.mark.parametrize("name", ["r1", None])
def test_any_sign_of_it_begins_the_time_anew(
    state: VoiceState, clock: VirtualClock, name: str | None
) -> None:
    feed(state, created("r1"))
    wait(state, clock, 29)
    words = {"response_id": name} if name else {}
    feed(state, event("response.output_audio_transcript.delta", item_id="a", delta="x", **words))
    assert wait(state, clock, 29) == []
    feed(state, session(), event("response.output_text.delta", response_id="oob", delta="x"))
    feed(state, event("response.created", response={"id": "oob", "conversation_id": None}))
    assert CancelResponse("r1") in wait(state, clock, 1), "these are none"


def test_not_while_the_link_is_made_anew_nor_while_a_tool_runs_nor_while_it_plays(
    clock: VirtualClock,
) -> None:
    silent = [False]
    state = make_state(ScriptedFacts(), clock, is_silent=lambda: silent[0])
    feed(state, created("r1"))
    assert wait(state, clock, 40, reconnecting=True) == []
    silent[0] = True
    assert wait(state, clock, 29) == [], "that time did not count"
    feed(state, call_done("r1", "c1", "time"))
    assert wait(state, clock, 40) == []
    state.tool_returned("c1", "time", "5")
    state.output_sent("c1")
    silent[0] = False
    assert wait(state, clock, 40) == []
    silent[0] = True
    effects = wait(state, clock, 0)
    assert effects[:2] == [CancelResponse("r1"), failed("r1")]
    assert effects[3:] == [asks(state)], "the output is to be answered"


def test_not_while_the_answer_is_paused(clock: VirtualClock) -> None:
    rule = Interruptions(resume=True, backchannels=None, max_backchannel_ms=100_000)
    state = make_state(ScriptedFacts(), clock, interruptions=rule, manual_turns=True)
    feed(state, created("r1"))
    state.user_started()
    assert wait(state, clock, 60) == []


def test_one_that_was_interrupted_is_only_forgotten(state: VoiceState, clock: VirtualClock) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 20), speech_started())
    state.silenced({})
    feed(state, speech_stopped())
    assert wait(state, clock, 30) == [GiveUp(Owed(response_id="r1"))]
    assert wait(state, clock, 30) == [failed(None), GiveUp(Owed())], "the server's own answer"
    assert not state.busy


def test_a_request_that_is_never_answered_is_given_up(
    state: VoiceState, clock: VirtualClock
) -> None:
    (create,) = state.respond({"instructions": "Greet."})
    assert isinstance(create, CreateResponse)
    known(state).ask_when_idle({"type": "response.create", "event_id": create.event_id})
    state.say("Hello.")
    effects = wait(state, clock, 30)
    assert effects[:2] == [failed(None), GiveUp(Owed(request=create.event_id))]
    assert [type(effect) for effect in effects[2:]] == [CreateResponse], "what is said next"


@pytest.mark.parametrize("heard_of_it", [False, True])
@pytest.mark.parametrize("alive", [False, True])
def test_what_was_given_up_on_a_dead_link_is_asked_for_over_the_next(
    clock: VirtualClock, *, alive: bool, heard_of_it: bool
) -> None:
    handed = 20 if heard_of_it else 0
    state = make_state(ScriptedFacts(), clock, handed_ms=lambda _: handed)
    feed(state, created("r1"), delta("r1", "a", 20))
    wait(state, clock, 30)
    if alive:
        feed(state, session())
    known(state).link_lost(frozenset())
    effects = feed(state, Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    assert effects == ([] if alive or heard_of_it else [asks(state)])


@pytest.mark.parametrize("asked", [False, True])
def test_so_is_a_request_that_was_given_up_on_it(
    state: VoiceState, clock: VirtualClock, *, asked: bool
) -> None:
    if asked:
        (create,) = state.say("Hello.")
        assert isinstance(create, CreateResponse)
        request = {"type": "response.create", "event_id": create.event_id}
        known(state).ask_when_idle(request)
    else:
        feed(state, session(), speech_started(), speech_stopped())
    assert GiveUp(Owed(request=create.event_id if asked else None)) in wait(state, clock, 30)
    effects = feed(state, Reconnected(code=1006, attempts=1, lost=[], lost_items=[]))
    (again,) = effects
    assert isinstance(again, CreateResponse)
    assert (again.response is not None) == asked


def test_a_request_that_waits_its_turn_has_time(state: VoiceState, clock: VirtualClock) -> None:
    feed(state, created("r1"), call_done("r1", "c1", "time"))
    state.tool_returned("c1", "time", "5")
    state.output_sent("c1")
    feed(state, done("r1"), created("other"))
    asks(state)
    assert wait(state, clock, 30)[:2] == [CancelResponse("other"), failed("other")]


# -- one by one ----------------------------------------------------------------------------------


class Parts:
    """What is under way, and the part that gives it up, after a second."""

    def __init__(self) -> None:
        facts = ScriptedFacts()
        self.clock = VirtualClock()
        self.turn = UserTurn(is_open=True)
        self.due = DueAnswer()
        self.asks = Asks(facts)
        self.calls = ToolCalls(("time",), declared=lambda: ("time",))
        self.answers = Answers(
            is_out_of_band=facts.is_out_of_band,
            sound_format=lambda: facts.session_facts.output,
            sink_rate=RATE,
        )
        self.giving_up = GivingUp(
            OverdueWatch(1.0, clock=self.clock),
            turn=self.turn,
            due=self.due,
            answers=self.answers,
            asks=self.asks,
            calls=self.calls,
            handed_ms=lambda _: 0,
            is_silent=lambda: True,
        )

    def wait(self) -> list[Owed]:
        """Let a second pass; return what is given up."""
        self.giving_up.look(is_held=False)
        self.clock.advance(1.0)
        effects = self.giving_up.look(is_held=False)
        return [effect.overdue for effect in effects if isinstance(effect, GiveUp)]

    def runs_with_output(self) -> None:
        """Let a response run whose call has its output already."""
        self.answers.answer("r")
        call = {"type": "function_call", "call_id": "c", "name": "time", "arguments": "{}"}
        self.calls.called("r", call)
        self.calls.finished("c")


def test_what_is_given_up_leaves_no_turn_that_waits() -> None:
    it = Parts()
    it.due.is_due = it.asks.owed = True
    assert it.wait() == [Owed()]
    assert (it.turn, it.due) == (UserTurn(), DueAnswer())
    assert it.giving_up.take() == [None]
    assert it.giving_up.take() == [], "once"


def test_a_request_and_the_server_s_own_answer_are_both_given_up() -> None:
    it = Parts()
    saying = Saying({}, is_protected=False)
    it.asks.say(saying)
    create = it.asks.next(is_quiet=lambda: True)
    assert create is not None
    it.due.is_due = True
    assert it.wait() == [Owed(request=create.event_id), Owed()]
    assert it.giving_up.has(saying)
    assert not it.giving_up.has(Saying({}, is_protected=False)), "that is another one"


@pytest.mark.parametrize("owed", [False, True])
def test_where_outputs_are_to_be_answered_no_other_answer_is_wanted(owed: bool) -> None:
    it = Parts()
    it.asks.owed = owed
    it.answers.answer("before")
    assert it.wait() == [Owed(response_id="before")]
    assert it.asks.owed is owed
    assert it.giving_up.take() == [None]
    it.runs_with_output()
    assert it.wait() == [Owed(response_id="r")]
    assert it.asks.owed
    assert it.giving_up.take() == []


def test_outputs_of_what_was_interrupted_are_answered_with_the_next_turn() -> None:
    it = Parts()
    it.runs_with_output()
    it.answers.drop()
    assert it.wait() == [Owed(response_id="r")]
    assert not it.asks.owed
