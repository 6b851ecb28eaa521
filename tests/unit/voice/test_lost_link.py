"""What a lost link leaves of a conversation, and what is asked for over the next one."""

from __future__ import annotations

from typing import Any

import pytest
from guards import VirtualClock
from scripted_voice import (
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

from realtime_sync.events import ServerEvent
from realtime_sync.voice.effects import Report, SendToolOutput, Silence
from realtime_sync.voice.events import Interrupted, ToolOutputLost, TurnLost
from realtime_sync.voice.rules import VoiceState


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def state(clock: VirtualClock) -> VoiceState:
    return make_state(ScriptedFacts(), clock)


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
