"""What a lost link leaves of a conversation, and what is asked for over the next one."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import (
    RATE,
    ScriptedFacts,
    acts,
    asks,
    call_done,
    created,
    delta,
    done,
    event,
    feed,
    known,
    make_state,
    reconnect,
    reports,
    session,
    speech_started,
    speech_stopped,
)

from realtime_sync.conversation.tool_calls import ToolCalls
from realtime_sync.events import ServerEvent
from realtime_sync.voice.answers import Answers
from realtime_sync.voice.asks import Asks
from realtime_sync.voice.effects import CreateResponse, Report, SendToolOutput, Silence
from realtime_sync.voice.events import Interrupted, ToolOutputLost, TurnLost
from realtime_sync.voice.interruptions import Interruptions
from realtime_sync.voice.lost_link import LostLink
from realtime_sync.voice.rules import VoiceState
from realtime_sync.voice.under_way import DueAnswer, UserTurn


def test_a_turn_that_the_drop_cut_is_lost(state: VoiceState) -> None:
    feed(state, session(), speech_started())
    assert state.busy
    assert reports(reconnect(state)) == [TurnLost(item_id="user")]
    assert not state.busy


def test_a_turn_that_could_not_be_restored_is_lost(state: VoiceState) -> None:
    feed(state, session(), speech_started(), speech_stopped())
    assert reconnect(state, "user") == [Report(TurnLost(item_id="user"))]
    assert not state.busy


@pytest.mark.parametrize("came", [(), (delta("r1", "a", 500),)])
def test_no_answer_is_asked_for_to_a_turn_that_is_lost(
    state: VoiceState, came: tuple[ServerEvent, ...]
) -> None:
    feed(state, session(), speech_started(), speech_stopped(), created("r1"), *came)
    known(state).history.keep([message("earlier", "user"), message("answer", "assistant")])
    effects = reconnect(state, "user")
    assert [effect for effect in effects if effect != Silence(())] == [
        Report(TurnLost(item_id="user"))
    ]
    assert not state.busy


def test_what_was_said_before_a_lost_turn_is_still_answered(clock: VirtualClock) -> None:
    state = make_state(ScriptedFacts(), clock, interruptions=False)
    feed(state, session(create_response=False, interrupt_response=False), created("r1"))
    feed(state, speech_started())
    known(state).history.keep([message("earlier", "user")])
    assert reconnect(state, "user") == [Report(TurnLost(item_id="user")), asks(state)]


def message(item_id: str, role: str) -> dict[str, Any]:
    content = [{"type": "input_text" if role == "user" else "output_text", "text": "hello"}]
    return {"type": "message", "id": item_id, "role": role, "content": content}


def test_an_answer_that_was_due_is_asked_for_once(state: VoiceState) -> None:
    feed(state, session(), speech_started(), speech_stopped())
    assert reconnect(state) == [asks(state)]
    assert state.ask_for_owed() == []
    feed(state, created("r1"), done("r1"))
    assert not state.busy


def test_what_was_interrupted_before_it_began_is_forgotten_with_its_link(
    state: VoiceState,
) -> None:
    feed(state, session(), speech_started(), speech_stopped())
    state.interrupt()
    state.silenced({})
    assert reconnect(state) == [asks(state)]
    assert feed(state, created("r1")) == [], "it is not cancelled"


def test_an_answer_of_which_nothing_was_heard_is_asked_for_again(state: VoiceState) -> None:
    feed(state, session(), speech_started(), speech_stopped(), created("r1"))
    assert reconnect(state) == [asks(state)]
    feed(state, created("r2"), delta("r2", "a", 500))
    # What is in the sink would be said twice.
    assert reconnect(state) == [Silence(()), asks(state, 2)]


def test_an_answer_that_was_heard_in_part_plays_out(clock: VirtualClock) -> None:
    state = make_state(ScriptedFacts(), clock, handed_ms=lambda part: 20)
    feed(state, session(), created("r1"), delta("r1", "a", 500), delta("r1", "b", 500))
    assert reconnect(state) == []
    assert not state.busy
    # The server has it as it was heard: nothing is left to be truncated.
    assert feed(state, speech_started()) == [Silence((("a", 0), ("b", 0)))]
    effects = state.silenced({("a", 0): 20, ("b", 0): 0})
    assert acts(effects) == []
    assert reports(effects) == [
        Interrupted(item_id="a", content_index=0, audio_end_ms=20, deleted=())
    ]


def test_what_was_heard_to_its_end_is_not_interrupted(state: VoiceState) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 500), done("r1"))
    reconnect(state)
    feed(state, speech_started())
    assert reports(state.silenced({("a", 0): 490})) == []


def test_what_will_be_said_again_is_not_interrupted(state: VoiceState) -> None:
    feed(state, session(), created("r1"), delta("r1", "a", 500))
    assert reconnect(state)[0] == Silence(())
    assert reports(state.silenced({})) == []


def test_nothing_is_asked_for_where_nothing_is_owed(state: VoiceState) -> None:
    said = {"type": "message", "id": "user", "role": "user", "status": "completed"}
    words = {"content": [{"type": "input_text", "text": "hello"}]}
    feed(state, session(create_response=False), speech_started(), speech_stopped())
    feed(state, event("conversation.item.done", item={**said, **words}))
    assert reconnect(state) == []


def test_outputs_are_answered_over_the_new_link(state: VoiceState) -> None:
    feed(state, session(), created("r1"), call_done("r1", "c1", "time"))
    feed(state, call_done("r1", "c2", "weather"))
    assert state.output_sent("c1") == []
    assert reconnect(state) == []
    assert state.tool_returned("c2", "weather", "5") == [SendToolOutput("c2", "5")]
    assert state.output_sent("c2") == [asks(state)]


def test_the_output_of_a_call_that_was_not_restored_is_dropped(state: VoiceState) -> None:
    feed(state, session(), created("r1"), call_done("r1", "c1", "time"))
    known(state).history.keep([])
    reconnect(state)
    lost = ToolOutputLost(call_id="c1", name="time")
    assert state.tool_returned("c1", "time", "5") == [Report(lost)]
    assert not state.tools_running


def test_a_saying_that_nobody_has_heard_keeps_its_words_and_its_protection(
    clock: VirtualClock,
) -> None:
    state = make_state(ScriptedFacts(), clock, interruptions=Interruptions())
    feed(state, session(create_response=False, interrupt_response=False))
    (create,) = state.say("This call is recorded.", interruptible=False)
    known(state).ask_when_idle({"type": "response.create", "event_id": "voice_create_1"})
    feed(state, created("r1"))
    (again,) = acts(reconnect(state))
    assert isinstance(create, CreateResponse)
    assert again == CreateResponse("voice_create_2", create.response)
    known(state).ask_when_idle({"type": "response.create", "event_id": "voice_create_2"})
    feed(state, created("r2"), delta("r2", "a", 500))
    assert acts(feed(state, speech_started())) == [], "nobody interrupts it"


def test_a_call_that_went_with_its_link_is_remembered_for_a_while(state: VoiceState) -> None:
    for number in range(65):
        feed(state, created(f"r{number}"), call_done(f"r{number}", f"c{number}", "time"))
        known(state).history.keep([])
        reconnect(state)
    assert state.tool_returned("c0", "time", "5") == [SendToolOutput("c0", "5")]
    assert state.tool_returned("c1", "time", "5") != [SendToolOutput("c1", "5")]


# -- one by one ----------------------------------------------------------------------------------


class Parts:
    """What is under way, and the part that settles it."""

    def __init__(self) -> None:
        facts = ScriptedFacts()
        self.turn = UserTurn(item_id="user")
        self.due = DueAnswer()
        self.asks = Asks(facts)
        self.history = facts.history
        self.link = LostLink(
            turn=self.turn,
            due=self.due,
            answers=Answers(
                is_out_of_band=facts.is_out_of_band,
                sound_format=lambda: facts.session_facts.output,
                sink_rate=RATE,
            ),
            asks=self.asks,
            calls=ToolCalls(("time",), declared=lambda: ("time",)),
            history=self.history,
            handed_ms=lambda _: 0,
        )


OUTPUT = {"type": "function_call_output", "id": "output", "call_id": "c1", "output": "5"}


@pytest.mark.parametrize(
    ("last", "owed"),
    [(message("u", "user"), True), (OUTPUT, True), (message("a", "assistant"), False)],
)
def test_without_the_turn_an_answer_is_owed_to_what_stands_before_it(
    last: dict[str, Any], owed: bool
) -> None:
    it = Parts()
    it.turn.speaking = True
    it.history.keep([last])
    assert it.link.settle([], [None]) == [Report(TurnLost(item_id="user"))]
    assert it.asks.owed is owed


def test_the_answer_that_was_due_to_a_lost_turn_is_not() -> None:
    it = Parts()
    it.turn.is_open = it.due.is_due = True
    it.history.keep([message("earlier", "user")])
    assert it.link.settle(["user"], []) == [Report(TurnLost(item_id="user"))]
    assert not it.asks.owed
    assert (it.turn, it.due) == (UserTurn(), DueAnswer())


def test_a_turn_that_was_answered_is_not_lost() -> None:
    it = Parts()
    assert it.link.settle(["user"], []) == []
    assert it.turn.item_id == "user"


def test_what_is_under_way_or_ignored_does_not_answer_a_turn() -> None:
    it = Parts()
    it.turn.is_open = True
    it.history.keep([message("user", "user"), message("cough", "assistant")])
    it.history.ignore("cough")
    running = {"type": "message", "id": "a", "role": "assistant", "status": "in_progress"}
    it.history.receive(event("conversation.item.added", item=running))
    assert it.link.settle([], []) == []
    assert it.asks.owed
    assert not it.turn.is_open
